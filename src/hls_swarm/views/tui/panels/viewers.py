"""The viewers that fare worst, as a table that can be sorted by any column."""

from collections.abc import Callable
from dataclasses import dataclass

from hls_swarm.snapshot import units
from hls_swarm.snapshot.snapshot import ViewerDetail
from hls_swarm.views.tui.lines import GAP, Line, Part, cut, line, table
from hls_swarm.views.tui.panel import Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import LABEL, STRONG, WARN

_BITS = 8
_MOST_BESIDE = 20
"""Rows beside other panels: who watches those needs the log too."""
_Key = Callable[[ViewerDetail], tuple[bool, float | str]]
"""What a column is sorted by: first whether the value is unknown, then the value."""


@dataclass(frozen=True)
class _Column:
    title: str
    alignment: str
    text: Callable[[ViewerDetail], str]
    key: _Key
    greatest_first: bool


def _number(value: float | None) -> tuple[bool, float | str]:
    return (value is None, 0.0 if value is None else value)


_COLUMNS = (
    _Column("viewer", ">", lambda v: str(v.viewer), lambda v: _number(v.viewer), greatest_first=False),
    _Column("state", "<", lambda v: v.state, lambda v: (False, v.state), greatest_first=True),
    _Column(
        "buffer",
        ">",
        lambda v: units.seconds(v.buffer_seconds),
        lambda v: _number(v.buffer_seconds),
        greatest_first=False,
    ),
    _Column(
        "variant",
        ">",
        lambda v: units.bit_rate(None if v.bitrate_bps is None else v.bitrate_bps / _BITS),
        lambda v: _number(v.bitrate_bps),
        greatest_first=False,
    ),
    _Column("stalls", ">", lambda v: units.count(v.stalls), lambda v: _number(v.stalls), greatest_first=True),
    _Column(
        "stalled",
        ">",
        lambda v: units.seconds(v.stalled_seconds),
        lambda v: _number(v.stalled_seconds),
        greatest_first=True,
    ),
    _Column("worker", ">", lambda v: str(v.worker), lambda v: _number(v.worker), greatest_first=False),
    _Column(
        "last error",
        "<",
        lambda v: v.last_error or units.UNKNOWN,
        lambda v: (v.last_error is None, v.last_error or ""),
        greatest_first=False,
    ),
)


class Viewers(Panel):
    """At most as many rows as the snapshot has; as it orders them, the worst first, until somebody sorts."""

    def __init__(self) -> None:
        super().__init__("viewers", "Worst viewers")
        self._sorted_by: int | None = None
        self._heads: list[tuple[int, int]] = []

    def sort_next(self) -> None:
        """Sort by the next column; after the last one the worst first again."""
        following = 0 if self._sorted_by is None else self._sorted_by + 1
        self.sort_by(following if following < len(_COLUMNS) else None)

    def sort_by(self, column: int | None) -> None:
        """Sort by this column; None is the snapshot's own order."""
        self._sorted_by = column
        words = "the worst first" if column is None else f"by {_COLUMNS[column].title}"
        self.name_it(f"{self.title}, {words} (key o)")
        self._redraw()

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """One row a viewer, beside other panels of the worst ones only; only the error may be cut."""
        viewers = list(picture.snapshot.worst_viewers)
        if not viewers:
            return [line((units.UNKNOWN, LABEL))]
        if self._sorted_by is not None:
            viewers = in_order(viewers, self._sorted_by)
        viewers = viewers if detail is Detail.FULL else viewers[:_MOST_BESIDE]
        head: list[Part] = [
            (column.title, STRONG if number == self._sorted_by else LABEL) for number, column in enumerate(_COLUMNS)
        ]
        rows = [[_cell(column, viewer) for column in _COLUMNS] for viewer in viewers]
        lines = table([head, *rows], "".join(column.alignment for column in _COLUMNS))
        self._heads = _spans(lines[0])
        return [_fitted(row, width) for row in lines]

    def takes_click(self, x: int, y: int) -> bool:
        """The head of a column sorts by it."""
        for number, (start, end) in enumerate(self._heads if y == 0 else ()):
            if start <= x < end:
                self.sort_by(number)
                return True
        return False


def in_order(viewers: list[ViewerDetail], column: int) -> list[ViewerDetail]:
    """Sorted by a column; those whose value is not known come last."""
    key, greatest_first = _COLUMNS[column].key, _COLUMNS[column].greatest_first
    known = sorted((viewer for viewer in viewers if not key(viewer)[0]), key=key, reverse=greatest_first)
    return known + [viewer for viewer in viewers if key(viewer)[0]]


def _cell(column: _Column, viewer: ViewerDetail) -> Part:
    return (column.text(viewer), WARN if column.title == "state" and viewer.state == "stalled" else "")


def _spans(head: Line) -> list[tuple[int, int]]:
    """Where each column of the table begins and ends."""
    spans, at = [], 0
    for text, _ in head:
        if text == " " * GAP:
            at += GAP
            continue
        spans.append((at, at + len(text)))
        at += len(text)
    return spans


def _fitted(row: Line, width: int) -> Line:
    room = width - sum(len(text) for text, _ in row[:-1])
    text, style = row[-1]
    return (*row[:-1], (cut(text, max(1, room)), style))
