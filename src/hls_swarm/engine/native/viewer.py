"""The shell around one viewer: performs its actions over HTTP and feeds the results back as events.

It decides nothing. One alarm, one client and one state machine per viewer; no task, no queue.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from math import inf
from time import perf_counter
from typing import assert_never

from hls_swarm.engine.native.comparisons import ALIKE, Comparisons
from hls_swarm.errors import PlaylistError, raised
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.hls.delta import RefetchReason
from hls_swarm.hls.playlist import MediaPlaylist, MultivariantPlaylist
from hls_swarm.hls.reading import STRICT
from hls_swarm.http.alarms import Alarms
from hls_swarm.http.fetcher import Fetcher, InFlight, Request, Timeouts
from hls_swarm.records import (
    AsideFetched,
    EndReason,
    Exchange,
    Failure,
    FailureKind,
    ObjectKind,
    PlaylistFetched,
    Record,
    SegmentFetched,
    ViewerStarted,
    ViewerStopped,
    Violation,
)
from hls_swarm.snapshot.snapshot import ViewerDetail
from hls_swarm.viewer.actions import (
    STEERING_TRACK,
    Action,
    Cancel,
    Event,
    FetchFailed,
    FetchPlaylist,
    FetchSegment,
    FetchSteering,
    Look,
    Looked,
    PlaylistLoaded,
    Quit,
    Report,
    SegmentLoaded,
    Start,
    SteeringCame,
    Stop,
    TimeReached,
    Wait,
)
from hls_swarm.viewer.choosing.steering import parse_manifest
from hls_swarm.viewer.loading.changing.elsewhere import no_variants
from hls_swarm.viewer.loading.playlists.following import A_MULTIVARIANT_PLAYLIST, no_segments
from hls_swarm.viewer.lowlatency.directives import without_directives
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.parsing import Parser

_TOGETHER_SECONDS = 0.125  # no sum of such has a rounding
CONNECT_SECONDS = 10.0
"""Time limit of DNS, TCP and TLS together; hls.js has none of its own and browsers give up far later."""

_MULTIVARIANT_PLAYLIST, _MEDIA_PLAYLIST = ObjectKind.MULTIVARIANT_PLAYLIST, ObjectKind.MEDIA_PLAYLIST
_FAILED = EndReason.FAILED
_Key = tuple[int | None, bool]
"""A track, and whether it is its playlist or its media: what one can have in flight of each is one."""


class NativeViewer:
    """A viewer at work.

    Args:
        machine: decides.
        fetcher: its own HTTP client.
        strict: whether playlists are read as the draft has it, not as the player reads them.
        playlists, comparisons: parsed playlists, and what their reloads changed; shared by the viewers of a worker.
        report: takes every record.
        finished: called once, when the machine has stopped and nothing is in flight any more.
        alarms: shared by the viewers of a worker; None: its own.

    Attributes:
        alarm_at: when it wants to do something next; see `alarms.Alarmed`.
    """

    __slots__ = (
        "_abandons",
        "_alarms",
        "_beat",
        "_comparisons",
        "_fetcher",
        "_fetches",
        "_finished",
        "_held",
        "_is_gone",
        "_loop",
        "_machine",
        "_parser",
        "_playlists",
        "_rang_for",
        "_reading",
        "_report",
        "_until",
        "_variables",
        "alarm_at",
        "in_flight",
        "number",
        "over",
    )

    def __init__(
        self,
        machine: Viewer,
        fetcher: Fetcher,
        playlists: PlaylistCache,
        comparisons: Comparisons,
        report: Callable[[Record], None],
        finished: Callable[["NativeViewer"], None],
        loop: asyncio.AbstractEventLoop,
        *,
        strict: bool = False,
        alarms: Alarms | None = None,
    ) -> None:
        self.number = machine.number
        self.over = False
        self._machine = machine
        self._fetcher = fetcher
        self._playlists = playlists
        self._reading = STRICT if strict else machine.profile.reading
        self._comparisons = comparisons
        self._fetches: dict[_Key, InFlight] = {}
        self._report = report
        self._finished = finished
        self._loop = loop
        self._is_gone = False
        self.in_flight = 0
        self._parser = Parser()
        self._held: dict[str, MediaPlaylist] = {}
        self._abandons = False  # whether what is being cancelled is given up for a lower variant
        self._variables: Mapping[str, str] = {}
        self._alarms = alarms if alarms is not None else Alarms(loop)
        self.alarm_at = inf
        self._until: float | None = None
        self._beat = 0.0
        self._rang_for = 0.0

    def start(self, due_at: float) -> None:
        """Press play."""
        now = perf_counter()
        profile = self._machine.profile
        is_paced = self._machine.loading.link_bps is not None
        self._report(ViewerStarted(self.number, now, due_at, profile.name, profile.start_seconds, is_paced))
        try:
            self._handle(Start(), now)
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def detail(self, worker: int, now: float) -> ViewerDetail:
        """What a table of single viewers shows of it."""
        machine = self._machine
        failure = machine.last_failure
        return ViewerDetail(
            viewer=self.number,
            worker=worker,
            state=machine.state.value,
            buffer_seconds=machine.buffer_seconds(now),
            bitrate_bps=machine.bitrate_bps,
            stalls=machine.stalls,
            stalled_seconds=machine.stalled_seconds(now),
            last_error=None if failure is None else failure.detail,
        )

    def quit(self) -> None:
        """End the viewer; what is in flight goes on until it is done or `cancel` is called."""
        try:
            self._handle(Quit(), perf_counter())
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def cancel(self) -> None:
        """End what is in flight, after `quit`."""
        try:
            self._fetcher.close()
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def _handle(self, event: Event, now: float) -> None:
        for action in self._machine.handle(event, now):
            self._perform(action)

    def _perform(self, action: Action) -> None:
        # Class patterns take twice as long, and this is once for each action of each viewer.
        if isinstance(action, Wait):
            self._wait(action.until)
        elif isinstance(action, Report):
            self._report(action.record)
        elif isinstance(action, FetchSegment):
            timeouts = _timeouts(action.first_byte_seconds, action.no_progress_seconds, action.total_seconds)
            request = Request(action.url, action.due_at, timeouts, action.byte_range)
            self._fetch(request, (action.track, False), partial(self._segment_done, action))
        elif isinstance(action, FetchPlaylist):
            timeouts = _timeouts(action.first_byte_seconds, action.no_progress_seconds, action.total_seconds)
            request = Request(action.url, action.due_at, timeouts, None, True)
            self._fetch(request, (action.track, True), partial(self._playlist_done, action))
        else:
            self._end(action)

    def _fetch(self, request: Request, key: _Key, done: Callable[[Exchange], None]) -> None:
        self.in_flight += 1
        self._fetches[key] = self._fetcher.fetch(request, done)

    def _end(self, action: FetchSteering | Cancel | Look | Stop) -> None:
        match action:
            case FetchSteering():
                timeouts = _timeouts(action.first_byte_seconds, None, action.total_seconds)
                request = Request(action.url, action.due_at, timeouts, None, True)
                self._fetch(request, (STEERING_TRACK, True), partial(self._steering_done, action))
            case Cancel():
                self._cancel(action)
            case Look():
                self._loop.call_soon(self._look, action.track)  # not now: what comes of it may be more actions
            case Stop():
                self.over = True
                self._disarm()
                self._finish_if_done()
            case _:
                assert_never(action)

    def _cancel(self, action: Cancel) -> None:
        fetch = self._fetches.pop((action.track, action.playlist), None)
        if fetch is not None:
            self._abandons = action.abandoned
            fetch.cancel()  # its exchange is reported before this returns; no event comes of it, as its key is gone

    def _look(self, track: int) -> None:
        """Tell how far a media fetch has come, if it still goes on."""
        try:
            fetch = self._fetches.get((track, False))
            if fetch is None or self.over:
                return
            progress = fetch.progress()
            if self._fetches.get((track, False)) is not fetch:
                return  # to look at it was to find it complete
            now = perf_counter()
            event = Looked(track, progress.started_at, progress.first_byte_at, progress.body_bytes, progress.size_bytes)
            self._handle(event, now)
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def _finish_if_done(self) -> None:
        if not self.in_flight and not self._is_gone:
            self._fetcher.close()
            self._is_gone = True
            self._finished(self)

    def _break(self, error: Exception) -> None:
        """End the viewer for an exception in it or in what it was given: a bug, and not its origin's.

        It would wait for ever otherwise: who called it is a callback of the loop.
        """
        self._loop.call_exception_handler({"message": f"viewer {self.number}", "exception": error})
        if not self.over:
            self.over = True
            self._disarm()
            failure = Failure(FailureKind.INTERNAL, raised(error))
            self._report(ViewerStopped(self.number, perf_counter(), _FAILED, self._machine.played, failure))
        if self._is_gone:
            return
        try:
            self._fetcher.close()  # what is in flight is reported within
        except Exception as another:  # noqa: BLE001 - as above; it is gone all the same
            self._loop.call_exception_handler({"message": f"viewer {self.number}", "exception": another})
        if not self._is_gone:
            self._is_gone = True
            self._finished(self)

    # -- alarm ----------------------------------------------------------------------------------------------------
    # Setting and taking back an alarm for every action would cost more than the decision itself: one that rings too
    # early is set again, one that would ring too late is replaced. While a playlist is on its way, the machine waits
    # for the end of the buffer, and with the playlist for the next reload: mostly as long after this one as this one
    # was after the one before, so the alarm is set for that at once.

    def _wait(self, until: float | None) -> None:
        self._until = until
        if until is None or self.alarm_at <= until:
            return
        if self.alarm_at == inf and self.in_flight:
            expected = self._rang_for + self._beat
            if self._rang_for < expected < until:
                until = expected
        self._arm(until)

    def _arm(self, at: float) -> None:
        self.alarm_at = at
        self._alarms.set(self)

    def ring(self, now: float) -> None:
        """See `alarms.Alarmed`."""
        self.alarm_at = inf
        until = self._until
        if until is None:
            return
        if now < until:
            # What it waits for moves on before it comes, as the end of a buffer does that is filled part by part: it is
            # looked for some times a second, together with those of all other viewers, until it is near.
            together = until // _TOGETHER_SECONDS * _TOGETHER_SECONDS
            self._arm(together if together > now + _TOGETHER_SECONDS else until)
            return
        self._beat, self._rang_for = until - self._rang_for, until
        try:
            self._handle(TimeReached(), now)
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)
        if self.alarm_at == inf and self._until is not None:
            self._arm(self._until)

    def _disarm(self) -> None:
        self._until = None
        self.alarm_at = inf

    # -- results --------------------------------------------------------------------------------------------------

    def _segment_done(self, action: FetchSegment, exchange: Exchange) -> None:
        try:
            self.in_flight -= 1
            failure = exchange.failure
            plays = failure is None
            if plays:
                wrong = self._parser.verdict(action, exchange)
                if wrong is not None:
                    failure, plays = wrong
            wanted = self._fetches.pop((action.track, False), None) is not None
            self._report(
                SegmentFetched(
                    self.number,
                    action.kind,
                    exchange,
                    failure,
                    action.media_seconds,
                    action.bitrate_bps,
                    action.retry,
                    not wanted and self._abandons,
                    action.hinted,
                )
            )
            if self.over:
                self._finish_if_done()
                return
            if not wanted:
                return
            event: Event
            if plays or failure is None:
                event = SegmentLoaded(action.track, exchange)
            else:
                event = FetchFailed(action.track, False, failure, exchange.url, exchange.started_at, exchange)
            self._handle(event, perf_counter())
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def _steering_done(self, action: FetchSteering, exchange: Exchange) -> None:
        try:
            self.in_flight -= 1
            failure = exchange.failure
            if exchange.body is not None:
                try:
                    parse_manifest(exchange.body)
                except ValueError as error:
                    failure = Failure(FailureKind.BAD_STEERING, str(error))
            self._report(AsideFetched(self.number, ObjectKind.STEERING, exchange, failure, action.retry))
            wanted = self._fetches.pop((STEERING_TRACK, True), None) is not None
            if self.over:
                self._finish_if_done()
            elif wanted:
                event = SteeringCame(exchange.final_url, exchange.body, failure, exchange.retry_after_seconds)
                self._handle(event, perf_counter())
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def _playlist_done(self, action: FetchPlaylist, exchange: Exchange) -> None:
        try:
            self._take_playlist(action, exchange)
        except Exception as error:  # noqa: BLE001 - see `_break`
            self._break(error)

    def _take_playlist(self, action: FetchPlaylist, exchange: Exchange) -> None:
        self.in_flight -= 1
        kind = _MULTIVARIANT_PLAYLIST if action.track is None else _MEDIA_PLAYLIST
        wanted = self._fetches.pop((action.track, True), None) is not None
        failure, changed, compared = exchange.failure, None, ALIKE
        playlist: MultivariantPlaylist | MediaPlaylist | None = None
        if exchange.body is not None:
            try:
                playlist = self._playlists.parse(exchange.body, exchange.final_url, self._variables, self._reading)
            except PlaylistError as error:
                failure = Failure(FailureKind.BAD_PLAYLIST, f"not a valid playlist: {error}")
        if isinstance(playlist, MultivariantPlaylist):
            self._variables = playlist.variables
            if not playlist.variants:
                failure = no_variants()
            if action.track is not None:
                failure = Failure(FailureKind.BAD_PLAYLIST, A_MULTIVARIANT_PLAYLIST)
        elif playlist is not None:
            kind = _MEDIA_PLAYLIST
            held_as = without_directives(action.url)
            held = self._held.get(held_as)
            if playlist.skip is not None:
                full = self._comparisons.deltas.complete(held, playlist)
                if isinstance(full, RefetchReason):
                    self._delta_misfits(action, exchange, full, wanted=wanted)
                    return
                playlist = full
            compared = self._comparisons.compare(held, playlist)
            changed = compared.changed
            self._held[held_as] = playlist
            if not playlist.segments:
                failure = no_segments(playlist)
        violations = () if playlist is None else playlist.violations
        if exchange.unknown_coding is not None:
            violations += (_unknown_coding(exchange.unknown_coding),)
        self._report(
            PlaylistFetched(self.number, kind, exchange, failure, changed, action.retry, violations, action.blocking)
        )
        if self.over:
            self._finish_if_done()
            return
        if not wanted:
            return
        event: Event
        if playlist is not None:
            event = PlaylistLoaded(
                action.track,
                playlist,
                exchange.started_at,
                exchange.age_seconds,
                compared.mutated,
                exchange.url,
                compared.dates_moved,
                exchange.ended_at - (exchange.first_byte_at or exchange.started_at),
            )
        elif failure is not None:
            event = FetchFailed(action.track, True, failure, exchange.url, exchange.started_at)
        else:
            raise AssertionError("an exchange without failure brings the body that was asked for")
        self._handle(event, perf_counter())

    def _delta_misfits(self, action: FetchPlaylist, exchange: Exchange, reason: RefetchReason, *, wanted: bool) -> None:
        """A delta update came that does not make a playlist."""
        failure = Failure(FailureKind.BAD_DELTA, f"a delta update is of no use: {reason.value}")
        self._report(
            PlaylistFetched(self.number, _MEDIA_PLAYLIST, exchange, failure, None, action.retry, (), action.blocking)
        )
        if self.over:
            self._finish_if_done()
        elif wanted:
            event = FetchFailed(action.track, True, failure, exchange.url, exchange.started_at)
            self._handle(event, perf_counter())


@lru_cache(maxsize=64)
def _unknown_coding(name: str) -> Violation:
    return Violation(
        f"Content-Encoding {name!r} is no content coding: the body is read as it came", "RFC 9110 8.4.1", 0
    )


@lru_cache(maxsize=256)
def _timeouts(first_byte: float | None, no_progress: float | None, total: float | None) -> Timeouts:
    return Timeouts(CONNECT_SECONDS, first_byte, no_progress, total)
