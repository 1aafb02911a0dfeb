"""Playlist delta updates (8216bis 4.4.5.2, 6.2.5.1, 6.3.7): a delta and the held copy make a full playlist.

Rules:

- The delta's EXT-X-MEDIA-SEQUENCE names the first segment that it leaves out; the first listed one comes
  SKIPPED-SEGMENTS later. Every one left out must be held.
- EXT-X-MAP, EXT-X-KEY, EXT-X-BITRATE, dates, discontinuity sequence numbers and byte ranges carry on from the last
  one left out, up to where the delta says otherwise.
- Parts of those left out are dropped: a server lists none that far from the edge (6.2.2).
- If anything is missing the answer is a reason, and the client loads the full playlist.
"""

from enum import StrEnum

from msgspec.structs import replace

from hls_swarm.hls.playlist import ByteRange, DateRange, MediaPlaylist, Segment, Skip
from hls_swarm.hls.timeline import rebased_parts


class RefetchReason(StrEnum):
    """Why a delta update is of no use."""

    HELD_IS_DELTA = "the held copy is itself a delta"
    SEGMENTS_MISSING = "segments left out are not held"
    DISCONTINUITY_MISMATCH = "the discontinuity sequence does not fit the held copy"
    BYTE_RANGE_MISSING = "a byte range continues one that is not held"
    KEYS_AMBIGUOUS = "it names a key of one KEYFORMAT while keys of others were in force"


def merge_delta(held: MediaPlaylist, delta: MediaPlaylist) -> MediaPlaylist | RefetchReason:
    """The full playlist, as if it had been loaded whole; `delta` itself if it leaves nothing out."""
    skip = delta.skip
    if skip is None:
        return delta
    if held.skip is not None:
        return RefetchReason.HELD_IS_DELTA
    if not skip.segments:
        return replace(delta, dateranges=_dateranges(held, delta, skip), skip=None)
    first = held.index_of_sequence(delta.media_sequence)
    last = held.index_of_sequence(delta.media_sequence + skip.segments - 1)
    if first is None or last is None:
        return RefetchReason.SEGMENTS_MISSING
    carried = held.segments[first : last + 1]
    before = carried[-1]

    # The header counts the discontinuities before the first segment's own; whether its own is among them depends on
    # whether the server has already taken that tag away.
    header_fits = carried[0].discontinuity_sequence - delta.discontinuity_sequence
    if header_fits not in {0, int(carried[0].discontinuity)}:
        return RefetchReason.DISCONTINUITY_MISMATCH
    formats = {key.key_format for key in before.keys}
    listed = delta.segments[skip.inherits_keys :]
    if any(segment.keys and not formats <= {key.key_format for key in segment.keys} for segment in listed):
        return RefetchReason.KEYS_AMBIGUOUS
    if skip.inherits_byte_range and (before.byte_range is None or before.uri != delta.segments[0].uri):
        return RefetchReason.BYTE_RANGE_MISSING

    # EXT-X-BITRATE passes over byte ranges, so the last segment may not show the one in force.
    bitrate = next((segment.bitrate for segment in reversed(carried) if segment.byte_range is None), None)
    segments: list[Segment] = []
    position = 0.0
    for segment in carried:
        if segment.start != position or segment.parts:
            segment = replace(segment, start=position, parts=())
        segments.append(segment)
        position += segment.duration
    date = None if before.program_date_time is None else before.program_date_time + before.duration
    discontinuities = before.discontinuity_sequence - delta.discontinuity_sequence
    for index, segment in enumerate(delta.segments):
        segments.append(_continued(segment, index, skip, before, bitrate, position, date, discontinuities))
        position += segment.duration
        date = None if date is None else date + segment.duration
    _date_backwards(segments, len(carried))
    open_parts = rebased_parts(delta.open_parts, position - delta.duration)
    return replace(
        delta,
        segments=tuple(segments),
        open_parts=open_parts,
        duration=position,
        edge=open_parts[-1].end if open_parts else position,
        dateranges=_dateranges(held, delta, skip),
        open_init=delta.open_init or before.init,
        open_keys=delta.open_keys if delta.open_keys or skip.inherits_keys < len(delta.segments) else before.keys,
        skip=None,
    )


def _continued(
    segment: Segment,
    index: int,
    skip: Skip,
    before: Segment,
    bitrate: int | None,
    position: float,
    date: float | None,
    discontinuities: int,
) -> Segment:
    """A listed segment with what it has from those left out, of which `before` is the last."""
    sub_range: ByteRange | None = segment.byte_range
    if index < skip.inherits_byte_range and sub_range is not None and before.byte_range is not None:
        sub_range = sub_range[0] + sum(before.byte_range), sub_range[1]
    return replace(
        segment,
        start=position,
        discontinuity_sequence=segment.discontinuity_sequence + discontinuities,
        program_date_time=segment.program_date_time if index >= skip.inherits_date or date is None else date,
        init=before.init if index < skip.inherits_init else segment.init,
        keys=before.keys if index < skip.inherits_keys else segment.keys,
        byte_range=sub_range,
        bitrate=bitrate if index < skip.inherits_bitrate and sub_range is None else segment.bitrate,
        parts=rebased_parts(segment.parts, position - segment.start),
    )


def _date_backwards(segments: list[Segment], listed_from: int) -> None:
    """Date the carried segments that have no date by the first listed one (6.3.3)."""
    if listed_from == len(segments):
        return
    dated = segments[listed_from]
    date = dated.program_date_time
    index = listed_from
    while date is not None and index:
        index -= 1
        segment = segments[index]
        if segment.program_date_time is not None:
            return
        segments[index] = replace(segment, program_date_time=date - (dated.start - segment.start))


def _dateranges(held: MediaPlaylist, delta: MediaPlaylist, skip: Skip) -> tuple[DateRange, ...]:
    """Only a server that can skip date ranges leaves out those that it has named before (4.4.3.8, 6.2.5.1)."""
    if not delta.server_control.can_skip_dateranges:
        return delta.dateranges
    kept = {daterange.id: daterange for daterange in held.dateranges if daterange.id not in skip.removed_dateranges}
    return tuple((kept | {daterange.id: daterange for daterange in delta.dateranges}).values())
