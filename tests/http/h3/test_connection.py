"""Fetches over HTTP/3: what is counted, and what becomes of each way in which an answer can end."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from tests.http.certificates import Certificate, made
from tests.http.h2.scripted import wait_until
from tests.http.h3.scripted import Request, h3_origin
from tests.http.running import Outcome, outcome, request, until, with_client
from tests.http.scripted import response, scripted

from hls_swarm.http import Client, ClientOptions, Http3, Identity, Timeouts, TlsOptions, fetch
from hls_swarm.http.h3.frames import ErrorCode
from hls_swarm.records import BODY_START_BYTES, Exchange, FailureKind, Unanswered

pytestmark = pytest.mark.usefixtures("extra")

BODY = b"#EXTM3U\n" * 5000
REQUIRED = Identity(http3=Http3.REQUIRED)


def one(url: str, options: ClientOptions, *, identity: Identity = REQUIRED, **more: object) -> Exchange:
    async def use(client: Client) -> Exchange:
        return await fetch(client, request(url, **more))  # type: ignore[arg-type]

    return with_client(use, options=options, identity=identity)


def in_turn(urls: list[str], options: ClientOptions) -> list[Exchange]:
    async def use(client: Client) -> list[Exchange]:
        return [await fetch(client, request(url, keep_body=True)) for url in urls]

    return with_client(use, options=options, identity=REQUIRED)


@pytest.mark.parametrize("keep_body", [True, False], ids=["kept", "dropped"])
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_answers_in_turn_on_one_connection(
    loop: str, keep_body: bool, pem: Certificate, trusting: ClientOptions
) -> None:
    async def use(client: Client) -> list[Exchange]:
        return [await fetch(client, request(origin.url(), keep_body=keep_body)) for _ in range(4)]

    with h3_origin(lambda turn: turn.answer(BODY), pem) as origin:
        got = with_client(use, options=trusting, identity=REQUIRED, loop=loop)
        assert len(origin.lines) == 1
    assert all(9 < each.head_bytes < 60 for each in got)
    expected = Outcome(200, BODY if keep_body else None, len(BODY), 0, 1, None)
    assert [outcome(each)._replace(head_bytes=0) for each in got] == [expected] * 4
    assert [each.connect_seconds is None for each in got] == [False, True, True, True]
    assert {each.tls_seconds for each in got} == {None}
    assert {each.body_start for each in got} == {None if keep_body else BODY[:BODY_START_BYTES]}
    for each in got:
        assert each.sent_at is not None
        assert each.first_byte_at is not None
        assert each.started_at <= each.sent_at <= each.first_byte_at <= each.ended_at


def test_fetches_share_one_connection_side_by_side(pem: Certificate, trusting: ClientOptions) -> None:
    with h3_origin(lambda turn: turn.answer(turn.path.encode() * 3000), pem) as origin:

        async def use(client: Client) -> list[Exchange]:
            urls = [origin.url(f"/{number}.ts") for number in range(20)]
            return await asyncio.gather(*(fetch(client, request(url, keep_body=True)) for url in urls))

        got = with_client(use, options=trusting, identity=REQUIRED)
        assert len(origin.lines) == 1
    assert [each.body for each in got] == [f"/{number}.ts".encode() * 3000 for number in range(20)]


def test_what_is_asked(pem: Certificate, trusting: ClientOptions) -> None:
    options = ClientOptions(tls=trusting.tls, headers=(("X-Mine", "yes"), ("Authorization", "Bearer x")))
    with h3_origin(lambda turn: turn.answer(b"12345", 206, ("content-range", "bytes 5-9/20")), pem) as origin:
        got = one(origin.url("/a b?x=1"), options, byte_range=(5, 5), headers=(("X-More", "2"),))
        (asked,) = origin.requests
    assert (got.status, got.body_bytes, got.failure) == (206, 5, None)
    assert {name: value for name, value in asked.fields.items() if name not in ("user-agent", "accept")} == {
        ":method": "GET",
        ":scheme": "https",
        ":authority": f"127.0.0.1:{origin.port}",
        ":path": "/a%20b?x=1",
        "accept-encoding": asked.fields["accept-encoding"],
        "x-mine": "yes",
        "authorization": "Bearer x",
        "x-more": "2",
        "range": "bytes=5-9",
    }


def test_redirects_cookies_interim_heads_and_trailers(pem: Certificate, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        if turn.path == "/old":
            turn.answer(b"", 302, ("location", "/new"), ("set-cookie", "a=b"))
            return
        turn.raw(b"\x01\x03\x00\x00\xd8")  # status 103, field 24 of the static table
        turn.head(200)
        turn.body(turn.fields.get("cookie", "none").encode(), end=False)
        turn.raw(b"\x21\x02xx")  # a frame that means nothing
        turn.line.h3.send_headers(turn.stream, [(b"etag", b"x")], True)

    with h3_origin(script, pem) as origin:
        got = one(origin.url("/old"), trusting, keep_body=True)
    assert (got.body, got.body_bytes, got.requests_sent) == (b"a=b", 3, 2)
    assert (got.status, got.final_url, got.failure) == (200, origin.url("/new"), None)


def short(turn: Request) -> None:
    turn.head(200, ("content-length", "10"))
    turn.body(b"12345")


def over(turn: Request) -> None:
    turn.head(200, ("content-length", "3"))
    turn.body(b"12345")


def reset_first(turn: Request) -> None:
    turn.reset(ErrorCode.H3_INTERNAL_ERROR)


def closed_first(turn: Request) -> None:
    turn.close(ErrorCode.H3_INTERNAL_ERROR)


def closed_by_quic(turn: Request) -> None:
    turn.close(0x1, frame=0)


def closed_in_the_body(turn: Request) -> None:
    turn.head(200)
    turn.body(b"12345", end=False)
    turn.line.flush()
    turn.close()


def no_answer(turn: Request) -> None:
    turn.raw(b"", ends=True)


def body_first(turn: Request) -> None:
    turn.raw(b"\x00\x01x")


def broken_frame(turn: Request) -> None:
    turn.raw(b"\x01\x10\x00", ends=True)


def broken_head(turn: Request) -> None:
    turn.raw(b"\x01\x03\x00\x00\xc1", ends=True)  # :path instead of :status


def of_a_table(turn: Request) -> None:
    turn.raw(b"\x01\x03\x02\x00\x80", ends=True)


def not_found(turn: Request) -> None:
    turn.answer(b"no", 404)


@pytest.mark.parametrize(
    ("script", "kind", "body_bytes", "words"),
    [
        pytest.param(short, FailureKind.TRUNCATED, 5, "5 bytes missing", id="short"),
        pytest.param(over, FailureKind.MALFORMED, 5, "over its 3 bytes", id="too long"),
        pytest.param(reset_first, FailureKind.CONNECTION_LOST, 0, "H3_INTERNAL_ERROR", id="reset"),
        pytest.param(closed_first, FailureKind.CONNECTION_LOST, 0, "H3_INTERNAL_ERROR (that is all)", id="closed"),
        pytest.param(closed_by_quic, FailureKind.CONNECTION_LOST, 0, "internal error (that is all)", id="QUIC's error"),
        pytest.param(closed_in_the_body, FailureKind.TRUNCATED, 5, "in the body", id="closed in the body"),
        pytest.param(no_answer, FailureKind.MALFORMED, 0, "ends without an answer", id="no answer"),
        pytest.param(body_first, FailureKind.MALFORMED, 0, "a body before its head", id="body before its head"),
        pytest.param(broken_frame, FailureKind.MALFORMED, 0, "ends within a frame", id="broken frame"),
        pytest.param(broken_head, FailureKind.MALFORMED, 0, "pseudo-header field", id="broken head"),
        pytest.param(of_a_table, FailureKind.MALFORMED, 0, "a table that holds nothing", id="dynamic table"),
        pytest.param(not_found, FailureKind.HTTP_STATUS, 2, "404", id="status"),
    ],
)
def test_failures(
    script: Callable[[Request], None],
    kind: FailureKind,
    body_bytes: int,
    words: str,
    pem: Certificate,
    trusting: ClientOptions,
) -> None:
    with h3_origin(script, pem) as origin:
        got = one(origin.url(), trusting)
        assert len(origin.requests) == 1
    assert got.failure is not None
    assert (got.failure.kind, got.body_bytes, got.requests_sent) == (kind, body_bytes, 1)
    assert words in got.failure.detail


def test_a_rejected_request_is_asked_for_again_once_and_counted_once(pem: Certificate, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        if turn.path == "/never" or (turn.path == "/later" and turn.nth == 1):
            turn.reset(ErrorCode.H3_REQUEST_REJECTED)
        else:
            turn.answer(b"here")

    with h3_origin(script, pem) as origin:
        first, later, never = in_turn([origin.url(path) for path in ("/first", "/later", "/never")], trusting)
        assert [turn.path for turn in origin.requests] == ["/first", "/later", "/later", "/never", "/never"]
        assert len(origin.lines) == 1
    assert (first.failure, later.failure) == (None, None)
    assert [each.requests_sent for each in (first, later, never)] == [1, 1, 0]
    assert never.failure is not None
    assert (never.failure.kind, never.failure.detail) == (FailureKind.CONNECTION_LOST, "request rejected")


def test_what_a_leaving_origin_did_not_take_is_asked_of_it_again(pem: Certificate, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        if turn.connection == 0 and turn.path == "/one":
            origin.batch = 1
            turn.go_away(turn.stream + 4)
            turn.answer(b"one")
        elif turn.connection:
            turn.answer(b"two")

    with h3_origin(script, pem, batch=2) as origin:

        async def use(client: Client) -> list[Exchange]:
            urls = [origin.url("/one"), origin.url("/two")]
            return await asyncio.gather(*(fetch(client, request(url, keep_body=True)) for url in urls))

        one_, two = with_client(use, options=trusting, identity=REQUIRED)
        assert len(origin.lines) == 2
    assert [(each.body, each.requests_sent, each.failure) for each in (one_, two)] == [
        (b"one", 1, None),
        (b"two", 1, None),
    ]


def test_what_became_of_a_request_on_a_lost_connection_is_not_known(pem: Certificate, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        if turn.connection == 0 and turn.nth == 1:
            turn.close(ErrorCode.H3_NO_ERROR)
        else:
            turn.answer(b"here")

    with h3_origin(script, pem) as origin:
        _, again = in_turn([origin.url("/1"), origin.url("/2")], trusting)
    assert (again.body, again.failure, again.requests_sent) == (b"here", None, 2)
    assert isinstance(again.unanswered, Unanswered)
    assert (again.unanswered.unsettled, again.unanswered.repeated) == (1, 1)


def test_a_cancelled_fetch_ends_its_stream_and_not_the_connection(pem: Certificate, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        if turn.path == "/slow":
            turn.head(200, ("content-length", "1000"))
            turn.body(b"x" * 100, end=False)
        else:
            turn.answer(b"ok")

    with h3_origin(script, pem) as origin:

        async def use(client: Client) -> tuple[list[Exchange], Exchange]:
            ended: list[Exchange] = []
            slow = client.fetch(request(origin.url("/slow")), ended.append)
            await until(lambda: slow.body_bytes == 100)
            slow.cancel()
            return ended, await fetch(client, request(origin.url("/next"), keep_body=True))

        ended, after = with_client(use, options=trusting, identity=REQUIRED)
        wait_until(lambda: origin.stopped)
        assert len(origin.lines) == 1
    assert [(each.body_bytes, each.failure and each.failure.kind) for each in ended] == [(100, FailureKind.CANCELLED)]
    assert after.body == b"ok"


def test_a_malformed_answer_ends_its_stream_for_that_and_not_the_connection(
    pem: Certificate, trusting: ClientOptions
) -> None:
    def script(turn: Request) -> None:
        if turn.path == "/over":
            turn.head(200, ("content-length", "3"))
            turn.body(b"12345", end=False)
        else:
            turn.answer(b"ok")

    with h3_origin(script, pem) as origin:
        over, after = in_turn([origin.url("/over"), origin.url("/next")], trusting)
        wait_until(lambda: origin.stopped)
        assert (origin.stop_codes, len(origin.lines)) == ([ErrorCode.H3_MESSAGE_ERROR], 1)
    assert (over.failure and over.failure.kind, after.body) == (FailureKind.MALFORMED, b"ok")


def test_a_long_body_of_no_use_is_not_read(pem: Certificate, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        if turn.path == "/gone":
            turn.head(404, ("content-length", "10000000"))
        else:
            turn.answer(b"ok")

    with h3_origin(script, pem) as origin:
        gone, after = in_turn([origin.url("/gone"), origin.url("/next")], trusting)
        assert len(origin.lines) == 1
    assert (gone.status, gone.failure and gone.failure.kind) == (404, FailureKind.HTTP_STATUS)
    assert (after.body, after.failure) == (b"ok", None)


def test_time_limits(pem: Certificate, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        if turn.path == "/body":
            turn.head(200)
            turn.body(b"x", end=False)

    limits = Timeouts(connect=5.0, first_byte=0.15, no_progress=0.15, total=10.0)
    with h3_origin(script, pem) as origin:
        silent = one(origin.url("/silent"), trusting, timeouts=limits)
        stuck = one(origin.url("/body"), trusting, timeouts=limits)
    assert silent.failure is not None
    assert stuck.failure is not None
    assert silent.failure.kind is FailureKind.FIRST_BYTE_TIMEOUT
    assert stuck.failure.kind is FailureKind.NO_PROGRESS_TIMEOUT


def test_more_requests_than_streams_at_once(pem: Certificate, trusting: ClientOptions) -> None:
    """A server allows 100 streams and more as they end: a few hundred requests take several rounds of that."""
    with h3_origin(lambda turn: turn.answer(b"x" * 2000), pem) as origin:

        async def use(client: Client) -> list[Exchange]:
            return await asyncio.gather(*(fetch(client, request(origin.url(f"/{n}"))) for n in range(250)))

        got = with_client(use, options=trusting, identity=REQUIRED)
        assert len(origin.lines) == 1
    assert [(each.body_bytes, each.requests_sent, each.failure) for each in got] == [(2000, 1, None)] * 250


def test_a_certificate_that_is_not_accepted(pem: Certificate, tmp_path: Path) -> None:
    other = made(tmp_path, "other", "subjectAltName=DNS:other.example")
    with h3_origin(lambda turn: turn.answer(b"x"), pem) as origin:
        unknown = one(origin.url(), ClientOptions(tls=TlsOptions(ca_file=other.certificate)))
        any_will_do = one(origin.url(), ClientOptions(tls=TlsOptions(insecure=True)))
    with h3_origin(lambda turn: turn.answer(b"x"), other) as origin:
        misnamed = one(origin.url(), ClientOptions(tls=TlsOptions(ca_file=other.certificate)))
        assert not origin.requests
    assert [each.failure and each.failure.kind for each in (unknown, any_will_do, misnamed)] == [
        FailureKind.TLS,
        None,
        FailureKind.TLS,
    ]
    assert [each.requests_sent for each in (unknown, any_will_do, misnamed)] == [0, 1, 0]
    assert unknown.failure is not None
    assert misnamed.failure is not None
    assert unknown.failure.detail.startswith("certificate of 127.0.0.1 not accepted: ")
    assert "hostname mismatch" in misnamed.failure.detail


def test_nobody_speaks_quic_there(trusting: ClientOptions) -> None:
    got = one("https://127.0.0.1:1/", trusting)
    assert got.failure is not None
    assert (got.failure.kind, got.failure.detail) == (FailureKind.CONNECT, "connection refused by 127.0.0.1:1")


def test_another_protocol_over_quic(pem: Certificate, trusting: ClientOptions) -> None:
    with h3_origin(lambda turn: turn.answer(b"x"), pem, alpn="doq") as origin:
        got = one(origin.url(), trusting)
    assert got.failure is not None
    assert (got.failure.kind, got.requests_sent) == (FailureKind.TLS, 0)


def test_what_is_not_over_tls_is_asked_in_plain_http(trusting: ClientOptions) -> None:
    with scripted(lambda turn: turn.send(response(b"plain"))) as origin:
        got = one(origin.url(), trusting, keep_body=True)
    assert (got.body, got.failure) == (b"plain", None)


def test_datagrams_that_are_lost(pem: Certificate, trusting: ClientOptions) -> None:
    """One of fifty, either way, those of the handshake too: what arrives is whole, and counted once."""
    rng = Random(7)
    content = rng.randbytes(60_000)
    with h3_origin(lambda turn: turn.answer(content), pem, drops=lambda _: rng.random() < 0.02) as origin:
        got = in_turn([origin.url(f"/{number}") for number in range(12)], trusting)
        assert origin.lost > 5
        assert len(origin.lines) == 1
    assert {(each.body, each.body_bytes, each.requests_sent, each.failure) for each in got} == {
        (content, len(content), 1, None)
    }


def test_a_first_datagram_that_is_lost(pem: Certificate, trusting: ClientOptions) -> None:
    with h3_origin(lambda turn: turn.answer(b"x"), pem, drops=lambda number: number <= 2) as origin:
        got = one(origin.url(), trusting)
    assert (got.failure, got.requests_sent) == (None, 1)
    assert got.connect_seconds is not None
    assert 0.15 < got.connect_seconds < 10  # twice Chromium's guess of a round trip


def test_silence_while_connecting(trusting: ClientOptions) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        limits = Timeouts(connect=0.4, first_byte=5.0, no_progress=5.0, total=10.0)
        got = one(f"https://127.0.0.1:{silent.getsockname()[1]}/", trusting, timeouts=limits)
    assert got.failure is not None
    assert (got.failure.kind, got.requests_sent) == (FailureKind.CONNECT_TIMEOUT, 0)
