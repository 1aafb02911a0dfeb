"""A bug is no answer of the origin, and nobody waits for ever because of one: it is told to the loop."""

import asyncio
from http import HTTPStatus

import pytest
from tests.http.running import request, until, with_client
from tests.http.scripted import Turn, response, scripted

from hls_swarm.http import Client, ClientContext, fetch
from hls_swarm.http.asking.target import Target
from hls_swarm.http.serving.page_server import Answer, PageServer
from hls_swarm.records import Blame, Exchange, FailureKind

Told = list[str]


def listening() -> Told:
    """What the loop is told of from now on."""
    told: Told = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(f"{context['message']}: {context['exception']}"))
    return told


def answer(turn: Turn) -> None:
    turn.send(response(b"x" * 9000))


def test_what_a_callback_raises_is_told_and_the_client_goes_on() -> None:
    async def use(client: Client) -> tuple[Told, Exchange]:
        told = listening()

        def done(exchange: Exchange) -> None:
            raise RuntimeError(f"{exchange.body_bytes} are too many")

        client.fetch(request(url), done)
        await until(lambda: told)
        return told, await fetch(client, request(url))

    with scripted(answer) as origin:
        url = origin.url()
        told, after = with_client(use)
        assert origin.connections == 1
    assert told == [f"a request to {url.split('/')[2]}: 9000 are too many"]
    assert (after.failure, after.body_bytes) == (None, 9000)


class Forgetful(Client):
    """A client that breaks on every cookie."""

    def keep_cookies(self, fields: tuple[str, ...], target: Target) -> None:
        raise KeyError("cookie")


def test_a_bug_while_an_answer_is_read_ends_the_fetch_as_the_generators_failure() -> None:
    async def main() -> tuple[Told, Exchange, Exchange]:
        told = listening()
        client = Forgetful(ClientContext(asyncio.get_running_loop()))
        try:
            async with asyncio.timeout(10):
                broken = await fetch(client, request(f"{base}/cookie"))
                return told, broken, await fetch(client, request(f"{base}/plain"))
        finally:
            client.close()

    def script(turn: Turn) -> None:
        turn.send(response(b"x", "200 OK", "Set-Cookie: a=b") if turn.path == "/cookie" else response(b"x"))

    with scripted(script) as origin:
        base = origin.url().rstrip("/")
        told, broken, after = asyncio.run(main())
    assert broken.failure is not None
    assert (broken.failure.kind, broken.failure.blame) == (FailureKind.INTERNAL, Blame.GENERATOR)
    assert broken.failure.detail.startswith("KeyError (")
    assert (broken.requests_sent, after.failure) == (1, None)
    assert len(told) == 1


class Unlucky(Client):
    """A client whose requests can not be put together."""

    def cookies(self, target: Target) -> str | None:
        raise KeyError("cookies")


@pytest.mark.parametrize("path", ["/plain", "/redirect"])
def test_a_bug_while_a_request_is_made_ends_the_fetch_too(path: str) -> None:
    async def main() -> Exchange:
        listening()
        client = Unlucky(ClientContext(asyncio.get_running_loop()))
        client.asks_plainly = path == "/redirect"  # which asks plainly for the first hop only
        try:
            async with asyncio.timeout(10):
                return await fetch(client, request(f"{base}{path}"))
        finally:
            client.close()

    def script(turn: Turn) -> None:
        turn.send(response(b"", "302 Found", "Location: /plain"))

    with scripted(script) as origin:
        base = origin.url().rstrip("/")
        exchange = asyncio.run(main())
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.INTERNAL


def test_a_page_that_can_not_be_made_is_an_answer_and_is_told() -> None:
    async def main() -> tuple[Told, bytes]:
        async def page(path: str, fields: object) -> Answer:
            raise ZeroDivisionError("no viewers")

        told = listening()
        server = PageServer(page, 4)
        await server.start("127.0.0.1", 0)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
            async with asyncio.timeout(10):
                text = await reader.read()
            writer.close()
            return told, text
        finally:
            await server.close()

    told, text = asyncio.run(main())
    assert text.startswith(f"HTTP/1.1 {HTTPStatus.INTERNAL_SERVER_ERROR.value} ".encode())
    assert told == ["a page that was asked for: no viewers"]
