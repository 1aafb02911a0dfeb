"""The commands as users run them: real processes against the embedded origin."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support.environment import clean_environ
from tests.support.programs import free_port, is_alive, owned, wait_for
from tests.support.soundness import assert_sound

from hls_swarm.records import ObjectKind
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings

pytestmark = pytest.mark.program

LOG_LINE = re.compile(r'"GET (?P<path>\S+) HTTP/1\.1" (?P<status>\d+) (?P<bytes>\d+)')


def environment() -> dict[str, str]:
    return clean_environ()


def hls_swarm(*arguments: str, timeout: float = 100) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hls_swarm", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=environment())


def with_origin(check: Callable[[OriginAddress], None], log: Path) -> None:
    """Run `check` while the embedded origin serves; its access log is whole afterwards."""

    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0, access_log=log)) as address:
            await asyncio.to_thread(check, address)

    asyncio.run(run())


def logged(log: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Requests and body bytes by kind of object, from the origin's access log."""
    requests = {kind.value: 0 for kind in ObjectKind}
    body_bytes = dict(requests)
    for line in log.read_text().splitlines():
        match = LOG_LINE.search(line)
        assert match is not None, line
        name = match["path"].rpartition("/")[2]
        kind = "segment" if name.endswith(".ts") else "media_playlist"
        kind = "multivariant_playlist" if name == "master.m3u8" else kind
        requests[kind] += 1
        body_bytes[kind] += int(match["bytes"])
    return requests, body_bytes


def test_the_demo_ends_with_a_summary_that_is_believable() -> None:
    done = hls_swarm("demo", "--clients", "20", "--ramp-rate", "20", "--duration", "8s", "--json", "-")
    passed = assert_sound(done.returncode, done.stderr)
    summary = json.loads(done.stdout)
    assert summary["viewers"]["played"] == 20
    assert summary["errors"] == []
    assert summary["requests"]["segment"] >= 20 * 3  # those that are loaded at once to join
    if passed:  # else the figures are of this machine
        assert 0 < summary["experience"]["startup_seconds"]["p50"] < 2
        assert 4 < summary["experience"]["live_latency_seconds"]["p50"] < 10
    (origin,) = summary["origin"]
    assert 0 < origin["cpu_percent"]["mean"] <= 100
    assert origin["memory_total_bytes"]["mean"] > 100e6
    assert origin["nginx_requests_per_second"]["mean"] > 1
    if passed:
        assert origin["network_out_bytes_per_second"]["mean"] > 1e6
        assert origin["nginx_connections"]["mean"] >= 20


def the_four_command_lines(address: OriginAddress, ports: tuple[int, int]) -> list[tuple[list[str], int]]:
    """The command lines that people come with, loopback in place of their addresses; and how many sources each has."""
    node, nginx = ports
    url, node_url, nginx_url = address.stream_url, address.node_metrics_url, address.nginx_metrics_url
    return [
        (["-clients", "3", url], 0),
        (["-clients", "3", "-origin-metrics", node_url, "-nginx-metrics", nginx_url, url], 2),
        (["-clients", "3", "-origin-metrics-host", "127.0.0.1", "-tui", url], 1),
        (
            ["-clients", "3", "-origin-metrics-host", "127.0.0.1", "-origin-metrics-node-port", str(node),
             "-origin-metrics-nginx-port", str(nginx), "-tui", url],
            1,
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("nth", range(4))
def test_command_lines_of_the_first_implementation_run_unchanged(tmp_path: Path, nth: int) -> None:
    log = tmp_path / "access.log"
    results: list[dict[str, Any]] = []

    def check(address: OriginAddress) -> None:
        arguments, targets = the_four_command_lines(address, (address.port, address.port))[nth]
        done = hls_swarm("-ramp-rate", "30", "-duration", "6s", "-json", "-", *arguments)
        assert_sound(done.returncode, done.stderr)
        summary = json.loads(done.stdout)
        assert len(summary["origin"]) == min(targets, 1)
        results.append(summary)

    with_origin(check, log)
    requests, body_bytes = logged(log)
    assert results[0]["requests"] == requests
    for kind, size in results[0]["body_bytes"].items():
        # One that was cut by the end of a run on a busy machine is in the log with what was sent of it.
        assert size == body_bytes[kind] or (results[0]["cancelled"][kind] and size < body_bytes[kind])
    assert results[0]["viewers"]["played"] == 3


@pytest.mark.parametrize("stop_with", [signal.SIGINT, signal.SIGTERM])
def test_the_origin_serves_until_it_is_stopped(tmp_path: Path, stop_with: signal.Signals) -> None:
    port, log = free_port(), tmp_path / "access.log"
    command = [sys.executable, "-m", "hls_swarm", "origin", "--port", str(port), "--access-log", str(log)]
    with owned(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment())) as process:
        body = wait_for(f"http://127.0.0.1:{port}/live/master.m3u8")
        assert body.startswith(b"#EXTM3U")
        assert body.count(b"#EXT-X-STREAM-INF") >= 3
        process.send_signal(stop_with)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert f"http://127.0.0.1:{port}/live/master.m3u8" in stderr
    assert not is_alive(process.pid)
    match = LOG_LINE.search(log.read_text())
    assert match is not None
    assert (match["path"], match["status"], int(match["bytes"])) == ("/live/master.m3u8", "200", len(body))


def test_a_taken_port_is_refused_in_one_line(tmp_path: Path) -> None:
    def check(address: OriginAddress) -> None:
        done = hls_swarm("origin", "--port", str(address.port))
        assert done.returncode == 1
        assert str(address.port) in done.stderr
        assert len(done.stderr.splitlines()) == 1

    with_origin(check, tmp_path / "access.log")


def lines_of(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in text.splitlines()]


def test_help_is_readable_on_eighty_columns() -> None:
    done = hls_swarm("--help")
    assert done.returncode == 0
    assert max(len(line) for line in lines_of([done.stdout])) <= 80
    assert "--clients" in done.stdout
