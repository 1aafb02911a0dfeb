"""Requests that wait for what is not there yet: a playlist that has moved on, a part that was hinted at.

A request that waits costs an entry in a list and no timer. Those that wait for the same thing stand in one line: what
is published is looked at once for each line, however long it is, and wakes all of it; those that have waited for too
long are looked for at the same time (503, 8216bis 6.2.5.2).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

Wake = Callable[[bool], None]
"""Called once: whether the wait was in vain."""
Wanted = tuple[int, int | None]
"""Segment, and part of it."""


@dataclass(slots=True)
class Shelf:
    """What waits for one track.

    Attributes:
        waiting: for each thing that is waited for, when it has been too long by the loop's clock and whom to wake, in
            the order in which they came, which is that of their deadlines.
    """

    waiting: dict[Wanted, list[tuple[float, Wake]]] = field(default_factory=dict)

    def take(self, has: Callable[[int, int | None], bool], now: float) -> list[tuple[Wake, bool]]:
        """Those that waited for what is there now, or for too long: whom to wake in this order, and whether in vain."""
        woken: list[tuple[list[tuple[float, Wake]], bool]] = []
        for wanted, line in tuple(self.waiting.items()):
            if has(*wanted):
                woken.append((self.waiting.pop(wanted), False))
            elif line[0][0] <= now:
                late = sum(1 for deadline, _ in line if deadline <= now)
                woken.append((line[:late], True))
                if late == len(line):
                    del self.waiting[wanted]
                else:
                    del line[:late]
        return [(wake, in_vain) for line, in_vain in woken for _, wake in line]


@dataclass(frozen=True, slots=True)
class Held:
    """A request that is not answered yet.

    Attributes:
        wanted: segment, and part of it.
        deadline: when it is answered all the same, by the loop's clock; no earlier than that of one before it.
    """

    shelf: Shelf
    wanted: Wanted
    deadline: float

    def keep(self, wake: Wake) -> None:
        """Call back when it can be answered, or has waited for too long."""
        self.shelf.waiting.setdefault(self.wanted, []).append((self.deadline, wake))
