"""A table of words on a terminal, and the colours of the words that judge."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from hls_swarm.views.tables import Table

STYLES = {
    "pass": "green",
    "held": "green",
    "better": "green",
    "fail": "bold red",
    "crossed": "bold red",
    "error": "bold red",
    "worse": "bold red",
    "invalid": "bold yellow",
    "broken off": "bold red",
    "running": "bold",
}
_UNBOUNDED = 10_000


def grid(table: Table) -> Grid:
    """A table of words on a terminal."""
    out = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, column in enumerate(table.columns):
        name = table.title if number == 0 else column
        right = bool(number) and table.figures
        out.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in table.rows:
        out.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    return out


@dataclass(frozen=True)
class FittingGrid:
    """A table without as many of its last columns as have no room; what has none is left out, not cut.

    Args:
        least: columns that stay, room or not.
    """

    table: Table
    least: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See `rich.protocol`."""
        unbounded = options.update_width(_UNBOUNDED)  # a measurement is never more than what there is
        for columns in range(len(self.table.columns), self.least - 1, -1):
            table = self.table
            made = grid(
                Table(
                    table.title, table.columns[:columns], [row[:columns] for row in table.rows], figures=table.figures
                )
            )
            if columns == self.least or Measurement.get(console, unbounded, made).maximum <= options.max_width:
                yield made
                return
