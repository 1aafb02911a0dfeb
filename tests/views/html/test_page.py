import csv
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from tests.support.made.run_folders import long_run
from tests.support.players.chromium import Browser, browser

from hls_swarm.judge.comparing.compare import compare
from hls_swarm.judge.report import Report
from hls_swarm.results.reader import read_run
from hls_swarm.views.html.page import comparison_html, report_html

GROUP: Mapping[str, Any] = {
    "started": 12,
    "played": 11,
    "failed": 1,
    "stalls": 7,
    "stalled_time_ratio": 0.125,
    "average_bitrate_bps": 3_000_000.0,
    "startup_seconds": {"count": 11, "p50": 0.25, "p95": 1.5, "p99": 2.0, "max": 2.0},
}
FINDING: Mapping[str, Any] = {
    "rule": "refused",
    "severity": "critical",
    "culprit": "origin",
    "what": "requests are refused",
    "next_step": "raise the limit",
    "intervals": [{"from_seconds": 10.0, "to_seconds": 20.0}],
    "evidence": [{"text": "errors 429/503 16 (at least 3)"}],
}


class Outline(HTMLParser):
    """Anchors and links of a page, in their order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value is not None:
                self.ids.append(value)
            if tag == "a" and name == "href" and value is not None:
                self.links.append(value)


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A run with findings, failures, two variants and a threshold that was crossed."""
    folder = tmp_path_factory.mktemp("runs") / "failing"
    long_run(folder, seconds=60, thresholds=("segment_download_seconds:p95 < 1ms",))
    report = read_run(folder)
    experience = {**report.summary["experience"], "variants": {"720p 3000k": GROUP}, "profiles": {"hlsjs": GROUP}}
    findings = [{**FINDING, "what": f"requests are refused {number}"} for number in range(1, 6)]
    more = {"group_viewers@variant 360p": 1, "group_viewers@variant 720p": 3, "stalls_per_second": 0}
    rows = [{**row, **more} for row in report.rows]
    return replace(report, summary={**report.summary, "experience": experience, "findings": findings}, rows=rows)


@pytest.fixture(scope="module")
def file(failing: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report_html(failing))
    return path


def rows_of(html: str, table: str) -> list[list[str]]:
    """The cells of a table of the page."""
    section = html.partition(f'id="{table}"')[2].partition("</section>")[0]
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", section, re.DOTALL)]


def test_the_page_concludes_before_it_draws(failing: Report) -> None:
    order = ["verdict", "findings", "table-errors", "table-latency", "table-thresholds", "charts", "folded", "words"]
    ids = Outline(report_html(failing)).ids
    assert [each for each in ids if each in order] == order
    sections = [each for each in ids if each.startswith("charts-")]
    assert sections[:4] == [
        "charts-viewers-and-their-experience",
        "charts-latencies",
        "charts-errors",
        "charts-throughput",
    ]
    assert sections[4].startswith("charts-origin-")
    assert sections[-1] == "charts-generator"


def test_every_link_leads_somewhere_and_every_anchor_is_there_once(failing: Report) -> None:
    for html in (report_html(failing), comparison_html([compare(failing, failing), compare(failing, failing)])):
        outline = Outline(html)
        assert len(outline.ids) == len(set(outline.ids))
        assert {link for link in outline.links if link.removeprefix("#") not in outline.ids} == set()


def test_tiles_lead_to_their_charts(failing: Report) -> None:
    tiles = report_html(failing).partition('class="tiles"')[2].partition("</dl>")[0]
    assert re.findall(r'<a href="#([^"]+)">([^<]+)</a>', tiles) == [
        ("chart-viewers", "Viewers played"),
        ("chart-failed-requests", "Errors"),
        ("chart-rebuffering", "Rebuffering"),
        ("chart-segment-download", "Segment P95"),
        ("chart-startup", "Startup P95"),
        ("chart-throughput", "Throughput"),
    ]


def test_findings_say_when_by_both_clocks_on_which_evidence_and_what_next(failing: Report) -> None:
    html = report_html(failing)
    card = html.partition('id="finding-1"')[2].partition("</li>")[0]
    for text in (
        "requests are refused 1",
        "0:10-0:20 (14:05:19 UTC) · origin (critical)",
        "errors 429/503 16 (at least 3)",
        "Next: raise the limit",
    ):
        assert text in card
    assert "<summary>2 more</summary>" in html


def test_groups_and_hosts_have_tables(failing: Report) -> None:
    host = {"host": "cdn:80", "requests": 100, "errors": 3, "connections": 4, "addresses": ["10.0.0.1"]}
    newer = {"host": "cdn:443", "requests": 9, "connections": 4, "requests_by_version": {"2": 1, "3": 8}}
    tried = {"host": "cdn:444", "requests": 8, "connections": 9, "requests_by_version": {"2": 0, "3": 8}}
    html = report_html(replace(failing, summary={**failing.summary, "hosts": [host, newer, tried]}))
    figures = ["12", "11", "1", "7", "12.5%", "3.00 Mbit/s", "250 ms", "1.50 s", "-"]
    assert rows_of(html, "table-variants")[0][:4] == ["Variant", "Watched by", "Time", "Began there"]
    rows = [rows_of(html, f"table-{sort}")[1] for sort in ("variants", "profiles")]
    assert [row[:1] + row[1:2] + row[3:] for row in rows] == [["720p 3000k", *figures], ["hlsjs", *figures]]
    assert rows_of(html, "table-hosts-that-got-load")[1:] == [
        ["cdn:80", "100", "3", "4", "-", "10.0.0.1"],
        ["cdn:443", "9", "-", "4", "HTTP/2 and HTTP/3", ""],
        ["cdn:444", "8", "-", "9", "HTTP/3", ""],
    ]


def test_an_origin_that_never_answered_is_told(failing: Report) -> None:
    words = "No exporter of the origin ever answered"
    facts = {**failing.facts, "settings": {"origin_metrics_host": ["10.0.0.5"]}}
    rows = [{key: value for key, value in row.items() if not key.startswith("origin_")} for row in failing.rows]
    assert words in report_html(replace(failing, facts=facts, rows=rows))
    assert words not in report_html(replace(failing, facts=facts))
    assert words not in report_html(replace(failing, rows=rows))


def test_settings_that_were_not_used_are_left_out(failing: Report) -> None:
    facts = {**failing.facts, "settings": {"clients": 0, "header": [], "seek_by": "", "stage": ["1m:5", "2m:9"]}}
    rows = rows_of(report_html(replace(failing, facts=facts)), "table-settings")
    assert [row for row in rows if row[0].startswith("--")] == [["--clients", "0"], ["--stage", "1m:5, 2m:9"]]


def csv_of(tab: Browser, chart: str) -> list[dict[str, str]]:
    """What the link of a chart gives."""
    link = f"document.querySelector('#{chart} .csv')"
    tab.value(f"{link}.addEventListener('click', (event) => event.preventDefault())")
    tab.value(f"{link}.click()")
    head, _, text = str(tab.value(f"{link}.href")).partition(",")
    assert head == "data:text/csv;charset=utf-8"
    return list(csv.DictReader(StringIO(unquote(text))))


@pytest.mark.system
@pytest.mark.timeout(120)
class TestInABrowser:
    def test_each_chart_gives_its_values_as_csv(self, file: Path, failing: Report, tmp_path: Path) -> None:
        with browser(tmp_path) as tab:
            tab.open(file.as_uri())
            rows = csv_of(tab, "chart-viewers")
            assert [row["running"] for row in rows] == [str(row["viewers_active"]) for row in failing.rows[:-1]]
            assert (rows[0]["elapsed_seconds"], rows[0]["time"]) == ("1", "2026-01-31T14:05:10.000Z")
            shares = csv_of(tab, "chart-viewers-by-variant")
            assert {(row["360p"], row["720p"]) for row in shares} == {("0.25", "0.75")}
            times = csv_of(tab, "chart-response-times")
            assert sum(float(row["segment download"]) for row in times) == pytest.approx(1.0, rel=1e-3)
            loads = [int(row["viewers"]) for row in csv_of(tab, "chart-segment-download-by-viewers")]
            assert loads == sorted(loads)
            assert loads[-1] == 40
            assert float(times[0]["from_seconds"]) < float(times[0]["to_seconds"])
            assert tab.problems == []

    def test_a_line_goes_on_over_a_missed_second_and_not_over_many(self, failing: Report, tmp_path: Path) -> None:
        missed = {20.0, *(float(second) for second in range(30, 40))}
        rows = [row for row in failing.rows if row["elapsed_seconds"] not in missed]
        path = tmp_path / "gaps.html"
        path.write_text(report_html(replace(failing, rows=rows)))
        coloured = """((second) => {
            const box = document.getElementById("chart-throughput"), canvas = box.querySelector("canvas");
            const plot = box.querySelector(".u-over").getBoundingClientRect(), whole = canvas.getBoundingClientRect();
            const scale = canvas.width / whole.width, at = plot.left - whole.left + (second - 1) / 59 * plot.width;
            const image = canvas.getContext("2d").getImageData(Math.round(at * scale), 0, 1, canvas.height).data;
            // The colour of the first line, which is blue, and no band or grid is.
            for (let n = 0; n < image.length; n += 4) if (image[n + 2] - image[n] > 100) return true;
            return false;
        })"""
        with browser(tmp_path) as tab:
            tab.open(path.as_uri())
            drawn = {second: tab.value(f"{coloured}({second})") for second in (10.5, 20, 35, 50.5)}
            assert drawn == {10.5: True, 20: True, 35: False, 50.5: True}

    def test_a_zoom_by_mouse_is_one_for_all_charts(self, file: Path, tmp_path: Path) -> None:
        with browser(tmp_path) as tab:
            tab.open(file.as_uri())
            tab.value("document.getElementById('chart-throughput').scrollIntoView({ block: 'center' })")
            over = "document.querySelector('#chart-throughput .u-over').getBoundingClientRect()"
            left, top, width = (tab.value(f"{over}.{side}") for side in ("left", "top", "width"))
            for kind, share, buttons in (
                ("Pressed", 0.5, 1),
                ("Moved", 0.6, 1),
                ("Moved", 0.9, 1),
                ("Released", 0.9, 0),
            ):
                place = {"x": left + share * width, "y": top + 40}
                tab.command(
                    "Input.dispatchMouseEvent",
                    type=f"mouse{kind}",
                    button="left",
                    buttons=buttons,
                    clickCount=1,
                    **place,
                )
            tab.command("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
            tab.value("document.getElementById('chart-requests').focus()")
            tab.press("ArrowRight")
            at = "document.querySelector('#chart-requests .u-value').textContent"
            # A zoom begins in the middle of the run's minute, in the chart beside too.
            assert tab.value(at).startswith("0:3")
            assert tab.problems == []

    @pytest.mark.parametrize("rows", [pytest.param(0, id="no row"), pytest.param(1, id="one row")])
    def test_a_damaged_timeline_draws_what_is_left(self, failing: Report, rows: int, tmp_path: Path) -> None:
        path = tmp_path / "damaged.html"
        path.write_text(report_html(replace(failing, rows=failing.rows[:rows])))
        with browser(tmp_path) as tab:
            tab.open(path.as_uri())
            for button in ("zone", "theme", "reset"):
                tab.value(f"document.getElementById('{button}').click()")
            assert tab.value("document.querySelector('#chart-response-times canvas') !== null")
            assert tab.value("document.querySelectorAll('.chart:not(:has(canvas))').length") == 0
            assert tab.problems == []

    def test_the_first_screen_has_verdict_findings_and_errors(self, file: Path, tmp_path: Path) -> None:
        with browser(tmp_path) as tab:
            tab.open(file.as_uri(), width=1400, height=1000)
            for part in ("verdict", "findings", "table-errors"):
                assert tab.value(f"document.getElementById('{part}').getBoundingClientRect().bottom") <= 1000

    def test_a_legend_says_something_before_a_cursor_is_there(
        self, file: Path, failing: Report, tmp_path: Path
    ) -> None:
        with browser(tmp_path) as tab:
            tab.open(file.as_uri())
            texts = "[...document.querySelectorAll('#chart-viewers .u-value')].map((each) => each.textContent)"
            most = max(int(row["viewers_active"]) for row in failing.rows)
            assert tab.value(texts)[:2] == ["greatest:", str(most)]

    def test_a_link_to_a_folded_chart_unfolds_it(self, file: Path, tmp_path: Path) -> None:
        with browser(tmp_path) as tab:
            tab.open(file.as_uri())
            place = tab.value("document.querySelector('#folded tbody tr').id")
            assert not tab.value("document.getElementById('folded').open")
            tab.value(f"location.hash = {json.dumps(place)}")
            tab.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
            assert tab.value("document.getElementById('folded').open")

    def test_on_paper_every_chart_is_whole_and_everything_is_unfolded(self, file: Path, tmp_path: Path) -> None:
        with browser(tmp_path) as tab:
            tab.open(file.as_uri(), dark=True)
            tab.value("dispatchEvent(new Event('beforeprint'))")
            tab.command("Emulation.setEmulatedMedia", media="print")
            wide = """[...document.querySelectorAll('.chart')].filter((box) => {
                const [outer, inner] = [box, box.querySelector('canvas')].map((each) => each.getBoundingClientRect());
                const legend = box.querySelector('.u-legend').getBoundingClientRect();
                return inner.right > outer.right || legend.right > outer.right || inner.width < 0.8 * outer.width;
            }).map((box) => box.id)"""
            assert tab.value(wide) == []
            assert tab.value("document.querySelectorAll('details:not([open])').length") == 0
            assert tab.value("document.documentElement.dataset.theme") == "light"
            assert tab.value("new Set([...document.querySelectorAll('.chart')].map((box) => box.offsetLeft)).size") == 2
            tab.value("dispatchEvent(new Event('afterprint'))")
            assert tab.value("document.documentElement.dataset.theme") == "dark"
            assert tab.value("document.querySelectorAll('details:not([open])').length") > 0
            assert tab.problems == []
