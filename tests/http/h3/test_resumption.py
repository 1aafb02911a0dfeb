"""Sessions that are resumed over QUIC: by whom, how often, and without early data."""

import ssl
from typing import Any

import pytest
from tests.http.certificates import Certificate
from tests.http.h2.scripted import http2_origin
from tests.http.h3.scripted import H3Origin, Line, serving
from tests.http.running import request, until, with_client

from hls_swarm.http import Client, ClientOptions, Http2, Http3, Identity, fetch
from hls_swarm.http.h3.connection import H3Connection
from hls_swarm.records import Exchange

pytestmark = pytest.mark.usefixtures("extra")

VIEWER = Identity(http3=Http3.REQUIRED)


class Resuming(H3Origin):
    """Gives a ticket to each connection, and takes back those that it gave.

    Attributes:
        forgets: it knows no ticket any more.
        resumed: of each connection whose handshake is done, whether it was resumed, and whether early data came.
        taken: tickets that were offered.
    """

    def __init__(self, pem: Certificate) -> None:
        super().__init__(lambda turn: turn.answer(b"media"), pem)
        self.tickets: dict[bytes, Any] = {}
        self.forgets = False
        self.resumed: list[tuple[bool, bool]] = []
        self.taken: list[bytes] = []

    def accepts(self, data: bytes, address: tuple[str, int]) -> dict[str, Any] | None:
        accepted = super().accepts(data, address)
        assert accepted is not None
        return accepted | {"session_ticket_fetcher": self._fetch, "session_ticket_handler": self._give}

    def handle(self, line: Line, event: Any) -> None:
        from qh3 import quic_events

        if isinstance(event, quic_events.HandshakeCompleted):
            self.resumed.append((event.session_resumed, event.early_data_accepted))
        super().handle(line, event)

    def _give(self, ticket: Any) -> None:
        self.tickets[ticket.ticket] = ticket

    def _fetch(self, ticket: bytes) -> Any:
        self.taken.append(ticket)
        return None if self.forgets else self.tickets.get(ticket)


async def connected_anew(client: Client, url: str) -> Exchange:
    """An exchange on a connection of its own, which is closed when a session has come of it."""
    exchange = await fetch(client, request(url, keep_body=True))
    await until(lambda: bool(client._memory.quic_sessions))
    for connection in client._connections.copy():
        connection.close()
    return exchange


def test_each_connection_goes_on_with_the_session_of_the_one_before(pem: Certificate, trusting: ClientOptions) -> None:
    async def use(client: Client) -> tuple[list[bytes | None], tuple[int, int]]:
        got = [(await connected_anew(client, origin.url("/a.ts"))).body for _ in range(3)]
        other = Client(client.context, VIEWER)
        got.append((await connected_anew(other, origin.url("/a.ts"))).body)
        other.close()
        (host,) = client.context.hosts.values()
        return got, (host.over("3").connections, host.over("3").resumed)

    origin = Resuming(pem)
    with serving(origin):
        bodies, counted = with_client(use, options=trusting, identity=VIEWER)
    assert bodies == [b"media"] * 4
    assert origin.resumed == [(False, False), (True, False), (True, False), (False, False)]
    assert len(set(origin.taken)) == len(origin.taken) == 2  # no ticket twice (RFC 8446 C.4)
    assert counted == (4, 2)


def test_a_session_that_the_server_does_not_know_is_no_failure(pem: Certificate, trusting: ClientOptions) -> None:
    async def use(client: Client) -> list[Exchange]:
        exchanges = []
        for forgets in (False, True, False):
            origin.forgets = forgets
            exchanges.append(await connected_anew(client, origin.url("/a.ts")))
        return exchanges

    origin = Resuming(pem)
    with serving(origin):
        exchanges = with_client(use, options=trusting, identity=VIEWER)
    assert [(each.failure, each.body, each.requests_sent) for each in exchanges] == [(None, b"media", 1)] * 3
    assert [resumed for resumed, _ in origin.resumed] == [False, False, True]
    assert len(origin.taken) == 2


def test_of_who_is_not_accepted_no_session_is_kept(pem: Certificate) -> None:
    async def use(client: Client) -> tuple[Exchange, int]:
        exchange = await fetch(client, request(origin.url("/a.ts")))
        return exchange, len(client._memory.quic_sessions)

    origin = Resuming(pem)
    with serving(origin):
        exchange, kept = with_client(use, options=ClientOptions(), identity=VIEWER)
    assert exchange.failure is not None
    assert "not accepted" in exchange.failure.detail
    assert kept == 0


def test_going_over_again_is_resumed_too(pem: Certificate, server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    async def use(client: Client) -> None:
        for _ in range(2):
            while not speaks_http3(client):
                await fetch(client, request(tcp.url("/a.ts")))
            await until(lambda: bool(client._memory.quic_sessions))
            for connection in client._connections.copy():
                connection.close()

    origin = Resuming(pem)
    with (
        serving(origin),
        http2_origin(lambda turn: turn.answer(b"tcp", 200, ("alt-svc", f'h3=":{origin.port}"')), server_tls) as tcp,
    ):
        with_client(use, options=trusting, identity=Identity(http2=Http2.OFFERED, http3=Http3.ADVERTISED))
    assert [resumed for resumed, _ in origin.resumed] == [False, True]


def speaks_http3(client: Client) -> bool:
    return any(isinstance(connection, H3Connection) for connection in client._connections)
