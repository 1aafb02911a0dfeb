"""What the viewer's machine asks of its loading: all that is due now, another place, an end.

Rules:

- One playlist and one media request in flight per track, no more. No media is fetched while the buffer holds the
  profile's target: this on/off pattern is what makes the load realistic.
- Renditions follow the variant: they join where it joined, on its timeline, and go with it when it goes elsewhere.
"""

from hls_swarm.viewer.actions import STEERING_TRACK, Cancel
from hls_swarm.viewer.loading.changing.levels import advance
from hls_swarm.viewer.loading.changing.steer import steering_due
from hls_swarm.viewer.loading.join import join_renditions, look_back, usual_position
from hls_swarm.viewer.loading.media import fetch_media
from hls_swarm.viewer.loading.state import Loading


def load_due(loading: Loading, now: float) -> float | None:
    """Fetch all that is due at `now`; gives the instant at which more will be, if that is known."""
    if loading.retry_at is not None and loading.retry_at <= now:
        due_at, loading.retry_at = loading.retry_at, None
        if loading.steering is None:
            loading.ask_first_playlist(due_at)
        else:
            steering_due(loading, loading.steering, due_at, now)
    until = loading.retry_at
    levels = loading.levels
    if levels is not None and loading.tracks:
        at = advance(loading, levels, now)
        if at is not None and (until is None or at < until):
            until = at
    on_demand = loading.on_demand
    for index, track in enumerate(loading.tracks):
        reload_at = track.reload_at
        if reload_at is not None and not (on_demand and track.has_work):
            if reload_at <= now and not track.playlist_in_flight:
                loading.ask_media_playlist(index, reload_at)
            elif until is None or reload_at < until:
                until = reload_at
        if levels is not None and levels.pending is not None and index == 0:
            continue
        room_at = fetch_media(loading, index, track, now)
        if room_at is not None and (until is None or room_at < until):
            until = room_at
    return until


def place(loading: Loading, now: float) -> tuple[float, float] | None:
    """Where the playhead is and how far one can seek, in seconds from the playlist's start; None if unknown."""
    main = loading.tracks[0]
    playlist, loaded_to = main.playlist, main.next_position
    if playlist is None or loaded_to is None:
        return None
    usual = usual_position(playlist, loading.profile, loading.start, age=0.0, extra_latency=0.0)
    here = loaded_to - max(0.0, main.credited - loading.playback.playhead.played(now))
    return here, usual if playlist.is_live else playlist.duration


def go_to(loading: Loading, position: float, now: float) -> None:
    """Clear the buffer and load from another position of the variant's playlist."""
    played = loading.playback.playhead.played(now)
    main = loading.tracks[0]
    for track in loading.tracks:
        loading.cancel_media(track)
        track.credited = played
        if track is not main:
            track.next_sequence = None
    if main.playlist is not None:
        main.enter(main.playlist, position, back_seconds=look_back(main.playlist, loading.profile))
    join_renditions(loading)


def cancel_all(loading: Loading) -> None:
    """End what is in flight: nobody waits for it any more."""
    if not loading.tracks:
        loading.actions.append(Cancel(None, playlist=True))
    if loading.steering is not None:
        loading.actions.append(Cancel(STEERING_TRACK, playlist=True))
    for track in loading.tracks:
        loading.cancel(track)
