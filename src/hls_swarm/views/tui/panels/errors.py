"""What failed: by kind, status and blame, newest first, with where it happened last."""

from typing import assert_never

from hls_swarm.records import Blame
from hls_swarm.snapshot import units
from hls_swarm.snapshot.snapshot import ErrorFigures, Snapshot
from hls_swarm.views.tui.lines import Line, Part, cut, line, table, width_of
from hls_swarm.views.tui.panel import EMPTY, Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import BAD, GOOD, LABEL, STRONG, WARN

_MOST = {Detail.COMPACT: 3, Detail.NORMAL: 4, Detail.ROOMY: 8, Detail.FULL: 1000}
_LEAST_EXAMPLE = 12
"""Cells under which an example says nothing any more."""


class Errors(Panel):
    """One row a kind of error; takes no room while there are none."""

    def __init__(self) -> None:
        super().__init__("errors", "Errors")
        self.add_class(EMPTY)

    def show(self, picture: Picture, detail: Detail) -> None:
        """Draw this picture, if there is something to draw."""
        self.set_class(not picture.snapshot.errors, EMPTY)
        super().show(picture, detail)

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """Count, what, whose fault, how long ago, an example."""
        snapshot = picture.snapshot
        if not snapshot.errors:
            return [line(("none", GOOD))]
        shown = snapshot.errors[: _MOST[detail]]
        rows = table([_cells(error, snapshot) for error in shown], "><<>")
        lines: list[Line] = []
        for row, error in zip(rows, shown, strict=True):
            match detail:
                case Detail.COMPACT:
                    lines.append(_with_example(row, error, width))
                case Detail.NORMAL | Detail.ROOMY:
                    lines += [row, line((f"  {cut(error.example_url, width - 2)}", LABEL))]
                case Detail.FULL:
                    lines += [row, line(f"  {error.detail}"), line((f"  {error.example_url}", LABEL))]
                case _:
                    assert_never(detail)
        if len(snapshot.errors) > len(shown):
            lines.append(line((f"and {len(snapshot.errors) - len(shown)} more kinds: key 3 shows all", LABEL)))
        if snapshot.fatal_reasons and detail is Detail.FULL:
            lines += [(), line(("viewers ended by", STRONG))]
            lines += table([[(units.count(f.viewers), BAD), (f.detail, "")] for f in snapshot.fatal_reasons], "><")
        return lines


def error_name(error: ErrorFigures) -> str:
    """Object and what went wrong with it: `segment HTTP 404`."""
    name = f"HTTP {error.status}" if error.status is not None else error.kind.value.replace("_", " ")
    return f"{error.subject.replace('_', ' ')} {name}"


def _cells(error: ErrorFigures, snapshot: Snapshot) -> list[Part]:
    return [
        (units.count(error.count), BAD),
        (error_name(error), BAD),
        (error.blame.value, WARN if error.blame is Blame.GENERATOR else ""),
        (f"{units.clock(max(0.0, snapshot.at - error.last_at))} ago", LABEL),
    ]


def _with_example(row: Line, error: ErrorFigures, width: int) -> Line:
    room = width - width_of(row) - 2
    if room < _LEAST_EXAMPLE:
        return row
    return (*row, ("  " + cut(error.example_url, room), LABEL))
