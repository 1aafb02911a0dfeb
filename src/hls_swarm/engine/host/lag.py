"""Event-loop lag: how late the loop runs a timer. The generator's own pulse, always measured."""

import asyncio
from time import perf_counter

from hls_swarm.stats.histogram import Histogram

SAMPLE_SECONDS = 0.1


class LagMeter:
    """Samples the lag of a loop ten times a second while it runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.histogram = Histogram()
        self._loop = loop
        self._due_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to sample."""
        self._arm(perf_counter())

    def stop(self) -> None:
        """End it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, now: float) -> None:
        self._due_at = now + SAMPLE_SECONDS
        self._timer = self._loop.call_later(SAMPLE_SECONDS, self._sample)

    def _sample(self) -> None:
        now = perf_counter()
        self.histogram.add(max(0.0, now - self._due_at))
        self._arm(now)
