"""Fetches over HTTP/2: what is counted, and what becomes of each way in which an answer can end."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from tests.http.h2.scripted import Request, http2_origin, wait_until
from tests.http.running import Outcome, outcome, request, until, with_client
from tests.http.scripted import response, scripted

from hls_swarm.http import Client, ClientContext, ClientOptions, Http2, Identity, Timeouts, fetch
from hls_swarm.http.asking.target import Target
from hls_swarm.http.h2 import frames
from hls_swarm.http.h2.fields import field_literals
from hls_swarm.http.h2.frames import frame
from hls_swarm.records import BODY_START_BYTES, Exchange, FailureKind
from hls_swarm.stats.hosts import HTTP2

BODY = b"#EXTM3U\n" * 5000
OFFERED, REQUIRED = Identity(http2=Http2.OFFERED), Identity(http2=Http2.REQUIRED)


def one(url: str, options: ClientOptions, *, identity: Identity = OFFERED, **more: object) -> Exchange:
    async def use(client: Client) -> Exchange:
        return await fetch(client, request(url, **more))  # type: ignore[arg-type]

    return with_client(use, options=options, identity=identity)


def many(urls: list[str], options: ClientOptions, *, keep_body: bool = False) -> list[Exchange]:
    async def use(client: Client) -> list[Exchange]:
        return await asyncio.gather(*(fetch(client, request(url, keep_body=keep_body)) for url in urls))

    return with_client(use, options=options, identity=OFFERED)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("keep_body", [True, False], ids=["kept", "dropped"])
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_answers_in_turn_on_one_connection(
    loop: str, keep_body: bool, version: ssl.TLSVersion, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    server_tls.minimum_version = server_tls.maximum_version = version

    async def use(client: Client) -> list[Exchange]:
        return [await fetch(client, request(origin.url(), keep_body=keep_body)) for _ in range(4)]

    with http2_origin(lambda turn: turn.answer(BODY), server_tls) as origin:
        got = with_client(use, options=trusting, identity=OFFERED, loop=loop)
        assert origin.connections == 1
    assert all(9 < each.head_bytes < 60 for each in got)
    expected = Outcome(200, BODY if keep_body else None, len(BODY), 0, 1, None)
    assert [outcome(each)._replace(head_bytes=0) for each in got] == [expected] * 4
    assert [each.tls_seconds is None for each in got] == [False, True, True, True]
    assert {each.body_start for each in got} == {None if keep_body else BODY[:BODY_START_BYTES]}
    for each in got:
        assert each.sent_at is not None
        assert each.first_byte_at is not None
        assert each.started_at <= each.sent_at <= each.first_byte_at <= each.ended_at


def test_fetches_share_one_connection_side_by_side(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    with http2_origin(lambda turn: turn.answer(turn.path.encode() * 3000), server_tls, batch=1) as origin:
        got = many([origin.url(f"/{number}.ts") for number in range(20)], trusting, keep_body=True)
        assert origin.connections == 1
    assert [each.body for each in got] == [f"/{number}.ts".encode() * 3000 for number in range(20)]


@pytest.mark.parametrize(("identity", "http2_connections"), [(OFFERED, 1), (Identity(), 0)], ids=["2", "1.1"])
def test_connections_count_by_version(
    identity: Identity, http2_connections: int, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    async def use(client: Client) -> tuple[int, int]:
        await fetch(client, request(url))
        (host,) = client.context.hosts.values()
        return host.connections, host.over(HTTP2).connections

    with (
        http2_origin(lambda turn: turn.answer(b"x"), server_tls) as newer,
        scripted(lambda turn: turn.send(response(b"x")), tls=server_tls) as older,
    ):
        url = newer.url() if http2_connections else older.url()
        assert with_client(use, options=trusting, identity=identity) == (1, http2_connections)


def test_what_is_asked(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    options = ClientOptions(tls=trusting.tls, headers=(("X-Mine", "yes"), ("Authorization", "Bearer x")))
    with http2_origin(lambda turn: turn.answer(b"12345", 206, ("content-range", "bytes 5-9/20")), server_tls) as origin:
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


def test_redirects_and_cookies(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        if turn.path == "/old":
            turn.answer(b"", 302, ("location", "/new"), ("set-cookie", "a=b"))
        else:
            turn.answer(turn.fields.get("cookie", "none").encode())

    with http2_origin(script, server_tls) as origin:
        got = one(origin.url("/old"), trusting, keep_body=True)
    assert (got.body, got.requests_sent, got.final_url) == (b"a=b", 2, origin.url("/new"))


def test_interim_heads_padding_and_trailers(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        turn.head(103, ("link", "</a>"))
        turn.head(200)
        turn.body(b"abc", end=False, pad=100)
        turn.body(b"def", end=False)
        turn.trailers(("etag", "x"))

    with http2_origin(script, server_tls) as origin:
        got = one(origin.url(), trusting, keep_body=True)
    assert (got.status, got.body, got.body_bytes, got.failure) == (200, b"abcdef", 6, None)


def short(turn: Request) -> None:
    turn.head(200, ("content-length", "10"))
    turn.body(b"12345")


def over(turn: Request) -> None:
    turn.head(200, ("content-length", "3"))
    turn.body(b"12345")


def reset_first(turn: Request) -> None:
    turn.reset()


def reset_in_the_body(turn: Request) -> None:
    turn.head(200)
    turn.body(b"12345", end=False)
    turn.reset()


def closed_first(turn: Request) -> None:
    turn.close()


def closed_in_the_body(turn: Request) -> None:
    turn.head(200)
    turn.body(b"12345", end=False)
    turn.close()


def broken_frame(turn: Request) -> None:
    turn.raw(b"\xff" * 9)


def broken_head(turn: Request) -> None:
    turn.raw(b"\x00\x00\x01\x01\x05" + turn.stream.to_bytes(4, "big") + b"\x84")  # a :path instead of a :status


def over_and_on(turn: Request) -> None:
    turn.head(200, ("content-length", "3"))
    turn.body(b"12345", end=False)


def of_no_use(turn: Request) -> None:
    turn.head(404, ("content-length", str(1 << 20)))


@pytest.mark.parametrize(
    ("script", "code"),
    [
        pytest.param(over_and_on, ErrorCodes.PROTOCOL_ERROR, id="malformed"),
        pytest.param(of_no_use, ErrorCodes.CANCEL, id="of no use"),
    ],
)
def test_a_stream_is_ended_for_what_it_is(
    script: Callable[[Request], None], code: ErrorCodes, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    with http2_origin(script, server_tls) as origin:
        one(origin.url(), trusting)
        wait_until(lambda: origin.resets)
        assert origin.reset_codes == [code]


def not_found(turn: Request) -> None:
    turn.answer(b"no", 404)


@pytest.mark.parametrize(
    ("script", "kind", "body_bytes"),
    [
        pytest.param(short, FailureKind.TRUNCATED, 5, id="short"),
        pytest.param(over, FailureKind.MALFORMED, 5, id="too long"),
        pytest.param(reset_first, FailureKind.CONNECTION_LOST, 0, id="reset"),
        pytest.param(reset_in_the_body, FailureKind.TRUNCATED, 5, id="reset in the body"),
        pytest.param(closed_first, FailureKind.CONNECTION_LOST, 0, id="closed"),
        pytest.param(closed_in_the_body, FailureKind.TRUNCATED, 5, id="closed in the body"),
        pytest.param(broken_frame, FailureKind.MALFORMED, 0, id="broken frame"),
        pytest.param(broken_head, FailureKind.MALFORMED, 0, id="broken head"),
        pytest.param(not_found, FailureKind.HTTP_STATUS, 2, id="status"),
    ],
)
def test_failures(
    script: Callable[[Request], None],
    kind: FailureKind,
    body_bytes: int,
    server_tls: ssl.SSLContext,
    trusting: ClientOptions,
) -> None:
    with http2_origin(script, server_tls) as origin:
        got = one(origin.url(), trusting)
        assert len(origin.requests) == 1
    assert got.failure is not None
    assert (got.failure.kind, got.body_bytes, got.requests_sent) == (kind, body_bytes, 1)


def test_a_refused_stream_is_asked_for_again_once_and_counted_once(
    server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    def script(turn: Request) -> None:
        if turn.path == "/never" or (turn.path == "/later" and turn.nth == 1):
            turn.reset(ErrorCodes.REFUSED_STREAM)
        else:
            turn.answer(b"here")

    async def use(client: Client) -> list[Exchange]:
        return [await fetch(client, request(origin.url(path))) for path in ("/first", "/later", "/never")]

    with http2_origin(script, server_tls) as origin:
        first, later, never = with_client(use, options=trusting, identity=OFFERED)
        assert [turn.path for turn in origin.requests] == ["/first", "/later", "/later", "/never", "/never"]
    assert (first.failure, later.failure) == (None, None)
    assert [each.requests_sent for each in (first, later, never)] == [1, 1, 0]
    assert never.failure is not None
    assert never.failure.kind is FailureKind.CONNECTION_LOST


def test_what_a_leaving_origin_did_not_take_is_asked_of_it_again(
    server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    def script(turn: Request) -> None:
        if turn.connection == 0 and turn.path == "/one":
            turn.go_away(turn.stream)
            turn._served.h2.state_machine.state = turn._served.h2.state_machine.state.CLIENT_OPEN
            turn.answer(b"one")
        elif turn.connection:
            turn.answer(b"two")

    with http2_origin(script, server_tls, batch=2) as origin:

        async def use(client: Client) -> list[Exchange]:
            first = asyncio.ensure_future(fetch(client, request(origin.url("/one"), keep_body=True)))
            second = asyncio.ensure_future(fetch(client, request(origin.url("/two"), keep_body=True)))
            await until(lambda: len(origin.requests) == 2)
            origin.batch = 1
            return [await first, await second]

        one_, two = with_client(use, options=trusting, identity=OFFERED)
        assert origin.connections == 2
    assert (two.body, two.requests_sent, two.failure) == (b"two", 1, None)
    assert one_.requests_sent == 1


def test_a_cancelled_fetch_ends_its_stream_and_not_the_connection(
    server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    def script(turn: Request) -> None:
        if turn.path == "/slow":
            turn.head(200, ("content-length", "1000"))
            turn.body(b"x" * 100, end=False)
        else:
            turn.answer(b"ok")

    with http2_origin(script, server_tls) as origin:

        async def use(client: Client) -> tuple[list[Exchange], Exchange]:
            ended: list[Exchange] = []
            slow = client.fetch(request(origin.url("/slow")), ended.append)
            await until(lambda: slow.body_bytes == 100)
            slow.cancel()
            return ended, await fetch(client, request(origin.url("/next"), keep_body=True))

        ended, after = with_client(use, options=trusting, identity=OFFERED)
        wait_until(lambda: origin.resets)
        assert origin.connections == 1
    assert [(each.body_bytes, each.failure and each.failure.kind) for each in ended] == [(100, FailureKind.CANCELLED)]
    assert after.body == b"ok"


def test_a_long_body_of_no_use_is_not_read(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        if turn.path == "/gone":
            turn.head(404, ("content-length", "10000000"))
        else:
            turn.answer(b"ok")

    async def use(client: Client) -> list[Exchange]:
        return [await fetch(client, request(origin.url(path))) for path in ("/gone", "/next")]

    with http2_origin(script, server_tls) as origin:
        gone, after = with_client(use, options=trusting, identity=OFFERED)
        assert origin.connections == 1
    assert gone.failure is not None
    assert (gone.status, after.failure) == (404, None)


def test_time_limits(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        if turn.path == "/body":
            turn.head(200)
            turn.body(b"x", end=False)

    limits = Timeouts(connect=5.0, first_byte=0.15, no_progress=0.15, total=10.0)
    with http2_origin(script, server_tls) as origin:
        silent = one(origin.url("/silent"), trusting, timeouts=limits)
        stuck = one(origin.url("/body"), trusting, timeouts=limits)
    assert silent.failure is not None
    assert stuck.failure is not None
    assert silent.failure.kind is FailureKind.FIRST_BYTE_TIMEOUT
    assert stuck.failure.kind is FailureKind.NO_PROGRESS_TIMEOUT


def test_no_more_streams_at_once_than_the_origin_takes(server_tls: ssl.SSLContext, trusting: ClientOptions) -> None:
    most: list[int] = []

    def script(turn: Request) -> None:
        most.append(turn._served.h2.open_inbound_streams)
        turn.answer(b"x" * 20_000)

    with http2_origin(script, server_tls, settings={SettingCodes.MAX_CONCURRENT_STREAMS: 2}) as origin:

        async def use(client: Client) -> list[Exchange]:
            await fetch(client, request(origin.url()))  # its settings are known from here on
            return await asyncio.gather(*(fetch(client, request(origin.url())) for _ in range(9)))

        got = with_client(use, options=trusting, identity=OFFERED)
        assert origin.connections == 1
    assert [each.body_bytes for each in got] == [20_000] * 9
    assert max(most) <= 2


def test_an_origin_without_http2_is_asked_over_several_connections(trusting: ClientOptions, pem: object) -> None:
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    plain.load_cert_chain(f"{pem}/cert.pem", f"{pem}/key.pem")
    with scripted(lambda turn: turn.send(response(b"x" * 1000)), tls=plain) as origin:
        got = many([origin.url() for _ in range(4)], trusting)
        refused = one(origin.url(), trusting, identity=REQUIRED)
        assert origin.connections == 5
    assert [(each.body_bytes, each.failure) for each in got] == [(1000, None)] * 4
    assert refused.failure is not None
    assert refused.failure.kind is FailureKind.TLS
    assert "HTTP/2" in refused.failure.detail


def test_prior_knowledge_without_tls() -> None:
    with http2_origin(lambda turn: turn.answer(BODY)) as origin:
        got = one(origin.url(), ClientOptions(), identity=REQUIRED, keep_body=True)
    assert (got.body, got.failure) == (BODY, None)


def test_prior_knowledge_that_is_wrong() -> None:
    with scripted(lambda turn: turn.send(response(b"x"))) as origin:
        got = one(origin.url(), ClientOptions(), identity=REQUIRED)
    assert got.failure is not None
    assert got.failure.kind in (FailureKind.MALFORMED, FailureKind.CONNECTION_LOST)


def test_http_stays_what_it_was_where_it_is_only_offered() -> None:
    with scripted(lambda turn: turn.send(response(b"x"))) as origin:
        assert one(origin.url(), ClientOptions()).failure is None


def test_a_bug_while_an_answer_is_read_ends_what_is_waited_for_as_the_generators_failure(
    server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    class Forgetful(Client):
        def keep_cookies(self, fields: tuple[str, ...], target: Target) -> None:
            raise KeyError("cookie")

    async def main() -> tuple[list[str], list[Exchange], Exchange]:
        told: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(str(context["exception"])))
        client = Forgetful(ClientContext(loop, trusting), OFFERED)
        try:
            async with asyncio.timeout(10):
                both = await asyncio.gather(
                    *(fetch(client, request(origin.url(path))) for path in ("/cookie", "/held"))
                )
                return told, both, await fetch(client, request(origin.url("/plain")))
        finally:
            client.close()

    def script(turn: Request) -> None:
        if turn.path == "/cookie":
            turn.answer(b"x", 200, ("set-cookie", "a=b"))
        elif turn.path == "/plain":
            turn.answer(b"x")

    with http2_origin(script, server_tls, batch=1) as origin:
        told, both, after = asyncio.run(main())
    assert [each.failure and each.failure.kind for each in both] == [FailureKind.INTERNAL] * 2
    assert (told, after.failure) == (["'cookie'"], None)


@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "plain"])
def test_a_long_body_that_is_reset_is_seen_soon_and_the_next_answer_at_once(
    tls: bool, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    """The low-water mark that the body has hides the end of its stream, and is not left behind."""

    def script(turn: Request) -> None:
        if turn.path == "/long":
            turn.head(200, ("content-length", "2000000"))
            turn.body(bytes(300_000), end=False)
            turn.reset()
        else:
            turn.answer(b"short")

    async def use(client: Client) -> list[Exchange]:
        urls = ("/first", "/long", "/short")  # after the first one most of a body over TLS would be dropped
        patient = Timeouts(no_progress=None, total=60)
        asked = [request(origin.url(url), keep_body=url != "/long", timeouts=patient) for url in urls]
        return [await fetch(client, each) for each in asked]

    with http2_origin(script, server_tls if tls else None) as origin:
        _, cut, after = with_client(use, options=trusting, identity=OFFERED if tls else REQUIRED)
    assert cut.failure is not None
    assert (cut.failure.kind, cut.body_bytes) == (FailureKind.TRUNCATED, 300_000)
    assert cut.ended_at - cut.started_at < 30
    assert (after.body, after.failure) == (b"short", None)
    assert after.ended_at - after.started_at < 5


@pytest.mark.parametrize("is_tls", [True, False], ids=["TLS 1.3", "prior knowledge"])
def test_the_end_of_a_long_body_in_a_frame_of_its_own_is_read_at_once(
    is_tls: bool, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    """As servers in Go send it, after everything else was read: it is shorter than the low-water mark of the body."""

    def script(turn: Request) -> None:
        turn.head(200, ("content-length", "300000"))
        turn.body(bytes(16_000), end=False)
        time.sleep(0.1)
        turn.body(bytes(284_000), end=False)
        time.sleep(0.2)
        turn.body(b"", end=True)

    async def use(client: Client) -> Exchange:
        return await asyncio.wait_for(fetch(client, request(origin.url(), timeouts=unlimited)), 10)

    tls, identity = (server_tls, OFFERED) if is_tls else (None, REQUIRED)
    unlimited = Timeouts(connect=None, first_byte=None, no_progress=None, total=None)
    with http2_origin(script, tls) as origin:
        got = with_client(use, options=trusting, identity=identity)
    assert (got.body_bytes, got.failure) == (300_000, None)


@pytest.mark.parametrize("tls", [True, False], ids=["TLS", "plain"])
def test_what_has_come_of_a_long_body_counts_when_it_is_given_up(
    tls: bool, server_tls: ssl.SSLContext, trusting: ClientOptions
) -> None:
    """Most of it is in the kernel still, below the low-water mark."""
    sent: list[int] = []

    def script(turn: Request) -> None:
        if turn.path == "/long":
            turn.head(200, ("content-length", "2000000"))
            turn.body(bytes(10_000), end=False)
            time.sleep(0.2)
            turn.body(bytes(290_000), end=False)
            sent.append(1)
        else:
            turn.answer(b"short")

    async def use(client: Client) -> list[Exchange]:
        first = await fetch(client, request(origin.url("/first"), keep_body=True))
        ended: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        fetching = client.fetch(request(origin.url("/long")), ended.set_result)
        await until(lambda: sent)
        fetching.cancel()
        return [first, await ended, await fetch(client, request(origin.url("/after"), keep_body=True))]

    with http2_origin(script, server_tls if tls else None) as origin:
        _, cut, after = with_client(use, options=trusting, identity=OFFERED if tls else REQUIRED)
        assert origin.connections == 1
    assert 299_000 < cut.body_bytes <= 300_000
    assert (after.body, after.failure) == (b"short", None)


def test_what_had_arrived_of_a_body_that_is_given_up_is_counted_to_the_byte() -> None:
    """Most of it waits in the kernel, below the low-water mark; a frame is cut in its middle."""
    whole, cut = 68, 1234
    arrived = whole * 3000 + cut

    def script(turn: Request) -> None:
        block = b"\x88" + field_literals((("content-length", "4000000"),))
        wire = frame(frames.DATA, 0, turn.stream, b"x" * 3000)
        # At once, so that they are read together: from these the client knows how large frames are.
        turn.raw(frame(frames.HEADERS, frames.END_HEADERS, turn.stream, block) + wire + wire[:-1000])
        is_known.wait(10)
        turn.raw(wire[-1000:] + wire * (whole - 2) + wire[: frames.HEADER_BYTES + cut])

    async def use(client: Client) -> Exchange:
        ended: list[Exchange] = []
        under_way = client.fetch(request(origin.url(), max_body_bytes=4_000_000), ended.append)
        await until(lambda: under_way.body_bytes >= 5000)
        is_known.set()
        await until(lambda: under_way.body_bytes >= arrived)
        under_way.cancel()
        return ended[0]

    is_known = threading.Event()
    with http2_origin(script) as origin:
        got = with_client(use, identity=REQUIRED)
    assert (got.body_bytes, got.failure and got.failure.kind) == (arrived, FailureKind.CANCELLED)
