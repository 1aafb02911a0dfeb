"""Where things lie on the media timeline: joining, and bringing one playlist's positions onto another's.

Rules:

- A position is in seconds from the start of the first listed segment of the playlist named with it.
- Two variants are aligned by dates or discontinuity sequence numbers, never by media sequence numbers, which each media
  playlist counts for itself (8216bis 6.3.2). Where neither says, by their ends.
- A playlist reloaded is aligned with itself by media sequence numbers: that is what they are for (6.2.2, 6.3.2).
"""

from enum import Enum, StrEnum

import msgspec

from hls_swarm.hls.playlist import MediaPlaylist, Part, PlaylistType, Segment, Start

STALE_AFTER_TARGETS = 3
"""hls.js takes no more than this many target durations of a playlist's age for granted."""


def live_target(
    playlist: MediaPlaylist, *, use_start: bool = True, low_latency: bool = False, start: Start | None = None
) -> float:
    """How far from the edge a client joins, in seconds (8216bis 4.4.2.2, 4.4.3.8, 6.3.3).

    EXT-X-START, else PART-HOLD-BACK when playing by parts, else HOLD-BACK, else three target durations. A negative
    EXT-X-START counts from the edge, parts included, as hls.js and Media3 have it; 4.4.2.2 says from the last segment.

    Args:
        use_start: whether the player honours EXT-X-START.
        low_latency: whether it plays by parts.
        start: EXT-X-START of the multivariant playlist, which holds for all its media playlists.
    """
    start = start or playlist.start
    if use_start and start is not None:
        distance = -start.offset if start.offset < 0 else playlist.edge - start.offset
        return min(max(distance, 0.0), playlist.edge)
    if low_latency and playlist.part_hold_back is not None:
        return playlist.part_hold_back
    if playlist.hold_back is not None:
        return playlist.hold_back
    return 3 * playlist.target_duration


def join_position(
    playlist: MediaPlaylist,
    *,
    age: float = 0.0,
    use_start: bool = True,
    low_latency: bool = False,
    extra_latency: float = 0.0,
    start: Start | None = None,
) -> float:
    """Where playback begins, or is resumed after falling out of the window.

    Live (hls.js): `edge + age - target - max(age - 3 * (part target or target duration), 0)`: the edge has moved on
    since the playlist was made, but a stale playlist is not evidence that it has. Not before the window, and not nearer
    to its edge than a target duration (or part target). Otherwise EXT-X-START, else 0.

    Args:
        age: seconds since the playlist was made: the Age header and the time since it arrived.
        extra_latency: seconds that the player has added to its target, as after stalls.
        use_start, low_latency, start: see `live_target`.
    """
    if not playlist.is_live:
        start = start or playlist.start
        if not use_start or start is None:
            return 0.0
        offset = start.offset if start.offset >= 0 else playlist.duration + start.offset
        last = playlist.segments[-1].start if playlist.segments else 0.0
        return min(max(offset, 0.0), last)
    target = live_target(playlist, use_start=use_start, low_latency=low_latency, start=start) + extra_latency
    step = playlist.part_target if low_latency and playlist.part_target is not None else playlist.target_duration
    position = playlist.edge + age - target - max(age - STALE_AFTER_TARGETS * step, 0.0)
    return max(min(position, playlist.edge - step), 0.0)


def program_date_time(playlist: MediaPlaylist, position: float) -> float | None:
    """Wall-clock date at a position, in seconds since the epoch; None if no date is known there.

    Positions outside the listed segments are told from the first and the last.
    """
    if not playlist.segments:
        return None
    index = playlist.index_at(position)
    if index is None:
        index = 0 if position < 0 else -1
    segment = playlist.segments[index]
    return None if segment.program_date_time is None else segment.program_date_time + (position - segment.start)


class AlignmentBasis(StrEnum):
    """What two playlists were aligned by, the most certain first."""

    START = "start"  # both begin where the presentation begins
    DATE = "date"
    DISCONTINUITY = "discontinuity"
    EDGE = "edge"  # an estimate: both are taken to end at the same time


class Alignment(msgspec.Struct, frozen=True, gc=False):
    """How positions of one playlist become positions of another: add `offset`."""

    offset: float
    basis: AlignmentBasis


def alignment(source: MediaPlaylist, target: MediaPlaylist, *, elapsed: float = 0.0) -> Alignment | None:
    """How positions in `source` become positions in `target`, another variant or rendition (8216bis 6.2.4, 6.3.2).

    Args:
        elapsed: seconds from the load of `source` to that of `target`; used where nothing but the ends is common.

    Returns:
        None if either lists no segment.
    """
    if not source.segments or not target.segments:
        return None
    if source.playlist_type is target.playlist_type is PlaylistType.VOD:
        # 6.2.4: every VOD playlist of a presentation begins at the same media time.
        return Alignment(0.0, AlignmentBasis.START)
    offset = _offset_by_date(source, target)
    if offset is not None:
        return Alignment(offset, AlignmentBasis.DATE)
    offset = _offset_by_discontinuity(source, target)
    if offset is not None:
        return Alignment(offset, AlignmentBasis.DISCONTINUITY)
    if _keeps_its_start(source) and _keeps_its_start(target):
        return Alignment(0.0, AlignmentBasis.START)
    moved = elapsed if source.is_live and target.is_live else 0.0
    return Alignment(target.edge - source.edge - moved, AlignmentBasis.EDGE)


def _keeps_its_start(playlist: MediaPlaylist) -> bool:
    """Whether its first segment is the first of the presentation: nothing was removed, as far as can be told."""
    return playlist.playlist_type is not None or not playlist.is_live


def _offset_by_date(source: MediaPlaylist, target: MediaPlaylist) -> float | None:
    """By the dated segment of `source` nearest its edge that shares a discontinuity with a dated one of `target`."""
    dated: dict[int, list[tuple[float, Segment]]] = {}
    for segment in target.segments:
        if segment.program_date_time is not None:
            dated.setdefault(segment.discontinuity_sequence, []).append((segment.program_date_time, segment))
    if not dated:
        return None
    for segment in reversed(source.segments):
        date = segment.program_date_time
        if date is None:
            continue
        candidates = dated.get(segment.discontinuity_sequence)
        if candidates:
            # The nearest, because EXTINF durations are rounded and the error adds up.
            there, match = min(candidates, key=lambda candidate: abs(candidate[0] - date))
            return match.start - segment.start + (date - there)
    return None


def _offset_by_discontinuity(source: MediaPlaylist, target: MediaPlaylist) -> float | None:
    """By the last discontinuity whose beginning both list."""
    begun = {s.discontinuity_sequence: s.start for s in target.segments if s.discontinuity}
    if not begun:
        return None
    for segment in reversed(source.segments):
        if segment.discontinuity and segment.discontinuity_sequence in begun:
            return begun[segment.discontinuity_sequence] - segment.start
    return None


class Movement(Enum):
    """What a reload of a live media playlist is to the copy held of it."""

    NONE = "none"  # it ends where the held one ends
    ON = "on"
    OLDER = "older"  # an older copy, as from a cache that is behind
    RESET = "reset"  # its sequence numbers began anew, or leapt to where no time could have brought them


# Members as globals: in Python 3.11 a member is found on its class at seven times the cost.
_NONE, _ON, _OLDER, _RESET = Movement
LEAP_SECONDS = 60.0
"""Media that may be missing between two copies, beyond the time that passed, before the numbers are said to have leapt:
a copy may be older than it says."""


def movement(held: MediaPlaylist, new: MediaPlaylist, *, elapsed: float) -> Movement:
    """How a reload stands to the copy held before; what is listed counts, not the bytes (hls.js, Media3).

    Args:
        elapsed: seconds since the held copy was made, as far as that is known.
    """
    if new is held:
        return _NONE
    end, new_end = held.next_sequence, new.next_sequence
    if held.segments and new_end <= held.first_sequence:
        return _RESET
    if new_end < end:
        return _OLDER
    if new_end == end:
        more = len(new.open_parts) - len(held.open_parts)
        if more:
            return _ON if more > 0 else _OLDER
        return _NONE if new.is_live else _ON
    missing = new.first_sequence - end
    if missing > 0 and held.segments:
        usual = held.duration / len(held.segments) or new.target_duration
        if missing * usual > elapsed + max(LEAP_SECONDS, 10 * new.target_duration):
            return _RESET
    return _ON


def date_moved(held: MediaPlaylist, new: MediaPlaylist) -> float:
    """By how many seconds the date of a segment that both list is later in the new one; 0 if none has two dates."""
    first, last = max(held.first_sequence, new.first_sequence), min(held.next_sequence, new.next_sequence) - 1
    if first > last:
        return 0.0
    before, after = held.segment_of_sequence(first), new.segment_of_sequence(first)
    if before is None or after is None or before.program_date_time is None or after.program_date_time is None:
        return 0.0
    return after.program_date_time - before.program_date_time


class Reload(msgspec.Struct, frozen=True, gc=False):
    """What a reload of the same media playlist brought.

    Attributes:
        changed: anything at all.
        slide: seconds by which the start of the new playlist lies after the start of the held one; None after a reset.
        slide_is_exact: False where no segment is common and the way between is estimated.
        added: segments past the end of the held one.
        removed: segments of the held one that left at the front.
        reset: the new one lies wholly before the held one: its sequence numbers began anew.
        behind: it ends before the held one, yet overlaps it: an older copy, as from a cache.
        mutated: sequence numbers that now have another URI, query aside, or byte range, which the RFC forbids (6.2.1);
            hls.js leaves the query out, too, as tokens are in it.
    """

    changed: bool
    slide: float | None
    slide_is_exact: bool
    added: int
    removed: int
    reset: bool
    behind: bool
    mutated: tuple[int, ...]


_UNCHANGED = Reload(False, 0.0, True, 0, 0, False, False, ())


def reload(held: MediaPlaylist, new: MediaPlaylist) -> Reload:
    """Compare a full media playlist (deltas merged) with the copy held of it before."""
    if new is held or new == held:
        return _UNCHANGED
    first, end = held.first_sequence, held.next_sequence
    new_first, new_end = new.first_sequence, new.next_sequence
    if held.segments and new_end <= first:
        return Reload(True, None, False, 0, 0, True, False, ())
    slide, exact = _slide(held, new)
    return Reload(
        changed=True,
        slide=slide,
        slide_is_exact=exact,
        added=max(new_end - max(end, new_first), 0),
        removed=max(min(new_first, end) - first, 0),
        reset=False,
        behind=new_end < end,
        mutated=_mutated(held, new),
    )


def _slide(held: MediaPlaylist, new: MediaPlaylist) -> tuple[float, bool]:
    first, end, new_first = held.first_sequence, held.next_sequence, new.first_sequence
    if new_first < first:
        # Not a reset, so the held first segment is listed in the new one, or none is held.
        common = new.segment_of_sequence(first)
        return (-common.start, True) if common is not None else (0.0, False)
    if new_first < end:
        return held.segments[new_first - first].start, True
    if new_first == end:
        return held.duration, True
    if held.segments and new.segments:
        last, next_ = held.segments[-1], new.segments[0]
        if last.program_date_time is not None and next_.program_date_time is not None:
            apart = next_.program_date_time - last.program_date_time
            if apart >= last.duration:
                return last.start + apart, False
    usual = held.duration / len(held.segments) if held.segments else new.target_duration
    return held.duration + (new_first - end) * usual, False


def _mutated(held: MediaPlaylist, new: MediaPlaylist) -> tuple[int, ...]:
    low = max(held.first_sequence, new.first_sequence)
    high = min(held.next_sequence, new.next_sequence)
    if low >= high:
        return ()
    before = held.segments[low - held.first_sequence : high - held.first_sequence]
    after = new.segments[low - new.first_sequence : high - new.first_sequence]
    return tuple(
        b.sequence
        for a, b in zip(before, after, strict=True)
        if a is not b and ((a.uri != b.uri and _path(a.uri) != _path(b.uri)) or a.byte_range != b.byte_range)
    )


def _path(uri: str) -> str:
    return uri.partition("?")[0]


def expired_segments(playlist: MediaPlaylist, last_sequence: int) -> int:
    """How many segments after `last_sequence`, the last one loaded, are no longer offered."""
    return max(playlist.media_sequence - last_sequence - 1, 0)


def rebased_parts(parts: tuple[Part, ...], shift: float) -> tuple[Part, ...]:
    """Parts moved by `shift` seconds."""
    return tuple(msgspec.structs.replace(part, start=part.start + shift) for part in parts)
