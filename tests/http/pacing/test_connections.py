"""Connections over a link of a viewer's own, on real sockets."""

import time

from tests.http.running import request, with_client
from tests.http.scripted import Turn, scripted

from hls_swarm.http import Client, fetch
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
