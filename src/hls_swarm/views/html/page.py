"""Fills the page: template, styles, script, library and data in one file."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hls_swarm.foreign import visible
from hls_swarm.judge.compare import Comparison, Conclusion
from hls_swarm.judge.events import EventKind
from hls_swarm.judge.report import Report, Status
from hls_swarm.snapshot import units
from hls_swarm.views.html.charts import Charts, comparison_charts, report_charts
from hls_swarm.views.terminal.tables import (
    Table,
    comparison_headline,
    comparison_remarks,
    differences,
    explanations,
    headline,
    reasons,
    tables,
)

MOST_EVENTS = 500
_STATES = {Conclusion.WORSE: "fail", Conclusion.NOT_COMPARABLE: "invalid"}
_NOTHING = "Nothing differs by more than noise."


def report_html(report: Report) -> str:
    """One run as a page."""
    charts = report_charts(report)
    summary = report.summary
    return _page(
        title=f"{report.name} - hls-swarm",
        state=str(summary["verdict"]),
        headline=headline(report),
        reasons=reasons(report),
        subtitle=f"{report.facts['url']} · {report.facts['started_at']} · {report.name}",
        notes=_notes(report, charts),
        tiles=_tiles(summary),
        tables=tables(report),
        after=[_facts(report), _events(report)],
        data=_data(charts, bands=_bands(report), marks=_marks(report)),
    )


def comparison_html(comparisons: Sequence[Comparison]) -> str:
    """Runs against one baseline as a page, over each other in every chart."""
    reports = [comparisons[0].baseline, *(comparison.candidate for comparison in comparisons)]
    charts = comparison_charts(reports)
    conclusions = {comparison.conclusion for comparison in comparisons}
    state = next((words for conclusion, words in _STATES.items() if conclusion in conclusions), "pass")
    told = [differences(comparison) for comparison in comparisons]
    return _page(
        title=f"{' and '.join(report.name for report in reports)} - hls-swarm",
        state=state,
        headline="; ".join(comparison_headline(comparison) for comparison in comparisons),
        reasons=[remark for comparison in comparisons for remark in comparison_remarks(comparison)],
        subtitle=" against ".join([", ".join(r.name for r in reports[1:]), reports[0].name]),
        notes=[*_step_notes(charts), *([] if any(table.rows for table in told) else [_NOTHING])],
        tiles=[],
        tables=told,
        after=[table for comparison in comparisons for table in (explanations(comparison), _titled(comparison))],
        data=_data(charts, bands=_bands(reports[0]), marks=[]),
    )


def _titled(comparison: Comparison) -> Table:
    """Every metric of a comparison, under a title of its own."""
    table, beside = differences(comparison, everything=True), explanations(comparison, everything=True)
    title = f"Every metric: {comparison.candidate.name} against {comparison.baseline.name}"
    return Table(title, table.columns, [*table.rows, *beside.rows])


def _page(**values: Any) -> str:
    template = _environment().get_template("report.html.jinja")
    parts = {name: Markup(_part(file)) for name, file in _PARTS.items()}  # noqa: S704 - the package's own files
    made = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return template.render(**parts, made=made, **values)


_PARTS = {
    "style": "report.css",
    "script": "report.js",
    "chart_style": "uPlot.min.css",
    "chart_script": "uPlot.iife.min.js",
}


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("hls_swarm.views.html", ""),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: object) -> object:
    """A text with nothing in it that is no printable character; what is made up as HTML already, as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _part(name: str) -> str:
    return files("hls_swarm.views.html").joinpath(name).read_text(encoding="utf-8")


def _data(charts: Charts, *, bands: Sequence[Mapping[str, Any]], marks: Sequence[Mapping[str, Any]]) -> Markup:
    data = {"x": charts.x, "charts": charts.charts, "bands": bands, "marks": marks}
    text = msgspec.json.encode(data).decode().replace("<", "\\u003c")  # no text in it can end the script element
    return Markup(text)  # noqa: S704 - JSON without a "<"


def _notes(report: Report, charts: Charts) -> list[str]:
    notes = [*(f"Damaged: {text}" for text in report.damage), *_step_notes(charts)]
    if report.status is Status.RUNNING:
        notes.append("This run goes on: what is here is what was known when the page was made.")
    if report.window == "run" and report.summary.get("origin"):
        notes.append("The run had no steady state: thresholds and the origin's figures are of the whole run.")
    return notes


def _step_notes(charts: Charts) -> list[str]:
    if charts.step_seconds <= 1:
        return []
    return [f"Each point of a chart is the greatest value of {charts.step_seconds:.0f} seconds."]


def _tiles(summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The figures that decide, large: name, value, words."""
    experience, viewers = summary.get("experience", {}), summary.get("viewers", {})
    download = summary.get("latency_seconds", {}).get("segment", {}).get("download", {})
    startup = experience.get("startup_seconds", {})
    failures = sum(error["count"] for error in summary.get("errors", []))
    requests = sum(summary.get("requests", {}).values())
    throughput = summary.get("throughput_bytes_per_second", {})
    return [
        ("Viewers played", units.count(viewers.get("played")), f"of {units.count(viewers.get('started'))} started"),
        ("Throughput", units.bit_rate(throughput.get("mean")), f"peak {units.bit_rate(throughput.get('peak_1s'))}"),
        ("Segment P95", units.seconds(download.get("p95")), f"P99 {units.seconds(download.get('p99'))}"),
        ("Startup P95", units.seconds(startup.get("p95")), f"median {units.seconds(startup.get('p50'))}"),
        (
            "Rebuffering",
            units.ratio(experience.get("rebuffering_ratio")),
            f"{units.count(experience.get('stalls'))} stalls",
        ),
        ("Errors", units.count(failures), f"of {units.count(requests)} requests"),
    ]


def _facts(report: Report) -> Table:
    facts = report.facts
    machine = facts["machine"]
    rows = [
        ("Command", str(facts["command"])),
        ("Started", str(facts["started_at"])),
        *((f"{name}", str(version)) for name, version in facts["versions"].items()),
        (
            "Generator",
            (
                f"{machine.get('host', '')}, {machine.get('system', '')} {machine.get('architecture', '')}, "
                f"{machine.get('cores', '-')} cores, {units.size(machine.get('memory_bytes'))}"
            ),
        ),
        *((f"--{name.replace('_', '-')}", _setting(value)) for name, value in facts["settings"].items()),
    ]
    return Table("Settings", ("", ""), rows, figures=False)


def _setting(value: object) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _events(report: Report) -> Table:
    shown = report.events[:MOST_EVENTS]
    rows = [(units.clock(event.elapsed_seconds), event.kind.value.replace("_", " "), event.text) for event in shown]
    if len(report.events) > MOST_EVENTS:
        rows.append(("", "", f"and {len(report.events) - MOST_EVENTS} more in events.jsonl"))
    return Table("Events", ("At", "What", ""), rows, figures=False)


def _bands(report: Report) -> list[dict[str, Any]]:
    """The run's phases that are not the steady one: where they begin and end."""
    phases = [event for event in report.events if event.kind is EventKind.PHASE]
    if not phases:  # a damaged file
        return []
    end = float(report.rows[-1]["elapsed_seconds"]) if report.rows else 0.0
    ends = [event.elapsed_seconds for event in phases[1:]] + [end]
    return [
        {"from": event.elapsed_seconds if number else 0.0, "to": until, "name": str(event.details.get("phase", ""))}
        for number, (event, until) in enumerate(zip(phases, ends, strict=True))
        if event.details.get("phase") not in {"steady", "finished"} and until > event.elapsed_seconds
    ]


def _marks(report: Report) -> list[dict[str, Any]]:
    return [
        {"at": event.details.get("at_seconds", event.elapsed_seconds), "name": event.text}
        for event in report.events
        if event.kind in {EventKind.MARK, EventKind.WORKER_LOST, EventKind.GENERATOR, EventKind.THRESHOLD}
    ]
