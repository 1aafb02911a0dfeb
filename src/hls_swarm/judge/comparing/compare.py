"""Two runs side by side: what differs, what of that is more than noise, and what it means for those who watch.

Rules:

- What is compared is the steady state of both (the whole run of one that had none), without what is void.
- Viewers' metrics judge; those of the generator's machine and of the origin explain, unless they are named.
- Differences are real if chance does not make them (`noise`): of all values as a histogram, which counts as no more
  values than its window has seconds, or of the medians and P95s of its seconds, one after another.
- A difference must also matter: 5% (`--worse-than`) of the median or of the P95, and more than a floor of its unit.
  With enough values every two runs differ in something.
- What the generator's own lateness may have made is in doubt: times that are longer by up to `LATENESS_TIMES` what it
  was later by. If nothing else is worse, the two can not be compared.
- Failures are not noise: their share is compared by counts, with the same floors.
- Against several baselines something is worse only if it is worse than in each of them that can be compared with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from fnmatch import fnmatchcase
from math import sqrt

from hls_swarm.judge.comparing.comparable import Obstacle, Side, lateness_of, obstacles
from hls_swarm.judge.comparing.noise import critical_distance, differ, distance, independent_values
from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX, Better, CounterMetric, DistributionMetric, RatioMetric
from hls_swarm.judge.metrics.table import METRICS
from hls_swarm.judge.report import Report
from hls_swarm.settings.own_signals import OWN_PREFIX
from hls_swarm.snapshot import units
from hls_swarm.snapshot.origin.metrics import SignalInfo, Unit
from hls_swarm.snapshot.origin.signals import SIGNALS, signal_info
from hls_swarm.stats.histogram import Histogram

LEAST_RELATIVE = 0.05
LEAST_VALUES = 10
"""Seconds (or values, if fewer) below which nothing can be said of a histogram."""
LATENESS_TIMES = 3.0
"""A request waits for the event loop more than once: for its turn, for its answer, for its body."""
_LEAST = {Unit.SECONDS: 0.001, Unit.PERCENT: 1.0, Unit.RATIO: 0.001}
_Z = 3.29
"""Standard errors apart at which two shares differ with the same confidence."""
_SIGNAL_BETTER = {
    Unit.PERCENT: Better.LOWER,
    Unit.SECONDS: Better.LOWER,
}
_NOT_COMPARED = frozenset({"viewers_target", "viewers_due", "viewers_starting"})
_EXPLAINS = (
    ORIGIN_PREFIX, "machine_", "generator_", "controller_", "lateness_", "loop_lag_", "segment_throughput_",
)  # fmt: skip
"""Beginnings of the names of metrics that are not the viewers', or say again what another one says: how fast a body is
stands in the download's time, and close by it is bytes by microseconds."""
_OUTPUT_ONLY = frozenset(
    {
        "output", "name", "json", "tui", "metrics", "log_level", "log_format", "threshold", "no_output", "html",
        "junit", "markdown", "csv", "expect", "no_expectations", "generator_limit",
    }
)  # fmt: skip
"""Settings that change nothing of what is measured."""


class Judgement(StrEnum):
    """What a difference is."""

    WORSE = "worse"
    BETTER = "better"
    CHANGED = "changed"  # of a metric that is neither good nor bad
    IN_DOUBT = "in doubt"  # worse, by no more than the generator itself may have made
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
        judges: whether it decides; else it explains, and is never better or worse.
    """

    metric: str
    unit: Unit
    baseline: Figures | None
    candidate: Figures | None
    change: float | None
    distance: float | None
    judgement: Judgement
    reason: str = ""
    judges: bool = True


class Conclusion(StrEnum):
    """What a comparison comes to."""

    WORSE = "worse"
    NOT_WORSE = "not worse"
    NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True)
class Judging:
    """What decides, and from when on.

    Args:
        only: names of the metrics that judge, with `*` for any part; empty for those of the viewers.
        ignore: those that do not, in the same way.
        least_relative: by how much something must move to matter.
    """

    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    least_relative: float = LEAST_RELATIVE

    def judges(self, name: str) -> bool:
        """Whether this metric decides."""
        if _is_one_of(name, self.ignore):
            return False
        return _is_one_of(name, self.only) if self.only else not name.startswith(_EXPLAINS)


@dataclass(frozen=True)
class Comparison:
    """A run against its baseline.

    Args:
        caveats: why the comparison may not mean what it seems to: other settings, no steady state.
        obstacles: why it may mean nothing.
        further: names of other baselines that were looked at too.
    """

    baseline: Report
    candidate: Report
    differences: tuple[Difference, ...]
    caveats: tuple[str, ...]
    obstacles: tuple[Obstacle, ...] = ()
    further: tuple[str, ...] = ()

    def judged(self, *judgements: Judgement) -> tuple[Difference, ...]:
        """The differences of these kinds."""
        return tuple(difference for difference in self.differences if difference.judgement in judgements)

    @property
    def conclusion(self) -> Conclusion:
        """What it comes to."""
        if self.candidate.summary["verdict"] == "error":
            return Conclusion.WORSE
        worse = bool(self.judged(Judgement.WORSE))
        if not worse and self.judged(Judgement.IN_DOUBT):
            return Conclusion.NOT_COMPARABLE
        in_the_way = {Side.EITHER, Side.CANDIDATE if worse else Side.BASELINE}
        if any(obstacle.side in in_the_way for obstacle in self.obstacles):
            return Conclusion.NOT_COMPARABLE
        return Conclusion.WORSE if worse else Conclusion.NOT_WORSE


def compare(baseline: Report, candidate: Report, judging: Judging | None = None) -> Comparison:
    """Every metric that either run knows."""
    judging = judging or Judging()
    names = [name for name in METRICS if name not in _NOT_COMPARED]
    names += sorted(
        {name for report in (baseline, candidate) for name in report.histograms if name.startswith(ORIGIN_PREFIX)}
    )
    found = []
    for name in names:
        metric, least = METRICS.get(name), judging.least_relative
        if isinstance(metric, CounterMetric):
            if metric.whole is not None:
                found.append(_share(name, baseline, candidate, least))
        elif isinstance(metric, RatioMetric):
            sides = _histogram(_series(name, baseline)), _histogram(_series(name, candidate))
            found.append(_histograms(name, *sides, baseline, candidate, least))
        elif name in baseline.histograms or name in candidate.histograms:
            known = baseline.histograms.get(name), candidate.histograms.get(name)
            found.append(_histograms(name, *known, baseline, candidate, least))
    differences = tuple(_of_its_part(difference, judging) for difference in found if difference is not None)
    return Comparison(baseline, candidate, differences, caveats(baseline, candidate), obstacles(baseline, candidate))


def compare_with_all(baselines: Sequence[Report], candidate: Report, judging: Judging | None = None) -> Comparison:
    """The same against several baselines: what one of them has as well is no news.

    Args:
        baselines: at least one. Of those that can not be compared with, none counts if another one can.
    """
    made = [compare(baseline, candidate, judging) for baseline in baselines]
    usable = [one for one in made if one.conclusion is not Conclusion.NOT_COMPARABLE] or made[:1]
    first, others = usable[0], usable[1:]
    differences = list(first.differences)
    for place, difference in enumerate(differences):
        if difference.judgement is not Judgement.WORSE:
            continue
        for other in others:
            same = next((d for d in other.differences if d.metric == difference.metric), None)
            if same is not None and same.judgement is not Judgement.WORSE:
                differences[place] = replace(
                    same, judgement=Judgement.SAME, reason=f"not against {other.baseline.name}"
                )
                break
    further = tuple(one.baseline.name for one in made if one is not first)
    return replace(first, differences=tuple(differences), further=further)


def check_pattern(text: str) -> None:
    """Refuse a name that no metric has.

    Raises:
        ValueError: in words for a person, with near names.
    """
    known = (*METRICS, *(ORIGIN_PREFIX + name for name in SIGNALS))
    if text.startswith(ORIGIN_PREFIX + OWN_PREFIX) or any(_is_one_of(name, (text,)) for name in known):
        return
    near = get_close_matches(text, known, n=3)
    more = f": did you mean {' or '.join(near)}?" if near else ": docs/reference/metrics.md lists all; * is any part"
    raise ValueError(f"there is no metric {text}{more}")


def _is_one_of(name: str, patterns: Sequence[str]) -> bool:
    whole = name.partition("@")[0]
    return any(fnmatchcase(name, pattern) or fnmatchcase(whole, pattern.partition("@")[0]) for pattern in patterns)


def _of_its_part(difference: Difference, judging: Judging) -> Difference:
    if judging.judges(difference.metric):
        return difference
    moved = difference.judgement in {Judgement.WORSE, Judgement.BETTER, Judgement.IN_DOUBT}
    return replace(difference, judges=False, judgement=Judgement.CHANGED if moved else difference.judgement)


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
    out = [f"{report.name} is damaged: {text}" for report in (baseline, candidate) for text in report.damage]
    out += [
        f"{report.name} had no steady state: all of it is compared"
        for report in (baseline, candidate)
        if report.window != "steady"
    ]
    before, after = baseline.facts["settings"], candidate.facts["settings"]
    pairs = [(f"--{key.replace('_', '-')}", before, after, key) for key in sorted({*before, *after} - _OUTPUT_ONLY)]
    pairs.append(("generator's host", baseline.facts["machine"], candidate.facts["machine"], "host"))
    out += [
        f"{words}: {one.get(key, 'unset')} and {other.get(key, 'unset')}"
        for words, one, other, key in pairs
        if one.get(key) != other.get(key)
    ]
    spoken = _http_shares(baseline), _http_shares(candidate)
    if all(spoken) and any(
        abs(spoken[0].get(version, 0.0) - spoken[1].get(version, 0.0)) >= _OTHER_HTTP
        for version in {*spoken[0], *spoken[1]}
    ):
        words = (
            ", ".join(
                f"{units.figure(100 * share, Unit.PERCENT)} over HTTP/{version}" for version, share in one.items()
            )
            for one in spoken
        )
        out.append(f"requests: {' and '.join(words)}")
    return tuple(out)


_OTHER_HTTP = 0.1
"""Share of all requests that must have gone over another version of HTTP to be worth a word."""


def _http_shares(report: Report) -> dict[str, float]:
    """Shares of all requests by version of HTTP; none of a run that did not tell."""
    counts = {version: figures["requests"] for version, figures in report.summary.get("http_versions", {}).items()}
    requests = sum(counts.values())
    return {version: count / requests for version, count in counts.items() if count} if requests else {}


def _histograms(
    name: str,
    a: Histogram | None,
    b: Histogram | None,
    baseline: Report,
    candidate: Report,
    least_relative: float,
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
    step = 0.0 if signal is None else signal.step
    moves = [_Move.of(getattr(before, end), getattr(after, end), step, end) for end in ("p50", "p95")]
    largest = max(moves, key=lambda move: move.size)
    if min(values) < LEAST_VALUES:
        reason = f"too few values: {min(values):.0f} seconds"
        return Difference(name, unit, before, after, largest.change, apart, Judgement.UNKNOWN, reason)
    all_differ = apart > critical_distance(
        min(values[0], _independent(name, baseline)), min(values[1], _independent(name, candidate))
    )
    real = [
        move
        for move in moves
        if move.matters(_LEAST.get(unit, 0.0), least_relative)
        and (all_differ or differ(*(_series(name, report, move.end) for report in (baseline, candidate))))
    ]
    if not real:
        return Difference(name, unit, before, after, largest.change, apart, Judgement.SAME)
    shown = max(real, key=lambda move: move.size)
    judgement, reason = _judgement(name, shown.moved), ""
    doubtful = _made_by_lateness(name, unit, baseline, candidate)
    if judgement is Judgement.WORSE and max(abs(move.moved) for move in real) < doubtful:
        judgement, reason = Judgement.IN_DOUBT, "no more than the generator's own lateness may have made"
    return Difference(name, unit, before, after, shown.change, apart, judgement, reason)


def _made_by_lateness(name: str, unit: Unit, baseline: Report, candidate: Report) -> float:
    """How much of a move may be of the generator's making, because it was later in the second run."""
    if name.startswith(_EXPLAINS):
        return 0.0
    seconds = LATENESS_TIMES * lateness_of(baseline, candidate)
    if name == _RELATIVE_DOWNLOAD:
        whole = _median_segment_seconds(candidate)
        return 0.0 if whole is None else seconds / whole
    return seconds if unit is Unit.SECONDS else 0.0


_RELATIVE_DOWNLOAD = "segment_relative_download"


def _median_segment_seconds(report: Report) -> float | None:
    """How long segments are, as far as their downloads tell."""
    download, relative = (report.histograms.get(name) for name in ("segment_download_seconds", _RELATIVE_DOWNLOAD))
    if download is None or relative is None or not download.count or not relative.count:
        return None
    seconds, share = download.quantile(0.5), relative.quantile(0.5)
    return seconds / share if seconds and share else None


@dataclass(frozen=True)
class _Move:
    """How far a quantile moved.

    Args:
        end: which one.
        change: relative to the baseline; None where that is 0 or not known.
    """

    end: str
    moved: float
    change: float | None

    @classmethod
    def of(cls, before: float, after: float, step: float, end: str) -> "_Move":
        """From one value to another.

        Args:
            step: of the clock that measured it: what is less may be anything up to it, so it moved by what is beyond,
                and relative to something unknown.
        """
        moved = max(after, step) - max(before, step)
        return cls(end, moved, moved / before if before and min(before, after) >= step else None)

    @property
    def size(self) -> float:
        """For the larger one of two."""
        return abs(self.moved if self.change is None else self.change)

    def matters(self, least: float, least_relative: float) -> bool:
        """Whether somebody could feel it."""
        relative = self.change is None or abs(self.change) >= least_relative
        return bool(self.moved) and abs(self.moved) >= least and relative


def _share(name: str, baseline: Report, candidate: Report, least_relative: float) -> Difference | None:
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
    matters = abs(moved) >= _LEAST[Unit.RATIO] and (change is None or abs(change) >= least_relative)
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


def _series(name: str, report: Report, end: str = "p50") -> list[float]:
    """What the seconds of the judged window say of a metric, one after another, without those that are void.

    Args:
        end: which quantile, of a distribution.
    """
    column = f"{name}_{end}" if isinstance(METRICS.get(name), DistributionMetric) else name
    void = [
        (each["from_seconds"], each.get("to_seconds", float("inf")))
        for each in report.summary.get("generator", {}).get("void", [])
    ]
    return [
        row[column]
        for row in report.rows
        if column in row
        and (report.window == "run" or row.get("phase") == report.window)
        and not any(begin < row["elapsed_seconds"] <= end for begin, end in void)
    ]


def _independent(name: str, report: Report) -> float:
    """How many values a metric's seconds are worth; as many as one likes where they are not known."""
    series = _series(name, report)
    return independent_values(series) if series else float("inf")


def _histogram(series: Sequence[float]) -> Histogram | None:
    histogram = Histogram()
    histogram.add_all(series)
    return histogram if histogram.count else None


def _figures(histogram: Histogram | None) -> Figures | None:
    distribution = histogram.distribution() if histogram is not None else None
    if distribution is None:
        return None
    return Figures(distribution.count, distribution.mean, distribution.p50, distribution.p95)


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
