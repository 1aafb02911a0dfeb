"""The rolling window: values of the last seconds, and their percentiles."""

from collections import deque
from math import ceil

import msgspec


class WindowFigures(msgspec.Struct, frozen=True, gc=False):
    """P50, P95 and maximum of a window; each is a value that was measured (nearest rank)."""

    count: int
    p50: float
    p95: float
    max: float


class Window:
    """Values with the instants at which they became known.

    Args:
        seconds: how long a value stays.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._values: deque[tuple[float, float]] = deque()

    def add(self, value: float, at: float) -> None:
        """Take in one value."""
        self._values.append((at, value))

    def figures(self, now: float) -> WindowFigures | None:
        """Figures of what is not older than the window; None if that is nothing."""
        while self._values and self._values[0][0] <= now - self._seconds:
            self._values.popleft()
        if not self._values:
            return None
        values = sorted(value for _, value in self._values)
        count = len(values)
        return WindowFigures(count, values[ceil(0.5 * count) - 1], values[ceil(0.95 * count) - 1], values[-1])
