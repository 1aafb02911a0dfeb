"""Playlists: what a small request costs, parse included, beside wrk and aiohttp, which do not parse.

    python -m bench.small_requests [--seconds 3] [--rounds 3] [--connections 16] [--only-http2]

One nginx on loopback answers with a live media playlist of six segments: the same one each time (unchanged), or one
whose sequence numbers no other answer had (changed). This client reads the body and parses it, as a viewer does; wrk
only counts it; aiohttp reads it and drops it. Each is a process of its own, they take turns, and only the CPU time of
the client counts, without the start of the interpreter for the two that have one. Medians of the rounds.

Over HTTP/2 and TLS 1.3 the unchanged playlist is asked for by this client, which parses it, and by h2load, each with
one request at a time on each connection. Between them stands what this client's connection takes by itself: event loop,
TLS, frames, heads, the body kept. The rest is what makes a fetch of it: whom to ask and how, time limits, cookies, what
is counted of each hop and when it happened, a record of all that, and the parsed playlist.
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

import aiohttp
import uvloop
from bench.servers import cpu_seconds_of, needed, nginx

from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.http import Client, ClientContext, ClientOptions, Http2, Identity, Request, Timeouts, TlsOptions
from hls_swarm.http.h1.connection import BodyUse, Fate
from hls_swarm.http.h1.head import Head
from hls_swarm.http.h2.connection import H2Connection
from hls_swarm.http.h2.fields import CODING
from hls_swarm.records import Exchange, Failure

_LINES = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:2"]
_SEGMENTS = [line for n in range(6) for line in ("#EXTINF:2.0,", f"segment-$connection-$connection_requests-{n}.ts")]
UNCHANGED = "\n".join([*_LINES, "#EXT-X-MEDIA-SEQUENCE:7", *_SEGMENTS, ""]).replace("$connection", "00")
CHANGED = r"\n".join([*_LINES, "#EXT-X-MEDIA-SEQUENCE:$connection_requests", *_SEGMENTS, ""])


class Reloader:
    """One viewer that reloads a playlist as fast as it gets it."""

    answers = 0

    def __init__(self, context: ClientContext, playlists: PlaylistCache, url: str) -> None:
        http2 = Http2.REQUIRED if url.startswith("https:") else Http2.NEVER
        self._client = Client(context, Identity(http2=http2))
        self._playlists = playlists
        self._request = Request(url, 0.0, Timeouts(), keep_body=True)
        self._client.fetch(self._request, self._done)

    def _done(self, exchange: Exchange) -> None:
        if exchange.body is None:
            sys.exit(f"{exchange.url}: {exchange.failure}")
        playlist = self._playlists.parse(exchange.body, exchange.final_url, {})
        assert isinstance(playlist, MediaPlaylist)
        assert len(playlist.segments) == 6
        Reloader.answers += 1
        self._client.fetch(self._request, self._done)


async def be_hls_swarm(url: str, connections: int, seconds: float) -> int:
    """Reload and parse; gives the number of answers."""
    context = ClientContext(asyncio.get_running_loop(), ClientOptions(tls=TlsOptions(insecure=True)))
    playlists = PlaylistCache()
    reloaders = [Reloader(context, playlists, url) for _ in range(connections)]
    await asyncio.sleep(seconds)
    assert len(reloaders) == connections
    return Reloader.answers


class Asker:
    """Asks a connection for a playlist as fast as it gets it, and makes no record of it; an `Exchanger`."""

    answers = 0
    keeps_body = takes_whole = True
    body_start: bytes | None = None
    first_byte_at: float | None = None

    def __init__(self, context: ClientContext, url: str) -> None:
        self._context = context
        self._client = Client(context, Identity(http2=Http2.REQUIRED))
        target = context.targets[url]
        self._block = CODING.plain_block(
            target.request_line, target.host_line, target.route.tls, self._client.fields.full
        )
        self._client.fetch(Request(url, 0.0, Timeouts(), keep_body=True), self._opened)

    def _opened(self, exchange: Exchange) -> None:
        if exchange.body is None:
            sys.exit(f"{exchange.url}: {exchange.failure}")
        connection = self._client.connection(self._context.targets[exchange.url].route)
        assert isinstance(connection, H2Connection)
        self._connection = connection
        connection.send(self, self._block)

    def request_sent(self, at: float) -> None:
        """It is nothing to this."""

    def head_received(self, head: Head, size_bytes: int) -> BodyUse:  # noqa: ARG002
        """Keep the body."""
        assert head.status == 200
        return BodyUse.KEEP

    def body_received(self, count: int, payload_bytes: int) -> bool:  # noqa: ARG002
        """Go on."""
        return True

    def answered(self, body: bytes | None) -> None:
        """Ask again."""
        assert body
        Asker.answers += 1
        self._connection.send(self, self._block)

    def answered_whole(self, head: Head, size_bytes: int, body: bytes, at: float) -> None:  # noqa: ARG002
        """Ask again."""
        assert head.status == 200
        self.answered(body)

    def lost(self, failure: Failure, *, stale: bool, fate: Fate) -> None:  # noqa: ARG002
        """It must not be."""
        sys.exit(failure.detail)


async def be_a_connection(url: str, connections: int, seconds: float) -> int:
    """Ask connections without fetches; gives the number of answers."""
    context = ClientContext(asyncio.get_running_loop(), ClientOptions(tls=TlsOptions(insecure=True)))
    askers = [Asker(context, url) for _ in range(connections)]
    await asyncio.sleep(seconds)
    assert len(askers) == connections
    return Asker.answers


async def be_aiohttp(url: str, connections: int, seconds: float) -> int:
    """Reload without parsing; gives the number of answers."""
    answers = 0

    async def reload(session: aiohttp.ClientSession) -> None:
        nonlocal answers
        while True:
            async with session.get(url) as response:
                await response.read()
            answers += 1

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as session:
        tasks = [asyncio.create_task(reload(session)) for _ in range(connections)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return answers


def be(client: str, url: str, connections: int, seconds: float) -> None:
    """Be one of the clients; print the answers and the CPU time of start-up."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    runs = {"hls-swarm": be_hls_swarm, "connection": be_a_connection, "aiohttp": be_aiohttp}
    answers = uvloop.run(runs[client](url, connections, seconds))
    print(json.dumps([answers, usage.ru_utime + usage.ru_stime]))
    sys.stdout.flush()
    os._exit(0)


def microseconds(client: str, url: str, connections: int, seconds: float) -> float:
    """CPU time per answer."""
    if client == "wrk":
        cpu, output = cpu_seconds_of(["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", url])
        found = re.search(r"(\d+) requests in", output)
        assert found, output
        return cpu / int(found[1]) * 1e6
    if client == "h2load":
        cpu, output = cpu_seconds_of(["h2load", "-t1", f"-c{connections}", "-m1", f"-D{seconds:.0f}", url])
        found = re.search(r"(\d+) succeeded", output)
        assert found, output
        return cpu / int(found[1]) * 1e6
    command = [sys.executable, "-m", "bench.small_requests", "--be", client, "--url", url]
    cpu, output = cpu_seconds_of([*command, "--connections", str(connections), "--seconds", str(seconds)])
    answers, startup = json.loads(output)
    return float((cpu - startup) / answers * 1e6)


def main() -> None:
    """Measure all three with an unchanged and a changed playlist."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--only-http2", action="store_true", help="leave out HTTP/1.1")
    parser.add_argument("--be", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.be:
        be(options.be, options.url, options.connections, options.seconds)
        return
    needed("nginx", "wrk", "h2load", "openssl")
    server = f'location = /changed.m3u8 {{ default_type application/vnd.apple.mpegurl; return 200 "{CHANGED}"; }}'
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "www").mkdir()
        (root / "www/unchanged.m3u8").write_text(UNCHANGED)
        with nginx(root, server=server) as base:
            for kind in () if options.only_http2 else ("unchanged", "changed"):
                mine, wrk, aio = medians(("hls-swarm", "wrk", "aiohttp"), f"{base}/{kind}.m3u8", options)
                print(
                    f"{kind:<10} hls-swarm {mine:5.1f} us per playlist, fetched and parsed; fetched only: "
                    f"wrk {wrk:5.1f} us, aiohttp {aio:6.1f} us. It takes {mine / wrk:.1f} times wrk's CPU time and "
                    f"1/{aio / mine:.1f} of aiohttp's"
                )
        with nginx(root, tls=True, http2=True) as base:
            clients = ("hls-swarm", "connection", "h2load")
            mine, connection, peer = medians(clients, f"{base}/unchanged.m3u8", options)
            print(
                f"HTTP/2     hls-swarm {mine:5.1f} us per playlist, fetched and parsed, its connection alone "
                f"{connection:5.1f} us; fetched only: h2load {peer:5.1f} us. It takes {mine / peer:.2f} times h2load's "
                f"CPU time, its connection {connection / peer:.2f} times"
            )


def medians(clients: tuple[str, ...], url: str, options: argparse.Namespace) -> list[float]:
    """CPU time per answer of each client, in turns."""
    rounds = [
        [microseconds(client, url, options.connections, options.seconds) for client in clients]
        for _ in range(options.rounds)
    ]
    return [statistics.median(each) for each in zip(*rounds, strict=True)]


if __name__ == "__main__":
    main()
