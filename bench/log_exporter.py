"""The log exporter beside a loaded nginx: what a logged request costs it, against prometheus_client counting the same.

    python bench/log_exporter.py [--lines 200000] [--rounds 5]

Both read the same lines with the same reader; the peer counts them with prometheus_client's Counter and Histogram, as
an exporter written with it would. The last line is the exporter's own process, following a file that grows.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from time import perf_counter

import psutil
from prometheus_client import CollectorRegistry, Counter, Histogram

from hls_swarm.logexporter.counts import BOUNDS, LogCounts
from hls_swarm.logexporter.log_format import read_line


def generated(count: int) -> list[bytes]:
    """Lines as nginx writes them."""
    chance = random.Random(1)
    return [
        (
            f"time:1763915{nth % 1000:03}.{nth % 1000:03}\tstatus:{chance.choice((200, 200, 200, 206, 304, 404))}"
            f"\tbytes:{chance.randrange(10**6)}\trequest_time:{chance.expovariate(20):.3f}"
            f"\tupstream_time:-\tcache:{chance.choice(('HIT', 'MISS', '-'))}"
        ).encode()
        for nth in range(count)
    ]


def ours(lines: list[bytes]) -> float:
    """Seconds to read and count them."""
    counts = LogCounts()
    begun = perf_counter()
    for line in lines:
        counts.add(read_line(line))
    return perf_counter() - begun


def peer(lines: list[bytes]) -> float:
    """The same with prometheus_client."""
    registry = CollectorRegistry()
    requests = Counter("requests", "Requests.", ["status"], registry=registry)
    cache = Counter("cache", "By cache status.", ["cache_status"], registry=registry)
    size = Counter("bytes", "Bytes.", registry=registry)
    seconds = Histogram("seconds", "Time.", buckets=BOUNDS, registry=registry)
    begun = perf_counter()
    for line in lines:
        request = read_line(line)
        assert request is not None
        requests.labels(request.status).inc()
        size.inc(request.sent_bytes)
        seconds.observe(request.seconds)
        if request.cache_status:
            cache.labels(request.cache_status).inc()
    return perf_counter() - begun


def whole_process(lines: list[bytes]) -> tuple[float, float]:
    """CPU seconds and MB of the exporter's process for these lines, written at once."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "access.log"
        log.touch()
        command = [sys.executable, "-m", "hls_swarm", "log-exporter", "--access-log", str(log)]
        with subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        ) as process:
            assert process.stderr is not None
            url = process.stderr.readline().split()[1]
            exporter = psutil.Process(process.pid)
            before = exporter.cpu_times()
            with log.open("ab") as file:
                file.write(b"\n".join(lines) + b"\n")
            wanted = f"nginx_http_response_time_seconds_hist_count {len(lines)}\n".encode()
            while wanted not in urllib.request.urlopen(url, timeout=10).read():  # noqa: S310 - a loopback URL
                time.sleep(0.05)
            after, memory = exporter.cpu_times(), exporter.memory_info().rss / 1e6
            process.terminate()
        return after.user + after.system - before.user - before.system, memory


def main() -> None:
    """Print the section."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--lines", type=int, default=200_000)
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    lines = generated(given.lines)
    rounds = [(ours(lines), peer(lines)) for _ in range(given.rounds)]
    own, other = (min(times) / given.lines * 1e6 for times in zip(*rounds, strict=True))
    print(f"log line read and counted: {own:.2f} us, with prometheus_client {other:.2f} us: {other / own:.1f} times")
    cpu, memory = whole_process(lines)
    share = cpu / given.lines * 10_000 * 100
    print(f"whole process: {cpu / given.lines * 1e6:.2f} us a request, {share:.1f}% of a core at 10,000 requests/s")
    print(f"memory: {memory:.0f} MB after {given.lines:,} requests")


if __name__ == "__main__":
    main()
