"""Streams of events: who listens gets all, who does not take it is dropped, and nobody is waited for."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from hls_swarm.http.serving.page_server import Answer, PageServer
from hls_swarm.http.serving.publisher import MOST_WAITING_BYTES, MOST_WAITING_SECONDS, Publisher, event


def served(publisher: Publisher, check: Callable[[int], Awaitable[None]]) -> None:
    async def answer(path: str, fields: Sequence[str]) -> Answer | Publisher:
        return publisher if path == "/events" else Answer(HTTPStatus.OK, b"page")

    async def main() -> None:
        server = PageServer(answer, 8)
        await server.start("127.0.0.1", 0)
        try:
            assert server.port is not None
            await asyncio.wait_for(check(server.port), 60)
        finally:
            await server.close()

    asyncio.run(main())


async def listen(port: int, method: str = "GET") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{method} /events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return reader, writer


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - what it waits for is no event
        await asyncio.sleep(0.01)


def test_who_comes_gets_everything_so_far_and_each_message_after_it() -> None:
    publisher = Publisher(lambda: event("everything", [1, 2]), lambda: 0.0)

    async def check(port: int) -> None:
        reader, writer = await listen(port)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"200 OK" in head
        assert b"text/event-stream" in head
        assert await reader.readuntil(b"\n\n") == b"retry: 2000\n\n"
        assert await reader.readuntil(b"\n\n") == b"event: everything\ndata: [1,2]\n\n"
        await until(lambda: publisher.is_heard)
        publisher.publish(event("second", {"text": "a\nb"}))
        assert await reader.readuntil(b"\n\n") == b'event: second\ndata: {"text":"a\\nb"}\n\n'
        writer.close()
        await until(lambda: not publisher.is_heard)

    served(publisher, check)


def test_who_comes_after_the_end_gets_the_last_message_too() -> None:
    publisher = Publisher(lambda: event("everything", 1), lambda: 0.0)
    publisher.end(event("over", 2))

    async def check(port: int) -> None:
        reader, writer = await listen(port)
        await reader.readuntil(b"event: everything\ndata: 1\n\n")
        assert await reader.readuntil(b"\n\n") == b"event: over\ndata: 2\n\n"
        writer.close()

    served(publisher, check)


def test_a_listener_that_takes_nothing_is_dropped_and_the_others_go_on() -> None:
    now = [0.0]
    publisher = Publisher(lambda: b"", lambda: now[0])
    message = event("second", "x" * 500_000)

    async def check(port: int) -> None:
        slow = socket.create_connection(("127.0.0.1", port))
        slow.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reader, writer = await listen(port)
        await reader.readuntil(b"retry: 2000\n\n")
        await until(lambda: publisher.listeners == 2)
        for _ in range(2 * MOST_WAITING_BYTES // len(message)):
            publisher.publish(message)
            assert await reader.readexactly(len(message)) == message
        assert publisher.listeners == 1
        slow.close()
        writer.close()

    served(publisher, check)


def test_a_listener_that_is_behind_for_long_is_dropped() -> None:
    now = [0.0]
    publisher = Publisher(lambda: b"", lambda: now[0])

    async def check(port: int) -> None:
        slow = socket.create_connection(("127.0.0.1", port))
        slow.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: publisher.is_heard)
        publisher.publish(event("second", "x" * (MOST_WAITING_BYTES - 1000)))
        publisher.publish(b"")
        now[0] = MOST_WAITING_SECONDS - 1
        publisher.publish(b"")
        assert publisher.listeners == 1
        now[0] = MOST_WAITING_SECONDS + 1
        publisher.publish(b"")
        assert publisher.listeners == 0
        slow.close()

    served(publisher, check)


def test_more_than_so_many_do_not_listen_at_once() -> None:
    publisher = Publisher(lambda: b"", lambda: 0.0, most=1)

    async def check(port: int) -> None:
        _, first = await listen(port)
        await until(lambda: publisher.is_heard)
        reader, second = await listen(port)
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
        first.close()
        second.close()

    served(publisher, check)


def test_only_the_head_of_a_stream_can_be_asked_for() -> None:
    publisher = Publisher(lambda: event("everything", 1), lambda: 0.0)

    async def check(port: int) -> None:
        reader, writer = await listen(port, "HEAD")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"\r\n\r\n")
        writer.close()

    served(publisher, check)
