"""The command itself on a low-latency stream: what it tells is what the origin's log says."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.programs import running

pytestmark = pytest.mark.program


ANNOUNCED = r"(http://\S+/ll/\S+).*(https://\S+) +\(--ca-file (\S+)\)"
VERSIONS = {"HTTP/1.1": [], "HTTP/2.0": ["--http", "2"], "HTTP/2.0 over TLS": ["--http", "auto"]}


@pytest.mark.parametrize("version", VERSIONS)
def test_counts_equal_the_log_and_held_requests_are_a_figure_of_their_own(version: str, tmp_path: Path) -> None:
    log, out = tmp_path / "access.log", tmp_path / "summary.json"
    command = [sys.executable, "-m", "hls_swarm"]
    serve = [*command, "origin", "--low-latency", "--port", "0", "--tls", "--access-log", str(log)]
    with running(serve, tmp_path / "origin.log"):
        until = time.monotonic() + 60
        while (found := re.search(ANNOUNCED, (tmp_path / "origin.log").read_text(), re.DOTALL)) is None:
            assert time.monotonic() < until
            time.sleep(0.1)
        url = f"{found[2]}/ll/master.m3u8" if "TLS" in version else found[1]
        run = [
            "--clients",
            "4",
            "--ramp-rate",
            "4",
            "--duration",
            "5s",
            "--workers",
            "1",
            "--profile",
            "hlsjs=100" if "TLS" in version else "hlsjs=50,steady=50",
        ]
        run += [*VERSIONS[version], "--ca-file", found[3]]
        run += ["--json", str(out), "--no-expectations", "--tui=false", url]
        subprocess.run([*command, *run], check=False, timeout=60, capture_output=True)
    lines = re.findall(r' (HTTP/\S+)" (\d{3}) (\d+) "', log.read_text())  # whole when the origin has ended
    summary = json.loads(out.read_text())
    assert {spoken for spoken, _, _ in lines} == {version.partition(" ")[0]}
    assert len(lines) == sum(summary["requests"].values())
    sent, received = sum(int(size) for _, _, size in lines), sum(summary["body_bytes"].values())
    if any(summary["cancelled"][kind] for kind in ("part", "segment", "init")):
        assert received <= sent  # cut by the end of a run on a busy machine: the log has what was sent of it
    else:
        assert received == sent
    low_latency, latency = summary["low_latency"], summary["latency_seconds"]
    assert low_latency["viewers"] == 4
    assert low_latency["blocking_reloads"] > 30
    assert low_latency["blocked_seconds"]["p50"] > 0.1
    assert latency["media_playlist"]["ttfb"]["count"] == 8  # the first load of each track
    assert "TLS" in version or low_latency["hints_met"] > 0
    assert low_latency["offer"]["part_target"] == 0.36
    assert summary["requests"]["part"] >= low_latency["parts"] > 30
