"""When a live media playlist is loaded again, and when it counts as stale."""

from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.viewer.profiles import ReloadRule

# Members as globals: in Python 3.11 a member is found on its class at seven times the cost.
_HLSJS, _ON_DEMAND = ReloadRule.HLSJS, ReloadRule.ON_DEMAND
_TARGET_DURATION, _SHAKA = ReloadRule.TARGET_DURATION, ReloadRule.SHAKA
_LIVE_EDGE_TARGET_DURATIONS = 4
"""hls.js follows the last segment's duration only within this distance of the edge, in target durations."""
STALE_TARGETS = 1.5
"""A playlist must change within this many target durations (8216bis 6.2.1, 6.3.4)."""


def next_load(
    rule: ReloadRule, scheduled_at: float | None, started_at: float, delay: float, now: float, mean_seconds: float = 0.0
) -> float:
    """The instant at which a live playlist is loaded again, if the load that is here now began at `started_at`.

    hls.js counts on from the instant for which this load was scheduled, whenever it began: after retries or a slow load
    the next one follows at once, and the beat is not shifted.

    Args:
        scheduled_at: the instant for which this load was scheduled; None: it is the first.
        delay: from `reload_delay`.
        mean_seconds: what loads take.
    """
    if rule is _HLSJS:
        begun = started_at if scheduled_at is None else scheduled_at
        return max(begun + delay, now)
    if rule is _SHAKA:
        return now + (delay if scheduled_at is None else max(0.0, delay - mean_seconds))
    return (now if rule is _ON_DEMAND else started_at) + delay


def reload_delay(rule: ReloadRule, playlist: MediaPlaylist, changed: bool, edge_seconds: float) -> float:
    """Seconds from the last load (its end with `ON_DEMAND` and `SHAKA`, else its start) to the next one.

    Args:
        playlist: as just loaded.
        changed: whether it differs from the load before; a first load has changed.
        edge_seconds: distance of the playhead from the live edge.
    """
    target = float(playlist.target_duration)
    if not changed and rule is not _SHAKA:
        return target / 2
    if rule is _TARGET_DURATION or not playlist.segments:
        return target
    last = playlist.segments[-1].duration or target  # a packager may not know yet how long its newest segment is
    if rule is _HLSJS:
        return min(target, last) if target * _LIVE_EDGE_TARGET_DURATIONS > edge_seconds else target
    return last
