"""Media at the live edge: parts of segments, and parts that are only hinted at (8216bis 4.4.4.9, 4.4.5.3).

What is wanted next is `lowlatency.place`; here it is asked for, credited and reported.
"""

from collections.abc import Sequence
from functools import partial

from msgspec import structs

from hls_swarm.hls.playlist import MediaPlaylist, Part, Segment
from hls_swarm.records import EdgeFault, EdgeFaultSeen, ObjectKind, PartLoaded
from hls_swarm.viewer.actions import Cancel, FetchSegment
from hls_swarm.viewer.loading.requests import object_fetch
from hls_swarm.viewer.loading.state import Loading
from hls_swarm.viewer.loading.track import Track
from hls_swarm.viewer.lowlatency.directives import is_tuning_in
from hls_swarm.viewer.lowlatency.place import Place
from hls_swarm.viewer.lowlatency.rules import StartRule

_PART = ObjectKind.PART
_AT_INDEPENDENT = StartRule.AT_INDEPENDENT


def next_media(loading: Loading, track: Track, place: Place, now: float) -> Part | Segment | None:
    """What the track loads next: a part, a whole segment, or nothing that is listed."""
    playlist, sequence = track.playlist, track.next_sequence
    if playlist is None or sequence is None or is_tuning_in(playlist, place.tune_in_goal):
        return None
    undecided = place.part is None
    found_in, wanted = place.wanted(playlist, sequence, track.skip_seconds, partial(_playhead, loading, track, now))
    if found_in != sequence:
        track.next_sequence, track.skip_seconds = found_in, 0.0
    begins = undecided and playlist.is_low_latency and track is loading.tracks[0]
    if not begins or place.rules.starts is not _AT_INDEPENDENT:
        return wanted
    if isinstance(wanted, Part):
        track.skip_seconds = wanted.start - _segment_start(playlist, wanted)
    elif wanted is None and found_in == playlist.next_sequence and playlist.open_parts:
        # No part of the open segment can be begun with: one of the segment before it is.
        before = playlist.segment_of_sequence(found_in - 1)
        if before is not None:
            track.next_sequence, track.skip_seconds = before.sequence, before.duration
            return next_media(loading, track, place, now)
    elif wanted is not None:
        track.skip_seconds = 0.0
    return wanted


def part_fetch(
    loading: Loading, track: Track, index: int, place: Place, part: Part, due_at: float
) -> FetchSegment | None:
    """The request for a part, or for the init section or key that it needs."""
    container = _container(track, part)
    if container is None:
        return None
    fetch = object_fetch(loading.profile, track, index, container, due_at, loading.total_seconds, part)
    place.loading = part if fetch.kind is _PART else None
    return fetch


def hint_fetch(loading: Loading, track: Track, index: int, place: Place, now: float) -> FetchSegment | None:
    """The request for the part that comes next, before it is there; None if the player asks for none.

    An init section that is hinted at beside it comes first: the part can not be played without it.
    """
    playlist = track.playlist
    if playlist is None or not playlist.segments:
        return None
    hint = place.wanted_hint(playlist)
    if hint is None:
        return None
    container, total = _being_made(playlist), loading.total_seconds
    init = place.wanted_init(playlist)
    key = None if init is None else (init.uri, init.byte_range)
    if init is not None and key != track.init_loaded and key not in track.kept:
        needs = structs.replace(container, init=init, keys=())
        place.init_hint = init
        return structs.replace(object_fetch(loading.profile, track, index, needs, now, total), hinted=True)
    fetch = object_fetch(loading.profile, track, index, container, now, total, hint)
    if fetch.kind is _PART:
        place.hint = hint.uri
    return fetch


def part_loaded(loading: Loading, track: Track, place: Place, loaded: FetchSegment, now: float) -> None:
    """A part is here whole."""
    if loaded.hinted:
        place.hint_at = now
        settle_hints(loading, track, place, now)
    elif place.loading is not None:
        _credit(loading, track, place, place.loading, now, hinted=False)


def settle_hints(loading: Loading, track: Track, place: Place, now: float) -> None:
    """Look whether what was hinted at and asked for is what the playlist now lists, or still hints at."""
    if place.hint is not None:
        _settle_part(loading, track, place, place.hint, now)
        return
    asked, playlist = place.init_hint, track.playlist
    if asked is not None and playlist is not None and asked not in {place.wanted_init(playlist), playlist.open_init}:
        _drop_hint(loading, track, place, asked.uri, now)


def _settle_part(loading: Loading, track: Track, place: Place, asked: str, now: float) -> None:
    playlist = track.playlist
    if playlist is None or track.next_sequence is None:
        return
    wanted = next_media(loading, track, place, now)
    true = place.comes_true(wanted, playlist)
    if true is None:
        return
    if not true:
        if place.hint_at is not None or not place.rules.keeps_hints:
            _drop_hint(loading, track, place, asked, now)
    elif place.hint_at is not None and isinstance(wanted, Part):
        arrived_at, place.hint, place.hint_at = place.hint_at, None, None
        _credit(loading, track, place, wanted, now, hinted=True, arrived_at=arrived_at)


def _drop_hint(loading: Loading, track: Track, place: Place, url: str, now: float) -> None:
    hint_lost(loading, place, url, now)
    if track.in_flight is not None and track.in_flight.hinted:
        track.in_flight = None
        loading.actions.append(Cancel(loading.tracks.index(track), playlist=False))


def hint_failed(loading: Loading, track: Track, place: Place, failed: FetchSegment, url: str, now: float) -> None:
    """A request for what was hinted at ended without it: once more, or not before it is listed."""
    waits = place.rules.retry_seconds
    track.attempts += 1
    if waits is not None and track.attempts == 1:
        place.repeat, track.retry_at = failed, now + waits[0]
        return
    track.attempts = 0
    hint_lost(loading, place, url, now)
    if waits is not None:
        track.retry_at = now + waits[1]


def hint_lost(loading: Loading, place: Place, url: str, now: float) -> None:
    """What was hinted at is not what came."""
    place.give_up_hint()
    loading.report(EdgeFaultSeen(loading.number, now, EdgeFault.HINT_LOST, url))


def _credit(
    loading: Loading,
    track: Track,
    place: Place,
    part: Part,
    now: float,
    *,
    hinted: bool,
    arrived_at: float | None = None,
) -> None:
    playlist = track.playlist
    segment = None if playlist is None else playlist.segment_of_sequence(part.sequence)
    held, start = part, part.start  # if its place has left the playlist meanwhile
    if playlist is not None:
        parts: Sequence[Part] = ()
        if segment is not None:
            parts, start = segment.parts, segment.start
        elif part.sequence == playlist.next_sequence:
            parts, start = playlist.open_parts, playlist.duration
        if part.index < len(parts):
            held = parts[part.index]  # as the playlist of now has it, whose positions count from another start
        else:
            start = part.start
    added, track.skip_seconds = place.credited(held, start, track.skip_seconds)
    track.credited += added
    track.loading, track.skipped = None, 0
    dated = segment
    offset = held.end - start
    if dated is None and playlist is not None and playlist.segments:
        dated = playlist.segments[-1]
        offset += dated.duration
    date = None if dated is None else dated.program_date_time
    track.end_date = None if date is None else date + offset
    at = now if arrived_at is None else arrived_at
    fresh = place.fresh_from is not None and (part.sequence, part.index) >= place.fresh_from
    age = at + loading.wall_clock_offset - track.end_date if fresh and track.end_date is not None else None
    loading.report(PartLoaded(loading.number, at, age, hinted))
    if segment is not None and place.part is not None and place.part >= len(segment.parts):
        track.next_sequence, track.skip_seconds, place.part = part.sequence + 1, 0.0, 0


def _segment_start(playlist: MediaPlaylist, part: Part) -> float:
    segment = playlist.segment_of_sequence(part.sequence)
    return playlist.duration if segment is None else segment.start


def _container(track: Track, part: Part) -> Segment | None:
    """The segment whose init section and keys a part has."""
    playlist = track.playlist
    if playlist is None or not playlist.segments:
        return None
    return playlist.segment_of_sequence(part.sequence) or _being_made(playlist)


def _being_made(playlist: MediaPlaylist) -> Segment:
    """What a part that no complete segment holds needs: the last segment, with init section and keys of the next."""
    last = playlist.segments[-1]
    if playlist.open_init == last.init and playlist.open_keys == last.keys:
        return last
    return structs.replace(last, init=playlist.open_init, keys=playlist.open_keys)


def _playhead(loading: Loading, track: Track, now: float) -> float:
    """Where the player is, in seconds from the start of the track's playlist."""
    position = track.next_position
    ahead = track.credited - loading.playback.playhead.played(now)
    return 0.0 if position is None else position - max(0.0, ahead)
