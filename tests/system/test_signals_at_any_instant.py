"""SIGINT, SIGTERM and SIGHUP at instants swept over the life of a run, to the controller and to its group.

Whatever the instant: the exit code is a documented one, nothing ends in a traceback, what is written is whole, and no
process is left. In one life more instants are tried with HLS_SWARM_TEST_INSTANTS=100.
"""

import json
import os
import signal
import time
import uuid
from pathlib import Path

import psutil
import pytest
from tests.support.made.folder_fuzz import said
from tests.support.origins import serving, vod
from tests.support.programs import require, wait_until_signals_are_caught
from tests.support.runs import LiveRun, embedded_origin, live_run

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CODES = {0, 1, 3, 129, 130, 143}
"""docs/reference/exit-codes.md: no threshold is set, and 2 and 4 are of other mistakes."""
INSTANTS = int(os.environ.get("HLS_SWARM_TEST_INSTANTS", "15"))
MARK = "HLS_SWARM_TEST_MARK"
pytestmark = [pytest.mark.program, pytest.mark.timeout(60 + 30 * INSTANTS)]


def marked(mark: str) -> list[int]:
    """Processes that have this mark in their environment, which all that a run starts inherit."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def check(run: LiveRun, mark: str, what: str) -> int:
    """What must hold once a run has ended, however early; gives its exit code."""
    code = run.ended(60)
    told = f"{what}: exit code {code}: {run.said()[-500:]}"
    assert code in CODES, told
    assert "Traceback" not in run.said() + run.said("out"), told
    end = time.monotonic() + 5.0
    while left := marked(mark):
        assert time.monotonic() < end, f"{told}: {left} are left"
        time.sleep(0.05)
    folder = run.folder
    if not folder.exists():  # there was no run
        assert code in {1, 129, 130, 143}, told
        return code
    for name in ("run.json", "state.json", "summary.json"):
        if (folder / name).exists():
            json.loads((folder / name).read_bytes())
    for name in ("timeline.jsonl", "events.jsonl", "log.jsonl"):
        for line in (folder / name).read_text().splitlines():
            assert "exception" not in json.loads(line), told
    assert not list(folder.glob(".*.new")), told
    if code in {0, 3}:
        assert json.loads((folder / "state.json").read_bytes())["finished"] is True, told
        assert run.summary()["exit_code"] == code, told
    assert said(["report", str(folder)])[0] in {0, 1}, told
    return code


def swept(place: Path, url: str, longest: float, *arguments: str) -> set[int]:
    """Runs that get a signal each, at instants from their first instruction to `longest`; their exit codes."""
    codes = set()
    for nth in range(INSTANTS):
        number = SIGNALS[nth % 3]
        delay, group = longest * nth / max(1, INSTANTS - 1), nth % 2 == 0
        mark, own = uuid.uuid4().hex, place / str(nth)
        own.mkdir()
        what = f"{number.name} to the {'group' if group else 'controller'} after {delay:.2f} s"
        with live_run(own, url, *arguments, environ={MARK: mark}) as run:
            wait_until_signals_are_caught(run.process.pid)
            time.sleep(delay)
            if run.process.poll() is None:
                (run.signal_group if group else run.signal)(number)
            codes.add(check(run, mark, what))
    return codes


def test_native_viewers(tmp_path: Path) -> None:
    with serving(vod(segments=60)) as base:
        codes = swept(tmp_path, f"{base}/vod.m3u8", 5.0, "--clients", "3", "--workers", "2", "--duration", "2s")
    assert codes & {129, 130, 143}, "some were early enough to find no run"


@pytest.mark.system
def test_ffmpeg_viewers(tmp_path: Path) -> None:
    require("ffmpeg")
    with embedded_origin(tmp_path) as url:
        swept(tmp_path, url, 7.0, "--clients", "2", "--workers", "1", "--duration", "3s", "--engine", "ffmpeg")
