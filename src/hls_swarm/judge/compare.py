"""Two runs side by side: what differs, and what of that is more than noise.

Rules:

- What is compared is the steady state of both (the whole run of one that had none), by its histograms.
- Two histograms differ if the largest distance between their cumulative shares (Kolmogorov-Smirnov) is one that chance
  gives in less than one of a thousand pairs: dozens of metrics are looked at at once.
- Requests of one second are alike: they share the origin's weather. So a histogram counts as no more values than its
  window has seconds, however many requests it is of.
- A difference must also matter: 5% of the median or of the P95, and more than a floor of its unit. With enough values
  every two runs differ in something.
- Failures are not noise: their share is compared by counts, with the same floors.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log, sqrt

from hls_swarm.judge.metrics import METRICS, ORIGIN_PREFIX, Better, CounterMetric, RatioMetric
from hls_swarm.judge.report import Report
from hls_swarm.snapshot.origin_metrics import SignalInfo, Unit
from hls_swarm.snapshot.origin_signals import signal_info
from hls_swarm.stats.histogram import Histogram

ALPHA = 0.001
LEAST_RELATIVE = 0.05
LEAST_VALUES = 10
"""Seconds (or values, if fewer) below which nothing can be said of a histogram."""
_LEAST = {Unit.SECONDS: 0.001, Unit.PERCENT: 1.0, Unit.RATIO: 0.001}
_CRITICAL = sqrt(-log(ALPHA / 2) / 2)
_Z = 3.29
"""Standard errors apart at which two shares differ with the same confidence."""
_SIGNAL_BETTER = {
    Unit.PERCENT: Better.LOWER,
    Unit.SECONDS: Better.LOWER,
}
_NOT_COMPARED = frozenset({"viewers_target", "viewers_due", "viewers_starting"})


class Judgement(StrEnum):
    """What a difference is."""

    WORSE = "worse"
    BETTER = "better"
    CHANGED = "changed"  # of a metric that is neither good nor bad
    SAME = "same"
    UNKNOWN = "unknown"  # too few values, or missing in one of the runs


@dataclass(frozen=True)
class Figures:
    """What a view shows of one side."""

    count: float
    mean: float
    p50: float
    p95: float


@dataclass(frozen=True)
class Difference:
    """One metric in two runs.

    Args:
        change: relative, of the median or the P95, whichever moved more; None where the baseline is 0 or unknown.
        distance: of the cumulative shares, 0 to 1; None for a share.
        reason: why nothing can be said; empty otherwise.
    """

    metric: str
    unit: Unit
    baseline: Figures | None
    candidate: Figures | None
    change: float | None
    distance: float | None
    judgement: Judgement
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """A run against its baseline.

    Args:
        caveats: why the comparison may not mean what it seems to: other settings, an invalid run.
    """

    baseline: Report
    candidate: Report
    differences: tuple[Difference, ...]
    caveats: tuple[str, ...]

    def judged(self, *judgements: Judgement) -> tuple[Difference, ...]:
        """The differences of these kinds."""
        return tuple(difference for difference in self.differences if difference.judgement in judgements)

    @property
    def is_worse(self) -> bool:
        """Whether the candidate may not pass: something is worse, or it says nothing at all."""
        return bool(self.judged(Judgement.WORSE)) or self.candidate.summary["verdict"] in {"error", "invalid"}


def compare(baseline: Report, candidate: Report) -> Comparison:
    """Every metric that either run knows."""
    names = [name for name in METRICS if name not in _NOT_COMPARED]
    names += sorted(
        {name for report in (baseline, candidate) for name in report.histograms if name.startswith(ORIGIN_PREFIX)}
    )
    found = []
    for name in names:
        metric = METRICS.get(name)
        if isinstance(metric, CounterMetric):
            if metric.whole is not None:
                found.append(_share(name, baseline, candidate))
        elif isinstance(metric, RatioMetric):
            found.append(_histograms(name, _of_rows(name, baseline), _of_rows(name, candidate), baseline, candidate))
        elif name in baseline.histograms or name in candidate.histograms:
            sides = baseline.histograms.get(name), candidate.histograms.get(name)
            found.append(_histograms(name, *sides, baseline, candidate))
    differences = tuple(difference for difference in found if difference is not None)
    return Comparison(baseline, candidate, differences, caveats(baseline, candidate))


def distance(a: Histogram, b: Histogram) -> float:
    """Kolmogorov and Smirnov's: the largest difference of the cumulative shares, exact to a bucket."""
    share_a = share_b = most = 0.0
    for here, there in _in_order(a, b):
        share_a += here / a.count
        share_b += there / b.count
        most = max(most, abs(share_a - share_b))
    return most


def _in_order(a: Histogram, b: Histogram) -> Iterator[tuple[int, int]]:
    """How many values of each are in each bucket, the least values first."""
    for index in sorted({*a.negatives, *b.negatives}, reverse=True):
        yield a.negatives.get(index, 0), b.negatives.get(index, 0)
    yield a.zeros, b.zeros
    for index in sorted({*a.buckets, *b.buckets}):
        yield a.buckets.get(index, 0), b.buckets.get(index, 0)


def critical_distance(values_a: float, values_b: float) -> float:
    """The distance that chance exceeds with probability `ALPHA`, of so many independent values."""
    return _CRITICAL * sqrt((values_a + values_b) / (values_a * values_b))


def better_of(name: str) -> Better:
    """Which way a metric gets better; of an origin's signals those of use and time, the lower the better."""
    metric = METRICS.get(name)
    if metric is not None:
        return metric.better
    signal = signal_of(name)
    return Better.NEITHER if signal is None else _SIGNAL_BETTER.get(signal.unit, Better.NEITHER)


def unit_of(name: str) -> Unit:
    """The unit of a metric; of a share, a ratio."""
    metric = METRICS.get(name)
    if metric is not None:
        return Unit.RATIO if isinstance(metric, CounterMetric) else metric.unit
    signal = signal_of(name)
    return Unit.COUNT if signal is None else signal.unit


def signal_of(name: str) -> SignalInfo | None:
    """The signal that a metric of the origin is; None of any other metric."""
    return signal_info(name.removeprefix(ORIGIN_PREFIX).partition("@")[0]) if name.startswith(ORIGIN_PREFIX) else None


def caveats(baseline: Report, candidate: Report) -> tuple[str, ...]:
    """Why a comparison may not mean what it seems to."""
    out = []
    for report in (baseline, candidate):
        verdict = report.summary.get("verdict")
        if verdict in {"invalid", "error"}:
            out.append(f"{report.name} is {verdict}: {'; '.join(report.summary.get('reasons', []))}")
        if report.window != "steady":
            out.append(f"{report.name} had no steady state: all of it is compared")
    ignored = {"output", "name", "json", "tui", "metrics", "log_level", "log_format", "threshold", "no_output"}
    before, after = baseline.facts["settings"], candidate.facts["settings"]
    pairs = [(f"--{key.replace('_', '-')}", before, after, key) for key in sorted({*before, *after} - ignored)]
    machines = baseline.facts["machine"], candidate.facts["machine"]
    pairs += [(f"generator's {key}", *machines, key) for key in ("host", "cores")]
    out += [
        f"{words}: {one.get(key, 'unset')} and {other.get(key, 'unset')}"
        for words, one, other, key in pairs
        if one.get(key) != other.get(key)
    ]
    return tuple(out)


def _histograms(
    name: str, a: Histogram | None, b: Histogram | None, baseline: Report, candidate: Report
) -> Difference | None:
    unit = unit_of(name)
    before, after = _figures(a), _figures(b)
    if a is None or b is None or before is None or after is None:
        if before is None and after is None:
            return None
        missing = baseline if before is None else candidate
        reason = f"not known in {missing.name}"
        return Difference(name, unit, before, after, None, None, Judgement.UNKNOWN, reason)
    values = min(a.count, baseline.window_seconds), min(b.count, candidate.window_seconds)
    apart = distance(a, b)
    signal = signal_of(name)
    change, moved = _change(before, after, unit, 0.0 if signal is None else signal.step)
    if min(values) < LEAST_VALUES:
        reason = f"too few values: {min(values):.0f} seconds"
        return Difference(name, unit, before, after, change, apart, Judgement.UNKNOWN, reason)
    judgement = _judgement(name, moved) if apart > critical_distance(*values) else Judgement.SAME
    return Difference(name, unit, before, after, change, apart, judgement)


def _share(name: str, baseline: Report, candidate: Report) -> Difference | None:
    """A share of failures: by counts, of all exchanges of the run."""
    a, b = _counts(name, baseline), _counts(name, candidate)
    if a is None or b is None:
        return None
    (failed_a, all_a), (failed_b, all_b) = a, b
    share_a, share_b = failed_a / all_a, failed_b / all_b
    pooled = (failed_a + failed_b) / (all_a + all_b)
    error = sqrt(pooled * (1 - pooled) * (1 / all_a + 1 / all_b))
    moved = share_b - share_a
    change = moved / share_a if share_a else None
    matters = abs(moved) >= _LEAST[Unit.RATIO] and (change is None or abs(change) >= LEAST_RELATIVE)
    judgement = _judgement(name, moved) if matters and error and abs(moved) / error > _Z else Judgement.SAME
    before, after = Figures(all_a, share_a, share_a, share_a), Figures(all_b, share_b, share_b, share_b)
    return Difference(name, Unit.RATIO, before, after, change, None, judgement)


def _counts(name: str, report: Report) -> tuple[float, float] | None:
    """Failures and all exchanges that ended; None if there were none."""
    objects: Sequence[str] = [
        kind for kind in report.summary.get("requests", {}) if name == "errors" or name == f"{kind}_errors"
    ]
    failed = sum(error["count"] for error in report.summary.get("errors", []) if error["object"] in objects)
    latencies: Mapping[str, Mapping[str, Mapping[str, float]]] = report.summary.get("latency_seconds", {})
    completed = sum(latencies.get(kind, {}).get("download", {}).get("count", 0) for kind in objects)
    return (failed, failed + completed) if failed + completed else None


def _of_rows(name: str, report: Report) -> Histogram | None:
    """What a column of the timeline was in each second of the judged window."""
    histogram = Histogram()
    for row in report.rows:
        if name in row and (report.window == "run" or row.get("phase") == report.window):
            histogram.add(row[name])
    return histogram if histogram.count else None


def _figures(histogram: Histogram | None) -> Figures | None:
    distribution = histogram.distribution() if histogram is not None else None
    if distribution is None:
        return None
    return Figures(distribution.count, distribution.mean, distribution.p50, distribution.p95)


def _change(a: Figures, b: Figures, unit: Unit, step: float) -> tuple[float | None, float]:
    """The relative change that is larger, of the median and of the P95, and how far it moved if that matters.

    Args:
        step: of the clock that measured it: what is less may be anything up to it, so it moved by what is beyond, and
            relative to something unknown.
    """
    pairs = ((a.p50, b.p50), (a.p95, b.p95))
    moves = [(max(after, step) - max(before, step), before, min(before, after) >= step) for before, after in pairs]
    moved, before, known = max(moves, key=lambda move: abs(move[0] / move[1]) if move[1] else abs(move[0]))
    change = moved / before if before and known else None
    matters = abs(moved) >= _LEAST.get(unit, 0.0) and (change is None or abs(change) >= LEAST_RELATIVE)
    return change, moved if matters else 0.0


def _judgement(name: str, moved: float) -> Judgement:
    if not moved:
        return Judgement.SAME
    match better_of(name):
        case Better.NEITHER:
            return Judgement.CHANGED
        case Better.LOWER:
            return Judgement.WORSE if moved > 0 else Judgement.BETTER
        case Better.HIGHER:
            return Judgement.BETTER if moved > 0 else Judgement.WORSE
