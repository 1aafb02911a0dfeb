"""One viewer, as a state machine without clock, I/O or randomness: events in, actions out.

Rules:

- STARTING until every track holds the start buffer; PLAYING <-> STALLED; then ENDED, FAILED or QUIT for good. STALLED
  is entered from PLAYING only (CTA-2066).
- One playlist and one media request in flight per track, no more. No media is fetched while the buffer holds the
  profile's target: this on/off pattern is what makes the load realistic.
- One timer. `Wait` names the earliest instant at which anything is due: a reload, a retry, room in the buffer, the end
  of the buffer. Instants are computed, not polled, so a stall is dated when it began and not when somebody noticed.
- A request is due at an instant that was fixed before the answer before it arrived, where the player fixes it then;
  the shell measures how late it really went out.
- On reload the next segment is the lowest sequence number above the last one loaded; what expired meanwhile is counted.
"""

from enum import Enum, auto

from hls_swarm.hls.playlist import MediaPlaylist, MultivariantPlaylist, Segment
from hls_swarm.hls.playlist import Start as StartTag
from hls_swarm.hls.timeline import join_position
from hls_swarm.records import (
    EndReason,
    Failure,
    FailureKind,
    LatencyObserved,
    ObjectKind,
    PlaybackStarted,
    SegmentsExpired,
    StallEnded,
    StallStarted,
    ViewerStopped,
)
from hls_swarm.settings import VariantChoice
from hls_swarm.viewer.actions import (
    Action,
    Event,
    FetchFailed,
    FetchPlaylist,
    FetchSegment,
    PlaylistLoaded,
    Quit,
    Report,
    SegmentLoaded,
    Start,
    Stop,
    TimeReached,
    Wait,
)
from hls_swarm.viewer.buffer import Playhead
from hls_swarm.viewer.profiles import Profile
from hls_swarm.viewer.reload import reload_delay
from hls_swarm.viewer.track import Track, select_tracks

_EPSILON = 1e-9
"""Seconds: below what any clock here resolves, above what floating-point sums of durations lose."""


class State(Enum):
    """States of a viewer; the letters of CMCD's `sta` in brackets."""

    IDLE = auto()
    STARTING = auto()  # s
    PLAYING = auto()  # p
    STALLED = auto()  # r
    ENDED = auto()  # e
    FAILED = auto()  # f
    QUIT = auto()  # q


_OVER = frozenset({State.ENDED, State.FAILED, State.QUIT})


class Viewer:
    """One viewer of one stream.

    Args:
        number: its number in the run; every record of it carries this.
        url: multivariant or media playlist.
        profile: the player it behaves like.
        variant: which variant to play: all, highest, lowest or first.
        wall_clock_offset: wall clock (Unix seconds) less monotonic clock, for the live latency.
        total_seconds: a time limit that takes the place of the profile's own ones; None keeps these.
    """

    __slots__ = (
        "_actions",
        "_attempts",
        "_played_ever",
        "_playhead",
        "_profile",
        "_requested_at",
        "_retry_at",
        "_stalled_at",
        "_stalls",
        "_start",
        "_total_seconds",
        "_tracks",
        "_url",
        "_variant",
        "_waiting_until",
        "_wall_clock_offset",
        "number",
        "state",
    )

    def __init__(
        self,
        number: int,
        url: str,
        profile: Profile,
        variant: VariantChoice,
        wall_clock_offset: float = 0.0,
        total_seconds: float | None = None,
    ) -> None:
        self.number = number
        self.state = State.IDLE
        self._url = url
        self._profile = profile
        self._variant = variant
        self._wall_clock_offset = wall_clock_offset
        self._total_seconds = total_seconds
        self._actions: list[Action] = []
        self._tracks: list[Track] = []
        self._playhead = Playhead()
        self._requested_at = 0.0
        self._stalled_at = 0.0
        self._stalls = 0
        self._start: StartTag | None = None
        self._played_ever = False
        self._attempts = 0
        self._retry_at: float | None = None
        self._waiting_until: float | None = None

    def handle(self, event: Event, now: float) -> list[Action]:
        """What the viewer does about `event` at the instant `now`; instants never go backwards."""
        if self.state in _OVER:
            return []
        self._actions = []
        match event:
            case SegmentLoaded():
                self._segment_loaded(self._tracks[event.track])
            case PlaylistLoaded():
                self._playlist_loaded(event, now)
            case TimeReached():
                pass
            case FetchFailed():
                self._fetch_failed(event, now)
            case Start():
                self.state = State.STARTING
                self._requested_at = now
                self._fetch_first_playlist(now)
            case Quit():
                self._stop(State.QUIT, EndReason.QUIT, now)
        self._advance(now)
        return self._actions

    def buffer_seconds(self, now: float) -> float:
        """Media ahead of the playhead."""
        if not self._tracks:
            return 0.0
        return max(0.0, self._credited() - self._playhead.played(now))

    # -- what happened --------------------------------------------------------------------------------------------

    def _playlist_loaded(self, event: PlaylistLoaded, now: float) -> None:
        playlist = event.playlist
        if event.track is None:
            self._attempts = 0
            if isinstance(playlist, MultivariantPlaylist):
                self._start = playlist.start
                self._tracks = select_tracks(playlist, self._variant)
                for index in range(len(self._tracks)):
                    self._fetch_media_playlist(index, now)
                return
            self._tracks = [Track(self._url, None)]
            index = 0
        else:
            index = event.track
        track = self._tracks[index]
        track.playlist_in_flight = False
        if isinstance(playlist, MultivariantPlaylist):
            failure = Failure(FailureKind.BAD_PLAYLIST, "a multivariant playlist where a media playlist was expected")
            self._fail(failure, track.url, now)
        elif not playlist.segments and not playlist.ended:
            failure = Failure(FailureKind.EMPTY_PLAYLIST, "the live playlist has no segments")
            self._playlist_failed(index, failure, track.url, now)
        else:
            self._media_playlist_loaded(track, playlist, event, now)

    def _media_playlist_loaded(self, track: Track, playlist: MediaPlaylist, event: PlaylistLoaded, now: float) -> None:
        track.playlist_attempts = 0
        before, track.playlist = track.playlist, playlist
        track.loaded_at, track.age_seconds = now, event.age_seconds or 0.0
        starved = self.state is not State.PLAYING or self.buffer_seconds(now) <= 0
        if track.next_sequence is None or before is None:
            self._join(track, playlist)
        elif event.changed:
            first = playlist.media_sequence
            if playlist.next_sequence <= before.media_sequence:
                self._join(track, playlist)  # wholly behind the old window: the origin began anew
            elif track.next_sequence < first:
                wanted, track.next_sequence = track.next_sequence, first
                if starved:
                    self._join(track, playlist)  # outside the window: back to the live sync position (hls.js)
                self._actions.append(Report(SegmentsExpired(self.number, now, track.next_sequence - wanted)))
        if playlist.ended:
            track.reload_at = None
        else:
            edge_distance = self._edge_seconds(track, now)
            delay = reload_delay(self._profile.reload_rule, playlist, event.changed, edge_distance)
            track.reload_at = event.started_at + delay
            if event.changed and self.state is State.PLAYING and track is self._tracks[0]:
                self._observe_latency(track, edge_distance, now)

    def _join(self, track: Track, playlist: MediaPlaylist) -> None:
        """Choose where to enter: the segment that holds the join position, and how far into it play begins."""
        extra = min(self._stalls * self._profile.stall_latency_seconds, playlist.target_duration)
        position = join_position(playlist, age=track.age_seconds, extra_latency=extra, start=self._start)
        segment = playlist.segment_at(position)
        if segment is None:
            track.next_sequence, track.skip_seconds = playlist.media_sequence, 0.0
            return
        track.next_sequence = segment.sequence
        track.skip_seconds = max(0.0, position - segment.start)

    def _segment_loaded(self, track: Track) -> None:
        loaded = track.in_flight
        track.in_flight = None
        track.attempts = track.skipped = 0
        if loaded is None or track.playlist is None:
            return
        match loaded.kind:
            case ObjectKind.INIT:
                track.init_loaded = (loaded.url, loaded.byte_range)
            case ObjectKind.KEY:
                track.key_loaded = loaded.url
            case _:
                self._credit(track, track.loading)

    def _credit(self, track: Track, segment: Segment | None) -> None:
        if segment is None:
            return
        track.credited += max(0.0, segment.duration - track.skip_seconds)
        track.skip_seconds = 0.0
        track.next_sequence = segment.sequence + 1
        track.loading = None
        date = segment.program_date_time
        track.end_date = None if date is None else date + segment.duration

    def _fetch_failed(self, event: FetchFailed, now: float) -> None:
        if event.track is None:
            self._attempts += 1
            delay = self._profile.multivariant_playlist.retry_delay(
                self._attempts, event.failure.kind, event.failure.status
            )
            if delay is None or event.failure.kind is FailureKind.BAD_PLAYLIST:
                self._fail(event.failure, event.url, now)
            else:
                self._retry_at = now + delay
        elif event.playlist:
            self._tracks[event.track].playlist_in_flight = False
            self._playlist_failed(event.track, event.failure, event.url, now)
        else:
            self._media_failed(self._tracks[event.track], event.failure, event.url, now)

    def _playlist_failed(self, index: int, failure: Failure, url: str, now: float) -> None:
        track = self._tracks[index]
        track.playlist_attempts += 1
        delay = self._profile.media_playlist.retry_delay(track.playlist_attempts, failure.kind, failure.status)
        if delay is None:
            self._fail(failure, url, now)
        else:
            track.reload_at = now + delay

    def _media_failed(self, track: Track, failure: Failure, url: str, now: float) -> None:
        failed = track.in_flight
        track.in_flight = None
        if failed is None:
            return
        track.attempts += 1
        delay = self._profile.policy(failed.kind).retry_delay(track.attempts, failure.kind, failure.status)
        if delay is not None:
            track.retry_at = now + delay
            return
        live = track.playlist is not None and not track.playlist.ended
        if live and failed.kind is ObjectKind.SEGMENT and track.skipped < self._profile.skipped_segments_limit:
            track.skip_loading()
            return
        self._fail(failure, url, now)

    # -- what follows ---------------------------------------------------------------------------------------------

    def _advance(self, now: float) -> None:
        """Do all that is due at `now`, then say until when nothing is."""
        if self.state in _OVER:
            return
        if self._retry_at is not None and self._retry_at <= now:
            due_at, self._retry_at = self._retry_at, None
            self._fetch_first_playlist(due_at)
        self._play(now)
        if self.state in _OVER:
            return
        until = self._retry_at
        for index, track in enumerate(self._tracks):
            if not track.playlist_in_flight and track.reload_at is not None and track.reload_at <= now:
                self._fetch_media_playlist(index, track.reload_at)
            room_at = self._fetch_media(index, track, now)
            if track.reload_at is not None and (until is None or track.reload_at < until):
                until = track.reload_at
            if room_at is not None and (until is None or room_at < until):
                until = room_at
        if self.state is State.PLAYING:
            empty_at = self._playhead.reaches(self._credited())
            if empty_at is not None and (until is None or empty_at < until):
                until = empty_at
        if until != self._waiting_until:
            self._waiting_until = until
            self._actions.append(Wait(until))

    def _play(self, now: float) -> None:
        """Move between STARTING, PLAYING and STALLED as the buffer says."""
        if not self._tracks:
            return
        if self.state is State.PLAYING:
            empty_at = self._playhead.reaches(self._credited())
            if empty_at is None or empty_at > now + _EPSILON:
                return
            self._playhead.halt(empty_at)
            if all(track.is_complete for track in self._tracks):
                self._stop(State.ENDED, EndReason.ENDED, empty_at)
                return
            self.state, self._stalled_at = State.STALLED, empty_at
            self._stalls += 1
            self._actions.append(Report(StallStarted(self.number, empty_at)))
        complete = all(track.is_complete for track in self._tracks)
        buffered = self.buffer_seconds(now)
        if self.state is State.STARTING:
            if complete and buffered <= 0:
                self._stop(State.ENDED, EndReason.ENDED, now)
            elif buffered > 0 and (complete or buffered >= self._profile.start_buffer_seconds):
                self._played_ever = True
                self._resume(now)
                self._actions.append(Report(PlaybackStarted(self.number, now, now - self._requested_at)))
        elif self.state is State.STALLED:
            if complete and buffered <= 0:
                self._stop(State.ENDED, EndReason.ENDED, now)
            elif buffered > 0 and (complete or buffered >= self._profile.resume_buffer_seconds):
                self._resume(now)
                self._actions.append(Report(StallEnded(self.number, now, now - self._stalled_at)))

    def _resume(self, now: float) -> None:
        self.state = State.PLAYING
        self._playhead.play(now)

    def _fetch_media(self, index: int, track: Track, now: float) -> float | None:
        """Fetch the track's next object if it is time; else say at which instant it may be, if that is known."""
        if track.in_flight is not None or track.playlist is None or track.next_sequence is None:
            return None
        if track.retry_at is not None:
            if track.retry_at > now:
                return track.retry_at
            due_at, track.retry_at = track.retry_at, None
        else:
            due_at = now
        segment = track.next_segment()
        if segment is None:
            return None
        ahead = track.credited - self._playhead.played(now)
        target = self._profile.buffer_target_seconds(track.bitrate_bps)
        if ahead > target + _EPSILON:
            track.room_at = self._playhead.reaches(track.credited - target)
            return track.room_at
        if track.room_at is not None:
            due_at, track.room_at = min(due_at, track.room_at), None
        self._fetch_object(index, track, segment, due_at)
        return None

    def _fetch_object(self, index: int, track: Track, segment: Segment, due_at: float) -> None:
        """Fetch the segment, or the init section or key that it needs and the track does not hold."""
        kind, url, byte_range, media_seconds = ObjectKind.SEGMENT, segment.uri, segment.byte_range, segment.duration
        key, init = segment.key, segment.init
        policy = self._profile.segment
        if init is not None and (init.uri, init.byte_range) != track.init_loaded:
            kind, url, byte_range = ObjectKind.INIT, init.uri, init.byte_range
        elif key is not None and key.uri != track.key_loaded:
            kind, url, byte_range, policy = ObjectKind.KEY, key.uri, None, self._profile.key
        fetch = FetchSegment(
            kind,
            url,
            index,
            due_at,
            policy.first_byte_seconds,
            self._total_seconds or policy.total_seconds,
            byte_range,
            media_seconds if kind is ObjectKind.SEGMENT else None,
            track.bitrate_bps,
        )
        track.in_flight, track.loading = fetch, segment
        self._actions.append(fetch)

    def _fetch_first_playlist(self, due_at: float) -> None:
        policy = self._profile.multivariant_playlist
        total = self._total_seconds or policy.total_seconds
        self._actions.append(FetchPlaylist(self._url, None, due_at, policy.first_byte_seconds, total))

    def _fetch_media_playlist(self, index: int, due_at: float) -> None:
        track, policy = self._tracks[index], self._profile.media_playlist
        track.playlist_in_flight, track.reload_at = True, None
        total = self._total_seconds or policy.total_seconds
        self._actions.append(FetchPlaylist(track.url, index, due_at, policy.first_byte_seconds, total))

    # -- figures --------------------------------------------------------------------------------------------------

    def _credited(self) -> float:
        tracks = self._tracks
        if len(tracks) == 1:
            return tracks[0].credited
        return min(track.credited for track in tracks)

    def _edge_seconds(self, track: Track, now: float) -> float:
        """Edge + age of the playlist - playhead: the buffer, what is listed behind it, and the playlist's age."""
        ahead = max(0.0, track.credited - self._playhead.played(now))
        return ahead + track.listed_ahead() + track.age_seconds + (now - track.loaded_at)

    def _observe_latency(self, track: Track, edge_seconds: float, now: float) -> None:
        ahead = max(0.0, track.credited - self._playhead.played(now))
        live = None
        if track.end_date is not None:
            live = now + self._wall_clock_offset - (track.end_date - ahead)
        self._actions.append(Report(LatencyObserved(self.number, now, live, edge_seconds, ahead)))

    # -- the end --------------------------------------------------------------------------------------------------

    def _fail(self, failure: Failure, url: str, now: float) -> None:
        self._stop(State.FAILED, EndReason.FAILED, now, failure, url)

    def _stop(
        self, state: State, reason: EndReason, now: float, failure: Failure | None = None, url: str | None = None
    ) -> None:
        if self.state in _OVER:
            return
        if self.state is not State.IDLE:
            stopped = ViewerStopped(self.number, now, reason, self._played_ever, failure, url)
            self._actions.append(Report(stopped))
        self.state = state
        self._actions.append(Stop())
