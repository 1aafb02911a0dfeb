"""The server's side of HTTP/2 without I/O, against another implementation as its client and against no honest one."""

import struct
from contextlib import suppress

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection as Peer
from h2.events import DataReceived, ResponseReceived, StreamEnded
from h2.events import Event as Seen
from h2.settings import SettingCodes
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.h2 import frames
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError, frame
from hls_swarm.testorigin.serving.h2.heads import Asked, HeadReader, line_literals, status_block
from hls_swarm.testorigin.serving.h2.session import (
    BLOCK_LIMIT_BYTES,
    DATA_BYTES,
    IDLE_FRAMES_LIMIT,
    MOST_STREAMS,
    RESETS_LIMIT,
    BodyReceived,
    Event,
    RequestReceived,
    Session,
    StreamReset,
)

GET = [(":method", "GET"), (":scheme", "http"), (":authority", "origin:80"), (":path", "/a?b=1")]
HELLO = frames.PREFACE + frames.settings({})
BLOCK = b"\x82\x86\x84\x41\x01x"  # GET http / with an authority


def client(window: int | None = None) -> Peer:
    peer = Peer(H2Configuration(client_side=True))
    peer.initiate_connection()
    if window is not None:
        peer.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
    return peer


def talk(session: Session, peer: Peer) -> tuple[list[Event], list[Seen]]:
    """Carry bytes both ways until nobody has anything to say."""
    events: list[Event] = []
    seen: list[Seen] = []
    while True:
        out, back = bytes(session.out), peer.data_to_send()
        session.out.clear()
        if not out and not back:
            return events, seen
        seen += peer.receive_data(out) if out else []
        events += session.receive(back) if back else []


def test_requests_are_read_and_answers_are_too() -> None:
    session, peer = Session(), client()
    for stream in (1, 3):
        peer.send_headers(
            stream, [*GET, ("user-agent", "player/1"), ("cookie", "a=1"), ("cookie", "b=2")], end_stream=True
        )
    events, _ = talk(session, peer)
    headers = {b"host": "origin:80", b"user-agent": "player/1", b"cookie": "a=1; b=2"}
    asked = Asked("GET", "/a?b=1", headers)
    assert events == [RequestReceived(stream, asked, ends=True) for stream in (1, 3)]
    body = bytes(range(256)) * 80
    lines = b"Content-Type: video/mp2t\r\nContent-Length: 20480\r\n"
    session.out += session.head(3, status_block(206) + line_literals(lines), ends=False)
    session.out += session.head(1, status_block(418), ends=True)
    session.out += session.body(3, memoryview(body[:20_000]), ends=False) + session.body(
        3, memoryview(body[20_000:]), ends=True
    )
    _, seen = talk(session, peer)
    heads = {event.stream_id: event.headers for event in seen if isinstance(event, ResponseReceived)}
    assert heads[1] == [(b":status", b"418")]
    assert heads[3] == [(b":status", b"206"), (b"content-type", b"video/mp2t"), (b"content-length", b"20480")]
    assert b"".join(event.data for event in seen if isinstance(event, DataReceived)) == body
    assert {event.stream_id for event in seen if isinstance(event, StreamEnded)} == {1, 3}


def test_bytes_may_come_one_by_one() -> None:
    session, peer = Session(), client()
    peer.send_headers(1, GET, end_stream=False)
    peer.send_data(1, b"body", end_stream=True, pad_length=7)
    events: list[Event] = []
    for byte in peer.data_to_send():
        events += session.receive(bytes((byte,)))
    head, *rest = events
    assert isinstance(head, RequestReceived)
    assert not head.ends
    assert rest == [BodyReceived(1, 4, ends=True)]


def test_a_body_goes_as_far_as_its_windows() -> None:
    session, peer = Session(), client(window=1000)
    for stream in (1, 3):
        peer.send_headers(stream, GET, end_stream=True)
    talk(session, peer)
    assert (session.room(1), session.room(3), session.room(5)) == (1000, 1000, 0)
    session.out += session.head(1, status_block(200), ends=False) + session.body(1, memoryview(bytes(900)), ends=False)
    assert (session.room(1), session.room(3)) == (100, 1000)
    talk(session, peer)
    peer.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 400})
    talk(session, peer)
    assert (session.room(1), session.room(3)) == (0, 400)  # 500 less than nothing
    peer.increment_flow_control_window(700, 1)
    session.has_opened = False
    talk(session, peer)
    assert (session.room(1), session.has_opened) == (200, True)
    peer.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20})
    talk(session, peer)
    assert session.room(3) == 65_535 - 900  # the connection's window


def test_frames_are_as_long_as_a_record_of_tls() -> None:
    session, peer = Session(), client()
    peer.send_headers(1, GET, end_stream=True)
    talk(session, peer)
    session.head(1, status_block(200), ends=False)
    made = session.body(1, memoryview(bytes(40_000)), ends=True)
    sizes, at = [], 0
    while at < len(made):
        length, _, flags, _ = frames.frame_header(made, at)
        sizes.append((length, flags))
        at += frames.HEADER_BYTES + length
    assert sizes == [(DATA_BYTES, 0), (DATA_BYTES, 0), (40_000 - 2 * DATA_BYTES, frames.END_STREAM)]


def test_a_client_that_has_enough() -> None:
    session, peer = Session(), client()
    peer.send_headers(1, GET, end_stream=True)
    talk(session, peer)
    peer.reset_stream(1)
    events, _ = talk(session, peer)
    assert events == [StreamReset(1)]
    assert session.room(1) == 0


def test_more_streams_than_are_allowed_are_refused_and_read_all_the_same() -> None:
    session, encoder = Session(), Encoder()
    blocks = [encoder.encode([*GET, ("user-agent", f"player/{nth}")]) for nth in range(MOST_STREAMS + 2)]
    end = frames.END_HEADERS | frames.END_STREAM
    sent = b"".join(frame(frames.HEADERS, end, 2 * nth + 1, block) for nth, block in enumerate(blocks))
    events = session.receive(HELLO + sent)
    assert len(events) == MOST_STREAMS
    refused = frames.reset(2 * MOST_STREAMS + 1, ErrorCode.REFUSED_STREAM)
    assert refused in session.out
    session.head(1, status_block(204), ends=True)
    (event,) = session.receive(
        frame(frames.HEADERS, end, 2 * len(blocks) + 1, encoder.encode([*GET, ("user-agent", "player/7")]))
    )
    assert isinstance(event, RequestReceived)
    assert event.asked.headers[b"user-agent"] == "player/7"


def test_what_is_left_of_a_request_that_is_answered_is_not_wanted() -> None:
    session = Session()
    session.receive(HELLO + frame(frames.HEADERS, frames.END_HEADERS, 1, BLOCK))
    made = session.head(1, status_block(413), ends=True)
    assert made.endswith(frames.reset(1, ErrorCode.NO_ERROR))


def request(stream: int = 1, flags: int = frames.END_HEADERS | frames.END_STREAM, block: bytes = BLOCK) -> bytes:
    return frame(frames.HEADERS, flags, stream, block)


WRONG = {
    "no preface": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ErrorCode.PROTOCOL_ERROR),
    "no SETTINGS": (frames.PREFACE + request(), ErrorCode.PROTOCOL_ERROR),
    "a frame that is too long": (HELLO + struct.pack(">HBBBI", 64, 1, 0, 0, 1), ErrorCode.FRAME_SIZE_ERROR),
    "an even stream": (HELLO + request(2), ErrorCode.STREAM_CLOSED),
    "a stream that goes back": (HELLO + request(3) + request(1), ErrorCode.STREAM_CLOSED),
    "a block that is interrupted": (
        HELLO + request(flags=0) + frame(frames.PING, 0, 0, b"8" * 8),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "CONTINUATION of nothing": (HELLO + frame(frames.CONTINUATION, 4, 1, b""), ErrorCode.PROTOCOL_ERROR),
    "a block that can not be read": (HELLO + request(block=b"\xff\xff\xff\xff\xff"), ErrorCode.COMPRESSION_ERROR),
    "an index of nothing": (HELLO + request(block=b"\xbe"), ErrorCode.COMPRESSION_ERROR),
    "a block without an end": (
        HELLO + request(flags=0) + frame(frames.CONTINUATION, 0, 1, bytes(16_000)) * (BLOCK_LIMIT_BYTES // 16_000 + 1),
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "a body of nobody": (HELLO + frame(frames.DATA, 1, 1, b"x"), ErrorCode.PROTOCOL_ERROR),
    "a body after its end": (HELLO + request() + frame(frames.DATA, 1, 1, b"x"), ErrorCode.STREAM_CLOSED),
    "trailers after the end": (HELLO + request() + request(), ErrorCode.PROTOCOL_ERROR),
    "more padding than frame": (
        HELLO + request(flags=frames.END_HEADERS) + frame(frames.DATA, frames.PADDED, 1, b"\x09abc"),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "a window that grows by nothing": (HELLO + frames.window_update(0, 0), ErrorCode.PROTOCOL_ERROR),
    "a window over its limit": (HELLO + frames.window_update(0, frames.WINDOW_LIMIT), ErrorCode.FLOW_CONTROL_ERROR),
    "a stream's window over its limit": (
        HELLO + request() + frames.window_update(1, frames.WINDOW_LIMIT),
        ErrorCode.FLOW_CONTROL_ERROR,
    ),
    "a window of nobody": (HELLO + frames.window_update(7, 5), ErrorCode.PROTOCOL_ERROR),
    "a window over all": (HELLO + frames.settings({frames.INITIAL_WINDOW_SIZE: 1 << 31}), ErrorCode.FLOW_CONTROL_ERROR),
    "a frame size of nothing": (HELLO + frames.settings({frames.MAX_FRAME_SIZE: 1}), ErrorCode.PROTOCOL_ERROR),
    "half a setting": (HELLO + frame(frames.SETTINGS, 0, 0, b"123"), ErrorCode.FRAME_SIZE_ERROR),
    "SETTINGS of a stream": (HELLO + frame(frames.SETTINGS, 0, 1), ErrorCode.PROTOCOL_ERROR),
    "a short PING": (HELLO + frame(frames.PING, 0, 0, b"1234"), ErrorCode.FRAME_SIZE_ERROR),
    "a push": (HELLO + frame(frames.PUSH_PROMISE, 4, 1, bytes(4)), ErrorCode.PROTOCOL_ERROR),
    "a reset of nobody": (HELLO + frames.reset(9, ErrorCode.CANCEL), ErrorCode.PROTOCOL_ERROR),
    "frames without use": (
        HELLO + frame(frames.PRIORITY, 0, 1, bytes(5)) * (IDLE_FRAMES_LIMIT + 1),
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "streams opened for nothing": (
        HELLO
        + b"".join(
            request(2 * nth + 1) + frames.reset(2 * nth + 1, ErrorCode.CANCEL) for nth in range(RESETS_LIMIT + 1)
        ),
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_ends_a_connection(what: str) -> None:
    sent, code = WRONG[what]
    session = Session()
    with pytest.raises(ProtocolError) as found:
        session.receive(sent)
    assert found.value.code is code
    at = bytes(session.out).rindex(b"\x00\x00\x08\x07\x00\x00\x00\x00\x00")  # GOAWAY is the last thing said
    assert struct.unpack_from(">I", session.out, at + frames.HEADER_BYTES + 4) == (code,)


MALFORMED = {
    "no method": GET[1:],
    "no path": GET[:3],
    "no scheme": [GET[0], *GET[2:]],
    "a method twice": [GET[0], *GET],
    "an unknown pseudo-header": [*GET, (":version", "1.1")],
    "a pseudo-header that is late": [*GET[:3], ("accept", "*/*"), GET[3]],
    "an upper-case name": [*GET, ("User-Agent", "x")],
    "a field of connections": [*GET, ("connection", "close")],
    "TE other than trailers": [*GET, ("te", "gzip")],
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_no_request(what: str) -> None:
    assert HeadReader().read(Encoder().encode(MALFORMED[what])).is_malformed


NAMES = st.sampled_from(["user-agent", "range", "accept", "x-one", "x-two", "cookie"])
REQUESTS = st.lists(st.lists(st.tuples(NAMES, st.text("abc /=", max_size=8)), max_size=5), min_size=1, max_size=8)


@given(REQUESTS, st.lists(st.integers(0, 4096), max_size=8))
def test_blocks_mean_what_the_client_said_whatever_tables_it_uses(
    requests: list[list[tuple[str, str]]], sizes: list[int]
) -> None:
    encoder, reader = Encoder(), HeadReader()
    for nth, more in enumerate(requests):
        if nth < len(sizes):
            encoder.header_table_size = sizes[nth]
        asked = reader.read(encoder.encode([*GET, *more]))
        assert (asked.method, asked.target, asked.is_malformed) == ("GET", "/a?b=1", False)
        wanted = {name.encode(): value for name, value in more if name in {"user-agent", "range"}}
        assert {name: asked.headers[name] for name in (b"user-agent", b"range") if name in asked.headers} == wanted
        cookies = [value for name, value in more if name == "cookie"]
        assert asked.headers.get(b"cookie") == ("; ".join(cookies) if cookies else None)


FRAMES = st.builds(
    frame,
    st.integers(0, 11),
    st.sampled_from([0, 1, 4, 5, 8, 9, 13, 0x20, 0x25, 0x2D]),
    st.sampled_from([0, 1, 2, 3, 5, 7]),
    st.one_of(st.just(BLOCK), st.binary(max_size=12), st.binary(min_size=8, max_size=8)),
)


@given(st.lists(FRAMES, max_size=20), st.integers(1, 40), st.binary(max_size=30))
def test_whatever_comes_is_read_or_ends_the_connection(sent: list[bytes], step: int, tail: bytes) -> None:
    session, data = Session(), HELLO + b"".join(sent) + tail
    opened: set[int] = set()
    with suppress(ProtocolError):
        for at in range(0, len(data), step):
            for event in session.receive(data[at : at + step]):
                if isinstance(event, RequestReceived):
                    assert event.stream not in opened
                    opened.add(event.stream)
                assert event.stream in opened
    for stream in opened:
        assert session.room(stream) >= 0
