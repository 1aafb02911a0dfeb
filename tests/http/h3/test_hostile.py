"""Peers that speak QUIC to do harm: whatever they send, each request ends in time, and nothing grows."""

import os
from collections.abc import Callable
from random import Random

import pytest
from tests.http.certificates import Certificate
from tests.http.h2.scripted import wait_until
from tests.http.h3.scripted import H3Origin, Line, Peer, Request, destination, h3_origin, serving, source
from tests.http.running import request, with_client

from hls_swarm.http import Client, ClientOptions, Http3, Identity, Timeouts, fetch
from hls_swarm.http.h3 import frames
from hls_swarm.http.h3.frames import ErrorCode, frame, varint
from hls_swarm.records import Exchange, FailureKind

pytestmark = pytest.mark.usefixtures("extra")

REQUIRED = Identity(http3=Http3.REQUIRED)
LIMITS = Timeouts(connect=1.0, first_byte=0.6, no_progress=0.6, total=3.0)
HEAD = frame(frames.HEADERS, b"\0\0\xd9")
TRAILERS = frame(frames.HEADERS, b"\0\0\x21a\x01b")


def asked(url: str, options: ClientOptions, count: int = 1) -> list[Exchange]:
    async def use(client: Client) -> list[Exchange]:
        return [await fetch(client, request(url, timeouts=LIMITS, keep_body=True)) for _ in range(count)]

    return with_client(use, options=options, identity=REQUIRED)


def on_control(data: bytes) -> Callable[[Request], None]:
    return lambda turn: turn.line.raw(3, data)


def on_the_stream(data: bytes) -> Callable[[Request], None]:
    return lambda turn: turn.raw(data)


FLOODS = [
    ("frames without use", on_the_stream(frame(0x21, b"") * 2000), ErrorCode.H3_EXCESSIVE_LOAD),
    ("empty DATA", on_the_stream(HEAD + frame(frames.DATA, b"") * 2000), ErrorCode.H3_EXCESSIVE_LOAD),
    ("a long head", on_the_stream(b"\x01" + varint(1 << 20) + b"x" * 1000), ErrorCode.H3_EXCESSIVE_LOAD),
    ("a long control frame", on_control(b"\x07" + varint(1 << 20)), ErrorCode.H3_EXCESSIVE_LOAD),
    ("GOAWAY again and again", on_control(frame(frames.GOAWAY, b"\x04") * 2000), ErrorCode.H3_EXCESSIVE_LOAD),
    ("SETTINGS again", on_control(frames.settings({})), ErrorCode.H3_FRAME_UNEXPECTED),
    ("a second control stream", lambda turn: turn.line.raw(15, b"\0"), ErrorCode.H3_STREAM_CREATION_ERROR),
    ("an entry for the table", lambda turn: turn.line.raw(7, b"\xc0\x01x"), ErrorCode.QPACK_ENCODER_STREAM_ERROR),
    (
        "interim heads without end",
        on_the_stream(frame(frames.HEADERS, b"\0\0\xd8") * 1000),
        ErrorCode.H3_EXCESSIVE_LOAD,
    ),
    (
        "a body behind trailers",
        on_the_stream(HEAD + TRAILERS + frame(frames.DATA, b"x")),
        ErrorCode.H3_FRAME_UNEXPECTED,
    ),
    ("a head behind trailers", on_the_stream(HEAD + TRAILERS * 2), ErrorCode.H3_FRAME_UNEXPECTED),
    (
        "trailers that can not be read",
        on_the_stream(HEAD + frame(frames.HEADERS, b"\0\0\x80")),
        ErrorCode.QPACK_DECOMPRESSION_FAILED,
    ),
    ("a push", lambda turn: turn.line.raw(15, b"\x01\x00"), ErrorCode.H3_ID_ERROR),
]


@pytest.mark.parametrize(("script", "code"), [row[1:] for row in FLOODS], ids=[row[0] for row in FLOODS])
def test_what_does_harm_ends_its_connection_and_is_told_why(
    script: Callable[[Request], None], code: ErrorCode, pem: Certificate, trusting: ClientOptions
) -> None:
    with h3_origin(script, pem) as origin:
        (got,) = asked(origin.url(), trusting)
        wait_until(lambda: origin.ends)
        assert origin.ends == [code]
    assert got.failure is not None
    assert (got.failure.kind, got.requests_sent) == (FailureKind.MALFORMED, 1)
    assert got.failure.detail.startswith("HTTP/3: ")


def test_resets_and_stops_of_whatever_there_is(pem: Certificate, trusting: ClientOptions) -> None:
    def script(turn: Request) -> None:
        turn.line.quic.stop_stream(turn.stream, 0x10C)
        turn.answer(b"here")

    with h3_origin(script, pem) as origin:
        got = asked(origin.url(), trusting, 5)
        assert len(origin.lines) == 1
    assert [(each.body, each.failure) for each in got] == [(b"here", None)] * 5


class Noisy(H3Origin):
    """Sends datagrams that are none between those that are."""

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        for noise in (b"", os.urandom(30), b"\x40" + os.urandom(60), b"\xc0\0\0\0\1" + os.urandom(1200), data[:-3]):
            super().send(noise, address)
        super().send(data, address)


class Garbling(H3Origin):
    """Some of its datagrams arrive with a byte that is another one."""

    rng = Random(3)

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        if self.rng.random() < 0.1:
            at = self.rng.randrange(len(data))
            data = data[:at] + bytes((data[at] ^ 0x55,)) + data[at + 1 :]
        super().send(data, address)


@pytest.mark.parametrize("kind", [Noisy, Garbling])
def test_noise_on_the_way(kind: type[H3Origin], pem: Certificate, trusting: ClientOptions) -> None:
    content = os.urandom(50_000)
    origin = kind(lambda turn: turn.answer(content), pem)
    with serving(origin):
        got = asked(origin.url(), trusting, 3)
        assert len(origin.lines) == 1
    assert [(each.body, each.failure) for each in got] == [(content, None)] * 3


class OtherVersion(Peer):
    """Knows another version of QUIC only (RFC 9000 17.2.1)."""

    def opened(self, line: Line) -> None:
        theirs, ours = source(line.first), destination(line.first)
        answer = b"\x80\0\0\0\0" + bytes((len(theirs),)) + theirs + bytes((len(ours),)) + ours
        self.send(answer + b"\x5a\x5a\x5a\x5a", line.address)
        line.is_silent = True


def test_no_version_in_common(pem: Certificate, trusting: ClientOptions) -> None:
    with serving(OtherVersion(pem)) as peer:
        (got,) = asked(peer.url(), trusting)
    assert got.failure is not None
    assert (got.failure.kind, got.requests_sent) == (FailureKind.CONNECT, 0)
    assert "common protocol version" in got.failure.detail
