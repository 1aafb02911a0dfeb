"""Viewers in a page over HTTP/3: what their browser adds, preflights, and going over to it."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import pytest
import uvloop
from tests.http.certificates import Certificate
from tests.http.h2.scripted import Request as H2Request
from tests.http.h2.scripted import http2_origin
from tests.http.h3.scripted import Request, h3_origin
from tests.http.h3.test_following import speaks_http3
from tests.http.running import T, request, until

from hls_swarm.http import ClientContext, ClientOptions, Http2, Http3, Identity, fetch
from hls_swarm.http.browsing.client import BrowserClient
from hls_swarm.http.browsing.page import Page
from hls_swarm.records import Exchange

pytestmark = pytest.mark.usefixtures("extra")

PAGE = "https://player.example"
ALLOWED = (("access-control-allow-origin", PAGE), ("access-control-allow-headers", "x-a"))


def in_page(
    use: Callable[[BrowserClient], Awaitable[T]], options: ClientOptions, identity: Identity, made: list[Exchange]
) -> T:
    async def main() -> T:
        context = ClientContext(asyncio.get_running_loop(), options)
        client = BrowserClient(context, identity, Page(PAGE), made.append)
        try:
            return await use(client)
        finally:
            client.close()

    return uvloop.run(main())


def test_a_preflight_shares_the_connection(pem: Certificate, trusting: ClientOptions) -> None:
    options = msgspec.structs.replace(trusting, headers=(("X-A", "1"),))
    made: list[Exchange] = []
    with h3_origin(lambda turn: turn.answer(b"media", 200, *ALLOWED), pem) as origin:

        async def use(client: BrowserClient) -> Exchange:
            return await fetch(client, request(origin.url("/a"), keep_body=True))

        got = in_page(use, options, Identity(http3=Http3.REQUIRED), made)
        assert len(origin.lines) == 1
        preflight, plain = (turn.fields for turn in origin.requests)
    assert (got.failure, got.body, len(made)) == (None, b"media", 1)
    assert (preflight[":method"], preflight["access-control-request-headers"]) == ("OPTIONS", "x-a")
    assert "x-a" not in preflight
    assert (plain[":method"], plain["x-a"], plain["origin"]) == ("GET", "1", PAGE)


def test_it_goes_over_as_any_browser_does(
    pem: Certificate, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    def over_tcp(port: int, turn: H2Request) -> None:
        turn.answer(b"tcp", 200, ("alt-svc", f'h3=":{port}"'), *ALLOWED)

    def over_quic(turn: Request) -> None:
        turn.answer(b"quic" if turn.fields["origin"] == PAGE else b"", 200, *ALLOWED)

    with h3_origin(over_quic, pem) as quic, http2_origin(partial(over_tcp, quic.port), server_tls) as tcp:

        async def use(client: BrowserClient) -> list[bytes | None]:
            got = [(await fetch(client, request(tcp.url(), keep_body=True))).body for _ in range(2)]
            await until(lambda: speaks_http3(client))
            return [*got, (await fetch(client, request(tcp.url(), keep_body=True))).body]

        identity = Identity(http2=Http2.OFFERED, http3=Http3.ADVERTISED)
        assert in_page(use, trusting, identity, []) == [b"tcp", b"tcp", b"quic"]
