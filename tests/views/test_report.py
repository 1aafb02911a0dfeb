import csv
import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.support.made.run_folders import long_run
from tests.support.players.chromium import browser

from hls_swarm.judge.comparing.compare import compare
from hls_swarm.judge.report import Report
from hls_swarm.results.reader import read_run
from hls_swarm.views.files.csv import timeline_csv
from hls_swarm.views.files.junit import report_junit
from hls_swarm.views.files.markdown import comparison_markdown, report_markdown
from hls_swarm.views.html.charts import MOST_POINTS, report_charts
from hls_swarm.views.html.page import comparison_html, report_html
from hls_swarm.views.tables import headline, tables

CROSSED = ("segment_download_seconds:p95 < 1ms", "errors:rate < 50%", "stall_seconds:p95 < 1s over run")
MOST_BYTES = 1_500_000
UNKNOWN = "\u2013"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    folder = tmp_path_factory.mktemp("runs")
    long_run(folder / "passed", seconds=60)
    long_run(folder / "crossed", seconds=60, slower=1.4, thresholds=CROSSED)
    return {path.name: read_run(path) for path in folder.iterdir()}


def stretched(report: Report, seconds: int) -> Report:
    """A run of so many seconds: the same rows again and again."""
    rows = report.rows[:-1]  # the last one is of the end
    return replace(report, rows=[{**rows[n % len(rows)], "elapsed_seconds": n + 1.0} for n in range(seconds)])


def page_data(html: str) -> dict[str, object]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert match is not None
    data: dict[str, object] = json.loads(match[1])
    return data


def test_junit_has_a_test_for_each_threshold_and_counts_those_that_failed(reports: dict[str, Report]) -> None:
    suites = ET.fromstring(report_junit(reports["crossed"]))  # noqa: S314 - our own file
    (suite,) = suites
    assert {name: suites.attrib[name] for name in ("tests", "failures", "errors")} == {
        "tests": "5",
        "failures": "1",
        "errors": "0",
    }
    cases = {case.attrib["name"]: case.find("failure") for case in suite.findall("testcase")}
    failure = cases["segment_download_seconds:p95 < 1ms"]
    assert failure is not None
    assert failure.attrib["message"].startswith("segment_download_seconds p95 is ")
    assert cases["errors:rate < 50%"] is None
    properties = {each.attrib["name"]: each.attrib["value"] for each in suite.iter("property")}
    assert properties["requests.segment"] == str(reports["crossed"].summary["requests"]["segment"])


JENKINS = {
    "testsuites": ({"testsuite"}, {"name"}, {"time", "tests", "failures", "errors"}),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
    ),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, set()),
    "testcase": ({"skipped", "error", "failure", "system-out", "system-err"}, {"name"}, {"time", "classname", "group"}),
    "failure": (set(), set(), {"type", "message"}),
    "error": (set(), set(), {"type", "message"}),
    "system-out": (set(), set(), set()),
    "system-err": (set(), set(), set()),
}
"""Of junit-10.xsd (Jenkins' xUnit plugin): the elements in each element, the attributes it must have and may have."""


@pytest.mark.parametrize("name", ["passed", "crossed"])
def test_junit_is_what_jenkins_takes(reports: dict[str, Report], name: str) -> None:
    root = ET.fromstring(report_junit(reports[name]))  # noqa: S314 - our own file
    assert root.tag == "testsuites"
    for element in root.iter():
        inside, needed, allowed = JENKINS[element.tag]
        assert {child.tag for child in element} <= inside
        assert needed <= set(element.attrib) <= needed | allowed
        assert re.fullmatch(r"\d{1,3}(\d{3})*(\.\d*)?", element.get("time", "0"))


def test_junit_has_the_summary_and_a_test_for_each_expectation(reports: dict[str, Report]) -> None:
    expected = [
        {"expectation": "errors=1%", "what": "requests that failed", "held": True},
        {
            "expectation": "viewers=0%",
            "what": "viewers that failed",
            "held": False,
            "reason": "viewers that failed: 2%",
        },
    ]
    report = replace(reports["passed"], summary={**reports["passed"].summary, "expectations": expected})
    suite = ET.fromstring(report_junit(report))[0]  # noqa: S314 - our own file
    cases = {case.attrib["name"]: case.find("failure") for case in suite.findall("testcase")}
    assert cases["at most errors=1%: requests that failed"] is None
    failure = cases["at most viewers=0%: viewers that failed"]
    assert failure is not None
    assert failure.attrib == {"message": "viewers that failed: 2%", "type": "failure"}
    said = suite.findtext("system-out") or ""
    assert said.startswith(headline(report))
    assert "\x1b" not in said
    assert [table.title for table in tables(report) if table.title not in said] == []


def test_markdown_says_the_verdict_first_and_escapes_what_would_be_markup(reports: dict[str, Report]) -> None:
    lines = report_markdown(reports["crossed"]).splitlines()
    assert lines[0] == "## ❌ FAIL: 40 of 40 viewers played, 60.5 s"
    assert lines[2].startswith("- segment\\_download\\_seconds:p95 \\< 1ms: ")
    assert "| errors:rate \\< 50% | " in "\n".join(lines)
    for number, line in enumerate(lines):
        if line.startswith("|---"):
            widths = {each.replace("\\|", "").count("|") for each in lines[number - 1 : number + 2]}
            assert len(widths) == 1


def test_csv_has_a_line_a_second_and_every_column(reports: dict[str, Report]) -> None:
    rows = list(csv.DictReader(StringIO(timeline_csv(reports["passed"]))))
    assert len(rows) == len(reports["passed"].rows) == 61
    assert rows[-1]["segment_requests_total"] == str(reports["passed"].summary["requests"]["segment"])
    assert rows[0]["origin_cpu_percent@10.0.0.5"]
    assert rows[0]["requests_per_second"] == ""


def test_the_page_has_the_runs_numbers_and_asks_for_nothing_else(reports: dict[str, Report]) -> None:
    html = report_html(reports["crossed"])
    assert len(html.encode()) < MOST_BYTES
    assert "FAIL: 40 of 40 viewers played" in html
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)
    charts = {chart["title"]: chart for chart in page_data(html)["charts"]}  # type: ignore[attr-defined]  # parsed JSON
    rows = reports["crossed"].rows
    p95 = next(line["values"] for line in charts["Segment download"]["lines"] if line["name"] == "P95")
    assert p95[: len(rows) - 1] == [
        None
        if "segment_download_seconds_p95" not in row
        else pytest.approx(row["segment_download_seconds_p95"], rel=1e-3)
        for row in rows[:-1]
    ]
    assert [line["name"] for line in charts["CPU"]["lines"]] == ["10.0.0.5", "10.0.0.6", "10.0.0.7"]


def test_no_text_of_a_run_can_break_out_of_the_page(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    long_run(tmp_path, seconds=3, targets=(evil,), name=evil)
    html = report_html(read_run(tmp_path))
    assert evil not in html
    assert "alert(1)" in html


def test_long_runs_are_cut_into_steps_that_keep_the_peaks(reports: dict[str, Report]) -> None:
    seconds = 2 * MOST_POINTS + 100
    report = stretched(reports["passed"], seconds)
    rows, peak_at = list(report.rows), seconds // 2
    rows[peak_at] = {**rows[peak_at], "segment_download_seconds_p99": 7.0}
    charts = report_charts(replace(report, rows=rows))
    assert charts.step_seconds == 3
    assert len(charts.x) <= MOST_POINTS
    p99 = next(c for c in charts.charts if c["title"] == "Segment download")["lines"][2]["values"]
    assert max(value for value in p99 if value is not None) == 7.0


def test_a_comparison_in_markdown_and_html(reports: dict[str, Report]) -> None:
    comparison = compare(reports["passed"], reports["crossed"])
    text = comparison_markdown([comparison])
    assert text.startswith("## ❌ WORSE: ")
    assert "| segment\\_download\\_seconds |" in text
    html = comparison_html([comparison])
    assert len(html.encode()) < MOST_BYTES
    charts = page_data(html)["charts"]
    assert [line["name"] for line in charts[0]["lines"]] == ["passed", "crossed"]  # type: ignore[index]  # parsed JSON
    assert comparison_markdown([compare(reports["passed"], reports["passed"])]).count("Nothing differs") == 1


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run of an hour with three origins."""
    folder = tmp_path_factory.mktemp("hour")
    long_run(folder / "run", seconds=300, viewers=12)
    file = folder / "report.html"
    file.write_text(report_html(stretched(read_run(folder / "run"), 3600)))
    assert file.stat().st_size < MOST_BYTES
    return file


@pytest.mark.system
@pytest.mark.timeout(300)
class TestInABrowser:
    def test_an_hour_with_three_origins_opens_without_a_complaint(self, page: Path, tmp_path: Path) -> None:
        with browser(tmp_path) as tab:
            tab.open(page.as_uri())
            assert tab.value("document.querySelectorAll('.chart canvas').length") > 25
            assert tab.problems == []
            assert tab.value("document.documentElement.scrollWidth <= window.innerWidth")
            assert tab.value("document.documentElement.dataset.theme") == "light"

    def test_a_phone_in_the_dark_has_no_sideways_scroll(self, page: Path, tmp_path: Path) -> None:
        with browser(tmp_path) as tab:
            tab.open(page.as_uri(), width=390, height=844, dark=True)
            assert tab.value("document.documentElement.scrollWidth <= window.innerWidth")
            assert tab.value("document.documentElement.dataset.theme") == "dark"
            assert tab.problems == []

    def test_keys_move_one_cursor_and_one_zoom_for_all_charts(self, page: Path, tmp_path: Path) -> None:
        with browser(tmp_path) as tab:
            tab.open(page.as_uri())
            tab.value("document.querySelectorAll('.chart.lines')[1].focus()")
            timed = "[...document.querySelectorAll('.chart:is(.lines, .stacked)')]"
            at = f"{timed}.map((chart) => chart.querySelector('.u-value').textContent)"
            tab.press("ArrowRight")
            tab.press("ArrowRight")
            shown = tab.value(at)
            assert len(set(shown)) == 1
            assert shown[0] not in {"", UNKNOWN}
            tab.press("ArrowRight")
            assert tab.value(at) != shown
            marker = "document.querySelectorAll('.chart.lines .u-legend .u-marker')[1].style.borderColor"
            assert tab.value(marker) == "rgb(21, 101, 192)"
            tab.value("document.getElementById('theme').click()")
            assert tab.value(marker) == "rgb(100, 181, 246)"
            assert tab.value("document.documentElement.dataset.theme") == "dark"
            tab.press("+")
            tab.press("0")
            assert tab.problems == []
