"""A worker of a real run is killed: the user sees it, the run goes on, ends in order and is invalid."""

import os
import signal
from pathlib import Path

import pytest
from tests.support.runs import embedded_origin, live_run

pytestmark = [pytest.mark.program, pytest.mark.timeout(180)]


def test_a_killed_worker(tmp_path: Path) -> None:
    arguments = ("--clients", "20", "--workers", "2")
    with embedded_origin(tmp_path) as url, live_run(tmp_path, url, *arguments) as run:
        run.wait_until_played(20)
        os.kill(run.workers()[0], signal.SIGKILL)
        run.wait_until_said(" died: killed by SIGKILL")
        rows = len(run.rows())
        run.wait_for_rows(rows + 2)  # it goes on
        run.signal(signal.SIGINT)
        assert run.ended() == 3, run.said()
        summary = run.summary()
    assert summary["verdict"] == "invalid"
    assert summary["viewers"]["started"] == 20
    assert summary["viewers"]["lost"] == 10
    assert any("workers died: 1; the viewers there are lost" in reason for reason in summary["reasons"])
    assert "workers died: 1" in run.said()
    assert summary["generator"]["workers"] == 2
