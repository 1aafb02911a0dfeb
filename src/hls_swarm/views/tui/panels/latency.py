"""Times to first byte and download times of each kind of object, as a table."""

from hls_swarm.records import ObjectKind
from hls_swarm.snapshot import units
from hls_swarm.views.tui import compared
from hls_swarm.views.tui.lines import Line, Part, fitting, line
from hls_swarm.views.tui.panel import Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import LABEL

_ESSENTIAL = frozenset({ObjectKind.MEDIA_PLAYLIST, ObjectKind.SEGMENT, ObjectKind.PART})
_NAMES = {
    ObjectKind.MULTIVARIANT_PLAYLIST: "multivariant",
    ObjectKind.MEDIA_PLAYLIST: "playlist",
    ObjectKind.SEGMENT: "segment",
    ObjectKind.PART: "part",
    ObjectKind.INIT: "init section",
    ObjectKind.KEY: "key",
    ObjectKind.PREFLIGHT: "preflight",
    ObjectKind.STEERING: "steering",
    ObjectKind.CMCD_REPORT: "CMCD report",
}


class Latency(Panel):
    """What the origin took, in the last seconds and over the whole run."""

    def __init__(self) -> None:
        super().__init__("latency", "Latency")

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """Two rows a kind of object; where there is not all the room, only of playlists and segments."""
        snapshot, lately = picture.snapshot, picture.snapshot.lately
        rows: list[list[Part]] = []
        for kind, figures in snapshot.objects.items():
            if detail in (Detail.COMPACT, Detail.NORMAL) and kind not in _ESSENTIAL:
                continue
            now = None if lately is None else lately.objects.get(kind)
            ttfb, download = (None, None) if now is None else (now.ttfb, now.download)
            name = _NAMES[kind]
            rows.append([(f"{name} TTFB", ""), *compared.cells(ttfb, figures.ttfb, units.seconds)])
            rows.append([(f"{name} download", ""), *compared.cells(download, figures.download, units.seconds)])
        if detail is Detail.FULL:
            rows.append([("connection opened", ""), *compared.cells(None, snapshot.connect, units.seconds)])
        if not rows:
            return [line(("nothing fetched yet", LABEL))]
        return fitting([compared.head(""), *rows], "<" + compared.ALIGNMENT, width, compared.DROPPABLE)
