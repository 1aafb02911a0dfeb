"""Serves one page over HTTP/1.1: the metrics page, made anew for each request.

Rules: one request a connection; heads, connections and time are bounded, since anybody may connect.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from hls_swarm.errors import RunError

MOST_CONNECTIONS = 16
MOST_HEAD_BYTES = 16 << 10
REQUEST_SECONDS = 10.0

_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"


class PageServer:
    """Serves until closed.

    Args:
        page: makes the page.
    """

    def __init__(self, page: Callable[[], Awaitable[bytes]]) -> None:
        self._page = page
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; gives the port.

        Raises:
            RunError: the address can not be had.
        """
        try:
            self._server = await asyncio.start_server(self._accept, host, port, limit=MOST_HEAD_BYTES)
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise RunError(f"--listen: can not listen on {host} port {port}: {words}") from error
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening and end every connection at once."""
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
                writer.write(await self._answer(head))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()  # a client that is slow, gone or no HTTP client: it gets no answer
        finally:
            writer.close()

    async def _answer(self, head: bytes) -> bytes:
        words = head.decode("latin-1").partition("\r\n")[0].split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response(HTTPStatus.BAD_REQUEST, b"not HTTP/1\n", _TEXT)
        method, path = words[0], words[1].partition("?")[0]
        if method not in {"GET", "HEAD"}:
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, b"GET or HEAD\n", _TEXT)
        if path == "/metrics":
            return _response(HTTPStatus.OK, await self._page(), _METRICS, with_body=method == "GET")
        if path == "/":
            return _response(HTTPStatus.OK, b"hls-swarm log-exporter: /metrics\n", _TEXT, with_body=method == "GET")
        return _response(HTTPStatus.NOT_FOUND, b"there is /metrics\n", _TEXT, with_body=method == "GET")


def _response(status: HTTPStatus, body: bytes, content_type: str, *, with_body: bool = True) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (body if with_body else b"")
