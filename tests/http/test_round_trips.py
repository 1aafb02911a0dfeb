"""The kernel's estimate of a connection's round trip, of real sockets on loopback."""

import socket
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from hls_swarm.http.round_trips import MOST, RoundTrips, round_trip

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="TCP_INFO is laid out so on Linux")


@dataclass(eq=False)
class Connected:
    """A connection, as far as it is looked at."""

    stream: SimpleNamespace


def connected() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        peer, _ = server.accept()
        return client, peer


def test_a_connection_on_loopback_has_a_short_round_trip_and_stays_as_it_was() -> None:
    client, peer = connected()
    with client, peer:
        seconds = round_trip(client.fileno())
        assert seconds is not None
        assert 0 < seconds < 1
        client.sendall(b"still open")
        assert peer.recv(100) == b"still open"


def test_what_is_no_tcp_connection_has_none() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert round_trip(one.fileno()) is None
    assert round_trip(-1) is None
    assert round_trip(one.fileno()) is None


def test_the_sample_is_bounded_and_follows_what_is_open() -> None:
    trips = RoundTrips()
    pairs = [connected() for _ in range(MOST + 5)]
    try:
        connections = [Connected(SimpleNamespace(fd=client.fileno())) for client, _ in pairs]
        for connection in connections:
            trips.opened(connection)
        assert len(trips.read()) == MOST
        for connection in connections:
            trips.closed(connection)
        assert trips.read() == []
    finally:
        for client, peer in pairs:
            client.close()
            peer.close()
