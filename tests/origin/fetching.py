"""A fetcher that a test answers by hand, and a server whose answers are bytes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hls_swarm.http.fetcher import Progress, Request
from hls_swarm.records import Exchange, Failure, FailureKind


class HeldFetch:
    """One request that waits for its answer."""

    def __init__(self, request: Request, done: Callable[[Exchange], None]) -> None:
        self.request, self._done = request, done
        self.cancelled = self.ended = False
        self.body_bytes = 0

    def answer(self, body: bytes, at: float) -> None:
        self._end(at, body, None, first_byte_at=at)

    def fail(self, failure: Failure, at: float = 0.0) -> None:
        self._end(at, None, failure)

    def progress(self) -> Progress:
        return Progress(0.0, None, self.body_bytes, None)

    def cancel(self) -> None:
        self.cancelled = True
        self.fail(Failure(FailureKind.CANCELLED, "cancelled"))

    def _end(self, at: float, body: bytes | None, failure: Failure | None, first_byte_at: float | None = None) -> None:
        if self.ended:
            return
        self.ended = True
        url = self.request.url
        self._done(Exchange(url, url, at, at, at, first_byte_at=first_byte_at, body=body, failure=failure))


class HeldFetcher:
    """Keeps every request until the test answers it."""

    def __init__(self) -> None:
        self.fetches: list[HeldFetch] = []
        self.closed = False

    def fetch(self, request: Request, done: Callable[[Exchange], None]) -> HeldFetch:
        fetch = HeldFetch(request, done)
        self.fetches.append(fetch)
        return fetch

    def close(self) -> None:
        self.closed = True
        for fetch in self.fetches:
            if not fetch.ended:
                fetch.cancel()


class ScriptedServer:
    """What a server saw."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.url = ""


def response(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@asynccontextmanager
async def serving(*answers: bytes | None, endless: bytes = b"") -> AsyncIterator[ScriptedServer]:
    """A server that gives these answers in turn, the last one again and again; None never answers.

    Args:
        endless: sent on and on after the last answer.
    """
    seen = ScriptedServer()
    left = list(answers)
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            while True:
                seen.heads.append(await reader.readuntil(b"\r\n\r\n"))
                answer = left.pop(0) if len(left) > 1 else left[0]
                if answer is None:
                    await asyncio.sleep(60)
                    return
                writer.write(answer)
                await writer.drain()
                while endless:
                    writer.write(endless)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            handlers.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    seen.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"
    try:
        yield seen
    finally:
        server.close()
        for task in tuple(handlers):
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await server.wait_closed()
