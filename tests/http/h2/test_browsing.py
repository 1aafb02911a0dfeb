"""Preflights over HTTP/2."""

import asyncio
import ssl

import msgspec
import uvloop
from tests.http.h2.scripted import Request, http2_origin
from tests.http.running import request

from hls_swarm.http import ClientContext, ClientOptions, Http2, Identity, fetch
from hls_swarm.http.browsing.client import BrowserClient
from hls_swarm.http.browsing.page import Page
from hls_swarm.records import Exchange

PAGE = "https://player.example"


def test_a_preflight_over_http2_shares_the_connection(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    allowed = (("access-control-allow-origin", PAGE), ("access-control-allow-headers", "x-a"))
    asked: list[dict[str, str]] = []

    def script(turn: Request) -> None:
        asked.append(turn.fields)
        turn.answer(b"media", 200, *allowed)

    async def main(url: str) -> tuple[Exchange, list[Exchange]]:
        made: list[Exchange] = []
        options = msgspec.structs.replace(trusting, headers=(("X-A", "1"),))
        context = ClientContext(asyncio.get_running_loop(), options)
        client = BrowserClient(context, Identity(http2=Http2.OFFERED), Page(PAGE), made.append)
        try:
            return await fetch(client, request(url, keep_body=True)), made
        finally:
            client.close()

    with http2_origin(script, server_tls) as origin:
        got, made = uvloop.run(main(origin.url("/a")))
        assert origin.connections == 1
    assert got.failure is None
    preflight, plain = asked
    assert (got.failure, got.body, len(made)) == (None, b"media", 1)
    assert (preflight[":method"], preflight["access-control-request-headers"]) == ("OPTIONS", "x-a")
    assert "x-a" not in preflight
    assert (plain[":method"], plain["x-a"], plain["origin"]) == ("GET", "1", PAGE)
