"""Where something would reach its limit: a straight line through the loads that held (the utilisation law).

Rules:

- Use of a resource grows with the load in a straight line until something gives out (Denning and Buzen). So the line of
  the loads that held says where it would reach the whole of it.
- A line counts if it is of three loads or more, which differ enough, and explains four fifths of what it saw.
- It says where to look, and which load to try. It is never the answer.
"""

from collections.abc import Mapping, Sequence

import msgspec

from hls_swarm.capacity.steps import EVIDENCE, Result
from hls_swarm.capacity.trial import Trial
from hls_swarm.capacity.verdict.case import Case, Measure, origin, viewers
from hls_swarm.judge.timeline import Row
from hls_swarm.snapshot.origin.metrics import Unit

LEAST_LOADS = 3
LEAST_R2 = 0.8
_LEAST_SPREAD = 1.5
"""The greatest load of a line by its smallest."""


class Line(msgspec.Struct, frozen=True):
    """A straight line through points; `r2` is the share of their variance that it explains."""

    slope: float
    intercept: float
    r2: float
    points: int

    def reaches(self, value: float) -> float | None:
        """Where it is so high; None if it does not rise."""
        return (value - self.intercept) / self.slope if self.slope > 0 else None


def line_through(points: Mapping[int, float]) -> Line | None:
    """The line of least squares, if it counts as one; else None."""
    if len(points) < LEAST_LOADS or max(points) < _LEAST_SPREAD * max(1, min(points)):
        return None
    mean_x, mean_y = sum(points) / len(points), sum(points.values()) / len(points)
    spread = sum((x - mean_x) ** 2 for x in points)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points.items()) / spread
    whole = sum((y - mean_y) ** 2 for y in points.values())
    if whole <= 0:
        return None
    left = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in points.items())
    r2 = 1 - left / whole
    return Line(slope, mean_y - slope * mean_x, r2, len(points)) if r2 >= LEAST_R2 else None


USED: tuple[tuple[Measure, float], ...] = (
    (origin("cpu_percent", "the processors"), 100.0),
    (origin("cpu_busiest_core_percent", "one CPU core"), 100.0),
    (origin("network_link_percent", "the origin's link"), 100.0),
    (origin("memory_used_percent", "memory"), 100.0),
    (origin("file_descriptors_percent", "file descriptors"), 100.0),
    (origin("conntrack_percent", "connection tracking"), 100.0),
    (origin("disk_busy_percent", "the disk"), 100.0),
)
"""What has a whole of which so much is used."""

_OF_GENERATOR = (
    (viewers("generator_cpu_percent", "the busiest worker", Unit.PERCENT), 90.0),
    (viewers("machine_link_percent", "this machine's link", Unit.PERCENT), 95.0),
)


class Prediction(msgspec.Struct, frozen=True):
    """Where a resource of the origin would be used up.

    Attributes:
        signal: that tells of it, with `origin_` before it.
        where: the machine of the origin.
        viewers: the load at which its line reaches the whole.
        r2, loads: how good the line is.
    """

    signal: str
    resource: str
    where: str
    viewers: float
    r2: float
    loads: int


def prediction(case: Case, measure: Measure, where: str, whole: float = 100.0) -> Prediction | None:
    """Where a measure reaches its whole; None if there is no line that says so."""
    figures = case.by_load(measure, where)
    line = line_through({load: figure for load, figure in figures.items() if figure is not None})
    reached = None if line is None else line.reaches(whole)
    if line is None or reached is None or reached <= 0:
        return None
    return Prediction(measure.signal, measure.title, where, reached, line.r2, line.points)


def predictions(case: Case) -> tuple[Prediction, ...]:
    """Of every resource at every machine of the origin, the nearest limit first."""
    found = (prediction(case, measure, where, whole) for measure, whole in USED for where in case.targets)
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.viewers))


def nearest_limit(trials: Sequence[Trial], rows: Sequence[Row]) -> float | None:
    """The load at which the first resource of the origin would be used up, as far as is known yet."""
    return next((one.viewers for one in predictions(_so_far(trials, rows))), None)


def generator_limit(trials: Sequence[Trial], rows: Sequence[Row]) -> float | None:
    """The same of this machine."""
    case = _so_far(trials, rows)
    found = (prediction(case, measure, "", whole) for measure, whole in _OF_GENERATOR)
    return min((one.viewers for one in found if one is not None), default=None)


def _so_far(trials: Sequence[Trial], rows: Sequence[Row]) -> Case:
    held = [trial.viewers for trial in trials if trial.result is Result.HELD and trial.kind in EVIDENCE]
    return Case(trials, rows, max(held, default=None), None)
