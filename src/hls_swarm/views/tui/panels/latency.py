"""Times to first byte and download times of each kind of object, as a table."""

from hls_swarm.records import ObjectKind
from hls_swarm.snapshot import units
from hls_swarm.stats.histogram import Distribution
from hls_swarm.views.tui.lines import Line, Part, line, table, width_of
from hls_swarm.views.tui.panels.panel import Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import LABEL

_ESSENTIAL = frozenset({ObjectKind.MEDIA_PLAYLIST, ObjectKind.SEGMENT})
_NAMES = {
    ObjectKind.MULTIVARIANT_PLAYLIST: "multivariant",
    ObjectKind.MEDIA_PLAYLIST: "playlist",
    ObjectKind.SEGMENT: "segment",
    ObjectKind.INIT: "init section",
    ObjectKind.KEY: "key",
}


class Latency(Panel):
    """P50, P95, P99 and maximum of what the origin took."""

    def __init__(self) -> None:
        super().__init__("latency", "Latency")

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """Two rows a kind of object; on a small screen only playlists and segments; alone also of connecting.

        Where the maximum has no room it is left out, not cut.
        """
        snapshot = picture.snapshot
        rows: list[list[Part]] = []
        names = ["", "", "P50", "P95", "P99", "max", *(["mean", "count"] if detail is Detail.FULL else [])]
        for kind, figures in snapshot.objects.items():
            if detail is not Detail.COMPACT or kind in _ESSENTIAL:
                rows.append(_row(_NAMES[kind], "first byte", figures.ttfb))
                rows.append(_row("", "download", figures.download))
        if detail is Detail.FULL:
            rows.append(_row("connection", "opened", snapshot.connect))
        if not rows:
            return [line(("nothing fetched yet", LABEL))]
        head: list[Part] = [(name, LABEL) for name in names]
        lines = table([row[: len(head)] for row in (head, *rows)], "<<" + ">" * (len(head) - 2))
        if max(width_of(row) for row in lines) > width:
            lines = table([row[: names.index("max")] for row in (head, *rows)], "<<>>>")
        return lines


def _row(name: str, what: str, d: Distribution | None) -> list[Part]:
    values = (None,) * 5 if d is None else (d.p50, d.p95, d.p99, d.max, d.mean)
    cells = [name, what, *(units.seconds(value) for value in values), units.count(None if d is None else d.count)]
    return [(cell, "") for cell in cells]
