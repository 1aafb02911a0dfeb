"""Fetching media: which object a track asks for next, and when.

Rules:

- The next segment is the lowest sequence number above the last one loaded; what expired meanwhile is counted.
- What is asked for is `requests.object_fetch`: a segment, or the init section or key that it needs.
- A gap is gone around, if there is somewhere to go, else passed (8216bis 6.3.3).
"""

from msgspec import structs

from hls_swarm.hls.playlist import MediaPlaylist, Part, Segment
from hls_swarm.records import Exchange, PassReason, SegmentsExpired, SegmentsPassed
from hls_swarm.viewer.actions import FetchSegment, SegmentLoaded
from hls_swarm.viewer.choosing.choice import Role
from hls_swarm.viewer.loading.changing.elsewhere import switch
from hls_swarm.viewer.loading.changing.levels import media_began, media_came, outdone
from hls_swarm.viewer.loading.changing.steer import Steering
from hls_swarm.viewer.loading.edge import hint_fetch, next_media, part_fetch, part_loaded
from hls_swarm.viewer.loading.join import join
from hls_swarm.viewer.loading.polling import look_due, look_in_vain, next_look, unlisted_seconds
from hls_swarm.viewer.loading.probing import probe_came, probe_fetch, take_kept
from hls_swarm.viewer.loading.recovery import give_up
from hls_swarm.viewer.loading.requests import INIT, KEY, PART, SEGMENT, lacks_key, object_fetch
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.playing.playback import EPSILON, PLAYING


def media_loaded(loading: Loading, event: SegmentLoaded, now: float) -> None:
    """The media request of the track is here whole."""
    track = loading.tracks[event.track]
    probe = loading.probe
    looks_into = probe is not None and bool(probe.pending)
    if not looks_into:  # what is looked into is measured by nobody: nobody chooses yet
        if loading.levels is not None:
            media_came(loading, loading.levels, event, now)
        elif loading.steering is not None and event.track == 0:
            _note(loading, loading.steering, track, event.exchange)
    loaded, segment = track.in_flight, track.loading
    track.in_flight = None
    track.attempts = 0
    if loaded is None:
        return
    if probe is not None and looks_into:
        probe_came(loading, probe, track, loaded, now)
    if loaded.kind is SEGMENT:
        if segment is None or (loading.levels is not None and outdone(loading, loading.levels, event, now)):
            return
        if segment.key is not None and loading.profile.keys_after_media and lacks_key(track, segment):
            track.keyless = segment
        else:
            track.credit(segment)
    elif loaded.kind is PART:
        if track.low_latency is not None:
            part_loaded(loading, track, track.low_latency, loaded, now)
    elif loaded.kind is INIT:
        if loaded.hinted and track.low_latency is not None:
            track.keep((loaded.url, loaded.byte_range))  # what is listed now may need the one before
            track.low_latency.init_hint = None
        else:
            track.init_loaded = (loaded.url, loaded.byte_range)
    else:
        track.key_loaded = loaded.url
        if track.keyless is not None:
            segment, track.keyless = track.keyless, None
            if segment.sequence == track.next_sequence:
                track.credit(segment)


def _note(loading: Loading, steering: Steering, track: Track, exchange: Exchange | None) -> None:
    """What the steering server is told of, and maybe waits for, has come."""
    fetch = track.in_flight
    if fetch is not None and exchange is not None and fetch.kind is not KEY:
        steering.link.measure(exchange, is_media=fetch.kind is not INIT)
    if steering.waits:
        loading.retry_at = 0.0  # at once, before anything else is asked for


def fetch_media(loading: Loading, index: int, track: Track, now: float) -> float | None:
    """Fetch the track's next object if it is time; else say at which instant it may be, if that is known."""
    if track.in_flight is not None or track.playlist is None or track.next_sequence is None:
        return None
    due_at = now
    if track.retry_at is not None:
        if track.retry_at > now:
            return track.retry_at
        due_at, track.retry_at = track.retry_at, None
        if track.given_up is not None:
            give_up(loading, track, track.given_up, now)
            return track.retry_at
        again = None if track.low_latency is None else track.low_latency.repeat
        if again is not None and track.low_latency is not None:
            track.low_latency.repeat = None
            track.in_flight = structs.replace(again, due_at=due_at, retry=True)
            loading.actions.append(track.in_flight)
            return None
    probe = loading.probe
    if probe is not None and probe.pending:
        if index == 0 and track.source.url != probe.source_url:
            loading.probe = probe = None  # it went elsewhere, and looks into nothing there
        elif index == 0:
            track.in_flight = probe_fetch(loading, probe, track, index, due_at)
            loading.actions.append(track.in_flight)
        if probe is not None:
            return None
    segment = track.next_segment()
    if segment is None and track.next_sequence < track.playlist.first_sequence:
        segment = _pass_expired(loading, track, track.playlist, track.next_sequence, now)
    if segment is not None and segment.gap:
        segment = _pass_gaps(loading, track, now)
    took_kept = False
    while probe is not None and segment is not None and index == 0 and take_kept(loading, probe, track, segment):
        took_kept, segment = True, track.next_segment()
        if segment is not None and segment.gap:
            segment = _pass_gaps(loading, track, now)
    place, part = track.place_by_parts, None
    if place is not None:
        wanted = next_media(loading, track, place, now)
        if isinstance(wanted, Part):
            part, segment = wanted, None
        else:
            segment = wanted
    if segment is None and part is None:
        if place is not None and (hint := hint_fetch(loading, track, index, place, now)) is not None:
            track.in_flight = hint
            loading.actions.append(hint)
        elif loading.profile.polling is not None:
            look_in_vain(track, unlisted_seconds(track, loading.profile.polling), now)
        return None
    playhead, profile = loading.playback.playhead, loading.profile
    target = profile.buffer_target_seconds(track.source.bitrate_bps)
    polling = None if part is not None else profile.polling
    if track.credited - playhead.played(now) > target + EPSILON:
        track.room_at = playhead.reaches(track.credited - target)
        if polling is not None and track.room_at is not None:
            look_in_vain(track, polling.full_seconds, now)
            track.room_at = next_look(track, track.room_at)
        return track.room_at
    if polling is not None and segment is not None and not took_kept:  # what comes after those it fetches ahead
        look_at = look_due(loading, track, segment, polling, now)
        if look_at is not None:
            return look_at
    if track.room_at is not None:
        due_at, track.room_at = min(due_at, track.room_at), None
    if segment is not None:
        fetch: FetchSegment | None = object_fetch(profile, track, index, segment, due_at, loading.total_seconds)
    elif place is not None and part is not None:
        fetch = part_fetch(loading, track, index, place, part, due_at)
    if fetch is None:
        return None
    track.in_flight, track.loading = fetch, segment
    if track.looked_at is not None:
        track.looked_at = track.look_at = None
    if track.moved is not None:  # what is held is known by the address that the playlist has for it
        fetch = structs.replace(fetch, url=track.moved.of(fetch.url))
    loading.actions.append(fetch)
    if loading.levels is not None and index == 0:
        media_began(loading, loading.levels, track, now)
        return loading.levels.look_at
    return None


def _pass_expired(loading: Loading, track: Track, playlist: MediaPlaylist, wanted: int, now: float) -> Segment | None:
    """What is wanted has left the playlist: go on with the first that is listed, and count those between."""
    track.next_sequence, track.skip_seconds = playlist.first_sequence, 0.0
    if loading.playback.state is not PLAYING or loading.buffer_seconds(now) <= 0:
        join(loading, track, playlist, now)  # outside the window: back to the live sync position (hls.js)
    passed = (track.next_sequence or playlist.first_sequence) - wanted
    loading.report(SegmentsExpired(loading.number, now, passed))
    return track.next_segment()


def _pass_gaps(loading: Loading, track: Track, now: float) -> Segment | None:
    """Another variant, else what comes after the gap (8216bis 6.3.3)."""
    if track.role is Role.MAIN and switch(loading, now):
        return None
    count, segment = 0, track.next_segment()
    while segment is not None and segment.gap:
        track.pass_over()
        count += 1
        segment = track.next_segment()
    loading.report(SegmentsPassed(loading.number, now, count, PassReason.GAP))
    return segment
