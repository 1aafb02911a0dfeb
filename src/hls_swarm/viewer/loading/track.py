"""One media playlist that a viewer follows: a variant, or a rendition that belongs to it."""

from collections.abc import Sequence
from enum import Enum, auto

from hls_swarm.hls.playlist import MediaPlaylist, Segment
from hls_swarm.hls.timeline import alignment
from hls_swarm.viewer.actions import FetchSegment
from hls_swarm.viewer.adapting.estimates import Ewma
from hls_swarm.viewer.choosing.choice import Option, Role, Source
from hls_swarm.viewer.choosing.steering import Move
from hls_swarm.viewer.loading.fatal import Fatal
from hls_swarm.viewer.loading.playlists.freshness import Freshness
from hls_swarm.viewer.lowlatency.place import Place
from hls_swarm.viewer.playing.frames import early_seconds, stream_seconds
from hls_swarm.viewer.profiles import Profile

LOOKUP_TOLERANCE_SECONDS = 0.25
"""A position this close to the end of a segment means the next one (hls.js, `maxFragLookUpTolerance`)."""


_LEAST_GAP_SECONDS = 1e-5


class Repeats(Enum):
    """Which changes of variant load the last segment again, in the new one."""

    NONE = auto()
    OF_DEPENDENT = auto()
    """Those of a stream whose segments depend on each other (Media3)."""
    WHERE_SOUND_ENDS_EARLY = auto()
    """What comes next after a change is looked up by the end of what is buffered without the usual tolerance, and where
    sound and picture are in one file sound may end some milliseconds before its segment, counted from the first frame
    that was played, or that was loaded again (`playing.frames`). Not in a change up from a stream's first segment
    (hls.js, `findFragmentByPTS`, `fragmentWithinFastStartSwitch`)."""


class Track:
    """What a viewer holds and has under way of one media playlist.

    Attributes:
        gates: whether its buffer counts for starts and stalls.
        playlist: as last loaded, `loaded_at` when, with the answer's Age.
        freshness: whether it still changes.
        reload_at: when the next load is due; None while one is in flight, or if none will follow.
        scheduled_at: when the load that is due or in flight should begin, retries aside; None before the second.
        next_sequence: media sequence number of the next segment to load; None before the track was joined.
        skip_seconds: how far into the next segment play begins, after a join.
        credited: media appended since the viewer joined, in seconds.
        end_date: date (Unix seconds) at which the newest credited segment ends, if the playlist has dates.
        in_flight, loading: the media request under way, and the segment that it is for.
        room_at: when a buffer that was full has room for the next segment.
        looked_at, look_seconds, look_at: when a player that polls looked in vain, after how long it looks again, and
            when that is; None: it looks at once.
        beat_at: when its timer for reloads is due, whichever variant it follows then (Shaka).
        load_seconds: the mean time of reloads, of a player whose timer goes by it.
        given_up: what could not be had, and is not acted upon before `retry_at`.
        attempts, playlist_attempts: failed tries in a row.
        keyless: the segment that is here and waits for its key.
        skipped: segments given up in a row.
        unmeasured: sequence numbers of credited segments whose duration was 0: a later playlist may tell it.
        leaving: playlist of the source before and when it was loaded, until the new one is here.
        kept: init sections and keys that need not be loaded again, by what `keep` was told.
        repeats: which changes of variant load the last segment again.
        frame_seconds: how long a frame of sound is, if sound comes in the same file.
        began_early: by how much sound began before the segment with which play began, or that was loaded again last;
            None before that.
        rises: whether the change that is under way leads to a higher bitrate.
        shown_url: where the playlist was asked for, secrets masked.
        low_latency: where it stands between parts; None: the player knows whole segments only.
        moved: where what its playlist lists is asked for instead, since it was sent to another pathway.
    """

    __slots__ = (
        "age_seconds",
        "attempts",
        "beat_at",
        "began_early",
        "credited",
        "end_date",
        "frame_seconds",
        "freshness",
        "gates",
        "given_up",
        "in_flight",
        "init_loaded",
        "kept",
        "key_loaded",
        "keyless",
        "leaving",
        "load_seconds",
        "loaded_at",
        "loading",
        "look_at",
        "look_seconds",
        "looked_at",
        "low_latency",
        "moved",
        "next_sequence",
        "playlist",
        "playlist_attempts",
        "playlist_in_flight",
        "reload_at",
        "repeats",
        "retry_at",
        "rises",
        "role",
        "room_at",
        "scheduled_at",
        "shown_url",
        "skip_seconds",
        "skipped",
        "source",
        "unmeasured",
    )

    def __init__(self, source: Source, role: Role = Role.MAIN, *, gates: bool = True) -> None:
        self.source = source
        self.role = role
        self.gates = gates
        self.playlist: MediaPlaylist | None = None
        self.loaded_at = self.age_seconds = 0.0
        self.freshness = Freshness()
        self.playlist_in_flight = False
        self.playlist_attempts = 0
        self.reload_at: float | None = None
        self.scheduled_at: float | None = None
        self.next_sequence: int | None = None
        self.skip_seconds = 0.0
        self.credited = 0.0
        self.end_date: float | None = None
        self.in_flight: FetchSegment | None = None
        self.loading: Segment | None = None
        self.attempts = 0
        self.retry_at: float | None = None
        self.room_at: float | None = None
        self.looked_at: float | None = None
        self.look_seconds = 0.0
        self.look_at: float | None = None
        self.beat_at: float | None = None
        self.load_seconds: Ewma | None = None
        self.given_up: Fatal | None = None
        self.keyless: Segment | None = None
        self.skipped = 0
        self.repeats = Repeats.NONE
        self.frame_seconds = 0.0
        self.began_early: float | None = None
        self.rises = False
        self.kept: frozenset[object] = frozenset()
        self.init_loaded: tuple[str, tuple[int, int] | None] | None = None
        self.key_loaded: str | None = None
        self.leaving: tuple[MediaPlaylist, float] | None = None
        self.shown_url = ""
        self.unmeasured: list[int] = []
        self.low_latency: Place | None = None
        self.moved: Move | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the playlist has ended and all of it is loaded."""
        playlist = self.playlist
        return (
            playlist is not None
            and not playlist.is_live
            and self.next_sequence is not None
            and self.next_sequence >= playlist.next_sequence
        )

    @property
    def has_work(self) -> bool:
        """Whether there is something to load without a reload of the playlist."""
        return self.in_flight is not None or self.retry_at is not None or self.next_segment() is not None

    @property
    def next_position(self) -> float | None:
        """Where the media that is not loaded yet begins, in seconds from the start of the playlist."""
        playlist = self.playlist
        if playlist is None or self.next_sequence is None:
            return None
        segment = playlist.segment_of_sequence(self.next_sequence)
        if segment is not None:
            return segment.start + self.skip_seconds
        if self.next_sequence < playlist.first_sequence:
            return 0.0
        return playlist.duration + (self.skip_seconds if self.next_sequence == playlist.next_sequence else 0.0)

    @property
    def place_by_parts(self) -> Place | None:
        """Where it stands between parts; None where there are none, as in most streams, whatever the player could."""
        place, playlist = self.low_latency, self.playlist
        if place is None or playlist is None or place.part or playlist.part_target or playlist.preload_hints:
            return place
        return None

    def next_segment(self) -> Segment | None:
        """The segment to load next, if the playlist lists it."""
        if self.playlist is None or self.next_sequence is None:
            return None
        return self.playlist.segment_of_sequence(self.next_sequence)

    def enter(
        self, playlist: MediaPlaylist, position: float, *, at_segment: bool = False, back_seconds: float = 0.0
    ) -> float:
        """Let `position` of the playlist be loaded next; gives where that really is.

        Args:
            at_segment: begin with the start of the segment that holds it.
            back_seconds: begin with the segment that holds what is so long before, and play from the position on.
        """
        segment = playlist.segment_at(max(0.0, position - back_seconds))
        if segment is not None and not back_seconds and segment.end - position <= LOOKUP_TOLERANCE_SECONDS:
            segment = playlist.segment_of_sequence(segment.sequence + 1) or segment
        self.loading = self.keyless = None
        self.room_at = self.retry_at = None
        self.looked_at = self.look_at = self.given_up = None
        self.attempts = 0
        if self.low_latency is not None:
            self.low_latency.move()
        if segment is None:
            behind = position >= playlist.duration > 0
            self.next_sequence = playlist.next_sequence if behind else playlist.first_sequence
            in_parts = behind and self.low_latency is not None and playlist.open_parts
            self.skip_seconds = min(position, playlist.edge) - playlist.duration if in_parts else 0.0
            return playlist.duration + self.skip_seconds if behind else 0.0
        self.next_sequence = segment.sequence
        self.skip_seconds = 0.0 if at_segment else max(0.0, position - segment.start)
        if not self.skip_seconds:
            # Segments of 0 s that stand at the same place are asked for, too.
            while (before := playlist.segment_of_sequence(self.next_sequence - 1)) is not None and not before.duration:
                self.next_sequence -= 1
        return segment.start + self.skip_seconds

    def arrive(self, playlist: MediaPlaylist, now: float) -> None:
        """Go on in a new source's playlist where the one before was left (aligned by time, never by number)."""
        if self.leaving is None:
            return
        old, loaded_at = self.leaving
        self.leaving, new = None, playlist
        current, self.playlist = self.playlist, old
        position = self.next_position
        self.playlist = current
        aligned = alignment(old, new, elapsed=now - loaded_at)
        if position is None or aligned is None:
            self.next_sequence = None
            return
        skipped = self.skip_seconds
        self.enter(new, position + aligned.offset)
        if self.skip_seconds < LOOKUP_TOLERANCE_SECONDS and not skipped:
            self.skip_seconds = 0.0
        if self.repeats is not Repeats.NONE and self.credited and not self.skip_seconds:
            before = None if self.next_sequence is None else new.segment_of_sequence(self.next_sequence - 1)
            if before is not None and self._repeats(new, before):
                self.next_sequence, self.skip_seconds = before.sequence, before.duration
                self.begin(new)

    def _repeats(self, new: MediaPlaylist, last: Segment) -> bool:
        """Whether a change loads the last segment again, where `new` has it."""
        if self.repeats is Repeats.OF_DEPENDENT:
            return not new.independent_segments
        up_from_first = self.rises and not new.is_live and last.sequence == new.first_sequence
        if up_from_first or new.is_low_latency:
            return False
        end = stream_seconds(new, last) + last.duration
        return early_seconds(end, self.frame_seconds) > (self.began_early or 0.0) + _LEAST_GAP_SECONDS

    def begin(self, playlist: MediaPlaylist) -> None:
        """Play begins with the next segment, or it is loaded again."""
        segment = playlist.segment_of_sequence(self.next_sequence) if self.next_sequence is not None else None
        if segment is not None and self.frame_seconds:
            self.began_early = early_seconds(stream_seconds(playlist, segment), self.frame_seconds)

    def switch(self, source: Source) -> None:
        """Follow another source from where this one stands."""
        if self.playlist is not None and self.leaving is None:
            self.leaving = (self.playlist, self.loaded_at)
            self.rises = (source.bitrate_bps or 0) > (self.source.bitrate_bps or 0)
        self.source = source
        self.playlist = self.moved = None
        self.playlist_in_flight = False
        self.in_flight = self.loading = self.keyless = None
        self.init_loaded = self.key_loaded = None
        self.reload_at = self.scheduled_at = self.retry_at = self.room_at = None
        self.looked_at = self.look_at = self.given_up = None
        self.attempts = self.playlist_attempts = 0
        self.freshness = Freshness()
        self.unmeasured = []
        if self.low_latency is not None:
            self.low_latency.leave()

    def keep(self, what: object) -> None:
        """An init section (address and range) or a key (address) is here, and is kept beyond a change of variant."""
        self.kept |= {what}

    def pass_over(self) -> None:
        """Go on behind the next segment without it."""
        if self.next_sequence is not None:
            self.next_sequence += 1
        self.loading = self.keyless = None
        self.skip_seconds = 0.0
        self.attempts = 0
        if self.low_latency is not None:
            self.low_latency.move()

    def credit(self, segment: Segment) -> float:
        """The segment is here: what it adds to the buffer, in seconds."""
        added = segment.duration
        if self.skip_seconds:
            left = self.skip_seconds - added
            added = max(0.0, -left)
            self.skip_seconds = max(0.0, left)
        if self.low_latency is not None:
            self.low_latency.part = 0
        self.credited += added
        self.next_sequence = segment.sequence + 1
        self.loading = None
        self.skipped = 0
        if not segment.duration:
            self.unmeasured.append(segment.sequence)
        date = segment.program_date_time
        self.end_date = None if date is None else date + segment.duration
        return added

    def measure(self, playlist: MediaPlaylist) -> None:
        """Credit what the playlist now tells of segments whose duration was 0 when they were loaded."""
        waiting, self.unmeasured = self.unmeasured, []
        for sequence in waiting:
            segment = playlist.segment_of_sequence(sequence)
            if segment is None:
                continue
            if not segment.duration:
                self.unmeasured.append(sequence)
                continue
            self.credited += segment.duration
            if sequence + 1 == self.next_sequence and segment.program_date_time is not None:
                self.end_date = segment.program_date_time + segment.duration

    def listed_ahead(self) -> float:
        """Media that the playlist lists and the viewer has not loaded, in seconds."""
        position = self.next_position
        return 0.0 if position is None or self.playlist is None else max(0.0, self.playlist.edge - position)


def tracks_of(options: Sequence[Option], profile: Profile) -> list[Track]:
    """The tracks that carry these options; a playlist that several of them share is followed once."""
    tracks: dict[str, Track] = {}
    for option in options:
        tracks.setdefault(option.main.url, Track(option.main))
        if option.audio is not None:
            tracks.setdefault(option.audio.url, Track(option.audio, Role.AUDIO))
        if option.subtitles is not None:
            gates = profile.waits_for_subtitles
            tracks.setdefault(option.subtitles.url, Track(option.subtitles, Role.SUBTITLES, gates=gates))
    return list(tracks.values())
