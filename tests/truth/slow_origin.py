"""An origin that does one thing at a time: each segment costs it so many seconds of sleep, or of its processor.

    python -m tests.truth.slow_origin ROOT ADDRESS PORT sleep|cpu|queue|leak MILLISECONDS [BACKLOG] [close]

All segments wait for each other, so it carries 1000 / MILLISECONDS of them a second, whatever else it could do. With
`queue` each costs half as much again while one has waited for four seconds, so once it is behind it stays so at a load
that it carried (metastable, Bronson 2021). With `leak` each that was served makes all later ones 3 us
longer. With `close` each connection is good for one request, so that its accept queue of BACKLOG places has work.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

_PLENTY = 1024


_LONG_SECONDS = 4.0
_LEAK_SECONDS = 3e-6
_MORE_WHEN_LONG = 1.5


def cost(way: str, seconds: float) -> Callable[[], Awaitable[None]]:
    """What a segment costs."""
    turn, ready_at, served = asyncio.Lock(), 0.0, 0

    async def sleep() -> None:
        time.sleep(seconds)  # noqa: ASYNC251 - all wait for it: that is what it is for

    async def leak() -> None:
        nonlocal served
        served += 1
        time.sleep(seconds + served * _LEAK_SECONDS)  # noqa: ASYNC251 - the same

    async def burn() -> None:
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            pass

    async def wait() -> None:
        nonlocal ready_at
        came_at = time.monotonic()
        async with turn:
            begins_at = max(came_at, ready_at)  # a timer that is late does not make the next one later
            ready_at = begins_at + seconds * (_MORE_WHEN_LONG if begins_at - came_at > _LONG_SECONDS else 1.0)
            await asyncio.sleep(ready_at - time.monotonic())

    return {"sleep": sleep, "cpu": burn, "queue": wait, "leak": leak}[way]


async def serve(
    root: Path, address: str, port: int, work: Callable[[], Awaitable[None]], backlog: int, keeps: bool
) -> None:
    """Until it is killed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await _answer_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client has gone, as clients do
        finally:
            writer.close()

    async def _answer_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        path = root / head.split(b" ", 2)[1].decode().partition("?")[0].lstrip("/")
        if path.suffix == ".ts":
            await work()
        status, body = (b"200 OK", path.read_bytes()) if path.is_file() else (b"404 Not Found", b"")
        connection = b"keep-alive" if keeps else b"close"
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\nConnection: %b\r\n\r\n" % (status, len(body), connection))
        writer.write(body)
        await writer.drain()
        return keeps

    async with await asyncio.start_server(answer, address, port, backlog=backlog) as server:
        await server.serve_forever()


def main() -> None:
    """Read the arguments and serve."""
    root, address, port, way, milliseconds, *rest = sys.argv[1:]
    keeps = "close" not in rest
    backlog = int(rest[0]) if rest and rest[0].isdigit() else _PLENTY
    uvloop.run(serve(Path(root), address, int(port), cost(way, float(milliseconds) / 1000), backlog, keeps))


if __name__ == "__main__":
    main()
