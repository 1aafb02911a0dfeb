"""Players as data: the numbers in which one player differs from another. A profile is never a subclass.

Where a figure is a player's own default it is named after the player; what a player does not say was measured against
it (`docs/fidelity.md`) or is the specification's.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from hls_swarm.hls import reading
from hls_swarm.hls.reading import LENIENT, Reading
from hls_swarm.records import START_SECONDS, FailureKind, ObjectKind
from hls_swarm.viewer.adapting.algorithm import Adaptation
from hls_swarm.viewer.choosing.steering import After429, SteeringPolicy
from hls_swarm.viewer.loading.policy import Backoff, Failover, FetchPolicy, MediaRule
from hls_swarm.viewer.lowlatency import rules as low_latency
from hls_swarm.viewer.lowlatency.rules import LowLatencyRules


class ReloadRule(Enum):
    """How long after the last load a live media playlist is loaded again; half a target duration if unchanged."""

    HLSJS = auto()
    """Target duration; the last segment's duration if shorter and the playhead is within 4 target durations of the
    edge (hls.js 1.7). From the start of the load."""
    TARGET_DURATION = auto()
    """Target duration, from the start of the load (RFC 8216 6.3.4, Media3)."""
    LAST_SEGMENT = auto()
    """Duration of the last segment, from the start of the load (8216bis 6.3.4)."""
    ON_DEMAND = auto()
    """Duration of the last segment, from the end of the load, and only when a segment is needed (FFmpeg)."""
    SHAKA = auto()
    """Duration of the last segment, whether the playlist changed or not: from the end of the first load, then from the
    end of each less the mean time that loads take; a change of variant loads a playlist besides (Shaka)."""


class JoinRule(Enum):
    """How far from the live edge a player begins."""

    HOLD_BACK = auto()
    """HOLD-BACK, else three target durations (8216bis 4.4.3.8)."""
    LAST_THREE_SEGMENTS = auto()
    """HOLD-BACK, else the durations of the last three segments (Shaka)."""
    THIRD_LAST_SEGMENT = auto()
    """At the start of the third-last segment (FFmpeg, `live_start_index` -3)."""


@dataclass(frozen=True)
class Polling:
    """How often a player that could not load looks whether it can now (Shaka, `StreamingEngine.update_`).

    Args:
        full_seconds: while its buffer is full.
        unlisted_seconds: while the playlist has nothing new, or half the last segment's duration if that is shorter.
        ahead_seconds: while another track has to catch up, which it has to by a segment.
    """

    full_seconds: float
    unlisted_seconds: float
    ahead_seconds: float


_WITHOUT_MEDIA = frozenset({FailureKind.EMPTY_MEDIA, FailureKind.SHORT_MEDIA})
_BAD_MEDIA = frozenset({FailureKind.NOT_MEDIA, FailureKind.CUT_MEDIA})


@dataclass(frozen=True)
class Profile:
    """One player.

    Args:
        uses_start_tag: whether it honours EXT-X-START.
        joins_at_segment: whether it begins at the start of the segment that holds the join position, not within it.
        buffer_bits: media to hold ahead of the playhead, as bits of the variant's bitrate.
        buffer_least_seconds, buffer_most_seconds: bounds of that in seconds.
        start_buffer_seconds: media needed to start to play; 0 is the first complete segment.
        resume_buffer_seconds: media needed to go on after a stall; 0 is the next complete segment.
        live_start_share: the two above are at most this share of the target latency of a live stream; 0: no such bound.
        stall_latency_seconds: what a stall adds to the target latency, at most one target duration in all.
        stale_limit_targets: target durations without a change after which it gives up; 0: never.
        stale_limit_reloads: loads in a row without a new segment after which it gives up; 0: never.
        skipped_segments_limit: segments in a row that can not be had before it gives up.
        skips_in_vod: whether it goes past a segment that can not be had in VOD, too.
        live_retry_seconds: when nothing else is left, a live stream is tried again after this; None: it gives up.
        gives_up_after_seconds: how long it does nothing once the last try of a segment has failed; drawn as its waits.
        looks_back_seconds: where nothing is buffered, it begins with the segment that holds what is so long before its
            position, for playlists may be inexact; not at low latency.
        keys_after_media: whether it asks for a key once the first segment that needs it is here, and not before.
        probes_captions: whether it looks into segments for closed captions first, if nothing is said of them.
        polling: how often it looks whether it can load; None: it knows at once.
        failover: None: it stays with its stream.
        empty_media, bad_media: what it does about a segment without media in it, and about one that is none.
        plays_subtitles: whether a subtitle rendition with DEFAULT=YES is fetched.
        waits_for_subtitles: whether their buffer counts for starts and stalls.
        reading: what it makes of odd playlists.
        speaks_http2: whether it takes HTTP/2 over TLS where the server offers that, and HTTP/3, as browsers do.
        in_browser: whether it runs in a page, so that a browser makes its requests (`--browser-origin`).
        steering: how it follows a steering server; None: it does not.
        adaptation: how it adapts to its link; None: it plays one variant.
        keeps_newest: whether it goes on with the playlist that it has when an older copy of it comes.
        low_latency: what it does where a server can hold requests; None: it knows nothing of that.
        wants_low_latency: whether it is to be told where a stream has no parts.
    """

    name: str
    reload_rule: ReloadRule
    join_rule: JoinRule
    multivariant_playlist: FetchPolicy
    media_playlist: FetchPolicy
    segment: FetchPolicy
    key: FetchPolicy
    buffer_least_seconds: float
    buffer_most_seconds: float
    buffer_bits: float = 0.0
    uses_start_tag: bool = True
    joins_at_segment: bool = False
    start_buffer_seconds: float = 0.0
    resume_buffer_seconds: float = 0.0
    live_start_share: float = 0.0
    stall_latency_seconds: float = 0.0
    stale_limit_targets: float = 0.0
    stale_limit_reloads: int = 0
    skipped_segments_limit: int = 0
    skips_in_vod: bool = False
    live_retry_seconds: float | None = None
    gives_up_after_seconds: float = 0.0
    looks_back_seconds: float = 0.0
    keys_after_media: bool = False
    probes_captions: bool = False
    polling: Polling | None = None
    failover: Failover | None = None
    empty_media: MediaRule = MediaRule.LIKE_ANY_FAILURE
    bad_media: MediaRule = MediaRule.LIKE_ANY_FAILURE
    plays_subtitles: bool = True
    waits_for_subtitles: bool = False
    reading: Reading = LENIENT
    speaks_http2: bool = False
    keeps_newest: bool = False
    in_browser: bool = False
    adaptation: Adaptation | None = None
    low_latency: LowLatencyRules | None = None
    wants_low_latency: bool = False
    steering: SteeringPolicy | None = None

    @property
    def start_seconds(self) -> float:
        """How long it may take to start: until a first answer is late by its own limit, or half of the people left."""
        limit = self.segment.first_byte_seconds
        return START_SECONDS if limit is None else min(limit, START_SECONDS)

    def buffer_target_seconds(self, bitrate_bps: int | None) -> float:
        """Media to hold ahead of the playhead for a variant of this bitrate in bit/s; None is an unknown bitrate."""
        if not bitrate_bps:
            return self.buffer_least_seconds
        return min(max(self.buffer_bits / bitrate_bps, self.buffer_least_seconds), self.buffer_most_seconds)

    def unplayable(self, kind: FailureKind) -> MediaRule:
        """What it does about a segment that came whole and failed like this."""
        if kind in _WITHOUT_MEDIA:
            return self.empty_media
        return self.bad_media if kind in _BAD_MEDIA else MediaRule.LIKE_ANY_FAILURE

    def policy(self, kind: ObjectKind) -> FetchPolicy:
        """Limits and retries for this kind of object."""
        match kind:
            case ObjectKind.MULTIVARIANT_PLAYLIST:
                return self.multivariant_playlist
            case ObjectKind.MEDIA_PLAYLIST:
                return self.media_playlist
            case ObjectKind.KEY:
                return self.key
            case ObjectKind.SEGMENT | ObjectKind.PART | ObjectKind.INIT:
                return self.segment
            case ObjectKind.PREFLIGHT | ObjectKind.STEERING | ObjectKind.CMCD_REPORT:
                raise ValueError(f"a {kind} is no player's to retry")


HLSJS = Profile(
    name="hlsjs",
    reading=reading.HLSJS,
    reload_rule=ReloadRule.HLSJS,
    join_rule=JoinRule.HOLD_BACK,
    buffer_bits=480e6,
    buffer_least_seconds=30.0,
    buffer_most_seconds=600.0,
    stall_latency_seconds=1.0,
    skipped_segments_limit=3,
    empty_media=MediaRule.PASS_OVER,
    bad_media=MediaRule.PASS_OVER,
    failover=Failover(None, redundant_first=False, redundant_seconds=math.inf, variant_seconds=math.inf),
    multivariant_playlist=FetchPolicy(None, 20.0, timeout_retries=2, error_retries=1),
    media_playlist=FetchPolicy(10.0, 20.0, timeout_retries=2, error_retries=2, retries_client_errors_last=True),
    segment=FetchPolicy(10.0, 120.0, timeout_retries=4, error_retries=6, retries_client_errors_last=True),
    key=FetchPolicy(8.0, 20.0, timeout_retries=1, error_retries=8, backoff_cap_seconds=20.0, backoff=Backoff.LINEAR),
    speaks_http2=True,
    in_browser=True,
    adaptation=Adaptation.HLSJS,
    low_latency=low_latency.HLSJS,
    steering=SteeringPolicy(300.0, After429.STOPS),
)
"""hls.js 1.7 with its defaults."""

_MEDIA3_FETCH = FetchPolicy(
    8.0,
    None,
    timeout_retries=3,
    error_retries=3,
    no_progress_seconds=8.0,
    backoff_cap_seconds=5.0,
    backoff=Backoff.LINEAR_FROM_ZERO,
    waits_after_timeout=True,
    retries_client_errors=True,
)
MEDIA3 = Profile(
    name="media3",
    empty_media=MediaRule.PASS_OVER,
    bad_media=MediaRule.FAIL,
    reading=reading.MEDIA3,
    keeps_newest=True,
    reload_rule=ReloadRule.TARGET_DURATION,
    join_rule=JoinRule.HOLD_BACK,
    joins_at_segment=True,
    buffer_least_seconds=50.0,
    buffer_most_seconds=50.0,
    start_buffer_seconds=1.0,
    resume_buffer_seconds=2.0,
    live_start_share=0.5,
    stall_latency_seconds=0.5,
    stale_limit_targets=3.5,
    failover=Failover(
        frozenset({403, 404, 410, 416, 500, 503}),
        redundant_first=True,
        redundant_seconds=300.0,
        variant_seconds=60.0,
    ),
    waits_for_subtitles=True,
    multivariant_playlist=_MEDIA3_FETCH,
    media_playlist=_MEDIA3_FETCH,
    segment=_MEDIA3_FETCH,
    key=_MEDIA3_FETCH,
    adaptation=Adaptation.MEDIA3,
    low_latency=low_latency.MEDIA3,
    steering=SteeringPolicy(300.0, After429.WAITS_AS_TOLD),
)
"""AndroidX Media3 (ExoPlayer) 1.6 with its defaults."""

_SHAKA_FETCH = FetchPolicy(
    10.0,
    30.0,
    timeout_retries=1,
    error_retries=1,
    no_progress_seconds=5.0,
    spread=0.5,
    waits_after_timeout=True,
    retries_client_errors=True,
)
SHAKA = Profile(
    name="shaka",
    empty_media=MediaRule.PASS_OVER,
    bad_media=MediaRule.FAIL,
    reading=reading.SHAKA,
    keeps_newest=True,
    reload_rule=ReloadRule.SHAKA,
    join_rule=JoinRule.LAST_THREE_SEGMENTS,
    uses_start_tag=False,
    buffer_least_seconds=10.0,
    buffer_most_seconds=10.0,
    live_retry_seconds=0.1,
    gives_up_after_seconds=1.0,
    looks_back_seconds=2.0,
    keys_after_media=True,
    probes_captions=True,
    polling=Polling(full_seconds=0.5, unlisted_seconds=1.0, ahead_seconds=1.0),
    failover=Failover(None, redundant_first=False, redundant_seconds=30.0, variant_seconds=30.0, after_timeouts=False),
    multivariant_playlist=_SHAKA_FETCH,
    media_playlist=_SHAKA_FETCH,
    segment=_SHAKA_FETCH,
    key=_SHAKA_FETCH,
    adaptation=Adaptation.SHAKA,
    steering=SteeringPolicy(
        60.0,
        After429.WAITS_FOR_TTL,
        waits_for_first=True,
        tells_from_start=False,
        asks_again_after_any=True,
        takes_relative_reload=False,
        knows_clones=False,
        keeps_playlists=True,
    ),
    speaks_http2=True,
    in_browser=True,
    low_latency=low_latency.SHAKA,
)
"""Shaka Player 5 with its defaults."""

_FFMPEG_FETCH = FetchPolicy(None, None, timeout_retries=0, error_retries=0)
FFMPEG = Profile(
    name="ffmpeg",
    empty_media=MediaRule.PASS_OVER,
    bad_media=MediaRule.PASS_OVER,
    reading=reading.FFMPEG,
    reload_rule=ReloadRule.ON_DEMAND,
    join_rule=JoinRule.THIRD_LAST_SEGMENT,
    uses_start_tag=False,
    joins_at_segment=True,
    buffer_least_seconds=math.inf,
    buffer_most_seconds=math.inf,
    stale_limit_reloads=100,
    skipped_segments_limit=3,
    skips_in_vod=True,
    multivariant_playlist=_FFMPEG_FETCH,
    media_playlist=_FFMPEG_FETCH,
    segment=_FFMPEG_FETCH,
    key=_FFMPEG_FETCH,
)
"""FFmpeg's HLS demuxer with its defaults, reading as fast as the origin lets it (`-c copy -f null -`)."""

_STEADY_FETCH = FetchPolicy(10.0, 30.0, timeout_retries=2, error_retries=2, backoff_cap_seconds=4.0)
STEADY = Profile(
    name="steady",
    reload_rule=ReloadRule.LAST_SEGMENT,
    join_rule=JoinRule.HOLD_BACK,
    buffer_least_seconds=10.0,
    buffer_most_seconds=10.0,
    skipped_segments_limit=3,
    skips_in_vod=True,
    plays_subtitles=False,
    in_browser=True,
    steering=SteeringPolicy(120.0, After429.WAITS_AS_TOLD),
    multivariant_playlist=_STEADY_FETCH,
    media_playlist=_STEADY_FETCH,
    segment=_STEADY_FETCH,
    key=_STEADY_FETCH,
    low_latency=low_latency.RECOMMENDED,
)
"""No player in particular: the specification's rules, a small buffer and no surprises, for an even load."""

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {profile.name: profile for profile in (HLSJS, MEDIA3, SHAKA, FFMPEG, STEADY)}
)
