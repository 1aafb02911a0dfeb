"""A worker of a real run is killed: the user sees it, the run goes on, ends in order and is invalid."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest

from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginSettings

pytestmark = [pytest.mark.program, pytest.mark.timeout(120)]


def workers_with_viewers(controller: int) -> list[psutil.Process]:
    """The two workers, as soon as each has a connection for each of its ten viewers."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        workers = sorted(psutil.Process(controller).children(), key=lambda child: child.pid)
        if len(workers) == 2 and all(len(worker.net_connections("tcp")) >= 10 for worker in workers):
            return workers
        time.sleep(0.1)
    raise AssertionError("the viewers did not start")


def run_and_kill_a_worker(url: str) -> tuple[int, dict[str, Any], str, float]:
    """Exit code, summary, what was printed, and how long the run went on after the worker's death."""
    command = [sys.executable, "-m", "hls_swarm", "--clients", "20", "--ramp-rate", "50", "--workers", "2"]
    command += ["--duration", "9s", "--json", "-", "--no-output", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        workers = workers_with_viewers(process.pid)
        time.sleep(2.5)  # so that the controller has heard of all of them
        workers[0].send_signal(signal.SIGKILL)
        killed_at = time.monotonic()
        stdout, stderr = process.communicate(timeout=60)
    return process.returncode, json.loads(stdout), stderr, time.monotonic() - killed_at


def test_a_killed_worker() -> None:
    async def main() -> tuple[int, dict[str, Any], str, float]:
        async with OriginProcess(OriginSettings()) as address:
            return await asyncio.to_thread(run_and_kill_a_worker, address.stream_url)

    code, summary, printed, went_on = asyncio.run(main())
    assert (code, summary["verdict"]) == (3, "invalid")
    assert summary["viewers"]["started"] == 20
    assert summary["viewers"]["lost"] == 10
    assert any("workers died: 1; the viewers there are lost" in reason for reason in summary["reasons"])
    assert "workers died: 1" in printed
    assert went_on > 1.0
    assert summary["generator"]["workers"] == 2
