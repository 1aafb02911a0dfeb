"""Going over to HTTP/3 where a server offers it: when, and what becomes of it where it does not work."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
from tests.http.certificates import Certificate
from tests.http.h2.scripted import Request as H2Request
from tests.http.h2.scripted import http2_origin
from tests.http.h3.scripted import Request, h3_origin
from tests.http.running import T, request, until, with_client
from tests.http.scripted import Turn, response, scripted
from tests.support.lateness import Lateness, lateness

from hls_swarm.http import Client, ClientContext, ClientOptions, Http2, Http3, Identity, Timeouts, TlsOptions, fetch
from hls_swarm.http.h3.connection import H3Connection
from hls_swarm.http.h3.driver import SILENCE_SECONDS
from hls_swarm.http.h3.frames import ErrorCode
from hls_swarm.http.opening.following import WAIT_SECONDS
from hls_swarm.records import Exchange
from hls_swarm.stats.hosts import HTTP1, HTTP2, HTTP3, HostTally

pytestmark = pytest.mark.usefixtures("extra")

BROWSER = Identity(http2=Http2.OFFERED, http3=Http3.ADVERTISED)


def offering(port: int | None) -> Callable[[H2Request], None]:
    """Answers over HTTP/2, and says that HTTP/3 is at this port; None: that it is not, any more."""
    field = "clear" if port is None else f'h3=":{port}"; ma=3600'
    return lambda turn: turn.answer(b"tcp", 200, ("alt-svc", field))


async def bodies(client: Client, url: str, count: int) -> list[bytes | None]:
    return [(await fetch(client, request(url, keep_body=True))).body for _ in range(count)]


def speaks_http3(client: Client) -> bool:
    return any(isinstance(connection, H3Connection) for connection in client._connections)


def tally(client: Client) -> HostTally:
    (only,) = client.context.hosts.values()
    return only


def browse(use: Callable[[Client], Awaitable[T]], options: ClientOptions, identity: Identity = BROWSER) -> T:
    return with_client(use, options=options, identity=identity)


@pytest.mark.parametrize("http2", [Http2.OFFERED, Http2.NEVER], ids=["from HTTP/2", "from HTTP/1.1"])
def test_the_first_answers_come_over_tcp_and_later_ones_over_quic(
    http2: Http2, pem: Certificate, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    if http2 is Http2.NEVER:
        server_tls.set_alpn_protocols(["http/1.1"])

    async def use(client: Client) -> tuple[list[bytes | None], list[bytes | None], HostTally]:
        first = await bodies(client, url, 2)
        await until(lambda: speaks_http3(client))
        return first, await bodies(client, url, 3), tally(client)

    with h3_origin(lambda turn: turn.answer(b"quic"), pem) as quic:
        field = f'h3=":{quic.port}"; ma=3600'
        if http2 is Http2.NEVER:
            answer = response(b"tcp", "200 OK", f"Alt-Svc: {field}")
            origin = scripted(lambda turn: turn.send(answer), tls=server_tls)
        else:
            origin = http2_origin(offering(quic.port), server_tls)  # type: ignore[assignment]
        with origin as tcp:
            url = tcp.url("/a.m3u8")
            first, later, host = browse(use, trusting, Identity(http2=http2, http3=Http3.ADVERTISED))
        assert {asked.fields[":authority"] for asked in quic.requests} == {f"127.0.0.1:{tcp.port}"}
    assert (first, later) == ([b"tcp"] * 2, [b"quic"] * 3)
    assert (host.requests, host.connections, host.offers_http3) == (5, 2, True)
    over_tcp = HTTP1 if http2 is Http2.NEVER else HTTP2
    counted = {version: (tally.requests, tally.connections) for version, tally in host.versions.items()}
    assert counted == {over_tcp: (2, 1), HTTP3: (3, 1)}


def test_an_offer_that_is_taken_back(pem: Certificate, server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    with (
        h3_origin(lambda turn: turn.answer(b"quic", 200, ("alt-svc", "clear")), pem) as quic,
        http2_origin(offering(quic.port), server_tls) as tcp,
    ):

        async def use(client: Client) -> list[bytes | None]:
            await bodies(client, tcp.url(), 2)
            await until(lambda: speaks_http3(client))
            got = await bodies(client, tcp.url(), 1)
            for connection in client._connections.copy():
                connection.close()
            tcp.script = offering(None)
            return got + await bodies(client, tcp.url(), 3)

        assert browse(use, trusting) == [b"quic", b"tcp", b"tcp", b"tcp"]
        assert len(quic.lines) == 1


@pytest.mark.parametrize("silent", [True, False], ids=["silence", "nobody there"])
def test_where_no_udp_passes_nobody_waits_for_it(
    silent: bool, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    late: list[Lateness] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        port = udp.getsockname()[1] if silent else 1
        with http2_origin(offering(port), server_tls) as tcp:

            async def use(client: Client) -> tuple[list[Exchange], HostTally]:
                got = []
                async with lateness() as measured:
                    late.append(measured)
                    for _ in range(8):
                        got.append(await fetch(client, request(tcp.url(), keep_body=True)))
                        await asyncio.sleep(0.01)
                return got, tally(client)

            got, host = browse(use, trusting)
        sources = set()
        while silent:
            try:
                sources.add(udp.recvfrom(65536)[1])
            except BlockingIOError:
                break
    assert {(each.body, each.failure, each.requests_sent) for each in got} == {(b"tcp", None, 1)}
    waited = max(each.ended_at - each.started_at for each in got[1:])
    assert waited < WAIT_SECONDS or late[0].worst_seconds > WAIT_SECONDS / 3  # else it is this machine that is late
    assert (host.connections, list(host.versions), host.offers_http3) == (1, [HTTP2], True)
    assert len(sources) == silent


@pytest.mark.parametrize("keeps_tcp", [True, False], ids=["over the same connection", "over a new one"])
def test_what_is_lost_over_quic_is_asked_for_over_tcp_and_quic_left_alone(
    keeps_tcp: bool, pem: Certificate, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    with (
        h3_origin(lambda turn: turn.close(ErrorCode.H3_INTERNAL_ERROR), pem) as quic,
        http2_origin(offering(quic.port), server_tls) as tcp,
    ):

        async def use(client: Client) -> tuple[Exchange, list[bytes | None]]:
            await bodies(client, tcp.url(), 2)
            await until(lambda: speaks_http3(client))
            if not keeps_tcp:
                for connection in client._connections.copy():
                    if not isinstance(connection, H3Connection):
                        connection.close()
            lost = await fetch(client, request(tcp.url(), keep_body=True))
            return lost, await bodies(client, tcp.url(), 3)

        lost, later = browse(use, trusting)
        assert len(quic.lines) == 1
        assert tcp.connections == (1 if keeps_tcp else 2)
    assert (lost.body, lost.failure, lost.requests_sent) == (b"tcp", None, 2)
    assert lost.unanswered is not None
    assert (lost.unanswered.unsettled, lost.unanswered.repeated) == (1, 1)
    assert later == [b"tcp"] * 3


def test_a_connection_that_has_ended_is_opened_again_and_waited_for(
    pem: Certificate, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    with (
        h3_origin(lambda turn: turn.answer(b"quic"), pem) as quic,
        http2_origin(offering(quic.port), server_tls) as tcp,
    ):

        async def use(client: Client) -> Exchange:
            await bodies(client, tcp.url(), 2)
            await until(lambda: speaks_http3(client))
            for connection in client._connections.copy():
                connection.close()
            return await fetch(client, request(tcp.url(), keep_body=True))

        got = browse(use, trusting)
        assert len(quic.lines) == 2
    assert got.failure is None
    assert got.body == b"quic" or got.ended_at - got.started_at >= WAIT_SECONDS  # if the machine has no time for QUIC


class WithoutTheExtra(ClientContext):
    def follows_http3(self) -> bool:
        return False


def test_without_the_extra_an_offer_is_noted_and_not_taken(
    pem: Certificate, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    async def use(url: str) -> tuple[list[bytes | None], HostTally]:
        client = Client(WithoutTheExtra(asyncio.get_running_loop(), trusting), BROWSER)
        try:
            return await bodies(client, url, 3), tally(client)
        finally:
            client.close()

    with h3_origin(lambda turn: turn.answer(b"quic"), pem) as quic:
        with http2_origin(offering(quic.port), server_tls) as tcp:
            got, host = asyncio.run(use(tcp.url()))
        assert not quic.lines
    assert got == [b"tcp"] * 3
    assert (host.offers_http3, HTTP3 in host.versions) == (True, False)


def test_what_only_openssl_can_use_keeps_viewers_on_tcp(trusting: ClientOptions, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ed448", "-nodes", "-days", "2", "-subj", "/CN=viewer"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    shown = TlsOptions(trusting.tls.ca_file, certificate=str(certificate), key=str(key))

    async def use(options: ClientOptions) -> bool:
        return ClientContext(asyncio.get_running_loop(), options).follows_http3()

    assert asyncio.run(use(trusting))
    assert not asyncio.run(use(ClientOptions(tls=shown)))
    assert not asyncio.run(use(ClientOptions(tls=trusting.tls, proxy="http://proxy:3128")))


@pytest.mark.parametrize("http3", [Http3.NEVER, Http3.ADVERTISED])
def test_who_does_not_follow_and_what_is_not_believed(http3: Http3, pem: Certificate) -> None:
    """Players outside of browsers; and nobody without TLS."""

    def say(port: int, turn: Turn) -> None:
        turn.send(response(b"tcp", "200 OK", f'Alt-Svc: h3=":{port}"'))

    with h3_origin(lambda turn: turn.answer(b"quic"), pem) as quic:
        with scripted(partial(say, quic.port)) as tcp:

            async def use(client: Client) -> tuple[list[bytes | None], HostTally]:
                return await bodies(client, tcp.url(), 3), tally(client)

            got, host = browse(use, ClientOptions(), Identity(http3=http3))
        assert not quic.lines
    assert (got, host.offers_http3) == ([b"tcp"] * 3, False)


def test_cookies_go_with_it(pem: Certificate, server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    def over_tcp(port: int, turn: H2Request) -> None:
        turn.answer(b"tcp", 200, ("alt-svc", f'h3=":{port}"'), ("set-cookie", "a=b"))

    def over_quic(turn: Request) -> None:
        turn.answer(turn.fields.get("cookie", "none").encode())

    with h3_origin(over_quic, pem) as quic, http2_origin(partial(over_tcp, quic.port), server_tls) as tcp:

        async def use(client: Client) -> list[bytes | None]:
            await bodies(client, tcp.url(), 2)
            await until(lambda: speaks_http3(client))
            return await bodies(client, tcp.url(), 1)

        assert browse(use, trusting) == [b"a=b"]


@pytest.mark.program  # it takes the seconds after which a peer is taken to be gone
def test_a_way_that_is_cut_is_left(pem: Certificate, server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    is_cut: list[bool] = []
    with (
        h3_origin(lambda turn: turn.answer(b"quic"), pem, drops=lambda _: bool(is_cut)) as quic,
        http2_origin(offering(quic.port), server_tls) as tcp,
    ):

        async def use(client: Client) -> Exchange:
            await bodies(client, tcp.url(), 2)
            await until(lambda: speaks_http3(client))
            is_cut.append(True)
            patient = Timeouts(connect=5.0, first_byte=30.0, no_progress=30.0, total=40.0)
            return await fetch(client, request(tcp.url(), keep_body=True, timeouts=patient))

        got = browse(use, trusting)
    assert (got.body, got.failure, got.requests_sent) == (b"tcp", None, 2)
    # The silence may have begun a moment before the request did.
    assert SILENCE_SECONDS - 1 < got.ended_at - got.started_at < 4 * SILENCE_SECONDS
