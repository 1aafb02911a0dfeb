"""A viewer's link: how many bytes have come through it by now. Pure.

Rules:

- All connections of a viewer share it. Each takes what has come through since anybody took last.
- What is not used while nobody waits for bytes is lost, as on a real link.
- What comes late, because this machine or the origin was late, is at most what the receive buffer holds.
- A tick is how long bytes are left in the buffer: long enough that a transfer takes few of them, short enough that the
  origin sees about the link's time. The kernel doubles what SO_RCVBUF asks for, and of that a bit more than a tick's
  bytes have room; where less has, ticks come sooner.
"""

import math

from hls_swarm.load.access import Rate

TICK_SECONDS = 0.25
LEAST_PIECE_BYTES = 16 << 10
"""Less than this is taken only if it is the rest: a record of TLS is as large."""
_BUFFER_SHARE = 0.56
"""Of a tick's bytes, what is asked of SO_RCVBUF."""
_LEAST_BUFFER_BYTES = math.ceil(LEAST_PIECE_BYTES * _BUFFER_SHARE)
"""A tick that brings less than the least piece would be followed by looks in vain until that is due."""
_MOST_BUFFER_BYTES = 2 << 20
LEAST_PAUSE_SECONDS = 0.01
"""After less has come than was due: an origin that is slower than the link wakes nobody for each packet."""
_MOST_WAIT_SECONDS = 60.0
"""A trace may stand still for longer: then it is looked at again."""
_TICKS_A_SECOND = 100
"""So often a second somebody's ticks come: most of what a tick costs is a process that has left the caches."""


def together(at: float) -> float:
    """When to tick instead of at this instant, so that many viewers' ticks are one wake-up: up to 10 ms later."""
    return math.ceil(at * _TICKS_A_SECOND) / _TICKS_A_SECOND


class Link:
    """One viewer's.

    Attributes:
        buffer_bytes: for SO_RCVBUF of its connections.
        tick_bytes: what is taken at a time.
    """

    __slots__ = ("_active", "_free_at", "_rate", "buffer_bytes", "tick_bytes")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._free_at = 0.0
        self._active = 0
        usual = rate.mean * TICK_SECONDS * _BUFFER_SHARE
        self.buffer_bytes = int(min(max(usual, _LEAST_BUFFER_BYTES), _MOST_BUFFER_BYTES))
        self.tick_bytes = int(self.buffer_bytes / _BUFFER_SHARE)

    def begin(self, now: float) -> None:
        """A body begins to come."""
        if not self._active:
            self._free_at = max(self._free_at, now)
        self._active += 1

    def end(self) -> None:
        """A body has come, or will not."""
        self._active -= 1

    def due(self, now: float) -> int:
        """Bytes that have come through and were not taken."""
        if now <= self._free_at:
            return 0
        due = self._rate.carried(self._free_at, now - self._free_at)
        excess = due - 2 * self.tick_bytes
        if excess > 0:
            self._free_at += self._rate.seconds_for(self._free_at, excess)
            due -= excess
        return int(due + 1e-6)

    def take(self, count: int) -> None:
        """So many bytes were taken; more than are due make the next ones wait."""
        self._free_at += self._rate.seconds_for(self._free_at, count)

    def wait(self, now: float, left: int) -> float:
        """Seconds until a tick's bytes are due, or as many as are left."""
        seconds = self._rate.seconds_for(self._free_at, min(left, self.tick_bytes))
        return min(max(0.0, self._free_at + seconds - now), _MOST_WAIT_SECONDS)

    def tick_at(self, now: float, wait: float, left: int | None) -> float:
        """The instant to look again, by the clock of `now`: with others' ticks, but for the last one of a body.

        Who waits for less than 10 ms is behind, and waits for nobody.

        Args:
            wait: seconds from `now` on.
            left: body bytes; None: not known.
        """
        at = now + wait
        return together(at) if wait >= LEAST_PAUSE_SECONDS and (left is None or left > self.tick_bytes) else at
