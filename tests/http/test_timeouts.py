"""The four time limits of an exchange, each with the phase it belongs to."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator

import pytest
from tests.http.running import RECEPTIONS, fetched, request, with_client
from tests.http.scripted import Turn, response, scripted

from hls_swarm.http import Client, ClientOptions, Limits, Timeouts, fetch
from hls_swarm.http.h1.stream import Reception
from hls_swarm.records import Exchange, FailureKind

SHORT = 0.4
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"


@contextlib.contextmanager
def full_listener() -> Iterator[int]:
    """A port whose connections are never accepted: its queue is full, and the kernel drops what asks to join."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def silent(turn: Turn) -> None:
    turn.wait_for_end()


def stuck_in_the_body(turn: Turn) -> None:
    turn.send(HEAD + b"x" * 50_000)
    turn.wait_for_end()


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize(
    ("script", "limits", "kind", "words", "body_bytes"),
    [
        pytest.param(silent, Timeouts(first_byte=SHORT), FailureKind.FIRST_BYTE_TIMEOUT, "no answer", 0, id="answer"),
        pytest.param(silent, Timeouts(total=SHORT), FailureKind.TOTAL_TIMEOUT, "not complete", 0, id="total"),
        pytest.param(
            stuck_in_the_body,
            Timeouts(no_progress=SHORT),
            FailureKind.NO_PROGRESS_TIMEOUT,
            "no body bytes",
            50_000,
            id="progress",
        ),
        pytest.param(
            stuck_in_the_body,
            Timeouts(total=SHORT),
            FailureKind.TOTAL_TIMEOUT,
            "not complete",
            50_000,
            id="total, body",
        ),
    ],
)
def test_limit(script, limits: Timeouts, kind: FailureKind, words: str, body_bytes: int, loop: str) -> None:  # type: ignore[no-untyped-def]
    with scripted(script) as origin:
        got = fetched(origin.url(), timeouts=limits, loop=loop)
    assert got.failure is not None
    assert (got.failure.kind, got.body_bytes, got.requests_sent) == (kind, body_bytes, 1)
    assert got.failure.detail == f"{words} {'for' if 'bytes' in words else 'after'} {SHORT:g} s"
    assert got.ended_at - got.started_at >= SHORT


def test_connecting_has_a_limit() -> None:
    with full_listener() as port:
        got = fetched(f"http://127.0.0.1:{port}/", timeouts=Timeouts(connect=SHORT))
    assert got.failure is not None
    assert (got.failure.kind, got.requests_sent) == (FailureKind.CONNECT_TIMEOUT, 0)


def test_total_limits_the_wait_for_a_connection_too() -> None:
    async def use(client: Client) -> list[Exchange]:
        limits = [2.0] * 6 + [SHORT]  # the last one gives up before a connection is free
        asked = [request(origin.url(), timeouts=Timeouts(total=seconds)) for seconds in limits]
        return await asyncio.gather(*(fetch(client, each) for each in asked))

    with scripted(silent) as origin:
        got = with_client(use)
        assert len(origin.heads) == 6
    assert [each.failure and each.failure.kind for each in got] == [FailureKind.TOTAL_TIMEOUT] * 7
    assert sum(each.requests_sent for each in got) == 6


@pytest.mark.parametrize("reception", RECEPTIONS)
def test_long_body_that_stops_is_counted_as_far_as_it_came(reception: Reception | None) -> None:
    with scripted(stuck_in_the_body) as origin:
        got = fetched(origin.url(), timeouts=Timeouts(no_progress=SHORT), reception=reception)
    assert got.failure is not None
    assert (got.failure.kind, got.body_bytes) == (FailureKind.NO_PROGRESS_TIMEOUT, 50_000)


@pytest.mark.parametrize("reception", RECEPTIONS)
def test_slow_progress_below_the_low_water_mark_is_progress(reception: Reception | None) -> None:
    def trickle(turn: Turn) -> None:
        turn.send(HEAD)
        turn.send_slowly((b"x" * 100_000 for _ in range(10)), pause=0.1)

    with scripted(trickle) as origin:
        got = fetched(origin.url(), timeouts=Timeouts(no_progress=0.6), reception=reception)
    assert (got.failure, got.body_bytes) == (None, 1_000_000)


def test_without_limits_a_late_answer_is_waited_for() -> None:
    def late(turn: Turn) -> None:
        turn.send_slowly([b"HTTP/1.1 200 OK\r\n", b"Content-Length: 2\r\n\r\n", b"ok"], pause=SHORT)

    nothing = Timeouts(connect=None, first_byte=None, no_progress=None, total=None)
    with scripted(late) as origin:
        assert fetched(origin.url(), keep_body=True, timeouts=nothing).body == b"ok"


def test_limits_of_one_fetch_leave_the_others_of_a_client_alone() -> None:
    def script(turn: Turn) -> None:
        if turn.path == "/silent":
            turn.wait_for_end()
        turn.send(response(b"ok"))

    async def use(client: Client) -> tuple[Exchange, list[Exchange]]:
        waiting = asyncio.ensure_future(fetch(client, request(origin.url("/silent"), timeouts=Timeouts(total=SHORT))))
        good = []
        while not waiting.done():
            good.append(await fetch(client, request(origin.url("/go"))))
            await asyncio.sleep(SHORT / 10)
        return await waiting, good

    with scripted(script) as origin:
        failed, good = with_client(use)
    assert failed.failure is not None
    assert failed.failure.kind is FailureKind.TOTAL_TIMEOUT
    assert {each.failure for each in good} == {None}


@pytest.mark.parametrize(
    ("script", "limits", "kind"),
    [
        pytest.param(silent, Limits(first_byte=SHORT), FailureKind.FIRST_BYTE_TIMEOUT, id="answer"),
        pytest.param(stuck_in_the_body, Limits(no_progress=SHORT), FailureKind.NO_PROGRESS_TIMEOUT, id="progress"),
    ],
)
def test_limits_of_the_client_take_the_place_of_a_requests_own(
    script: Callable[[Turn], None], limits: Limits, kind: FailureKind
) -> None:
    with scripted(script) as origin:
        exchange = fetched(origin.url(), options=ClientOptions(limits=limits))
    assert exchange.failure is not None
    assert exchange.failure.kind is kind


def test_a_clients_limit_on_connecting() -> None:
    with full_listener() as port:
        exchange = fetched(f"http://127.0.0.1:{port}/a", options=ClientOptions(limits=Limits(connect=SHORT)))
    assert exchange.failure is not None
    assert exchange.failure.kind is FailureKind.CONNECT_TIMEOUT
