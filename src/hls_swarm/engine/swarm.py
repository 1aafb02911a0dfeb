"""The viewers of one worker: starts each at its time, counts what they report, ends them together."""

import asyncio
from collections.abc import Callable
from time import perf_counter

from hls_swarm.engine.native import NativeViewer
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.http.fetcher import Fetcher
from hls_swarm.load.schedule import Ramp, share
from hls_swarm.records import Record
from hls_swarm.settings import Settings
from hls_swarm.stats.tally import Counter, Tally
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import HLSJS


class Swarm:
    """A share of the run's viewers.

    Args:
        settings: of the run.
        numbers: of the viewers that this worker runs.
        new_fetcher: makes the HTTP client of the viewer with that number.
        wall_clock_offset: wall clock (Unix seconds) less monotonic clock.
    """

    def __init__(
        self,
        settings: Settings,
        numbers: range,
        new_fetcher: Callable[[int], Fetcher],
        wall_clock_offset: float,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._settings = settings
        self._new_fetcher = new_fetcher
        self._wall_clock_offset = wall_clock_offset
        self._loop = loop
        self._counter = Counter()
        self._playlists = PlaylistCache()
        self._viewers: dict[int, NativeViewer] = {}
        ramp = ramp_of(settings)
        self._pending = sorted(((ramp.start_offset(nth), nth) for nth in numbers), reverse=True)
        self._started_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._on_finished: Callable[[], None] | None = None

    @property
    def tally(self) -> Tally:
        """Everything counted so far."""
        return self._counter.tally

    @property
    def idle(self) -> bool:
        """Whether no viewer is at work and none is to come."""
        return not self._viewers and not self._pending

    @property
    def in_flight(self) -> int:
        """Exchanges under way."""
        return sum(viewer.in_flight for viewer in self._viewers.values())

    def start(self, at: float) -> None:
        """Offset 0 of the schedule is the instant `at`."""
        self._started_at = at
        self._start_due()

    async def stop(self, drain_seconds: float) -> None:
        """Start no more viewers, let every viewer quit, give what is in flight this long, then cancel it."""
        self._pending.clear()
        if self._timer is not None:
            self._timer.cancel()
        for viewer in list(self._viewers.values()):
            if not viewer.over:
                viewer.quit()
        finished = asyncio.Event()
        self._on_finished = finished.set
        if self._viewers:
            try:
                async with asyncio.timeout(drain_seconds):
                    await finished.wait()
            except TimeoutError:
                for viewer in list(self._viewers.values()):
                    viewer.cancel()

    def _start_due(self) -> None:
        self._timer = None
        pending = self._pending
        while pending:
            due_at = self._started_at + pending[-1][0]
            now = perf_counter()
            if now < due_at:
                self._timer = self._loop.call_later(max(0.001, due_at - now), self._start_due)
                return
            _, number = pending.pop()
            self._start_viewer(number, due_at)

    def _start_viewer(self, number: int, due_at: float) -> None:
        settings = self._settings
        machine = Viewer(number, settings.url, HLSJS, settings.variant, self._wall_clock_offset, settings.timeout)
        viewer = NativeViewer(
            machine, self._new_fetcher(number), self._playlists, self._report, self._finished, self._loop
        )
        self._viewers[number] = viewer
        viewer.start(due_at)

    def _report(self, record: Record) -> None:
        self._counter.add(record)

    def _finished(self, viewer: NativeViewer) -> None:
        del self._viewers[viewer.number]
        if self._on_finished is not None and not self._viewers:
            self._on_finished()


def ramp_of(settings: Settings) -> Ramp:
    """The schedule that these settings ask for."""
    return Ramp(settings.clients, settings.ramp_rate, settings.ramp_jitter, settings.seed)


def numbers_of(settings: Settings, worker: int, workers: int) -> range:
    """The viewers that worker `worker` of `workers` runs."""
    return share(settings.clients, worker, workers)
