"""A run's timeline as columns that charts draw, with those that are made of others.

Rules:

- A counter with a part behind `@` is drawn as its rise from row to row; before its first row it was 0.
- What is of viewers of one variant is drawn as their share of the viewers of all variants.
- Of the parts of a counter the ones that grew most have a line each, the rest have one together.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hls_swarm.judge.report import Report
from hls_swarm.views.html.plans import ANSWERS, FAILURES, SHARES

MOST_PARTS = 7
"""Parts of a counter, or variants, with a line of their own."""
OTHERS = "others"
COUNTERS = (("errors_total@", FAILURES), ("answers_total@", ANSWERS))
"""What a counter's columns begin with, and what those of its rises do."""
VARIANTS = "group_viewers@variant "

Row = Mapping[str, Any]


class Series:
    """The rows of a run at which viewers ran: the last row is of the moment after, and would draw a fall."""

    def __init__(self, report: Report) -> None:
        self.rows: Sequence[Row] = [row for row in report.rows if row.get("phase") != "finished"]
        written = known_columns(self.rows)
        self._made = _made(self.rows, written)
        self._made_columns = known_columns(self._made) - {"elapsed_seconds"}
        self.columns = written | self._made_columns

    def rows_of(self, column: str) -> Sequence[Row]:
        """The rows that may have this column."""
        return self._made if column in self._made_columns else self.rows


def known_columns(rows: Iterable[Row]) -> set[str]:
    """The columns that any row has."""
    found: set[str] = set()
    for row in rows:
        found.update(row)
    return found


def _made(rows: Sequence[Row], columns: set[str]) -> list[dict[str, float]]:
    out = [{"elapsed_seconds": float(row["elapsed_seconds"])} for row in rows]
    for prefix, name in COUNTERS:
        chosen = _leading(rows, sorted(column for column in columns if column.startswith(prefix)))
        _add_rises(out, rows, {column: f"{name}@{part.removeprefix(prefix)}" for column, part in chosen.items()})
    variants = _leading(rows, sorted(column for column in columns if column.startswith(VARIANTS)), ever=True)
    for made, row in zip(out, rows, strict=True):
        made.update(shares({column: row[column] for column in variants if column in row}, variants))
    return out


def shares(viewers: Mapping[str, float], variants: Mapping[str, str]) -> dict[str, float]:
    """Share of the viewers by column that is drawn; empty if there are none.

    Args:
        viewers: by column.
        variants: the column that each is drawn as.
    """
    out: dict[str, float] = {}
    whole = sum(viewers.values())
    for column, watching in viewers.items() if whole else ():
        part = f"{SHARES}@{variants[column].removeprefix(VARIANTS)}"
        out[part] = out.get(part, 0.0) + watching / whole
    return out


def _leading(rows: Sequence[Row], columns: Sequence[str], *, ever: bool = False) -> dict[str, str]:
    """Each of these columns, and the one that it is drawn as: itself, or that of the others.

    Args:
        ever: whether a column counts by its greatest value and not by its last.
    """
    if len(columns) <= MOST_PARTS:
        return {column: column for column in columns}
    sizes = dict.fromkeys(columns, 0.0)
    for row in rows:
        for column in columns:
            value = row.get(column)
            if value is not None:
                sizes[column] = max(sizes[column], value) if ever else value
    leading = sorted(columns, key=lambda column: -sizes[column])[:MOST_PARTS]
    return {column: column if column in leading else OTHERS for column in columns}


def _add_rises(out: Sequence[dict[str, float]], rows: Sequence[Row], drawn: Mapping[str, str]) -> None:
    before, last_at = dict.fromkeys(drawn, 0.0), 0.0
    for made, row in zip(out, rows, strict=True):
        at = made["elapsed_seconds"]
        passed, last_at = at - last_at, at
        if passed <= 0:
            continue
        for line in drawn.values():
            made[line] = 0.0
        for column, line in drawn.items():
            value = float(row.get(column, before[column]))
            made[line] += max(0.0, value - before[column]) / passed
            before[column] = value
