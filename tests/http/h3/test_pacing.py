"""HTTP/3 over a link of a viewer's own: it takes as long as the link lets it, and everything arrives."""

import asyncio
import socket
import struct
import time

import pytest
from tests.http.certificates import Certificate
from tests.http.h3.scripted import Request, h3_origin
from tests.http.pacing.ticking import LONG_BYTES, shared_ticks
from tests.http.running import request, with_client

from hls_swarm.http import Client, ClientOptions, Http3, Identity, fetch
from hls_swarm.http.h3.connection import H3Connection
from hls_swarm.http.pacing.link import Link
from hls_swarm.load.access import SteadyRate
from hls_swarm.records import Exchange, FailureKind

pytestmark = pytest.mark.usefixtures("extra")

REQUIRED = Identity(http3=Http3.REQUIRED)
BYTES_PER_SECOND, SIZE = 1_000_000, 400_000


def script(turn: Request) -> None:
    turn.answer(b"x" * (SIZE if turn.path.endswith(".ts") else 200))


async def linked(client: Client, *urls: str) -> list[Exchange]:
    client.link = Link(SteadyRate(BYTES_PER_SECOND))
    first = await fetch(client, request(urls[0]))
    return [first, *await asyncio.gather(*(fetch(client, request(url, max_body_bytes=1 << 20)) for url in urls[1:]))]


@pytest.mark.parametrize("segments", [1, 2])
def test_segments_take_what_the_link_takes(segments: int, pem: Certificate, trusting: ClientOptions) -> None:
    async def use(client: Client) -> tuple[list[Exchange], list[Exchange]]:
        got = await linked(client, origin.url("/a.m3u8"), *[origin.url("/a.ts")] * segments)
        assert all(isinstance(connection, H3Connection) for connection in client._connections)
        return got, [await fetch(client, request(origin.url("/b.m3u8"))) for _ in range(5)]

    with h3_origin(script, pem) as origin:
        (playlist, *media), later = with_client(use, options=trusting, identity=REQUIRED)
        assert len(origin.lines) == 1
    assert [(each.body_bytes, each.failure) for each in media] == [(SIZE, None)] * segments
    assert {(each.body_bytes, each.failure) for each in (playlist, *later)} == {(200, None)}
    longest = max(each.ended_at - each.started_at for each in media)
    assert 0.8 * segments * SIZE / BYTES_PER_SECOND < longest < 3 * segments * SIZE / BYTES_PER_SECOND + 1
    assert min(each.ended_at - each.started_at for each in later) < 0.1


def test_what_the_origin_sends_ahead_waits_and_is_not_lost(pem: Certificate, trusting: ClientOptions) -> None:
    async def use(client: Client) -> tuple[Exchange, list[int]]:
        _, media = await linked(client, origin.url("/a.m3u8"), origin.url("/a.ts"))
        paths = [connection._path for connection in client._connections if isinstance(connection, H3Connection)]
        return media, [drops(path._sock) for path in paths]

    with h3_origin(script, pem) as origin:
        got, dropped = with_client(use, options=trusting, identity=REQUIRED)
    assert (got.body_bytes, got.failure) == (SIZE, None)
    assert dropped == [0]


def drops(sock: socket.socket) -> int:
    """Datagrams for which this socket's buffer had no room: SK_MEMINFO_DROPS of SO_MEMINFO (linux/sock_diag.h)."""
    return int(struct.unpack("9I", sock.getsockopt(socket.SOL_SOCKET, 55, 36))[8])


def test_ticks_come_together(pem: Certificate, trusting: ClientOptions) -> None:
    with h3_origin(lambda turn: turn.answer(b"x" * LONG_BYTES), pem) as origin:
        url = origin.url()
        assert with_client(
            lambda client: shared_ticks(client, url), options=trusting, identity=REQUIRED, loop="asyncio"
        )


def test_a_fetch_that_is_given_up_ends_at_once(pem: Certificate, trusting: ClientOptions) -> None:
    async def use(client: Client) -> tuple[list[Exchange], Exchange]:
        await linked(client, origin.url("/a.m3u8"))
        ended: list[Exchange] = []
        slow = client.fetch(request(origin.url("/a.ts")), ended.append)
        await asyncio.sleep(0.15)
        slow.cancel()
        return ended, await fetch(client, request(origin.url("/b.m3u8")))

    with h3_origin(script, pem) as origin:
        began_at = time.monotonic()
        ended, after = with_client(use, options=trusting, identity=REQUIRED)
    assert [each.failure and each.failure.kind for each in ended] == [FailureKind.CANCELLED]
    assert ended[0].body_bytes < SIZE
    assert (after.body_bytes, after.failure) == (200, None)
    assert time.monotonic() - began_at < 5
