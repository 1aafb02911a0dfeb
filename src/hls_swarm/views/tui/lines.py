"""Lines of text for the panels: parts with a style, laid out so that no figure is ever cut.

A list of figures flows into as many lines as it needs, and breaks only between figures. What may be cut, with an
ellipsis, is prose and URLs.
"""

from collections.abc import Sequence
from itertools import islice
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from hls_swarm.foreign import visible

Part = tuple[str, str]
"""A text and its style, as Textual writes styles; an empty style is the panel's own."""

Line = tuple[Part, ...]

GAP = 2
"""Blanks between two figures or two columns."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"


def line(*parts: Part | str) -> Line:
    """A line of parts; a bare text has no style."""
    return tuple((part, "") if isinstance(part, str) else part for part in parts)


def width_of(row: Line) -> int:
    """Cells that a line takes."""
    return sum(cell_len(text) for text, _ in row)


def content(rows: Sequence[Line]) -> Content:
    """The lines as one text for a widget, which takes nothing in them for mark-up."""
    parts: list[Part] = []
    for number, row in enumerate(rows):
        if number:
            parts.append(("\n", ""))
        parts.extend((visible(text), style) for text, style in row)
    return Content.assemble(*parts)


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells, with an ellipsis if it was longer."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)) + "…" if width > 0 else ""


def prose(text: str, style: str, width: int, label: Part = ("", ""), label_width: int = 0) -> list[Line]:
    """A text on as many lines as it needs, broken between words, beside a label if there is one."""
    rows = wrap(text, max(10, width - label_width), break_on_hyphens=False) or [""]
    first = set_cell_size(label[0], label_width)
    return [((" " * label_width if number else first, label[1]), (row, style)) for number, row in enumerate(rows)]


def flow(
    label: Part, figures: Sequence[Line], width: int, label_width: int, most_lines: int | None = None
) -> list[Line]:
    """A label and figures, on as many lines as they need; a line breaks between figures only.

    Args:
        label_width: cells of the label; further lines are indented by as much.
        most_lines: what does not fit into so many is left out, and an ellipsis says so.
    """
    rows: list[list[Part]] = [[(set_cell_size(label[0], label_width), label[1])]]
    used = label_width
    for figure in figures:
        cells = width_of(figure)
        first = used == label_width
        if not first and used + GAP + cells > width:
            if most_lines is not None and len(rows) == most_lines:
                if used + GAP + 1 <= width:
                    rows[-1].append((" " * GAP + "…", ""))
                break
            rows.append([(" " * label_width, "")])
            used, first = label_width, True
        if not first:
            rows[-1].append((" " * GAP, ""))
            used += GAP
        rows[-1].extend(figure)
        used += cells
    return [tuple(row) for row in rows]


def table(rows: Sequence[Sequence[Part]], alignment: str) -> list[Line]:
    """Rows of cells as lines, each column as wide as its widest cell.

    Args:
        alignment: one letter a column: `<` for left, `>` for right.
    """
    widths = [max((cell_len(row[n][0]) for row in rows if n < len(row)), default=0) for n in range(len(alignment))]
    out = []
    for row in rows:
        cells: list[Part] = []
        for number, (text, style) in enumerate(row):
            padding = " " * (widths[number] - cell_len(text))
            last = number == len(row) - 1
            if number:
                cells.append((" " * GAP, ""))
            if alignment[number] == ">":
                cells.append((padding + text, style))
            else:
                cells.append((text if last else text + padding, style))
        out.append(tuple(cells))
    return out


def fitting(rows: Sequence[Sequence[Part]], alignment: str, width: int, droppable: int) -> list[Line]:
    """The same, without as many of the last columns as do not fit; what has no room is left out, not cut.

    Args:
        droppable: how many of the last columns may go.
    """
    for dropped in range(droppable + 1):
        keep = len(alignment) - dropped
        lines = table([row[:keep] for row in rows], alignment[:keep])
        if dropped == droppable or max(map(width_of, lines)) <= width:
            return lines
    raise AssertionError("the last try is returned")


def bar(share: float | None, width: int) -> str:
    """A bar of `width` cells filled to `share` (0 to 1), in steps of an eighth of a cell; dots if it is not known."""
    if share is None:
        return "·" * width
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width, "░")


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The values as one line, the newest at the right end; a gap where one is not known.

    More values than cells: each cell is the greatest of its share of them, so that no peak is lost. The line stands on
    zero, so that a steady rate looks steady and noise looks small.
    """
    return chart(values, width, 1)[0]


def chart(values: Sequence[float | None], width: int, height: int) -> list[str]:
    """The same on several lines, the top one first: eight steps a line.

    The greatest value leaves the last step free: charts below each other do not run into one.
    """
    cells = _squeezed(values, width) if width > 0 else []
    top = max((value for value in cells if value is not None), default=0.0)
    steps = 8 * height - 2
    filled = [None if value is None else int(value / top * (steps + 0.999)) if top > 0 else 0 for value in cells]
    return ["".join(_block(step, 8 * row) for step in filled).rjust(max(0, width)) for row in reversed(range(height))]


def _block(step: int | None, floor: int) -> str:
    """One cell of a line that begins at `floor`; on the lowest line zero is a thin one."""
    if step is None or step < floor:
        return " "
    return _LEVELS[min(7, step - floor)]


def _squeezed(values: Sequence[float | None], width: int) -> list[float | None]:
    """At most `width` values; the newest shares are whole, the oldest may be short."""
    if len(values) <= width:
        return list(values)
    share = -(-len(values) // width)
    newest_first = iter(reversed(values))
    cells: list[float | None] = []
    while some := list(islice(newest_first, share)):
        cells.append(max((value for value in some if value is not None), default=None))
    return cells[::-1]
