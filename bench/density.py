"""Viewers: what a complete one costs, live, 2 s segments at 3 Mbit/s, all statistics on, real nginx on loopback.

    python -m bench.density [--serve plain,tls,h2] [--viewers 100,1000,5000] [--seconds 20] [--workers 1]
                            [--ramp-seconds 5] [--segment-bytes 750000] [--nginx-workers 1]
                            [--ffmpeg COUNT] [--soak MINUTES] [--against SRC]

For each number of viewers the real command is run against nginx, and the worker processes are measured from outside
(CPU time and resident memory by the operating system's own accounting) between the end of the ramp and the end of the
run. Printed: CPU per viewer, viewers per core by CPU time, event-loop lag, late starts, memory per additional viewer,
the controller's CPU, and whether nginx's access log says the same as the summary, request for request and byte for
byte, or how many requests were cut short (at the end, or by a time limit), of which only nginx knows all bytes.

With `--ffmpeg COUNT`, the same live stream is first played by one ffmpeg process per viewer, in two ways: by so many
bare `ffmpeg -c copy -f null`, of which nobody hears what they lived through, and by the command itself with
`--engine ffmpeg`, which has them report their progress and log and counts it, as native viewers are counted.

With `--serve`, all of it once for each way of serving: plain HTTP/1.1, HTTP/1.1 over TLS 1.3, HTTP/2 over TLS 1.3.

With `--against SRC`, the source folder of another version of this program, both versions play the same stream at the
same time, so many viewers each, and only what their workers cost is compared: what else the machine does meets both.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from bench.servers import needed, nginx

SEGMENT_BYTES = 750_000
SEGMENT_SECONDS = 2.0
WINDOW = 6
MEDIA_SECONDS = 120
_PACKET_BYTES, _PACKET_HEAD = 188, b"\x47\x01\x00\x10"  # an MPEG-TS packet that carries payload
"""Length of the real media that ffmpeg plays; the stream comes round again after that."""


class LiveStream(threading.Thread):
    """Publishes a media playlist every 2 s.

    Args:
        names: of the segment files, which follow one another and come round again.
    """

    def __init__(self, folder: Path, names: list[str]) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._names = names
        self._over = threading.Event()
        (folder / "master.m3u8").write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=3000000\nlive.m3u8\n")
        self._publish(0)

    def run(self) -> None:
        """Publish on time until told to stop."""
        began, number = time.monotonic(), 0
        while not self._over.wait(max(0.0, began + (number + 1) * SEGMENT_SECONDS - time.monotonic())):
            number += 1
            self._publish(number)

    def stop(self) -> None:
        """Publish no more."""
        self._over.set()
        self.join()

    def _publish(self, first: int) -> None:
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        for number in range(first, first + WINDOW):
            lines += [f"#EXTINF:{SEGMENT_SECONDS},", self._names[number % len(self._names)]]
        new = self._folder / "live.m3u8.new"
        new.write_text("\n".join([*lines, ""]))
        new.rename(self._folder / "live.m3u8")


def media(folder: Path, segment_bytes: int, *, real: bool) -> list[str]:
    """Make the segments; their names in order.

    Args:
        real: MPEG-TS that ffmpeg can play; else one file of packets with random payload under many names.
    """
    if not real:
        packets = segment_bytes // _PACKET_BYTES
        payload = os.urandom(_PACKET_BYTES - len(_PACKET_HEAD))
        (folder / "segment.ts").write_bytes((_PACKET_HEAD + payload) * packets)
        return [f"seg-{number}.ts" for number in range(1000)]
    encoder = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-x264-params",
        "nal-hrd=cbr",
        "-g",
        "50",
        "-sc_threshold",
        "0",
    ]
    rate = ["-b:v", "2700k", "-minrate", "2700k", "-maxrate", "2700k", "-bufsize", "2700k"]
    command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", f"testsrc2=s=640x360:r=25:d={MEDIA_SECONDS}"]
    command += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={MEDIA_SECONDS}", "-c:a", "aac", "-b:a", "128k"]
    command += [*encoder, *rate, "-f", "segment", "-segment_time", f"{SEGMENT_SECONDS:g}", "-segment_format", "mpegts"]
    subprocess.run([*command, str(folder / "seg-%d.ts")], check=True)
    return [f"seg-{number}.ts" for number in range(int(MEDIA_SECONDS / SEGMENT_SECONDS))]


@dataclass(frozen=True)
class Serving:
    """A way of serving, and what the command is told for it."""

    name: str
    tls: bool
    http2: bool
    flags: tuple[str, ...]


_ANY_CERTIFICATE = ("--insecure", "--dangerous")
SERVINGS = {
    "plain": Serving("HTTP/1.1, plain", False, False, ()),
    "tls": Serving("HTTP/1.1 over TLS 1.3", True, False, ("--http", "1.1", *_ANY_CERTIFICATE)),
    "h2": Serving("HTTP/2 over TLS 1.3", True, True, ("--http", "2", *_ANY_CERTIFICATE)),
}


@dataclass(frozen=True)
class Usage:
    """CPU seconds and resident bytes of the workers, CPU seconds of the controller, at one instant."""

    at: float
    workers_cpu: float
    workers_memory: int
    controller_cpu: float


@dataclass(frozen=True)
class Result:
    """One run: figures of its steady part."""

    viewers: int
    cores: float
    controller_cores: float
    memory_bytes: int
    memory_growth_bytes: int
    summary: dict[str, Any]
    agrees: bool

    @property
    def agreement(self) -> str:
        """Whether the access log agrees; requests cut short leave bytes on the way that only nginx has counted."""
        failed = sum(error["count"] for error in self.summary["errors"])
        cut = failed + sum(self.summary["cancelled"].values())
        return "agrees" if self.agrees else f"{cut:,} cut" if cut else "DIFFERS"

    @property
    def viewers_per_core(self) -> float:
        """By CPU time of the workers."""
        return self.viewers / self.cores


def usage_of(controller: psutil.Process) -> Usage:
    """What the processes of a run have used so far."""
    cpu, memory = 0.0, 0
    for child in controller.children():
        times = child.cpu_times()
        cpu += times.user + times.system
        memory += child.memory_info().rss
    times = controller.cpu_times()
    return Usage(time.monotonic(), cpu, memory, times.user + times.system)


def command_for(viewers: int, seconds: float, options: argparse.Namespace) -> tuple[list[str], float]:
    """The command for so many viewers, without its URL, and how long they take to come, in seconds."""
    rate = max(50.0, viewers / options.ramp_seconds)
    ramp = viewers / rate
    duration = ramp + 4.0 + seconds + 2.0
    command = [sys.executable, "-m", "hls_swarm", "--clients", str(viewers), "--ramp-rate", str(rate)]
    command += ["--duration", f"{round(duration * 1000)}ms", "--workers", str(options.workers), "--json", "-"]
    return [*command, "--no-output", "--metrics", ""], ramp


def measure(url: str, log: Path, serving: Serving, viewers: int, seconds: float, options: argparse.Namespace) -> Result:
    """Run the command with so many viewers and look at it from outside."""
    time.sleep(1.5)  # what was asked for before is logged by then
    log.write_text("")
    command, ramp = command_for(viewers, seconds, options)
    command += serving.flags
    with subprocess.Popen([*command, url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        controller = psutil.Process(process.pid)
        time.sleep(ramp + 4.0)
        before = usage_of(controller)
        time.sleep(seconds)
        after = usage_of(controller)
        stdout, _ = process.communicate(timeout=60)
    span = after.at - before.at
    summary: dict[str, Any] = json.loads(stdout)
    time.sleep(1.5)
    return Result(
        viewers,
        (after.workers_cpu - before.workers_cpu) / span,
        (after.controller_cpu - before.controller_cpu) / span,
        after.workers_memory,
        after.workers_memory - before.workers_memory,
        summary,
        agrees_with(log, summary),
    )


def compare(url: str, serving: Serving, viewers: int, seconds: float, options: argparse.Namespace) -> None:
    """Let two versions play at the same time, and print what a viewer costs each."""
    command, ramp = command_for(viewers, seconds, options)
    here, there = Path(__file__).resolve().parent.parent / "src", Path(options.against).resolve()
    processes = []
    for source in (here, there):
        environment = os.environ | {"PYTHONPATH": str(source)}
        flags = [*command, *serving.flags, url]
        processes.append(subprocess.Popen(flags, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment))
    controllers = [psutil.Process(process.pid) for process in processes]
    time.sleep(ramp + 4.0)
    before = [usage_of(controller) for controller in controllers]
    time.sleep(seconds)
    after = [usage_of(controller) for controller in controllers]
    costs = []
    for process, since, until in zip(processes, before, after, strict=True):
        stdout, _ = process.communicate(timeout=60)
        summary = json.loads(stdout)
        costs.append((until.workers_cpu - since.workers_cpu) / (until.at - since.at) / viewers * 1e6)
        segments = summary["requests"]["segment"]
        print(f"{costs[-1]:>8.1f} us/viewer-s, {segments:,} segments, verdict {summary['verdict']}")
    print(f"viewers a core of this version to those of {options.against}: {costs[1] / costs[0]:.2f}")


def agrees_with(log: Path, summary: dict[str, Any]) -> bool:
    """Whether the access log has the requests and body bytes of the summary."""
    requests, body_bytes = Counter[str](), Counter[str]()
    with log.open() as lines:
        for line in lines:
            path, _, size = line.split()
            kind = "segment" if path.endswith(".ts") else "media_playlist"
            kind = "multivariant_playlist" if path.endswith("master.m3u8") else kind
            requests[kind] += 1
            body_bytes[kind] += int(size)
    return all(
        summary["requests"][kind] == requests[kind] and summary["body_bytes"][kind] == body_bytes[kind]
        for kind in ("multivariant_playlist", "media_playlist", "segment")
    )


def ffmpeg_viewers_per_core(url: str, count: int, seconds: float) -> float:
    """By CPU time of so many processes that each play the stream, copying nothing anywhere."""
    command = ["ffmpeg", "-loglevel", "error", "-nostdin", "-i", url, "-c", "copy", "-f", "null", "-"]
    processes = [psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(count)]
    try:
        time.sleep(8.0)  # past the start, where each reads its first three segments
        before, began = sum(run_time(process.pid) for process in processes), time.monotonic()
        time.sleep(seconds)
        after, span = sum(run_time(process.pid) for process in processes), time.monotonic() - began
        memory = statistics.mean(process.memory_info().rss for process in processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    per_core = count / ((after - before) / span)
    print(f"{count} bare ffmpeg processes: {per_core:,.0f} viewers a core, {memory / 1e6:.0f} MB each")
    return per_core


def ffmpeg_engine_per_core(url: str, count: int, seconds: float, flags: tuple[str, ...]) -> float:
    """By CPU time of the worker and its ffmpeg processes, in a run with one such process per viewer."""
    command = [sys.executable, "-m", "hls_swarm", "--engine", "ffmpeg", "--clients", str(count), "--ramp-rate", "10"]
    command += ["--workers", "1", "--json", os.devnull, "--no-output", "--metrics", "", *flags]
    with subprocess.Popen([*command, url], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(count / 10 + 8.0)
            players = psutil.Process(process.pid).children(recursive=True)
            before, began = sum(run_time(player.pid) for player in players), time.monotonic()
            time.sleep(seconds)
            after, span = sum(run_time(player.pid) for player in players), time.monotonic() - began
        finally:
            process.terminate()
            process.wait(30)
    per_core = count / ((after - before) / span)
    print(f"{count} ffmpeg viewers of a run, with statistics: {per_core:,.0f} viewers a core")
    return per_core


def run_time(pid: int) -> float:
    """CPU seconds of a process, to the nanosecond: what one of many small ones uses is below the clock's tick."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def report(results: list[Result]) -> None:
    """Print a table, and the ratios between the runs."""
    print(f"{'viewers':>8} {'cores':>7} {'us/viewer-s':>12} {'viewers/core':>13} {'Gbit/s':>7} {'lag P99':>9} "
          f"{'stalls':>7} {'late':>5} {'MB':>6} {'controller':>11} {'log':>9}  verdict")  # fmt: skip
    for result in results:
        summary = result.summary
        lag, late = summary["generator"]["loop_lag_seconds"]["p99"], summary["generator"]["late_starts"]
        throughput = summary["throughput_bytes_per_second"]["mean"] * 8 / 1e9
        print(
            f"{result.viewers:>8} {result.cores:>7.3f} {result.cores / result.viewers * 1e6:>12.1f} "
            f"{result.viewers_per_core:>13,.0f} {throughput:>7.2f} {lag * 1e3:>6.2f} ms "
            f"{summary['experience']['stalls']:>7} {late:>5} {result.memory_bytes / 1e6:>6.0f} "
            f"{result.controller_cores:>10.1%} {result.agreement:>9}  {summary['verdict']}"
        )
    if len(results) > 1:
        first, last = results[0], results[-1]
        per_viewer = [result.cores / result.viewers for result in results]
        more = (last.memory_bytes - first.memory_bytes) / (last.viewers - first.viewers)
        print(f"CPU per viewer, most to least: {max(per_viewer) / min(per_viewer):.2f}")
        print(f"memory per additional viewer from {first.viewers} to {last.viewers}: {more / 1e3:.1f} KB")
    print(f"memory growth in the steady part of the last run: {results[-1].memory_growth_bytes / 1e6:.1f} MB")


def serve(serving: Serving, root: Path, options: argparse.Namespace) -> list[Result]:
    """Serve the stream in one way, run every size, print."""
    print(f"\n{serving.name}")
    one_file = "" if options.ffmpeg else "location ~ ^/seg-[0-9]+\\.ts$ { try_files /segment.ts =404; }"
    with nginx(
        root, log=True, workers=options.nginx_workers, server=one_file, tls=serving.tls, http2=serving.http2
    ) as base:
        url, log = f"{base}/master.m3u8", root / "access.log"
        sizes = [int(size) for size in options.viewers.split(",")]
        if options.against:
            for size in sizes:
                compare(url, serving, size, options.seconds, options)
            return []
        peers = {}
        if options.ffmpeg:
            peers["bare ffmpeg"] = ffmpeg_viewers_per_core(url, options.ffmpeg, options.seconds)
            peers["ffmpeg with statistics"] = ffmpeg_engine_per_core(
                url, options.ffmpeg, options.seconds, _ANY_CERTIFICATE if serving.tls else ()
            )
        results = [measure(url, log, serving, size, options.seconds, options) for size in sizes]
        report(results)
        for name, per_core in peers.items():
            print(f"viewers a core, hls-swarm to {name}: {results[-1].viewers_per_core / per_core:.0f}")
        if options.soak:
            print(f"\n{options.soak:g} minutes of {sizes[-1]} viewers")
            report([measure(url, log, serving, sizes[-1], options.soak * 60, options)])
        return results


def main() -> None:
    """Start the stream, serve it in every way, print, stop it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--serve", default="plain", help=f"of {', '.join(SERVINGS)}, separated by commas")
    parser.add_argument("--viewers", default="100,1000,5000")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--soak", type=float, default=0.0, help="minutes for which the last size is run once more")
    parser.add_argument("--ffmpeg", type=int, default=0, help="processes of ffmpeg that play the stream first")
    parser.add_argument("--against", help="source folder of another version, to be compared side by side")
    parser.add_argument("--nginx-workers", type=int, default=1)
    parser.add_argument("--segment-bytes", type=int, default=SEGMENT_BYTES, help="smaller ones leave nginx less to do")
    parser.add_argument("--ramp-seconds", type=float, default=5.0, help="10,000 viewers in 5 s are 2,000 a second")
    options = parser.parse_args()
    servings = [SERVINGS[name] for name in options.serve.split(",")]
    needed("nginx", *(["ffmpeg"] if options.ffmpeg else []), *(["openssl"] if any(s.tls for s in servings) else []))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "www").mkdir()
        stream = LiveStream(root / "www", media(root / "www", options.segment_bytes, real=bool(options.ffmpeg)))
        stream.start()
        results = [serve(serving, root, options) for serving in servings]
        stream.stop()
    if len(servings) > 1 and all(results):
        first = results[0][-1]
        for serving, others in zip(servings[1:], results[1:], strict=True):
            ratio = others[-1].viewers_per_core / first.viewers_per_core
            print(f"viewers a core, {serving.name} to {servings[0].name}: {ratio:.2f}")


if __name__ == "__main__":
    main()
