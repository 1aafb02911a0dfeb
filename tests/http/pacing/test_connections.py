"""Connections over a link of a viewer's own, on real sockets."""

import ssl
import time

from tests.http.h2.scripted import http2_origin
from tests.http.pacing.ticking import LONG_BYTES, shared_ticks
from tests.http.running import request, with_client
from tests.http.scripted import Turn, response, scripted

from hls_swarm.http import Client, ClientOptions, Http2, Identity, fetch
from hls_swarm.http.pacing.link import Link
from hls_swarm.load.access import SteadyRate
from hls_swarm.records import FailureKind


def test_what_came_before_a_reset_counts() -> None:
    body = b"x" * 200_000

    def script(turn: Turn) -> None:
        turn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        time.sleep(0.05)  # the head is read, and the link waits for a tick's bytes
        turn.send(body)
        turn.reset()

    async def use(client: Client) -> tuple[int, FailureKind | None]:
        client.link = Link(SteadyRate(20e6))
        exchange = await fetch(client, request(origin.url()))
        return exchange.body_bytes, None if exchange.failure is None else exchange.failure.kind

    with scripted(script) as origin:
        assert with_client(use) == (len(body), FailureKind.TRUNCATED)


def test_records_of_tls_that_a_link_takes_in_pieces_are_counted_once(
    server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    """After the first answer over TLS 1.3 records are read without OpenSSL: their number decrypts the next one."""
    server_tls.num_tickets = 0  # records that only OpenSSL sees, and so many may be missing from the count

    async def use(client: Client) -> list[tuple[int, FailureKind | None]]:
        client.link = Link(SteadyRate(1e6))
        got = [await fetch(client, request(origin.url())) for _ in range(2)]
        return [(each.body_bytes, None if each.failure is None else each.failure.kind) for each in got]

    with scripted(lambda turn: turn.send(response(b"x" * 450_001)), tls=server_tls) as origin:
        assert with_client(use, options=trusting) == [(450_001, None)] * 2
        assert origin.connections == 1


def test_ticks_come_together() -> None:
    with scripted(lambda turn: turn.send(response(b"x" * LONG_BYTES))) as origin:
        assert with_client(lambda client: shared_ticks(client, origin.url()), loop="asyncio")


def test_ticks_come_together_over_http2(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    server_tls.set_alpn_protocols(["h2"])
    over_h2 = Identity(http2=Http2.OFFERED)
    with http2_origin(lambda turn: turn.answer(b"x" * LONG_BYTES), server_tls) as origin:
        url = origin.url()
        assert with_client(lambda client: shared_ticks(client, url), options=trusting, identity=over_h2, loop="asyncio")
