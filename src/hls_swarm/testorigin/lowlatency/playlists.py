"""Playlists of a low-latency stream as text (8216bis 4.4.3.7 to 4.4.5.4, 6.2.5.1)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hls_swarm.testorigin.lowlatency.directives import Edge, Skip
from hls_swarm.testorigin.media.parts import CutPart
from hls_swarm.testorigin.playlists import iso_8601, program_date_time_line

INIT_NAME = "init.mp4"
DATERANGE_SECONDS = 8
SKIP_TARGETS = 6
"""CAN-SKIP-UNTIL in target durations: the least that 4.4.3.8 allows."""
_PARTS_TARGETS = 3
"""Parts stay listed so far from the end, in target durations (6.2.2)."""
_HOLD_BACK_PARTS = 3
"""PART-HOLD-BACK in part targets: 4.4.3.8 recommends so many, and demands two."""


@dataclass(frozen=True)
class Shape:
    """What stays the same in all media playlists of a stream.

    Attributes:
        part_target: PART-TARGET in seconds.
        window: complete segments that are listed.
        wall_of_media: wall clock (Unix seconds) at which media time 0 of the stream was there.
    """

    segment_seconds: int
    part_target: float
    window: int
    wall_of_media: float


def part_name(segment: int, part: int) -> str:
    """The file name of a part, beside its media playlist."""
    return f"seg-{segment}-{part}.m4s"


def segment_name(segment: int) -> str:
    """The file name of a whole segment."""
    return f"seg-{segment}.m4s"


def init_name(segment: int | None) -> str:
    """The file name of the init section that begins with a segment; None: of the first one."""
    return INIT_NAME if segment is None else f"init-{segment}.mp4"


def media_playlist(
    shape: Shape,
    segments: Mapping[int, Sequence[CutPart]],
    edge: Edge,
    *,
    skip: Skip,
    maps: Mapping[int, str],
    hint: str | None,
    reports: Mapping[str, Edge],
) -> str:
    """The playlist of one track as it is now, or a delta update of it.

    Args:
        segments: the parts of each segment that is listed, and of the one that is being made.
        maps: URI of the init section of each of these segments.
        hint: URI of the part that comes next; None: say nothing of it.
        reports: how far the other playlists are, by their URIs.
    """
    oldest = max(edge.complete - shape.window + 1, min(segments))
    boundary = SKIP_TARGETS * shape.segment_seconds
    end = _end(segments, edge)
    skipped = 0
    if skip is not Skip.NONE:
        # Segments wholly further from the end than the boundary (4.4.3.8).
        skipped = sum(1 for nth in range(oldest, edge.complete + 1) if end - segments[nth][-1].end > boundary)
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{10 if skipped and skip is Skip.DATERANGES else 9}",
        f"#EXT-X-TARGETDURATION:{shape.segment_seconds}",
        (
            f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL={boundary:.1f},CAN-SKIP-DATERANGES=YES,"
            f"HOLD-BACK={3 * shape.segment_seconds:.1f},PART-HOLD-BACK={_HOLD_BACK_PARTS * shape.part_target:.5f}"
        ),
        f"#EXT-X-PART-INF:PART-TARGET={shape.part_target:.5f}",
        f"#EXT-X-MEDIA-SEQUENCE:{oldest}",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]
    begin = segments[oldest][0].start
    since = end - boundary if skipped and skip is Skip.DATERANGES else None
    if skipped:
        removed = "" if since is None else _recently_removed(begin, boundary)
        lines.append(f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}{removed}")
    for nth in range(oldest + skipped, edge.complete + 2):
        parts = segments.get(nth, ())[: edge.parts if nth == edge.complete + 1 else None]
        if not parts:
            continue
        # What a delta leaves out is known to who asked for it, the init section in force among it.
        if (nth == oldest and not skipped) or (nth > oldest and maps[nth] != maps[nth - 1]):
            lines.append(f'#EXT-X-MAP:URI="{maps[nth]}"')
        lines.append(program_date_time_line(shape.wall_of_media + parts[0].start))
        if end - parts[-1].end <= _PARTS_TARGETS * shape.segment_seconds:
            lines += [_part_line(nth, index, part) for index, part in enumerate(parts)]
        if nth <= edge.complete:
            lines.append(f"#EXTINF:{parts[-1].end - parts[0].start:.5f},")
            lines.append(segment_name(nth))
    lines += _dateranges(shape, begin, end, since)
    if hint is not None:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{hint}"')
    coming = edge.complete + 1
    if not edge.parts and maps[coming] != maps[edge.complete]:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="{maps[coming]}"')
    for uri, other in reports.items():
        sequence, part = (other.complete + 1, other.parts - 1) if other.parts else (other.complete, None)
        part = other.per_segment - 1 if part is None else part
        lines.append(f'#EXT-X-RENDITION-REPORT:URI="{uri}",LAST-MSN={sequence},LAST-PART={part}')
    return "\n".join(lines) + "\n"


def _end(segments: Mapping[int, Sequence[CutPart]], edge: Edge) -> float:
    if edge.parts:
        return segments[edge.complete + 1][edge.parts - 1].end
    return segments[edge.complete][-1].end


def _part_line(segment: int, index: int, part: CutPart) -> str:
    independent = ",INDEPENDENT=YES" if part.independent else ""
    return f'#EXT-X-PART:DURATION={part.end - part.start:.5f},URI="{part_name(segment, index)}"{independent}'


def _dateranges(shape: Shape, begin: float, end: float, since: float | None) -> list[str]:
    """One date range for each eight seconds of the listed media; with `since`, only those added after it."""
    lines = []
    for nth in range(int(begin // DATERANGE_SECONDS), math.ceil(end / DATERANGE_SECONDS)):
        starts = nth * DATERANGE_SECONDS
        if since is None or starts >= since:
            date = iso_8601(shape.wall_of_media + starts)
            lines.append(
                f'#EXT-X-DATERANGE:ID="loop-{nth}",CLASS="clip",START-DATE="{date}",DURATION={DATERANGE_SECONDS}.0'
            )
    return lines


def _recently_removed(begin: float, boundary: float) -> str:
    """The date ranges that have left the playlist within the skip boundary (4.4.5.2)."""
    first, end = int(max(0.0, begin - boundary) // DATERANGE_SECONDS), int(begin // DATERANGE_SECONDS)
    names = "\t".join(f"loop-{nth}" for nth in range(first, end))
    return f',RECENTLY-REMOVED-DATERANGES="{names}"' if names else ""
