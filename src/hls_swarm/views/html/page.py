"""Fills the page: template, styles, scripts, library and data in one file."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec
from markupsafe import Markup

from hls_swarm.judge.comparing.compare import Comparison, Conclusion
from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.judge.report import Report, Status
from hls_swarm.views.html.annotations import bands, marks, wall_start
from hls_swarm.views.html.by_viewers import by_viewers
from hls_swarm.views.html.capacity import capacity_section
from hls_swarm.views.html.charts import Chart, Charts, anchor, comparison_charts, report_charts
from hls_swarm.views.html.content import WORDS, events, finding_cards, group_tables, low_latency_table, settings, tiles
from hls_swarm.views.html.distribution import response_times
from hls_swarm.views.html.series import known_columns
from hls_swarm.views.html.templates import environment, part
from hls_swarm.views.tables import (
    Table,
    comparison_headline,
    comparison_remarks,
    differences,
    explanations,
    headline,
    reasons,
    tables,
)

_STATES = {Conclusion.WORSE: "fail", Conclusion.NOT_COMPARABLE: "invalid"}
_NOTHING = "Nothing differs by more than noise."
_FIRST = ("Errors", "Latency", "Thresholds", "Expectations")
"""Tables that come before the charts, in this order."""
_OWN_FORM = "Findings"
_ORIGIN_SETTINGS = ("origin_metrics", "nginx_metrics", "origin_metrics_host")


def report_html(report: Report) -> str:
    """One run as a page: the verdict with its reasons, what was found, errors and figures, then the charts."""
    charts = report_charts(report)
    summary = report.summary
    beside = [chart for chart in (response_times(report), by_viewers(charts)) if chart is not None]
    found = {table.title: table for table in tables(report) if table.title != _OWN_FORM}
    first = [found.pop(title) for title in _FIRST if title in found]
    leading, further = finding_cards(report)
    return _page(
        title=f"{report.name} - hls-swarm",
        state=str(summary["verdict"]).replace(" ", "-"),
        headline=headline(report),
        reasons=reasons(report),
        subtitle=f"{report.facts['url']} · {report.facts['started_at']} · {report.name}",
        capacity=capacity_section(report),
        notes=_notes(report, charts),
        tiles=tiles(summary, charts),
        leading=leading,
        further=further,
        first=first,
        sections=charts.sections(beside),
        folded=charts.folded,
        tables=[table for table in (*group_tables(summary), low_latency_table(summary), *found.values()) if table.rows],
        after=[table for table in (events(report), settings(report)) if table.rows],
        words=WORDS,
        data=_data(charts, beside, bands=bands(report), marks=marks(report), start=wall_start(report)),
    )


def comparison_html(comparisons: Sequence[Comparison]) -> str:
    """Runs against one baseline as a page, over each other in every chart."""
    reports = [comparisons[0].baseline, *(comparison.candidate for comparison in comparisons)]
    charts = comparison_charts(reports)
    conclusions = {comparison.conclusion for comparison in comparisons}
    state = next((words for conclusion, words in _STATES.items() if conclusion in conclusions), "pass")
    told = [differences(comparison) for comparison in comparisons]
    phases = [band for band in bands(reports[0]) if band["sort"] == "phase"]
    beside = [table for comparison in comparisons for table in (explanations(comparison), _titled(comparison))]
    return _page(
        title=f"{' and '.join(report.name for report in reports)} - hls-swarm",
        state=state,
        headline="; ".join(comparison_headline(comparison) for comparison in comparisons),
        reasons=[remark for comparison in comparisons for remark in comparison_remarks(comparison)],
        subtitle=" against ".join([", ".join(r.name for r in reports[1:]), reports[0].name]),
        notes=[*_step_notes(charts), *([] if any(table.rows for table in told) else [_NOTHING])],
        tiles=[],
        leading=[],
        further=[],
        first=[table for table in told if table.rows],
        sections=charts.sections(),
        folded=charts.folded,
        tables=[],
        after=[table for table in beside if table.rows],
        words=WORDS,
        data=_data(charts, [], bands=phases, marks=[], start=None),
    )


def _titled(comparison: Comparison) -> Table:
    """Every metric of a comparison, under a title of its own."""
    table, beside = differences(comparison, everything=True), explanations(comparison, everything=True)
    title = f"Every metric: {comparison.candidate.name} against {comparison.baseline.name}"
    return Table(title, table.columns, [*table.rows, *beside.rows])


def _page(**values: Any) -> str:
    template = environment().get_template("report.html.jinja")
    parts = {name: Markup(part(file)) for name, file in _PARTS.items()}  # noqa: S704 - the package's own files
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    taken: set[str] = set()
    placed = {key: _placed(values.pop(key), taken) for key in ("first", "tables", "after")}
    return template.render(**parts, made=made, **placed, **values)


def _placed(tables: Sequence[Table], taken: set[str]) -> list[tuple[str, Table]]:
    """Each table with its anchor; a further one of the same title has a number in it."""
    out = []
    for table in tables:
        named = anchor("table", table.title)
        place = next(
            each for number in count(1) if (each := named if number == 1 else f"{named}-{number}") not in taken
        )
        taken.add(place)
        out.append((place, table))
    return out


_PARTS = {
    "style": "report.css",
    "figures_script": "figures.js",
    "labels_script": "labels.js",
    "charts_script": "charts.js",
    "script": "report.js",
    "chart_style": "uPlot.min.css",
    "chart_script": "uPlot.iife.min.js",
}


def _data(
    charts: Charts,
    beside: Sequence[Chart],
    *,
    bands: Sequence[Mapping[str, Any]],
    marks: Sequence[Mapping[str, Any]],
    start: float | None,
) -> Markup:
    data = {
        "x": charts.x,
        "step": charts.step_seconds,
        "start": start,
        "charts": charts.charts,
        "beside": beside,
        "bands": bands,
        "marks": marks,
    }
    text = msgspec.json.encode(data).decode().replace("<", "\\u003c")  # no text in it can end the script element
    return Markup(text)  # noqa: S704 - JSON without a "<"


def _notes(report: Report, charts: Charts) -> list[str]:
    notes = [*(f"Damaged: {text}" for text in report.damage), *_step_notes(charts)]
    if report.status is Status.RUNNING:
        notes.append("This run goes on: what is here is what was known when the page was made.")
    asked = any(report.facts["settings"].get(name) for name in _ORIGIN_SETTINGS)
    if asked and not any(column.startswith(ORIGIN_PREFIX) for column in known_columns(report.rows)):
        notes.append("No exporter of the origin ever answered: nothing here says how the origin itself fared.")
    if report.window == "run" and report.summary.get("origin"):
        notes.append("The run had no steady state: thresholds and the origin's figures are of the whole run.")
    return notes


def _step_notes(charts: Charts) -> list[str]:
    if charts.step_seconds <= 1:
        return []
    return [f"Each point of a chart is the greatest value of {charts.step_seconds:.0f} seconds."]
