"""Requests that wait for what is not there yet: a playlist that has moved on, a part that was hinted at.

A request that waits costs an entry in a list and no timer: what is published wakes those that waited for it, and those
that have waited for too long are looked for at the same time (503, 8216bis 6.2.5.2).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

Wake = Callable[[bool], None]
"""Called once: whether the wait was in vain."""


@dataclass(slots=True)
class Shelf:
    """What waits for one track.

    Attributes:
        waiting: segment and part, when it has been too long by the loop's clock, and whom to wake.
    """

    waiting: list[tuple[tuple[int, int | None], float, Wake]] = field(default_factory=list)

    def release(self, has: Callable[[int, int | None], bool], now: float) -> None:
        """Wake those that waited for what is there now, and those that waited for too long."""
        waiting, self.waiting = self.waiting, []
        kept: list[tuple[tuple[int, int | None], float, Wake]] = []
        woken: list[tuple[Wake, bool]] = []
        for each in waiting:
            wanted, deadline, wake = each
            if has(*wanted):
                woken.append((wake, False))
            elif deadline <= now:
                woken.append((wake, True))
            else:
                kept.append(each)
        self.waiting = kept
        for wake, in_vain in woken:
            wake(in_vain)


@dataclass(frozen=True, slots=True)
class Held:
    """A request that is not answered yet.

    Attributes:
        wanted: segment, and part of it.
        deadline: when it is answered all the same, by the loop's clock.
    """

    shelf: Shelf
    wanted: tuple[int, int | None]
    deadline: float

    def keep(self, wake: Wake) -> None:
        """Call back when it can be answered, or has waited for too long."""
        self.shelf.waiting.append((self.wanted, self.deadline, wake))
