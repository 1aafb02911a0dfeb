"""A CMAF segment cut into parts: fragments of their own, each a `moof` and its `mdat` (ISO/IEC 14496-12 8.8).

Samples are neither decoded nor changed. A part begins where the sample before it ends, its decode time is written anew,
and all parts of a segment one after the other are the segment.
"""

import math
import struct
from dataclasses import dataclass
from fractions import Fraction

from hls_swarm.testorigin.media.cmaf import PERIOD_SECONDS, CmafStream

_DATA_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_SIZE, _COMPOSITION = 0x200, 0x800
_KNOWN = _DATA_OFFSET | _FIRST_FLAGS | _SIZE | _COMPOSITION
_DEFAULT_DURATION, _DEFAULT_SIZE, _DEFAULT_FLAGS = 0x8, 0x10, 0x20
_IS_NON_SYNC = 0x10000
LEAST_SHARE = 0.85
"""Each part but the last of its segment lasts at least this share of PART-TARGET (8216bis 4.4.4.9)."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One frame as its fragment has it.

    Attributes:
        flags: of ISO/IEC 14496-12 8.8.3.1.
        composition: composition time offset in ticks; None if the track has none.
    """

    data: bytes
    flags: int
    composition: int | None


@dataclass(frozen=True, slots=True)
class Fragment:
    """The samples of one segment of a clip; all last equally long.

    Attributes:
        time: decode time of the first, in ticks.
        sample_ticks: duration of one.
        composition_version: of `trun`: 1 has signed offsets.
    """

    time: int
    sample_ticks: int
    track_id: int
    composition_version: int
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class CutPart:
    """A part of a track, as an endless stream of them has it.

    Attributes:
        start, end: media time, in seconds from the beginning of the stream.
        independent: begins with a sync sample.
    """

    data: bytes
    start: float
    end: float
    independent: bool


def read_fragment(data: bytes) -> Fragment:
    """The samples of a segment that is one `moof` and one `mdat`.

    Raises:
        ValueError: it is another kind of fragment than the clip has.
    """
    boxes = _boxes(data, 0, len(data))
    moof, mdat = boxes.get(b"moof"), boxes.get(b"mdat")
    if moof is None or mdat is None:
        raise ValueError("a segment of a clip is one moof and one mdat")
    traf = _boxes(data, *_boxes(data, *moof)[b"traf"])
    at = traf[b"tfhd"][0]
    flags = _u32(data, at) & 0xFFFFFF
    wanted = _DEFAULT_DURATION | _DEFAULT_FLAGS
    if flags & wanted != wanted or flags & 0x3:
        raise ValueError("a track of a clip has a default duration and default flags, and no base offset")
    track_id, duration = _u32(data, at + 4), _u32(data, at + 8)
    usual_flags = _u32(data, at + 12 + (4 if flags & _DEFAULT_SIZE else 0))
    at = traf[b"tfdt"][0]
    (time,) = struct.unpack_from(">Q" if data[at] else ">I", data, at + 4)
    at = traf[b"trun"][0]
    version, flags, count = data[at], _u32(data, at) & 0xFFFFFF, _u32(data, at + 4)
    if flags & ~_KNOWN or not flags & _SIZE or not flags & _DATA_OFFSET:
        raise ValueError("the samples of a clip have sizes, and perhaps composition times; nothing else")
    first_flags = _u32(data, at + 12) if flags & _FIRST_FLAGS else usual_flags
    at += 16 if flags & _FIRST_FLAGS else 12
    step = 8 if flags & _COMPOSITION else 4
    place, samples = mdat[0], []
    for nth in range(count):
        size = _u32(data, at + nth * step)
        composition = _u32(data, at + nth * step + 4) if flags & _COMPOSITION else None
        samples.append(Sample(data[place : place + size], usual_flags if nth else first_flags, composition))
        place += size
    return Fragment(time, duration, track_id, version, tuple(samples))


def write_fragment(fragment: Fragment, first: int, end: int, time: int, sequence: int) -> bytes:
    """Samples `first` to `end` of a fragment as one of their own, which begins at decode time `time`."""
    samples = fragment.samples[first:end]
    composed = samples[0].composition is not None
    flags = _DATA_OFFSET | _FIRST_FLAGS | _SIZE | (_COMPOSITION if composed else 0)
    entries = b"".join(
        struct.pack(">I", len(sample.data))
        + (b"" if sample.composition is None else struct.pack(">I", sample.composition))
        for sample in samples
    )
    usual = samples[-1].flags
    tfhd = _box(b"tfhd", struct.pack(">IIII", 0x020028, fragment.track_id, fragment.sample_ticks, usual))
    tfdt = _box(b"tfdt", struct.pack(">IQ", 1 << 24, time))
    mfhd = _box(b"mfhd", struct.pack(">II", 0, sequence))
    trun_bytes = 8 + 16 + len(entries)
    moof_bytes = 8 + len(mfhd) + 8 + len(tfhd) + len(tfdt) + trun_bytes
    head = struct.pack(
        ">IIII", fragment.composition_version << 24 | flags, len(samples), moof_bytes + 8, samples[0].flags
    )
    traf = _box(b"traf", tfhd + tfdt + _box(b"trun", head + entries))
    return _box(b"moof", mfhd + traf) + _box(b"mdat", b"".join(sample.data for sample in samples))


class PartedTrack:
    """One track of the clip as an endless stream of segments that are cut into parts.

    A part ends with the first frame that ends at or after its share of the segment, so that parts of all tracks that
    are next to each other cover the same time, to one frame.

    Args:
        segment_seconds: a whole number of the clip's segments.
        parts: in each segment.
    """

    def __init__(self, stream: CmafStream, segment_seconds: int, parts: int) -> None:
        self.init = stream.init
        self.parts = parts
        self._timescale = stream.timescale
        self._fragments = tuple(read_fragment(segment) for segment in stream.segments)
        clip_seconds = PERIOD_SECONDS // len(self._fragments)
        self._per_segment = segment_seconds // clip_seconds
        self._segments = len(self._fragments) // self._per_segment
        self._segment_seconds = segment_seconds
        self._ticks = self._fragments[0].sample_ticks

    @property
    def frame_seconds(self) -> Fraction:
        """Duration of one frame."""
        return Fraction(self._ticks, self._timescale)

    def longest_part_seconds(self) -> float:
        """Duration of the longest part that the stream has."""
        return max(part.end - part.start for nth in range(self._segments) for part in self.segment(nth))

    def segment(self, nth: int) -> tuple[CutPart, ...]:
        """The parts of segment n of the stream, counted from 0."""
        loop, place = divmod(nth, self._segments)
        fragments = self._fragments[place * self._per_segment : (place + 1) * self._per_segment]
        base = loop * PERIOD_SECONDS * self._timescale
        first, samples = fragments[0], tuple(sample for each in fragments for sample in each.samples)
        whole = Fragment(first.time, self._ticks, first.track_id, first.composition_version, samples)
        begin = nth * self._segment_seconds
        parts, at = [], 0
        for index in range(self.parts):
            ends = begin + Fraction((index + 1) * self._segment_seconds, self.parts)
            end = math.ceil((ends * self._timescale - base - whole.time) / self._ticks)
            if index == self.parts - 1:
                end = len(samples)
            time = base + whole.time + at * self._ticks
            data = write_fragment(whole, at, end, time, nth * self.parts + index + 1)
            until = time + (end - at) * self._ticks
            independent = not samples[at].flags & _IS_NON_SYNC
            parts.append(CutPart(data, time / self._timescale, until / self._timescale, independent))
            at = end
        return tuple(parts)


def part_count(segment_seconds: int, part_seconds: float, frame_seconds: tuple[Fraction, ...]) -> int:
    """Parts in a segment: the number whose parts are nearest to a wanted duration and alike enough for the rule.

    Args:
        frame_seconds: of each track; a part is a whole number of them.
    """
    fitting = [
        count
        for count in range(1, int(segment_seconds / 0.1) + 1)
        if all(_alike(Fraction(segment_seconds, count), frame) for frame in frame_seconds)
    ]
    return min(fitting, key=lambda count: abs(segment_seconds / count - part_seconds))


def _alike(part: Fraction, frame: Fraction) -> bool:
    frames = part / frame
    return frames >= 1 and math.floor(frames) >= LEAST_SHARE * math.ceil(frames)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def _boxes(data: bytes, at: int, end: int) -> dict[bytes, tuple[int, int]]:
    """Where the content of each box begins and ends; of several of a name the last."""
    found = {}
    while at < end:
        size, name = struct.unpack_from(">I4s", data, at)
        found[name] = at + 8, at + size
        at += size
    return found


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")
