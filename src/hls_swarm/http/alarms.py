"""Time limits of all clients of one event loop: one timer, which rings for many of them at once.

Rules:

- Nobody is told early.
- A limit that falls due alone is kept to the millisecond. Where many do, they are looked at together, `APART_SECONDS`
  apart at least: most were set for fetches that have ended well, and to wake up for each costs more than to look at it.
- A client that has taken its alarm back, or set it to another time, is passed over when the old one rings.
"""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf
from time import perf_counter
from typing import Protocol

APART_SECONDS = 0.02
_NEVER_EARLY_SECONDS = 0.002
"""The loop counts whole milliseconds and may be up to one behind."""


class Alarmed(Protocol):
    """A client as it is told of time limits.

    Attributes:
        alarm_at: when it wants to be told; monotonic, infinite if not at all.
    """

    alarm_at: float

    def ring(self, now: float) -> None:
        """That instant has come. Exceptions are the client's own to catch."""


class Alarms:
    """Those of one event loop.

    Args:
        clock: the monotonic one that limits are of.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = perf_counter) -> None:
        self._loop = loop
        self._clock = clock
        self._set: list[tuple[float, int, Alarmed]] = []
        self._nth = count()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._rang_at = -inf

    def set(self, client: Alarmed) -> None:
        """Let the client's alarm ring at its `alarm_at`."""
        at = client.alarm_at
        heappush(self._set, (at, next(self._nth), client))
        if at < self._timer_at:
            self._arm(at)

    def _arm(self, at: float) -> None:
        at = max(at, self._rang_at + APART_SECONDS)
        if at >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - self._clock()) + _NEVER_EARLY_SECONDS, self._ring)

    def _ring(self) -> None:
        waiting, now = self._set, self._clock()
        self._timer, self._timer_at, self._rang_at = None, -inf, now  # what is set meanwhile arms nothing
        due = []
        while waiting and waiting[0][0] <= now:
            due.append(heappop(waiting))
        rest = iter(due)
        try:
            for at, _, client in rest:
                if client.alarm_at == at:
                    client.ring(now)
        finally:
            for each in rest:  # one that breaks costs no other one its alarm
                heappush(waiting, each)
            self._timer_at = inf
            if waiting:
                self._arm(waiting[0][0])
