"""CPU and memory per live viewer: each fetches a playlist, then a segment, every two seconds; nginx on loopback.

    python -m bench.http_viewers [--viewers 2000] [--seconds 8] [--segment-bytes 750000] [--tls]

Prints this client's CPU per viewer and cycle, how many viewers one core would carry, memory per viewer, and the ratio
of its CPU time to that of the nginx that serves it.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import psutil
import uvloop
from bench.servers import needed, nginx

from hls_swarm.http import Client, ClientContext, ClientOptions, Request, Timeouts, TlsOptions
from hls_swarm.records import Exchange

PERIOD_SECONDS = 2.0
PLAYLIST_BYTES = 1024


class Viewer:
    """A playlist, then a segment, at a fixed pace."""

    cycles = 0
    failures = 0
    late_seconds: ClassVar[list[float]] = []

    def __init__(self, context: ClientContext, base: str, timeouts: Timeouts) -> None:
        self._client = Client(context)
        self._loop = context.loop
        self._base = base
        self._timeouts = timeouts
        self._due_at = 0.0

    def start(self) -> None:
        """Begin; the first cycle is due now."""
        self._due_at = time.perf_counter()
        self._cycle()

    def _cycle(self) -> None:
        now = time.perf_counter()
        Viewer.late_seconds.append(now - self._due_at)
        due_at = self._due_at
        self._due_at += PERIOD_SECONDS
        self._loop.call_later(max(0.0, self._due_at - now), self._cycle)
        asked = Request(f"{self._base}/small.m3u8", due_at, self._timeouts, keep_body=True)
        self._client.fetch(asked, self._playlist_fetched)

    def _playlist_fetched(self, exchange: Exchange) -> None:
        Viewer.failures += exchange.failure is not None
        self._client.fetch(Request(f"{self._base}/segment.ts", 0.0, self._timeouts), self._segment_fetched)

    def _segment_fetched(self, exchange: Exchange) -> None:
        Viewer.failures += exchange.failure is not None
        Viewer.cycles += 1


async def measure(base: str, count: int, seconds: float, nginx_pid: int) -> None:
    """Ramp up, warm up, measure, print."""
    context = ClientContext(asyncio.get_running_loop(), ClientOptions(tls=TlsOptions(insecure=True)))
    process = psutil.Process()
    servers = [psutil.Process(nginx_pid), *psutil.Process(nginx_pid).children()]
    empty = process.memory_info().rss
    timeouts = Timeouts()
    draw = random.Random(1)
    for _ in range(count):
        context.loop.call_later(draw.random() * 2 * PERIOD_SECONDS, Viewer(context, base, timeouts).start)
    await asyncio.sleep(3 * PERIOD_SECONDS)
    Viewer.cycles = 0
    Viewer.late_seconds.clear()
    before, served_before = process.cpu_times(), cpu_seconds(servers)
    await asyncio.sleep(seconds)
    after, served = process.cpu_times(), cpu_seconds(servers) - served_before
    user, system = after.user - before.user, after.system - before.system
    memory = (process.memory_info().rss - empty) / count / 1024
    late = sorted(Viewer.late_seconds)
    print(
        f"{count} viewers: {(user + system) / Viewer.cycles * 1e6:.0f} us CPU a cycle "
        f"({user / Viewer.cycles * 1e6:.0f} user, {system / Viewer.cycles * 1e6:.0f} system), "
        f"{count / ((user + system) / seconds):.0f} viewers a core, {memory:.1f} KiB each, "
        f"late P99 {late[int(len(late) * 0.99)] * 1e3:.1f} ms, {Viewer.failures} failures, "
        f"{Viewer.cycles / seconds:.0f} cycles/s; client to nginx CPU ratio {(user + system) / served:.2f}"
    )
    sys.stdout.flush()


def cpu_seconds(processes: list[psutil.Process]) -> float:
    """User and system time of several processes."""
    return sum(each.cpu_times().user + each.cpu_times().system for each in processes)


def main() -> None:
    """Start nginx, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--segment-bytes", type=int, default=750_000)
    parser.add_argument("--tls", action="store_true")
    args = parser.parse_args()
    needed("nginx", *(["openssl"] if args.tls else []))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "www").mkdir()
        (root / "www/small.m3u8").write_bytes(b"#" * PLAYLIST_BYTES)
        (root / "www/segment.ts").write_bytes(os.urandom(args.segment_bytes))
        with nginx(root, tls=args.tls) as base:
            uvloop.run(measure(base, args.viewers, args.seconds, int((root / "nginx.pid").read_text())))


if __name__ == "__main__":
    main()
