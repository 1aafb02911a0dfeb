"""Which charts a report has, and their points: few enough for one file, the peaks kept.

Rules:

- All charts of a page share one time axis, in seconds since the start of the run.
- A run with more seconds than the page has room for is cut into steps of equal length, and each point is the greatest
  value of its step: a report must not hide a peak. The page says so.
- A metric that no row knows has no chart. Every signal of the origin that a person looks at has one, a line a target.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from hls_swarm.judge.metrics import ORIGIN_PREFIX
from hls_swarm.judge.report import Report
from hls_swarm.settings.own_signals import OWN_PREFIX
from hls_swarm.snapshot.origin_metrics import Unit
from hls_swarm.snapshot.origin_signals import SIGNALS, signal_info
from hls_swarm.views.signals import DETAILS, GROUP_NAMES, name_text

MOST_POINTS = 1800
MOST_NUMBERS = 150_000
"""Numbers of all charts of a page: about 0.8 MB of its 1.5."""

Points = list[float | None]


@dataclass(frozen=True)
class ChartPlan:
    """One chart, before its points.

    Args:
        lines: name of the line and column of the timeline.
    """

    section: str
    title: str
    unit: Unit
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Charts:
    """All charts of a page, ready to be written as JSON.

    Args:
        step_seconds: length of time that one point stands for.
        x: the time axis.
        charts: section, title, unit, and lines with their values.
    """

    step_seconds: float
    x: Points
    charts: Sequence[Mapping[str, Any]]


_EXPERIENCE, _GENERATOR = "Viewers' experience", "Generator"
_PERCENTILES = (("P50", "p50"), ("P95", "p95"), ("P99", "p99"))


def _percentiles(section: str, title: str, metric: str, *more: tuple[str, str]) -> ChartPlan:
    lines = [(name, f"{metric}_{end}") for name, end in (*_PERCENTILES, *more)]
    return ChartPlan(section, title, Unit.SECONDS, lines)


_PLANS = (
    ChartPlan(
        _EXPERIENCE,
        "Viewers",
        Unit.COUNT,
        (("running", "viewers_active"), ("playing", "viewers_playing"), ("stalled", "viewers_stalled")),
    ),
    _percentiles(_EXPERIENCE, "Segment download", "segment_download_seconds"),
    _percentiles(_EXPERIENCE, "Segment first byte", "segment_ttfb_seconds"),
    _percentiles(_EXPERIENCE, "Media playlist download", "media_playlist_download_seconds"),
    ChartPlan(_EXPERIENCE, "Throughput", Unit.BYTES_PER_SECOND, (("received", "throughput_bytes_per_second"),)),
    ChartPlan(
        _EXPERIENCE,
        "Requests",
        Unit.PER_SECOND,
        (("segments", "segment_requests_per_second"), ("media playlists", "media_playlist_requests_per_second")),
    ),
    ChartPlan(
        _EXPERIENCE,
        "Errors",
        Unit.PER_SECOND,
        (("origin's", "errors_origin_per_second"), ("generator's", "errors_generator_per_second")),
    ),
    ChartPlan(_EXPERIENCE, "Rebuffering", Unit.RATIO, (("stalled time", "rebuffering_ratio"),)),
    ChartPlan(_EXPERIENCE, "Stalls", Unit.PER_SECOND, (("began", "stalls_per_second"),)),
    _percentiles(_EXPERIENCE, "Startup", "startup_seconds"),
    ChartPlan(
        _EXPERIENCE,
        "Latency to live",
        Unit.SECONDS,
        (
            ("live P50", "live_latency_seconds_p50"),
            ("live P95", "live_latency_seconds_p95"),
            ("edge P50", "edge_latency_seconds_p50"),
            ("edge P95", "edge_latency_seconds_p95"),
        ),
    ),
    ChartPlan(_GENERATOR, "CPU of the busiest worker", Unit.PERCENT, (("of a core", "generator_cpu_percent"),)),
    ChartPlan(
        _GENERATOR,
        "Delay of its own",
        Unit.SECONDS,
        (("event loop P99", "loop_lag_seconds_p99"), ("requests P99", "lateness_seconds_p99")),
    ),
    ChartPlan(
        _GENERATOR,
        "Its machine",
        Unit.PERCENT,
        (("CPU of all cores", "machine_cpu_percent"), ("network link", "machine_link_percent")),
    ),
    ChartPlan(_GENERATOR, "Memory", Unit.BYTES, (("all workers", "generator_resident_bytes"),)),
)


def report_charts(report: Report) -> Charts:
    """All charts of one run."""
    rows = _running(report)
    columns = known_columns(rows)
    plans = [*_viewers_plans(columns), *_origin_plans(columns), *_generator_plans(columns)]
    lines = sum(len(plan.lines) for plan in plans) + 1
    axis = _axis([rows], lines)
    charts = [_chart(plan, [(name, axis.points(rows, column)) for name, column in plan.lines]) for plan in plans]
    return Charts(axis.step, axis.instants(), charts)


def comparison_charts(reports: Sequence[Report]) -> Charts:
    """Runs over each other: one line a run of each chart, of its second line where that is a P95."""
    runs = [(report.name, _running(report)) for report in reports]
    columns = {column for _, rows in runs for column in known_columns(rows)}
    plans = [*_viewers_plans(columns), *_origin_plans(columns), *_generator_plans(columns)]
    chosen = [(plan, name, column) for plan in plans for name, column in _telling(plan)]
    axis = _axis([rows for _, rows in runs], len(chosen) * len(runs) + 1)
    charts = [
        _chart(
            ChartPlan(plan.section, plan.title if len(plan.lines) == 1 else f"{plan.title}, {name}", plan.unit, ()),
            [(run, axis.points(rows, column)) for run, rows in runs],
        )
        for plan, name, column in chosen
    ]
    return Charts(axis.step, axis.instants(), charts)


def _running(report: Report) -> Sequence[Mapping[str, Any]]:
    """The rows at which viewers ran: the last row of a run is of the moment after, and would draw a fall."""
    return [row for row in report.rows if row.get("phase") != "finished"]


def known_columns(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The columns that any row has."""
    found: set[str] = set()
    for row in rows:
        found.update(row)
    return found


def _telling(plan: ChartPlan) -> Sequence[tuple[str, str]]:
    if plan.section.startswith("Origin"):
        return plan.lines
    tails = [line for line in plan.lines if "P95" in line[0]]
    return tails[:1] or plan.lines[:1]


def _viewers_plans(columns: set[str]) -> list[ChartPlan]:
    return [known for plan in _PLANS if plan.section == _EXPERIENCE for known in _known(plan, columns)]


def _generator_plans(columns: set[str]) -> list[ChartPlan]:
    return [known for plan in _PLANS if plan.section == _GENERATOR for known in _known(plan, columns)]


def _known(plan: ChartPlan, columns: set[str]) -> list[ChartPlan]:
    lines = [line for line in plan.lines if line[1] in columns]
    return [ChartPlan(plan.section, plan.title, plan.unit, lines)] if lines else []


def _origin_plans(columns: set[str]) -> list[ChartPlan]:
    targets = sorted({column.partition("@")[2] for column in columns if "@" in column})
    plans = []
    own = sorted({name for column in columns if (name := _signal_of(column)).startswith(OWN_PREFIX)})
    for name in (*SIGNALS, *own):
        signal = signal_info(name)
        if signal is None or name in DETAILS:
            continue
        lines = [(target, f"{ORIGIN_PREFIX}{name}@{target}") for target in targets]
        title = name_text(signal)
        section = f"Origin: {GROUP_NAMES[signal.group]}"
        plans += _known(ChartPlan(section, title, signal.unit, lines), columns)
    return plans


def _signal_of(column: str) -> str:
    return column.partition("@")[0].removeprefix(ORIGIN_PREFIX)


def _chart(plan: ChartPlan, lines: Sequence[tuple[str, Points]]) -> Mapping[str, Any]:
    return {
        "section": plan.section,
        "title": plan.title,
        "unit": "number" if plan.unit is Unit.RATIO and plan.section != _EXPERIENCE else plan.unit.value,
        "lines": [{"name": name, "values": values} for name, values in lines],
    }


@dataclass(frozen=True)
class _Axis:
    """Equal steps of time; one point each."""

    first: float
    step: float
    count: int

    def instants(self) -> Points:
        return [round(self.first + number * self.step, 1) for number in range(self.count)]

    def points(self, rows: Sequence[Mapping[str, Any]], column: str) -> Points:
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


def _axis(runs: Sequence[Sequence[Mapping[str, Any]]], lines: int) -> _Axis:
    instants = [float(row["elapsed_seconds"]) for rows in runs for row in rows]
    if not instants:
        return _Axis(0.0, 1.0, 0)
    first, last = min(instants), max(instants)
    most = max(2, min(MOST_POINTS, MOST_NUMBERS // lines))
    step = float(max(1, ceil((last - first) / most)))
    return _Axis(first, step, round((last - first) / step) + 1)
