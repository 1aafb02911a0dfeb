"""Low-latency viewers: what one costs, parts of a third of a second, audio apart, against the embedded origin.

    python -m bench.low_latency [--viewers 100,500,1000] [--seconds 40] [--ramp-seconds 10] [--profile hlsjs]
                                [--http 1.1] [--video-only]

The real command is run with one worker against the embedded origin in a process of its own. Measured from outside are
CPU time and memory of both by the operating system's accounting, between the end of the ramp and the end of the run.
Printed: CPU per viewer and viewers per core, the origin's own share of a core, the live latency beside what arithmetic
gives, the age of parts, loop lag, memory of the worker after the ramp, at half the time and at the end, and what the
origin's access log has more than the summary, requests and body bytes. Then how live latency and memory went, in as
many lines as the run has minutes, ten at most.

Arithmetic: a viewer begins PART-HOLD-BACK before the end of the playlist that it finds, which was published up to a
part ago: with viewers that come evenly, half of a part later in the median, and later by what a start takes.
"""

import argparse
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_SAMPLE_SECONDS = 5.0
_MOST_LINES = 10
PART_SECONDS = 1 / 3


@dataclass(frozen=True)
class Sample:
    """What two processes had used by an instant: seconds since the end of the ramp, CPU seconds, resident bytes."""

    at: float
    worker_cpu: float
    origin_cpu: float
    worker_bytes: int
    origin_bytes: int


def worker_of(command: psutil.Process) -> psutil.Process:
    """The worker process of a run, once there is one."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for child in command.children(recursive=True):
            if "hls_swarm.engine.launch" in child.cmdline():
                return child
        time.sleep(0.1)
    raise SystemExit("the run has no worker")


def sampled(worker: psutil.Process, origin: psutil.Process, seconds: float) -> list[Sample]:
    """What both use, every few seconds from now on, and at the end of so many seconds."""
    began, samples = time.monotonic(), []
    while True:
        at = time.monotonic() - began
        cpu = sum(worker.cpu_times()[:2]), sum(origin.cpu_times()[:2])
        samples.append(Sample(at, *cpu, worker.memory_info().rss, origin.memory_info().rss))
        if at >= seconds:
            return samples
        time.sleep(min(_SAMPLE_SECONDS, seconds - at))


def run(
    options: argparse.Namespace, viewers: int, url: str, origin: psutil.Process, folder: Path
) -> tuple[dict[str, Any], list[dict[str, Any]], list[Sample]]:
    """The summary of a run, its timeline after the ramp, and what it used."""
    out = folder / f"{viewers}.json"
    ramp = options.ramp_seconds
    command = subprocess.Popen(
        [
            *(sys.executable, "-m", "hls_swarm", "--clients", str(viewers), "--ramp-rate", str(viewers / ramp)),
            *("--duration", f"{ramp + options.seconds:g}s", "--workers", "1", "--profile", options.profile),
            *("--http", options.http, "--json", str(out), "--output", str(folder / "run"), "--metrics", ""),
            *("--generator-limit", "1", url),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        worker = worker_of(psutil.Process(command.pid))
        time.sleep(ramp + 2)
        samples = sampled(worker, origin, options.seconds - 5)
        command.wait(60)
    finally:
        command.kill()
        command.wait()
    lines = (folder / "run" / "timeline.jsonl").read_text().splitlines()
    rows = [each for line in lines if (each := json.loads(line)).get("elapsed_seconds", 0.0) > ramp + 2]
    return json.loads(out.read_text()), rows, samples


def logged(log: Path) -> tuple[int, int]:
    """Requests and body bytes in an access log."""
    requests = body_bytes = 0
    with log.open() as lines:
        for line in lines:
            found = re.search(r'" \d{3} (\d+) "', line)
            requests += found is not None
            body_bytes += int(found[1]) if found is not None else 0
    return requests, body_bytes


def course(rows: list[dict[str, Any]], samples: list[Sample], seconds: float, ramp: float) -> None:
    """Print live latency and memory over the run."""
    count = max(1, min(_MOST_LINES, round(seconds / 60)))
    if count == 1:
        return
    print(f"{'after':>9} {'latency P50':>12} {'worker':>10} {'origin':>10}")
    medians = []
    for nth in range(count):
        begin, end = seconds * nth / count, seconds * (nth + 1) / count
        values = [
            value
            for row in rows
            if begin <= row["elapsed_seconds"] - ramp < end
            and (value := row.get("live_latency_seconds_p50")) is not None
        ]
        held = [sample for sample in samples if begin <= sample.at < end] or samples[-1:]
        medians.append(statistics.median(values) if values else float("nan"))
        print(
            f"{end:>7.0f} s {medians[-1]:>10.3f} s {held[-1].worker_bytes / 1e6:>7.1f} MB "
            f"{held[-1].origin_bytes / 1e6:>7.1f} MB"
        )
    print(f"drift of the median from the first line to the last: {(medians[-1] - medians[0]) * 1e3:+.0f} ms")


def main() -> None:
    """Print a line for each number of viewers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--viewers", default="100,500,1000")
    parser.add_argument("--seconds", type=float, default=40.0, help="after the ramp")
    parser.add_argument("--ramp-seconds", type=float, default=10.0)
    parser.add_argument("--profile", default="hlsjs")
    parser.add_argument("--http", default="1.1", choices=["1.1", "2"], help="version of HTTP, on plain connections")
    parser.add_argument("--video-only", action="store_true", help="one playlist a viewer, as where audio is muxed in")
    options = parser.parse_args()
    print(f"{'viewers':>8} {'CPU/viewer':>11} {'per core':>9} {'origin':>7} {'latency P50':>12} {'expected':>9} "
          f"{'part age P50':>13} {'P95':>9} {'lag P99':>9} {'memory':>26} {'log - summary':>14}")  # fmt: skip
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
                summary, rows, samples = run(options, viewers, url, psutil.Process(origin.pid), folder)
                time.sleep(2)
            finally:
                origin.send_signal(signal.SIGINT)
                origin.wait(20)
            requests, body_bytes = logged(log)
            told = sum(summary["requests"].values()), sum(summary["body_bytes"].values())
        first, half, last = samples[0], samples[len(samples) // 2], samples[-1]
        cpu = (last.worker_cpu - first.worker_cpu) / (last.at - first.at)
        origin_cpu = (last.origin_cpu - first.origin_cpu) / (last.at - first.at)
        edge, live = summary["low_latency"], summary["experience"]["live_latency_seconds"]
        started = summary["experience"]["startup_seconds"]["p50"]
        expected = edge["offer"]["part_hold_back"] + PART_SECONDS / 2 + started
        age = edge["part_age_seconds"]
        print(
            f"{viewers:>8} {cpu / viewers * 100:>10.3f}% {viewers / cpu:>9.0f} {origin_cpu:>6.0%} "
            f"{live['p50']:>10.3f} s {expected:>7.3f} s {age['p50'] * 1e3:>10.1f} ms {age['p95'] * 1e3:>6.1f} ms "
            f"{summary['generator']['loop_lag_seconds']['p99'] * 1e3:>6.1f} ms "
            f"{first.worker_bytes / 1e6:>5.1f}, {half.worker_bytes / 1e6:>5.1f}, {last.worker_bytes / 1e6:>5.1f} MB "
            f"{requests - told[0]:>+6} {body_bytes - told[1]:>+7}",
            flush=True,
        )
        course(rows, samples, options.seconds, options.ramp_seconds)


if __name__ == "__main__":
    main()
