"""Reloads that a server holds: when the next one goes out, and what is to be said of the server.

What a reload asks for is `lowlatency.place`.
"""

import math

from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.hls.timeline import live_target
from hls_swarm.records import (
    EdgeFault,
    EdgeFaultSeen,
    EdgeOffer,
    Failure,
    FailureKind,
    LowLatencyPlayed,
    LowLatencyUnused,
    SettingUnmet,
)
from hls_swarm.viewer.actions import PlaylistLoaded
from hls_swarm.viewer.loading.policy import TIMEOUT_KINDS, FetchPolicy
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.lowlatency.directives import PLAIN, Asked
from hls_swarm.viewer.lowlatency.place import Place
from hls_swarm.viewer.lowlatency.rules import AfterRefusal
from hls_swarm.viewer.playing.playback import PLAYING

_LATE_PARTS = 2
"""The next part of a stream may be so many part targets away, since a request went out when the last one had come."""
_UNAVAILABLE, _BAD_REQUEST = 503, 400


def tell(loading: Loading, playlist: MediaPlaylist, now: float) -> None:
    """Say once that the stream can be played by parts, and whether it is."""
    loading.low_latency_told = True
    if playlist.part_target is None or not playlist.is_low_latency:
        has_parts = playlist.part_target is not None and playlist.is_live and loading.profile.low_latency is not None
        if loading.profile.wants_low_latency or has_parts:
            loading.report(SettingUnmet(loading.number, now, "latency", f"{_missing(playlist)}: played the usual way"))
        return
    if loading.profile.low_latency is None:
        loading.report(LowLatencyUnused(loading.number, now))
        return
    control = playlist.server_control
    offer = EdgeOffer(
        playlist.part_target,
        control.part_hold_back or 0.0,
        control.can_skip_until,
        control.can_skip_dateranges,
        bool(playlist.preload_hints),
        bool(playlist.rendition_reports),
        any(segment.program_date_time is not None for segment in playlist.segments[-1:]),
    )
    loading.report(LowLatencyPlayed(loading.number, now, offer))


def _missing(playlist: MediaPlaylist) -> str:
    """Why a stream can not be played by parts (8216bis 4.4.3.7, 4.4.3.8)."""
    if not playlist.is_live:
        return "the stream is not live"
    if playlist.part_target is None:
        return "the stream has no parts (EXT-X-PART-INF)"
    control = playlist.server_control
    return f"the stream has parts, but no {'CAN-BLOCK-RELOAD' if control.part_hold_back else 'PART-HOLD-BACK'}"


def plan_reload(
    loading: Loading,
    place: Place,
    playlist: MediaPlaylist,
    event: PlaylistLoaded,
    now: float,
    changed: bool,
) -> float | None:
    """When the next load is due, and what it asks for; None: when it would be due without low latency.

    Infinity: when all playlists are here, for a player that reloads them together; see `release`.
    """
    asked = place.asked
    if asked.is_blocking:
        _judge(loading, asked, playlist, event, now, changed)
    age = event.age_seconds or 0.0
    due_at = place.plan(playlist, changed=changed, started_at=event.started_at, age_seconds=age, now=now)
    if due_at is None or not place.rules.paces:
        return due_at
    if any(track.playlist_in_flight for track in loading.tracks):
        return math.inf
    due_at = loading.pace.next_at(event.started_at, now, playlist.part_target or playlist.segments[-1].duration)
    release(loading, due_at)
    return due_at


def release(loading: Loading, due_at: float) -> None:
    """Let playlists be reloaded that wait for the others."""
    rules = loading.profile.low_latency
    if rules is None or not rules.paces:
        return
    for track in loading.tracks:
        playlist = track.playlist
        if track.reload_at is None and not track.playlist_in_flight and playlist is not None and playlist.is_live:
            track.reload_at = due_at


def _judge(
    loading: Loading, asked: Asked, playlist: MediaPlaylist, event: PlaylistLoaded, now: float, changed: bool
) -> None:
    """What the answer to a blocking reload says of the server."""
    if not asked.is_met_by(playlist):
        loading.report(EdgeFaultSeen(loading.number, now, EdgeFault.NOT_HELD, event.url))
    elif playlist.part_target and changed and now - event.started_at > _LATE_PARTS * playlist.part_target:
        loading.report(EdgeFaultSeen(loading.number, now, EdgeFault.LATE, event.url))


def after_failure(
    loading: Loading, track: Track, place: Place, failure: Failure, url: str, policy: FetchPolicy, now: float
) -> float | None:
    """When a reload with directives is tried again in another way; None: as after any failure, without directives."""
    asked, place.asked, place.next = place.asked, PLAIN, PLAIN
    if not asked.is_blocking and asked.skip is None:
        return None
    rules, status = place.rules, failure.status
    plain_at_once = rules.after_refusal is AfterRefusal.PLAIN_AT_ONCE
    if failure.kind is FailureKind.BAD_DELTA:
        loading.report(EdgeFaultSeen(loading.number, now, EdgeFault.DELTA_MISFIT, url))
        keeps = rules.after_refusal is AfterRefusal.PLAIN_AS_USUAL
        place.next = Asked(asked.sequence, asked.part) if keeps else PLAIN
        return now
    if asked.is_blocking and status in {_UNAVAILABLE, _BAD_REQUEST}:
        kind = EdgeFault.UNAVAILABLE if status == _UNAVAILABLE else EdgeFault.REFUSED
        loading.report(EdgeFaultSeen(loading.number, now, kind, url))
        if plain_at_once:
            return now
        elsewhere = loading.alternatives is not None and loading.alternatives.next_option(now) is not None
        if status == _BAD_REQUEST and not elsewhere and rules.after_refusal is AfterRefusal.PLAIN_AS_USUAL:
            # Nowhere to go to: asked again without directives, as after an error that may pass (hls.js).
            track.playlist_attempts += 1
            if track.playlist_attempts <= policy.error_retries:
                return now + float(policy.backoff_seconds * 2 ** (track.playlist_attempts - 1))
    if failure.kind in TIMEOUT_KINDS and plain_at_once:
        return now
    if rules.after_refusal is AfterRefusal.AGAIN:
        place.next = asked
    return None


def keep_pace(loading: Loading, track: Track, playlist: MediaPlaylist, now: float) -> None:
    """Let the player go faster or slower, so that its latency becomes what it should be."""
    rules = loading.profile.low_latency
    catch_up = None if rules is None else rules.catch_up
    playback = loading.playback
    if catch_up is None or playback.state is not PLAYING or now < loading.rate_looked_at + catch_up.every_seconds:
        return
    by_parts = playlist.is_low_latency
    if track.end_date is None or not (by_parts or playlist.hold_back is not None):
        return
    loading.rate_looked_at = now
    ahead = max(0.0, track.credited - playback.playhead.played(now))
    latency = now + loading.wall_clock_offset - (track.end_date - ahead)
    target = live_target(playlist, use_start=False, low_latency=by_parts)
    target += playback.stalls * loading.profile.stall_latency_seconds
    rate = catch_up.rate(latency, target)
    if rate != playback.playhead.rate:
        playback.playhead.go_at(rate, now)
