"""Low-latency viewers: what one costs, parts of a third of a second, audio apart, against the embedded origin.

    python -m bench.low_latency [--viewers 100,500,1000] [--seconds 40] [--ramp-seconds 10] [--profile hlsjs]
                                [--http 1.1] [--video-only | --plain] [--against SRC]

The real command is run with one worker against the embedded origin in a process of its own. Measured from outside are
CPU time and memory of both by the operating system's accounting, between the end of the ramp and the end of the run.
Printed: CPU per viewer and viewers per core, the origin's own share of a core, the live latency beside what arithmetic
gives, the age of parts, loop lag, memory of the worker after the ramp, at half the time and at the end, and what the
origin's access log has more than the summary, requests and body bytes. Then how live latency and memory went, in as
many lines as the run has minutes, ten at most.

`--video-only` plays one playlist, as where sound is in the same segments; `--plain` the same origin's ordinary live
stream, to say what a request costs there. `--against` has a worker of another version's sources beside each, at the
same time and on the same origin: what the machine gives them is alike then.

Arithmetic: a viewer begins PART-HOLD-BACK before the end of the playlist that it finds, which was published up to a
part ago: with viewers that come evenly, half of a part later in the median, and later by what a start takes. In the
mean that is exact, and no histogram is between: the median is known to 1.1%.
"""

import argparse
import json
import os
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
_REQUESTS = 6.0
"""A second for each track: a reload and a part for each third of one."""


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
    until = time.monotonic() + 60
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


def command_of(
    options: argparse.Namespace, viewers: int, url: str, folder: Path, source: str | None = None
) -> subprocess.Popen[bytes]:
    """A run that has begun, with one worker; `source`: by the version whose sources are there."""
    ramp = options.ramp_seconds
    folder.mkdir()
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "hls_swarm", "--clients", str(viewers), "--ramp-rate", str(viewers / ramp)),
            *("--duration", f"{ramp + options.seconds:g}s", "--workers", "1", "--profile", options.profile),
            *("--http", options.http, "--json", str(folder / "summary.json"), "--output", str(folder / "run")),
            *("--metrics", "", "--generator-limit", "1", url),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | ({} if source is None else {"PYTHONPATH": source}),
    )


def run(
    options: argparse.Namespace, viewers: int, url: str, origin: psutil.Process, folder: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Sample], float | None]:
    """The summaries of the run and of the one beside it, the run's timeline after the ramp, what it used.

    The last is the CPU seconds a second of the one beside it; None without one.
    """
    ramp, folders = options.ramp_seconds, [folder / "new"]
    commands = [command_of(options, viewers, url, folders[0])]
    if options.against is not None:
        folders.append(folder / "old")
        commands.append(command_of(options, viewers, url, folders[1], options.against))
    try:
        worker, *beside = [worker_of(psutil.Process(command.pid)) for command in commands]
        time.sleep(ramp + 2)
        before, at = [sum(other.cpu_times()[:2]) for other in beside], time.monotonic()
        samples = sampled(worker, origin, options.seconds - 5)
        used = [sum(other.cpu_times()[:2]) - was for other, was in zip(beside, before, strict=True)]
        seconds = time.monotonic() - at
        for command in commands:
            command.wait(60)
    finally:
        for command in commands:
            command.kill()
            command.wait()
    lines = (folders[0] / "run" / "timeline.jsonl").read_text().splitlines()
    rows = [each for line in lines if (each := json.loads(line)).get("elapsed_seconds", 0.0) > ramp + 2]
    summaries = [json.loads((each / "summary.json").read_text()) for each in folders]
    return summaries, rows, samples, used[0] / seconds if used else None


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


def url_of(options: argparse.Namespace, low_latency: str) -> str:
    """Which of the origin's playlists is played."""
    if options.plain:
        return low_latency.replace("/ll/", "/live/")
    return low_latency.replace("master.m3u8", "video-540p/playlist.m3u8") if options.video_only else low_latency


def main() -> None:
    """Print a line for each number of viewers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--viewers", default="100,500,1000")
    parser.add_argument("--seconds", type=float, default=40.0, help="after the ramp")
    parser.add_argument("--ramp-seconds", type=float, default=10.0)
    parser.add_argument("--profile", default="hlsjs")
    parser.add_argument("--http", default="1.1", choices=["1.1", "2"], help="version of HTTP, on plain connections")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--video-only", action="store_true", help="one playlist a viewer, as where audio is muxed in")
    which.add_argument("--plain", action="store_true", help="the ordinary live stream, a request a second")
    parser.add_argument("--against", metavar="SRC", help="sources of another version, run beside each")
    options = parser.parse_args()
    rate = 1.0 if options.plain else _REQUESTS if options.video_only else 2 * _REQUESTS
    print(f"{'viewers':>8} {'CPU/viewer':>11} {'per core':>9} {'a request':>10} {'origin':>7} {'latency P50':>12} "
          f"{'expected':>9} {'mean':>8} {'expected':>9} {'part age P50':>13} {'P95':>9} {'lag P99':>9} {'memory':>26} "
          f"{'log - summary':>14}")  # fmt: skip
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
                url = url_of(options, url)
                summaries, rows, samples, other = run(options, viewers, url, psutil.Process(origin.pid), folder)
                time.sleep(2)
            finally:
                origin.send_signal(signal.SIGINT)
                origin.wait(20)
            requests, body_bytes = logged(log)
        for told in summaries:
            requests -= sum(told["requests"].values())
            body_bytes -= sum(told["body_bytes"].values())
        first, half, last = samples[0], samples[len(samples) // 2], samples[-1]
        cpu = (last.worker_cpu - first.worker_cpu) / (last.at - first.at)
        origin_cpu = (last.origin_cpu - first.origin_cpu) / (last.at - first.at)
        summary = summaries[0]
        print(
            f"{viewers:>8} {cpu / viewers * 100:>10.3f}% {viewers / cpu:>9.0f} {cpu / viewers / rate * 1e6:>7.1f} us "
            f"{origin_cpu:>6.0%} {latencies(summary)} "
            f"{summary['generator']['loop_lag_seconds']['p99'] * 1e3:>6.1f} ms "
            f"{first.worker_bytes / 1e6:>5.1f}, {half.worker_bytes / 1e6:>5.1f}, {last.worker_bytes / 1e6:>5.1f} MB "
            f"{requests:>+6} {body_bytes:>+7}",
            flush=True,
        )
        if other is not None:
            per_request = other / viewers / rate * 1e6
            print(
                f"{'beside':>8} {other / viewers * 100:>10.3f}% {viewers / other:>9.0f} {per_request:>7.1f} us",
                flush=True,
            )
        course(rows, samples, options.seconds, options.ramp_seconds)


def latencies(summary: dict[str, Any]) -> str:
    """Live latency in the median and the mean, each beside what arithmetic gives, and the age of parts."""
    live, edge = summary["experience"]["live_latency_seconds"], summary.get("low_latency", {})
    if "offer" not in edge:
        return f"{live['p50']:>10.3f} s {'-':>9} {live['mean']:>6.3f} s {'-':>9} {'-':>13} {'-':>9}"
    start, age = summary["experience"]["startup_seconds"], edge["part_age_seconds"]
    found = edge["offer"]["part_hold_back"] + PART_SECONDS / 2
    return (
        f"{live['p50']:>10.3f} s {found + start['p50']:>7.3f} s {live['mean']:>6.3f} s {found + start['mean']:>7.3f} s "
        f"{age['p50'] * 1e3:>10.1f} ms {age['p95'] * 1e3:>6.1f} ms"
    )


if __name__ == "__main__":
    main()
