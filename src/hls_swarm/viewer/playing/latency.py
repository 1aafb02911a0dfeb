"""How far behind a live viewer is."""

from hls_swarm.records import LatencyObserved
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.playing.buffer import Playhead


def buffered(track: Track, playhead: Playhead, now: float) -> float:
    """Media of the track ahead of the playhead."""
    return max(0.0, track.credited - playhead.played(now))


def edge_latency(track: Track, playhead: Playhead, now: float) -> float:
    """Edge + age of the playlist - playhead: the buffer, what is listed behind it, and the playlist's age (hls.js)."""
    return buffered(track, playhead, now) + track.listed_ahead() + track.age_seconds + (now - track.loaded_at)


def observed(
    viewer: int, track: Track, playhead: Playhead, edge_seconds: float, wall_clock_offset: float, now: float
) -> LatencyObserved:
    """Both latencies at the instant `now`; that to the wall clock needs EXT-X-PROGRAM-DATE-TIME (Conviva)."""
    ahead = buffered(track, playhead, now)
    live = None if track.end_date is None else now + wall_clock_offset - (track.end_date - ahead)
    return LatencyObserved(viewer, now, live, edge_seconds, ahead)
