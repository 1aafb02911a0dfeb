"""What a metric is: the shapes that timeline, thresholds, comparison and report share.

Rules:

- A distribution is read as a cumulative histogram, a counter as a cumulative number: what happened in a second, in the
  steady state or in the whole run is the difference of two of them, exactly.
- A gauge is read once a second; over a time it is the distribution of these readings.
- A ratio is the difference of one cumulative number by that of another: never an average of ratios.
- Unknown is None. A distribution that is empty is not known.
- The origin's signals are gauges named `origin_` and the signal, one for each target: see `snapshot.origin.signals`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.stats.histogram import Histogram

ORIGIN_PREFIX = "origin_"


class Better(StrEnum):
    """Which way a metric moves when things get better."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True)
class DistributionMetric:
    """Something that happens many times, each with a value: its cumulative histogram."""

    name: str
    unit: Unit
    help: str
    read: Callable[[Moment], Histogram | None]
    better: Better = Better.LOWER


@dataclass(frozen=True)
class CounterMetric:
    """Something that is counted. Where a `whole` is read too, the counter has a rate: its share of that."""

    name: str
    unit: Unit
    help: str
    read: Callable[[Moment], float]
    better: Better = Better.NEITHER
    whole: Callable[[Moment], float] | None = None


@dataclass(frozen=True)
class GaugeMetric:
    """Something that is so much now; None where it is not known."""

    name: str
    unit: Unit
    help: str
    read: Callable[[Moment], float | None]
    better: Better = Better.NEITHER


@dataclass(frozen=True)
class RatioMetric:
    """One cumulative number by another."""

    name: str
    unit: Unit
    help: str
    part: Callable[[Moment], float]
    whole: Callable[[Moment], float]
    better: Better = Better.LOWER


Metric = DistributionMetric | CounterMetric | GaugeMetric | RatioMetric
