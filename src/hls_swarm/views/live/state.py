"""What a page says of a run as it stands: a report of a run that goes on, in parts.

The parts are HTML, so that the page's script puts them in their places and understands none of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from hls_swarm import __version__
from hls_swarm.judge.events import Event
from hls_swarm.judge.ledger import Entry, Ledger
from hls_swarm.judge.report import Report, Status
from hls_swarm.judge.summary import summary
from hls_swarm.judge.verdict import Outcome
from hls_swarm.stats.histogram import Histogram
from hls_swarm.views.html.annotations import bands, marks, wall_start
from hls_swarm.views.html.by_viewers import by_viewers
from hls_swarm.views.html.capacity import capacity_section
from hls_swarm.views.html.charts import Chart, Charts, Names, anchor, described
from hls_swarm.views.html.content import events as events_table
from hls_swarm.views.html.content import finding_cards, group_tables, tiles
from hls_swarm.views.html.distribution import METRICS, response_times
from hls_swarm.views.html.limits import limits_of
from hls_swarm.views.html.plans import ChartPlan
from hls_swarm.views.html.templates import environment
from hls_swarm.views.live.history import History
from hls_swarm.views.tables import Table, headline, reasons, tables

SHOWN_EVENTS = 30
_ERRORS = "Errors"
_JUDGED = {"Thresholds": "crossed", "Expectations": "broken"}
"""Tables that come before the charts where one of their rows says this."""
_OWN_FORM = "Findings"
_BY_VIEWERS: Mapping[str, Sequence[tuple[str, str]]] = {
    "Viewers": (("running", "viewers_active"),),
    "Segment download": (("P50", "segment_download_seconds_p50"), ("P95", "segment_download_seconds_p95")),
}
"""What the chart over the number of viewers takes from the others."""


def standing(
    entry: Entry,
    outcome: Outcome,
    ledger: Ledger,
    events: Sequence[Event],
    *,
    started_at: float,
    capacity: Mapping[str, Any] | None,
    generator_limit: float,
    status: Status = Status.RUNNING,
) -> Report:
    """The run as a report has it, without its rows but the newest.

    Args:
        started_at: wall clock, Unix seconds.
        capacity: the answer of a search, as far as there is one.
        generator_limit: share of the run that may be void.
    """
    snapshot = entry.moment.snapshot
    origin, _ = ledger.origin_summary()
    made = summary(
        snapshot,
        outcome,
        started_at=started_at,
        version=__version__,
        origin=origin,
        thresholds=entry.thresholds,
        expectations=entry.expectations,
        generator_limit=generator_limit,
        condition_seconds=entry.condition_seconds,
    )
    window, judged = ledger.judged
    begun = datetime.fromtimestamp(started_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    distributions: dict[str, Histogram] = {}
    for name in METRICS:
        histogram = ledger.run.distribution(name)
        if histogram is not None:
            distributions[name] = histogram
    return Report(
        folder="",
        name="",
        status=status,
        facts={"url": snapshot.url, "started_at": begun, "settings": {}},
        summary=msgspec.json.decode(msgspec.json.encode(made)),
        window=window,
        window_seconds=judged.seconds,
        histograms={},
        ratios={},
        rows=[entry.row],
        events=events,
        capacity=capacity,
        distributions=distributions,
    )


def parts(report: Report, entry: Entry, charts: Charts, search: str = "") -> dict[str, str]:
    """HTML by the place where it stands.

    Args:
        search: how far a search for capacity is, in words.
    """
    found = {table.title: table for table in tables(report) if table.title != _OWN_FORM}
    first = [found.pop(title) for title in tuple(found) if _comes_first(found[title])]
    leading, further = finding_cards(report)
    newest = replace(report, events=report.events[: -SHOWN_EVENTS - 1 : -1])
    macros: Any = environment("hls_swarm.views.live").get_template("state.html.jinja").module
    assessment = entry.assessment if report.status is Status.RUNNING else None
    return {
        "head": str(
            macros.head(
                headline(report),
                reasons(report),
                entry.moment.snapshot.phase.value,
                assessment,
                f"{report.facts['url']} · {report.facts['started_at']}",
                search,
            )
        ),
        "capacity": str(capacity_section(report)),
        "findings": str(macros.findings(leading, further)),
        "tiles": str(macros.tiles(tiles(report.summary, charts))),
        "first": str(macros.tables(_placed(first))),
        "tables": str(macros.tables(_placed([*group_tables(report.summary), *found.values()]))),
        "events": str(macros.tables(_placed([events_table(newest)]))),
    }


def told(report: Report) -> dict[str, Any]:
    """What the page says outside of its parts, and what stands behind its charts."""
    verdict = str(report.summary["verdict"])
    return {
        "title": f"{report.summary['viewers']['started']} viewers, {verdict} - hls-swarm",
        "verdict": verdict.replace(" ", "-"),
        "start": wall_start(report),
        "bands": bands(report),
        "marks": marks(report),
    }


def drawn_charts(report: Report, planned: Sequence[ChartPlan], risen: AbstractSet[str], step: float) -> Charts:
    """The charts that have something to see, each with the columns that its lines draw.

    Args:
        risen: columns that were not always 0.
    """
    limits, names, out = limits_of(report.summary), Names(), []
    for plan in planned:
        made = names.anchor(plan)
        if any(column in risen for _, column in plan.lines):
            lines = [{"name": name, "column": column} for name, column in plan.lines]
            out.append(described(plan, made, lines, [limit.drawn for limit in limits if limit.is_of(plan)]))
    return Charts(step, [], out)


def beside(report: Report, history: History) -> list[Chart]:
    """The charts that are not over time."""
    over_time = [
        {"title": title, "lines": [{"name": name, "values": history.points(column)} for name, column in lines]}
        for title, lines in _BY_VIEWERS.items()
    ]
    found = (response_times(report), by_viewers(Charts(history.step, [], over_time)))
    return [chart for chart in found if chart is not None]


def _comes_first(table: Table) -> bool:
    bad = _JUDGED.get(table.title)
    return table.title == _ERRORS or (bad is not None and any(row[-1] == bad for row in table.rows))


def _placed(found: Iterable[Table]) -> list[tuple[str, Table]]:
    return [(anchor("table", table.title), table) for table in found if table.rows]
