"""What a complete viewer costs: live stream, 2 s segments at 3 Mbit/s, all statistics on, real nginx on loopback.

usage: python -m bench.density [--viewers 100,1000,5000] [--seconds 20] [--workers 1] [--soak MINUTES]

For each number of viewers the real command is run against nginx, and the worker processes are measured from outside
(CPU time and resident memory by the operating system's own accounting) between the end of the ramp and the end of the
run. Printed: CPU per viewer, viewers per core by CPU time, event-loop lag, memory per additional viewer, the
controller's CPU, and whether nginx's access log says the same as the summary.
"""

import argparse
import json
import os
import shutil
import signal
import socket
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

SEGMENT_BYTES = 750_000
SEGMENT_SECONDS = 2.0
WINDOW = 6
NGINX = """
{user}
daemon off; worker_processes 1; worker_rlimit_nofile 20000; pid {root}/nginx.pid; error_log {root}/error.log;
events {{ worker_connections 19000; }}
http {{
  log_format exact '$uri $status $body_bytes_sent'; access_log {root}/access.log exact buffer=64k flush=1s;
  sendfile on; tcp_nodelay on; keepalive_timeout 120s; keepalive_requests 1000000000;
  types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  server {{
    listen 127.0.0.1:{port} backlog=16384; root {root}/www;
    location ~ ^/seg-[0-9]+\\.ts$ {{ try_files /segment.ts =404; }}
  }}
}}
"""


class LiveStream(threading.Thread):
    """Publishes a media playlist every 2 s; its segments are all one file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._over = threading.Event()
        (folder / "segment.ts").write_bytes(os.urandom(SEGMENT_BYTES))
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
            lines += [f"#EXTINF:{SEGMENT_SECONDS},", f"seg-{number}.ts"]
        new = self._folder / "live.m3u8.new"
        new.write_text("\n".join([*lines, ""]))
        new.rename(self._folder / "live.m3u8")


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


def measure(url: str, log: Path, viewers: int, seconds: float, workers: int) -> Result:
    """Run the command with so many viewers and look at it from outside."""
    log.write_text("")
    rate = max(50.0, viewers / 5)
    ramp = viewers / rate
    duration = ramp + 4.0 + seconds + 2.0
    command = [sys.executable, "-m", "hls_swarm", "--clients", str(viewers), "--ramp-rate", str(rate)]
    command += ["--duration", f"{round(duration * 1000)}ms", "--workers", str(workers), "--json", "-"]
    command += ["--no-output", "--metrics", ""] if has_flag("--no-output") else []
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


def has_flag(name: str) -> bool:
    """Whether the command knows a flag."""
    done = subprocess.run(
        [sys.executable, "-m", "hls_swarm", "run", "--help"], capture_output=True, text=True, check=True
    )
    return name in done.stdout


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


def report(results: list[Result]) -> None:
    """Print a table, and the ratios between the runs."""
    print(f"{'viewers':>8} {'cores':>7} {'us/viewer-s':>12} {'viewers/core':>13} {'Gbit/s':>7} {'lag P99':>9} "
          f"{'stalls':>7} {'MB':>6} {'controller':>11} {'log':>9}  verdict")  # fmt: skip
    for result in results:
        summary = result.summary
        lag = summary["generator"]["loop_lag_seconds"]["p99"]
        throughput = summary["throughput_bytes_per_second"]["mean"] * 8 / 1e9
        print(
            f"{result.viewers:>8} {result.cores:>7.3f} {result.cores / result.viewers * 1e6:>12.1f} "
            f"{result.viewers_per_core:>13,.0f} {throughput:>7.2f} {lag * 1e3:>6.2f} ms "
            f"{summary['experience']['stalls']:>7} {result.memory_bytes / 1e6:>6.0f} "
            f"{result.controller_cores:>10.1%} {'agrees' if result.agrees else 'DIFFERS':>9}  {summary['verdict']}"
        )
    if len(results) > 1:
        first, last = results[0], results[-1]
        per_viewer = [result.cores / result.viewers for result in results]
        more = (last.memory_bytes - first.memory_bytes) / (last.viewers - first.viewers)
        print(f"CPU per viewer, most to least: {max(per_viewer) / min(per_viewer):.2f}")
        print(f"memory per additional viewer from {first.viewers} to {last.viewers}: {more / 1e3:.1f} KB")
    print(f"memory growth in the steady part of the last run: {results[-1].memory_growth_bytes / 1e6:.1f} MB")


def main() -> None:
    """Start nginx and the stream, run every size, print, stop them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--viewers", default="100,1000,5000")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--soak", type=float, default=0.0, help="minutes for which the last size is run once more")
    options = parser.parse_args()
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if nginx is None:
        sys.exit("bench/density.py needs nginx")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "www").mkdir()
        root.chmod(0o755)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        user = "user root root;" if os.geteuid() == 0 else ""
        (root / "nginx.conf").write_text(NGINX.format(user=user, root=root, port=port))
        stream = LiveStream(root / "www")
        stream.start()
        server = subprocess.Popen([nginx, "-c", str(root / "nginx.conf"), "-p", folder, "-e", str(root / "error.log")])
        try:
            time.sleep(0.5)
            url, log = f"http://127.0.0.1:{port}/master.m3u8", root / "access.log"
            sizes = [int(size) for size in options.viewers.split(",")]
            results = [measure(url, log, size, options.seconds, options.workers) for size in sizes]
            report(results)
            if options.soak:
                print(f"\n{options.soak:g} minutes of {sizes[-1]} viewers")
                report([measure(url, log, sizes[-1], options.soak * 60, options.workers)])
        finally:
            server.send_signal(signal.SIGQUIT)
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.terminate()
                server.wait()
            stream.stop()


if __name__ == "__main__":
    main()
