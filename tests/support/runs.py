"""Runs as people start them, to be disturbed by a test while they go on: a process, its group, its folder."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psutil
from tests.support.environment import clean_environ
from tests.support.programs import free_port, is_alive, running, wait_for


class LiveRun:
    """A run that goes on; it leads a process group of its own.

    Attributes:
        folder: its run folder.
        json: its `--json` file.
    """

    def __init__(self, process: subprocess.Popen[str], place: Path) -> None:
        self.process, self.folder, self.json, self._place = process, place / "run", place / "summary.json", place

    def signal(self, number: int) -> None:
        """Signal the controller alone."""
        self.process.send_signal(number)

    def signal_group(self, number: int) -> None:
        """Signal all of it, as a terminal does."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def rows(self) -> list[dict[str, Any]]:
        """The timeline so far."""
        timeline = self.folder / "timeline.jsonl"
        content = timeline.read_text() if timeline.exists() else ""
        return [json.loads(line) for line in content.split("\n")[:-1]]

    def wait_until_played(self, viewers: int = 1, seconds: float = 90.0) -> None:
        """Until so many viewers have played, and all files of a run that goes on are there."""
        deadline, state = time.monotonic() + seconds, self.folder / "state.json"
        while not (rows := self.rows()) or rows[-1]["viewers_played_total"] < viewers or not state.exists():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, "nobody played"
            time.sleep(0.05)

    def wait_for_rows(self, count: int, seconds: float = 60.0) -> None:
        """Until the timeline has so many rows."""
        deadline = time.monotonic() + seconds
        while len(self.rows()) < count:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, "the run writes no timeline"
            time.sleep(0.05)

    def wait_until_said(self, words: str, seconds: float = 60.0) -> None:
        """Until these words are on standard error."""
        deadline = time.monotonic() + seconds
        while words not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def workers(self) -> list[int]:
        """Its worker processes in the order of their start."""
        children = psutil.Process(self.process.pid).children()
        found = [child for child in children if "hls_swarm.engine.launch" in child.cmdline()]
        return [child.pid for child in sorted(found, key=lambda child: (child.create_time(), child.pid))]

    def processes(self) -> list[int]:
        """All processes that it has started, and theirs."""
        with suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]
        return []

    def ended(self, seconds: float = 60.0) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(seconds)

    def summary(self) -> dict[str, Any]:
        """What `--json` wrote."""
        summary: dict[str, Any] = json.loads(self.json.read_bytes())
        return summary

    def said(self, stream: str = "err") -> str:
        """What it wrote to standard error, or to standard output."""
        return (self._place / stream).read_text(errors="replace")


@contextmanager
def live_run(
    place: Path,
    url: str,
    *arguments: str,
    stdout: IO[bytes] | int | None = None,
    environ: Mapping[str, str] = {},
    prefix: Sequence[str] = (),
) -> Iterator[LiveRun]:
    """A run of this URL; what is left of it is killed afterwards.

    Args:
        place: an empty folder, for its run folder and what it says.
        stdout: instead of a file.
        prefix: a command that becomes the run.
    """
    command = [
        *prefix, sys.executable, "-m", "hls_swarm", "run", "--ramp-rate", "50", "--no-tui", "--no-output=false",
        "--output", str(place / "run"), "--json", str(place / "summary.json"), *arguments, url,
    ]  # fmt: skip
    with (place / "out").open("wb") as out, (place / "err").open("wb") as err:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out if stdout is None else stdout,
            stderr=err,
            text=True,
            start_new_session=True,
            cwd=place,
            env={**clean_environ(), **environ},
        )
    run = LiveRun(process, place)
    try:
        yield run
    finally:
        for pid in (*run.processes(), process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)


@contextmanager
def embedded_origin(place: Path) -> Iterator[str]:
    """The embedded origin as a process of its own; gives the URL of its live stream."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "hls_swarm",
        "origin",
        "--port",
        str(port),
        "--access-log",
        str(place / "access.log"),
    ]
    with running(command, place / "origin.out"):
        url = f"http://127.0.0.1:{port}/live/master.m3u8"
        wait_for(url)
        yield url


def gone(pids: list[int], seconds: float) -> bool:
    """Whether none of these processes is left within some seconds."""
    deadline = time.monotonic() + seconds
    while any(is_alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
