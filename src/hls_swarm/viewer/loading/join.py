"""Where a viewer begins, or begins again after it fell out of the window: seconds from the playlist's start."""

from typing import assert_never

from hls_swarm.hls.playlist import HintType, MediaPlaylist, Start
from hls_swarm.hls.timeline import alignment, join_position, live_target
from hls_swarm.records import SettingUnmet
from hls_swarm.settings.spellings import JoinKind, JoinPoint
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.profiles import JoinRule, Profile


def plays_by_parts(playlist: MediaPlaylist, profile: Profile) -> bool:
    """Whether the player plays this stream at low latency."""
    return profile.low_latency is not None and playlist.is_low_latency


def look_back(playlist: MediaPlaylist, profile: Profile) -> float:
    """How long before its position the player begins to load where nothing is buffered, in seconds."""
    return 0.0 if plays_by_parts(playlist, profile) else profile.looks_back_seconds


def target_latency(playlist: MediaPlaylist, profile: Profile, start: Start | None) -> float:
    """How far from the edge the player wants to be, in seconds."""
    by_parts = plays_by_parts(playlist, profile)
    if by_parts and profile.join_rule is JoinRule.LAST_THREE_SEGMENTS and playlist.part_hold_back is not None:
        return playlist.part_hold_back
    match profile.join_rule:
        case JoinRule.HOLD_BACK:
            return live_target(playlist, use_start=profile.uses_start_tag, low_latency=by_parts, start=start)
        case JoinRule.LAST_THREE_SEGMENTS:
            if playlist.hold_back is not None:
                return playlist.hold_back
            return sum(segment.duration for segment in playlist.segments[-3:])
        case JoinRule.THIRD_LAST_SEGMENT:
            return sum(segment.duration for segment in playlist.segments[-3:])
        case _:
            assert_never(profile.join_rule)


def usual_position(
    playlist: MediaPlaylist, profile: Profile, start: Start | None, *, age: float, extra_latency: float
) -> float:
    """Where the player would begin by itself.

    Args:
        age: seconds since the playlist was made.
        extra_latency: what the player has added to its target after stalls.
    """
    if not playlist.is_live or profile.join_rule is JoinRule.HOLD_BACK:
        return join_position(
            playlist,
            age=age,
            use_start=profile.uses_start_tag,
            low_latency=plays_by_parts(playlist, profile),
            extra_latency=extra_latency,
            start=start,
        )
    end = playlist.duration
    if plays_by_parts(playlist, profile):
        # Shaka takes the part that is hinted at for one that is there.
        hinted = any(hint.type is HintType.PART for hint in playlist.preload_hints)
        end = playlist.edge + (playlist.part_target or 0.0) * hinted
    return max(0.0, end - target_latency(playlist, profile, start) - extra_latency)


def chosen_position(playlist: MediaPlaylist, usual: float, join: JoinPoint, draw: float) -> float:
    """Where the viewer begins, given where its player would.

    Args:
        draw: uniform in [0, 1), for a random position.
    """
    match join.kind:
        case JoinKind.USUAL:
            return usual
        case JoinKind.START:
            return 0.0
        case JoinKind.RANDOM:
            return draw * (usual if playlist.is_live else playlist.duration)
        case JoinKind.BEHIND:
            end = usual if playlist.is_live else playlist.duration
            return max(0.0, end - join.seconds)
        case _:
            assert_never(join.kind)


def beyond(playlist: MediaPlaylist, usual: float, join: JoinPoint) -> str | None:
    """What there is instead, in words, if the playlist does not reach as far back as the viewer is to begin."""
    end = usual if playlist.is_live else playlist.duration
    if join.kind is not JoinKind.BEHIND or join.seconds <= end:
        return None
    what = "live window" if playlist.is_live else "stream"
    length = f"{playlist.duration:.0f} s long"
    return f"the {what} is {length}, {join.seconds:g} s back is beyond it: viewers begin at its start"


def join(loading: Loading, track: Track, playlist: MediaPlaylist, now: float) -> None:
    """Choose where to enter: the segment that holds the join position, and how far into it play begins."""
    if track is not loading.tracks[0]:
        track.next_sequence = None  # where the variant is, once that is known
        return
    profile, start, session = loading.profile, loading.start or playlist.start, loading.session
    extra = min(loading.playback.stalls * profile.stall_latency_seconds, playlist.target_duration)
    position = usual_position(playlist, profile, start, age=track.age_seconds, extra_latency=extra)
    if track.credited == 0.0:
        unmet = beyond(playlist, position, session.join)
        if unmet is not None:
            loading.report(SettingUnmet(loading.number, now, "join", unmet))
        position = chosen_position(playlist, position, session.join, session.join_draw)
    precise = profile.uses_start_tag and start is not None and start.precise
    by_parts = plays_by_parts(playlist, profile)
    at_segment = profile.joins_at_segment and not precise and not by_parts
    track.enter(playlist, position, at_segment=at_segment, back_seconds=look_back(playlist, profile))
    if track.began_early is None:
        track.begin(playlist)
    if playlist.is_live and profile.live_start_share:
        most = profile.live_start_share * target_latency(playlist, profile, start)
        loading.start_seconds = min(profile.start_buffer_seconds, most)
        loading.resume_seconds = min(profile.resume_buffer_seconds, most)
    for other in loading.tracks[1:]:
        if other.in_flight is None:
            other.next_sequence = None


def join_renditions(loading: Loading) -> None:
    """Let the other tracks enter where the first one is, brought onto their own timeline (8216bis 6.3.2)."""
    main = loading.tracks[0]
    position = main.next_position
    if main.playlist is None or position is None:
        return
    for track in loading.tracks[1:]:
        if track.next_sequence is not None or track.playlist is None or track.in_flight is not None:
            continue
        aligned = alignment(main.playlist, track.playlist, elapsed=track.loaded_at - main.loaded_at)
        if aligned is not None:
            there = position - main.credited + track.credited + aligned.offset
            track.enter(track.playlist, max(0.0, there), back_seconds=look_back(track.playlist, loading.profile))
