"""Peers that speak HTTP/2 to do harm: whatever they send, each request ends in time, and nothing grows."""

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from tests.http.running import request, with_client

from hls_swarm.http import Client, Http2, Identity, Timeouts, fetch
from hls_swarm.http.h2 import frames
from hls_swarm.http.h2.frames import ErrorCode
from hls_swarm.records import Exchange, Failure, FailureKind

REQUIRED = Identity(http2=Http2.REQUIRED)
LIMITS = Timeouts(connect=2.0, first_byte=0.6, no_progress=0.6, total=3.0)
OK = b"\x88"
Answer = Callable[[int], Iterator[bytes]]
"""What is sent for the stream with that number, piece by piece."""


class Hostile:
    """Greets, and sends what it is told to for each request.

    Attributes:
        requests: HEADERS that came.
    """

    def __init__(self, answer: Answer, greeting: bytes) -> None:
        self.requests = 0
        self._answer, self._greeting = answer, greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/a.ts"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive(), "the client has not closed its connection"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.settimeout(5)
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        data = b""
        with sock, contextlib.suppress(OSError):
            sock.sendall(self._greeting)
            while len(data) < len(frames.PREFACE):
                data += self._received(sock)
            data = data[len(frames.PREFACE) :]
            while True:
                while len(data) < 9 or len(data) < 9 + frames.frame_header(data, 0)[0]:
                    data += self._received(sock)
                length, kind, _, stream = frames.frame_header(data, 0)
                data = data[9 + length :]
                if kind == frames.HEADERS:
                    self.requests += 1
                    for piece in self._answer(stream):
                        sock.sendall(piece)

    def _received(self, sock: socket.socket) -> bytes:
        data = sock.recv(65536)
        if not data:
            raise ConnectionAbortedError
        return data


@contextmanager
def hostile(answer: Answer, greeting: bytes | None = None) -> Iterator[Hostile]:
    peer = Hostile(answer, frames.settings({}) if greeting is None else greeting)
    try:
        yield peer
    finally:
        peer.close()


def head(stream: int, flags: int = frames.END_HEADERS) -> bytes:
    return frames.frame(frames.HEADERS, flags, stream, OK)


def resets(stream: int) -> Iterator[bytes]:
    yield frames.reset(stream, ErrorCode.CANCEL)


def refuses(stream: int) -> Iterator[bytes]:
    yield frames.reset(stream, ErrorCode.REFUSED_STREAM)


def goes_away(stream: int) -> Iterator[bytes]:
    yield frames.goaway(0, ErrorCode.NO_ERROR) * 3


def bombs(stream: int) -> Iterator[bytes]:
    yield frames.frame(frames.HEADERS, 0, stream, OK)
    for _ in range(1000):
        yield frames.frame(frames.CONTINUATION, 0, stream, bytes(16_000))


def expands(stream: int) -> Iterator[bytes]:
    """A field block that names an entry of a table that holds nothing, many times."""
    yield frames.frame(frames.HEADERS, frames.END_HEADERS, stream, OK + b"\xbe" * 16_000)


def floods(frame: bytes) -> Answer:
    def answer(stream: int) -> Iterator[bytes]:
        yield head(stream)
        for _ in range(200):
            yield frame * 100

    return answer


def oversized(stream: int) -> Iterator[bytes]:
    yield head(stream) + frames.frame(frames.DATA, 0, stream, bytes(16_385))


def past_its_window(stream: int) -> Iterator[bytes]:
    yield head(stream)
    for _ in range(2000):
        yield frames.frame(frames.DATA, 0, 999, bytes(16_384))


def half_a_frame(stream: int) -> Iterator[bytes]:
    yield head(stream) + struct.pack(">HBBBI", 64, 0, 0, 0, stream)


def nothing(stream: int) -> Iterator[bytes]:
    yield from ()


def says(*pieces: tuple[int, int, bytes]) -> Answer:
    """These frames: type, flags, payload."""

    def answer(stream: int) -> Iterator[bytes]:
        yield b"".join(frames.frame(kind, flags, stream, payload) for kind, flags, payload in pieces)

    return answer


def byte_by_byte(stream: int) -> Iterator[bytes]:
    for byte in head(stream) + frames.frame(frames.DATA, frames.END_STREAM, stream, b"x" * 50):
        yield bytes((byte,))


EARLY_HINTS = b"\x08\x03103"
HEADERS, DATA, WHOLE, LAST = frames.HEADERS, frames.DATA, frames.END_HEADERS, frames.END_STREAM
PING = frames.frame(frames.PING, 0, 0, bytes(8))
LOST, SHORT, BROKEN = FailureKind.CONNECTION_LOST, FailureKind.TRUNCATED, FailureKind.MALFORMED
PEERS: dict[str, tuple[Answer, FailureKind | None, int]] = {
    "resets each stream": (resets, LOST, 1),
    "refuses each stream": (refuses, LOST, 2),
    "goes away at once": (goes_away, LOST, 2),
    "header bomb": (bombs, BROKEN, 1),
    "fields that expand": (expands, BROKEN, 1),
    "settings flood": (floods(frames.settings({})), BROKEN, 1),
    "ping flood": (floods(PING), BROKEN, 1),
    "window flood": (floods(frames.window_update(0, 1)), BROKEN, 1),
    "empty DATA flood": (floods(frames.frame(frames.DATA, 0, 1)), BROKEN, 1),
    "oversized frame": (oversized, BROKEN, 1),
    "data of a stream nobody opened": (past_its_window, BROKEN, 1),
    "interim heads without end": (says(*[(HEADERS, WHOLE, EARLY_HINTS)] * 1000), BROKEN, 1),
    "an interim head and no other": (says((HEADERS, WHOLE | LAST, EARLY_HINTS)), BROKEN, 1),
    "an interim head and a body": (says((HEADERS, WHOLE, EARLY_HINTS), (DATA, LAST, b"x")), BROKEN, 1),
    "an interim head and an end": (says((HEADERS, WHOLE, EARLY_HINTS), (DATA, LAST, b"")), BROKEN, 1),
    "a body that no status has": (says((HEADERS, WHOLE, b"\x89"), (DATA, LAST, b"x")), BROKEN, 1),
    "trailers that do not end": (says((HEADERS, WHOLE, OK), (HEADERS, WHOLE, b"\0\x01a\x01b")), BROKEN, 1),
    "trailers that can not be read": (says((HEADERS, WHOLE, OK), (HEADERS, WHOLE | LAST, b"\xbe")), BROKEN, 1),
    "half a frame": (half_a_frame, FailureKind.NO_PROGRESS_TIMEOUT, 1),
    "silence": (nothing, FailureKind.FIRST_BYTE_TIMEOUT, 1),
    "byte by byte": (byte_by_byte, None, 1),
}


@pytest.mark.parametrize(("answer", "kind", "requests"), PEERS.values(), ids=list(PEERS))
def test_a_request_ends_in_time_as_what_it_is(answer: Answer, kind: FailureKind | None, requests: int) -> None:
    with hostile(answer) as peer:
        began = time.monotonic()
        exchange = with_client(lambda client: fetch(client, request(peer.url, timeouts=LIMITS)), identity=REQUIRED)
        assert time.monotonic() - began < 2.5
        assert (exchange.failure and exchange.failure.kind) == kind
        assert peer.requests == requests


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param(
            ErrorCode.ENHANCE_YOUR_CALM, "connection closed for ENHANCE_YOUR_CALM before an answer", id="error"
        ),
        pytest.param(ErrorCode.NO_ERROR, "connection closed before an answer", id="no error"),
    ],
)
def test_a_connection_that_is_closed_says_what_for(code: ErrorCode, words: str) -> None:
    def answer(stream: int) -> Iterator[bytes]:
        yield frames.goaway(stream, code)
        raise ConnectionAbortedError

    with hostile(answer) as peer:
        got = with_client(lambda client: fetch(client, request(peer.url, timeouts=LIMITS)), identity=REQUIRED)
        assert (got.failure, peer.requests) == (Failure(LOST, words), 1)


def test_an_origin_that_takes_no_streams_is_waited_for_no_longer_than_for_an_answer() -> None:
    greeting = frames.settings({frames.MAX_CONCURRENT_STREAMS: 0})

    async def use(client: Client) -> list[Exchange]:
        first = await fetch(client, request(peer.url, timeouts=LIMITS))
        again = Timeouts(connect=2.0, first_byte=0.6, no_progress=0.6, total=None)
        return [first, await fetch(client, request(peer.url, timeouts=again))]

    with hostile(nothing, greeting) as peer:
        first, second = with_client(use, identity=REQUIRED)
    assert first.failure is not None
    assert second.failure is not None
    assert second.failure.kind is FailureKind.FIRST_BYTE_TIMEOUT
    assert second.requests_sent == 0


def test_an_origin_that_takes_streams_again_gets_what_waited_for_it() -> None:
    may_go_on = threading.Event()

    def answer(stream: int) -> Iterator[bytes]:
        yield head(stream, frames.END_HEADERS | frames.END_STREAM)
        if stream == 1:
            may_go_on.wait(5)
            yield frames.settings({frames.MAX_CONCURRENT_STREAMS: 1})

    async def use(client: Client) -> list[Exchange]:
        long = Timeouts(connect=5.0, first_byte=5.0, no_progress=5.0, total=5.0)
        first = await fetch(client, request(peer.url, timeouts=long))
        second = asyncio.create_task(fetch(client, request(peer.url, timeouts=long)))
        await asyncio.sleep(0)  # it has been begun
        assert peer.requests == 1
        may_go_on.set()
        return [first, await second]

    with hostile(answer, frames.settings({frames.MAX_CONCURRENT_STREAMS: 0})) as peer:
        got = with_client(use, identity=REQUIRED)
        assert peer.requests == 2
    assert [(each.status, each.failure) for each in got] == [(200, None)] * 2
