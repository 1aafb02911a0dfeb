"""The last seconds of a timeline, and what was before them: all that a rule may look at.

Rules:

- Memory is bounded: rows of the last `KEPT_SECONDS`, and a histogram of each signal that is compared with before.
- What a row does not say is not known: it is never 0, and never "as it was".
- Time is what rows say: a row that came late is a long second, not a missing one.
- A counter's rise is the difference of two totals, so a row that was never written loses nothing.
"""

from collections import deque
from collections.abc import Iterable

from hls_swarm.judge.timeline import Row
from hls_swarm.stats.histogram import Histogram

KEPT_SECONDS = 15.0
LEAST_BEFORE = 5
"""Values that must be known of the time before for anything to be compared with it."""
LEAST_ROWS = 2
_SLACK = 0.5
"""Rows come at whole seconds, more or less."""


class Recent:
    """Takes in one row after another.

    Args:
        compared: columns, without `@` and what follows, whose past is kept.
    """

    def __init__(self, compared: Iterable[str] = ()) -> None:
        self._rows: deque[Row] = deque()
        self._left: Row | None = None  # the newest row that is not kept any more
        self._compared = frozenset(compared)
        self._before: dict[str, Histogram] = {}

    @property
    def now(self) -> float:
        """The end of the newest row, in seconds since the start of the run."""
        return float(self._rows[-1]["elapsed_seconds"]) if self._rows else 0.0

    @property
    def second_began(self) -> float:
        """The beginning of the newest row's time: the end of the one before it."""
        return float(self._rows[-2]["elapsed_seconds"]) if len(self._rows) > 1 else 0.0

    def add(self, row: Row) -> None:
        """Take in the next row."""
        self._rows.append(row)
        while float(self._rows[0]["elapsed_seconds"]) < self.now - KEPT_SECONDS:
            self._left = self._rows.popleft()
            self._remember(self._left)

    def last(self, column: str) -> float | None:
        """What the newest row says."""
        return _number(self._rows[-1], column) if self._rows else None

    def values(self, column: str, seconds: float) -> list[float]:
        """What the rows of the last seconds say, in their order."""
        since = self.now - seconds + _SLACK
        found = (_number(row, column) for row in self._rows if float(row["elapsed_seconds"]) > since)
        return [value for value in found if value is not None]

    def mean(self, column: str, seconds: float) -> float | None:
        """Over the last seconds; None unless at least half of them and the newest say something."""
        values = self.values(column, seconds)
        if self.last(column) is None or len(values) < min(seconds, self.now) / 2:
            return None
        return sum(values) / len(values)

    def median(self, column: str, seconds: float) -> float | None:
        """Of the rows of the last seconds in which it happened; None if these are fewer than `LEAST_ROWS`.

        Viewers that stall together load together, and in the seconds between nothing is loaded at all.
        """
        values = sorted(self.values(column, seconds))
        return None if len(values) < LEAST_ROWS else values[len(values) // 2]

    def median_quotient(self, part: str, whole: str, seconds: float) -> float | None:
        """The median of one by another, of the rows of the last seconds that say both; None if these are too few."""
        since = self.now - seconds + _SLACK
        pairs = [
            (_number(row, part), _number(row, whole)) for row in self._rows if float(row["elapsed_seconds"]) > since
        ]
        quotients = sorted(a / b for a, b in pairs if a is not None and b)
        return None if len(quotients) < LEAST_ROWS else quotients[len(quotients) // 2]

    def most(self, column: str, seconds: float) -> float | None:
        """The greatest of the last seconds."""
        return max(self.values(column, seconds), default=None)

    def rise(self, counter: str, seconds: float, where: str = "") -> float | None:
        """How much a counter rose in the last seconds; of one that came up meanwhile, all of it.

        Args:
            where: the part of the counter, which stands behind `@`.
        """
        column = f"{counter}_total@{where}" if where else f"{counter}_total"
        total = self.last(column)
        if total is None:
            return None
        return max(0.0, total - (self._at(column, self.now - seconds + _SLACK) or 0.0))

    def before(self, column: str) -> float | None:
        """The median of what was said earlier than the rows that are kept; None if that is too little."""
        histogram = self._before.get(column)
        return None if histogram is None or histogram.count < LEAST_BEFORE else histogram.quantile(0.5)

    def places(self, column: str) -> tuple[str, ...]:
        """What stands behind the `@` of a column, in the newest row."""
        start = f"{column}@"
        return tuple(
            name.removeprefix(start) for name in (self._rows[-1] if self._rows else ()) if name.startswith(start)
        )

    def _at(self, column: str, instant: float) -> float | None:
        """What the newest row up to an instant said."""
        for row in reversed(self._rows):
            if float(row["elapsed_seconds"]) <= instant:
                return _number(row, column)
        return None if self._left is None else _number(self._left, column)

    def _remember(self, row: Row) -> None:
        for column in row:
            if column.partition("@")[0] in self._compared:
                value = _number(row, column)
                if value is not None:
                    self._before.setdefault(column, Histogram()).add(value)


def _number(row: Row, column: str) -> float | None:
    value = row.get(column)
    return None if value is None or isinstance(value, str) else float(value)
