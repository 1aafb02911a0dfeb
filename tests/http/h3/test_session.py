"""The protocol without I/O: what bytes on streams mean, whole, byte by byte and with what comes after them."""

from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.h3 import frames
from hls_swarm.http.h3.frames import ErrorCode, ProtocolError, frame, read_varint, varint
from hls_swarm.http.h3.session import BLOCK_LIMIT_BYTES, Event, GoingAway, Send, Session, Stop
from hls_swarm.http.multiplexing.events import BodyReceived, HeadReceived, StreamReset

HEAD = b"\0\0\xd9"
SETTINGS = b"\0" + frames.settings({})


def session(requests: int = 1, *, keeps: bool = False) -> Session:
    made = Session()
    made.streams_allowed = 100
    for _ in range(requests):
        made.request(b"block", keeps=keeps)
    made.out.clear()
    return made


def told(pieces: Iterable[bytes], *, ends: bool = True, keeps: bool = False) -> list[Event]:
    """What these pieces on stream 0 mean, each asked about when it came; bodies of one stream put together."""
    made, found = session(keeps=keeps), list[Event]()
    *first, last = pieces
    for piece in first:
        made.receive(0, piece, ends=False)
        found += made.told()
    made.receive(0, last, ends=ends)
    return together(found + made.told())


def together(events: list[Event]) -> list[Event]:
    out: list[Event] = []
    for event in events:
        before = out[-1] if out else None
        if isinstance(event, BodyReceived) and isinstance(before, BodyReceived) and not before.ends:
            pieces = (b"".join(before.pieces + event.pieces),)
            size = before.size_bytes + event.size_bytes
            out[-1] = BodyReceived(event.stream, size, pieces, event.ends, before.start or event.start)
        else:
            out.append(event)
    return out


ANSWER = b"".join(
    (
        frame(frames.HEADERS, b"\0\0\xd8"),
        frame(frames.HEADERS, HEAD),
        frame(0x21, b"grease"),
        frame(frames.DATA, b"abcdef"),
        frame(frames.DATA, b""),
        frame(frames.DATA, b"x" * 100),
        frame(frames.HEADERS, b"\0\0"),
        frame(0x21 + 0x1F * 5, b""),
    )
)


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "dropped"])
@pytest.mark.parametrize("step", [1, 2, 7, 64, len(ANSWER)])
def test_an_answer_in_pieces_of_any_size(step: int, keeps: bool) -> None:
    found = told((ANSWER[at : at + step] for at in range(0, len(ANSWER), step)), keeps=keeps)
    heads = [event for event in found if isinstance(event, HeadReceived)]
    assert [(head.block, head.size_bytes) for head in heads] == [(b"\0\0\xd8", 5), (HEAD, 5), (b"\0\0", 4)]
    bodies = [event for event in found if isinstance(event, BodyReceived)]
    assert sum(body.size_bytes for body in bodies) == 106
    assert bodies[-1].ends
    assert not any(body.ends for body in bodies[:-1])
    if keeps:
        assert b"".join(piece for body in bodies for piece in body.pieces) == b"abcdef" + b"x" * 100
    else:
        assert (b"abcdef" + b"x" * 100).startswith(b"".join(body.start for body in bodies))
        assert bodies[0].start


def test_many_pieces_are_told_of_at_once() -> None:
    made = session(2)
    made.receive(0, frame(frames.HEADERS, HEAD) + b"\x00\x44\x00", ends=False)
    made.receive(4, frame(frames.HEADERS, HEAD) + b"\x00\x44\x00", ends=False)
    made.told()
    for _ in range(4):
        made.receive(0, b"x" * 200, ends=False)
        made.receive(4, b"y" * 100, ends=False)
    assert made.told() == [BodyReceived(0, 800, (), False, b"x" * 200), BodyReceived(4, 400, (), False, b"y" * 100)]
    assert made.told() == []


def test_requests_and_what_ends_them() -> None:
    made = Session()
    (preface,) = made.out
    assert isinstance(preface, Send)
    assert (preface.stream, preface.data[:2], preface.ends) == (2, b"\x00\x04", False)
    made.out.clear()
    assert not made.can_open
    made.streams_allowed = 2
    assert made.request(b"one", keeps=False) == 0
    assert made.request(b"two", keeps=False) == 4
    assert not made.can_open
    assert made.out == [Send(0, b"\x01\x03one", True), Send(4, b"\x01\x03two", True)]
    made.out.clear()
    made.cancel(0)
    made.cancel(0)
    made.receive(0, b"whatever comes of it", ends=False)
    assert made.out == [Stop(0, ErrorCode.H3_REQUEST_CANCELLED)]
    made.reset(4, ErrorCode.H3_REQUEST_REJECTED)
    assert made.told() == [StreamReset(4, ErrorCode.H3_REQUEST_REJECTED)]
    assert made.open_streams == 0


def test_a_reset_comes_behind_the_body() -> None:
    made = session()
    made.receive(0, frame(frames.HEADERS, HEAD) + frame(frames.DATA, b"abc"), ends=False)
    made.reset(0, 0x102)
    head, body, reset = made.told()
    assert isinstance(head, HeadReceived)
    assert body == BodyReceived(0, 3, (), False, b"abc")
    assert reset == StreamReset(0, 0x102)


def test_going_away() -> None:
    made = session(3)
    made.receive(3, SETTINGS + frame(frames.GOAWAY, varint(4)), ends=False)
    assert made.told() == [GoingAway(4)]
    assert (made.is_going_away, made.can_open, made.open_streams) == (True, False, 1)
    made.receive(3, frame(frames.GOAWAY, varint(0)), ends=False)
    assert made.told() == [GoingAway(0)]
    with pytest.raises(ProtocolError, match="takes back"):
        made.receive(3, frame(frames.GOAWAY, varint(4)), ends=False)


@pytest.mark.parametrize("step", [1, 100])
def test_streams_of_the_peer(step: int) -> None:
    made = session()
    control = SETTINGS + frame(0x21, b"x" * 50) + frame(frames.GOAWAY, varint(0))
    for stream, data in ((3, control), (7, b"\x02\x20"), (11, b"\x03\x40"), (15, varint(0x54) + b"abc")):
        for at in range(0, len(data), step):
            made.receive(stream, data[at : at + step], ends=False)
    assert made.told() == [GoingAway(0)]
    assert made.out == [Stop(15, ErrorCode.H3_STREAM_CREATION_ERROR)]


LONG = varint(BLOCK_LIMIT_BYTES + 1)
BROKEN = [
    ("no SETTINGS", 3, b"\0" + frame(frames.GOAWAY, b"\0"), ErrorCode.H3_MISSING_SETTINGS),
    ("SETTINGS twice", 3, SETTINGS + frames.settings({}), ErrorCode.H3_FRAME_UNEXPECTED),
    ("a setting of HTTP/2", 3, b"\0" + frames.settings({2: 0}), ErrorCode.H3_SETTINGS_ERROR),
    ("a setting twice", 3, b"\0\x04\x04\x06\x01\x06\x01", ErrorCode.H3_SETTINGS_ERROR),
    ("SETTINGS that are cut", 3, b"\0\x04\x01\x06", ErrorCode.H3_FRAME_ERROR),
    ("long SETTINGS", 3, b"\0\x04" + LONG, ErrorCode.H3_EXCESSIVE_LOAD),
    ("DATA beside the answers", 3, SETTINGS + frame(frames.DATA, b""), ErrorCode.H3_FRAME_UNEXPECTED),
    ("MAX_PUSH_ID from a server", 3, SETTINGS + frame(frames.MAX_PUSH_ID, b"\0"), ErrorCode.H3_FRAME_UNEXPECTED),
    ("a PING of HTTP/2", 3, SETTINGS + frame(6, b"12345678"), ErrorCode.H3_FRAME_UNEXPECTED),
    ("CANCEL_PUSH", 3, SETTINGS + frame(frames.CANCEL_PUSH, b"\0"), ErrorCode.H3_ID_ERROR),
    ("GOAWAY of a stream of its own", 3, SETTINGS + frame(frames.GOAWAY, b"\1"), ErrorCode.H3_ID_ERROR),
    ("GOAWAY with more", 3, SETTINGS + frame(frames.GOAWAY, b"\0\0"), ErrorCode.H3_FRAME_ERROR),
    ("a push", 7, b"\x01\0", ErrorCode.H3_ID_ERROR),
    ("an entry for the table", 7, b"\x02\x20\x40", ErrorCode.QPACK_ENCODER_STREAM_ERROR),
    ("a request from the server", 1, b"", ErrorCode.H3_STREAM_CREATION_ERROR),
    ("an answer to nothing", 8, b"", ErrorCode.H3_STREAM_CREATION_ERROR),
    ("a body before its head", 0, frame(frames.DATA, b"x"), ErrorCode.H3_FRAME_UNEXPECTED),
    ("a promise", 0, frame(frames.PUSH_PROMISE, b"\0"), ErrorCode.H3_ID_ERROR),
    ("SETTINGS in an answer", 0, frames.settings({}), ErrorCode.H3_FRAME_UNEXPECTED),
    ("a long head", 0, b"\x01" + LONG, ErrorCode.H3_EXCESSIVE_LOAD),
    ("idle frames", 0, frame(0x21, b"") * 1001, ErrorCode.H3_EXCESSIVE_LOAD),
    ("empty DATA", 0, frame(frames.HEADERS, HEAD) + frame(frames.DATA, b"") * 1001, ErrorCode.H3_EXCESSIVE_LOAD),
]


@pytest.mark.parametrize(("stream", "data", "code"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
@pytest.mark.parametrize("step", [1, 100_000], ids=["byte by byte", "whole"])
def test_what_ends_a_connection(step: int, stream: int, data: bytes, code: ErrorCode) -> None:
    made = session()

    def receive() -> None:
        for at in range(0, max(len(data), 1), step):
            made.receive(stream, data[at : at + step], ends=False)

    with pytest.raises(ProtocolError) as caught:
        receive()
    assert caught.value.code is code


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x01", id="in a frame's header"),
        pytest.param(b"\x01\x05\0", id="in a head"),
        pytest.param(frame(frames.HEADERS, HEAD) + b"\0\x05x", id="in a body"),
        pytest.param(b"\x21\x05x", id="in what means nothing"),
    ],
)
def test_a_stream_that_ends_within_a_frame(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        session().receive(0, data, ends=True)
    assert caught.value.code is ErrorCode.H3_FRAME_ERROR


def test_streams_that_both_need() -> None:
    for is_reset in (False, True):
        made = session()
        made.receive(3, SETTINGS, ends=False)
        with pytest.raises(ProtocolError) as caught:
            made.reset(3, 0) if is_reset else made.receive(3, b"", ends=True)
        assert caught.value.code is ErrorCode.H3_CLOSED_CRITICAL_STREAM
    with pytest.raises(ProtocolError, match="control stream"):
        session().refused(2)


@given(st.integers(min_value=0, max_value=(1 << 62) - 1), st.binary(max_size=3))
def test_integers_read_back(value: int, more: bytes) -> None:
    data = varint(value)
    assert read_varint(data + more, 0) == (value, len(data))
    assert read_varint(data[:-1], 0)[1] == -1


@given(st.lists(st.tuples(st.sampled_from([0, 3, 4, 7, 11]), st.binary(max_size=40), st.booleans()), max_size=30))
def test_whatever_comes_is_understood_or_ends_the_connection(steps: list[tuple[int, bytes, bool]]) -> None:
    made = session(2)
    with suppress(ProtocolError):
        for stream, data, ends in steps:
            made.receive(stream, data, ends=ends)
            made.told()
    assert made.open_streams <= 2
