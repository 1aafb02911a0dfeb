"""The controller of one run: starts the workers, follows them once a second, ends them.

Each second the cumulative tallies of all workers are merged into one snapshot, which goes to the ledger (which judges
it), then to the sinks (files, endpoint, log), then to the view. It runs no viewer.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from heapq import nsmallest
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hls_swarm.cluster.agent import FINAL_SECONDS, LEASE_SECONDS, NOTICE_SECONDS, Agent, HostNews
from hls_swarm.engine.faults import Faults
from hls_swarm.engine.ffmpeg.mix import has_ffmpeg
from hls_swarm.engine.host.machine import MachineMeter, device_towards
from hls_swarm.engine.host.preflight import address_of_load
from hls_swarm.engine.sessions import plan_of
from hls_swarm.foreign import masked
from hls_swarm.judge.ledger import Entry, Ledger, Sink
from hls_swarm.judge.proof import hopeless, unreached
from hls_swarm.results.logs import secrets_of
from hls_swarm.run.origin_check import PATIENT_SECONDS, device_of_host, tell_of_load, unanswered
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.builder import SnapshotBuilder
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin.metrics import OriginMetrics
from hls_swarm.snapshot.snapshot import WORST_VIEWERS, Mark, Phase, Snapshot, badness
from hls_swarm.stats.faults import masked_faults, merge_faults
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.p1203 import SessionLog
from hls_swarm.stats.tally import Tally
from hls_swarm.views.terminal.live import View

TICK_SECONDS = 1.0
DRAIN_SECONDS = 1.0
"""Time for requests in flight at the end; with it a Ctrl-C ends in less than 2 seconds."""
FFMPEG_DRAIN_SECONDS = 8.0
"""The same where viewers are processes, each of which has a grace of its own; most end in a tenth of a second. Who
ends a run before its time does not wait for it."""
HOPELESS_VIEWERS = 5
"""A run ends by itself when this many viewers have failed and not one has ever played."""
PATIENT_FINAL_SECONDS = 5.0
"""Time for a worker's last news on a busy machine, where nobody waits for the end."""
RECORDS_SECONDS = 12.0
"""The same where it closes files of requests first, on a disk that is slow."""
_TIMER_SECONDS = 0.005
"""By how much a timer of the loop may be early."""

if TYPE_CHECKING:  # takes time to import, for runs that have one
    from hls_swarm.origin.scraper import OriginScraper

_log = logging.getLogger(__name__)


class Controller:
    """One run.

    Args:
        settings: of the run.
        agent: runs the viewers.
        scraper: reads the origin's exporters; None without origin metrics.
        view: shows the run while it goes on.
        ledger: takes in every moment first, and judges it.
        sinks: take it in then.

    Attributes:
        begun: whether there is a run: its schedule has an instant at which it begins.
        sessions: what single sessions were like, once the run has ended, if the settings ask for it.
    """

    def __init__(
        self,
        settings: Settings,
        agent: Agent,
        scraper: "OriginScraper | None",
        view: View,
        ledger: Ledger,
        sinks: Sequence[Sink] = (),
    ) -> None:
        self._settings = settings
        self._agent = agent
        self._scraper = scraper
        self._view = view
        self._plan = plan_of(settings)
        self._changes: asyncio.Queue[tuple[int, float | None]] = asyncio.Queue()
        self._replaces_stalled = self._over = False
        self._changed_at = 0.0
        self._builder = SnapshotBuilder(
            settings.without_secrets().url, self._plan.most, settings.duration if settings.duration > 0 else None
        )
        self._ledger, self._sinks = ledger, sinks
        self._machine = MachineMeter()
        self._marks: tuple[Mark, ...] = ()
        self._stopping = self._told = False
        self._remarks: tuple[str, ...] = ()
        self._wake = asyncio.Event()
        self._started_at = 0.0
        self._notice = NOTICE_SECONDS
        self._broke_off: str | None = None
        self._faults = Faults()
        self._mask = partial(masked, secrets=secrets_of(settings))
        self._lateness = Histogram()
        self.begun = False
        self.sessions: list[SessionLog] = []

    @property
    def is_elsewhere(self) -> bool:
        """It is this process's own run."""
        return False

    @property
    def interrupted(self) -> bool:
        """Whether somebody ended the run before its time."""
        return self._stopping

    def stop(self) -> None:
        """End the run before its time."""
        self._stopping = True
        self._wake.set()

    def finish(self) -> None:
        """End the run: it has done what it was for."""
        self._over = True
        self._wake.set()

    def change_viewers(self, by: int, per_second: float | None = None) -> None:
        """Add viewers to the plan, or take some away if `by` is negative; carried out before the next poll.

        Args:
            per_second: how fast their number moves; None: as fast as the settings say, and the moment is marked.
        """
        self._changes.put_nowait((by, per_second))

    def replace_stalled(self) -> None:
        """Have new viewers take the places of those that are stalled; carried out before the next poll."""
        self._replaces_stalled = True

    def mark(self, note: str) -> None:
        """Note this moment."""
        self._marks += (Mark(max(0.0, time.perf_counter() - self._started_at), note),)

    async def run(self) -> tuple[Entry, str | None]:
        """The last moment, and why the run broke off if it did by itself. Leaves no worker behind."""
        stopped = False
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._faults)
        try:
            self._notice = (await self._agent.hello(self._settings, self._wake.set)).notice_seconds
            device = await _device(self._settings)
            self._machine = MachineMeter(device)
            if self._scraper is not None:
                await tell_of_load(self._scraper, device)
                self._scraper.start()
                if self._settings.require_origin_metrics:
                    patience = PATIENT_SECONDS + self._settings.origin_metrics_interval
                    self._broke_off = await unanswered(self._scraper, patience)
            self._machine.read(time.perf_counter())  # else the first second, which may have most, is in no figure of it
            self._started_at = time.perf_counter() + self._notice
            self.begun = True
            if self._broke_off is None:
                await self._agent.apply(self._started_at)
                self._view.start(self)
                try:
                    await self._follow()
                finally:
                    await self._view.stop()
            stopped = True
            patient = has_ffmpeg(self._settings) and not self._stopping
            news = await self._agent.stop(FFMPEG_DRAIN_SECONDS if patient else DRAIN_SECONDS, self._final_seconds())
            self.sessions = [session for last in news.news.values() for session in last.sessions]
            return self._take_in(news, Phase.FINISHED, self._origin()), self._broke_off
        finally:
            loop.set_exception_handler(None)
            if self._scraper is not None:
                self._scraper.stop()
            if not stopped:
                self._agent.kill()
                await self._agent.stop(0.0)

    def _final_seconds(self) -> float:
        """How long a worker may take for what it has to write, and to say its last."""
        if self._settings.record_requests:
            return RECORDS_SECONDS
        return FINAL_SECONDS if self._stopping else PATIENT_FINAL_SECONDS

    async def _follow(self) -> None:
        ticks = 0
        heard: tuple[Mapping[int, int], Mapping[int, str]] | None = None
        while not await self._stopped_before(self._started_at + (ticks + 1) * TICK_SECONDS):
            late = time.perf_counter() - (self._started_at + (ticks + 1) * TICK_SECONDS)
            if late > -_TIMER_SECONDS:  # else something came before it
                self._lateness.add(max(0.0, late))
            # The timer may be early by a millisecond; a worker's death comes between two ticks.
            ticks = max(ticks, int((time.perf_counter() - self._started_at + _TIMER_SECONDS) / TICK_SECONDS))
            await self._change_plan()
            origin = self._origin()  # not after the poll: a worker that stands still would make it newer than its row
            news = await self._agent.poll(LEASE_SECONDS)
            known, heard = heard, ({number: said.number for number, said in news.news.items()}, news.lost)
            if news.news and heard == known and not news.agents:
                continue  # all workers stand still: a row would be of the instant of the one before
            entry = self._take_in(news, self._phase(), origin)
            snapshot = entry.moment.snapshot
            self._view.update(snapshot)
            self._tell(snapshot)
            if entry.crossed is not None:
                _log.warning("the run ends: %s", entry.crossed.reason)
                return
            if news.idle:
                return
            viewers = snapshot.viewers
            if viewers.failed >= min(HOPELESS_VIEWERS, viewers.target) and not viewers.played:
                if viewers.target > 1:  # else the verdict has better words for it
                    self._broke_off = hopeless(snapshot)
                return

    def _tell(self, snapshot: Snapshot) -> None:
        """Say once what a person may want to end the run for: nothing comes, or not what was asked for."""
        if not self._told and (words := unreached(snapshot)) is not None:
            self._told = True
            _log.warning("%s", words)
        for remark in snapshot.remarks:
            if remark not in self._remarks:
                _log.warning("%s", remark)
        self._remarks = snapshot.remarks

    async def _change_plan(self) -> None:
        """Tell the workers what was asked for since the last poll, as one change."""
        if self._replaces_stalled:
            self._replaces_stalled = False
            await self._agent.replace_stalled()
        by, per_second = 0, None
        while not self._changes.empty():
            more, per_second = self._changes.get_nowait()
            by += more
        offset = time.perf_counter() + self._notice - self._started_at
        by = max(by, -self._plan.most_from(offset))
        if by:
            self._plan, self._changed_at = self._plan.changed(offset, by, per_second), offset
            await self._agent.apply(self._started_at + offset, by, per_second)
            if per_second is None:
                self.mark(f"{by:+d} viewers")

    async def _stopped_before(self, instant: float) -> bool:
        """Wait until `instant`, the death of a worker or the end of the run, whichever is first; True for the end."""
        settings, now = self._settings, time.perf_counter()
        end_at = self._started_at + settings.duration if settings.duration > 0 else None
        until = instant if end_at is None else min(instant, end_at)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - now)):
                await self._wake.wait()
        self._wake.clear()
        return self._stopping or self._over or (end_at is not None and time.perf_counter() >= end_at - 0.001)

    def _phase(self) -> Phase:
        return Phase.RAMPING if time.perf_counter() - self._started_at < self._plan.steady_from else Phase.STEADY

    def _origin(self) -> OriginMetrics | None:
        return None if self._scraper is None else self._scraper.get_metrics()

    def _take_in(self, news: HostNews, phase: Phase, origin: OriginMetrics | None) -> Entry:
        tally, loop_lag = Tally(), Histogram()
        for worker_news in news.news.values():
            tally.merge(worker_news.tally)
            for health in worker_news.health:
                loop_lag.merge(health.loop_lag)
        merge_faults(tally.faults, masked_faults(self._faults.counts, self._mask))
        worst = [worker_news.worst for number, worker_news in news.news.items() if number not in news.lost]
        at = max((worker_news.at for worker_news in news.news.values()), default=time.perf_counter())
        if news.agents:  # of whom some may be silent, which is to be seen; and time goes on
            at = max(at, time.perf_counter())
        snapshot = self._builder.build(
            at=at,
            started_at=self._started_at,
            phase=phase,
            due=self._plan.wanted(at - self._started_at),
            target=self._plan.most_from(self._changed_at),
            tally=tally,
            workers={health.worker: health for said in news.news.values() for health in said.health},
            lost=news.lost,
            silent=news.silent,
            controller_lateness=self._lateness,
            origin=origin,
            # Of several machines each says how busy it is; this one, which only controls them, carries no load.
            machine=None if news.agents else self._machine.read(at),
            agents=news.agents,
            marks=self._marks,
            worst_viewers=tuple(nsmallest(WORST_VIEWERS, chain.from_iterable(worst), key=badness)),
        )
        wall_at = time.time() - (time.perf_counter() - at)
        entry = self._ledger.add(Moment(snapshot, tally, loop_lag, wall_at, self._lateness.copy()))
        for sink in self._sinks:
            sink.add(entry)
        return entry


async def _device(settings: Settings) -> str | None:
    """The network device that the load goes through, if that can be told."""
    address = address_of_load(settings)
    if address is not None:
        return device_towards(address)
    parts = urlsplit(settings.proxy or settings.url)
    return await device_of_host(parts.hostname, parts.port)
