"""What a fetch asks for, from what a player allows it."""

from hls_swarm.hls.playlist import KeyMethod, Segment
from hls_swarm.hls.uri import is_data
from hls_swarm.records import ObjectKind
from hls_swarm.viewer.actions import FetchPlaylist, FetchSegment
from hls_swarm.viewer.loading.policy import FetchPolicy
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.profiles import Profile

_NO_KEY = KeyMethod.NONE
SEGMENT = ObjectKind.SEGMENT  # a global: in Python 3.11 a member is found on its class at seven times the cost


def playlist_fetch(
    url: str, track: int | None, due_at: float, policy: FetchPolicy, total_seconds: float | None, *, retry: bool
) -> FetchPlaylist:
    """The load of a playlist; `total_seconds` takes the place of the policy's own limit."""
    total = total_seconds or policy.total_seconds
    return FetchPlaylist(url, track, due_at, policy.first_byte_seconds, total, policy.no_progress_seconds, retry)


def object_fetch(
    profile: Profile, track: Track, index: int, segment: Segment, due_at: float, total_seconds: float | None
) -> FetchSegment:
    """The segment, or the init section or key that it needs and the track does not hold.

    An init section is fetched once per URI and range, a key when its URI changes (8216bis 4.4.4.4, 4.4.4.5); what its
    own URI holds is asked of nobody.
    """
    kind, url, byte_range = SEGMENT, segment.uri, segment.byte_range
    media_seconds: float | None = segment.duration
    key, init = segment.key, segment.init
    policy = profile.segment
    if (
        init is not None
        and (init.uri, init.byte_range) != track.init_loaded
        and (init.uri, init.byte_range) not in track.kept
        and not is_data(init.uri)
    ):
        kind, url, byte_range, media_seconds = ObjectKind.INIT, init.uri, init.byte_range, None
    elif key is not None and key.uri != track.key_loaded and key.uri not in track.kept and not is_data(key.uri):
        kind, url, byte_range, media_seconds, policy = ObjectKind.KEY, key.uri, None, None, profile.key
    return FetchSegment(
        kind,
        url,
        index,
        due_at,
        policy.first_byte_seconds,
        total_seconds or policy.total_seconds,
        byte_range,
        media_seconds,
        track.source.bitrate_bps,
        policy.no_progress_seconds,
        track.attempts > 0,
        _NO_KEY if key is None else key.method,
    )
