"""The protocol without I/O, against another implementation as its peer and against bytes that no honest one sends."""

import struct

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection as Peer
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hypothesis import given, settings
from hypothesis import strategies as st

from hls_swarm.http.h2 import frames
from hls_swarm.http.h2.fields import parse_fields, request_block
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError, frame
from hls_swarm.http.h2.session import (
    CONNECTION_WINDOW_BYTES,
    IDLE_FRAMES_LIMIT,
    OUT_LIMIT_BYTES,
    STREAM_WINDOW_BYTES,
    Event,
    GoingAway,
    Session,
)
from hls_swarm.http.multiplexing.events import BodyReceived, HeadReceived, StreamReset
from hls_swarm.records import BODY_START_BYTES

GET = request_block("/a.ts", "origin.example", tls=True)
HELLO = frames.settings({})
OK = b"\x88"


def taken(session: Session) -> bytes:
    out = bytes(session.out)
    session.out.clear()
    return out


def talk(session: Session, peer: Peer) -> list[Event]:
    """Carry bytes both ways until nobody has anything to say."""
    events: list[Event] = []
    while True:
        out, back = taken(session), peer.data_to_send()
        if not out and not back:
            return events
        if out:
            peer.receive_data(out)
        if back:
            events += session.receive(back)


@pytest.fixture
def peer() -> Peer:
    peer = Peer(H2Configuration(client_side=False, header_encoding="utf-8"))
    peer.initiate_connection()
    return peer


def bodies(events: list[Event]) -> dict[int, tuple[int, bytes, bool]]:
    found: dict[int, tuple[int, bytes, bool]] = {}
    for event in events:
        if isinstance(event, BodyReceived):
            count, data, _ = found.get(event.stream, (0, b"", False))
            found[event.stream] = count + event.size_bytes, data + b"".join(event.pieces), event.ends
    return found


def test_answers_side_by_side(peer: Peer) -> None:
    session = Session()
    one, two = session.request(GET, keeps=True), session.request(GET, keeps=False)
    assert talk(session, peer) == []
    for stream, length in ((one, 30_000), (two, 50_000)):
        peer.send_headers(stream, [(":status", "200"), ("content-length", str(length))])
    for _ in range(3):
        peer.send_data(one, b"k" * 10_000)
        peer.send_data(two, b"d" * 10_000)
    peer.send_data(two, b"d" * 16_000)
    peer.send_data(two, b"d" * 4_000, end_stream=True)
    peer.end_stream(one)
    events = talk(session, peer)
    heads = {event.stream: parse_fields(event.block) for event in events if isinstance(event, HeadReceived)}
    assert {stream: (head.status, head.length) for stream, head in heads.items()} == {
        one: (200, 30_000),
        two: (200, 50_000),
    }
    assert bodies(events) == {one: (30_000, b"k" * 30_000, True), two: (50_000, b"", True)}
    assert session.open_streams == 0


def test_the_first_settings_are_a_browsers_windows_and_no_table(peer: Peer) -> None:
    session = Session()
    talk(session, peer)
    assert peer.remote_settings[SettingCodes.HEADER_TABLE_SIZE] == 0
    assert peer.remote_settings[SettingCodes.ENABLE_PUSH] == 0
    assert peer.remote_settings[SettingCodes.INITIAL_WINDOW_SIZE] == STREAM_WINDOW_BYTES
    assert peer.outbound_flow_control_window == CONNECTION_WINDOW_BYTES


def test_windows_open_again_for_any_length_of_body(peer: Peer) -> None:
    session = Session()
    stream = session.request(GET, keeps=False)
    talk(session, peer)
    peer.send_headers(stream, [(":status", "200")])
    total = 0
    for _ in range(3000):
        window = peer.local_flow_control_window(stream)
        assert window >= 16_384
        peer.send_data(stream, bytes(16_384))
        total += 16_384
        talk(session, peer)
    peer.end_stream(stream)
    events = talk(session, peer)
    assert total > 3 * CONNECTION_WINDOW_BYTES
    assert bodies(events)[stream][2]


def test_padding_counts_for_windows_and_not_for_the_body(peer: Peer) -> None:
    session = Session()
    stream = session.request(GET, keeps=True)
    talk(session, peer)
    peer.send_headers(stream, [(":status", "200")])
    peer.send_data(stream, b"abc", pad_length=200)
    peer.send_data(stream, b"def", end_stream=True, pad_length=0)
    assert bodies(talk(session, peer)) == {stream: (6, b"abcdef", True)}


def test_interim_heads_and_trailers(peer: Peer) -> None:
    session = Session()
    stream = session.request(GET, keeps=True)
    talk(session, peer)
    peer.send_headers(stream, [(":status", "103"), ("link", "<x>")])
    peer.send_headers(stream, [(":status", "200")])
    peer.send_data(stream, b"body")
    peer.send_headers(stream, [("etag", "x")], end_stream=True)
    events = talk(session, peer)
    assert [(type(event), event.ends) for event in events if not isinstance(event, StreamReset | GoingAway)] == [
        (HeadReceived, False),
        (HeadReceived, False),
        (BodyReceived, False),
        (HeadReceived, True),
    ]


def test_a_long_request_is_continued(peer: Peer) -> None:
    session = Session()
    long = request_block("/" + "x" * 40_000, "origin.example", tls=True)
    stream = session.request(long, keeps=False)
    talk(session, peer)
    peer.send_headers(stream, [(":status", "414")], end_stream=True)
    (event,) = talk(session, peer)
    assert isinstance(event, HeadReceived)
    assert (parse_fields(event.block).status, event.ends) == (414, True)


def test_a_long_head_is_continued(peer: Peer) -> None:
    session = Session()
    stream = session.request(GET, keeps=False)
    talk(session, peer)
    peer.send_headers(stream, [(":status", "200"), ("x-long", "y" * 40_000)], end_stream=True)
    (event,) = talk(session, peer)
    assert isinstance(event, HeadReceived)
    assert event.size_bytes > 20_000


def test_pings_are_answered(peer: Peer) -> None:
    session = Session()
    talk(session, peer)
    peer.ping(b"12345678")
    session.receive(peer.data_to_send() or b"")
    assert taken(session) == frame(frames.PING, frames.ACK, 0, b"12345678")


def test_resets_and_going_away(peer: Peer) -> None:
    session = Session()
    streams = [session.request(GET, keeps=False) for _ in range(4)]
    talk(session, peer)
    peer.reset_stream(streams[0], ErrorCodes.REFUSED_STREAM)
    assert talk(session, peer) == [StreamReset(streams[0], ErrorCode.REFUSED_STREAM)]
    assert session.receive(frames.goaway(streams[1], ErrorCode.NO_ERROR)) == [GoingAway(streams[1], 0)]
    assert (session.can_open, session.open_streams) == (False, 1)


def test_the_peer_says_how_many_streams_it_takes(peer: Peer) -> None:
    session = Session()
    peer.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 2})
    talk(session, peer)
    session.request(GET, keeps=False)
    seen = [session.can_open]
    last = session.request(GET, keeps=False)
    seen.append(session.can_open)
    session.cancel(last)
    seen.append(session.can_open)
    assert seen == [True, False, True]
    assert taken(session).endswith(frames.reset(last, ErrorCode.CANCEL))


def test_what_comes_for_a_cancelled_stream_is_passed_over(peer: Peer) -> None:
    session = Session()
    stream = session.request(GET, keeps=False)
    talk(session, peer)
    peer.send_headers(stream, [(":status", "200")])
    peer.send_data(stream, bytes(1000))
    late = peer.data_to_send() or b""
    session.cancel(stream)
    assert session.receive(late) == []


def answer(length: int) -> bytes:
    data = HELLO + frame(frames.HEADERS, frames.END_HEADERS, 1, OK)
    for at in range(0, length, 5000):
        end = frames.END_STREAM if at + 5000 >= length else 0
        data += frame(frames.DATA, end, 1, b"x" * min(5000, length - at))
    return data


@given(st.lists(st.integers(1, 9000), max_size=12), st.booleans())
@settings(deadline=None)
def test_pieces_make_no_difference(cuts: list[int], keeps: bool) -> None:
    session = Session()
    session.request(GET, keeps=keeps)
    data, events = answer(23_456), []
    for cut in cuts:
        events += session.receive(data[:cut])
        data = data[cut:]
    events += session.receive(data)
    assert bodies(events) == {1: (23_456, b"x" * 23_456 if keeps else b"", True)}


def test_the_start_of_a_body_that_nobody_keeps_is_told_of_once() -> None:
    session, body = Session(), bytes(range(256)) * 4
    session.request(GET, keeps=False)
    events = session.receive(HELLO + frame(frames.HEADERS, frames.END_HEADERS, 1, OK))
    for at in range(0, len(body), 512):
        events += session.receive(frame(frames.DATA, 0, 1, body[at : at + 512]))
    events += session.receive(frame(frames.DATA, frames.END_STREAM, 1))
    assert [event.start for event in events if isinstance(event, BodyReceived)] == [body[:BODY_START_BYTES], b"", b""]


def test_byte_by_byte() -> None:
    session = Session()
    session.request(GET, keeps=True)
    events: list[Event] = []
    for byte in answer(6_000):
        events += session.receive(bytes((byte,)))
    assert bodies(events) == {1: (6_000, b"x" * 6_000, True)}


HOSTILE = {
    "HTTP/1.1": (b"HTTP/1.1 400 Bad Request\r\n\r\n", ErrorCode.PROTOCOL_ERROR),
    "no settings": (frame(frames.PING, 0, 0, bytes(8)), ErrorCode.PROTOCOL_ERROR),
    "oversized frame": (HELLO + frame(frames.DATA, 0, 1, bytes(16_385)), ErrorCode.FRAME_SIZE_ERROR),
    "push": (HELLO + frame(frames.PUSH_PROMISE, 4, 1, bytes(4) + OK), ErrorCode.PROTOCOL_ERROR),
    "stream nobody opened": (HELLO + frame(frames.HEADERS, 4, 3, OK), ErrorCode.PROTOCOL_ERROR),
    "even stream": (HELLO + frame(frames.HEADERS, 4, 2, OK), ErrorCode.PROTOCOL_ERROR),
    "stream 0": (HELLO + frame(frames.DATA, 0, 0, b"x"), ErrorCode.PROTOCOL_ERROR),
    "body before head": (HELLO + frame(frames.DATA, 0, 1, b"x"), ErrorCode.PROTOCOL_ERROR),
    "padding": (
        HELLO + frame(frames.HEADERS, 4, 1, OK) + frame(frames.DATA, 8, 1, b"\x05abc"),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "padding alone": (HELLO + frame(frames.HEADERS, 4, 1, OK) + frame(frames.DATA, 8, 1), ErrorCode.FRAME_SIZE_ERROR),
    "head padding": (HELLO + frame(frames.HEADERS, 12, 1, b"\x09ab"), ErrorCode.PROTOCOL_ERROR),
    "interrupted block": (
        HELLO + frame(frames.HEADERS, 0, 1, OK) + frame(frames.PING, 0, 0, bytes(8)),
        ErrorCode.PROTOCOL_ERROR,
    ),
    "continuation of nothing": (HELLO + frame(frames.CONTINUATION, 4, 1, OK), ErrorCode.PROTOCOL_ERROR),
    "header bomb": (
        HELLO + frame(frames.HEADERS, 0, 1, OK) + frame(frames.CONTINUATION, 0, 1, bytes(16_000)) * 5,
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "continuation flood": (
        HELLO + frame(frames.HEADERS, 0, 1, OK) + frame(frames.CONTINUATION, 0, 1) * 100,
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "settings flood": (HELLO * (IDLE_FRAMES_LIMIT + 1), ErrorCode.ENHANCE_YOUR_CALM),
    "ping flood": (HELLO + frame(frames.PING, 1, 0, bytes(8)) * 1001, ErrorCode.ENHANCE_YOUR_CALM),
    "empty DATA flood": (
        HELLO + frame(frames.HEADERS, 4, 1, OK) + frame(frames.DATA, 0, 1) * 1001,
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "unknown flood": (HELLO + frame(200, 0, 0) * 1001, ErrorCode.ENHANCE_YOUR_CALM),
    "malformed settings": (frame(frames.SETTINGS, 0, 0, b"12345"), ErrorCode.FRAME_SIZE_ERROR),
    "settings of a stream": (frame(frames.SETTINGS, 0, 1), ErrorCode.PROTOCOL_ERROR),
    "acknowledged with more": (HELLO + frame(frames.SETTINGS, 1, 0, b"x"), ErrorCode.FRAME_SIZE_ERROR),
    "frame size": (frames.settings({frames.MAX_FRAME_SIZE: 100}), ErrorCode.PROTOCOL_ERROR),
    "window": (frames.settings({frames.INITIAL_WINDOW_SIZE: 1 << 31}), ErrorCode.FLOW_CONTROL_ERROR),
    "pushed to": (frames.settings({frames.ENABLE_PUSH: 1}), ErrorCode.PROTOCOL_ERROR),
    "ping": (HELLO + frame(frames.PING, 0, 0, b"x"), ErrorCode.FRAME_SIZE_ERROR),
    "reset": (HELLO + frame(frames.RST_STREAM, 0, 1, b"x"), ErrorCode.FRAME_SIZE_ERROR),
    "goaway": (HELLO + frame(frames.GOAWAY, 0, 0, b"x"), ErrorCode.FRAME_SIZE_ERROR),
    "window update": (HELLO + frame(frames.WINDOW_UPDATE, 0, 0, b"x"), ErrorCode.FRAME_SIZE_ERROR),
    "ping of a stream": (HELLO + frame(frames.PING, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
    "goaway of a stream": (HELLO + frame(frames.GOAWAY, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
    "window of a stream nobody opened": (HELLO + frames.window_update(3, 1), ErrorCode.PROTOCOL_ERROR),
    "body behind its end": (
        HELLO + frame(frames.HEADERS, 4, 1, OK) + frame(frames.DATA, 1, 1, b"x") + frame(frames.DATA, 0, 1, b"y"),
        ErrorCode.STREAM_CLOSED,
    ),
    "body behind a reset": (
        HELLO + frames.reset(1, ErrorCode.NO_ERROR) + frame(frames.DATA, 0, 1, b"y"),
        ErrorCode.STREAM_CLOSED,
    ),
    "field blocks without end": (HELLO + frame(frames.HEADERS, 4, 1, b"\x08\x03103") * 35, ErrorCode.ENHANCE_YOUR_CALM),
    "window of nothing": (HELLO + frame(frames.WINDOW_UPDATE, 0, 0, bytes(4)), ErrorCode.PROTOCOL_ERROR),
}


@pytest.mark.parametrize(("data", "code"), HOSTILE.values(), ids=list(HOSTILE))
def test_who_breaks_the_protocol_is_told_and_left(data: bytes, code: ErrorCode) -> None:
    session = Session()
    session.request(GET, keeps=False)
    with pytest.raises(ProtocolError) as caught:
        session.receive(data)
    assert caught.value.code is code
    assert taken(session).endswith(frames.goaway(0, code))


def test_a_peer_that_uses_more_than_its_window() -> None:
    session = Session()
    session.request(GET, keeps=False)
    session.receive(HELLO + frame(frames.HEADERS, 4, 1, OK))
    session._streams[1].window = 10_000
    with pytest.raises(ProtocolError) as caught:
        session.receive(frame(frames.DATA, 0, 1, bytes(10_001)))
    assert caught.value.code is ErrorCode.FLOW_CONTROL_ERROR


@pytest.mark.parametrize("by", ["cancelled", "refused"])
def test_a_stream_that_was_given_up_may_use_its_window_and_no_more(by: str) -> None:
    session = Session()
    session.request(GET, keeps=False)
    session.receive(HELLO + frame(frames.HEADERS, 4, 1, OK) + frame(frames.DATA, 0, 1, bytes(10_000)))
    if by == "cancelled":
        session.cancel(1)
    else:
        session.receive(frames.goaway(0, ErrorCode.NO_ERROR))
    left = STREAM_WINDOW_BYTES - 10_000
    assert session.receive(frame(frames.DATA, 0, 1, bytes(16_000)) * (left // 16_000)) == []
    assert session.receive(frame(frames.DATA, 0, 1, bytes(left % 16_000))) == []
    with pytest.raises(ProtocolError) as caught:
        session.receive(frame(frames.DATA, 0, 1, b"x"))
    assert caught.value.code is ErrorCode.STREAM_CLOSED


def test_an_end_without_an_error_behind_a_whole_answer_changes_nothing() -> None:
    session = Session()
    session.request(GET, keeps=True)
    whole = HELLO + frame(frames.HEADERS, 4, 1, OK) + frame(frames.DATA, 0, 1, b"x") + frame(frames.DATA, 1, 1)
    assert session.receive(whole + frames.reset(1, ErrorCode.NO_ERROR)) == [
        HeadReceived(1, OK, 9 + len(OK), False),
        BodyReceived(1, 1, (b"x",), True),
    ]
    assert session.can_open


def test_room_for_more_streams_is_told_once_it_grows() -> None:
    def said(most: int) -> bool:
        session.receive(frames.settings({frames.MAX_CONCURRENT_STREAMS: most}))
        grown, session.has_more_room = session.has_more_room, False
        return grown

    session = Session()
    assert [said(most) for most in (200, 1, 1, 0, 3, 2, 100, 1000)] == [False] * 4 + [True, False, True, False]


def test_a_peer_that_asks_for_answers_and_takes_none() -> None:
    session = Session()
    session.request(GET, keeps=True)
    session.receive(HELLO + frame(frames.HEADERS, 4, 1, OK))
    ping = frame(frames.PING, 0, 0, bytes(8))
    useful = frame(frames.DATA, 0, 1, b"x")
    for _ in range(OUT_LIMIT_BYTES // (500 * len(ping))):
        session.receive(ping * 500 + useful)
    with pytest.raises(ProtocolError) as caught:
        session.receive(ping * 500 + useful)
    assert caught.value.code is ErrorCode.ENHANCE_YOUR_CALM


def test_closed_streams_are_reset_a_bounded_number_of_times() -> None:
    session = Session()
    session.request(GET, keeps=False)
    session.receive(HELLO + frames.reset(1, ErrorCode.CANCEL))
    with pytest.raises(ProtocolError) as caught:
        session.receive(frames.reset(1, ErrorCode.CANCEL) * 1001)
    assert caught.value.code is ErrorCode.ENHANCE_YOUR_CALM


FRAMES = st.builds(
    lambda kind, flags, stream, payload: frame(kind, flags, stream, payload),
    st.integers(0, 11),
    st.integers(0, 255),
    st.integers(0, 9),
    st.binary(max_size=60),
)


@given(st.lists(FRAMES | st.binary(max_size=40), max_size=40), st.booleans())
@settings(deadline=None, max_examples=300)
def test_any_frames_are_events_or_an_error(pieces: list[bytes], greets: bool) -> None:
    session = Session()
    for keeps in (True, False, True):
        session.request(GET, keeps=keeps)
    try:
        events = session.receive(HELLO) if greets else []
        for piece in pieces:
            events += session.receive(piece)
    except ProtocolError:
        assert bytes(session.out)[-17:-8] == struct.pack(">HBBBI", 0, 8, frames.GOAWAY, 0, 0)
        return
    assert session.open_streams <= 3
    ended = [event.stream for event in events if not isinstance(event, GoingAway) and getattr(event, "ends", True)]
    assert len(ended) == len(set(ended))


def small(stream: int, block: bytes, body: bytes, flags: int = 4, end: int = 1) -> bytes:
    return frame(frames.HEADERS, flags, stream, block) + frame(frames.DATA, end, stream, body)


@given(
    st.sampled_from([OK, OK + b"\x0f\x0d\x013", b""]),
    st.binary(max_size=40),
    st.sampled_from([4, 5, 0, 12]),
    st.sampled_from([1, 0, 9]),
    st.sampled_from([1, 3]),
    st.sampled_from([b"", frame(frames.PING, 0, 0, bytes(8)), b"\0"]),
    st.integers(0, 60),
)
def test_an_answer_in_one_step_is_what_it_is_frame_by_frame(
    block: bytes, body: bytes, flags: int, end: int, stream: int, behind: bytes, cut: int
) -> None:
    data = small(stream, block, body, flags, end) + behind
    data = data[: max(0, len(data) - cut)] if cut < 10 else data
    at_once, by_frame = Session(), Session()
    for session in (at_once, by_frame):
        session.request(GET, keeps=True)
        session.receive(HELLO)
        taken(session)
    found = at_once.whole_answer(data, 1)
    assert (found is not None) == (data == small(1, block, body))
    if found is None:
        return
    ends, begins = found
    assert by_frame.receive(data) == [
        HeadReceived(1, data[9:ends], ends, False),
        BodyReceived(1, len(data) - begins, (data[begins:],) if body else (), True),
    ]
    at_once.take_whole(1, len(data) - begins)
    assert [taken(at_once), at_once.open_streams] == [taken(by_frame), by_frame.open_streams] == [b"", 0]


def test_windows_open_again_for_any_number_of_answers_in_one_step() -> None:
    session, taken_whole = Session(), 0
    session.receive(HELLO)
    for _ in range(3000):
        stream = session.request(GET, keeps=False)
        taken(session)
        data = small(stream, OK, bytes(16_000))
        found = session.whole_answer(data, stream)
        if found is None:  # the window is to be opened
            session.receive(data)
            assert frames.window_update(0, 0)[:9] in taken(session)
        else:
            session.take_whole(stream, 16_000)
            taken_whole += 1
    assert 2900 < taken_whole < 3000


def test_nothing_is_an_answer_before_the_greeting_or_behind_half_a_frame() -> None:
    session = Session()
    session.request(GET, keeps=True)
    assert session.whole_answer(small(1, OK, b"x"), 1) is None
    session.receive(HELLO + HELLO[:5])
    assert session.whole_answer(small(1, OK, b"x"), 1) is None


def test_a_long_run_of_frames_at_once_opens_windows_on_its_way() -> None:
    whole, by_frame = Session(), Session()
    data = frame(frames.HEADERS, 4, 1, OK) + frame(frames.DATA, 0, 1, bytes(8192)) * 3000
    for session in (whole, by_frame):
        session.request(GET, keeps=False)
        session.receive(HELLO)
    told = [
        bodies(whole.receive(data)),
        bodies([event for at in range(0, len(data), 10_000) for event in by_frame.receive(data[at : at + 10_000])]),
    ]
    assert told == [{1: (3000 * 8192, b"", False)}] * 2
    assert all(taken(session).count(frames.window_update(0, 0)[:9]) >= 3 for session in (whole, by_frame))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 16384), st.integers(9, 60_000), st.integers(0, 60_000), st.booleans())
def test_how_much_body_waits_is_known_where_frames_are_alike(size: int, read: int, waits: int, keeps: bool) -> None:
    session = Session()
    stream = session.request(GET, keeps=keeps)
    session.receive(HELLO + frame(frames.HEADERS, frames.END_HEADERS, stream, OK))
    count = 120_000 // (size + frames.HEADER_BYTES) + 1
    wire = frame(frames.DATA, 0, stream, b"x" * size) * count
    session.receive(wire[:read])
    told = session.body_in(stream, waits)
    events = session.receive(wire[read : read + waits])
    assert told == sum(event.size_bytes for event in events if isinstance(event, BodyReceived))


def test_what_waits_of_another_stream_and_of_padding_is_no_body() -> None:
    session = Session()
    given_up, stream = (session.request(GET, keeps=False) for _ in range(2))
    session.receive(HELLO)
    for number in (given_up, stream):
        session.receive(frame(frames.HEADERS, frames.END_HEADERS, number, OK))
    session.receive(frame(frames.DATA, 0, stream, b"x" * 100))
    session.receive(frame(frames.DATA, 0, given_up, b"x" * 100)[:-60])
    session.cancel(given_up)
    assert [session.body_in(stream, count) for count in (60, 69, 70, 169, 178, 179)] == [0, 0, 1, 100, 100, 101]
    session.receive(b"x" * 60 + frame(frames.DATA, frames.PADDED, stream, b"\x0a" + b"x" * 100 + b"\0" * 10)[:-30])
    assert [session.body_in(stream, count) for count in (20, 30, 39, 40)] == [20, 20, 20, 21]
    assert session.body_in(given_up, 1000) == 0
