"""The shell around a viewer that tells of itself: CMCD with its requests, and events to a collector of the user's.

What is told is `viewer.cmcd`; here it becomes header fields, a parameter of the query, and requests to the
collector, which are counted as what they are. A viewer that tells nothing is `NativeViewer` and pays nothing.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter
from uuid import UUID

import msgspec

from hls_swarm.engine.native.viewer import CONNECT_SECONDS, NativeViewer
from hls_swarm.hls.playlist import MultivariantPlaylist
from hls_swarm.http.fetcher import Fetcher, InFlight, Query, Request, Timeouts
from hls_swarm.load.draws import Purpose, draw
from hls_swarm.records import AsideFetched, Exchange, ObjectKind, Record, ViewerStopped
from hls_swarm.settings.run import Settings
from hls_swarm.stats.cmcd import CmcdTally
from hls_swarm.viewer.actions import STEERING_TRACK, Action, Event, FetchSegment, PlaylistLoaded, Report
from hls_swarm.viewer.cmcd.encoding import Data, Value, dictionary, headers
from hls_swarm.viewer.cmcd.events import MEDIA_TYPE, Events
from hls_swarm.viewer.cmcd.keys import PLAYERS, Player
from hls_swarm.viewer.cmcd.reporter import Reporter
from hls_swarm.viewer.machine import Viewer

_REPORT_TIMEOUTS = Timeouts(CONNECT_SECONDS, 10.0, None, 20.0)


class Collector(msgspec.Struct):
    """Where a session's events go.

    Attributes:
        fetcher: a client of its own: nothing of the viewers' headers goes there.
        responses: whether each answer with media is told.
    """

    url: str
    fetcher: Fetcher
    events: Events
    responses: bool = False
    under_way: InFlight | None = None
    timer: asyncio.TimerHandle | None = None


class Telling(msgspec.Struct):
    """What a session tells, and how.

    Attributes:
        as_headers: header fields, not a parameter of the query.
        tally: where it is counted.
    """

    reporter: Reporter
    as_headers: bool
    tally: CmcdTally
    collector: Collector | None = None


class Tellings:
    """What the sessions of a run tell.

    Args:
        collector_client: makes the client of a viewer's events; None where there is no collector.
        wall_clock_offset: wall clock (Unix seconds) less monotonic clock.
    """

    def __init__(
        self,
        settings: Settings,
        collector_client: Callable[[int, Callable[[Record], None]], Fetcher] | None,
        wall_clock_offset: float,
    ) -> None:
        self._settings = settings
        self._collector_client = collector_client
        self._wall_clock_offset = wall_clock_offset

    def __call__(
        self, machine: Viewer, round_: int, report: Callable[[Record], None], tally: CmcdTally
    ) -> Telling | None:
        """What a session tells; None if its player tells nothing."""
        settings, player = self._settings, PLAYERS.get(machine.profile.name)
        if settings.cmcd is None or player is None:
            return None
        session = session_id(settings.seed, machine.number, round_)
        reporter = Reporter(machine, player, settings.cmcd_version, session, settings.cmcd_content_id)
        telling = Telling(reporter, settings.cmcd == "headers", tally)
        if settings.cmcd_collector is not None and self._collector_client is not None:
            client = self._collector_client(machine.number, report)
            events = Events(reporter, self._wall_clock_offset, perf_counter())
            telling.collector = Collector(settings.cmcd_collector, client, events, settings.cmcd_responses)
        return telling


def session_id(seed: int, viewer: int, round_: int) -> str:
    """A session's id: a random UUID that is the same for the same seed."""
    bits = 0
    for part in range(4):
        bits = bits << 32 | int(draw(seed, viewer, Purpose.CMCD_SESSION, round_ * 4 + part) * (1 << 32))
    return str(UUID(int=bits, version=4))


class ReportingViewer(NativeViewer):
    """A viewer at work that tells of itself; its arguments are `NativeViewer`'s, and `tell` before it is started."""

    __slots__ = ("_failed", "_telling")

    _telling: Telling
    _failed: ViewerStopped | None

    def tell(self, telling: Telling) -> None:
        """This is what it tells."""
        self._telling, self._failed = telling, None

    def cancel(self) -> None:
        """See `NativeViewer.cancel`."""
        collector = self._telling.collector
        super().cancel()
        if collector is not None:
            collector.fetcher.close()

    def _handle(self, event: Event, now: float) -> None:
        reporter = self._telling.reporter
        if isinstance(event, PlaylistLoaded) and isinstance(event.playlist, MultivariantPlaylist):
            reporter.presented(event.playlist)
        super()._handle(event, now)
        self._tell_collector(now)

    def _perform(self, action: Action) -> None:
        if isinstance(action, Report) and isinstance(action.record, ViewerStopped):
            self._failed = action.record
        super()._perform(action)

    def _fetch(self, request: Request, key: tuple[int | None, bool], done: Callable[[Exchange], None]) -> None:
        telling, (track, is_playlist) = self._telling, key
        data: Data = {}
        if track == STEERING_TRACK:
            pass  # players tell a steering server nothing of this
        elif is_playlist:
            data = telling.reporter.of_playlist(request.url)
        elif track is not None:
            action = self._machine.loading.tracks[track].in_flight
            data = {} if action is None else telling.reporter.of_segment(action, perf_counter())
        super()._fetch(self._with(request, data) if data else request, key, done)

    def _segment_done(self, action: FetchSegment, exchange: Exchange) -> None:
        reporter = self._telling.reporter
        if exchange.failure is None:
            reporter.loaded(action, exchange)
            self._tell_answer(action, exchange)
        super()._segment_done(action, exchange)
        if exchange.failure is None and action.kind in {ObjectKind.SEGMENT, ObjectKind.PART}:
            reporter.appended(perf_counter())

    def _with(self, request: Request, data: Data) -> Request:
        telling, tally = self._telling, self._telling.tally
        tally.requests += 1
        tally.starting += data.get("su") is True
        tally.starved += data.get("bs") is True
        buffer, throughput = _number(data.get("bl")), _number(data.get("mtp"))
        if buffer is not None and "d" in data:
            tally.buffer.add(buffer / 1000)
        if throughput is not None:
            tally.throughput.add(throughput * 125)
        if telling.as_headers:
            return msgspec.structs.replace(request, headers=request.headers + headers(data))
        anew = telling.reporter.player is Player.HLSJS
        return msgspec.structs.replace(request, query=Query("CMCD", dictionary(data), anew))

    def _tell_answer(self, action: FetchSegment, exchange: Exchange) -> None:
        collector = self._telling.collector
        if collector is not None and collector.responses and action.kind is not ObjectKind.KEY and not self.over:
            collector.events.answered(exchange, perf_counter())  # it goes out with what comes of the answer

    # -- the collector ----------------------------------------------------------------------------------------------

    def _tell_collector(self, now: float) -> None:
        collector = self._telling.collector
        if collector is None:
            return
        ended, self._failed = self._failed, None
        failure = None if ended is None or ended.failure is None else ended.failure.kind
        collector.events.observe(now, failure)
        self._send_report(collector)
        if self.over and collector.timer is not None:
            collector.timer.cancel()
        elif not self.over and collector.timer is None:
            collector.timer = self._loop.call_later(max(0.0, collector.events.at - now), self._interval)

    def _interval(self) -> None:
        collector = self._telling.collector
        if collector is None or self.over:
            return
        collector.timer = None
        try:
            self._tell_collector(perf_counter())
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def _send_report(self, collector: Collector) -> None:
        """One report at a time; what happens meanwhile goes with the next."""
        if collector.under_way is not None:
            return
        report = collector.events.take()
        if report is None:
            return
        self.in_flight += 1
        request = Request(
            collector.url,
            perf_counter(),
            _REPORT_TIMEOUTS,
            headers=(("Content-Type", MEDIA_TYPE),),
            body=report,
        )
        collector.under_way = collector.fetcher.fetch(request, partial(self._reported, collector, report))

    def _reported(self, collector: Collector, report: bytes, exchange: Exchange) -> None:
        try:
            collector.under_way = None
            self.in_flight -= 1
            self._report(AsideFetched(self.number, ObjectKind.CMCD_REPORT, exchange, exchange.failure))
            self._telling.tally.events += collector.events.told(report, exchange)
            if exchange.failure is None:
                self._send_report(collector)
            if self.over:
                self._finish_if_done()
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def _finish_if_done(self) -> None:
        if not self._is_gone:
            self._tell_collector(perf_counter())  # the end is told, too
        super()._finish_if_done()
        self._close_collector_if_gone()

    def _break(self, error: Exception) -> None:
        super()._break(error)
        self._close_collector_if_gone()

    def _close_collector_if_gone(self) -> None:
        collector = self._telling.collector
        if collector is None or not self._is_gone:
            return
        collector.fetcher.close()
        if collector.timer is not None:
            collector.timer.cancel()


def _number(value: Value) -> float | None:
    """A number, or the one in a list of one."""
    if isinstance(value, tuple):
        value = value[0] if value else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
