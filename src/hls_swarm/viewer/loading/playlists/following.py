"""Following a playlist: what a load of it means, and when the next one is due.

Rules:

- Whether a playlist changed is told by what it lists, not by its bytes (hls.js, Media3).
- A live playlist that moved on is followed by sequence number; one that began anew is joined anew. An older copy is
  followed or not as the profile says, and reported either way.
- When it is loaded again is the profile's rule (`reload`), whether it still changes is `freshness`. What a reload asks
  for is `Loading.ask_media_playlist`.
"""

import math

from hls_swarm.hls.playlist import MediaPlaylist, MultivariantPlaylist
from hls_swarm.hls.timeline import Movement, movement
from hls_swarm.records import (
    DatesMoved,
    Failure,
    FailureKind,
    LicenceUnasked,
    ObjectKind,
    PlaylistOlder,
    SegmentsMutated,
    SequenceReset,
)
from hls_swarm.viewer.actions import PlaylistLoaded
from hls_swarm.viewer.adapting.estimates import Ewma
from hls_swarm.viewer.choosing.choice import Source
from hls_swarm.viewer.loading.changing.elsewhere import choose_stream
from hls_swarm.viewer.loading.changing.levels import playlist_came
from hls_swarm.viewer.loading.edge import settle_hints
from hls_swarm.viewer.loading.join import join, join_renditions, plays_by_parts
from hls_swarm.viewer.loading.playlists.blocking import keep_pace, plan_reload, tell
from hls_swarm.viewer.loading.playlists.reload import next_load, reload_delay
from hls_swarm.viewer.loading.probing import begin_probe
from hls_swarm.viewer.loading.recovery import playlist_failed
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.playing.latency import edge_latency, observed
from hls_swarm.viewer.playing.playback import PLAYING
from hls_swarm.viewer.profiles import ReloadRule

# Members as globals: in Python 3.11 a member is found on its class at seven times the cost.
_NONE, _ON, _OLDER, _RESET = Movement
_SHAKA = ReloadRule.SHAKA
A_MULTIVARIANT_PLAYLIST = "a multivariant playlist where a media playlist was expected"


def no_segments(playlist: MediaPlaylist) -> Failure:
    """What is wrong with a playlist that lists nothing: a player has nothing to load."""
    return Failure(FailureKind.EMPTY_PLAYLIST, f"the {'live ' * playlist.is_live}playlist has no segments")


def playlist_loaded(loading: Loading, event: PlaylistLoaded, now: float) -> None:
    """A playlist is here: choose, join, or find the place in what has moved on."""
    playlist = event.playlist
    if event.track is None:
        loading.attempts = 0
        loading.shown_url = event.url
        if isinstance(playlist, MultivariantPlaylist):
            choose_stream(loading, playlist, now)
            if loading.steering is not None and loading.steering.holds:
                return
            for index in range(len(loading.tracks)):
                loading.ask_media_playlist(index, now)
            return
        loading.follow([Track(Source(loading.url))])
        index = 0
    else:
        index = event.track
    track = loading.tracks[index]
    track.playlist_in_flight = False
    if isinstance(playlist, MultivariantPlaylist):
        failure = Failure(FailureKind.BAD_PLAYLIST, A_MULTIVARIANT_PLAYLIST)
        loading.fail(failure, event.url, ObjectKind.MEDIA_PLAYLIST, track)
    elif not playlist.segments:
        # One that has ended stays as it is: hls.js goes to another level or gives up at once.
        playlist_failed(loading, index, no_segments(playlist), event.url, now, retryable=playlist.is_live)
    else:
        _media_playlist_loaded(loading, track, playlist, event, now)


def _media_playlist_loaded(
    loading: Loading, track: Track, playlist: MediaPlaylist, event: PlaylistLoaded, now: float
) -> None:
    track.playlist_attempts = 0
    if loading.levels is not None:
        playlist_came(loading, loading.levels, track, event, now)
    before, track.shown_url = track.playlist, event.url
    moved = _ON
    if before is not None:
        moved = movement(before, playlist, elapsed=now - track.freshness.changed_at + track.age_seconds)
        if moved is _OLDER:
            loading.report(PlaylistOlder(loading.number, now, event.url))
            if loading.profile.keeps_newest:
                playlist = before
    changed = moved is not _NONE and playlist is not before
    if playlist is not before:
        track.playlist = playlist
        track.loaded_at, track.age_seconds = now, event.age_seconds or 0.0
    if track.leaving is not None:
        track.arrive(playlist, now)
    if not loading.low_latency_told:
        tell(loading, playlist, now)
        if any(segment.keys and segment.key is None for segment in playlist.segments):
            loading.report(LicenceUnasked(loading.number, now))
    if track.next_sequence is None:
        join(loading, track, playlist, now)
        if loading.probes and track is loading.tracks[0] and not plays_by_parts(playlist, loading.profile):
            begin_probe(loading, track, playlist)
    elif before is not None and playlist is not before:
        _move_on(loading, track, moved, playlist, event, now)
    place = track.low_latency
    if place is not None and (place.hint is not None or place.init_hint is not None):
        settle_hints(loading, track, place, now)
    if playlist.is_live:
        _schedule(loading, track, playlist, event, now, changed=changed, before=before)
    else:
        track.reload_at = None
    if loading.fatal is None and len(loading.tracks) > 1:
        join_renditions(loading)


def _move_on(
    loading: Loading, track: Track, moved: Movement, playlist: MediaPlaylist, event: PlaylistLoaded, now: float
) -> None:
    """Find the place in a playlist that is not the one held before."""
    if event.mutated:
        loading.report(SegmentsMutated(loading.number, now, event.mutated))
    if event.dates_moved:
        loading.report(DatesMoved(loading.number, now, event.url, event.dates_moved))
    if track.unmeasured:
        track.measure(playlist)
    if moved is _RESET:
        loading.report(SequenceReset(loading.number, now))
        loading.cancel_media(track)
        join(loading, track, playlist, now)


def _schedule(
    loading: Loading,
    track: Track,
    playlist: MediaPlaylist,
    event: PlaylistLoaded,
    now: float,
    *,
    changed: bool,
    before: MediaPlaylist | None,
) -> None:
    """When a live playlist is loaded again, and how far behind its edge the viewer is."""
    fresh, target, profile = track.freshness, playlist.target_duration, loading.profile
    added = playlist.next_sequence - before.next_sequence if fresh.stale and before is not None else 0
    stale = fresh.loaded(loading.number, changed, event.started_at, target, now, added)
    if stale is not None:
        loading.report(stale)
    if not changed and (unchanged := fresh.gives_up(profile, now, target)) is not None:
        reason = f"the live playlist did not change for {unchanged:.0f} s"
        loading.fail(Failure(FailureKind.STALE_PLAYLIST, reason), event.url, ObjectKind.MEDIA_PLAYLIST, track)
        return
    playback = loading.playback
    playhead = playback.playhead
    edge_seconds = edge_latency(track, playhead, now)
    place = track.low_latency
    due_at = None if place is None else plan_reload(loading, place, playlist, event, now, changed)
    if due_at is None:
        rule = profile.reload_rule
        delay = reload_delay(rule, playlist, changed, edge_seconds)
        if rule is _SHAKA:
            due_at = _next_beat(track, event.started_at, delay, now)
        else:
            due_at = next_load(rule, track.scheduled_at, event.started_at, delay, now)
    track.reload_at = track.scheduled_at = None if due_at == math.inf else due_at
    if changed and track is loading.tracks[0]:
        keep_pace(loading, track, playlist, now)
    if changed and before is not None and playback.state is PLAYING and track is loading.tracks[0]:
        loading.report(observed(loading.number, track, playhead, edge_seconds, loading.wall_clock_offset, now))


_MEAN_LOADS = 5
"""After so many loads the weight of one in the mean time of loads has halved (Shaka, `averageUpdateDuration_`)."""


def _next_beat(track: Track, started_at: float, delay: float, now: float) -> float:
    """When Shaka's timer for reloads is due: what a change of variant loads in between does not move it."""
    first = track.load_seconds is None
    mean = track.load_seconds = track.load_seconds or Ewma(_MEAN_LOADS)
    if track.beat_at is not None and track.beat_at > now:
        return track.beat_at
    if not first:
        begun = started_at if track.scheduled_at is None else min(track.scheduled_at, started_at)
        mean.sample(1, now - begun)  # retries are part of it
    track.beat_at = next_load(_SHAKA, None if first else started_at, started_at, delay, now, mean.value)
    return track.beat_at
