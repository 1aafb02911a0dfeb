"""What players and browsers ask besides the stream: the access log has each request, and so has the summary."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs
from urllib.request import urlopen

import pytest
from tests.support.soundness import assert_sound

from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginSettings

pytestmark = [pytest.mark.program, pytest.mark.timeout(120)]

LINE = re.compile(r'"([A-Z]+) (\S+) HTTP')
PAGE = "https://player.example"
NO_ERRORS = ("--threshold", "errors:rate < 0.1% over run")


def played(
    tmp_path: Path, *flags: str, path: str = "/vod/master.m3u8", ends_well: bool = True, **settings: Any
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """A short run against an origin; gives the summary, and method and target of each line of the access log."""
    log, summary = tmp_path / "access.log", tmp_path / "summary.json"

    def run(url: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hls_swarm", "--clients", "3", "--ramp-rate", "50", "--duration", "4s"]
        command += ["--workers", "1", "--no-output", "--metrics", "off", "--no-expectations", "--json", str(summary)]
        command += [flag.replace("ORIGIN", url) for flag in flags]
        return subprocess.run([*command, url + path], capture_output=True, text=True, timeout=60, check=False)

    async def main() -> subprocess.CompletedProcess[str]:
        async with OriginProcess(OriginSettings(port=0, access_log=log, **settings)) as address:
            return await asyncio.to_thread(run, address.base_url)

    done = asyncio.run(main())
    if ends_well:
        assert_sound(done.returncode, done.stderr)
    asked = [match.groups() for match in map(LINE.search, log.read_text().splitlines()) if match]
    return json.loads(summary.read_bytes()), [(method, target) for method, target in asked]


def test_preflights_are_counted_apart_and_all_requests_are_in_the_log(tmp_path: Path) -> None:
    summary, asked = played(tmp_path, "--browser-origin", PAGE, "--header", "X-Session: 1", cors=PAGE)
    methods = Counter(method for method, _ in asked)
    requests = summary["requests"]
    assert requests["preflight"] == methods["OPTIONS"] > 3
    assert sum(requests.values()) == len(asked)
    assert sum(requests.values()) - requests["preflight"] == methods["GET"]
    assert summary["statuses"]["preflight"] == {"204": requests["preflight"]}
    assert (summary["errors"], summary["viewers"]["played"]) == ([], 3)


def test_without_a_field_of_its_own_a_browser_asks_nothing_first(tmp_path: Path) -> None:
    summary, asked = played(tmp_path, "--browser-origin", PAGE)
    assert summary["requests"]["preflight"] == 0
    assert {method for method, _ in asked} == {"GET"}
    assert summary["viewers"]["played"] == 3


def test_an_origin_that_allows_another_page_fails_the_viewers(tmp_path: Path) -> None:
    other = "https://other.example"
    summary, asked = played(tmp_path, "--browser-origin", PAGE, cors=other, ends_well=False)
    (error,) = summary["errors"]
    assert (error["kind"], error["blame"], error["count"]) == ("cors", "origin", 3)
    assert error["detail"] == f"Access-Control-Allow-Origin is {other}, not {PAGE}"
    assert (summary["viewers"]["failed"], summary["viewers"]["played"]) == (3, 0)
    assert Counter(asked) == {("GET", "/vod/master.m3u8"): 3}


def told(target: str) -> dict[str, str]:
    """The CMCD keys in a target's query, with their values as they stand."""
    (text,) = parse_qs(target.partition("?")[2]).get("CMCD", [""])
    members = re.findall(r'([a-z]+)(?:=("[^"]*"|\([^)]*\)|[^,]*))?(?:,|$)', text)
    return dict(members)


@pytest.mark.parametrize("version", [1, 2])
def test_cmcd_is_in_every_query_and_counted(tmp_path: Path, version: int) -> None:
    summary, asked = played(tmp_path, "--cmcd", "query", "--cmcd-version", str(version), "--cmcd-content-id", "film")
    seen = [(target.partition("?")[0], told(target)) for _, target in asked]
    assert summary["cmcd"]["requests"] == len(asked) == sum(summary["requests"].values())
    assert len({keys["sid"] for _, keys in seen}) == 3
    assert {keys["cid"] for _, keys in seen} == {'"film"'}
    segments = [keys for path, keys in seen if path.endswith(".ts")]
    assert {keys["ot"] for keys in segments} == {"av"}
    assert {keys["br"] for keys in segments} == ({"3000"} if version == 1 else {"(3000)"})
    assert [keys["ot"] for path, keys in seen if path.endswith(".m3u8")] == ["m"] * 6
    assert ("v" in segments[0]) is (version == 2)
    assert summary["cmcd"]["startup_requests"] == sum("su" in keys for _, keys in seen)
    assert summary["cmcd"]["buffer_seconds"]["count"] == len(segments)
    assert summary["cmcd"]["events"] == summary["requests"]["cmcd_report"] == 0


@pytest.mark.parametrize("mode", ["query", "headers"])
def test_an_origin_that_is_stopped_says_what_it_was_told(mode: str) -> None:
    command = [sys.executable, "-m", "hls_swarm"]
    origin = subprocess.Popen([*command, "origin", "--port", "0"], stderr=subprocess.PIPE, text=True)
    try:
        assert origin.stderr is not None
        url = next(line.split()[1] for line in origin.stderr if line.startswith("Stream"))
        flags = ["--clients", "3", "--ramp-rate", "50", "--duration", "4s", "--workers", "1", "--no-output"]
        flags += ["--metrics", "off", "--cmcd", mode]
        done = subprocess.run(
            [*command, *flags, "--json", "-", url], capture_output=True, text=True, timeout=60, check=False
        )
        assert_sound(done.returncode, done.stderr)
        told = json.loads(done.stdout)["cmcd"]["requests"]
        page = url.replace("/live/master.m3u8", "/control/cmcd")
        with urlopen(page, timeout=10) as answer:  # noqa: S310 - our own origin
            sessions = [json.loads(line) for line in answer]
    finally:
        origin.send_signal(signal.SIGINT)
        _, said = origin.communicate(timeout=60)
    assert (len(sessions), sum(session["requests"] for session in sessions)) == (3, told)
    place = "queries" if mode == "query" else "headers"
    assert f"CMCD        {told:,} requests of 3 sessions told of themselves ({told:,} in {place})\n" in said


def test_cmcd_of_parts_names_the_next_part(tmp_path: Path) -> None:
    summary, asked = played(tmp_path, "--cmcd", "query", path="/ll/master.m3u8", part_seconds=0.5)
    parts = [(target.partition("?")[0], told(target)) for _, target in asked if re.search(r"540p/seg-\d+-\d", target)]
    assert summary["cmcd"]["requests"] == len(asked)
    assert {(keys["st"], keys["ot"]) for _, keys in parts} == {("ll", "v")}
    named = [(path.rpartition("/")[2], keys["nor"]) for path, keys in parts if "nor" in keys]
    assert named
    for path, following in named:
        segment, part = map(int, re.findall(r"\d+", path)[:2])
        after = f"seg-{segment}-{part + 1}.m4s" if part < 3 else f"seg-{segment + 1}-0.m4s"
        assert following == f'"..%2Fvideo-540p%2F{after}"'


def test_cmcd_headers_make_a_browser_ask_before_every_new_url(tmp_path: Path) -> None:
    summary, asked = played(tmp_path, "--cmcd", "headers", "--browser-origin", PAGE, "--clients", "1", cors="any")
    requests = Counter(method for method, _ in asked)
    assert requests["OPTIONS"] == requests["GET"] == summary["requests"]["preflight"] == summary["cmcd"]["requests"]
    assert not any("CMCD" in target for _, target in asked)
    assert (summary["errors"], summary["viewers"]["played"]) == ([], 1)


@contextmanager
def collector(status: int) -> Iterator[tuple[str, list[tuple[str, str | None, str]]]]:
    """One that answers so; its address, and of each report Content-Type, a secret of the origin's, and body."""
    posted: list[tuple[str, str | None, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            posted.append((self.headers["Content-Type"], self.headers["X-Secret-Token"], body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library gives it
            """A test's output has no room for it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/events", posted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_collector_that_fails_is_told_of_and_fails_no_run(tmp_path: Path) -> None:
    with collector(503) as (url, posted):
        summary, asked = played(tmp_path, "--cmcd", "query", "--cmcd-collector", url, *NO_ERRORS)
    (error,) = summary["errors"]
    assert (error["object"], error["blame"], error["status"]) == ("cmcd_report", "collector", 503)
    assert error["count"] == len(posted) == summary["requests"]["cmcd_report"]
    assert 3 < len(posted) < 60  # with what happens to three viewers, not as fast as it answers
    assert summary["cmcd"]["events"] == 0
    told = [finding["rule"] for finding in summary["findings"] if finding.get("culprit") == "collector"]
    assert told == ["collector-fails"]  # a busy machine is a finding too, and not of the collector
    assert len(asked) == sum(summary["requests"].values()) - len(posted)


def test_answers_are_told_where_they_are_asked_for(tmp_path: Path) -> None:
    with collector(204) as (url, posted):
        _, asked = played(tmp_path, "--cmcd", "query", "--cmcd-collector", url, "--cmcd-responses")
    lines = [line for _, _, body in posted for line in body.splitlines() if ",e=rr," in line]
    told_of = Counter(found[1] for line in lines if (found := re.search(r'url="http://[^/]+(/[^"]*)"', line)))
    segments = Counter(target.partition("?")[0] for _, target in asked if ".ts" in target)
    assert set(told_of) <= set(segments)
    assert sum(told_of.values()) >= sum(segments.values()) - 3  # of what was on its way at the end nobody is told
    for line in lines:
        first, last = (int(found[1]) for key in ("ttfb", "ttlb") if (found := re.search(rf",{key}=(\d+)", line)))
        assert 0 <= first <= last
        assert ",rc=200," in line
        assert "CMCD" not in line


def test_events_go_to_the_collector_and_to_nobody_else(tmp_path: Path) -> None:
    with collector(204) as (url, posted):
        flags = ("--cmcd", "query", "--cmcd-collector", url, "--header", "X-Secret-Token: s3cret")
        summary, asked = played(tmp_path, *flags)
    lines = [line for _, _, body in posted for line in body.splitlines()]
    events = Counter(found[1] for line in lines if (found := re.search(r"(?:^|,)e=([a-z]+)", line)))
    assert {(content_type, secret) for content_type, secret, _ in posted} == {("application/cmcd", None)}
    assert (summary["requests"]["cmcd_report"], summary["cmcd"]["events"]) == (len(posted), len(lines))
    assert events["t"] == events["bc"] == 3
    assert [sum(f"sta={state}" in line and ",e=ps" in line for line in lines) for state in "dspq"] == [3, 3, 3, 3]
    assert all(",v=2" in line and re.search(r",ts=\d{13},", line) for line in lines)
    assert sum(summary["requests"].values()) - len(posted) == len(asked)
    assert summary["errors"] == []


def test_steering_requests_are_counted_apart_and_viewers_go_where_they_are_sent(tmp_path: Path) -> None:
    summary, asked = played(tmp_path, path="/steered/master.m3u8", steering="CDN-B,CDN-A,ttl=1s")
    steering = [target for _, target in asked if target.startswith("/steering?")]
    assert summary["requests"]["steering"] == len(steering) >= 6
    assert {re.sub(r"\d+$", "N", target) for target in steering} == {
        f"/steering?_HLS_pathway={pathway}&_HLS_throughput=N" for pathway in ("CDN-A", "CDN-B")
    }
    assert sum(summary["requests"].values()) == len(asked)
    assert summary["steering"] == {"steered": 3, "failed": 0, "pathways": {"CDN-A": 3, "CDN-B": 3}}
    assert any(target.startswith("/steered/b/720p/seg-") for _, target in asked)
    assert (summary["errors"], summary["viewers"]["played"]) == ([], 3)


def test_a_steering_server_that_fails_costs_nothing_else(tmp_path: Path) -> None:
    fault = "status=410,path=/steering"
    summary, asked = played(tmp_path, path="/steered/master.m3u8", faults=(fault,))
    (error,) = summary["errors"]
    assert (error["object"], error["kind"], error["status"], error["count"]) == ("steering", "http_status", 410, 3)
    assert summary["steering"] == {"steered": 0, "failed": 0, "pathways": {"CDN-A": 3}}
    assert sum(target.startswith("/steering") for _, target in asked) == 3
    assert (summary["viewers"]["played"], summary["viewers"]["failed"]) == (3, 0)
