"""When a player that polls looks again whether it can load (Shaka, `StreamingEngine.update_`).

Rules:

- It looks as soon as a segment was appended. If it can not load then, it looks again after a while that depends on the
  reason, and so on, from look to look: what comes in between waits for the next one.
- Looks in vain cost nothing here: the next one that counts is computed when something has changed.
"""

import math

from hls_swarm.hls.playlist import Segment
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.playing.playback import EPSILON
from hls_swarm.viewer.profiles import Polling


def unlisted_seconds(track: Track, polling: Polling) -> float:
    """After how long it looks again where the playlist lists nothing new."""
    playlist = track.playlist
    last = playlist.segments[-1].duration if playlist is not None and playlist.segments else math.inf
    return min(last / 2, polling.unlisted_seconds) or polling.unlisted_seconds


def look_in_vain(track: Track, again_seconds: float, now: float) -> None:
    """It looks and can not load; it will look again after so long, as it goes on for another reason or begins to."""
    if track.looked_at is None or (track.look_at is not None and track.look_at <= now):
        track.looked_at, track.look_at = track.look_at if track.looked_at is not None else now, None
        track.look_seconds = again_seconds


def next_look(track: Track, at: float) -> float:
    """The first look that is no earlier than an instant."""
    looked_at = track.looked_at
    if looked_at is None:
        return at
    steps = math.ceil((at - looked_at) / track.look_seconds - EPSILON)
    track.look_at = looked_at + max(1, steps) * track.look_seconds
    return track.look_at


def look_due(loading: Loading, track: Track, segment: Segment, polling: Polling, now: float) -> float | None:
    """When it will look, where a segment could be loaded now; None: it looks, and loads it."""
    if track.looked_at is not None and (track.look_at is None or track.look_at > now):
        return next_look(track, now) if track.look_at is None else track.look_at
    if len(loading.gating) > 1 and track.gates:
        behind = min(other.credited for other in loading.gating)
        if track.credited - behind > segment.duration - EPSILON:
            look_in_vain(track, polling.ahead_seconds, now)
            return next_look(track, now)
    return None
