"""What the dashboard costs the controller, and whether the viewers notice: the same run with it and without, in turn.

Both runs have a pseudo-terminal of 120 x 40; the peer is the same command with `--no-tui`. The controller's processor
time is taken between two instants of the steady state, from outside.

    python -m bench.dashboard_cost [--clients 1000] [--rounds 4] [--seconds 12]
"""

import argparse
import fcntl
import json
import os
import pty
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

ROWS, COLUMNS = 40, 120
RAMP_SECONDS = 5.0
SETTLING_SECONDS = 4.0
"""Start of the processes, and the first snapshots after the ramp."""
GENERATOR_BOUND = 3
"""Exit code of a run on a machine that was too busy: said beside the figures."""


@dataclass(frozen=True)
class Cost:
    """One run: the controller's share of a core in percent, and what the viewers waited for segments, in seconds."""

    core_percent: float
    written_bytes: int
    generator_bound: bool
    first_byte: dict[str, float]
    download: dict[str, float]


def main() -> int:
    """Run all rounds and print both sides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=12.0)
    options = parser.parse_args()
    costs: dict[str, list[Cost]] = {"--no-tui": [], "--tui": []}
    for number in range(options.rounds):
        # The order turns each round, so that a machine that grows busier or calmer meanwhile counts for both sides.
        for flag in sorted(costs, reverse=number % 2 == 1):
            costs[flag].append(measured(flag, options.clients, options.seconds))
    plain, dashboard = costs["--no-tui"], costs["--tui"]
    print(f"{options.clients} viewers, {options.rounds} rounds of {options.seconds:g} s steady, {COLUMNS}x{ROWS}")
    print(f"{'':34}{'plain lines':>14}{'dashboard':>14}{'ratio':>8}")
    row("controller, percent of a core", [c.core_percent for c in plain], [c.core_percent for c in dashboard])
    row(
        "written to the terminal, kB/s",
        [c.written_bytes / 1e3 for c in plain],
        [c.written_bytes / 1e3 for c in dashboard],
    )
    for q in ("p50", "p95", "p99"):
        first = [[cost.first_byte[q] * 1e3 for cost in side] for side in (plain, dashboard)]
        row(f"segment first byte {q.upper()}, ms", first[0], first[1])
    for q in ("p50", "p95", "p99"):
        whole = [[cost.download[q] * 1e3 for cost in side] for side in (plain, dashboard)]
        row(f"segment download {q.upper()}, ms", whole[0], whole[1])
    bound = sum(cost.generator_bound for cost in (*plain, *dashboard))
    if bound:
        print(f"{bound} of {2 * options.rounds} runs were generator-bound: other programs keep this machine busy")
    added = statistics.median(c.core_percent for c in dashboard) - statistics.median(c.core_percent for c in plain)
    print(f"the dashboard adds {added:.2f}% of a core")
    return 0


def row(name: str, plain: list[float], dashboard: list[float]) -> None:
    """One figure of both sides: the median of the rounds."""
    a, b = statistics.median(plain), statistics.median(dashboard)
    print(f"{name:34}{a:14.2f}{b:14.2f}{f'{b / a:.2f}' if a else '-':>8}")


def measured(flag: str, clients: int, seconds: float) -> Cost:
    """One run in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "summary.json")
        duration = RAMP_SECONDS + SETTLING_SECONDS + seconds + 2
        arguments = ["--clients", str(clients), "--ramp-rate", str(clients / RAMP_SECONDS), flag]
        command = [sys.executable, "-m", "hls_swarm", "demo", *arguments, "--duration", f"{duration:g}s"]
        main_end, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        process = subprocess.Popen(
            [*command, "--json", str(out)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=folder,
            env={**os.environ, "TERM": "xterm-256color"},
        )
        os.close(terminal)
        drain = Drain(main_end)
        drain.start()
        time.sleep(RAMP_SECONDS + SETTLING_SECONDS)
        controller = psutil.Process(process.pid)
        before, written_before, began_at = controller.cpu_times(), drain.read_bytes, time.perf_counter()
        time.sleep(seconds)
        after, written_after, ended_at = controller.cpu_times(), drain.read_bytes, time.perf_counter()
        if process.wait(timeout=60) not in {0, GENERATOR_BOUND}:
            raise SystemExit(f"the run with {flag} ended with {process.returncode}")
        drain.join()
        latency = json.loads(out.read_text())["latency_seconds"]["segment"]
    used = after.user + after.system - before.user - before.system
    elapsed = ended_at - began_at
    return Cost(
        core_percent=100 * used / elapsed,
        written_bytes=int((written_after - written_before) / elapsed),
        generator_bound=process.returncode == GENERATOR_BOUND,
        first_byte=latency["ttfb"],
        download=latency["download"],
    )


class Drain(threading.Thread):
    """Reads what the program writes to its terminal, as a terminal does."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self.read_bytes = 0
        self._descriptor = descriptor

    def run(self) -> None:
        """Until the program has closed its end."""
        while True:
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:
                data = b""
            if not data:
                os.close(self._descriptor)
                return
            self.read_bytes += len(data)


if __name__ == "__main__":
    sys.exit(main())
