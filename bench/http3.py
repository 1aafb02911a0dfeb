"""HTTP/3: what it costs beside HTTP/1.1 and HTTP/2, one Caddy on loopback that speaks all three, TLS 1.3 all of them.

    python -m bench.http3 [--seconds 3] [--rounds 3] [--connections 4,16] [--opened 400]
                          [--viewers 20,120] [--density-seconds 12] [--versions 1.1,2,3]
                          [--live-bytes 750000] [--workers 1] [--ramp-seconds 5]

Segments of 1.5 MB, and a small playlist that is not parsed, asked for again and again: gigabytes a CPU-second, and CPU
time of one request. Connections: CPU time to open one, without what the first of a process takes, and memory of one
that is kept, with its client. Each is a process of its own, they take turns, and only the client's CPU time counts,
without the start of the interpreter.

Then complete viewers: the real command with all statistics, live, 2 s segments at 3 Mbit/s, so many viewers over each
version, its workers measured from outside as `bench/density.py` does, and its counts compared with Caddy's access log.
Smaller segments (`--live-bytes`) leave room for more viewers than one machine can serve and play at that rate. `lost`
are datagrams that the viewers' sockets had no room for.

`caddy` is the first one of the PATH: where the kernel can send many datagrams at once (UDP GSO), a Caddy that uses it
lets the client take in many at once, too, and a client costs less.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import uvloop
from bench.density import LiveStream, command_for, media, usage_of
from bench.servers import caddy, cpu_seconds_of, find, needed

from hls_swarm.http import Client, ClientContext, ClientOptions, Http2, Http3, Identity, Request, Timeouts, TlsOptions
from hls_swarm.records import Exchange

VERSIONS = {
    "1.1": Identity(),
    "2": Identity(http2=Http2.REQUIRED),
    "3": Identity(http3=Http3.REQUIRED),
}
SEGMENT_BYTES, LIVE_BYTES = 1_500_000, 750_000


class Asker:
    """One viewer that asks for the same object again and again."""

    exchanges = 0
    body_bytes = 0

    def __init__(self, context: ClientContext, url: str, version: str, *, again: bool = True) -> None:
        self.client = Client(context, VERSIONS[version])
        self._again = again
        self._request = Request(url, 0.0, Timeouts())
        self.client.fetch(self._request, self._done)

    def _done(self, exchange: Exchange) -> None:
        if exchange.failure is not None:
            sys.exit(f"{exchange.url}: {exchange.failure.detail}")
        Asker.exchanges += 1
        Asker.body_bytes += exchange.body_bytes
        if self._again:
            self.client.fetch(self._request, self._done)


async def ask(url: str, version: str, connections: int, seconds: float) -> list[float]:
    """Exchanges, bytes, and CPU time of start-up."""
    context = _context(version)
    usage = _cpu_seconds()
    askers = [Asker(context, url, version) for _ in range(connections)]
    await asyncio.sleep(seconds)
    assert len(askers) == connections
    return [Asker.exchanges, Asker.body_bytes, usage]


async def open_connections(url: str, version: str, count: int) -> list[float]:
    """CPU seconds and bytes of memory of one connection, opened and kept, twenty at a time."""
    context, process = _context(version), psutil.Process()
    kept = [Asker(context, url, version, again=False) for _ in range(20)]
    await _answered(20)
    usage, memory = _cpu_seconds(), process.memory_info().rss
    for first in range(0, count, 20):
        kept += [Asker(context, url, version, again=False) for _ in range(20)]
        await _answered(first + 40)
    assert len(kept) == count + 20
    return [(_cpu_seconds() - usage) / count, (process.memory_info().rss - memory) / count]


async def _answered(count: int) -> None:
    while Asker.exchanges < count:  # noqa: ASYNC110 - what is waited for happens in the loop
        await asyncio.sleep(0.01)


def _context(version: str) -> ClientContext:
    context = ClientContext(asyncio.get_running_loop(), ClientOptions(tls=TlsOptions(insecure=True)))
    if version == "3":
        context.quic()
    return context


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def child(what: str, url: str, version: str, number: int, seconds: float) -> tuple[float, list[float]]:
    """CPU seconds of a process that does this, and what it says."""
    command = [sys.executable, "-m", "bench.http3", "--be", what, "--url", url, "--version", version]
    cpu, output = cpu_seconds_of([*command, "--number", str(number), "--seconds", str(seconds)])
    return cpu, json.loads(output)


def in_turns(base: str, options: argparse.Namespace) -> None:
    """Segments, playlists and connections over each version, medians of the rounds."""
    connections = [int(text) for text in options.connections.split(",")]
    figures: dict[tuple[str, str], list[float]] = {}
    for _ in range(options.rounds):
        for version in VERSIONS:
            for number in connections:
                cpu, (_, size, start) = child("ask", f"{base}/big.ts", version, number, options.seconds)
                figures.setdefault((f"GB, {number} connections", version), []).append(size / 1e9 / (cpu - start))
            cpu, (count, _, start) = child("ask", f"{base}/small.m3u8", version, 16, options.seconds)
            figures.setdefault(("us a small request", version), []).append((cpu - start) / count * 1e6)
            _, (each, memory) = child("open", f"{base}/small.m3u8", version, options.opened, 0.0)
            figures.setdefault(("ms CPU to connect", version), []).append(each * 1e3)
            figures.setdefault(("KB a connection", version), []).append(memory / 1e3)
    print(f"{'':<24} {'HTTP/1.1':>9} {'HTTP/2':>9} {'HTTP/3':>9}   HTTP/3 to HTTP/1.1 (rounds)")
    for name in dict.fromkeys(name for name, _ in figures):
        one, two, three = (figures[name, version] for version in VERSIONS)
        rounds = [mine / other for mine, other in zip(three, one, strict=True)]
        medians = " ".join(f"{statistics.median(values):>9.2f}" for values in (one, two, three))
        spread = ", ".join(f"{ratio:.2f}" for ratio in rounds)
        print(f"{name:<24} {medians}   {statistics.median(rounds):.2f} ({spread})")


def density(base: str, log: Path, options: argparse.Namespace) -> None:
    """Complete viewers over each version."""
    sizes = [int(text) for text in options.viewers.split(",")]
    names = ("viewers", "us/viewer-s", "viewers/core", "MB", "lag ms", "stalls", "lost", "log")
    print(f"\n{'HTTP':>5}{''.join(f'{name:>14}' for name in names)}  verdict")
    for version in options.versions.split(","):
        memories = []
        for viewers in sizes:
            time.sleep(1.0)  # what the run before asked for is logged by then
            logged_bytes, began = log.stat().st_size, time.time()
            summary, cores, memory = run_of(f"{base}/master.m3u8", version, viewers, options)
            memories.append(memory)
            entries = log.read_bytes()[logged_bytes:]  # it is not emptied: Caddy would go on writing where it was
            stalls, said = summary["experience"]["stalls"], agreement(entries, began, version, summary)
            generator = summary["generator"]
            lag, lost = generator["loop_lag_seconds"]["p99"] * 1e3, generator.get("datagrams_dropped", 0)
            print(
                f"{version:>5}{viewers:>14}{cores / viewers * 1e6:>14.1f}{viewers / cores:>14,.0f}{memory / 1e6:>14.0f}"
                f"{lag:>14.1f}{stalls:>14}{lost:>14,}{said:>14}  {summary['verdict']}",
                flush=True,
            )
            for reason in summary["reasons"]:
                print(f"      {reason}")
        if len(sizes) > 1:
            more = (memories[-1] - memories[0]) / (sizes[-1] - sizes[0])
            print(f"{version:>5} memory per additional viewer from {sizes[0]} to {sizes[-1]}: {more / 1e3:.0f} KB")


def run_of(url: str, version: str, viewers: int, options: argparse.Namespace) -> tuple[dict[str, Any], float, int]:
    """A run's summary, and cores and memory of its workers in its steady part."""
    command, ramp = command_for(viewers, options.density_seconds, options)
    command += ["--http", version, "--insecure", "--dangerous", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        controller = psutil.Process(process.pid)
        time.sleep(ramp + 4.0)
        before = usage_of(controller)
        time.sleep(options.density_seconds)
        after = usage_of(controller)
        stdout, _ = process.communicate(timeout=60)
    time.sleep(1.0)
    return json.loads(stdout), (after.workers_cpu - before.workers_cpu) / (after.at - before.at), after.workers_memory


def agreement(log: bytes, began: float, version: str, summary: dict[str, Any]) -> str:
    """Whether these lines of Caddy's access log say the same; of requests cut short only Caddy knows all bytes.

    Requests that were asked for before are left out: an HTTP/3 client that is gone without a word is given up, and its
    requests logged, after half a minute.
    """
    logged = [json.loads(line) for line in log.splitlines()]
    entries = [entry for entry in logged if entry["ts"] - entry["duration"] >= began]
    protocols = {entry["request"]["proto"] for entry in entries}
    sizes = sum(entry["size"] for entry in entries)
    counted = sum(summary["requests"].values()), sum(summary["body_bytes"].values())
    if protocols != {f"HTTP/{version}" if version == "1.1" else f"HTTP/{version}.0"}:
        return "DIFFERS"
    cut = sum(error["count"] for error in summary["errors"]) + sum(summary["cancelled"].values())
    return "agrees" if counted == (len(entries), sizes) else f"{cut:,} cut" if cut else "DIFFERS"


def main() -> None:
    """Start Caddy, measure, print, stop it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="4,16")
    parser.add_argument("--opened", type=int, default=400)
    parser.add_argument("--viewers", default="20,120")
    parser.add_argument("--density-seconds", type=float, default=12.0)
    parser.add_argument("--versions", default=",".join(VERSIONS))
    parser.add_argument("--live-bytes", type=int, default=LIVE_BYTES)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--ramp-seconds", type=float, default=5.0)
    for hidden in ("--be", "--url", "--version"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--number", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.be:
        doing = (
            ask(options.url, options.version, options.number, options.seconds)
            if options.be == "ask"
            else open_connections(options.url, options.version, options.number)
        )
        print(json.dumps(uvloop.run(doing)), flush=True)
        os._exit(0)
    needed("caddy", "openssl")
    print(
        subprocess.run([find("caddy") or "", "version"], check=True, capture_output=True, text=True).stdout.split()[0]
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "www").mkdir()
        (root / "www/big.ts").write_bytes(os.urandom(SEGMENT_BYTES))
        (root / "www/small.m3u8").write_bytes(b"#EXTM3U\n" * 30)
        with caddy(root) as base:
            if options.rounds:
                in_turns(base, options)
            if options.viewers:
                stream = LiveStream(root / "www", media(root / "www", options.live_bytes, real=False))
                stream.start()
                density(base, root / "access.log", options)
                stream.stop()


if __name__ == "__main__":
    main()
