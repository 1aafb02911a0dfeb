"""When a live media playlist is loaded again, and when it counts as stale."""

from typing import assert_never

from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.viewer.profiles import ReloadRule

_LIVE_EDGE_TARGET_DURATIONS = 4
"""hls.js follows the last segment's duration only within this distance of the edge, in target durations."""
STALE_TARGETS = 1.5
"""A playlist must change within this many target durations (8216bis 6.2.1)."""


def next_load(rule: ReloadRule, scheduled_at: float | None, started_at: float, delay: float, now: float) -> float:
    """The instant at which a live playlist is loaded again, if the load that is here now began at `started_at`.

    hls.js counts on from the instant for which this load was scheduled, whenever it began: after retries or a slow load
    the next one follows at once, and the beat is not shifted.

    Args:
        scheduled_at: the instant for which this load was scheduled; None: it is the first.
        delay: from `reload_delay`.
    """
    match rule:
        case ReloadRule.HLSJS:
            begun = started_at if scheduled_at is None else scheduled_at
            return max(begun + delay, now)
        case ReloadRule.ON_DEMAND:
            return now + delay
        case ReloadRule.TARGET_DURATION | ReloadRule.LAST_SEGMENT:
            return started_at + delay
        case _:
            assert_never(rule)


def reload_delay(rule: ReloadRule, playlist: MediaPlaylist, changed: bool, edge_seconds: float) -> float:
    """Seconds from the last load (its end with `ON_DEMAND`, else its start) to the next one.

    Args:
        playlist: as just loaded.
        changed: whether it differs from the load before; a first load has changed.
        edge_seconds: distance of the playhead from the live edge.
    """
    target = float(playlist.target_duration)
    if not changed:
        return target / 2
    match rule:
        case ReloadRule.HLSJS:
            if playlist.segments and target * _LIVE_EDGE_TARGET_DURATIONS > edge_seconds:
                return min(target, playlist.segments[-1].duration)
            return target
        case ReloadRule.TARGET_DURATION:
            return target
        case ReloadRule.LAST_SEGMENT | ReloadRule.ON_DEMAND:
            return playlist.segments[-1].duration if playlist.segments else target
        case _:
            assert_never(rule)
