"""The traffic: throughput and requests per second, now, over the last minutes, at most."""

from collections.abc import Callable

from hls_swarm.records import ObjectKind
from hls_swarm.snapshot import units
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.viewers.hosts import VersionFigures, versions_words
from hls_swarm.views.tui.lines import Line, chart, flow, line
from hls_swarm.views.tui.panel import Detail, Panel
from hls_swarm.views.tui.picture import (
    PARTS,
    PLAYING,
    PLAYLISTS,
    SEGMENTS,
    STALLED,
    THROUGHPUT,
    Picture,
    is_by_parts,
)
from hls_swarm.views.tui.themes import LABEL, SPARK, STRONG

_LABEL_WIDTH = 12
_NOW_WIDTH = 11
_PEAK_WIDTH = 17
_CHART_HEIGHTS = {Detail.COMPACT: 1, Detail.NORMAL: 1, Detail.ROOMY: 1, Detail.FULL: 4}

_ROWS: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    (THROUGHPUT, "throughput", units.bit_rate),
    (SEGMENTS, "segments", units.per_second),
    (PLAYLISTS, "playlists", units.per_second),
)
_BY_PARTS = (_ROWS[0], (PARTS, "parts", units.per_second), _ROWS[2])
_MORE_ROWS: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    (PLAYING, "playing", units.count),
    (STALLED, "stalled", units.count),
)


class Traffic(Panel):
    """A chart for each rate, and the sums."""

    def __init__(self) -> None:
        super().__init__("traffic", "Traffic")

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """Rates with their last minutes, as charts where there is room; alone also each kind of object."""
        height = _CHART_HEIGHTS[detail]
        few = _BY_PARTS if is_by_parts(picture.snapshot) else _ROWS
        rows = few if detail in {Detail.COMPACT, Detail.NORMAL} else (*few, *_MORE_ROWS)
        lines = [one for row in rows for one in _rate(picture, width, height, *row)]
        if detail is not Detail.COMPACT:
            lines += _sums(picture, width)
        if detail is Detail.FULL:
            lines += [(), *_kinds(picture, width)]
        return lines


def _rate(
    picture: Picture, width: int, height: int, name: str, label: str, write: Callable[[float | None], str]
) -> list[Line]:
    trace = picture.traces.get(name, ())
    now = write(trace[-1] if trace else None)
    peak = f"peak {write(picture.peaks.get(name))}".ljust(_PEAK_WIDTH)
    room = width - _LABEL_WIDTH - _NOW_WIDTH - _PEAK_WIDTH - 4
    first, *others = chart(trace, room, height)
    words = line((label.ljust(_LABEL_WIDTH), LABEL), (now.rjust(_NOW_WIDTH), STRONG), "  ")
    indent = line(" " * (_LABEL_WIDTH + _NOW_WIDTH + 2))
    return [(*words, (first, SPARK), ("  ", ""), (peak, LABEL)), *((*indent, (row, SPARK)) for row in others)]


def _sums(picture: Picture, width: int) -> list[Line]:
    snapshot = picture.snapshot
    body_bytes = sum(figures.body_bytes for figures in snapshot.objects.values())
    figures = [
        line(units.size(body_bytes)),
        line(f"mean {units.bit_rate(snapshot.throughput_mean_bytes_per_second)}"),
        line(f"{units.count(sum(f.requests for f in snapshot.objects.values()))} requests"),
        line(f"{units.count(snapshot.connections_opened)} connections opened"),
    ]
    if snapshot.http_versions:
        figures.append(line(_spoken(snapshot.http_versions)))
    lines = flow(("in all", LABEL), figures, width, _LABEL_WIDTH)
    if snapshot.steering is not None:
        lines += flow(("steering", LABEL), [line(words) for words in snapshot.steering.words], width, _LABEL_WIDTH)
    if snapshot.cmcd is not None:
        lines += flow(("CMCD", LABEL), [line(words) for words in snapshot.cmcd.words], width, _LABEL_WIDTH)
    return lines


def _spoken(versions: tuple[VersionFigures, ...]) -> str:
    """Over which HTTP requests went: `HTTP/2 12%, HTTP/3 88%`; of one alone its name says it all."""
    requests = sum(figures.requests for figures in versions)
    used = [figures for figures in versions if figures.requests]
    if len(used) < 2:
        return versions_words(versions)
    return ", ".join(
        f"{figures.name} {units.figure(100 * figures.requests / requests, Unit.PERCENT)}" for figures in used
    )


def _kinds(picture: Picture, width: int) -> list[Line]:
    rows: list[Line] = []
    for kind in ObjectKind:
        figures = picture.snapshot.objects.get(kind)
        if figures is not None:
            items = [
                line(f"{units.count(figures.requests)} requests"),
                line(units.per_second(figures.requests_per_second)),
                line(units.size(figures.body_bytes)),
                line(units.bit_rate(figures.body_bytes_per_second)),
                line(f"{units.count(figures.failed)} failed"),
                line(f"{units.count(figures.cancelled)} cut at the end"),
            ]
            rows += flow((kind.value.replace("_", " "), LABEL), items, width, 24)
    return rows
