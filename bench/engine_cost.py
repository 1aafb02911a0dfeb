"""What the engine between several machines costs a load machine, beside the viewers that it carries.

    python -m bench.engine_cost [--viewers 4000] [--seconds 25] [--rounds 2] [--workers 1]

The same live viewers (2 s segments at 3 Mbit/s, real nginx on loopback), in turns by a run of this machine alone and by
an agent of a run for one agent. CPU time by the operating system's own accounting, between the end of the ramp and the
end of the run: of the workers, which are the same program in both, and of all that is there only for the engine: on the
load machine the agent, Ray's processes and the process that carries messages; on the controller's Ray's head and the
bridge. Needs Ray (requirements/cluster.lock).
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from bench.density import SEGMENT_BYTES, LiveStream, media, run_time
from bench.servers import needed, nginx

_WORKER = "hls_swarm.engine.launch"
_SETTLE_SECONDS = 4.0
PORT = 18_100
"""The first of a row of 70: below those that connections get."""


@dataclass(frozen=True)
class Parts:
    """Of one run: cores that each part took, and memory that is there for the engine only, in bytes."""

    workers: float
    engine: float
    engine_bytes: int
    controller: float
    summary: dict[str, Any]


def split(root: psutil.Process) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """All processes of a tree: workers, and others."""
    workers: list[psutil.Process] = []
    others: list[psutil.Process] = []
    for process in (root, *root.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # a zombie too
            (workers if _WORKER in process.cmdline() else others).append(process)
    return workers, others


def cpu(processes: Sequence[psutil.Process]) -> float:
    """Seconds that they have used."""
    return sum(run_time(process.pid) for process in processes)


def measure(url: str, options: argparse.Namespace, *, engine: bool) -> Parts:
    """One run."""
    ramp = options.viewers / 800
    seconds = ramp + _SETTLE_SECONDS + options.seconds + 2
    command = [sys.executable, "-m", "hls_swarm", "--clients", str(options.viewers), "--ramp-rate", "800"]
    command += ["--duration", f"{seconds * 1000:.0f}ms", "--workers", str(options.workers), "--json", "-"]
    command += ["--no-output", "--metrics", ""]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        said = stack.enter_context((Path(folder) / "said").open("w+b"))
        agent = None
        if engine:
            token = Path(folder) / "token"
            token.write_text("0123456789abcdef0123456789abcdef\n")
            command += ["--agents", "1", "--cluster-token-file", str(token), "--cluster-port", str(PORT)]
            joining = [sys.executable, "-m", "hls_swarm", "agent", "--once", "--join", f"127.0.0.1:{PORT}"]
            joining += ["--token-file", str(token), "--name", "a", "--first-port", str(PORT + 40)]
            agent = stack.enter_context(subprocess.Popen(joining, stderr=said))
        process = stack.enter_context(subprocess.Popen([*command, url], stdout=subprocess.PIPE, stderr=said))
        controller = psutil.Process(process.pid)
        if not have_viewers(controller if agent is None else psutil.Process(agent.pid)):
            said.seek(0)
            sys.exit(f"no viewers came within 60 s: {said.read().decode()[-2000:]}")
        time.sleep(ramp + _SETTLE_SECONDS)
        if agent is None:
            workers, here = split(controller)
            parts: tuple[list[psutil.Process], ...] = (workers, [], here)
        else:
            parts = (*split(psutil.Process(agent.pid)), split(controller)[1])
        before, began = [cpu(part) for part in parts], time.monotonic()
        time.sleep(options.seconds)
        after, span = [cpu(part) for part in parts], time.monotonic() - began
        memory = sum(each.memory_info().rss for each in parts[1])
        stdout, _ = process.communicate(timeout=90)
    used = [(last - first) / span for first, last in zip(before, after, strict=True)]
    return Parts(used[0], used[1], memory, used[2], json.loads(stdout))


def have_viewers(root: psutil.Process) -> bool:
    """Waits until its workers have connections; whether they do."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        if any(worker.net_connections() for worker in split(root)[0]):
            return True
        time.sleep(0.1)
    return False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    needed("nginx")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        (root / "www").mkdir()
        stream = LiveStream(root / "www", media(root / "www", SEGMENT_BYTES, real=False))
        stream.start()
        with nginx(root, server="location ~ ^/seg-[0-9]+\\.ts$ { try_files /segment.ts =404; }") as base:
            runs = [
                (
                    measure(f"{base}/master.m3u8", options, engine=False),
                    measure(f"{base}/master.m3u8", options, engine=True),
                )
                for _ in range(options.rounds)
            ]
        stream.stop()
    print(f"{options.viewers:,} viewers, {options.seconds:g} s of the steady part, {options.rounds} rounds")
    print(f"{'':>24} {'workers':>8} {'engine':>8} {'of workers':>11} {'its memory':>11} {'controller':>11}")
    for alone, spread in runs:
        for name, parts in (("this machine alone", alone), ("as an agent", spread)):
            print(
                f"{name:>24} {parts.workers:>8.3f} {parts.engine:>8.4f} {parts.engine / parts.workers:>11.1%} "
                f"{parts.engine_bytes / 1e6:>8.0f} MB {parts.controller:>11.3f}  {parts.summary['verdict']}, "
                f"{parts.summary['throughput_bytes_per_second']['mean'] * 8 / 1e9:.1f} Gbit/s"
            )
    share = statistics.median(spread.engine / spread.workers for _, spread in runs)
    print(f"the engine's part of what the viewers take on a load machine: {share:.1%} (cores, median)")


if __name__ == "__main__":
    main()
