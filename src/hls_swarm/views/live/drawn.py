"""Rows of the timeline, one after the other, as the values that charts draw.

Rules:

- They are what a report draws (`views.html.series`), but made as the run goes on: of the parts of a counter, and of the
  variants, the first ones have a line each, since which will have grown most is not known yet.
- A value has four significant digits, as in a report.
"""

from hls_swarm.judge.timeline import Row
from hls_swarm.views.html.series import COUNTERS, MOST_PARTS, OTHERS, VARIANTS, shares


class Drawn:
    """Takes in the rows of one run in their order."""

    def __init__(self) -> None:
        self._before: dict[str, float] = {}
        self._lines: dict[str, dict[str, str]] = {}
        self._at = 0.0

    def add(self, row: Row) -> dict[str, float]:
        """Value by column of this row, with those that are made of others; texts are left out."""
        out = {name: float(value) for name, value in row.items() if not isinstance(value, str)}
        passed, self._at = float(row["elapsed_seconds"]) - self._at, float(row["elapsed_seconds"])
        for prefix, name in COUNTERS:
            self._add_rises(out, row, prefix, name, passed)
        self._add_shares(out, row)
        return {name: float(f"{value:.4g}") for name, value in out.items()}

    def _add_rises(self, out: dict[str, float], row: Row, prefix: str, name: str, passed: float) -> None:
        for column, value in row.items():
            if not column.startswith(prefix) or passed <= 0:
                continue
            line = f"{name}@{self._line(prefix, column)}"
            rise = max(0.0, float(value) - self._before.get(column, 0.0)) / passed
            out[line] = out.get(line, 0.0) + rise
            self._before[column] = float(value)

    def _add_shares(self, out: dict[str, float], row: Row) -> None:
        viewers = {column: float(value) for column, value in row.items() if column.startswith(VARIANTS)}
        out.update(shares(viewers, {column: f"{VARIANTS}{self._line(VARIANTS, column)}" for column in viewers}))

    def _line(self, prefix: str, column: str) -> str:
        """The part that a column is drawn as: its own if there is room, else that of the others."""
        lines = self._lines.setdefault(prefix, {})
        if column in lines:
            return lines[column]
        if len(lines) >= MOST_PARTS:
            return OTHERS
        return lines.setdefault(column, column.removeprefix(prefix))
