"""The origin over a whole run: distributions of its signals for summary, report and thresholds.

Rules:

- Each scrape counts once, however often its metrics are looked at. What is unknown or stale does not count.
- Quantiles of a request time over the run come from the buckets the origin counted meanwhile, never from averaging or
  maximising the quantiles of the intervals.
- Begin one when the steady state begins: what was counted before the first `add` is not in it.
"""

from collections.abc import Mapping
from math import inf

import msgspec

from hls_swarm.snapshot.origin.metrics import BucketCounts, OriginMetrics, TargetMetrics
from hls_swarm.snapshot.origin.signals import SIGNALS, signal_info, step_of
from hls_swarm.stats.histogram import Distribution, Histogram

QUANTILES: Mapping[str, float] = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class TargetSummary(msgspec.Struct, frozen=True):
    """One machine of the origin over the run.

    Attributes:
        signals: by name, in the order of drawing. Without signals that are quantiles themselves: a mean of quantiles
            would mean nothing.
        quantiles: by name of the histogram, `p50`, `p95` and `p99` of all it counted.
    """

    target: str
    signals: Mapping[str, Distribution]
    quantiles: Mapping[str, Mapping[str, float]]

    def json_object(self) -> dict[str, object]:
        """An element of `origin` in the JSON summary; what is not known is left out.

        Of a figure that is below its clock's step, the step is given under its name with `_below`.
        """
        parts: dict[str, object] = {"target": self.target}
        for name, figures in {**msgspec.to_builtins(self.signals), **self.quantiles}.items():
            parts[name] = dict(_known(figure, value, step_of(name)) for figure, value in figures.items())
        return parts


def _known(figure: str, value: float, step: float) -> tuple[str, float]:
    """A figure by its name, or by that of what it is below."""
    return (figure, value) if figure == "count" or value >= step else (f"{figure}_below", step)


class OriginTally:
    """Takes in the origin's metrics as they come; memory is bounded by the number of signals, not by time.

    Args:
        since: monotonic instant; what was read before it is not counted.
    """

    def __init__(self, since: float = -inf) -> None:
        self._since = since
        self._targets: dict[str, _TargetTally] = {}

    def add(self, metrics: OriginMetrics) -> None:
        """Take in what is known now."""
        for target in metrics.targets:
            tally = self._targets.get(target.target)
            if tally is None:
                tally = self._targets[target.target] = _TargetTally(target, self._since)
            tally.add(target)

    def targets(self) -> tuple[str, ...]:
        """The targets seen, in their order."""
        return tuple(self._targets)

    def distribution(self, target: str, signal: str) -> Distribution | None:
        """What a signal of a target was over the run; None if it was never known."""
        tally = self._targets.get(target)
        return None if tally is None else tally.distribution(signal)

    def histograms(self, target: str) -> Mapping[str, Histogram]:
        """The values that each signal of a target had over the run, by name; what was never known is absent."""
        tally = self._targets.get(target)
        return {} if tally is None else tally.values

    def quantiles(self, target: str, histogram: str) -> Mapping[str, float] | None:
        """Quantiles of what a histogram of a target counted over the run; None if that is nothing."""
        tally = self._targets.get(target)
        return None if tally is None else tally.quantiles(histogram)

    def summary(self) -> tuple[TargetSummary, ...]:
        """All targets."""
        return tuple(
            TargetSummary(name, tally.signals(), tally.all_quantiles()) for name, tally in self._targets.items()
        )


class _TargetTally:
    def __init__(self, first: TargetMetrics, since: float) -> None:
        self._since = since
        self._seen: dict[str, float] = {}
        self._values: dict[str, Histogram] = {}
        self._baseline: dict[str, BucketCounts] = dict(first.histograms)
        self._latest: dict[str, BucketCounts] = dict(first.histograms)

    def add(self, target: TargetMetrics) -> None:
        for name, reading in target.readings.items():
            if reading.value is None or reading.at is None or reading.stale or self._seen.get(name) == reading.at:
                continue
            if reading.at < self._since:
                continue
            self._seen[name] = reading.at
            values = self._values.get(name)
            if values is None:
                values = self._values[name] = Histogram()
            values.add(reading.value)
        self._latest.update(target.histograms)

    @property
    def values(self) -> Mapping[str, Histogram]:
        return self._values

    def distribution(self, signal: str) -> Distribution | None:
        values = self._values.get(signal)
        return None if values is None else values.distribution()

    def signals(self) -> dict[str, Distribution]:
        found = {}
        own = [name for name in self._values if name not in SIGNALS]
        for name in (*SIGNALS, *own):
            info = signal_info(name)
            distribution = None if info is None or info.quantile_of else self.distribution(name)
            if distribution is not None:
                found[name] = distribution
        return found

    def quantiles(self, histogram: str) -> Mapping[str, float] | None:
        latest = self._latest.get(histogram)
        if latest is None:
            return None
        counted = latest.since(self._baseline.get(histogram))
        values = {name: counted.quantile(q) for name, q in QUANTILES.items()}
        known = {name: value for name, value in values.items() if value is not None}
        return known or None

    def all_quantiles(self) -> dict[str, Mapping[str, float]]:
        found = {name: self.quantiles(name) for name in self._latest}
        return {name: values for name, values in found.items() if values is not None}
