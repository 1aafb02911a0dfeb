"""How the clock of another machine stands to ours, from questions and answers (pure).

Rules:

- Of all exchanges kept, the one with the shortest round trip says most: their clock was read between question and
  answer, so its offset is wrong by half its round trip at most (Cristian, 1989).
- Clocks drift apart: exchanges older than `KEPT_SECONDS` are forgotten, as soon as there is a newer one.
"""

from collections import deque
from dataclasses import dataclass

FIRST_EXCHANGES = 10
"""Before the start."""
EXCHANGE_EVERY_SECONDS = 5.0
KEPT_SECONDS = 120.0


@dataclass(frozen=True)
class Offset:
    """What our clock shows more than theirs, and by how much that may be wrong, in seconds."""

    seconds: float
    error_seconds: float


class ClockOffset:
    """Follows the offset of one machine's clock."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Offset]] = deque()
        self._best: Offset | None = None

    @property
    def best(self) -> Offset | None:
        """The most certain of the offsets kept; None before the first exchange."""
        return self._best

    def add(self, asked_at: float, theirs: float, answered_at: float) -> None:
        """Take in an exchange: by our clock, when it was asked and answered; by theirs, when it was read between."""
        kept = self._kept
        kept.append((answered_at, Offset((asked_at + answered_at) / 2 - theirs, max(0.0, answered_at - asked_at) / 2)))
        while answered_at - kept[0][0] > KEPT_SECONDS:
            kept.popleft()
        self._best = min((offset for _, offset in kept), key=lambda offset: offset.error_seconds)
