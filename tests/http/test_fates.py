"""What becomes of requests without an answer: each counts once, as the origin's own log has it.

The origin here keeps its log as real ones do: a request is in it as soon as it was read, whatever becomes of it then.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from random import Random

import pytest
from tests.http.running import request, until, with_client
from tests.http.scripted import Script, ScriptedOrigin, Turn, response, scripted

from hls_swarm.http import Client, ClientOptions, TlsOptions, fetch
from hls_swarm.http.fetcher import Timeouts
from hls_swarm.records import Exchange, FailureKind, ObjectKind, SegmentFetched, Unanswered
from hls_swarm.stats.counter import Counter

REQUESTS = 60


def sent(exchanges: list[Exchange]) -> int:
    return sum(exchange.requests_sent for exchange in exchanges)


def unsettled(exchanges: list[Exchange]) -> int:
    return sum(exchange.unanswered.unsettled for exchange in exchanges if exchange.unanswered is not None)


def repeated(exchanges: list[Exchange]) -> int:
    return sum(exchange.unanswered.repeated for exchange in exchanges if exchange.unanswered is not None)


def ending(share: float, end: Callable[[Turn], None], seed: int = 1) -> tuple[Script, list[bytes]]:
    """Ends that share of the requests, on connections new and old, and says which."""
    random, ended = Random(seed), []

    def script(turn: Turn) -> None:
        if random.random() < share:
            ended.append(turn.head)
            end(turn)
        turn.send(response(b"x"))

    return script, ended


async def viewers(client: Client, origin: ScriptedOrigin, count: int) -> list[Exchange]:
    """Several clients, each with its requests one after the other."""

    async def view() -> list[Exchange]:
        own = Client(client.context)
        exchanges = [await fetch(own, request(origin.url())) for _ in range(REQUESTS)]
        own.close()
        return exchanges

    return [each for group in await asyncio.gather(*(view() for _ in range(count))) for each in group]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("share", [0.24, 1.0])
@pytest.mark.parametrize("end", [pytest.param(Turn.reset, id="reset"), pytest.param(Turn.close, id="close")])
def test_requests_that_an_origin_takes_and_does_not_answer_count_as_its_log_has_them(
    end: Callable[[Turn], None], share: float, tls: bool, server_tls: ssl.SSLContext
) -> None:
    script, ended = ending(share, end)
    options = ClientOptions(tls=TlsOptions(insecure=True))
    with scripted(script, tls=server_tls if tls else None) as origin:
        got = with_client(lambda client: viewers(client, origin, 3), options=options)
        assert sent(got) == len(origin.heads)
    failed = [exchange for exchange in got if exchange.failure is not None]
    assert {exchange.failure.kind for exchange in failed if exchange.failure} <= {FailureKind.CONNECTION_LOST}
    assert len(failed) + repeated(got) == len(ended)
    assert unsettled(got) == (len(ended) if end is Turn.reset else 0)
    counter = Counter()
    for exchange in got:
        counter.add(SegmentFetched(0, ObjectKind.SEGMENT, exchange, exchange.failure))
    tally = counter.tally
    objects = tally.objects[ObjectKind.SEGMENT]
    assert (objects.requests, objects.failed) == (len(origin.heads), len(ended))
    assert sum(error.count for error in tally.errors.values()) == len(ended)
    assert (tally.unsettled_requests, tally.repeated_requests) == (unsettled(got), repeated(got))


@contextlib.contextmanager
def taking(take: Callable[[socket.socket], None]) -> Iterator[str]:
    """A listener that does something with each connection; its URL."""

    def run() -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                with sock:
                    take(sock)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


async def once(client: Client, url: str, timeouts: Timeouts | None = None) -> Exchange:
    return await fetch(client, request(url, timeouts=timeouts) if timeouts else request(url))


def test_request_that_came_and_was_not_read_is_said_to_be_unsettled() -> None:
    """Closing with unread bytes is a reset: it looks like that of an origin which had read them."""

    def take(sock: socket.socket) -> None:
        sock.recv(1, socket.MSG_PEEK)  # it is there

    with taking(take) as url:
        got = with_client(lambda client: once(client, url))
    assert got.failure is not None
    assert (got.failure.kind, got.requests_sent) == (FailureKind.CONNECTION_LOST, 1)
    assert got.unanswered == Unanswered(unsettled=1)


def test_request_to_whom_has_closed_already_was_not_taken() -> None:
    """It ends in order before the request comes, or with a reset if that is there already."""

    def take(_sock: socket.socket) -> None:
        """Closed at once."""

    async def use(client: Client) -> list[Exchange]:
        return [await fetch(client, request(url)) for _ in range(20)]

    with taking(take) as url:
        got = with_client(use)
    for each in got:
        assert each.failure is not None
        assert each.failure.kind is FailureKind.CONNECTION_LOST
        logged = 0  # nothing was ever read
        assert each.requests_sent - (each.unanswered.unsettled if each.unanswered else 0) == logged


def test_request_that_is_given_up_on_is_unsettled_and_one_with_an_answer_begun_is_not() -> None:
    def script(turn: Turn) -> None:
        if turn.path == "/begun":
            turn.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        turn.wait_for_end()

    async def use(client: Client) -> list[Exchange]:
        brief = Timeouts(first_byte=0.3, total=0.3)
        got = [await once(client, origin.url(path), brief) for path in ("/silent", "/begun")]
        client.fetch(request(origin.url("/cancelled")), got.append)
        await until(lambda: len(origin.heads) == 3)
        client.close()
        return got

    with scripted(script) as origin:
        silent, begun, cancelled = with_client(use)
    assert (silent.requests_sent, silent.unanswered) == (1, Unanswered(unsettled=1))
    assert (begun.requests_sent, begun.unanswered) == (1, None)
    assert (cancelled.requests_sent, cancelled.unanswered) == (1, Unanswered(unsettled=1))


def test_request_that_never_went_out_whole_does_not_count() -> None:
    def take(sock: socket.socket) -> None:
        sock.recv(10)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with taking(take) as url:
        got = with_client(lambda client: fetch(client, request(url, headers=(("X-Long", "v" * 30_000_000),))))
    assert got.failure is not None
    assert (got.requests_sent, got.unanswered) == (0, None)
