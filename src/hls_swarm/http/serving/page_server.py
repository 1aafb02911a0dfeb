"""Serves a few small pages over HTTP/1.1, such as a metrics page.

Rules: one request a connection, GET or HEAD; heads, connections and time are bounded, since anybody may connect.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple

from hls_swarm.http.serving.publisher import Publisher

MOST_HEAD_BYTES = 16 << 10
REQUEST_SECONDS = 10.0
"""Time limit of a request, its answer included."""
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
EVENTS = "text/event-stream; charset=utf-8"


class Answer(NamedTuple):
    """What a request is answered with."""

    status: HTTPStatus
    body: bytes
    content_type: str = TEXT
    fields: Sequence[str] = ()


class PageServer:
    """Serves from `start` until `close`.

    Args:
        answer: makes the answer to a path, given without its query, and the header fields of the request as lines; a
            stream of events goes on until who asked for it goes away.
        most_connections: at a time; further ones are reset.
    """

    def __init__(
        self, answer: Callable[[str, Sequence[str]], Awaitable[Answer | Publisher]], most_connections: int
    ) -> None:
        self._answer, self._most_connections = answer, most_connections
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int | None:
        """Where it listens; None if it does not."""
        if self._server is None or not self._server.sockets:
            return None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 is any that is free.

        Raises:
            OSError: the address can not be had.
        """
        self._server = await asyncio.start_server(self._accept, host, port, limit=MOST_HEAD_BYTES, backlog=64)

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
        if len(self._connections) >= self._most_connections:
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                response = await self._response(head)
                if isinstance(response, bytes):
                    writer.write(response)
                    await writer.drain()
            if isinstance(response, Publisher):
                await response.serve(reader, writer)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()  # a client that is slow, gone or no HTTP client: it gets no answer
        except Exception as error:  # noqa: BLE001 - a bug in making the page; nobody awaits this task
            context = {"message": "a page that was asked for", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            writer.write(_written(Answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"a bug; the log has it\n"), with_body=True))
        finally:
            writer.close()

    async def _response(self, head: bytes) -> bytes | Publisher:
        line, *fields = head.decode("latin-1").split("\r\n")
        words = line.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _written(Answer(HTTPStatus.BAD_REQUEST, b"not HTTP/1\n"), with_body=True)
        method, path = words[0], words[1].partition("?")[0]
        if method not in {"GET", "HEAD"}:
            return _written(Answer(HTTPStatus.METHOD_NOT_ALLOWED, b"GET or HEAD\n"), with_body=True)
        answer = await self._answer(path, fields)
        if not isinstance(answer, Publisher):
            return _written(answer, with_body=method == "GET")
        if method == "HEAD":
            return _written(Answer(HTTPStatus.OK, b"", EVENTS), with_body=False)
        if not answer.has_room:
            return _written(Answer(HTTPStatus.SERVICE_UNAVAILABLE, b"too many listen already\n"), with_body=True)
        return answer


def _written(answer: Answer, *, with_body: bool) -> bytes:
    further = "".join(f"{field}\r\n" for field in answer.fields)
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\nCache-Control: no-store\r\nConnection: close\r\n"
        f"{further}\r\n"
    )
    return head.encode("latin-1") + (answer.body if with_body else b"")
