"""Low-latency viewers: what one costs, parts of a third of a second, audio apart, against the embedded origin.

    python -m bench.low_latency [--viewers 100,500,1000] [--seconds 40] [--profile hlsjs] [--video-only]

The real command is run with one worker against the embedded origin in a process of its own. Measured from outside is
the worker's CPU time by the operating system's accounting, between the end of the ramp and the end of the run. Printed:
CPU per viewer and viewers per core, the live latency beside what arithmetic gives, the age of parts, loop lag, memory
after the ramp and at the end, and whether the origin's access log says the same as the summary.

Arithmetic: a viewer begins PART-HOLD-BACK before the end of the playlist that it finds, which was published up to a
part ago: with viewers that come evenly, half of a part later in the median, and later by what a start takes.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

_RAMP_SECONDS = 10.0
PART_SECONDS = 1 / 3


def worker_of(command: psutil.Process) -> psutil.Process:
    """The worker process of a run, once there is one."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for child in command.children(recursive=True):
            if "hls_swarm.engine.launch" in child.cmdline():
                return child
        time.sleep(0.1)
    raise SystemExit("the run has no worker")


def run(viewers: int, seconds: float, profile: str, url: str, folder: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """The summary of a run, and what its worker cost after the ramp."""
    out = folder / f"{viewers}.json"
    command = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "hls_swarm",
                "--clients",
                str(viewers),
                "--ramp-rate",
                str(viewers / _RAMP_SECONDS),
            ),
            *("--duration", f"{_RAMP_SECONDS + seconds:g}s", "--workers", "1", "--profile", profile),
            *("--json", str(out), "--no-output", "--metrics", "", url),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    worker = worker_of(psutil.Process(command.pid))
    time.sleep(_RAMP_SECONDS + 2)
    began, before = time.monotonic(), sum(worker.cpu_times()[:2])
    early = worker.memory_info().rss
    time.sleep(seconds - 5)
    cpu = (sum(worker.cpu_times()[:2]) - before) / (time.monotonic() - began)
    late = worker.memory_info().rss
    command.wait(60)
    return json.loads(out.read_text()), {"cpu": cpu, "early": early, "late": late}


def logged(log: Path) -> tuple[int, int]:
    """Requests and body bytes in an access log."""
    lines = re.findall(r'" (\d{3}) (\d+) "', log.read_text())
    return len(lines), sum(int(size) for _, size in lines)


def main() -> None:
    """Print a line for each number of viewers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--viewers", default="100,500,1000")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--profile", default="hlsjs")
    parser.add_argument("--video-only", action="store_true", help="one playlist a viewer, as where audio is muxed in")
    options = parser.parse_args()
    print(f"{'viewers':>8} {'CPU/viewer':>11} {'per core':>9} {'latency P50':>12} {'expected':>9} {'part age P50':>13} "
          f"{'P95':>8} {'lag P99':>8} {'memory':>17} {'log - summary':>14}")  # fmt: skip
    for viewers in map(int, options.viewers.split(",")):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            log = folder / "access.log"
            origin = subprocess.Popen(
                [
                    *(sys.executable, "-m", "hls_swarm", "origin", "--low-latency", "--part", "333ms", "--port", "0"),
                    *("--access-log", str(log)),
                ],
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                assert origin.stderr is not None
                url = next(found[0] for line in origin.stderr if (found := re.search(r"http://\S+/ll/\S+", line)))
                if options.video_only:
                    url = url.replace("master.m3u8", "video-540p/playlist.m3u8")
                summary, cost = run(viewers, options.seconds, options.profile, url, folder)
                time.sleep(2)
            finally:
                origin.send_signal(signal.SIGINT)
                origin.wait(20)
            requests, body_bytes = logged(log)
            told = sum(summary["requests"].values()), sum(summary["body_bytes"].values())
        edge, live = summary["low_latency"], summary["experience"]["live_latency_seconds"]
        started = summary["experience"]["startup_seconds"]["p50"]
        expected = edge["offer"]["part_hold_back"] + PART_SECONDS / 2 + started
        age = edge["part_age_seconds"]
        print(
            f"{viewers:>8} {cost['cpu'] / viewers * 100:>10.3f}% {viewers / cost['cpu']:>9.0f} {live['p50']:>10.3f} s "
            f"{expected:>7.3f} s {age['p50'] * 1e3:>10.1f} ms {age['p95'] * 1e3:>5.1f} ms "
            f"{summary['generator']['loop_lag_seconds']['p99'] * 1e3:>5.1f} ms "
            f"{cost['early'] / 1e6:>5.1f} to {cost['late'] / 1e6:>5.1f} MB "
            f"{requests - told[0]:>+6} {body_bytes - told[1]:>+7}",
            flush=True,
        )


if __name__ == "__main__":
    main()
