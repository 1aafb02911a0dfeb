"""The viewers of one worker: starts and ends each at its time, counts what they report, ends them together."""

import asyncio
import math
from collections.abc import Callable, Iterator
from heapq import heappop, heappush, merge, nlargest, nsmallest
from itertools import chain, islice
from time import perf_counter

from hls_swarm.engine.native.cmcd import ReportingViewer, Tellings
from hls_swarm.engine.native.comparisons import Comparisons
from hls_swarm.engine.native.viewer import NativeViewer
from hls_swarm.engine.running import OtherEngine, RunningViewer
from hls_swarm.engine.sessions import Sessions, plan_of
from hls_swarm.errors import raised
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.http.alarms import Alarms
from hls_swarm.http.fetcher import Fetcher
from hls_swarm.load.access import Rate
from hls_swarm.load.plan import Visit
from hls_swarm.load.shares import Share
from hls_swarm.records import (
    AsideFetched,
    EndReason,
    Failure,
    FailureKind,
    LatencyObserved,
    PartLoaded,
    PlaylistFetched,
    Record,
    SegmentFetched,
    StallEnded,
    StallStarted,
    ViewerStarted,
    ViewerStopped,
)
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.snapshot import WORST_VIEWERS, ViewerDetail, badness
from hls_swarm.stats.counter import Counter
from hls_swarm.stats.p1203 import SessionLog, SessionRecorder
from hls_swarm.stats.tally import Tally
from hls_swarm.viewer.machine import Viewer

_CANDIDATES = 300
"""So many viewers are looked at for the worst ones, those with the most stalls first: it costs about 1 ms."""
_ROUTINE = (SegmentFetched, PlaylistFetched, LatencyObserved, PartLoaded, AsideFetched)
"""Nearly all records."""
RETURN_SECONDS = 2.0
"""With `replace_ended`, how long after the end of a viewer the one in its place comes: what fails at once must not be
asked for as fast as it fails."""
SPREAD_SECONDS = 4.0
"""Over which those come that take the place of stalled viewers: together, they would poll in step."""
ALARMS_APART_SECONDS, ALARMS_TOGETHER = 0.01, 8
"""Alarms of viewers wait for one another, so long at most, and no longer than it takes until so many are due. Half of
what a viewer costs is waking up to code and data that have left the caches, and timers of browsers are as late."""
_AT_LEAST_SECONDS = 0.001
"""A remainder of a stay below this is none."""


class Swarm:
    """A share of the run's viewers.

    Args:
        settings: of the run.
        worker: its number, which views show beside a viewer's.
        share: the viewers that it runs.
        new_fetcher: makes the HTTP client of the viewer with that number; it reports what it asks by itself.
        url_of: what the viewer with that number makes of a URL of the settings.
        wall_clock_offset: wall clock (Unix seconds) less monotonic clock.
        other_engine: makes the viewers that are not native ones.
        observe: is given every record too.
        tellings: what viewers tell of themselves; None: nothing.
        rate_of: the link of the viewer with that number at an instant; None: nobody has one of its own.
    """

    def __init__(
        self,
        settings: Settings,
        worker: int,
        share: Share,
        new_fetcher: Callable[[int, Callable[[Record], None]], Fetcher],
        url_of: Callable[[int, str], str],
        wall_clock_offset: float,
        loop: asyncio.AbstractEventLoop,
        other_engine: OtherEngine | None = None,
        observe: Callable[[Record], None] | None = None,
        tellings: Tellings | None = None,
        rate_of: Callable[[int, float], Rate | None] | None = None,
    ) -> None:
        self._tellings = tellings
        self._rate_of = rate_of
        self._settings = settings
        self._worker, self._shares = worker, [share]
        self._new_fetcher = new_fetcher
        self._url_of = url_of
        self._wall_clock_offset = wall_clock_offset
        self._loop = loop
        self._other_engine = other_engine
        self._observe = observe
        self._counter = Counter()
        self._recorder = SessionRecorder() if settings.p1203 is not None else None
        self._playlists = PlaylistCache()
        self._comparisons = Comparisons()
        self._alarms = Alarms(loop, ALARMS_APART_SECONDS, ALARMS_TOGETHER)
        self._sessions = Sessions(settings)
        self._viewers: dict[int, RunningViewer] = {}
        self._plan = plan_of(settings)
        self._visits = self._plan.visits(share)
        self._next: Visit | None = next(self._visits, None)
        self._taken: list[Visit] = []  # of viewers who come later than planned, since they were another worker's
        self._departures: list[tuple[float, int]] = []
        self._rounds: dict[int, int] = {}
        self._stays_until: dict[int, float] = {}
        self._left: set[int] = set()
        self._postponed: dict[int, Visit] = {}
        self._ended: set[int] = set()
        self._replaced: dict[int, float] = {}
        self._returns: dict[int, asyncio.TimerHandle] = {}
        self._stalled: set[int] = set()
        self._stalls: dict[int, int] = {}  # of viewers that had one
        self._stopping = False
        self._started_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._on_finished: Callable[[], None] | None = None

    @property
    def tally(self) -> Tally:
        """Everything counted so far."""
        while True:
            try:
                return self._counter.tally
            except Exception as error:  # noqa: BLE001 - one record costs no other one; each is gone once it has raised
                self._excuse(error, "a record that was to be counted")

    @property
    def idle(self) -> bool:
        """Whether no viewer is at work and none is to come."""
        return not self._viewers and self._next is None and not self._returns

    @property
    def in_flight(self) -> int:
        """Exchanges under way."""
        return sum(viewer.in_flight for viewer in self._viewers.values())

    def worst(self) -> tuple[ViewerDetail, ...]:
        """The viewers that fare worst, the worst first."""
        now = perf_counter()
        stalled, stalls = self._stalled, self._stalls
        most = nlargest(_CANDIDATES, stalls, key=lambda number: (number in stalled, stalls[number]))
        numbers = islice(dict.fromkeys(chain(most, islice(self._viewers, _CANDIDATES))), _CANDIDATES)
        viewers = (self._viewers.get(number) for number in numbers)
        details = (
            viewer.detail(self._worker, now)
            for viewer in viewers
            if isinstance(viewer, NativeViewer) and not viewer.over
        )
        return tuple(nsmallest(WORST_VIEWERS, details, key=badness))

    def sessions(self) -> tuple[SessionLog, ...]:
        """What single sessions were like, if the settings ask for it."""
        return () if self._recorder is None else tuple(self._recorder.sessions)

    def start(self, at: float) -> None:
        """Offset 0 of the schedule is the instant `at`."""
        self._started_at = at
        self._do_due()

    def change(self, at: float, by: int, per_second: float | None = None) -> None:
        """From the instant `at` on, the plan is for so many viewers more or less; see `Plan.changed`."""
        if self._stopping:
            return
        offset = at - self._started_at
        # What is due before the change comes as it was planned; the new plan says all that comes after.
        before = self._visits_before(offset)
        self._plan = self._plan.changed(offset, by, per_second)
        self._taken = [
            Visit(visit.comes_at, visit.number, goes_at)
            for visit in self._taken
            if visit.comes_at >= offset and (goes_at := self._plan.goes_at(visit.number, offset)) > visit.comes_at
        ]
        self._visits = chain(before, merge(self._taken, self._visits_from(offset)))
        self._next = next(self._visits, None)
        self._departures = []
        for number in (*self._viewers, *self._returns):
            self._plan_departure(number, self._plan.goes_at(number, offset))
        self._do_due()

    def take_over(self, at: float, share: Share, seconds: float) -> None:
        """From the instant `at` on, run the viewers of another share too.

        Those that should be there by then come evenly over `seconds`, all further ones as the plan has it.
        """
        if self._stopping:
            return
        offset = at - self._started_at
        before = self._visits_before(offset)
        missing = sorted(self._plan.present(share, offset), key=lambda visit: visit.number)
        self._shares.append(share)
        late = [
            Visit(offset + seconds * nth / len(missing), visit.number, visit.goes_at)
            for nth, visit in enumerate(missing)
        ]
        self._taken = sorted([*(visit for visit in self._taken if visit.comes_at >= offset), *late])
        self._visits = chain(before, merge(self._taken, self._visits_from(offset)))
        self._next = next(self._visits, None)
        self._do_due()

    def replace_stalled(self) -> None:
        """Put a new viewer in the place of each that is stalled now, one after the other."""
        if self._stopping:
            return
        stalled = [number for number in sorted(self._stalled) if number in self._viewers]
        for nth, number in enumerate(stalled):
            viewer = self._viewers[number]
            if not viewer.over:
                self._replaced[number] = SPREAD_SECONDS * nth / len(stalled)
                viewer.quit()
                viewer.cancel()

    def kill(self) -> None:
        """End every viewer at once, without a word: nobody is left to tell."""
        self._stopping = True
        self._next = None
        self._cancel_timers()
        for viewer in list(self._viewers.values()):
            if not viewer.over:
                viewer.quit()
        for viewer in list(self._viewers.values()):
            viewer.cancel()

    async def stop(self, drain_seconds: float) -> None:
        """Start no more viewers, let every viewer quit, give what is in flight this long, then cancel it."""
        self._stopping = True
        self._next = None
        self._cancel_timers()
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

    def _cancel_timers(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for timer in self._returns.values():
            timer.cancel()
        self._returns.clear()

    # -- coming and going -----------------------------------------------------------------------------------------

    def _visits_from(self, offset: float) -> Iterator[Visit]:
        return merge(*(self._plan.visits(share, after=offset) for share in self._shares))

    def _visits_before(self, offset: float) -> list[Visit]:
        before = []
        visit = self._next
        while visit is not None and visit.comes_at < offset:
            before.append(visit)
            visit = next(self._visits, None)
        return before

    def _do_due(self) -> None:
        """Start and end all viewers that are due, then say when the next one is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while not self._stopping:
            visit = self._next
            comes_at = math.inf if visit is None else visit.comes_at
            goes_at = self._departures[0][0] if self._departures else math.inf
            due_at = self._started_at + min(comes_at, goes_at)
            if due_at == math.inf:
                return
            now = perf_counter()
            if now < due_at:
                self._timer = self._loop.call_later(max(0.001, due_at - now), self._do_due)
                return
            if visit is not None and comes_at <= goes_at:
                self._next = next(self._visits, None)
                self._come(visit)
            else:
                self._go(heappop(self._departures)[1])

    def _come(self, visit: Visit) -> None:
        number = visit.number
        if number in self._viewers:
            self._postponed[number] = visit  # it went, but something of it is still in flight
            return
        self._stay_away(number)
        due_at = self._started_at + visit.comes_at
        self._plan_departure(number, visit.goes_at)
        self._begin_stay(number, due_at)

    def _plan_departure(self, number: int, goes_at: float) -> None:
        if goes_at != math.inf:
            heappush(self._departures, (goes_at, number))

    def _go(self, number: int) -> None:
        viewer = self._viewers.get(number)
        self._postponed.pop(number, None)
        self._replaced.pop(number, None)
        self._stay_away(number)
        if viewer is not None and not viewer.over:
            viewer.quit()

    def _return_after(self, number: int, seconds: float) -> None:
        self._returns[number] = self._loop.call_later(seconds, self._return, number)

    def _return(self, number: int) -> None:
        del self._returns[number]
        self._begin_stay(number, perf_counter())

    def _stay_away(self, number: int) -> None:
        timer = self._returns.pop(number, None)
        if timer is not None:
            timer.cancel()

    def _begin_stay(self, number: int, due_at: float) -> None:
        round_ = self._rounds.get(number, -1) + 1
        self._stays_until[number] = due_at + self._sessions.length(number, round_)
        self._begin_session(number, round_, due_at)

    def _begin_session(self, number: int, round_: int, due_at: float) -> None:
        self._rounds[number] = round_
        length = min(self._stays_until[number] - due_at, self._sessions.zap_after(number, round_))
        try:
            viewer = self._new_viewer(number, round_, length)
        except Exception as error:  # noqa: BLE001 - a bug may cost this viewer, but not all that come after it
            self._excuse(error, f"viewer {number}")
            now = perf_counter()
            self._report(ViewerStarted(number, now, due_at))
            failure = Failure(FailureKind.INTERNAL, raised(error))
            self._report(ViewerStopped(number, now, EndReason.FAILED, False, failure))
            return
        self._viewers[number] = viewer
        viewer.start(due_at)

    def _new_viewer(self, number: int, round_: int, length_seconds: float) -> RunningViewer:
        sessions = self._sessions
        url = self._url_of(number, sessions.url(number, round_))
        if self._other_engine is not None:
            other = self._other_engine(number, url, length_seconds, self._report, self._finished)
            if other is not None:
                return other
        rate = None if self._rate_of is None else self._rate_of(number, perf_counter())
        machine = Viewer(
            number,
            url,
            sessions.profile(number),
            sessions.variant,
            self._wall_clock_offset,
            self._settings.timeout,
            sessions.session(number, round_, length_seconds),
            None if rate is None else rate.mean * 8,
        )
        telling = None
        if self._tellings is not None:
            telling = self._tellings(machine, round_, self._report, self._counter.cmcd)
        viewer = (NativeViewer if telling is None else ReportingViewer)(
            machine,
            self._new_fetcher(number, self._report),
            self._playlists,
            self._comparisons,
            self._report,
            self._finished,
            self._loop,
            strict=self._settings.strict,
            alarms=self._alarms,
        )
        if telling is not None and isinstance(viewer, ReportingViewer):
            viewer.tell(telling)
        return viewer

    # -- what viewers say -----------------------------------------------------------------------------------------

    def _excuse(self, error: Exception, whose: str) -> None:
        self._loop.call_exception_handler({"message": whose, "exception": error})

    def _report(self, record: Record) -> None:
        """Take in what a viewer says; that this can not be done is no failure of the viewer."""
        try:
            self._counter.add(record)
        except Exception as error:  # noqa: BLE001 - it may be of another record, added before this one
            self._excuse(error, "a record that was to be counted")
        if self._observe is not None or self._recorder is not None:
            self._write_down(record)
        if isinstance(record, _ROUTINE):
            return
        match record:
            case StallStarted():
                self._stalled.add(record.viewer)
                self._stalls[record.viewer] = self._stalls.get(record.viewer, 0) + 1
            case StallEnded():
                self._stalled.discard(record.viewer)
            case ViewerStopped():
                self._stalled.discard(record.viewer)
                self._stalls.pop(record.viewer, None)
                if record.reason is EndReason.LEFT:
                    self._left.add(record.viewer)
                elif record.reason is not EndReason.QUIT:
                    self._ended.add(record.viewer)
            case _:
                pass

    def _write_down(self, record: Record) -> None:
        try:
            if self._observe is not None:
                self._observe(record)
            if self._recorder is not None:
                self._recorder.add(record)
        except Exception as error:  # noqa: BLE001 - as in `_report`
            self._excuse(error, "a record that was to be written down")

    def _finished(self, viewer: RunningViewer) -> None:
        number = viewer.number
        del self._viewers[number]
        left, ended = number in self._left, number in self._ended
        self._left.discard(number)
        self._ended.discard(number)
        after = self._replaced.pop(number, None)
        if self._stopping:
            if self._on_finished is not None and not self._viewers:
                self._on_finished()
            return
        postponed = self._postponed.pop(number, None)
        if postponed is not None:
            self._come(postponed)
        elif after is not None:
            self._return_after(number, after)
        elif left:
            self._succeed(number)
        elif ended and self._settings.replace_ended and self._sessions.is_endless:
            self._return_after(number, RETURN_SECONDS)

    def _succeed(self, number: int) -> None:
        """After a session: the next stream of the same stay, or the next viewer in its place."""
        now = perf_counter()
        if self._stays_until[number] - now > _AT_LEAST_SECONDS:
            self._begin_session(number, self._rounds[number] + 1, now)
        elif self._sessions.is_endless:
            self._begin_stay(number, now)
        else:
            del self._stays_until[number], self._rounds[number]
