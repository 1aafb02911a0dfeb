"""https: certificates, resumption, and the same counting as over plain TCP."""

import asyncio
import ctypes
import gc
import socket
import ssl

import pytest
from tests.http.certificates import Certificate, made
from tests.http.running import RECEPTIONS, Outcome, fetched, outcome, request, with_client
from tests.http.scripted import Turn, response, scripted

from hls_swarm.errors import SettingsError
from hls_swarm.http import Client, ClientContext, ClientOptions, Timeouts, TlsOptions, fetch
from hls_swarm.http.h1.stream import Reception
from hls_swarm.http.tls.context import SESSIONS_ARE_FREE
from hls_swarm.records import Exchange, FailureKind
from hls_swarm.stats.hosts import HTTP1

FIRST_RESUMED = 1 if SESSIONS_ARE_FREE else 2
"""Connections of a client before the first one that resumes a session."""


@pytest.fixture(scope="session")
def client_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return made(tmp_path_factory.mktemp("tls"), "viewer")


BODY = b"#EXTM3U\n" * 5000
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9c40\r\n" + BODY + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("pieces", ["whole", "small records"])
@pytest.mark.parametrize("keep_body", [True, False], ids=["kept", "dropped"])
@pytest.mark.parametrize(
    "answer", [response(BODY), CHUNKED, response(BODY) + b"excess"], ids=["length", "chunked", "+"]
)
def test_answer_over_tls(
    answer: bytes,
    keep_body: bool,
    pieces: str,
    version: ssl.TLSVersion,
    loop: str,
    server_tls: ssl.SSLContext,
    trusting: ClientOptions,
) -> None:
    server_tls.minimum_version = server_tls.maximum_version = version

    def script(turn: Turn) -> None:
        size = len(answer) if pieces == "whole" else 997
        turn.send_slowly((answer[at : at + size] for at in range(0, len(answer), size)), pause=0.0)

    head = answer.index(b"\r\n\r\n") + 4
    with scripted(script, tls=server_tls) as origin:
        got = fetched(origin.url(), keep_body=keep_body, options=trusting, loop=loop)
    body_bytes = len(answer.removesuffix(b"excess")) - head
    assert outcome(got) == Outcome(200, BODY if keep_body else None, body_bytes, head, 1, None)
    assert got.tls_seconds is not None
    assert got.tls_seconds > 0


@pytest.mark.parametrize("reception", RECEPTIONS)
def test_large_bodies_are_dropped_to_the_byte_on_one_connection(
    reception: Reception | None, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    body = b"s" * 5_000_001

    async def use(client: Client) -> list[Exchange]:
        return [await fetch(client, request(origin.url())) for _ in range(4)]

    with scripted(lambda turn: turn.send(response(body)), tls=server_tls) as origin:
        got = with_client(use, options=trusting, reception=reception)
        assert origin.connections == 1
    assert [(each.body_bytes, each.failure) for each in got] == [(len(body), None)] * 4
    assert [each.tls_seconds is None for each in got] == [False, True, True, True]


@pytest.mark.parametrize(
    ("host", "options", "words"),
    [
        pytest.param("127.0.0.1", TlsOptions(), "self-signed", id="unknown authority"),
        pytest.param("other.example", None, "mismatch", id="another name"),
    ],
)
def test_certificate_that_proves_nothing_is_a_tls_failure(
    host: str, options: TlsOptions | None, words: str, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    with scripted(lambda turn: turn.send(response()), tls=server_tls) as origin:
        got = fetched(
            f"https://{host}:{origin.port}/",
            options=ClientOptions(tls=options or trusting.tls, resolve=("*:*:127.0.0.1",)),
        )
        assert not origin.heads
    assert got.failure is not None
    assert got.failure.kind is FailureKind.TLS
    assert words in got.failure.detail
    assert got.requests_sent == 0


def test_names_are_checked_against_the_url_not_the_address(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    asked: list[str | None] = []
    server_tls.sni_callback = lambda _, name, __: asked.append(name)
    with scripted(lambda turn: turn.send(response()), tls=server_tls) as origin:
        options = ClientOptions(tls=trusting.tls, resolve=(f"origin.example:{origin.port}:127.0.0.1",))
        assert fetched(f"https://origin.example:{origin.port}/", options=options).failure is None
    assert asked == ["origin.example"]


def test_insecure_accepts_any_certificate(server_tls: ssl.SSLContext) -> None:
    with scripted(lambda turn: turn.send(response()), tls=server_tls) as origin:
        assert fetched(origin.url(), options=ClientOptions(tls=TlsOptions(insecure=True))).failure is None


def test_client_certificate_is_shown(
    server_tls: ssl.SSLContext, trusting: ClientOptions, client_certificate: Certificate
) -> None:
    server_tls.verify_mode = ssl.CERT_REQUIRED
    server_tls.load_verify_locations(client_certificate.certificate)
    mine = TlsOptions(trusting.tls.ca_file, False, client_certificate.certificate, client_certificate.key)
    with scripted(lambda turn: turn.send(response()), tls=server_tls) as origin:
        assert fetched(origin.url(), options=ClientOptions(tls=mine)).failure is None
        got = fetched(origin.url(), options=trusting)
    assert got.failure is not None
    assert got.failure.kind in (FailureKind.TLS, FailureKind.CONNECTION_LOST)  # TLS 1.3 refuses after the handshake


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
def test_session_is_resumed_by_its_client_only(
    version: ssl.TLSVersion, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    server_tls.minimum_version = server_tls.maximum_version = version
    resumed: list[bool | None] = []

    def script(turn: Turn) -> None:
        assert isinstance(turn.sock, ssl.SSLSocket)
        resumed.append(turn.sock.session_reused)
        turn.send(response(b"x", "200 OK", "Connection: close"))

    async def use(client: Client) -> tuple[int, int]:
        other = Client(client.context)
        try:
            for each in (*[client] * (FIRST_RESUMED + 1), other):
                assert (await fetch(each, request(origin.url()))).failure is None
        finally:
            other.close()
        (host,) = client.context.hosts.values()
        return host.over(HTTP1).connections, host.over(HTTP1).resumed

    with scripted(script, tls=server_tls) as origin:
        counted = with_client(use, options=trusting)
    assert resumed == [*[False] * FIRST_RESUMED, True, False]
    assert counted == (FIRST_RESUMED + 2, 1)


def test_a_session_that_is_not_resumed_gives_way_to_another(
    server_tls: ssl.SSLContext, server_certificate: Certificate, trusting: ClientOptions
) -> None:
    resumed: list[bool | None] = []

    def script(turn: Turn) -> None:
        assert isinstance(turn.sock, ssl.SSLSocket)
        resumed.append(turn.sock.session_reused)
        turn.send(response(b"x", "200 OK", "Connection: close"))

    async def use(client: Client) -> None:
        other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        other.load_cert_chain(*server_certificate)
        for context in (*[server_tls] * (FIRST_RESUMED + 2), other, other):
            origin.tls = context
            assert (await fetch(client, request(origin.url()))).failure is None

    with scripted(script, tls=server_tls) as origin:
        with_client(use, options=trusting)
    assert resumed == [*[False] * FIRST_RESUMED, True, True, False, True]


class _MallocState(ctypes.Structure):
    """What mallinfo2(3) gives; `uordblks` is the bytes in use."""

    _fields_ = [(f"before{number}", ctypes.c_size_t) for number in range(7)] + [
        ("uordblks", ctypes.c_size_t),
        ("fordblks", ctypes.c_size_t),
        ("keepcost", ctypes.c_size_t),
    ]


def allocated_bytes() -> int:
    """In use by what does not allocate through Python, such as OpenSSL."""
    mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo2 is None:
        pytest.skip("this C library does not say how much is allocated")
    mallinfo2.restype = _MallocState
    gc.collect()
    return int(mallinfo2().uordblks)


def test_connections_of_one_client_leave_no_memory_behind(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    grown: list[int] = []

    async def use(client: Client) -> None:
        for count in (10, 60):
            before = allocated_bytes()
            for _ in range(count):
                assert (await fetch(client, request(origin.url()))).failure is None
            grown.append(allocated_bytes() - before)

    with scripted(lambda turn: turn.send(response(b"x", "200 OK", "Connection: close")), tls=server_tls) as origin:
        with_client(use, options=trusting)
    assert grown[1] < 60 * 3000  # a session that nobody gives back is twice that


def test_viewers_that_come_and_go_leave_no_memory_behind(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    grown: list[int] = []

    async def use(first: Client) -> None:
        for count in (10, 60):
            before = allocated_bytes()
            for _ in range(count):
                client = Client(first.context)
                assert (await fetch(client, request(origin.url()))).failure is None
                client.close()
                del client
            grown.append(allocated_bytes() - before)

    with scripted(lambda turn: turn.send(response(b"x")), tls=server_tls) as origin:
        with_client(use, options=trusting)
    assert grown[1] < 60 * 3000


def test_end_without_a_tls_close_is_a_truncation(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    def script(turn: Turn) -> None:
        turn.send(b"HTTP/1.1 200 OK\r\n\r\nread to close")
        if turn.path == "/orderly":
            assert isinstance(turn.sock, ssl.SSLSocket)
            turn.sock.unwrap()
        turn.close()

    with scripted(script, tls=server_tls) as origin:
        cut = fetched(origin.url("/cut"), keep_body=True, options=trusting)
        whole = fetched(origin.url("/orderly"), keep_body=True, options=trusting)
    assert cut.failure is not None
    assert (cut.failure.kind, cut.body_bytes) == (FailureKind.TRUNCATED, 13)
    assert (whole.failure, whole.body) == (None, b"read to close")


def test_plain_http_on_the_port_is_a_tls_failure(trusting: ClientOptions) -> None:
    with scripted(lambda turn: turn.send(response())) as origin:
        got = fetched(origin.url(scheme="https"), options=trusting, timeouts=Timeouts(connect=0.3))
    assert got.failure is not None
    assert got.failure.kind in (FailureKind.TLS, FailureKind.CONNECT_TIMEOUT)


def test_redirect_from_https_to_http_carries_no_credentials(
    server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    with (
        scripted(lambda turn: turn.send(response(b"plain"))) as plain,
        scripted(lambda turn: turn.send(response(b"", "302 F", f"Location: {plain.url()}")), tls=server_tls) as origin,
    ):
        got = fetched(origin.url(), keep_body=True, options=trusting, headers=(("Authorization", "secret"),))
    assert (got.body, got.requests_sent) == (b"plain", 2)
    assert b"secret" in origin.heads[0]
    assert b"secret" not in plain.heads[0]


def test_cancel_in_the_handshake() -> None:
    async def use(client: Client) -> list[Exchange]:
        ended: list[Exchange] = []
        with socket.create_server(("127.0.0.1", 0)) as listener:
            under_way = client.fetch(request(f"https://127.0.0.1:{listener.getsockname()[1]}/"), ended.append)
            await asyncio.sleep(0.05)
            under_way.cancel()
        return ended

    (got,) = with_client(use)
    assert got.failure is not None
    assert got.failure.kind is FailureKind.CANCELLED
    assert got.connect_seconds is not None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(TlsOptions(ca_file="/nonexistent.pem"), "CA file /nonexistent.pem", id="no CA file"),
        pytest.param(TlsOptions(certificate="/nonexistent.pem"), "client certificate /nonexistent.pem", id="no file"),
        pytest.param(TlsOptions(ca_file=__file__), "CA file", id="not a certificate"),
    ],
)
def test_file_that_can_not_be_used_is_a_settings_error(options: TlsOptions, words: str) -> None:
    async def use(client: Client) -> None:
        with pytest.raises(SettingsError, match=words):
            ClientContext(client.context.loop, ClientOptions(tls=options))

    with_client(use)
