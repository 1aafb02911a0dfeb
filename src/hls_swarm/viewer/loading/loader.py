"""What a viewer loads, and when: its tracks, the failures on the way, and where else it could go.

Rules:

- One playlist and one media request in flight per track, no more. No media is fetched while the buffer holds the
  profile's target: this on/off pattern is what makes the load realistic.
- On reload the next segment is the lowest sequence number above the last one loaded; what expired meanwhile is counted.
- Renditions follow the variant: they join where it joined, on its timeline, and go with it when it fails over.
- A fatal failure is noted in `fatal`; who asks decides what it means.
"""

from hls_swarm.hls.playlist import MediaPlaylist, MultivariantPlaylist, Segment
from hls_swarm.hls.playlist import Start as StartTag
from hls_swarm.hls.timeline import alignment
from hls_swarm.records import (
    Failure,
    FailureKind,
    ObjectKind,
    PassReason,
    Record,
    SegmentsExpired,
    SegmentsMutated,
    SegmentsPassed,
    SequenceReset,
)
from hls_swarm.settings.spellings import VariantChoice, VariantKind
from hls_swarm.viewer.actions import (
    Action,
    Cancel,
    FetchFailed,
    PlaylistLoaded,
    Report,
)
from hls_swarm.viewer.choosing import choice
from hls_swarm.viewer.choosing.alternatives import Alternatives
from hls_swarm.viewer.choosing.choice import Source
from hls_swarm.viewer.loading.join import chosen_position, target_latency, usual_position
from hls_swarm.viewer.loading.policy import FetchPolicy, Situation, Step, next_step
from hls_swarm.viewer.loading.reload import next_load, reload_delay
from hls_swarm.viewer.loading.requests import SEGMENT, object_fetch, playlist_fetch
from hls_swarm.viewer.loading.track import Role, Track, tracks_of
from hls_swarm.viewer.playing.latency import edge_latency, observed
from hls_swarm.viewer.playing.playback import EPSILON, PLAYING, Playback
from hls_swarm.viewer.profiles import Profile, ReloadRule
from hls_swarm.viewer.session import Session


class Loader:
    """The loading half of a viewer.

    Args:
        url: multivariant or media playlist.
        profile: the player it behaves like.
        variant: which variant to play.
        session: where to begin.
        playback: what the person sees; read, never changed.
        wall_clock_offset: wall clock (Unix seconds) less monotonic clock, for the live latency.
        total_seconds: a time limit that takes the place of the profile's own ones; None keeps these.

    Attributes:
        actions: where what is to be done goes; replaced for each event.
        tracks: what is followed; the first is the variant.
        fatal: the failure that leaves nothing to play, and where it happened.
        last_failure: the newest failure of a fetch.
        start_seconds, resume_seconds: buffer needed to start, and to go on after a stall.
    """

    __slots__ = (
        "_alternatives",
        "_attempts",
        "_gating",
        "_number",
        "_on_demand",
        "_playback",
        "_profile",
        "_retry_at",
        "_session",
        "_start",
        "_total_seconds",
        "_url",
        "_variant",
        "_wall_clock_offset",
        "actions",
        "fatal",
        "last_failure",
        "resume_seconds",
        "start_seconds",
        "tracks",
    )

    def __init__(
        self,
        number: int,
        url: str,
        profile: Profile,
        variant: VariantChoice,
        session: Session,
        playback: Playback,
        wall_clock_offset: float,
        total_seconds: float | None,
    ) -> None:
        self._number = number
        self._url = url
        self._profile = profile
        self._variant = variant
        self._session = session
        self._playback = playback
        self._wall_clock_offset = wall_clock_offset
        self._total_seconds = total_seconds
        self.actions: list[Action] = []
        self.tracks: list[Track] = []
        self._gating: list[Track] = []
        self._alternatives: Alternatives | None = None
        self._start: StartTag | None = None
        self.start_seconds, self.resume_seconds = profile.start_buffer_seconds, profile.resume_buffer_seconds
        self._on_demand = profile.reload_rule is ReloadRule.ON_DEMAND
        self._attempts = 0
        self._retry_at: float | None = None
        self.fatal: tuple[Failure, str] | None = None
        self.last_failure: Failure | None = None

    @property
    def credited(self) -> float:
        """Media appended since the viewer joined, in seconds: the least over the tracks that count."""
        gating = self._gating
        if len(gating) == 1:
            return gating[0].credited
        return min((track.credited for track in gating), default=0.0)

    @property
    def complete(self) -> bool:
        """Whether all media is loaded and no more will come."""
        gating = self._gating
        if len(gating) == 1:
            return gating[0].is_complete
        return bool(gating) and all(track.is_complete for track in gating)

    def buffer_seconds(self, now: float) -> float:
        """Media ahead of the playhead."""
        return max(0.0, self.credited - self._playback.playhead.played(now))

    def place(self, now: float) -> tuple[float, float] | None:
        """Where the playhead is and how far one can seek, in seconds from the playlist's start; None if unknown."""
        main = self.tracks[0]
        playlist, loaded_to = main.playlist, main.next_position
        if playlist is None or loaded_to is None:
            return None
        usual = usual_position(playlist, self._profile, self._start, age=0.0, extra_latency=0.0)
        here = loaded_to - max(0.0, main.credited - self._playback.playhead.played(now))
        return here, usual if playlist.is_live else playlist.duration

    def go_to(self, position: float, now: float) -> None:
        """Clear the buffer and load from another position of the variant's playlist."""
        played = self._playback.playhead.played(now)
        main = self.tracks[0]
        for track in self.tracks:
            self._cancel_media(track)
            track.credited = played
            if track is not main:
                track.next_sequence = None
        if main.playlist is not None:
            main.enter(main.playlist, position)
        self._join_renditions()

    def cancel_all(self) -> None:
        """End what is in flight: nobody waits for it any more."""
        if not self.tracks:
            self.actions.append(Cancel(None, playlist=True))
        for track in self.tracks:
            self._cancel(track)

    def load_due(self, now: float) -> float | None:
        """Fetch all that is due at `now`; gives the instant at which more will be, if that is known."""
        if self._retry_at is not None and self._retry_at <= now:
            due_at, self._retry_at = self._retry_at, None
            self.fetch_first_playlist(due_at)
        until = self._retry_at
        for index, track in enumerate(self.tracks):
            reload_at = track.reload_at
            if reload_at is not None and not (self._on_demand and track.has_work):
                if reload_at <= now and not track.playlist_in_flight:
                    self._fetch_media_playlist(index, reload_at)
                elif until is None or reload_at < until:
                    until = reload_at
            room_at = self._fetch_media(index, track, now)
            if room_at is not None and (until is None or room_at < until):
                until = room_at
        return until

    # -- playlists ------------------------------------------------------------------------------------------------

    def playlist_loaded(self, event: PlaylistLoaded, now: float) -> None:
        """A playlist is here: choose, join, or find the place in what has moved on."""
        playlist = event.playlist
        if event.track is None:
            self._attempts = 0
            if isinstance(playlist, MultivariantPlaylist):
                self._choose(playlist, now)
                for index in range(len(self.tracks)):
                    self._fetch_media_playlist(index, now)
                return
            self.tracks = self._gating = [Track(Source(self._url))]
            index = 0
        else:
            index = event.track
        track = self.tracks[index]
        track.playlist_in_flight = False
        if isinstance(playlist, MultivariantPlaylist):
            failure = Failure(FailureKind.BAD_PLAYLIST, "a multivariant playlist where a media playlist was expected")
            self._fail(failure, track.source.url)
        elif not playlist.segments and playlist.is_live:
            failure = Failure(FailureKind.EMPTY_PLAYLIST, "the live playlist has no segments")
            self._playlist_failed(index, failure, track.source.url, now)
        else:
            self._media_playlist_loaded(track, playlist, event, now)

    def _choose(self, playlist: MultivariantPlaylist, now: float) -> None:
        profile, kind = self._profile, self._variant.kind
        self._start = playlist.start
        every = choice.options(playlist, subtitles=profile.plays_subtitles)
        picked = choice.chosen(every, self._variant, choice.heights(playlist), self._session.variant_draw)
        self.tracks = tracks_of(picked, profile)
        for option in picked:
            self._report(option.chosen_by(self._number, now))
        self._gating = [track for track in self.tracks if track.gates]
        if profile.failover is not None and kind is not VariantKind.ALL:
            self._alternatives = Alternatives(every, picked[0], profile.failover)

    def _media_playlist_loaded(self, track: Track, playlist: MediaPlaylist, event: PlaylistLoaded, now: float) -> None:
        track.playlist_attempts = 0
        before, track.playlist = track.playlist, playlist
        track.loaded_at, track.age_seconds = now, event.age_seconds or 0.0
        changed = event.changed or before is None
        if track.leaving is not None:
            track.arrive(playlist, now)
        if track.next_sequence is None:
            self._join(track, playlist)
        elif before is not None and changed:
            self._follow(track, before, playlist, event, now)
        if playlist.is_live:
            fresh, target = track.freshness, playlist.target_duration
            stale = fresh.loaded(self._number, changed, event.started_at, target, now)
            if stale is not None:
                self._report(stale)
            if not changed and (unchanged := fresh.gives_up(self._profile, now, target)) is not None:
                reason = f"the live playlist did not change for {unchanged:.0f} s"
                self._fail(Failure(FailureKind.STALE_PLAYLIST, reason), track.source.url)
                return
            playhead = self._playback.playhead
            edge_seconds = edge_latency(track, playhead, now)
            delay = reload_delay(self._profile.reload_rule, playlist, changed, edge_seconds)
            track.reload_at = track.scheduled_at = next_load(
                self._profile.reload_rule, track.scheduled_at, event.started_at, delay, now
            )
            if before is not None and changed and self._playback.state is PLAYING and track is self.tracks[0]:
                self._report(observed(self._number, track, playhead, edge_seconds, self._wall_clock_offset, now))
        else:
            track.reload_at = None
        if len(self.tracks) > 1:
            self._join_renditions()

    def _follow(
        self, track: Track, before: MediaPlaylist, playlist: MediaPlaylist, event: PlaylistLoaded, now: float
    ) -> None:
        """Find the place in a playlist that has moved on."""
        if event.mutated:
            self._report(SegmentsMutated(self._number, now, event.mutated))
        if before.segments and playlist.next_sequence <= before.first_sequence:
            self._report(SequenceReset(self._number, now))
            self._cancel_media(track)
            self._join(track, playlist)

    def _pass_expired(self, track: Track, playlist: MediaPlaylist, wanted: int, now: float) -> Segment | None:
        """What is wanted has left the playlist: go on with the first that is listed, and count those between."""
        track.next_sequence, track.skip_seconds = playlist.first_sequence, 0.0
        if self._playback.state is not PLAYING or self.buffer_seconds(now) <= 0:
            self._join(track, playlist)  # outside the window: back to the live sync position (hls.js)
        self._report(SegmentsExpired(self._number, now, (track.next_sequence or playlist.first_sequence) - wanted))
        return track.next_segment()

    def _join(self, track: Track, playlist: MediaPlaylist) -> None:
        """Choose where to enter: the segment that holds the join position, and how far into it play begins."""
        if track is not self.tracks[0]:
            track.next_sequence = None  # where the variant is, once that is known
            return
        profile = self._profile
        extra = min(self._playback.stalls * profile.stall_latency_seconds, playlist.target_duration)
        position = usual_position(playlist, profile, self._start, age=track.age_seconds, extra_latency=extra)
        if track.credited == 0.0:
            position = chosen_position(playlist, position, self._session.join, self._session.join_draw)
        track.enter(playlist, position, at_segment=profile.joins_at_segment)
        if playlist.is_live and profile.live_start_share:
            most = profile.live_start_share * target_latency(playlist, profile, self._start)
            self.start_seconds = min(profile.start_buffer_seconds, most)
            self.resume_seconds = min(profile.resume_buffer_seconds, most)
        for other in self.tracks[1:]:
            if other.in_flight is None:
                other.next_sequence = None

    def _join_renditions(self) -> None:
        """Let the other tracks enter where the first one is, brought onto their own timeline (8216bis 6.3.2)."""
        main = self.tracks[0]
        position = main.next_position
        if main.playlist is None or position is None:
            return
        for track in self.tracks[1:]:
            if track.next_sequence is not None or track.playlist is None or track.in_flight is not None:
                continue
            aligned = alignment(main.playlist, track.playlist, elapsed=track.loaded_at - main.loaded_at)
            if aligned is not None:
                there = position - main.credited + track.credited + aligned.offset
                track.enter(track.playlist, max(0.0, there))

    # -- media ----------------------------------------------------------------------------------------------------

    def media_loaded(self, index: int) -> None:
        """The media request of the track is here whole."""
        track = self.tracks[index]
        loaded, segment = track.in_flight, track.loading
        track.in_flight = None
        track.attempts = 0
        if loaded is None:
            return
        if loaded.kind is SEGMENT:
            if segment is not None:
                track.credit(segment)
        elif loaded.kind is ObjectKind.INIT:
            track.init_loaded = (loaded.url, loaded.byte_range)
        else:
            track.key_loaded = loaded.url

    def _fetch_media(self, index: int, track: Track, now: float) -> float | None:
        """Fetch the track's next object if it is time; else say at which instant it may be, if that is known."""
        if track.in_flight is not None or track.playlist is None or track.next_sequence is None:
            return None
        due_at = now
        if track.retry_at is not None:
            if track.retry_at > now:
                return track.retry_at
            due_at, track.retry_at = track.retry_at, None
        segment = track.next_segment()
        if segment is None and track.next_sequence < track.playlist.first_sequence:
            segment = self._pass_expired(track, track.playlist, track.next_sequence, now)
        if segment is not None and segment.gap:
            segment = self._pass_gaps(track, now)
        if segment is None:
            return None
        playhead = self._playback.playhead
        target = self._profile.buffer_target_seconds(track.source.bitrate_bps)
        if track.credited - playhead.played(now) > target + EPSILON:
            track.room_at = playhead.reaches(track.credited - target)
            return track.room_at
        if track.room_at is not None:
            due_at, track.room_at = min(due_at, track.room_at), None
        fetch = object_fetch(self._profile, track, index, segment, due_at, self._total_seconds)
        track.in_flight, track.loading = fetch, segment
        self.actions.append(fetch)
        return None

    def _pass_gaps(self, track: Track, now: float) -> Segment | None:
        """Another variant, else what comes after the gap (8216bis 6.3.3)."""
        if track.role is Role.MAIN and self._switch(now):
            return None
        count, segment = 0, track.next_segment()
        while segment is not None and segment.gap:
            track.pass_over()
            count += 1
            segment = track.next_segment()
        self._report(SegmentsPassed(self._number, now, count, PassReason.GAP))
        return segment

    def fetch_first_playlist(self, due_at: float) -> None:
        """Ask for what the viewer was given: a multivariant or a media playlist."""
        policy = self._profile.multivariant_playlist
        self.actions.append(
            playlist_fetch(self._url, None, due_at, policy, self._total_seconds, retry=self._attempts > 0)
        )

    def _fetch_media_playlist(self, index: int, due_at: float) -> None:
        track = self.tracks[index]
        track.playlist_in_flight, track.reload_at = True, None
        policy = self._profile.media_playlist
        retry = track.playlist_attempts > 0
        self.actions.append(playlist_fetch(track.source.url, index, due_at, policy, self._total_seconds, retry=retry))

    # -- failures -------------------------------------------------------------------------------------------------

    def fetch_failed(self, event: FetchFailed, now: float) -> None:
        """Try again, go elsewhere, do without, or give up."""
        self.last_failure = event.failure
        if event.track is None:
            self._first_playlist_failed(event, now)
        elif event.playlist:
            self.tracks[event.track].playlist_in_flight = False
            self._playlist_failed(event.track, event.failure, event.url, now)
        else:
            self._media_failed(self.tracks[event.track], event.failure, event.url, now)

    def _first_playlist_failed(self, event: FetchFailed, now: float) -> None:
        self._attempts += 1
        policy = self._profile.multivariant_playlist
        delay = policy.retry_delay(self._attempts, event.failure.kind, event.failure.status)
        if delay is None or event.failure.kind is FailureKind.BAD_PLAYLIST:
            self._fail(event.failure, event.url)
        else:
            self._retry_at = now + delay

    def _playlist_failed(self, index: int, failure: Failure, url: str, now: float) -> None:
        track, policy = self.tracks[index], self._profile.media_playlist
        track.playlist_attempts += 1
        step, delay = self._next_step(policy, track, failure, track.playlist_attempts, now, passable=False)
        if step is Step.RETRY:
            track.reload_at = now + delay
        else:
            self._take(step, track, failure, url, now)

    def _media_failed(self, track: Track, failure: Failure, url: str, now: float) -> None:
        failed = track.in_flight
        track.in_flight = None
        if failed is None:
            return
        track.attempts += 1
        profile = self._profile
        passable = (
            failed.kind is ObjectKind.SEGMENT
            and (profile.skips_in_vod or (track.playlist is not None and track.playlist.is_live))
            and track.skipped < profile.skipped_segments_limit
        )
        policy = profile.policy(failed.kind)
        step, delay = self._next_step(policy, track, failure, track.attempts, now, passable=passable)
        if step is Step.RETRY:
            track.retry_at = now + delay
        else:
            self._take(step, track, failure, url, now)

    def _next_step(
        self, policy: FetchPolicy, track: Track, failure: Failure, attempts: int, now: float, *, passable: bool
    ) -> tuple[Step, float]:
        alternatives = self._alternatives if track.role is Role.MAIN else None
        live = track.playlist is not None and track.playlist.is_live
        situation = Situation(
            attempts=attempts,
            alternative=alternatives is not None and alternatives.next_option(now) is not None,
            passable=passable,
            optional=track.role is Role.SUBTITLES,
            live_retry_seconds=self._profile.live_retry_seconds if live else None,
        )
        return next_step(policy, self._profile.failover, failure, situation)

    def _take(self, step: Step, track: Track, failure: Failure, url: str, now: float) -> None:
        """Carry out a step that is not another try."""
        match step:
            case Step.SWITCH:
                self._switch(now)
            case Step.PASS_OVER:
                track.pass_over()
                track.skipped += 1
                self._report(SegmentsPassed(self._number, now, 1, PassReason.UNAVAILABLE))
            case Step.DROP:
                self._cancel(track)
                track.playlist, track.reload_at, track.next_sequence, track.gates = None, None, None, False
                self._gating = [other for other in self.tracks if other.gates]
            case _:
                self._fail(failure, url)

    def _switch(self, now: float) -> bool:
        """Go to the next stream that has not failed lately, with its renditions; False if there is none."""
        alternatives = self._alternatives
        option = None if alternatives is None else alternatives.next_option(now)
        if alternatives is None or option is None:
            return False
        alternatives.go_to(option, now)
        wanted = {Role.MAIN: option.main, Role.AUDIO: option.audio, Role.SUBTITLES: option.subtitles}
        for index, track in enumerate(self.tracks):
            source = wanted[track.role]
            if source is not None and source.url != track.source.url:
                self._cancel(track)
                track.switch(source)
                self._fetch_media_playlist(index, now)
        self._report(option.chosen_by(self._number, now, failover=True))
        return True

    def _cancel(self, track: Track) -> None:
        if track.playlist_in_flight:
            track.playlist_in_flight = False
            self.actions.append(Cancel(self.tracks.index(track), playlist=True))
        self._cancel_media(track)

    def _cancel_media(self, track: Track) -> None:
        if track.in_flight is not None:
            track.in_flight = track.loading = None
            self.actions.append(Cancel(self.tracks.index(track), playlist=False))
        track.retry_at = track.room_at = None

    def _report(self, record: Record) -> None:
        self.actions.append(Report(record))

    def _fail(self, failure: Failure, url: str) -> None:
        self.last_failure = failure
        self.fatal = self.fatal or (failure, url)
