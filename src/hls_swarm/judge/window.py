"""What a run's metrics were over a time: over the whole run, or over its steady state.

Rules:

- A `Second` is what happened between two moments. A window is the sum of its seconds; histograms merge exactly.
- Over the whole run, distributions are the cumulative ones themselves, so that their maximum is the exact one.
- Gauges count the moments at which viewers run: not the one after the last viewer was stopped.
- A reading of the origin counts if it is younger than the window.
- The steady state is every second that begins and ends in the phase `steady`, and what was still under way at the end;
  the first second only if no viewer started in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hls_swarm.judge.metrics.counters import COUNTERS
from hls_swarm.judge.metrics.distributions import DISTRIBUTIONS
from hls_swarm.judge.metrics.gauges import GAUGES
from hls_swarm.judge.metrics.ratios import RATIOS
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin.tally import OriginTally
from hls_swarm.snapshot.snapshot import Phase
from hls_swarm.stats.histogram import Histogram

_NOTHING = Histogram()


@dataclass(frozen=True)
class Second:
    """What happened between two moments that follow each other; the first one's is since the start of the run.

    Args:
        seconds: how long it was; None for the first, which begins before the run does.
        distributions: by name of the metric; what did not happen is absent.
        counts: by name of the metric.
        wholes: of counters that have a rate: what they are a share of.
        parts: of ratios: part and whole.
        gauges: by name of the metric, as they are at its end; what is not known is absent.
    """

    seconds: float | None
    distributions: Mapping[str, Histogram]
    counts: Mapping[str, float]
    wholes: Mapping[str, float]
    parts: Mapping[str, tuple[float, float]]
    gauges: Mapping[str, float]


def second_between(before: Moment | None, now: Moment) -> Second:
    """What happened after `before`, or since the start of the run."""
    distributions = {}
    for distribution in DISTRIBUTIONS:
        histogram = distribution.read(now)
        if histogram is None:
            continue
        earlier = (distribution.read(before) if before is not None else None) or _NOTHING
        if histogram.count > earlier.count:
            distributions[distribution.name] = histogram.since(earlier)
    counts, wholes = {}, {}
    for counter in COUNTERS:
        counts[counter.name] = counter.read(now) - (counter.read(before) if before is not None else 0)
        if counter.whole is not None:
            wholes[counter.name] = counter.whole(now) - (counter.whole(before) if before is not None else 0)
    parts = {}
    for ratio in RATIOS:
        part, whole = ratio.part(now), ratio.whole(now)
        if before is not None:
            # Sums of running time are floats: a difference may be -1e-12.
            part, whole = max(0.0, part - ratio.part(before)), max(0.0, whole - ratio.whole(before))
        parts[ratio.name] = (part, whole)
    gauges = {gauge.name: gauge.read(now) for gauge in GAUGES}
    passed = None if before is None else now.snapshot.at - before.snapshot.at
    return Second(
        seconds=passed if passed is not None and passed > 0 else None,
        distributions=distributions,
        counts=counts,
        wholes=wholes,
        parts=parts,
        gauges={name: value for name, value in gauges.items() if value is not None},
    )


class Window:
    """The sum of some of a run's seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.origin = OriginTally()
        self._distributions: dict[str, Histogram] = {}
        self._counts: dict[str, float] = {}
        self._wholes: dict[str, float] = {}
        self._parts: dict[str, tuple[float, float]] = {}
        self._gauges: dict[str, Histogram] = {}

    def add(self, second: Second, now: Moment) -> None:
        """One more second, which ends at `now`."""
        elapsed = now.snapshot.elapsed_seconds
        if not self.seconds and second.seconds is not None:
            self.origin = OriginTally(now.snapshot.at - second.seconds)
        self.seconds += second.seconds if second.seconds is not None else elapsed
        self._add_distributions(second, now)
        for name, count in second.counts.items():
            self._counts[name] = self._counts.get(name, 0) + count
        for name, whole in second.wholes.items():
            self._wholes[name] = self._wholes.get(name, 0) + whole
        for name, (part, whole) in second.parts.items():
            parts, wholes = self._parts.get(name, (0.0, 0.0))
            self._parts[name] = (parts + part, wholes + whole)
        if now.snapshot.phase not in {Phase.DRAINING, Phase.FINISHED}:
            for name, value in second.gauges.items():
                self._gauges.setdefault(name, Histogram()).add(value)
            if now.snapshot.origin is not None:
                self.origin.add(now.snapshot.origin)

    def distribution(self, name: str) -> Histogram | None:
        """All values of a distribution; None if there is none."""
        return self._distributions.get(name)

    def gauge(self, name: str) -> Histogram | None:
        """A gauge's readings; None if it was never known."""
        return self._gauges.get(name)

    def count(self, name: str) -> float | None:
        """How much a counter rose; None before the first second."""
        return self._counts.get(name)

    def rate(self, name: str) -> float | None:
        """A counter's share of its whole; None if the whole is nothing."""
        whole = self._wholes.get(name)
        return self._counts.get(name, 0) / whole if whole else None

    def ratio(self, name: str) -> float | None:
        """A ratio; None if its whole is nothing."""
        part, whole = self._parts.get(name, (0.0, 0.0))
        return part / whole if whole > 0 else None

    def part(self, name: str) -> tuple[float, float] | None:
        """Part and whole of a ratio; None before the first second."""
        return self._parts.get(name)

    def merge(self, other: "Window") -> None:
        """Add the seconds of another window of the same run; the origin's signals stay this one's."""
        self.seconds += other.seconds
        for mine, theirs in ((self._distributions, other._distributions), (self._gauges, other._gauges)):
            for name, histogram in theirs.items():
                mine.setdefault(name, Histogram()).merge(histogram)
        for sums, others in ((self._counts, other._counts), (self._wholes, other._wholes)):
            for name, value in others.items():
                sums[name] = sums.get(name, 0) + value
        for name, (part, whole) in other._parts.items():
            parts, wholes = self._parts.get(name, (0.0, 0.0))
            self._parts[name] = (parts + part, wholes + whole)

    def histograms(self) -> dict[str, Histogram]:
        """Every distribution, gauge and origin signal, for a comparison; a signal's name ends in `@` and the target."""
        out = {**self._gauges, **self._distributions}
        for target in self.origin.targets():
            for signal, histogram in self.origin.histograms(target).items():
                out[f"origin_{signal}@{target}"] = histogram
        return {name: histogram for name, histogram in out.items() if histogram.count}

    def _add_distributions(self, second: Second, now: Moment) -> None:  # noqa: ARG002 - the whole run takes `now` instead
        for name, histogram in second.distributions.items():
            self._distributions.setdefault(name, Histogram()).merge(histogram)


class WholeRun(Window):
    """Every second of a run."""

    def _add_distributions(self, second: Second, now: Moment) -> None:  # noqa: ARG002 - the cumulative ones are exact
        for metric in DISTRIBUTIONS:
            histogram = metric.read(now)
            if histogram is not None and histogram.count:
                self._distributions[metric.name] = histogram
