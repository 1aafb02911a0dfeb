"""The Prometheus endpoint: `/metrics`, and whether the run is alive and at work: `/healthz`, `/readyz`.

Rules:

- It answers from what the controller already has: an answer costs no worker anything.
- One request a connection; heads, connections and time are bounded, since anybody may connect.
- Alive is a controller that took in a moment lately, or has not begun. Ready is a run whose viewers are at work.
"""

import asyncio
import errno
import logging
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Self

from hls_swarm.checks import listen_address
from hls_swarm.errors import RunError
from hls_swarm.stats.ledger import Entry
from hls_swarm.stats.moment import Moment
from hls_swarm.stats.snapshot import Phase
from hls_swarm.views.prometheus import Page

DEFAULT_ADDRESS = "127.0.0.1:17091"
MOST_CONNECTIONS = 32
MOST_HEAD_BYTES = 16 << 10
REQUEST_SECONDS = 10.0
ALIVE_SECONDS = 5.0
"""Age of the newest moment from which on the controller is not alive: it makes one each second."""

_TEXT = "text/plain; charset=utf-8"
_log = logging.getLogger(__name__)


class Endpoint:
    """Async context manager: serves the newest moment inside the block.

    Args:
        address: `host:port`; None is the default one, and none at all if that is taken; empty or `off` is none.
        clock: the monotonic clock.
        single_viewers: whether the worst viewers are exported one by one.

    Raises:
        RunError: on entry, if an address that was asked for can not be had.
    """

    def __init__(self, address: str | None, clock: Callable[[], float], *, single_viewers: bool = False) -> None:
        self._address, self._clock = address, clock
        self._moment: Moment | None = None
        self._page = Page(lambda: self._moment, single_viewers=single_viewers)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int | None:
        """Where it listens; None if it does not."""
        if self._server is None or not self._server.sockets:
            return None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def add(self, entry: Entry) -> None:
        """Serve this moment from now on."""
        self._moment = entry.moment

    async def __aenter__(self) -> Self:
        if self._address in {"", "off"}:
            return self
        host, port = listen_address(self._address or DEFAULT_ADDRESS)
        try:
            self._server = await asyncio.start_server(self._accept, host, port, limit=MOST_HEAD_BYTES, backlog=64)
        except OSError as error:
            words = _bind_words(f"{host}:{port}", error)
            if self._address is not None:
                raise RunError(f"--metrics: {words}") from error
            _log.warning("no Prometheus endpoint: %s", words)
        else:
            _log.info("Prometheus endpoint: http://%s:%s/metrics", host, self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()  # a client that is slow, gone or no HTTP client: it gets no answer
        finally:
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        line, *fields = head.decode("latin-1").split("\r\n")
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST, b"not HTTP/1\n", _TEXT)
        method, path = words[0], words[1].partition("?")[0]
        if method not in {"GET", "HEAD"}:
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, b"GET or HEAD\n", _TEXT)
        match path:
            case "/metrics":
                accept = next((f.partition(":")[2].strip() for f in fields if f.lower().startswith("accept:")), "")
                answer = HTTPStatus.OK, *self._page.body(accept)
            case "/healthz":
                answer = *self._health(), _TEXT
            case "/readyz":
                answer = *self._readiness(), _TEXT
            case "/":
                answer = HTTPStatus.OK, b"hls-swarm: /metrics, /healthz, /readyz\n", _TEXT
            case _:
                answer = HTTPStatus.NOT_FOUND, b"there is /metrics, /healthz and /readyz\n", _TEXT
        return _response(*answer, with_body=method == "GET")

    def _health(self) -> tuple[HTTPStatus, bytes]:
        if self._moment is None:
            return HTTPStatus.OK, b"starting\n"
        age = self._clock() - self._moment.snapshot.at
        if age > ALIVE_SECONDS and self._moment.snapshot.phase is not Phase.FINISHED:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"no news of the run for {age:.0f} s\n".encode()
        return HTTPStatus.OK, f"{self._moment.snapshot.phase.value}\n".encode()

    def _readiness(self) -> tuple[HTTPStatus, bytes]:
        if self._moment is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, b"starting\n"
        health, words = self._health()
        at_work = self._moment.snapshot.phase in {Phase.RAMPING, Phase.STEADY}
        return HTTPStatus.OK if at_work and health is HTTPStatus.OK else HTTPStatus.SERVICE_UNAVAILABLE, words


def _bind_words(address: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{address} is taken, by another run perhaps: --metrics 127.0.0.1:0 takes any free port, "
            "--metrics= goes without"
        )
    return f"can not listen on {address}: {(error.strerror or str(error)).lower()}"


def _response(status: HTTPStatus, body: bytes, content_type: str, *, with_body: bool = True) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (body if with_body else b"")
