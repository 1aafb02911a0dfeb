"""The charts of a page and their points: few enough for one file, the peaks kept.

Rules:

- All charts of a page but the distribution share one time axis, in seconds since the start of the run.
- A run with more seconds than the page has room for is cut into steps of equal length, and each point is the greatest
  value of its step: a report must not hide a peak. The page says so.
- A chart that would be empty, or 0 all the time, is not drawn: its name is told with the reason.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from hls_swarm.judge.report import Report
from hls_swarm.views.html.limits import limits_of
from hls_swarm.views.html.plans import ChartPlan, Drawing, known, plans
from hls_swarm.views.html.series import Row, Series

MOST_POINTS = 1800
MOST_NUMBERS = 150_000
"""Numbers of all charts of a page: about 0.8 MB of its 1.5."""
ALWAYS_ZERO, NOT_KNOWN = "always 0", "not known"

Points = list[float | None]
Chart = Mapping[str, Any]
"""`id`, `section`, `title`, `hint`, `unit`, `drawing`, `lines` (`name`, `values`), `limits` (`value`, `text`)."""


@dataclass(frozen=True)
class Folded:
    """A chart that is not drawn.

    Args:
        why: in words.
    """

    id: str
    section: str
    title: str
    why: str


@dataclass(frozen=True)
class Charts:
    """All charts of a page, ready to be written as JSON.

    Args:
        step_seconds: length of time that one point stands for.
        x: the time axis.
    """

    step_seconds: float
    x: Points
    charts: Sequence[Chart]
    folded: Sequence[Folded] = ()

    def sections(self, beside: Sequence[Chart] = ()) -> list[tuple[str, str, list[Chart]]]:
        """Title, anchor and charts of each section, in the page's order.

        Args:
            beside: charts without a time axis; they lead their sections.
        """
        found: dict[str, list[Chart]] = {}
        for chart in self.charts:
            found.setdefault(str(chart["section"]), []).append(chart)
        for chart in reversed(beside):
            found.setdefault(str(chart["section"]), []).insert(0, chart)
        return [(title, anchor("charts", title), charts) for title, charts in found.items()]

    def place(self, title: str) -> str | None:
        """The anchor of the first chart of this title, drawn or not; None if there is none."""
        drawn = [str(chart["id"]) for chart in self.charts if chart["title"] == title]
        return next(iter([*drawn, *(each.id for each in self.folded if each.title == title)]), None)


def anchor(kind: str, title: str) -> str:
    """What a link to something of this title ends in."""
    return f"{kind}-{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')}"


def report_charts(report: Report) -> Charts:
    """All charts of one run."""
    series = Series(report)
    wanted = [known(plan, series.columns) for plan in plans(series.columns)]
    drawn = [plan for plan in wanted if plan.lines]
    axis = _axis([series.rows], sum(len(plan.lines) for plan in drawn) + 1)
    limits = limits_of(report.summary)
    charts, folded, names = [], [], Names()
    for plan in wanted:
        lines = [(name, axis.points(series.rows_of(column), column)) for name, column in plan.lines]
        made = names.anchor(plan)
        if why := _why_folded(lines):
            folded.append(Folded(made, plan.section, plan.title, why))
        else:
            drawn_limits = [limit.drawn for limit in limits if limit.is_of(plan)]
            charts.append(described(plan, made, _with_values(lines), drawn_limits))
    return Charts(axis.step, axis.instants(), charts, folded)


def comparison_charts(reports: Sequence[Report]) -> Charts:
    """Runs over each other: one line a run of each chart, of its second line where that is a P95."""
    runs = [(report.name, Series(report)) for report in reports]
    columns = {column for _, series in runs for column in series.columns}
    found = [known(plan, columns) for plan in plans(columns)]
    chosen = [(plan, name, column) for plan in found for name, column in _telling(plan)]
    axis = _axis([series.rows for _, series in runs], len(chosen) * len(runs) + 1)
    charts, folded, names = [], [], Names()
    for plan, name, column in chosen:
        title = plan.title if len(plan.lines) == 1 else f"{plan.title}, {name}"
        one = ChartPlan(plan.section, title, plan.unit, (), plan.hint)
        lines = [(run, axis.points(series.rows_of(column), column)) for run, series in runs]
        made = names.anchor(one)
        if why := _why_folded(lines):
            folded.append(Folded(made, one.section, title, why))
        else:
            charts.append(described(one, made, _with_values(lines), ()))
    return Charts(axis.step, axis.instants(), charts, folded)


def _telling(plan: ChartPlan) -> Sequence[tuple[str, str]]:
    """The lines of a plan that are compared: all of the origin's and of what is told apart, else one."""
    if plan.is_of_origin or plan.drawing is Drawing.STACKED or any("@" in column for _, column in plan.lines):
        return plan.lines
    tails = [line for line in plan.lines if "P95" in line[0]]
    return tails[:1] or plan.lines[:1]


def _why_folded(lines: Sequence[tuple[str, Points]]) -> str:
    values = [value for _, points in lines for value in points if value is not None]
    return "" if any(values) else ALWAYS_ZERO if values else NOT_KNOWN


class Names:
    """Anchors of charts: each once on its page."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def anchor(self, plan: ChartPlan) -> str:
        """The title's if it is free, else with the section, else with a number."""
        for candidate in self._candidates(plan):
            if candidate not in self._taken:
                self._taken.add(candidate)
                return candidate
        raise AssertionError("there is always a number that is free")

    @staticmethod
    def _candidates(plan: ChartPlan) -> Iterator[str]:
        if not plan.is_of_origin:
            yield anchor("chart", plan.title)
        named = anchor("chart", f"{plan.section} {plan.title}")
        yield named
        number = 2
        while True:
            yield f"{named}-{number}"
            number += 1


def described(
    plan: ChartPlan, made: str, lines: Sequence[Mapping[str, Any]], limits: Sequence[Mapping[str, Any]]
) -> Chart:
    """A chart as the page's script reads it.

    Args:
        made: its anchor.
        lines: `name`, and what it draws.
    """
    return {
        "id": made,
        "section": plan.section,
        "title": plan.title,
        "hint": plan.hint,
        "unit": plan.unit.value,
        "drawing": plan.drawing.value,
        "lines": list(lines),
        "limits": list(limits),
    }


def _with_values(lines: Sequence[tuple[str, Points]]) -> list[Mapping[str, Any]]:
    return [{"name": name, "values": values} for name, values in lines]


@dataclass(frozen=True)
class _Axis:
    """Equal steps of time; one point each."""

    first: float
    step: float
    count: int

    def instants(self) -> Points:
        return [round(self.first + number * self.step, 1) for number in range(self.count)]

    def points(self, rows: Sequence[Row], column: str) -> Points:
        """The greatest value of each step, None where no row knows one."""
        points: Points = [None] * self.count
        for row in rows:
            value = row.get(column)
            if value is None:
                continue
            # Rows are a second apart, give or take some milliseconds.
            at = min(self.count - 1, round((float(row["elapsed_seconds"]) - self.first) / self.step))
            before = points[at]
            if before is None or value > before:
                points[at] = float(f"{value:.4g}")
        return points


def _axis(runs: Sequence[Sequence[Row]], lines: int) -> _Axis:
    instants = [float(row["elapsed_seconds"]) for rows in runs for row in rows]
    if not instants:
        return _Axis(0.0, 1.0, 0)
    first, last = min(instants), max(instants)
    most = max(2, min(MOST_POINTS, MOST_NUMBERS // lines))
    step = float(max(1, ceil((last - first) / most)))
    return _Axis(first, step, round((last - first) / step) + 1)
