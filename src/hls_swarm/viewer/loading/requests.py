"""What a fetch asks for, from what a player allows it."""

from hls_swarm.hls.playlist import KeyMethod, MediaPlaylist, Part, PreloadHint, Segment
from hls_swarm.hls.uri import is_data
from hls_swarm.records import ObjectKind
from hls_swarm.viewer.actions import FetchPlaylist, FetchSegment
from hls_swarm.viewer.loading.policy import FetchPolicy
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.lowlatency.directives import PLAIN, reported, time_limits, with_directives
from hls_swarm.viewer.profiles import Profile

# Members as globals: in Python 3.11 a member is found on its class at seven times the cost.
_NO_KEY = KeyMethod.NONE
SEGMENT, PART, INIT, KEY = ObjectKind.SEGMENT, ObjectKind.PART, ObjectKind.INIT, ObjectKind.KEY


def playlist_fetch(
    url: str,
    track: int | None,
    due_at: float,
    policy: FetchPolicy,
    total_seconds: float | None,
    *,
    retry: bool,
) -> FetchPlaylist:
    """The load of a playlist; `total_seconds` takes the place of the policy's own limit."""
    total = total_seconds or policy.total_seconds
    return FetchPlaylist(url, track, due_at, policy.first_byte_seconds, total, policy.no_progress_seconds, retry)


def reload_fetch(
    track: Track, index: int, due_at: float, policy: FetchPolicy, total_seconds: float | None
) -> FetchPlaylist:
    """The load of a track's media playlist, with what the server is to wait for or to leave out."""
    place, retry = track.low_latency, track.playlist_attempts > 0
    if place is None:
        return playlist_fetch(track.source.url, index, due_at, policy, total_seconds, retry=retry)
    if track.playlist is None and track.leaving is not None:
        before, loaded_at = track.leaving
        place.next = reported(place.rules.reports, track.source.url, before, due_at - loaded_at)
    asked, place.asked, place.next = place.next, place.next, PLAIN
    rules = place.rules
    first, total = time_limits(rules.limit, asked, track.playlist, policy.first_byte_seconds, policy.total_seconds)
    return FetchPlaylist(
        with_directives(track.source.url, asked, sort=rules.sorts_query),
        index,
        due_at,
        first,
        total_seconds or total,
        policy.no_progress_seconds,
        retry,
        asked.is_blocking,
    )


def object_fetch(
    profile: Profile,
    track: Track,
    index: int,
    segment: Segment,
    due_at: float,
    total_seconds: float | None,
    part: Part | PreloadHint | None = None,
) -> FetchSegment:
    """The segment or a part of it, or the init section or key that it needs and the track does not hold.

    An init section is fetched once per URI and range, a key when its URI changes (8216bis 4.4.4.4, 4.4.4.5); what its
    own URI holds is asked of nobody.

    Args:
        part: what is wanted in place of the segment, with the same init section and key.
    """
    kind, url, byte_range = SEGMENT, segment.uri, segment.byte_range
    media_seconds: float | None = segment.duration
    if part is not None:
        kind, url, byte_range, media_seconds = _part_of(part, track.playlist)
    key, init = segment.key, segment.init
    policy = profile.segment
    if (
        init is not None
        and (init.uri, init.byte_range) != track.init_loaded
        and (init.uri, init.byte_range) not in track.kept
        and not is_data(init.uri)
    ):
        kind, url, byte_range, media_seconds = INIT, init.uri, init.byte_range, None
    elif (
        key is not None
        and (not profile.keys_after_media or track.keyless is not None or part is not None)
        and lacks_key(track, segment)
    ):
        kind, url, byte_range, media_seconds, policy = KEY, key.uri, None, None, profile.key
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
        kind is PART and isinstance(part, PreloadHint),
        init is not None,
    )


def lacks_key(track: Track, segment: Segment) -> bool:
    """Whether a segment needs a key that the track does not hold."""
    key = segment.key
    return key is not None and key.uri != track.key_loaded and key.uri not in track.kept and not is_data(key.uri)


def _part_of(
    part: Part | PreloadHint, playlist: MediaPlaylist | None
) -> tuple[ObjectKind, str, tuple[int, int] | None, float | None]:
    if isinstance(part, Part):
        return PART, part.uri, part.byte_range, part.duration
    # How long a part will be that is not listed yet is not known: about as long as all are.
    byte_range = None if part.length is None else (part.first_byte, part.length)
    return PART, part.uri, byte_range, None if playlist is None else playlist.part_target
