"""What one viewer tells with its requests: what its machine knows, as its player would put it. Pure.

Rules:

- Nothing is decided here: a viewer with a reporter asks for the same things at the same times as one without.
- The estimate of the link is the player's own: that by which it adapts, or where the variant is fixed one of its kind.
"""

import math

from hls_swarm.hls.playlist import MultivariantPlaylist, Part, Segment, Variant
from hls_swarm.records import Exchange, ObjectKind
from hls_swarm.viewer.actions import FetchSegment
from hls_swarm.viewer.adapting.algorithm import Adaptation
from hls_swarm.viewer.adapting.link import Link
from hls_swarm.viewer.choosing.choice import Role
from hls_swarm.viewer.cmcd.encoding import Data, Token, rounded
from hls_swarm.viewer.cmcd.keys import ObjectType, Player, Standing, said, takes_note
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.playing.playback import State

_STATES = {
    State.IDLE: Token("d"),
    State.STARTING: Token("s"),
    State.PLAYING: Token("p"),
    State.STALLED: Token("r"),
    State.SEEKING: Token("k"),
    State.PAUSED: Token("a"),
    State.ENDED: Token("e"),
    State.FAILED: Token("f"),
    State.QUIT: Token("q"),
}
_WAITING = frozenset({State.IDLE, State.STARTING, State.STALLED, State.SEEKING})
_ADAPTATIONS = {
    Player.HLSJS: Adaptation.HLSJS,
    Player.SHAKA: Adaptation.SHAKA,
    Player.MEDIA3: Adaptation.MEDIA3,
}
_VOD, _LIVE, _LOW_LATENCY = Token("v"), Token("l"), Token("ll")
_VIDEO = ("avc", "hvc", "hev", "dvh", "dva", "vp0", "vp8", "vp9", "av01", "mp4v", "vvc")
_AUDIO = ("mp4a", "ac-3", "ec-3", "ac-4", "opus", "flac", "alac", "mp3")


class Reporter:
    """What one session tells.

    Args:
        viewer: whose; read, never changed.
        player: which player's way of telling.
        version: of CMCD.
        session: its id (`sid`).
        content: the content's id (`cid`); empty: none.
    """

    __slots__ = (
        "_appended",
        "_nth",
        "_presentation",
        "_stalls",
        "_told_startup",
        "_variants",
        "_viewer",
        "content",
        "link",
        "player",
        "session",
        "version",
    )

    def __init__(self, viewer: Viewer, player: Player, version: int, session: str, content: str = "") -> None:
        self._viewer = viewer
        self.player, self.version, self.session, self.content = player, version, session, content
        self.link = Link(_ADAPTATIONS[player])
        self._variants: dict[str, Variant] = {}
        self._presentation: MultivariantPlaylist | None = None
        self._appended: float | None = None
        self._stalls = 0
        self._told_startup = False
        self._nth = 0

    @property
    def state(self) -> Token:
        """As `sta` says it; preloading until there is a media playlist."""
        state = self._viewer.state
        if state is State.STARTING and not any(track.playlist for track in self._viewer.loading.tracks):
            return _STATES[State.IDLE]
        return _STATES[state]

    @property
    def bitrate_bps(self) -> int | None:
        """BANDWIDTH of the variant that is loaded."""
        return self._viewer.bitrate_bps

    def presented(self, playlist: MultivariantPlaylist) -> None:
        """The multivariant playlist is here; to be told before the viewer acts upon it."""
        self._presentation = playlist
        self._variants = {variant.uri: variant for variant in playlist.variants}
        if playlist.variants:
            self.link.begin(playlist.variants[0].bandwidth)

    def loaded(self, action: FetchSegment, exchange: Exchange) -> None:
        """A media request ended well; to be told before the viewer acts upon it."""
        if action.kind is not ObjectKind.KEY and not action.track:
            self.link.measure(exchange, is_media=action.kind is not ObjectKind.INIT)

    def appended(self, now: float) -> None:
        """The viewer has taken in media."""
        self._appended = self._viewer.buffer_seconds(now)

    def of_playlist(self, url: str) -> Data:
        """What the request for a playlist tells."""
        return said(self.player, self._standing(ObjectType.MANIFEST, url))

    def of_segment(self, action: FetchSegment, now: float) -> Data:
        """What the request for a segment, init section or key tells."""
        loading = self._viewer.loading
        track = loading.tracks[action.track]
        kind = self._object_type(action, track)
        at = self._standing(kind, action.url)
        following = _following(action, track)
        stalls = self._viewer.stalls
        starved = stalls > self._stalls
        if starved and takes_note(self.player, kind):
            self._stalls = stalls
        return said(
            self.player,
            at._replace(
                latency_milliseconds=self._latency_milliseconds(track, now),
                media_seconds=action.media_seconds,
                buffer_seconds=max(0.0, track.credited - self._viewer.playback.playhead.played(now)),
                next_url=None if following is None else following.uri,
                next_range=None if following is None else following.byte_range,
                starved=starved,
            ),
        )

    def event(self, now: float) -> Standing:
        """How it stands, without a request."""
        at = self._standing(ObjectType.UNKNOWN, "")
        return at._replace(buffer_seconds=self._viewer.buffer_seconds(now))

    def _standing(self, kind: ObjectType, url: str) -> Standing:
        viewer, presentation = self._viewer, self._presentation
        playback, tracks = viewer.playback, viewer.loading.tracks
        bandwidths = [variant.bandwidth for variant in self._variants.values()]
        levels = viewer.loading.levels
        nth, self._nth = self._nth, self._nth + (url != "")
        return Standing(
            version=self.version,
            object=kind,
            session=self.session,
            url=url,
            throughput_bps=self.link.bps if levels is None else levels.algorithm.estimate_bps,
            content=self.content,
            bitrate_bps=viewer.bitrate_bps if presentation is not None else self._bitrate_of_a_lone_variant(),
            top_bps=max(bandwidths, default=None),
            lowest_bps=min(bandwidths, default=None),
            appended_seconds=self._appended,
            stream=_stream_type(tracks[0]) if tracks else None,
            has_played=playback.played_ever,
            buffering=playback.state in _WAITING,
            playing_bps=viewer.bitrate_bps if playback.played_ever else None,
            state=self.state,
            nth=nth,
            audio_apart=any(track.role is Role.AUDIO for track in tracks),
            rate=playback.playhead.rate,
            looks_into=viewer.loading.probe is not None and bool(viewer.loading.probe.pending),
            startup_milliseconds=self._startup_milliseconds(),
        )

    def _startup_milliseconds(self) -> int | None:
        """What it took to start, once; only Shaka tells it with requests."""
        seconds = self._viewer.playback.startup_seconds
        if seconds is None or self._told_startup or self.player is not Player.SHAKA:
            return None
        self._told_startup = True
        return rounded(seconds * 1000)

    def _latency_milliseconds(self, track: Track, now: float) -> int | None:
        """How far behind live Shaka says that it plays."""
        playback, end_date = self._viewer.playback, track.end_date
        if self.player is not Player.SHAKA or end_date is None or not playback.played_ever:
            return None
        ahead = max(0.0, track.credited - playback.playhead.played(now))
        return math.floor((now + self._viewer.loading.wall_clock_offset - end_date + ahead) * 1000)

    def _bitrate_of_a_lone_variant(self) -> int | None:
        """Of a media playlist without a multivariant one: hls.js makes a level of it, with a bitrate of 0."""
        tracks = self._viewer.loading.tracks
        known = bool(tracks) and tracks[0].playlist is not None
        return 0 if known and self.player is Player.HLSJS else None

    def _object_type(self, action: FetchSegment, track: Track) -> ObjectType:
        if action.kind is ObjectKind.KEY:
            return ObjectType.KEY
        if track.role is Role.SUBTITLES:
            return ObjectType.TEXT
        if action.kind is ObjectKind.INIT:
            return ObjectType.INIT
        if track.role is Role.AUDIO:
            return ObjectType.AUDIO
        variant = self._variants.get(track.source.url)
        codecs = () if variant is None else variant.codecs
        return _main_type(codecs, audio_apart=any(each.role is Role.AUDIO for each in self._viewer.loading.tracks))


def _following(action: FetchSegment, track: Track) -> Segment | Part | None:
    """The segment or part that the playlist lists after the one that is asked for."""
    playlist, segment = track.playlist, track.loading
    if playlist is None:
        return None
    if action.kind is ObjectKind.SEGMENT:
        return None if segment is None else playlist.segment_of_sequence(segment.sequence + 1)
    if action.kind is not ObjectKind.PART:
        return None
    parts = [part for each in playlist.segments for part in each.parts]
    parts += playlist.open_parts
    here = next((at for at, part in enumerate(parts) if part.uri == action.url), len(parts))
    return parts[here + 1] if here + 1 < len(parts) else None


def _stream_type(track: Track) -> Token | None:
    playlist = track.playlist
    if playlist is None:
        return None
    if not playlist.is_live:
        return _VOD
    return _LOW_LATENCY if playlist.part_target is not None and playlist.can_block_reload else _LIVE


def _main_type(codecs: tuple[str, ...], *, audio_apart: bool) -> ObjectType:
    """What a variant's segments carry, as far as CODECS tell; those of the variant count its renditions' in."""
    names = [codec.strip().lower() for codec in codecs]
    video = any(name.startswith(_VIDEO) for name in names)
    audio = any(name.startswith(_AUDIO) for name in names)
    if not audio_apart:
        if video and audio:
            return ObjectType.MUXED
        if audio:
            return ObjectType.AUDIO
    return ObjectType.VIDEO if video else ObjectType.UNKNOWN
