from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.made.run_folders import long_run

from hls_swarm.judge.events import Event, EventKind, Level
from hls_swarm.judge.report import Report
from hls_swarm.results.reader import read_run
from hls_swarm.stats.histogram import Histogram
from hls_swarm.views.html.annotations import bands, marks, wall_start
from hls_swarm.views.html.by_viewers import by_viewers
from hls_swarm.views.html.charts import ALWAYS_ZERO, NOT_KNOWN, report_charts
from hls_swarm.views.html.distribution import response_times
from hls_swarm.views.html.series import MOST_PARTS

THRESHOLDS = ("segment_download_seconds:p95 < 1s", "origin_cpu_percent@10.0.0.6:max < 90", "errors:rate < 2% over run")


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("run")
    long_run(folder, seconds=60, thresholds=THRESHOLDS)
    return read_run(folder)


def of_rows(report: Report, *rows: Mapping[str, Any]) -> Report:
    """The report of a run of these rows, a second apart."""
    return replace(report, rows=[{"elapsed_seconds": float(at), **row} for at, row in enumerate(rows, 1)], events=())


def lines(report: Report, title: str) -> dict[str, Sequence[float | None]]:
    (chart,) = [chart for chart in report_charts(report).charts if chart["title"] == title]
    return {line["name"]: line["values"] for line in chart["lines"]}


def test_charts_tell_the_story_from_the_viewers_to_the_generator(made_up: Report) -> None:
    titles = [title for title, _, _ in report_charts(made_up).sections()]
    assert titles[:4] == ["Viewers and their experience", "Latencies", "Errors", "Throughput"]
    assert titles[4:-1] == [title for title in titles if title.startswith("Origin: ")] != []
    assert titles[-1] == "Generator"


def test_failures_and_answers_are_drawn_as_what_happened_in_each_second(made_up: Report) -> None:
    report = of_rows(
        made_up,
        {"answers_total@200": 10},
        {"answers_total@200": 14, "answers_total@503": 3, "errors_total@segment http_status 503": 3},
        {"answers_total@200": 14, "answers_total@503": 5, "errors_total@segment http_status 503": 5},
    )
    assert lines(report, "Answers by status") == {"200": [10, 4, 0], "503": [0, 3, 2]}
    assert lines(report, "Errors by kind") == {"segment http status 503": [0, 3, 2]}


def test_parts_beyond_the_largest_are_one_line(made_up: Report) -> None:
    sizes = {f"answers_total@{status}": float(status) for status in range(400, 400 + MOST_PARTS + 2)}
    drawn = lines(of_rows(made_up, sizes), "Answers by status")
    assert list(drawn) == [*(str(status) for status in range(402, 402 + MOST_PARTS)), "others"]
    assert drawn["others"] == [401 + 400]


def test_variants_are_drawn_as_shares_of_the_viewers(made_up: Report) -> None:
    report = of_rows(
        made_up,
        {"group_viewers@variant 360p": 1, "group_viewers@variant 720p": 3, "group_viewers@profile hlsjs": 9},
        {"group_viewers@variant 360p": 0, "group_viewers@variant 720p": 0},
        {"group_viewers@variant 360p": 2, "group_viewers@variant 720p": 0},
    )
    assert lines(report, "Viewers by variant") == {"360p": [0.25, None, 1.0], "720p": [0.75, None, 0.0]}


def test_charts_with_nothing_to_see_are_told_with_the_reason(made_up: Report) -> None:
    charts = report_charts(of_rows(made_up, {"viewers_active": 3, "stalls_per_second": 0, "errors_rate": 0}))
    assert [chart["title"] for chart in charts.charts] == ["Viewers"]
    assert [line["name"] for line in charts.charts[0]["lines"]] == ["running"]
    why = {each.title: each.why for each in charts.folded}
    assert (why["Stalls"], why["Failed requests"], why["Segment download"]) == (ALWAYS_ZERO, ALWAYS_ZERO, NOT_KNOWN)
    assert charts.place("Stalls") == "chart-stalls"
    assert charts.place("no such chart") is None


def test_limits_are_in_the_charts_of_what_they_are_of(made_up: Report) -> None:
    expectation = {"expectation": "rebuffering=1%", "name": "rebuffering", "what": "x", "limit": 0.01, "held": False}
    summary = {**made_up.summary, "expectations": [expectation]}
    charts = report_charts(replace(made_up, summary=summary)).charts
    found = {chart["title"]: [(limit["value"], limit["held"]) for limit in chart["limits"]] for chart in charts}
    assert {title: limits for title, limits in found.items() if limits} == {
        "Rebuffering": [(0.01, False)],
        "Segment download": [(1.0, True)],
        "Failed requests": [(0.02, True)],
        "CPU": [(90.0, True)],
    }


def test_each_chart_has_an_anchor_of_its_own(made_up: Report) -> None:
    charts = report_charts(made_up)
    anchors = [*(chart["id"] for chart in charts.charts), *(each.id for each in charts.folded)]
    assert len(set(anchors)) == len(anchors)
    assert {"chart-viewers", "chart-segment-download", "chart-origin-cpu-cpu", "chart-memory"} <= set(anchors)


@given(st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=50))
def test_response_times_share_out_all_answers(seconds: list[float]) -> None:
    histogram = Histogram()
    histogram.add_all(seconds)
    report = Report(
        *("", "", None, {}, {}, None, 0.0, {}, {}, [], []),  # type: ignore[arg-type]  # what a distribution does not read
        distributions={"segment_ttfb_seconds": histogram, "segment_download_seconds": histogram},
    )
    chart = response_times(report)
    assert chart is not None
    edges, values = chart["edges"], chart["lines"][0]["values"]
    assert len(edges) == len(values) + 1
    assert sum(values) == pytest.approx(1.0, rel=1e-3)
    assert edges[0] <= min(seconds) * 1.001
    assert max(seconds) <= edges[-1] * 1.001
    for low, high, value in zip(edges, edges[1:], values, strict=False):
        within = sum(low * 1.001 < each < high * 0.999 for each in seconds)
        assert value >= within / len(seconds) * 0.999


def test_response_times_say_what_they_are_of(made_up: Report) -> None:
    whole = response_times(made_up)
    assert whole is not None
    count = made_up.summary["latency_seconds"]["segment"]["download"]["count"]
    assert f"over the whole run: segment first byte {count:,} answers" in whole["hint"]
    judged = response_times(replace(made_up, distributions={}))
    assert judged is not None
    assert "over the steady state" in judged["hint"]
    assert response_times(replace(made_up, distributions={}, histograms={})) is None


def test_response_times_by_viewers_are_in_the_order_of_the_load(made_up: Report) -> None:
    times = {"segment_download_seconds_p50": 0.1}
    rows = [{"viewers_active": load, **times, "segment_download_seconds_p95": load} for load in (5, 1, 2, 9, 3)]
    report = of_rows(made_up, *rows, {"viewers_active": 7})
    chart = by_viewers(report_charts(report))
    assert chart is not None
    assert chart["loads"] == [1, 2, 3, 5, 9]
    assert {line["name"]: line["values"] for line in chart["lines"]} == {"P50": [0.1] * 5, "P95": [1, 2, 3, 5, 9]}
    assert by_viewers(report_charts(of_rows(made_up, *rows[:4]))) is None
    assert by_viewers(report_charts(of_rows(made_up, {"viewers_active": 3}))) is None


def test_findings_are_bands_with_one_name_each_and_notes_are_none(made_up: Report) -> None:
    finding = {"what": "segments fail", "next_step": "", "intervals": [{"from_seconds": 3, "to_seconds": 5}]}
    twice = {**finding, "what": "x" * 80, "intervals": [{"from_seconds": 1, "to_seconds": 2}, {"from_seconds": 9}]}
    summary = {"findings": [{**twice, "severity": "critical"}, {**finding, "severity": "note"}]}
    report = of_rows(replace(made_up, summary=summary), *({} for _ in range(12)))
    assert bands(report) == [
        {"from": 1, "to": 2, "sort": "critical", "name": f"1 {'x' * 43}…"},
        {"from": 9, "to": 12.0, "sort": "critical", "name": ""},
    ]


def test_marks_are_lines_and_the_wall_clock_begins_with_the_run(made_up: Report) -> None:
    event = Event(1_769_868_339.0, 30.0, EventKind.MARK, Level.INFO, "cache purged", {"at_seconds": 29.5})
    report = replace(made_up, events=(event, replace_kind(event, EventKind.PHASE)))
    assert marks(report) == [{"at": 29.5, "name": "cache purged"}]
    assert wall_start(report) == pytest.approx(1_769_868_309.0, abs=0.01)
    assert wall_start(replace(report, rows=[], facts={"started_at": "2026-01-31T14:05:09Z"})) == 1_769_868_309.0
    assert wall_start(replace(report, rows=[], facts={"started_at": ""})) is None


def replace_kind(event: Event, kind: EventKind) -> Event:
    return Event(event.time, event.elapsed_seconds, kind, event.level, event.text, event.details)


def test_distributions_of_the_whole_run_are_kept(tmp_path: Path) -> None:
    long_run(tmp_path, seconds=5)
    report = read_run(tmp_path)
    assert set(report.distributions) == {"segment_ttfb_seconds", "segment_download_seconds"}
    count = report.summary["latency_seconds"]["segment"]["download"]["count"]
    assert report.distributions["segment_download_seconds"].count == count
