"""Alarms of many: one timer of the event loop, which rings for all that are due by then.

Rules:

- Nobody is told early.
- An alarm alone rings within some milliseconds of its time. Where there are many they can be told to ring together,
  some time apart: always so long, or, where a few together are enough, as long as it takes that so many are due.
- Who has taken its alarm back, or set it to another time, is passed over when the old one rings.
"""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from math import inf
from time import perf_counter
from typing import Protocol

_COUNTED_SECONDS = 1.0
"""So long is counted how many ring."""


class Alarmed(Protocol):
    """Who has an alarm.

    Attributes:
        alarm_at: when it is to ring; monotonic, infinite if not at all.
    """

    alarm_at: float

    def ring(self, now: float) -> None:
        """That instant has come. Exceptions are its own to catch."""


class Alarms:
    """Those of one event loop.

    Args:
        apart_seconds: from one ringing to the next, at least.
        together: so many together are enough: where there are many, it is as much less than `apart_seconds` as that
            takes. None: never less.
        never_early_seconds: added for the loop's own clock, which counts whole milliseconds and may be one behind.
        clock: the monotonic one that alarms are set by.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        apart_seconds: float = 0.0,
        together: int | None = None,
        never_early_seconds: float = 0.0015,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._apart = self._most_apart = apart_seconds
        self._together, self._never_early = together, never_early_seconds
        self._rung, self._rung_since = 0, -inf
        self._set: list[tuple[float, int, Alarmed]] = []
        self._nth = count()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._rang_at = -inf
        self._is_ringing = False

    def set(self, client: Alarmed) -> None:
        """Let the alarm ring at its `alarm_at`."""
        at = client.alarm_at
        heappush(self._set, (at, next(self._nth), client))
        if at < self._timer_at and not self._is_ringing:
            self._arm(at)

    def _arm(self, at: float) -> None:
        at = max(at, self._rang_at + self._apart)
        if at >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_later(max(0.0, at - self._clock()) + self._never_early, self._rings)

    def _rings(self) -> None:
        self._timer, self._timer_at = None, inf
        waiting, now = self._set, self._clock()
        due = []
        while waiting and waiting[0][0] <= now:
            due.append(heappop(waiting))
        self._rang_at, self._is_ringing = now, True
        self._rung += len(due)
        if now - self._rung_since >= _COUNTED_SECONDS:
            self._count_anew(now)
        rest = iter(due)
        try:
            for at, _, client in rest:
                if client.alarm_at == at:
                    client.ring(now)
        finally:
            for each in rest:  # one that breaks costs no other one its alarm
                heappush(waiting, each)
            self._is_ringing = False
            self._arm_next()

    def _count_anew(self, now: float) -> None:
        """As many as rang lately will ring from now on: how far apart that is to be."""
        if self._together is not None:
            self._apart = min(self._most_apart, self._together * (now - self._rung_since) / max(1, self._rung))
        self._rung, self._rung_since = 0, now

    def _arm_next(self) -> None:
        """Set the timer for the first alarm that still stands."""
        waiting = self._set
        while waiting and waiting[0][2].alarm_at != waiting[0][0]:
            heappop(waiting)
        if waiting:
            self._arm(waiting[0][0])
