"""How connections are shared, lost, made up for and given back, and what then counts as sent."""

import asyncio
import contextlib
import resource
import socket
import threading

import pytest
from tests.http.running import RECEPTIONS, fetched, outcome, request, until, with_client
from tests.http.scripted import Turn, response, scripted

from hls_swarm.http import Client, ClientOptions, Identity, fetch
from hls_swarm.http.h1.stream import Reception
from hls_swarm.records import Blame, Exchange, FailureKind


async def in_a_row(client: Client, url: str, count: int, pause: float = 0.0) -> list[Exchange]:
    exchanges = []
    for _ in range(count):
        exchanges.append(await fetch(client, request(url)))
        if pause:
            await asyncio.sleep(pause)
    return exchanges


@pytest.mark.parametrize("reception", RECEPTIONS)
def test_one_connection_serves_requests_in_a_row(reception: Reception | None) -> None:
    with scripted(lambda turn: turn.send(response(b"x" * 200_000))) as origin:
        got = with_client(lambda client: in_a_row(client, origin.url(), 5), reception=reception)
    assert [exchange.failure for exchange in got] == [None] * 5
    assert origin.connections == 1
    assert [exchange.connect_seconds is None for exchange in got] == [False, True, True, True, True]
    for exchange in got:
        assert exchange.sent_at is not None
        assert exchange.first_byte_at is not None
        assert exchange.started_at <= exchange.sent_at <= exchange.first_byte_at <= exchange.ended_at
        assert exchange.dns_seconds is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(response(), id="no body"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", id="204"),
        pytest.param(response(b"no", "404 Not Found"), id="error"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", id="chunked"),
        pytest.param(b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx", id="HTTP/1.0"),
    ],
)
def test_connection_that_can_go_on_does(answer: bytes) -> None:
    with scripted(lambda turn: turn.send(answer)) as origin:
        got = with_client(lambda client: in_a_row(client, origin.url(), 3))
    assert {exchange.requests_sent for exchange in got} == {1}
    assert origin.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(response(b"x", "200 OK", "Connection: close"), id="close"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", id="HTTP/1.0"),
        pytest.param(response(b"x") + b"excess", id="bytes after the answer"),
    ],
)
def test_connection_that_can_not_go_on_is_closed(answer: bytes) -> None:
    with scripted(lambda turn: turn.send(answer)) as origin:
        got = with_client(lambda client: in_a_row(client, origin.url(), 2))
    assert [exchange.failure for exchange in got] == [None, None]
    assert origin.connections == 2


@pytest.mark.parametrize(("fetches", "connections"), [(1, 1), (2, 2), (6, 6), (9, 6)])
def test_requests_at_once_share_at_most_six_connections(fetches: int, connections: int) -> None:
    all_there = threading.Barrier(connections)

    def script(turn: Turn) -> None:
        if turn.nth == 0:
            all_there.wait(5)
        turn.send(response(turn.path.encode()))

    async def use(client: Client) -> list[Exchange]:
        asked = [request(origin.url(f"/{n}"), keep_body=True) for n in range(fetches)]
        return await asyncio.gather(*(fetch(client, each) for each in asked))

    with scripted(script) as origin:
        got = with_client(use)
    assert [exchange.body for exchange in got] == [b"/%d" % n for n in range(fetches)]
    assert origin.connections == connections


def test_waiting_request_gets_a_connection_when_one_is_cancelled_or_fails() -> None:
    async def use(client: Client) -> tuple[list[Exchange], Exchange]:
        ended: list[Exchange] = []
        hanging = client.fetch(request(origin.url("/hang")), ended.append)
        waiting = asyncio.ensure_future(fetch(client, request(origin.url("/go"))))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        hanging.cancel()
        return ended, await waiting

    def script(turn: Turn) -> None:
        if turn.path == "/hang":
            turn.wait_for_end()
        turn.send(response(b"ok"))

    with scripted(script) as origin:
        ended, exchange = with_client(use, options=ClientOptions(connections_per_host=1))
    assert [each.failure and each.failure.kind for each in ended] == [FailureKind.CANCELLED]
    assert exchange.failure is None


def test_idle_connection_that_the_origin_closes_is_forgotten() -> None:
    def script(turn: Turn) -> None:
        turn.send(response(b"x"))
        turn.close()

    with scripted(script) as origin:
        got = with_client(lambda client: in_a_row(client, origin.url(), 3, pause=0.05))
    assert [(exchange.failure, exchange.requests_sent) for exchange in got] == [(None, 1)] * 3
    assert len(origin.heads) == origin.connections == 3


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_request_into_a_connection_already_closed_is_repeated_and_counts_once(loop: str) -> None:
    """As an access log: the origin never saw the first attempt."""
    closed = threading.Event()

    def script(turn: Turn) -> None:
        turn.send(response(b"x"))
        if turn.connection == 0:
            with contextlib.suppress(ConnectionAbortedError):
                turn.close()
            turn.sock.close()
            closed.set()
            raise ConnectionAbortedError

    async def use(client: Client) -> Exchange:
        again: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()

        def first_done(_: Exchange) -> None:
            assert closed.wait(5)  # in the same turn of the loop: it can not have noticed yet
            client.fetch(request(origin.url()), again.set_result)

        client.fetch(request(origin.url()), first_done)
        return await again

    with scripted(script) as origin:
        got = with_client(use, loop=loop)
    assert (got.failure, got.requests_sent, got.status) == (None, 1, 200)
    assert len(origin.heads) == 2
    assert got.connect_seconds is not None


def test_request_that_was_taken_and_not_answered_counts() -> None:
    """As an access log: the origin read it, then closed in order (nginx: `return 444`)."""

    def script(turn: Turn) -> None:
        if turn.connection == 0 and turn.nth == 1:
            turn.close()
        turn.send(response(b"x"))

    with scripted(script) as origin:
        got = with_client(lambda client: in_a_row(client, origin.url(), 2))
    assert [(exchange.failure, exchange.requests_sent) for exchange in got] == [(None, 1), (None, 2)]
    assert len(origin.heads) == 3


def test_request_answered_with_a_reset_on_a_reused_connection_counts_as_unsettled_and_failed() -> None:
    """The origin read it; a reset does not say so."""

    def script(turn: Turn) -> None:
        if turn.connection == 0 and turn.nth == 1:
            turn.reset()
        turn.send(response(b"x"))

    with scripted(script) as origin:
        got = with_client(lambda client: in_a_row(client, origin.url(), 2))
    assert [(exchange.failure, exchange.requests_sent) for exchange in got] == [(None, 1), (None, 2)]
    assert len(origin.heads) == 3
    unanswered = got[1].unanswered
    assert unanswered is not None
    assert (unanswered.unsettled, unanswered.repeated) == (1, 1)
    assert unanswered.failure is not None
    assert "reset" in unanswered.failure.detail


def test_stale_connection_is_made_up_for_once() -> None:
    def script(turn: Turn) -> None:
        if len(origin.heads) > 1:
            turn.close()
        turn.send(response(b"x"))

    with scripted(script) as origin:
        got = with_client(lambda client: in_a_row(client, origin.url(), 2))
    assert [exchange.failure and exchange.failure.kind for exchange in got] == [None, FailureKind.CONNECTION_LOST]
    assert got[1].requests_sent == 2
    assert len(origin.heads) == 3


def test_reset_on_a_new_connection_is_not_repeated() -> None:
    with scripted(lambda turn: turn.reset()) as origin:
        got = fetched(origin.url())
    assert got.failure is not None
    assert got.failure.kind is FailureKind.CONNECTION_LOST
    assert "reset" in got.failure.detail
    assert origin.connections == 1


@pytest.mark.parametrize("reception", RECEPTIONS)
def test_cancel_reports_at_once_what_had_come(reception: Reception | None) -> None:
    sent = threading.Event()

    def script(turn: Turn) -> None:
        turn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n" + b"x" * 5000)
        sent.set()
        turn.wait_for_end()

    async def use(client: Client) -> tuple[list[Exchange], int]:
        ended: list[Exchange] = []
        under_way = client.fetch(request(origin.url()), ended.append)
        await until(lambda: under_way.body_bytes == 5000)
        so_far = under_way.body_bytes
        under_way.cancel()
        assert len(ended) == 1
        under_way.cancel()
        return ended, so_far

    with scripted(script) as origin:
        ended, so_far = with_client(use, reception=reception)
    assert [(each.failure and each.failure.kind, each.body_bytes) for each in ended] == [(FailureKind.CANCELLED, 5000)]
    assert so_far == 5000


def test_cancelled_before_anything_happened() -> None:
    async def use(client: Client) -> list[Exchange]:
        ended: list[Exchange] = []
        client.fetch(request("http://127.0.0.1:9/"), ended.append).cancel()
        client.fetch(request("nonsense"), ended.append).cancel()
        await asyncio.sleep(0.01)
        return ended

    got = with_client(use)
    assert [(each.failure and each.failure.kind, each.requests_sent) for each in got] == [
        (FailureKind.CANCELLED, 0)
    ] * 2


def test_cancelling_the_wait_cancels_the_fetch() -> None:
    async def use(client: Client) -> None:
        waiting = asyncio.ensure_future(fetch(client, request(origin.url())))
        await until(lambda: origin.heads)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await fetch(client, request(origin.url("/go")))).failure is None

    def script(turn: Turn) -> None:
        if turn.path == "/":
            turn.wait_for_end()
        turn.send(response())

    with scripted(script) as origin:
        with_client(use, options=ClientOptions(connections_per_host=1))


def test_close_cancels_everything_and_later_fetches() -> None:
    async def use(client: Client) -> list[Exchange]:
        ended: list[Exchange] = []
        for _ in range(3):
            client.fetch(request(origin.url()), ended.append)
        await until(lambda: len(origin.heads) == 3)
        client.close()
        assert len(ended) == 3
        client.fetch(request(origin.url()), ended.append)
        assert len(ended) == 3
        await asyncio.sleep(0)
        return ended

    with scripted(lambda turn: turn.wait_for_end()) as origin:
        got = with_client(use)
    assert [each.failure and each.failure.kind for each in got] == [FailureKind.CANCELLED] * 4


def test_done_may_fetch_again_and_is_never_called_inside_fetch() -> None:
    async def use(client: Client) -> int:
        finished: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        calls = 0
        inside = False

        def again() -> None:
            nonlocal inside
            inside = True
            client.fetch(request(origin.url() if calls % 2 else "http://127.0.0.1:1/"), done)
            inside = False

        def done(_: Exchange) -> None:
            nonlocal calls
            assert not inside
            calls += 1
            if calls == 20:
                finished.set_result(calls)
            else:
                again()

        again()
        return await finished

    with scripted(lambda turn: turn.send(response(b"x"))) as origin:
        assert with_client(use) == 20


def test_what_done_raises_reaches_the_loop_and_nothing_else_breaks() -> None:
    async def use(client: Client) -> list[str]:
        seen: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(str(context.get("exception"))))

        def done(_: Exchange) -> None:
            raise BrokenPipeError("of the caller's own")

        client.fetch(request(origin.url()), done)
        await until(lambda: seen)
        assert (await fetch(client, request(origin.url()))).failure is None
        return seen

    with scripted(lambda turn: turn.send(response(b"x"))) as origin:
        assert with_client(use) == ["of the caller's own"]
        assert origin.connections == 1


def test_slow_reader_of_a_long_request_is_waited_for() -> None:
    long_field = ("X-Long", "v" * 3_000_000)

    async def use(client: Client) -> Exchange:
        return await fetch(client, request(origin.url(), headers=(long_field,)))

    with scripted(lambda turn: turn.send(response(b"ok"))) as origin:
        got = with_client(use)
        assert (got.failure, got.requests_sent) == (None, 1)
        assert b"X-Long: " + b"v" * 3_000_000 in origin.heads[0]


def test_answer_before_the_request_is_whole_counts() -> None:
    def script(sock: socket.socket) -> None:
        taken, _ = sock.accept()
        with taken:
            taken.recv(1000)
            taken.sendall(response(b"too long", "431 No", "Connection: close"))
            while taken.recv(1 << 20):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=script, args=(listener,))
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        got = fetched(url, headers=(("X-Long", "v" * 30_000_000),))
        server.join(5)
    assert got.failure is not None
    assert (got.failure.status, got.requests_sent, got.body_bytes) == (431, 1, 8)


def test_refused_connection_names_who_refused() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        got = fetched(f"http://127.0.0.1:{port}/")
    assert got.failure is not None
    assert (got.failure.kind, got.failure.blame) == (FailureKind.CONNECT, Blame.ORIGIN)
    assert got.failure.detail == f"connection refused by 127.0.0.1:{port}"
    assert (got.requests_sent, got.status, got.sent_at) == (0, None, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_descriptor_left_is_the_generators_fault(host: str) -> None:
    async def use(client: Client) -> Exchange:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.ExitStack() as held:
            resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
            held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            with contextlib.suppress(OSError):
                while True:
                    held.enter_context(socket.socket())
            return await fetch(client, request(f"http://{host}:9/"))

    got = with_client(use)
    assert got.failure is not None
    assert (got.failure.kind, got.failure.blame) == (FailureKind.DESCRIPTORS, Blame.GENERATOR)


def test_foreign_source_address_is_the_generators_fault() -> None:
    got = with_client(
        lambda client: fetch(client, request("http://127.0.0.1:9/")), identity=Identity(source_address="192.0.2.1")
    )
    assert got.failure is not None
    assert (got.failure.kind, got.failure.blame) == (FailureKind.PORTS, Blame.GENERATOR)
    assert "192.0.2.1" in got.failure.detail


def test_source_address_is_what_the_origin_sees() -> None:
    seen: list[str] = []

    def script(turn: Turn) -> None:
        seen.append(turn.sock.getpeername()[0])
        turn.send(response())

    with scripted(script) as origin:
        with_client(lambda client: fetch(client, request(origin.url())), identity=Identity(source_address="127.0.0.2"))
    assert seen == ["127.0.0.2"]


def test_clients_share_no_connection() -> None:
    async def main(client: Client) -> None:
        other = Client(client.context)
        try:
            await fetch(client, request(origin.url()))
            await fetch(other, request(origin.url()))
        finally:
            other.close()

    with scripted(lambda turn: turn.send(response())) as origin:
        with_client(main)
        assert origin.connections == 2


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://127.0.0.1/", "http://", "http://[::1/", "http://127.0.0.1:99999/", "http://a b/"]
)
def test_url_that_can_not_be_fetched_is_a_failure(url: str) -> None:
    got = fetched(url)
    assert got.failure is not None
    assert got.failure.kind is FailureKind.MALFORMED
    assert got.final_url == url


@pytest.mark.parametrize("reception", RECEPTIONS)
def test_connection_lost_in_the_middle_of_a_long_body(reception: Reception | None) -> None:
    def script(turn: Turn) -> None:
        turn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 2_000_000)
        turn.close()

    with scripted(script) as origin:
        got = outcome(fetched(origin.url(), reception=reception))
    assert (got.status, got.body_bytes, got.failure) == (200, 2_000_000, FailureKind.TRUNCATED)


def test_a_name_that_is_known_leads_to_the_port_that_is_asked() -> None:
    with (
        scripted(lambda turn: turn.send(response(b"one"))) as one,
        scripted(lambda turn: turn.send(response(b"two"))) as two,
    ):

        async def use(client: Client) -> list[Exchange]:
            urls = [f"http://localhost:{origin.port}/" for origin in (one, two)]
            return [await fetch(client, request(url, keep_body=True)) for url in urls]

        got = with_client(use)
    assert [(each.body, each.dns_seconds is None) for each in got] == [(b"one", False), (b"two", True)]
