"""A search against the embedded origin, whose limit is known: the answer is arithmetic."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.programs import free_port, owned, running, skip_busy, wait_for
from tests.truth.origins import ROWS, Row
from tests.truth.search import search

pytestmark = [pytest.mark.program, pytest.mark.timeout(600)]

REQUESTS_PER_SECOND = 11
"""A live viewer of 2 s segments asks for one request a second, playlist and segment in turn: it is 11 viewers.

The search tries 10 and 12, which are well on either side: at the limit itself chance would decide. A machine that
others fill bunches requests, so that 10 may have one refused, and 8 is what holds.
"""


def hls_swarm(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HLS_SWARM_")}
    return subprocess.run(
        [sys.executable, "-m", "hls_swarm", *arguments],
        capture_output=True,
        text=True,
        timeout=560,
        check=False,
        cwd=cwd,
        env=environ,
    )


def test_a_rate_limit_is_found_with_its_load_and_named(tmp_path: Path) -> None:
    port = free_port()
    origin = [sys.executable, "-m", "hls_swarm", "origin", "--port", str(port)]
    base = f"http://127.0.0.1:{port}"
    with running([*origin, "--limit", f"requests={REQUESTS_PER_SECOND}"], tmp_path / "origin.out"):
        wait_for(f"{base}/live/master.m3u8")
        done = hls_swarm(
            *("capacity", "--from", "6", "--most", "30", "--within", "20%", "--trial", "6s", "--soak", "0"),
            *("--no-overload", "--json", "answer.json", "--output", "run"),
            *("--origin-metrics", f"{base}/metrics/node", "--nginx-metrics", f"{base}/metrics/nginx"),
            f"{base}/live/master.m3u8",
            cwd=tmp_path,
        )
    answer = json.loads((tmp_path / "answer.json").read_text())
    if done.returncode in {1, 3} and any(trial.get("because") == "generator" for trial in answer["trials"]):
        skip_busy(f"no time for a search: {answer['reason']}")
    assert done.returncode == 0, done.stderr
    assert answer["verdict"] == "found"
    assert 8 <= answer["viewers"] <= REQUESTS_PER_SECOND
    assert answer["viewers"] < answer["failed_at"] <= 15
    broken = [t for t in answer["trials"] if t["viewers"] == answer["failed_at"] and t["result"] == "failed"]
    assert any("errors:rate" in why for trial in broken for why in trial["why"])
    skip_if_others_filled_it([suspect["name"] for suspect in answer["suspects"]])
    assert answer["suspects"][0]["name"] == "rate-limit"
    assert answer["suspects"][0]["named"]
    assert "a rate limit" in done.stdout
    # The folder says the same afterwards.
    assert json.loads((tmp_path / "run" / "capacity.json").read_text()) == answer
    reported = hls_swarm("report", "run", cwd=tmp_path)
    assert reported.stdout.startswith(done.stdout.splitlines()[0])
    assert json.loads(hls_swarm("report", "run", "--json", cwd=tmp_path).stdout) == answer


def skip_if_others_filled_it(suspects: Sequence[str]) -> None:
    """An embedded origin of a dozen viewers fills no core: where its metrics say so, it was the work of others."""
    if suspects and suspects[0] in {"cpu", "one-core"}:
        skip_busy("others filled the processor that is the origin's too")


IN_CI = ("bandwidth: 12 Mbit/s", "30% of answers are 503")
"""The rows of `make truth` that need no root and little time."""


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in IN_CI], ids=lambda row: row.name)
def test_what_is_known_is_found(row: Row, tmp_path: Path) -> None:
    result = search(row, tmp_path, within="40%")
    if result.verdict in {"broke_off", "at_least"} and result.void:
        skip_busy(f"no time for a search: {result.reason}")
    assert result.is_load_right, result
    skip_if_others_filled_it(result.causes)
    assert result.is_cause_right, result


@contextmanager
def _searching(cwd: Path, *command: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A search that goes on and has a trial behind it, and its output; the test ends it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HLS_SWARM_")}
    output = cwd / "search.out"
    with output.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "hls_swarm", *command, "--no-tui", "--output", "run", "--metrics="],
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=cwd,
            env=environ,
        )
    with owned(process):
        until = time.monotonic() + 240
        while not (cwd / "run" / "capacity.json").exists():
            assert time.monotonic() < until, output.read_text()
            assert process.poll() is None, output.read_text()
            time.sleep(0.2)
        yield process, output


def test_a_search_that_is_killed_leaves_what_it_had_come_to(tmp_path: Path) -> None:
    port = free_port()
    origin = [sys.executable, "-m", "hls_swarm", "origin", "--port", str(port)]
    stream = f"http://127.0.0.1:{port}/live/360p/playlist.m3u8"
    with running(origin, tmp_path / "origin.out"):
        wait_for(stream)
        with _searching(tmp_path, "capacity", "--from", "4", "--trial", "5s", stream) as (process, _):
            process.kill()
            process.wait(60)
    reported = hls_swarm("report", "run", cwd=tmp_path)
    assert reported.stdout.startswith("CAPACITY  broke off: its process ended before the search did")
    answer = json.loads(hls_swarm("report", "run", "--json", cwd=tmp_path).stdout)
    assert (answer["verdict"], answer["running"]) == ("broke_off", True)
    assert answer["trials"][0]["viewers"] == 4


def test_the_demo_searches_an_origin_with_a_limit_and_ends_at_once(tmp_path: Path) -> None:
    with _searching(tmp_path, "demo", "--limit", "requests=400") as (process, output):
        process.send_signal(signal.SIGINT)
        assert process.wait(90) == 1
    told = " ".join(output.read_text().split())
    assert "an origin with requests=400 carries, for up to 3:00" in told
    assert "by arithmetic about 400 viewers" in told
    assert "20 viewers short trial" in told
    assert "CAPACITY broke off: interrupted" in told
