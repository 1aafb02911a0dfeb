"""What a viewer's loading knows and has under way, and the few things that every part of it does.

The parts are modules of functions over this one object: `following` (playlists), `media` (segments, keys, init
sections), `recovery` (what comes after a failure), `elsewhere` (which stream is played, and going to another), with
`loader` on top, which is what the viewer's machine speaks to.
"""

import math
from typing import TYPE_CHECKING

from hls_swarm.hls.playlist import Start as StartTag
from hls_swarm.hls.uri import split_uri
from hls_swarm.records import Failure, ObjectKind, Record
from hls_swarm.settings.spellings import VariantChoice
from hls_swarm.viewer.actions import Action, Cancel, Report
from hls_swarm.viewer.choosing.alternatives import Alternatives
from hls_swarm.viewer.loading.fatal import Fatal
from hls_swarm.viewer.loading.policy import FetchPolicy
from hls_swarm.viewer.loading.requests import playlist_fetch, reload_fetch
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.lowlatency.place import Pace, Place
from hls_swarm.viewer.playing.playback import Playback
from hls_swarm.viewer.profiles import Profile, ReloadRule
from hls_swarm.viewer.session import Session

if TYPE_CHECKING:
    from hls_swarm.viewer.loading.changing.levels import Levels
    from hls_swarm.viewer.loading.changing.steer import Steering
    from hls_swarm.viewer.loading.probing import Probe


class Loading:
    """The loading half of a viewer.

    Args:
        url: multivariant or media playlist.
        profile: the player it behaves like.
        variant: which variant to play.
        session: where to begin.
        playback: what the person sees; read, never changed.
        wall_clock_offset: wall clock (Unix seconds) less monotonic clock, for the live latency.
        total_seconds: a time limit that takes the place of the profile's own ones; None keeps these.
        link_bps: rate of the viewer's own link, if it is known.

    Attributes:
        actions: where what is to be done goes; replaced for each event.
        tracks: what is followed; the first is the variant.
        gating: those of them whose buffer counts for starts and stalls.
        alternatives: where else it could go; None where it stays whatever happens.
        levels: what it chooses among as it goes; None where it does not adapt.
        start: EXT-X-START of the multivariant playlist.
        start_seconds, resume_seconds: buffer needed to start, and to go on after a stall.
        on_demand: playlists are loaded when media runs out, not by the clock.
        attempts: failed tries of the first playlist in a row.
        drawn: how many waits were drawn.
        retry_at: when the first playlist is due again, or once that is here the steering manifest.
        steering: what is held of a steering server; None where nobody steers.
        fatal: what leaves nothing to play; who asks decides what it means.
        last_failure: the newest failure of a fetch.
        shown_url: where the first playlist was asked for, secrets masked.
        probes: whether the player looks into segments first, and has not yet.
        probe: what it looks into, and what it holds of it.
        low_latency_told: whether it was said that the stream can be played by parts, and whether it is.
        pace: when playlists are reloaded that are all reloaded together.
        rate_looked_at: when the speed of play was last looked at.
    """

    __slots__ = (
        "actions",
        "alternatives",
        "attempts",
        "drawn",
        "fatal",
        "gating",
        "last_failure",
        "levels",
        "link_bps",
        "low_latency_told",
        "number",
        "on_demand",
        "pace",
        "playback",
        "probe",
        "probes",
        "profile",
        "rate_looked_at",
        "resume_seconds",
        "retry_at",
        "session",
        "shown_url",
        "start",
        "start_seconds",
        "steering",
        "total_seconds",
        "tracks",
        "url",
        "variant",
        "wall_clock_offset",
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
        link_bps: float | None = None,
    ) -> None:
        self.number = number
        self.link_bps = link_bps
        self.levels: Levels | None = None
        self.steering: Steering | None = None
        self.url = url
        self.profile = profile
        self.variant = variant
        self.session = session
        self.playback = playback
        self.wall_clock_offset = wall_clock_offset
        self.total_seconds = total_seconds
        self.actions: list[Action] = []
        self.tracks: list[Track] = []
        self.gating: list[Track] = []
        self.alternatives: Alternatives | None = None
        self.start: StartTag | None = None
        self.start_seconds, self.resume_seconds = profile.start_buffer_seconds, profile.resume_buffer_seconds
        self.on_demand = profile.reload_rule is ReloadRule.ON_DEMAND
        self.attempts = self.drawn = 0
        self.retry_at: float | None = None
        self.fatal: Fatal | None = None
        self.last_failure: Failure | None = None
        self.probes = profile.probes_captions
        self.probe: Probe | None = None
        self.low_latency_told = False
        self.pace = Pace(0.0 if profile.low_latency is None else profile.low_latency.ready_seconds)
        self.rate_looked_at = -math.inf
        self.shown_url = ""

    @property
    def credited(self) -> float:
        """Media appended since the viewer joined, in seconds: the least over the tracks that count."""
        gating = self.gating
        if len(gating) == 1:
            return gating[0].credited
        least = gating[0].credited if gating else 0.0
        for track in gating:  # a generator would take three times as long
            if track.credited < least:
                least = track.credited
        return least

    @property
    def complete(self) -> bool:
        """Whether all media is loaded and no more will come."""
        gating = self.gating
        if len(gating) == 1:
            return gating[0].is_complete
        return bool(gating) and all(track.is_complete for track in gating)

    def buffer_seconds(self, now: float) -> float:
        """Media ahead of the playhead."""
        return max(0.0, self.credited - self.playback.playhead.played(now))

    def follow(self, tracks: list[Track]) -> None:
        """These are the tracks from now on."""
        self.tracks = tracks
        self.gating = [track for track in tracks if track.gates]
        rules = self.profile.low_latency
        if rules is not None:
            for track in tracks:
                track.low_latency = track.low_latency or Place(rules)

    def ask_first_playlist(self, due_at: float) -> None:
        """Ask for what the viewer was given: a multivariant or a media playlist."""
        policy = self.profile.multivariant_playlist
        retry = self.attempts > 0
        self.actions.append(playlist_fetch(self.url, None, due_at, policy, self.total_seconds, retry=retry))

    def ask_media_playlist(self, index: int, due_at: float) -> None:
        """Ask for the playlist of a track."""
        track = self.tracks[index]
        track.playlist_in_flight, track.reload_at = True, None
        self.actions.append(reload_fetch(track, index, due_at, self.profile.media_playlist, self.total_seconds))

    def cancel(self, track: Track, *, abandoned: bool = False) -> None:
        """End what is in flight for a track; `abandoned`: its segment is given up for a lower variant's."""
        if track.playlist_in_flight:
            track.playlist_in_flight = False
            self.actions.append(Cancel(self.tracks.index(track), playlist=True))
        self.cancel_media(track, abandoned=abandoned)

    def cancel_media(self, track: Track, *, abandoned: bool = False) -> None:
        """End the media request of a track, and forget when the next one is due."""
        if track.in_flight is not None:
            track.in_flight = track.loading = None
            if track.low_latency is not None:
                track.low_latency.move_hint()
            self.actions.append(Cancel(self.tracks.index(track), playlist=False, abandoned=abandoned))
        track.retry_at = track.room_at = None

    def draw(self, policy: FetchPolicy) -> float:
        """What the wait before another try is drawn by, uniform in [0, 1); the mean for who draws none."""
        if not policy.spread:
            return 0.5
        self.drawn += 1
        return self.session.retry_draw(self.drawn)

    def report(self, record: Record) -> None:
        """Let this be counted."""
        self.actions.append(Report(record))

    def fail(self, failure: Failure, url: str, kind: ObjectKind, track: Track | None = None) -> None:
        """Nothing is left to play; the first such failure is the one that stays."""
        self.last_failure = failure
        self.fatal = self.fatal or Fatal(failure, url, kind, self.stream_of(track))

    def stream_of(self, track: Track | None) -> str:
        """Which stream of which multivariant playlist a track follows, for a person."""
        if track is None or not track.source.name:
            return ""
        return f"{track.source.name} of {split_uri(self.shown_url)[2].rpartition('/')[2] or self.shown_url}"
