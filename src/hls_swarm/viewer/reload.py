"""When a live media playlist is loaded again."""

from typing import assert_never

from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.viewer.profiles import ReloadRule

_LIVE_EDGE_TARGET_DURATIONS = 4
"""hls.js follows the last segment's duration only within this distance of the edge, in target durations."""


def reload_delay(rule: ReloadRule, playlist: MediaPlaylist, changed: bool, edge_seconds: float) -> float:
    """Seconds from the start of the last load to the next one.

    Args:
        playlist: as just loaded.
        changed: whether it differs from the load before; a first load has changed.
        edge_seconds: distance of the playhead from the live edge.
    """
    target = float(playlist.target_duration)
    match rule:
        case ReloadRule.HLSJS:
            if not changed:
                return target / 2
            if playlist.segments and target * _LIVE_EDGE_TARGET_DURATIONS > edge_seconds:
                return min(target, playlist.segments[-1].duration)
            return target
        case _:
            assert_never(rule)
