"""What servers and networks do to connections over QUIC without breaking any rule, and what comes of it."""

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.http.certificates import Certificate, made
from tests.http.h2.scripted import Request as H2Request
from tests.http.h2.scripted import http2_origin
from tests.http.h3.scripted import H3Origin, Request, destination, h3_origin, serving, source
from tests.http.running import request, until, with_client

from hls_swarm.http import Client, ClientOptions, Http2, Http3, Identity, Timeouts, TlsOptions, fetch
from hls_swarm.http.h3 import frames
from hls_swarm.http.h3.connection import H3Connection
from hls_swarm.http.h3.driver import SILENCE_SECONDS
from hls_swarm.http.h3.frames import frame
from hls_swarm.records import Exchange, FailureKind

pytestmark = pytest.mark.usefixtures("extra")

VIEWER = Identity(http3=Http3.REQUIRED)
BROWSER = Identity(http2=Http2.OFFERED, http3=Http3.ADVERTISED)
PATIENT = Timeouts(connect=20.0, first_byte=40.0, no_progress=40.0, total=60.0)
RETRY_KEY = bytes.fromhex("be0c690b9f66575a1d766b54e368c84e")
RETRY_NONCE = bytes.fromhex("461599d35d632bf2239825bb")
"""Of Retry packets of QUIC version 1 (RFC 9001 5.8)."""


class Doubting(H3Origin):
    """Has each client prove its address first, by a Retry packet (RFC 9000 8.1.2, 17.2.5).

    Attributes:
        asked: first datagrams that came without a proof.
        forges: the packet does not prove itself that it is of whom the client spoke to.
    """

    token = b"you have been heard"

    def __init__(self, pem: Certificate, *, forges: bool = False) -> None:
        super().__init__(lambda turn: turn.answer(b"media"), pem)
        self.asked: dict[tuple[str, int], bytes] = {}
        self.forges = forges

    def accepts(self, data: bytes, address: tuple[str, int]) -> dict[str, Any] | None:
        theirs = source(data)
        if self.token not in data:
            original, ours = destination(data), os.urandom(8)
            self.asked[address] = original
            packet = b"\xf0\0\0\0\1" + bytes((len(theirs),)) + theirs + bytes((len(ours),)) + ours + self.token
            named = bytes((len(original),)) + original if not self.forges else b"\x08" + bytes(8)
            self.send(packet + AESGCM(RETRY_KEY).encrypt(RETRY_NONCE, b"", named + packet), address)
            return None
        return {
            "original_destination_connection_id": self.asked[address],
            "retry_source_connection_id": destination(data),
        }


def one(url: str, options: ClientOptions, **more: Any) -> Exchange:
    async def use(client: Client) -> Exchange:
        return await fetch(client, request(url, keep_body=True, **more))

    return with_client(use, options=options, identity=VIEWER)


def test_an_address_is_proved_where_a_server_asks_for_that(pem: Certificate, trusting: ClientOptions) -> None:
    origin = Doubting(pem)
    with serving(origin):
        got = one(origin.url(), trusting)
    assert (got.body, got.failure, got.requests_sent) == (b"media", None, 1)
    assert (len(origin.asked), len(origin.lines)) == (1, 1)


def test_a_forged_retry_is_nothing(pem: Certificate, trusting: ClientOptions) -> None:
    origin = Doubting(pem, forges=True)
    limits = Timeouts(connect=0.5, first_byte=5.0, no_progress=5.0, total=10.0)
    with serving(origin):
        got = one(origin.url(), trusting, timeouts=limits)
    assert got.failure is not None
    assert (got.failure.kind, got.requests_sent) == (FailureKind.CONNECT_TIMEOUT, 0)
    assert not origin.lines


def test_a_large_head(pem: Certificate, trusting: ClientOptions) -> None:
    length = 40_000
    value = b"\x7f" + bytes(((length - 127) & 0x7F | 0x80, (length - 127) >> 7 & 0x7F | 0x80, (length - 127) >> 14))
    section = b"\0\0\xd9" + b"\x21a" + value + b"v" * length  # :status 200, and a literal (RFC 9204 4.5.6)
    with h3_origin(
        lambda turn: turn.raw(frame(frames.HEADERS, section) + frame(frames.DATA, b"x"), ends=True), pem
    ) as origin:
        got = one(origin.url(), trusting)
    assert (got.body, got.failure) == (b"x", None)
    assert got.head_bytes > length


def test_a_server_that_is_no_more(pem: Certificate, trusting: ClientOptions) -> None:
    """Its machine says so (ICMP): the request fails at once, and what became of it is not known."""
    origin = H3Origin(lambda turn: turn.answer(b"here"), pem)
    origin.start()

    async def use(client: Client) -> tuple[Exchange, Exchange]:
        first = await fetch(client, request(origin.url(), keep_body=True))
        origin.close()
        return first, await fetch(client, request(origin.url(), timeouts=PATIENT))

    first, second = with_client(use, options=trusting, identity=VIEWER)
    assert (first.body, first.failure) == (b"here", None)
    assert second.failure is not None
    assert (second.failure.kind, second.failure.detail) == (
        FailureKind.CONNECT,
        f"connection refused by 127.0.0.1:{origin.port}",
    )
    assert second.unanswered is not None
    assert (second.requests_sent, second.unanswered.unsettled, second.unanswered.repeated) == (1, 1, 1)


def test_a_server_that_knows_the_connection_no_more(pem: Certificate, trusting: ClientOptions) -> None:
    """A stateless reset (RFC 9000 10.3): the request is asked again on a new connection."""

    def script(turn: Request) -> None:
        if turn.connection == 0 and turn.nth == 1:
            turn.line.is_silent = True
            token = turn.line.quic._tls.stateless_reset_token
            origin.send(b"\x40" + os.urandom(40) + token, turn.line.address)
        else:
            turn.answer(b"here")

    with h3_origin(script, pem) as origin:

        async def use(client: Client) -> list[Exchange]:
            return [await fetch(client, request(origin.url(), keep_body=True, timeouts=PATIENT)) for _ in range(2)]

        first, again = with_client(use, options=trusting, identity=VIEWER)
        assert len(origin.lines) == 2
    assert (first.body, again.body, again.failure, again.requests_sent) == (b"here", b"here", None, 2)
    assert again.ended_at - again.started_at < SILENCE_SECONDS


def offering(field: str) -> Callable[[H2Request], None]:
    return lambda turn: turn.answer(b"tcp", 200, ("alt-svc", field))


def test_quic_with_a_certificate_of_another_name_is_left_alone(
    pem: Certificate, server_tls: ssl.SSLContext, tmp_path: Path
) -> None:
    other = made(tmp_path, "other", "subjectAltName=DNS:other.example")
    both = tmp_path / "both.pem"
    both.write_text(Path(pem.certificate).read_text() + Path(other.certificate).read_text())
    with (
        h3_origin(lambda turn: turn.answer(b"quic"), other) as quic,
        http2_origin(offering(f'h3=":{quic.port}"'), server_tls) as tcp,
    ):

        async def use(client: Client) -> list[bytes | None]:
            await fetch(client, request(tcp.url()))
            got = [(await fetch(client, request(tcp.url(), keep_body=True))).body]
            await until(lambda: client._follower is not None and not client._follower._dials)
            return got + [(await fetch(client, request(tcp.url(), keep_body=True))).body for _ in range(3)]

        options = ClientOptions(tls=TlsOptions(ca_file=str(both)))
        assert with_client(use, options=options, identity=BROWSER) == [b"tcp"] * 4
        assert (len(quic.lines), quic.requests) == (1, [])


@pytest.mark.parametrize(
    "field",
    [
        pytest.param('h3=":{port}"; ma=0', id="for no time at all"),
        pytest.param('h3="elsewhere.example:{port}"', id="on another host"),
        pytest.param('h3-29=":{port}", quic=":{port}"', id="in a draft's version"),
        pytest.param("clear", id="clear"),
    ],
)
def test_offers_that_are_not_taken_up(
    field: str, pem: Certificate, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    with h3_origin(lambda turn: turn.answer(b"quic"), pem) as quic:
        with http2_origin(offering(field.format(port=quic.port)), server_tls) as tcp:

            async def use(client: Client) -> list[bytes | None]:
                got = [(await fetch(client, request(tcp.url(), keep_body=True))).body for _ in range(4)]
                assert client._follower is None or not client._follower._dials
                return got

            assert with_client(use, options=trusting, identity=BROWSER) == [b"tcp"] * 4
        assert not quic.lines


@pytest.mark.program  # it takes the seconds after which a peer is taken to be gone
def test_a_way_that_is_cut_in_a_body_is_left(
    pem: Certificate, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    """UDP is blocked in the middle of a run: the body is given up, and what is asked after that comes over TCP."""
    is_cut: list[bool] = []

    def script(turn: Request) -> None:
        turn.head(200, ("content-length", "1000"))
        turn.body(b"x" * 100, end=False)

    with (
        h3_origin(script, pem, drops=lambda _: bool(is_cut)) as quic,
        http2_origin(offering(f'h3=":{quic.port}"'), server_tls) as tcp,
    ):

        async def use(client: Client) -> tuple[list[Exchange], Exchange, list[Exchange]]:
            while not any(isinstance(connection, H3Connection) for connection in client._connections):
                await fetch(client, request(tcp.url()))
            ended: list[Exchange] = []
            slow = client.fetch(request(tcp.url(), timeouts=PATIENT), ended.append)
            await until(lambda: slow.body_bytes == 100)
            is_cut.append(True)
            slow.cancel()
            after = await fetch(client, request(tcp.url(), keep_body=True, timeouts=PATIENT))
            return ended, after, [await fetch(client, request(tcp.url(), keep_body=True)) for _ in range(3)]

        ended, after, later = with_client(use, options=trusting, identity=BROWSER)
        assert len(quic.lines) == 1
    assert [(each.body_bytes, each.failure and each.failure.kind) for each in ended] == [(100, FailureKind.CANCELLED)]
    assert (after.body, after.failure, after.requests_sent) == (b"tcp", None, 2)
    assert after.ended_at - after.started_at > SILENCE_SECONDS - 1
    assert [(each.body, each.requests_sent) for each in later] == [(b"tcp", 1)] * 3
    assert max(each.ended_at - each.started_at for each in later) < SILENCE_SECONDS
