"""What is kept of a run for who comes to look: the points of its charts and its events, bounded for any length.

Rules:

- All columns share one axis of equal steps. When it is full, two steps become one, whose value is the greater of the
  two: a peak stays, as in a report. The page does the same with what it keeps (`live.js`) when it is told the step.
- The more columns there are, the fewer points each has: all numbers together are bounded too.
- A step without a value is None.
"""

from array import array
from collections import deque
from collections.abc import Iterable, Mapping
from math import ceil, floor, isnan, nan

from hls_swarm.judge.events import Event, EventKind

MOST_POINTS, LEAST_POINTS = 1800, 60
MOST_NUMBERS = 300_000
"""Of all columns: 2.4 MB here, at most as much as JSON."""


MOST_EVENTS = 400
"""Of phases, and of all others."""


class History:
    """Points of columns over time.

    Attributes:
        first: instant of the first point.
        step: seconds from one point to the next.
    """

    def __init__(self, most: int = MOST_POINTS) -> None:
        self.first, self.step = 0.0, 1.0
        self._most, self._count = most, 0
        self._columns: dict[str, array[float]] = {}

    def __len__(self) -> int:
        """Points of the axis."""
        return self._count

    @property
    def instants(self) -> list[float]:
        """The axis."""
        return [round(self.first + number * self.step, 3) for number in range(self._count)]

    def add(self, at: float, values: Mapping[str, float]) -> None:
        """Take in what was so at `at`, which is not before the last instant."""
        if not self._count:
            self.first = at
        for name in values:
            if name not in self._columns:
                self._columns[name] = array("d", [nan]) * self._count
        most = max(LEAST_POINTS, min(self._most, MOST_NUMBERS // max(1, len(self._columns))))
        while self._count > most or self._number(at) >= most:
            self._fold()
        number = max(self._number(at), self._count - 1)
        self._grow(number + 1)
        for name, value in values.items():
            points = self._columns[name]
            before = points[number]
            if isnan(before) or value > before:
                points[number] = value

    def points(self, name: str) -> list[float | None]:
        """The values of a column; all None if it has none."""
        points = self._columns.get(name)
        if points is None:
            return [None] * self._count
        return [None if isnan(value) else value for value in points]

    def recent(self, name: str, seconds: int) -> list[float | None]:
        """The last values of a column as if each second had one: a longer step's stands for each of its seconds."""
        times = round(self.step)
        points = self.points(name)[-ceil(seconds / times) :]
        return [value for value in points for _ in range(times)][-seconds:]

    def _number(self, at: float) -> int:
        """The step of an instant; rows are a second apart, give or take some milliseconds."""
        return floor((at - self.first + 0.5) / self.step)

    def _grow(self, count: int) -> None:
        more = count - self._count
        if more > 0:
            self._count = count
            for points in self._columns.values():
                points.extend([nan] * more)

    def _fold(self) -> None:
        self.step *= 2
        self._count = (self._count + 1) // 2
        for name, points in self._columns.items():
            pairs = zip(points[::2], [*points[1::2], nan], strict=False)
            self._columns[name] = array("d", [_greater(one, other) for one, other in pairs])


def _greater(one: float, other: float) -> float:
    if isnan(one):
        return other
    return one if isnan(other) else max(one, other)


class EventLog:
    """The events of a run that goes on, bounded: the newest phases, and the newest of all others."""

    def __init__(self) -> None:
        self._phases: deque[Event] = deque(maxlen=MOST_EVENTS)
        self._others: deque[Event] = deque(maxlen=MOST_EVENTS)

    def add(self, events: Iterable[Event]) -> None:
        """Keep these."""
        for event in events:
            (self._phases if event.kind is EventKind.PHASE else self._others).append(event)

    @property
    def all(self) -> list[Event]:
        """In the order of time."""
        return sorted((*self._phases, *self._others), key=lambda event: event.elapsed_seconds)
