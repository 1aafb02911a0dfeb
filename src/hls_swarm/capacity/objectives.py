"""What viewers must have for a load to count as carried: thresholds, judged over one trial.

Rules:

- An objective is written as a threshold, without `over` and `abort`: it is always of the trial.
- One that nothing was measured of is not known. It neither holds nor fails.
- A trial is lost before its end if no value that could still come would make it hold.
"""

from collections.abc import Sequence
from math import exp2

from hls_swarm.judge.metrics.kinds import CounterMetric, DistributionMetric
from hls_swarm.judge.metrics.table import METRICS
from hls_swarm.judge.thresholds import Threshold, ThresholdError, judge_thresholds, parse_threshold, value_text
from hls_swarm.judge.window import Window
from hls_swarm.snapshot import units
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.stats.histogram import BUCKETS_PER_OCTAVE, Histogram

DEFAULT_OBJECTIVES = (
    "segment_relative_download:p95 < 0.5",
    "waiting_ratio < 1%",
    "rebuffering_ratio < 0.5%",
    "startup_seconds:p95 < 2s",
    "errors:rate < 0.5%",
)
"""A player that needs half the time of a segment regains lost buffer as fast as it lost it. Waiting of 1% costs 5% of
viewing, and viewers leave from 2 s of startup on (Krishnan and Sitaraman 2012). Retries hide errors, and are load."""

FEW_VALUES = 20
"""Below so many values of a distribution, all trials of the load are judged together."""
_EARLIEST_SHARE = 0.2
"""Before so much of a trial is over, nothing is said of the rest."""
_QUANTILE_SLACK = 1.05


def parse_objectives(lines: Sequence[str]) -> tuple[Threshold, ...]:
    """The objectives that these lines say.

    Raises:
        ThresholdError: in words for a person.
    """
    out = []
    for line in lines:
        objective = parse_threshold(line)
        words = objective.text.split()
        if "over" in words or objective.abort:
            raise ThresholdError(f"{objective.text!r}: an objective is always of one trial: leave out over and abort")
        out.append(objective)
    return tuple(out)


def column_of(objective: Threshold) -> str | None:
    """The column of the timeline that says second by second what the objective is about; None if there is none."""
    name, aggregation = objective.metric, objective.aggregation
    match METRICS.get(name):
        case DistributionMetric():
            return f"{name}_{aggregation}" if aggregation in {"p50", "p95", "p99", "max"} else None
        case CounterMetric():
            return f"{name}_{aggregation}" if aggregation in {"rate", "per_second"} else None
        case None:
            return f"{name}@{objective.target}" if objective.target else None
        case _:
            return name


def values_of(objective: Threshold, window: Window) -> int | None:
    """How many values a distribution has; None of what is no distribution."""
    if not isinstance(METRICS.get(objective.metric), DistributionMetric):
        return None
    histogram = window.distribution(objective.metric)
    return 0 if histogram is None else histogram.count


def shown_value(objective: Threshold, value: float) -> str:
    """A value as a person reads it: `0.18` beside `< 0.5`, `1.30%` beside `< 1%`, `2.01 s` beside `< 2s`."""
    match objective.unit:
        case Unit.RATIO if "%" not in objective.text:
            return f"{round(value, 3):.3g}"
        case Unit.RATIO:
            return units.percent(round(100 * value, 2))
        case Unit.SECONDS:
            return units.seconds(value)
        case _:
            return value_text(value, objective.unit)


def value_over(objective: Threshold, window: Window) -> float | None:
    """What the objective is about, over a window; of several machines of the origin the worst. None if unknown."""
    return judge_thresholds((objective,), window, window)[0].value


def held_over(objective: Threshold, window: Window) -> bool | None:
    """Whether it held over a window; None if that is not known."""
    result = judge_thresholds((objective,), window, window)[0]
    return None if result.value is None else result.held


def cannot_hold(objective: Threshold, window: Window, share: float) -> bool:
    """Whether a trial can not hold any more.

    Args:
        window: what was measured so far.
        share: of the trial that this is, more than 0.
    """
    if share < _EARLIEST_SHARE or objective.operator in {">", ">="}:
        return False
    match METRICS.get(objective.metric):
        case DistributionMetric():
            histogram = window.distribution(objective.metric)
            if histogram is None or not objective.aggregation.startswith("p"):
                return False
            allowed = 1 - float(objective.aggregation[1:]) / 100
            return above(histogram, objective.limit) > _QUANTILE_SLACK * allowed * histogram.count / share
        case CounterMetric():
            rate = window.rate(objective.metric) if objective.aggregation == "rate" else None
            return rate is not None and rate * share >= objective.limit
        case None:
            return False
        case _:
            ratio = window.ratio(objective.metric)
            return ratio is not None and ratio * share >= objective.limit


def above(histogram: Histogram, limit: float) -> int:
    """How many values are surely above a limit: those in buckets that begin there or later."""
    return sum(count for index, count in histogram.buckets.items() if exp2((index - 1) / BUCKETS_PER_OCTAVE) >= limit)
