"""What a connection does with a body that nobody keeps, by how much of it has come with its head."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from hls_swarm.http.asking.target import parse_target
from hls_swarm.http.h1.connection import BodyUse, Connection, Fate, Served
from hls_swarm.http.h1.head import Head
from hls_swarm.records import BODY_START_BYTES, Failure, FailureKind
from hls_swarm.stats.hosts import VersionTally

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
BODY_BYTES = 100_000
START = bytes(range(200)) * 5


class Loop:
    """Keeps whom to call when there is something to read."""

    readable: Callable[[], None]

    def add_reader(self, _: int, call: Callable[[], None]) -> None:
        self.readable = call

    def remove_reader(self, _: int) -> None:
        pass


class Arrived:
    """A stream of what has arrived: bytes that are looked at, so many behind them, then an error or nothing yet."""

    fd = 7

    def __init__(self, data: bytes, behind: int, error: OSError | None = None) -> None:
        self.data, self.behind, self.error = data, behind, error
        self.expected: list[int] = []

    def receive(self, limit: int) -> bytes:
        assert len(self.data) <= limit
        data, self.data = self.data, b""
        return data

    def discard(self, limit: int) -> int:
        count = min(limit, self.behind)
        self.behind -= count
        if count:
            return count
        raise self.error or BlockingIOError

    def send(self, data: bytes) -> int:
        return len(data)

    def expect(self, count: int) -> None:
        self.expected.append(count)

    def answered(self) -> "Arrived":
        return self

    def close(self) -> None:
        pass


class Asking:
    """Drops every body, and remembers what it was told."""

    keeps_body = False
    body_start: bytes | None = None
    first_byte_at: float | None = None
    takes_whole = False

    def __init__(self) -> None:
        self.counted: list[int] = []
        self.ends: list[Failure | None] = []

    def request_sent(self, at: float) -> None:
        pass

    def head_received(self, head: Head, size_bytes: int) -> BodyUse:
        return BodyUse.DROP

    def body_received(self, count: int, payload_bytes: int) -> bool:
        self.counted.append(count)
        return True

    def answered(self, body: bytes | None) -> None:
        self.ends.append(None)

    def answered_whole(self, head: Head, size_bytes: int, body: bytes, at: float) -> None:
        raise AssertionError("nothing was to be handed over in one step")

    def lost(self, failure: Failure, *, stale: bool, fate: Fate) -> None:
        self.ends.append(failure)


class Pool:
    def released(self, connection: Served) -> None:
        pass

    def closed(self, connection: Served) -> None:
        pass


def asked(stream: Arrived, asking: Asking | None = None) -> tuple[Loop, Asking]:
    loop, asking = Loop(), asking or Asking()
    route = parse_target("http://origin/a.ts").route
    connection = Connection(cast("asyncio.AbstractEventLoop", loop), cast("Any", stream), route, VersionTally(), Pool())
    connection.send(asking, b"GET /a.ts HTTP/1.1\r\n\r\n")
    return loop, asking


def test_a_body_that_has_come_with_its_head_takes_one_wake_up_and_no_low_water_mark() -> None:
    stream = Arrived(HEAD + START, BODY_BYTES - len(START))
    loop, asking = asked(stream)
    loop.readable()
    assert (asking.counted, asking.ends, stream.expected) == ([BODY_BYTES], [None], [])
    assert asking.body_start == START[:BODY_START_BYTES]


def test_what_is_missing_is_waited_for() -> None:
    stream = Arrived(HEAD + START, 9_000)
    loop, asking = asked(stream)
    loop.readable()
    assert (asking.counted, asking.ends, stream.expected) == ([10_000], [], [90_000])
    stream.behind = 90_000
    loop.readable()
    assert (asking.counted, asking.ends) == ([10_000, 90_000], [None])


@pytest.mark.parametrize("behind", [0, 9_000])
def test_a_body_of_which_only_the_head_has_come_is_waited_for(behind: int) -> None:
    stream = Arrived(HEAD, behind)
    loop, asking = asked(stream)
    loop.readable()
    assert (asking.counted, asking.ends) == ([behind] if behind else [], [])
    assert stream.expected == [BODY_BYTES - behind]
    assert asking.body_start is None


def test_a_connection_that_breaks_right_behind_the_head_is_lost_at_once() -> None:
    stream = Arrived(HEAD + START, 0, ConnectionResetError(104, "Connection reset by peer"))
    loop, asking = asked(stream)
    loop.readable()
    assert asking.counted == [len(START)]
    (failure,) = asking.ends
    assert failure is not None
    assert failure.kind is FailureKind.TRUNCATED
    assert failure.detail.endswith("99000 bytes missing")


class Keeping(Asking):
    """Keeps every body."""

    keeps_body = True

    def __init__(self, use: BodyUse = BodyUse.KEEP) -> None:
        super().__init__()
        self.use = use
        self.heads: list[tuple[int, int]] = []
        self.bodies: list[bytes | None] = []

    def head_received(self, head: Head, size_bytes: int) -> BodyUse:
        self.heads.append((head.length, size_bytes))
        return self.use

    def answered(self, body: bytes | None) -> None:
        self.bodies.append(body)


def kept(answer: bytes, use: BodyUse = BodyUse.KEEP) -> Keeping:
    asking = Keeping(use)
    loop, _ = asked(Arrived(answer, 0), asking)
    loop.readable()
    return asking


def test_an_answer_that_another_connection_had_is_not_taken_apart_again() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n#EXTM3U"
    first, again = kept(answer), kept(bytes(bytearray(answer)))
    assert first.bodies == again.bodies == [b"#EXTM3U"]
    assert kept(bytes(bytearray(answer))).bodies[0] is again.bodies[0]
    assert first.heads == again.heads == [(7, len(answer) - 7)]
    assert first.counted == again.counted == [7]
    assert kept(answer.replace(b"M3U", b"m3u")).bodies == [b"#EXTm3u"]
    assert kept(answer).bodies == [b"#EXTM3U"]


def test_of_an_answer_that_another_connection_had_the_body_may_be_of_no_use_here() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n#EXTM3U\n"
    assert kept(answer).bodies == [b"#EXTM3U\n"]
    refusing = kept(bytes(bytearray(answer)), BodyUse.REFUSE)
    assert (refusing.bodies, refusing.counted) == ([None], [8])


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
    ids=["empty", "failed", "interim", "chunked"],
)
def test_any_answer_is_the_same_the_second_time(answer: bytes) -> None:
    first, again = kept(answer), kept(bytes(bytearray(answer)))
    assert len(first.bodies) == 1
    assert (first.bodies, first.heads, first.counted) == (again.bodies, again.heads, again.counted)
