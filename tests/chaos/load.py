"""The run under test, as people start it: its processes, what it wrote, and what it takes of this machine."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from tests.chaos.bed import Bed
from tests.support.environment import clean_environ

_SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Sample:
    """What one process takes at one moment.

    Args:
        at: Unix seconds.
    """

    at: float
    memory_bytes: int
    descriptors: int


@dataclass
class Load:
    """A run that goes on.

    Args:
        process: the controller.
        workers: PIDs in the order of their start, that is of their numbers.
        usage: by PID.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    summary_file: Path
    said_file: Path
    workers: tuple[int, ...] = ()
    usage: dict[int, list[Sample]] = field(default_factory=dict)

    def wait_for_workers(self, number: int, seconds: float = 60.0) -> None:
        """Until all are there."""
        deadline = time.monotonic() + seconds
        while len(self.workers) < number:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, "the workers did not start"
            children = psutil.Process(self.process.pid).children()
            self.workers = tuple(
                sorted(child.pid for child in children if "hls_swarm.engine.launch" in child.cmdline())
            )
            time.sleep(0.1)

    def said(self) -> str:
        """Its standard error."""
        return self.said_file.read_text(errors="replace")

    def log(self) -> list[dict[str, Any]]:
        """The lines of its log on standard error."""
        return [json.loads(line) for line in self.said().splitlines() if line.startswith('{"')]

    def events(self) -> list[dict[str, Any]]:
        """What happened, from its run folder."""
        return _lines(self.folder / "events.jsonl")

    def summary(self) -> dict[str, Any]:
        """What `--json` wrote."""
        summary: dict[str, Any] = json.loads(self.summary_file.read_bytes())
        return summary

    def sample(self) -> None:
        """Look once at what its processes take."""
        for pid in (self.process.pid, *self.workers):
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                with process.oneshot():
                    if process.status() != psutil.STATUS_ZOMBIE:
                        seen = Sample(time.time(), process.memory_info().rss, process.num_fds())
                        self.usage.setdefault(pid, []).append(seen)


@contextmanager
def load(bed: Bed, folder: Path, viewers: int, workers: int, run_seconds: float) -> Iterator[Load]:
    """A run against the bed, sampled each second; what is left of it afterwards is killed."""
    summary_file, said_file = folder / "summary.json", folder / "said"
    command = [
        *bed.entrance, sys.executable, "-m", "hls_swarm", "run", bed.url, *bed.flags,
        "--clients", str(viewers), "--ramp-rate", "100", "--workers", str(workers), "--replace-ended",
        "--duration", f"{run_seconds:.0f}s", "--profile", "hlsjs=60,media3=20,shaka=20",
        "--user-agent", "viewer-{viewer}", "--no-tui", "--log-format", "json", "--no-output=false",
        "--output", str(bed.place / "run"), "--json", str(summary_file),
    ]  # fmt: skip
    with said_file.open("wb") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True, env=clean_environ()
        )
    over = threading.Event()
    run = Load(process, bed.place_seen / "run", summary_file, said_file)

    def watch() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            run.sample()

    watcher = threading.Thread(target=watch, name="watch")
    watcher.start()
    try:
        yield run
    finally:
        over.set()
        watcher.join()
        for pid in (*run.workers, process.pid) if process.poll() is None else ():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)


def _lines(file: Path) -> list[dict[str, Any]]:
    """The whole lines of a file of JSON objects, so far."""
    content = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in content.split("\n")[:-1]]
