"""What a run leaves behind, with real processes: the numbers agree everywhere, and a crash loses a second at most."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import jsonschema
import psutil
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.programs import free_port, is_alive, owned, require, running, wait_for
from tests.support.soundness import assert_sound, skip_if_others_voided_it

from hls_swarm.judge.shape import json_schema

pytestmark = [pytest.mark.program, pytest.mark.timeout(120)]

KINDS = {"master.m3u8": "multivariant_playlist", "m3u8": "media_playlist"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "hls_swarm", *arguments]


def environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HLS_SWARM_")}


def hls_swarm(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=timeout, check=False, env=environ()
    )


@contextmanager
def embedded_origin(folder: Path) -> Iterator[tuple[str, Path]]:
    """The embedded origin as a process of its own; gives its base URL and its access log."""
    port, log = free_port(), folder / "access.log"
    arguments = ("origin", "--port", str(port), "--access-log", str(log))
    with running(command(*arguments), folder / "origin.out"):
        base = f"http://127.0.0.1:{port}"
        wait_for(f"{base}/live/master.m3u8")
        before = log.read_text() if log.exists() else ""
        yield base, log
        assert before == "" or log.read_text().startswith(before)


def logged(log: Path, agent: str) -> tuple[Counter[str], Counter[str]]:
    """Requests and body bytes by kind of object of the clients whose User-Agent begins so."""
    requests, body_bytes = Counter[str](), Counter[str]()
    for line in log.read_text().splitlines():
        match = re.fullmatch(r'\S+ - - \[.*?\] "GET (\S+) HTTP/1.1" (\d+) (\d+) ".*?" "(.*?)" \S+', line)
        if match is None or not match[4].startswith(agent):
            continue
        name = match[1].partition("?")[0].rpartition("/")[2]
        kind = KINDS.get(name) or KINDS.get(name.rpartition(".")[2]) or "segment"
        requests[kind] += 1
        body_bytes[kind] += int(match[3])
    return requests, body_bytes


def samples(page: str) -> dict[str, float]:
    return {
        sample.name + "".join(f" {label}={value}" for label, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "timeline.jsonl").read_text().splitlines()]


def test_the_numbers_agree_everywhere_and_with_the_access_log(tmp_path: Path) -> None:
    folder, metrics = tmp_path / "run", free_port()
    with embedded_origin(tmp_path) as (base, log):
        done = hls_swarm(
            "-clients", "20", "-ramp-rate", "10", "-duration", "9s", "-user-agent", "swarm-test",
            "-output", str(folder), "-metrics", f"127.0.0.1:{metrics}", "-origin-metrics", f"{base}/metrics/node",
            "-nginx-metrics", f"{base}/metrics/nginx", "-origin-metrics-interface", "lo",
            "-threshold", "segment_download_seconds:p95 < 1s over run", "-threshold", "errors:rate < 0.1%",
            "-threshold", "origin_cpu_percent:max < 101", "-record-requests", "-json", str(tmp_path / "summary.json"),
            f"{base}/live/master.m3u8",
        )  # fmt: skip
        passed = assert_sound(done.returncode, done.stderr)
    requests, body_bytes = logged(log, "swarm-test")
    summary = json.loads((tmp_path / "summary.json").read_bytes())
    kinds = ("multivariant_playlist", "media_playlist", "segment")

    assert {kind: summary["requests"][kind] for kind in kinds} == {kind: requests[kind] for kind in kinds}
    for kind in kinds:
        if summary["cancelled"][kind]:  # cut by the end of a run on a busy machine: the log has what was sent of it
            assert summary["body_bytes"][kind] <= body_bytes[kind]
        else:
            assert summary["body_bytes"][kind] == body_bytes[kind]
    received = sum(summary["body_bytes"].values())
    assert json.loads((folder / "summary.json").read_bytes()) == summary
    assert json.loads((folder / "state.json").read_bytes())["summary"] == summary

    table = ds.dataset(folder / "requests").to_table()
    assert pc.sum(table["requests"]).as_py() == sum(requests.values())
    assert pc.sum(table["body_bytes"]).as_py() == received

    rows = rows_of(folder)
    assert {kind: rows[-1][f"{kind}_requests_total"] for kind in kinds} == {kind: requests[kind] for kind in kinds}
    assert rows[-1]["body_bytes_total"] == received
    assert (
        sum(row.get("segment_download_seconds_count", 0) for row in rows)
        == (summary["latency_seconds"]["segment"]["download"]["count"])
    )
    assert len(rows) <= 11
    assert len(rows) >= 8 or not passed  # else a second may have been missed

    printed = done.stdout
    assert re.search(rf"Requests\s+{sum(requests.values())}\b", printed), printed
    assert str(folder) in printed.replace("\n", "")
    held = [result["held"] for result in summary["thresholds"]]
    assert held == [True, True, True] or not passed  # how long a segment took is then of this machine
    first = summary["thresholds"][0]
    if not summary["generator"]["void"]:  # seconds that a threshold leaves out
        assert first["value"] == summary["latency_seconds"]["segment"]["download"]["p95"]

    junit = ET.fromstring(hls_swarm("report", str(folder), "--junit", "-").stdout)  # noqa: S314 - our own file
    properties = {each.attrib["name"]: each.attrib["value"] for each in junit.iter("property")}
    assert {kind: properties[f"requests.{kind}"] for kind in kinds} == {kind: str(requests[kind]) for kind in kinds}
    markdown = hls_swarm("report", str(folder), "--markdown").stdout
    assert f"| segment | {requests['segment']} |" in markdown

    html = tmp_path / "report.html"
    assert hls_swarm("report", str(folder), "--html", str(html)).returncode == 0
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', html.read_text(), re.DOTALL)
    assert match is not None
    charts = {chart["title"]: chart["lines"] for chart in json.loads(match[1])["charts"]}
    viewers = next(line["values"] for line in charts["Viewers"] if line["name"] == "running")
    assert max(value for value in viewers if value is not None) == summary["viewers"]["peak"] == 20
    p95 = next(line["values"] for line in charts["Segment download"] if line["name"] == "P95")
    drawn = [row for row in rows if row["phase"] != "finished"]
    known = [row["segment_download_seconds_p95"] for row in drawn if "segment_download_seconds_p95" in row]
    assert max(value for value in p95 if value is not None) == pytest.approx(max(known), rel=1e-3)


@pytest.mark.system
def test_a_real_prometheus_scrapes_the_run_without_a_complaint(tmp_path: Path) -> None:
    program, promtool = require("prometheus"), require("promtool")
    folder, metrics, server = tmp_path / "run", free_port(), free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        f"scrape_configs: [{{job_name: swarm, static_configs: [{{targets: ['127.0.0.1:{metrics}']}}]}}]\n"
    )
    scraper = [
        program, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{server}", "--log.level=warn",
    ]  # fmt: skip
    with embedded_origin(tmp_path) as (base, _), running(scraper, tmp_path / "prometheus.out"):
        wait_for(f"http://127.0.0.1:{server}/-/ready")
        run = command(
            "-clients", "10", "-ramp-rate", "10", "-duration", "12s", "-output", str(folder), "-no-output=false",
            "-metrics", f"127.0.0.1:{metrics}", "-origin-metrics", f"{base}/metrics/node", f"{base}/live/master.m3u8",
        )  # fmt: skip
        with running(run, tmp_path / "run.out") as process:
            wait_for(f"http://127.0.0.1:{metrics}/healthz")
            time.sleep(6)
            page = wait_for(f"http://127.0.0.1:{metrics}/metrics")
            checked = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
            assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")
            assert_sound(process.wait(60), (tmp_path / "run.out").read_text())
        answers = {
            query: instant_query(server, query)
            for query in (
                "max_over_time(hls_swarm_active_clients[1m])",
                'max_over_time(hls_swarm_requests_total{object="segment"}[1m])',
                'max_over_time(hls_swarm_download_seconds_count{object="segment"}[1m])',
                "max_over_time(hls_swarm_target_clients[1m])",
                "min_over_time(up[5s])",
                "max_over_time(hls_swarm_origin_memory_total_bytes[1m])",
            )
        }
    summary = json.loads((folder / "summary.json").read_bytes())
    rows = rows_of(folder)
    assert answers["max_over_time(hls_swarm_active_clients[1m])"] == summary["viewers"]["peak"] == 10
    assert answers["max_over_time(hls_swarm_target_clients[1m])"] == 10
    # The endpoint goes with the run: the last scrape may be of one of its last seconds.
    late = rows[-8:]
    scraped = answers['max_over_time(hls_swarm_requests_total{object="segment"}[1m])']
    assert scraped in {row["segment_requests_total"] for row in late}
    downloads = answers['max_over_time(hls_swarm_download_seconds_count{object="segment"}[1m])']
    assert rows[-8]["segment_requests_total"] - 10 <= downloads <= summary["requests"]["segment"]
    (target,) = summary["origin"]
    memory = answers["max_over_time(hls_swarm_origin_memory_total_bytes[1m])"]
    assert memory == pytest.approx(target["memory_total_bytes"]["max"], rel=0.001)
    said = (tmp_path / "prometheus.out").read_text()
    assert not [line for line in said.splitlines() if "scrape" in line.lower() and "level=warn" in line], said


def instant_query(server: int, query: str) -> float:
    url = f"http://127.0.0.1:{server}/api/v1/query?{urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        (series,) = json.load(answer)["data"]["result"]
    return float(series["value"][1])


def test_a_killed_controller_leaves_a_folder_to_report_from_and_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with embedded_origin(tmp_path) as (base, log):
        run = command(
            "-clients", "20", "-ramp-rate", "20", "-output", str(folder), "-metrics", "off",
            "-user-agent", "swarm-test", "-threshold", "errors:rate < 1%", f"{base}/live/master.m3u8",
        )  # fmt: skip
        with (
            (tmp_path / "run.out").open("wb") as output,
            owned(subprocess.Popen(run, stdout=output, stderr=output, env=environ())) as process,
        ):
            wait_for_rows(folder, 5)
            workers = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
            assert workers
            process.send_signal(signal.SIGKILL)
            killed_at = time.time()
            process.wait(60)
            deadline = time.monotonic() + 10.0
            while any(is_alive(pid) for pid in workers) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert not [pid for pid in workers if is_alive(pid)]
    requests, _ = logged(log, "swarm-test")  # whole when the origin has ended

    done = hls_swarm("report", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    rows = rows_of(folder)
    assert (summary["verdict"], summary["exit_code"]) == ("error", 1)
    assert "the run broke off after" in summary["reasons"][0]
    (threshold,) = summary["thresholds"]
    unknown = threshold.get("value") is None and summary["generator"]["void"]  # on a machine that others keep busy
    assert threshold["held"] is True or unknown, threshold
    assert killed_at - rows[-1]["time"] < 2.5
    kinds = ("multivariant_playlist", "media_playlist", "segment")
    known = [summary["requests"][kind] for kind in kinds]
    # the last row stands in its file a moment before the state of that second does
    assert known in [[row[f"{kind}_requests_total"] for kind in kinds] for row in rows[-2:]]
    assert all(summary["requests"][kind] <= requests[kind] for kind in kinds)
    assert summary["viewers"]["started"] == 20
    shown = hls_swarm(
        "report", str(folder), "--html", str(tmp_path / "report.html"), "--junit", str(tmp_path / "j.xml")
    )
    assert shown.returncode == 0, shown.stderr
    assert "broke off" in (tmp_path / "report.html").read_text()
    listed = json.loads(hls_swarm("runs", "--folder", str(tmp_path), "--json").stdout)
    assert [(run["status"], run["verdict"]) for run in listed] == [("broken off", "error")]


def wait_for_rows(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    timeline = folder / "timeline.jsonl"
    while not timeline.exists() or timeline.read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline, "the run writes no timeline"
        time.sleep(0.05)


def test_a_threshold_that_is_crossed_ends_the_run_and_fails_the_build(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with embedded_origin(tmp_path) as (base, _):
        done = hls_swarm(
            "-clients", "5", "-duration", "30s", "-output", str(folder), "-metrics", "off",
            "-threshold", "segment_requests:count < 1 over run abort after 2s", f"{base}/live/master.m3u8",
        )  # fmt: skip
    skip_if_others_voided_it(done.returncode, done.stderr)
    assert done.returncode == 99, done.stderr
    assert (
        "hls-swarm: fail: segment_requests:count < 1 over run abort after 2s: segment_requests count is" in done.stderr
    )
    summary = json.loads((folder / "summary.json").read_bytes())
    assert (summary["verdict"], summary["exit_code"]) == ("fail", 99)
    assert 2 <= summary["elapsed_seconds"] < 30
    junit = ET.fromstring(hls_swarm("report", str(folder), "--junit", "-").stdout)  # noqa: S314 - our own file
    assert junit.attrib["failures"] == "1"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--threshold", "segment_downlod_seconds:p95 < 1s"), "did you mean segment_download_seconds"),
        (("--output", "{file}"), "is a file: name a folder"),
        (("--metrics", "nonsense"), "is not an address"),
        (("--output", "x", "--no-output"), "names a folder that --no-output forbids"),
    ],
)
def test_mistakes_are_found_before_anything_starts(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    file = tmp_path / "file"
    file.write_text("")
    written = [argument.format(file=file) for argument in arguments]
    done = hls_swarm("--clients", "1", *written, f"http://127.0.0.1:{free_port()}/live.m3u8")
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_writes_the_reports_that_its_command_names_as_the_report_command_would(tmp_path: Path) -> None:
    folder, names = tmp_path / "run", ("html", "junit", "markdown")
    wanted = [argument for name in names for argument in (f"--{name}", str(tmp_path / name))]
    ran = hls_swarm(
        "demo", "--clients=2", "--duration=3s", "--metrics=off", f"--output={folder}", *wanted, "--csv=-", timeout=90
    )
    assert_sound(ran.returncode, ran.stderr)
    assert ran.stdout.startswith("elapsed_seconds,time,")
    again = hls_swarm("report", str(folder), "--html", str(tmp_path / "again.html"), "--junit", str(tmp_path / "again"))
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "junit").read_bytes() == (tmp_path / "again").read_bytes()
    made = re.compile(r"Made [^.]*\.")
    assert made.sub("", (tmp_path / "html").read_text()) == made.sub("", (tmp_path / "again.html").read_text())
    assert (tmp_path / "markdown").read_text() == hls_swarm("report", str(folder), "--markdown").stdout
    assert "### Expectations" in (tmp_path / "markdown").read_text()
    jsonschema.validate(json.loads((folder / "summary.json").read_bytes()), json_schema())


def test_a_hook_finds_the_finished_folder(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    hook = (
        f'cp "$HLS_SWARM_RUN_FOLDER/summary.json" {seen}; cmp - {seen} && printf %s "$HLS_SWARM_RUN_VERDICT" > {seen}.v'
    )
    flags = ["--clients", "2", "--duration", "4s", "--metrics", "off", "--tui=false", "--output", str(tmp_path / "run")]
    done = subprocess.run(
        command("demo", *flags, "--on-end", hook),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environ(),
    )
    summary = json.loads(seen.read_text())
    assert (tmp_path / "seen.v").read_text() == summary["verdict"]
    assert done.returncode == summary["exit_code"], done.stderr
    assert hook not in (tmp_path / "run/run.json").read_text()
