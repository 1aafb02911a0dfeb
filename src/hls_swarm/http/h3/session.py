"""The client's side of HTTP/3 on a QUIC connection, without I/O: bytes of streams in, events out, and what to send.

Rules:

- Requests are GETs without a body. Flow control is QUIC's, and opens windows by itself as bytes are taken.
- Bodies that nobody keeps are counted and stepped over. One event tells of all that a stream got at once.
- No dynamic table is kept, so neither of QPACK's streams is opened here (RFC 9204 4.2), and on the peer's encoder
  stream there is nothing to say.
- What the peer may make us hold or do is bounded: a field section by `BLOCK_LIMIT_BYTES`, frames without use by
  `IDLE_FRAMES_LIMIT` between two that are of use, field sections of one answer by `SECTIONS_LIMIT`.
- Nothing is pushed: no push was allowed (MAX_PUSH_ID), and one ends the connection.
"""

from typing import NamedTuple

from hls_swarm.http.h3 import frames
from hls_swarm.http.h3.frames import ErrorCode, ProtocolError, read_varint
from hls_swarm.http.multiplexing.events import Body, BodyReceived, HeadReceived, StreamReset

BLOCK_LIMIT_BYTES = 64 << 10
IDLE_FRAMES_LIMIT = 1000
SECTIONS_LIMIT = 34
"""Interim heads as over HTTP/1.1, a head and trailers."""
MOST_STREAMS = 100
"""Streams at once, whatever the peer allows."""
_CONTROL_LIMIT_BYTES = 4 << 10
CONTROL_STREAM_ID = 2
"""The first stream of a client's own: its control stream."""
_ONLY_ON_CONTROL = frozenset({frames.CANCEL_PUSH, frames.SETTINGS, frames.GOAWAY, frames.MAX_PUSH_ID}) | frames.OF_HTTP2


class GoingAway(NamedTuple):
    """The peer takes no more requests; those on streams from `first` on were not and will not be processed."""

    first: int


Event = HeadReceived | BodyReceived | StreamReset | GoingAway


class Send(NamedTuple):
    """Bytes for a stream of ours."""

    stream: int
    data: bytes
    ends: bool


class Stop(NamedTuple):
    """What the peer sends on a stream is of no use any more."""

    stream: int
    code: ErrorCode


class _Stream(Body):
    """One request's answer as it comes."""

    __slots__ = ("buffer", "needed", "rest", "sections", "skip")

    def __init__(self, *, keeps: bool) -> None:
        self.keeps = keeps
        self.sections = 0
        self.rest = 0  # of a DATA frame
        self.skip = 0  # of a frame that means nothing
        self.buffer = bytearray()  # of a frame that is of use only whole
        self.needed = 0  # bytes in `buffer` from which on to look again
        self.received = 0
        self.pieces = []
        self.start = None


class _PeerStream:
    """A stream that the peer opened, and what of it has not been understood yet."""

    __slots__ = ("buffer", "kind", "skip")

    def __init__(self) -> None:
        self.kind: int | None = None
        self.buffer = bytearray()
        self.skip = 0


class Session:
    """One connection.

    Attributes:
        out: what the transport is to do; who does it takes it off.
        streams_allowed: how many streams the peer lets be opened, all that were among them.
        is_going_away: no more streams can be opened.
    """

    __slots__ = (
        "_events",
        "_first_refused",
        "_idle_frames",
        "_next_stream",
        "_peer",
        "_roles",
        "_streams",
        "_touched",
        "_was_set",
        "is_going_away",
        "out",
        "streams_allowed",
    )

    def __init__(self) -> None:
        preface = frames.varint(frames.CONTROL_STREAM) + frames.settings(
            {
                frames.QPACK_MAX_TABLE_CAPACITY: 0,
                frames.QPACK_BLOCKED_STREAMS: 0,
                frames.MAX_FIELD_SECTION_SIZE: BLOCK_LIMIT_BYTES,
            }
        )
        self.out: list[Send | Stop] = [Send(CONTROL_STREAM_ID, preface, ends=False)]
        self.streams_allowed = 0
        self.is_going_away = False
        self._events: list[Event] = []
        self._streams: dict[int, _Stream] = {}
        self._peer: dict[int, _PeerStream] = {}
        self._roles: set[int] = set()  # of the peer's streams, each of which it may have once
        self._next_stream = 0
        self._idle_frames = 0
        self._touched: list[int] = []
        self._was_set = False
        self._first_refused = 1 << 62

    @property
    def open_streams(self) -> int:
        """How many streams have not ended."""
        return len(self._streams)

    @property
    def can_open(self) -> bool:
        """Whether one more stream may be opened now."""
        return (
            not self.is_going_away
            and len(self._streams) < MOST_STREAMS
            and self._next_stream // 4 < self.streams_allowed
        )

    def request(self, block: bytes, *, keeps: bool) -> int:
        """Ask; gives the stream's number.

        Args:
            block: the request's fields, encoded.
            keeps: whether the body is wanted, not only its size.
        """
        stream = self._next_stream
        self._next_stream += 4
        self._streams[stream] = _Stream(keeps=keeps)
        self.out.append(Send(stream, frames.frame(frames.HEADERS, block), ends=True))
        return stream

    def cancel(self, stream: int, code: ErrorCode = ErrorCode.H3_REQUEST_CANCELLED) -> None:
        """End a stream whose answer is of no use any more, if it has not ended."""
        if self._streams.pop(stream, None) is not None:
            self.out.append(Stop(stream, code))

    def receive(self, number: int, data: bytes, *, ends: bool) -> None:
        """Take in what came on a stream.

        Raises:
            ProtocolError: the connection must end.
        """
        if number & 3 == 0:
            stream = self._streams.get(number)
            if stream is not None:
                self._read_answer(number, stream, data, ends=ends)
            elif number >= self._next_stream:
                raise ProtocolError(ErrorCode.H3_STREAM_CREATION_ERROR, f"stream {number}, which nobody opened")
        elif number & 3 == 3:
            self._read_peer(number, data, ends=ends)
        elif number != CONTROL_STREAM_ID:
            raise ProtocolError(ErrorCode.H3_STREAM_CREATION_ERROR, f"a request from the server, on stream {number}")

    def reset(self, number: int, code: int) -> None:
        """The peer ended a stream.

        Raises:
            ProtocolError: it was one that both need.
        """
        if number & 3 == 0:
            stream = self._streams.pop(number, None)
            if stream is None:
                self._idle("a reset")
                return
            if stream.received:
                self._events.append(stream.told(number, ends=False))
            self._events.append(StreamReset(number, code))
        else:
            self._end_peer(number)

    def refused(self, number: int) -> None:
        """The peer wants no more of a stream of ours (STOP_SENDING): only of the one that both need that matters.

        Raises:
            ProtocolError: it was that one.
        """
        if number == CONTROL_STREAM_ID:
            raise ProtocolError(ErrorCode.H3_CLOSED_CRITICAL_STREAM, "the control stream is not read")
        self._idle("STOP_SENDING")

    def told(self) -> list[Event]:
        """What it all meant since this was asked last, in its order."""
        events, self._events = self._events, []
        for number in self._touched:
            stream = self._streams.get(number)
            if stream is not None and stream.received:
                events.append(stream.told(number, ends=False))
        self._touched.clear()
        return events

    # Streams of requests

    def _read_answer(self, number: int, stream: _Stream, data: bytes, *, ends: bool) -> None:
        if not stream.buffer and stream.rest >= len(data) > 0:
            self._take(number, stream, data)  # the usual case: nothing but body
        else:
            self._read_frames(number, stream, data)
        if ends and number in self._streams:
            if stream.buffer or stream.rest or stream.skip:
                raise ProtocolError(ErrorCode.H3_FRAME_ERROR, "a stream that ends within a frame")
            del self._streams[number]
            self._events.append(stream.told(number, ends=True))

    def _take(self, number: int, stream: _Stream, payload: bytes) -> None:
        if not stream.received:
            self._touched.append(number)
        stream.rest -= len(payload)
        if stream.keeps or stream.start is None:
            stream.take(payload)
        else:
            stream.received += len(payload)
        self._idle_frames = 0

    def _read_frames(self, number: int, stream: _Stream, data: bytes) -> None:
        if stream.buffer:
            stream.buffer += data
            if len(stream.buffer) < stream.needed:
                return
            data = bytes(stream.buffer)
            stream.buffer.clear()
        at, size = 0, len(data)
        while at < size:
            if stream.rest:
                count = min(stream.rest, size - at)
                self._take(number, stream, data[at : at + count])
                at += count
                continue
            if stream.skip:
                count = min(stream.skip, size - at)
                stream.skip -= count
                at += count
                continue
            kind, length, begin = _frame_header(data, at)
            if begin < 0:
                stream.buffer += data[at:]
                stream.needed = 0
                return
            if kind == frames.DATA:
                if not stream.sections:
                    raise ProtocolError(ErrorCode.H3_FRAME_UNEXPECTED, "a body before its head")
                stream.rest = length
                if not length:
                    self._idle("empty DATA")
                at = begin
            elif kind == frames.HEADERS:
                if length > BLOCK_LIMIT_BYTES:
                    raise ProtocolError(ErrorCode.H3_EXCESSIVE_LOAD, f"a field section of {length} bytes")
                if begin + length > size:
                    stream.buffer += data[at:]
                    stream.needed = begin + length - at
                    return
                self._end_section(number, stream, data[begin : begin + length], begin + length - at)
                at = begin + length
            elif kind == frames.PUSH_PROMISE:
                raise ProtocolError(ErrorCode.H3_ID_ERROR, "a push that nobody allowed")
            elif kind in _ONLY_ON_CONTROL:
                raise ProtocolError(ErrorCode.H3_FRAME_UNEXPECTED, f"a frame of type {kind:#x} in an answer")
            else:
                stream.skip = length
                self._idle("unknown")
                at = begin

    def _end_section(self, number: int, stream: _Stream, block: bytes, size_bytes: int) -> None:
        self._idle_frames = 0
        stream.sections += 1
        if stream.sections > SECTIONS_LIMIT:
            raise ProtocolError(ErrorCode.H3_EXCESSIVE_LOAD, f"over {SECTIONS_LIMIT} field sections in one answer")
        if stream.received:
            self._events.append(stream.told(number, ends=False))
        self._events.append(HeadReceived(number, block, size_bytes, ends=False))

    # Streams of the peer

    def _read_peer(self, number: int, data: bytes, *, ends: bool) -> None:
        stream = self._peer.get(number)
        if stream is None:
            stream = self._peer[number] = _PeerStream()
        stream.buffer += data
        if stream.kind is None:
            kind, at = read_varint(stream.buffer, 0)
            if at >= 0:
                del stream.buffer[:at]
                stream.kind = kind
                self._begin_peer(number, kind)
        if stream.kind == frames.CONTROL_STREAM:
            self._read_control(stream)
        elif stream.kind == frames.ENCODER_STREAM:
            if stream.buffer.strip(b"\x20"):  # a table of no size is all that it may set (RFC 9204 3.2.3, 4.3.1)
                raise ProtocolError(ErrorCode.QPACK_ENCODER_STREAM_ERROR, "an entry for a table that holds nothing")
            stream.buffer.clear()
        elif stream.kind is not None:
            stream.buffer.clear()
        if ends:
            self._end_peer(number)

    def _begin_peer(self, number: int, kind: int) -> None:
        if kind == frames.PUSH_STREAM:
            raise ProtocolError(ErrorCode.H3_ID_ERROR, "a push that nobody allowed")
        if kind > frames.DECODER_STREAM:
            self.out.append(Stop(number, ErrorCode.H3_STREAM_CREATION_ERROR))
            self._idle("a stream of unknown type")
        elif kind in self._roles:
            raise ProtocolError(ErrorCode.H3_STREAM_CREATION_ERROR, f"a second stream of type {kind}")
        else:
            self._roles.add(kind)

    def _end_peer(self, number: int) -> None:
        stream = self._peer.pop(number, None)
        kind = None if stream is None else stream.kind
        if kind is not None and kind <= frames.DECODER_STREAM:
            raise ProtocolError(ErrorCode.H3_CLOSED_CRITICAL_STREAM, "a stream ended that both need")
        self._idle("the end of a stream")

    def _read_control(self, stream: _PeerStream) -> None:
        buffer = stream.buffer
        while buffer:
            if stream.skip:
                count = min(stream.skip, len(buffer))
                stream.skip -= count
                del buffer[:count]
                continue
            kind, length, begin = _frame_header(buffer, 0)
            if begin < 0:
                return
            if not self._was_set and kind != frames.SETTINGS:
                raise ProtocolError(ErrorCode.H3_MISSING_SETTINGS, "no HTTP/3: it does not begin with SETTINGS")
            if kind not in (frames.SETTINGS, frames.GOAWAY, frames.CANCEL_PUSH):
                if kind in (frames.DATA, frames.HEADERS, frames.PUSH_PROMISE, frames.MAX_PUSH_ID) or (
                    kind in frames.OF_HTTP2
                ):
                    raise ProtocolError(ErrorCode.H3_FRAME_UNEXPECTED, f"a frame of type {kind:#x} beside the answers")
                self._idle("unknown")
                stream.skip = length
                del buffer[:begin]
                continue
            if length > _CONTROL_LIMIT_BYTES:
                raise ProtocolError(ErrorCode.H3_EXCESSIVE_LOAD, f"a control frame of {length} bytes")
            if begin + length > len(buffer):
                return
            payload = bytes(buffer[begin : begin + length])
            del buffer[: begin + length]
            self._take_control(kind, payload)

    def _take_control(self, kind: int, payload: bytes) -> None:
        self._idle("control")
        if kind == frames.SETTINGS:
            if self._was_set:
                raise ProtocolError(ErrorCode.H3_FRAME_UNEXPECTED, "SETTINGS for the second time")
            self._was_set = True
            frames.read_settings(payload)  # nothing of it changes what is asked: requests use no table, and are small
            return
        first, end = read_varint(payload, 0)
        if end != len(payload):
            raise ProtocolError(ErrorCode.H3_FRAME_ERROR, "a malformed GOAWAY or CANCEL_PUSH")
        if kind == frames.CANCEL_PUSH or first & 3:
            raise ProtocolError(ErrorCode.H3_ID_ERROR, "GOAWAY or CANCEL_PUSH of what is none of ours")
        if first > self._first_refused:
            raise ProtocolError(ErrorCode.H3_ID_ERROR, "GOAWAY that takes back an earlier one")
        self._first_refused = first
        self.is_going_away = True
        for number in [number for number in self._streams if number >= first]:
            del self._streams[number]
        self._events.append(GoingAway(first))

    def _idle(self, what: str) -> None:
        """Something that brings nothing forward."""
        self._idle_frames += 1
        if self._idle_frames > IDLE_FRAMES_LIMIT:
            raise ProtocolError(
                ErrorCode.H3_EXCESSIVE_LOAD, f"over {IDLE_FRAMES_LIMIT} frames without use, {what} last"
            )


def _frame_header(data: bytes | bytearray, at: int) -> tuple[int, int, int]:
    """Type and length of the frame that begins there, and where its payload does: -1 if more bytes are needed."""
    kind, after = read_varint(data, at)
    if after < 0:
        return 0, 0, -1
    length, begin = read_varint(data, after)
    return kind, length, begin
