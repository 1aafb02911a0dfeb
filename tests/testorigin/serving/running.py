"""A server under test: a small page, a big file, a page that is not metered, and what the log says of them."""

import asyncio
import datetime as dt
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from hls_swarm.testorigin.resources import Caching, Resource, StoredFile
from hls_swarm.testorigin.serving.certificate import make_certificate, server_context
from hls_swarm.testorigin.serving.server import Server, listening_socket
from hls_swarm.testorigin.serving.trouble.faults import Faults
from hls_swarm.testorigin.serving.trouble.limits import Limits
from hls_swarm.testorigin.settings import OriginSettings
from hls_swarm.testorigin.telling.access_log import AccessLog
from hls_swarm.testorigin.telling.traffic import Traffic

BIG = os.urandom(1 << 20) * 16
LIMIT = 20.0


class Pages:
    """A small page, a big file and a page that is not metered."""

    def __init__(self) -> None:
        self.big = StoredFile("big", BIG)
        self._pages = {
            "/small": Resource("text/x-small", b"small body\n", Caching.REVALIDATE, etag='"1"'),
            "/big": Resource("video/mp2t", self.big, Caching.LONG, etag='"2"'),
            "/metrics": Resource("text/plain", b"up 1\n", Caching.NEVER, metered=False),
        }

    def find(self, path: str) -> Resource | None:
        return self._pages.get(path)


@dataclass
class Running:
    """A server under test."""

    server: Server
    traffic: Traffic
    host: str
    port: int
    certificate: Path


def log_fields(folder: Path) -> list[tuple[str, int, int]]:
    """Request line, status and body bytes of each line of the log."""
    lines = [line.split('"') for line in (folder / "access.log").read_text().splitlines()]
    return [(line[1], int(line[2].split()[0]), int(line[2].split()[1])) for line in lines]


@asynccontextmanager
async def running(
    folder: Path, settings: OriginSettings, limits: Limits | None = None, faults: Faults | None = None
) -> AsyncIterator[Running]:
    listener = listening_socket("127.0.0.1", 0)
    host, port = listener.getsockname()
    pages, traffic, log = Pages(), Traffic(), AccessLog(folder / "access.log")
    certificate, tls = folder / "certificate.pem", None
    if settings.tls:
        tls = server_context(*make_certificate(folder, (host,), dt.datetime.now(dt.UTC)))
    server = Server(settings, listener, pages, traffic, log, 1000, faults, limits=limits, tls=tls)
    server.start()
    try:
        yield Running(server, traffic, host, port, certificate)
    finally:
        await server.stop()
        log.close()
        pages.big.retire()
    assert not pages.big.is_open
    assert (traffic.active, traffic.reading, traffic.writing) == (0, 0, 0)


def serve_while(
    folder: Path,
    test: Callable[[Running], Awaitable[None]],
    settings: OriginSettings | None = None,
    limits: Limits | None = None,
    faults: Faults | None = None,
) -> None:
    """Run a test's client side against a server of its own."""

    async def both() -> None:
        async with running(folder, settings or OriginSettings(), limits, faults) as server:
            await asyncio.wait_for(test(server), LIMIT)

    uvloop.run(both())


async def until(condition: Callable[[], bool]) -> None:
    """Let the server work until something is so; the test's own limit bounds it."""
    while not condition():  # noqa: ASYNC110  (counters have no event to wait for)
        await asyncio.sleep(0.01)
