"""Segments: gigabytes that one CPU-second of the client pays for, beside wrk and h2load, plain, over TLS and HTTP/2.

    python -m bench.http_throughput [--seconds 4] [--rounds 3] [--connections 16]

One nginx on loopback serves 1.5 MB segments. Each client is a process of its own, the two take turns, and only the
client's CPU time counts (getrusage), with the start of the process and without: this client's interpreter takes 0.1 s
to start, which a run of minutes does not notice. The median of the rounds is printed.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import statistics
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import uvloop
from bench.servers import cpu_seconds_of, needed, nginx

from hls_swarm.http import Client, ClientContext, ClientOptions, Http2, Identity, Request, Timeouts, TlsOptions
from hls_swarm.records import Exchange

SEGMENT_BYTES = 1_500_000


class Case(NamedTuple):
    """One way of serving, and the client of the other side."""

    name: str
    server: str
    tls: bool
    http2: bool


CASES = (
    Case("plain", "", tls=False, http2=False),
    Case("TLS 1.3, 16 KB records", "", tls=True, http2=False),
    Case("TLS 1.3, 4 KB records", "ssl_buffer_size 4k;", tls=True, http2=False),
    Case("HTTP/2 over TLS 1.3", "", tls=True, http2=True),
)


class Puller:
    """One viewer that asks for the same object again and again."""

    exchanges = 0
    body_bytes = 0

    def __init__(self, context: ClientContext, url: str, http2: Http2) -> None:
        self._client = Client(context, Identity(http2=http2))
        self._request = Request(url, 0.0, Timeouts())
        self._client.fetch(self._request, self._done)

    def _done(self, exchange: Exchange) -> None:
        if exchange.failure is not None:
            sys.exit(f"{exchange.url}: {exchange.failure.detail}")
        Puller.exchanges += 1
        Puller.body_bytes += exchange.body_bytes
        self._client.fetch(self._request, self._done)


async def pull(url: str, connections: int, seconds: float, http2: Http2) -> None:
    """Be the client under test; print the bytes that were delivered, and the CPU time of start-up."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    context = ClientContext(asyncio.get_running_loop(), ClientOptions(tls=TlsOptions(insecure=True)))
    pullers = [Puller(context, url, http2) for _ in range(connections)]
    await asyncio.sleep(seconds)
    print(json.dumps([Puller.body_bytes, usage.ru_utime + usage.ru_stime, len(pullers)]))
    sys.stdout.flush()
    os._exit(0)


def own(url: str, connections: int, seconds: float, *, http2: bool) -> tuple[float, float]:
    """Gigabytes per CPU-second of this client: of the whole process, and without its start."""
    command = [sys.executable, "-m", "bench.http_throughput", "--pull", url]
    command += ["--http2"] if http2 else []
    cpu, output = cpu_seconds_of([*command, "--connections", str(connections), "--seconds", str(seconds)])
    body_bytes, startup, _ = json.loads(output)
    return body_bytes / 1e9 / cpu, body_bytes / 1e9 / (cpu - startup)


def wrk(url: str, connections: int, seconds: float) -> float:
    """Gigabytes per CPU-second of wrk."""
    cpu, output = cpu_seconds_of(["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", url])
    found = re.search(r"(\d+) requests in", output)
    assert found, output
    return int(found[1]) * SEGMENT_BYTES / 1e9 / cpu


def h2load(url: str, connections: int, seconds: float) -> float:
    """Gigabytes per CPU-second of h2load, one stream at a time on each connection."""
    cpu, output = cpu_seconds_of(["h2load", "-t1", f"-c{connections}", "-m1", f"-D{seconds:.0f}", url])
    found = re.search(r"(\d+) succeeded", output)
    assert found, output
    return int(found[1]) * SEGMENT_BYTES / 1e9 / cpu


def compare(case: Case, *, connections: int, seconds: float, rounds: int) -> None:
    """Measure both in turns and print the medians and the median of the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "www").mkdir()
        (root / "www/segment.ts").write_bytes(os.urandom(SEGMENT_BYTES))
        peer = h2load if case.http2 else wrk
        with nginx(root, tls=case.tls, http2=case.http2, server=case.server) as base:
            url = f"{base}/segment.ts"
            pairs = [
                (own(url, connections, seconds, http2=case.http2), peer(url, connections, seconds))
                for _ in range(rounds)
            ]
    whole = statistics.median(mine[0] for mine, _ in pairs)
    running = statistics.median(mine[1] for mine, _ in pairs)
    theirs = statistics.median(other for _, other in pairs)
    ratio = statistics.median(mine[0] / other for mine, other in pairs)
    running_ratio = statistics.median(mine[1] / other for mine, other in pairs)
    spread = ", ".join(f"{mine[1] / other:.2f}" for mine, other in pairs)
    print(
        f"{case.name:<24} hls-swarm {whole:6.2f} GB per CPU-second ({running:.2f} without start-up), "
        f"{peer.__name__} {theirs:.2f}: ratio {ratio:.2f} ({running_ratio:.2f} without start-up; rounds {spread})"
    )


def main() -> None:
    """Measure plain HTTP, then TLS in records of either size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--pull", help=argparse.SUPPRESS)
    parser.add_argument("--http2", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pull:
        http2 = Http2.REQUIRED if options.http2 else Http2.NEVER
        uvloop.run(pull(options.pull, options.connections, options.seconds, http2))
        return
    needed("nginx", "wrk", "h2load", "openssl")
    for case in CASES:
        compare(case, connections=options.connections, seconds=options.seconds, rounds=options.rounds)


if __name__ == "__main__":
    main()
