"""The client's side of an HTTP/2 connection without I/O: bytes in, events out, and bytes to send (RFC 9113).

Rules:

- Requests are GETs without a body, so nothing that is sent is under flow control. Windows for what comes are those of
  browsers: 6 MiB a stream, 15 MiB a connection, opened again when half is used, so that updates are rare.
- Bodies that nobody keeps are counted and stepped over. One event tells of all that a stream got at once.
- What the peer may make us hold or do is bounded: a field block by `BLOCK_LIMIT_BYTES`, frames without use by
  `IDLE_FRAMES_LIMIT` between two that are of use, field blocks of one answer by `BLOCKS_LIMIT`, bytes of streams that
  were cancelled by the windows these had, what waits to be sent by `OUT_LIMIT_BYTES`.
- Nothing is pushed: it was forbidden, and ends the connection.
"""

import struct
from typing import NamedTuple

from hls_swarm.http.h2 import frames
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError, frame_header, header_parts
from hls_swarm.http.multiplexing.events import Body, BodyReceived, HeadReceived, StreamReset

STREAM_WINDOW_BYTES = 6 << 20
CONNECTION_WINDOW_BYTES = 15 << 20
BLOCK_LIMIT_BYTES = 64 << 10
IDLE_FRAMES_LIMIT = 1000
BLOCKS_LIMIT = 34
"""Interim heads as over HTTP/1.1, a head and trailers."""
OUT_LIMIT_BYTES = 256 << 10
MOST_STREAMS = 100
"""Streams at once until the peer has said how many it takes, and never more."""
_HALF_WINDOW_BYTES = CONNECTION_WINDOW_BYTES // 2
_RUN_BYTES = 1 << 20
"""What is counted in one step: less than half a window, so that one is opened again before more is taken."""
_SOME_FRAME_BYTES = 9 << 10
"""Payload of a DATA frame before one was seen: servers fill them with 8 or 16 KiB."""
_DEFAULT_WINDOW_BYTES = (1 << 16) - 1
_LAST_STREAM = (1 << 31) - 1


class GoingAway(NamedTuple):
    """The peer takes no more streams; those above `last` were not and will not be processed."""

    last: int
    code: int


Event = HeadReceived | BodyReceived | StreamReset | GoingAway


class _Stream(Body):
    __slots__ = ("blocks", "frame_bytes", "window")

    def __init__(self, keeps: bool) -> None:
        self.keeps = keeps
        self.window = STREAM_WINDOW_BYTES
        self.blocks = 0  # of fields
        self.frame_bytes = _SOME_FRAME_BYTES  # payload of the DATA frame that was looked at last
        self.received = 0
        self.pieces = []
        self.start = None


class Session:
    """One connection.

    Attributes:
        out: what is to be sent; who sends it takes it off.
        most_streams: how many streams may be open at once.
        is_going_away: no more streams can be opened.
        blamed_for: the error code with which the peer went away; None if it did not, or without an error.
        has_more_room: the peer takes more streams at once than before; who sees it takes it back.
    """

    __slots__ = (
        "_block",
        "_block_frame",
        "_buffer",
        "_forsaken",
        "_frame_limit",
        "_greeted",
        "_idle_frames",
        "_next_stream",
        "_rest",
        "_rest_ends",
        "_rest_padding",
        "_rest_stream",
        "_streams",
        "_touched",
        "_window",
        "blamed_for",
        "has_more_room",
        "is_going_away",
        "most_streams",
        "out",
    )

    def __init__(self) -> None:
        self.out = bytearray(frames.PREFACE)
        self.out += frames.settings(
            {
                frames.HEADER_TABLE_SIZE: 0,
                frames.ENABLE_PUSH: 0,
                frames.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
            }
        )
        self.out += frames.window_update(0, CONNECTION_WINDOW_BYTES - _DEFAULT_WINDOW_BYTES)
        self.most_streams = MOST_STREAMS
        self.is_going_away = self.has_more_room = False
        self.blamed_for: int | None = None
        self._streams: dict[int, _Stream] = {}
        self._next_stream = 1
        self._frame_limit = frames.FRAME_LIMIT_BYTES
        self._window = CONNECTION_WINDOW_BYTES
        self._forsaken = 0  # bytes that may still come of streams that were given up here
        self._buffer = b""
        self._greeted = False
        self._rest = self._rest_padding = self._rest_stream = 0  # of a DATA frame that has not come whole
        self._rest_ends = False
        self._block: list[bytes] | None = None
        self._block_frame = (0, 0)  # stream and flags of the HEADERS that began the block
        self._idle_frames = 0
        self._touched: list[int] = []

    @property
    def open_streams(self) -> int:
        """How many streams have not ended."""
        return len(self._streams)

    @property
    def can_open(self) -> bool:
        """Whether one more stream may be opened now."""
        return not self.is_going_away and len(self._streams) < self.most_streams and self._next_stream < _LAST_STREAM

    def request(self, block: bytes, *, keeps: bool) -> int:
        """Ask; gives the stream's number.

        Args:
            block: the request's fields, encoded.
            keeps: whether the body is wanted, not only its size.
        """
        stream = self._next_stream
        self._next_stream += 2
        self._streams[stream] = _Stream(keeps)
        self.out += frames.headers(stream, block, self._frame_limit)
        return stream

    def cancel(self, stream: int, code: ErrorCode = ErrorCode.CANCEL) -> None:
        """End a stream whose answer is of no use any more, if it has not ended."""
        held = self._streams.pop(stream, None)
        if held is not None:
            self._forsaken += held.window
            self.out += frames.reset(stream, code)

    @property
    def is_between_frames(self) -> bool:
        """Whether what comes next begins a frame."""
        return not (self._buffer or self._rest or self._rest_padding) and self._block is None

    def begun_bytes(self, stream: int) -> int | None:
        """Payload that is still to come of a stream's DATA frame, which does not end it; None: it is not like that."""
        if self._buffer or self._rest_padding or self._block is not None:
            return None
        if self._rest and (self._rest_stream != stream or self._rest_ends):
            return None
        return self._rest

    def body_in(self, stream: int, count: int) -> int:
        """How much body of a stream there is in so many bytes that come next, if all further ones are of it.

        Exactly that where its DATA frames are unpadded and go on being as large as the one that was seen last.
        """
        held = self._streams.get(stream)
        if held is None:
            return 0
        begun = min(count, self._rest) if self._rest_stream == stream else 0
        behind = len(self._buffer) + max(0, count - self._rest - self._rest_padding)
        whole, part = divmod(behind, frames.HEADER_BYTES + held.frame_bytes)
        return begun + whole * held.frame_bytes + max(0, part - frames.HEADER_BYTES)

    def step_over(self, stream: int, body_bytes: int) -> None:
        """DATA frames of a stream were dropped unseen: the rest of one that has begun, and whole ones before one more.

        No event tells of them.

        Raises:
            ProtocolError: as `receive` does.
        """
        try:
            self._charge(stream, body_bytes - self._rest)
        except ProtocolError as error:
            self.refute(error.code)
            raise
        self._rest = 0

    def whole_answer(self, data: bytes | memoryview, stream: int) -> tuple[int, int] | None:
        """Where a head's block ends and where a body begins, if one HEADERS and one DATA frame are all that these are.

        As most small answers are. Nothing is taken in: `take_whole` does that, as `receive` would.

        Args:
            stream: the only one that is open, of which nothing has come.
        """
        if self._buffer or self._rest or self._rest_padding or self._block is not None or not self._greeted:
            return None
        size = len(data)
        if not 2 * frames.HEADER_BYTES <= size < frames.FRAME_LIMIT_BYTES:  # a full record is the beginning of more
            return None
        high, low, kind, number = header_parts(data, 0)
        end = frames.HEADER_BYTES + (high << 8 | low)
        begin = end + frames.HEADER_BYTES
        if kind != frames.WHOLE_HEADERS or number != stream or begin > size:
            return None
        high, low, kind, number = header_parts(data, end)
        length = size - begin
        if kind != frames.LAST_DATA or number != stream or high << 8 | low != length:
            return None
        return (end, begin) if self._window - length >= _HALF_WINDOW_BYTES else None

    def take_whole(self, stream: int, body_bytes: int) -> None:
        """Take in what `whole_answer` has found."""
        del self._streams[stream]
        self._window -= body_bytes
        self._idle_frames = 0

    def receive(self, data: bytes | memoryview) -> list[Event]:
        """What these bytes mean.

        Raises:
            ProtocolError: the connection must end; `out` tells the peer why.
        """
        events: list[Event] = []
        try:
            self._read(data, events)
            self._tell_bodies(events)
            if len(self.out) > OUT_LIMIT_BYTES:
                raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, "the peer asks for answers and takes none")
        except ProtocolError as error:
            self.refute(error.code)
            raise
        return events

    def refute(self, code: int) -> None:
        """The connection ends for what the peer has sent: it is told why."""
        self.out += frames.goaway(0, code)

    # Frames

    def _read(self, data: bytes | memoryview, events: list[Event]) -> None:
        if self._buffer:
            data = self._buffer + bytes(data)
            self._buffer = b""
        at, size = 0, len(data)
        if self._rest or self._rest_padding:
            at = self._read_rest(data, events)
        if self._rest_stream in self._streams and not self._rest and not self._rest_padding:
            at = self._read_run(data, at, events)
        while size - at >= frames.HEADER_BYTES:
            length, kind, flags, stream = frame_header(data, at)
            if not self._greeted:
                if kind != frames.SETTINGS or flags & frames.ACK:
                    raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "no HTTP/2: it does not begin with SETTINGS")
                self._greeted = True
            if length > frames.FRAME_LIMIT_BYTES:
                raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            if self._block is not None and (kind != frames.CONTINUATION or stream != self._block_frame[0]):
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a field block that is interrupted")
            begin = at + frames.HEADER_BYTES
            end = begin + length
            if kind == frames.DATA:
                if flags <= frames.END_STREAM and end <= size and length and stream in self._streams:
                    # The usual case: a whole frame of nothing but body.
                    held = self._streams[stream]
                    self._charge(stream, length)
                    if not held.received:
                        self._touched.append(stream)
                    held.take(data[begin:end])
                    held.frame_bytes = length
                    self._idle_frames = 0
                    at = end
                    if flags:
                        self._end_body(stream, held, events)
                    elif not held.keeps:
                        self._rest_stream = stream
                        at = self._read_run(data, at, events)
                    continue
                at = self._begin_data(data, begin, length, flags, stream, events)
                if at < 0:
                    self._buffer = bytes(data[begin - frames.HEADER_BYTES :])
                    return
                continue
            if end > size:
                break
            if kind == frames.HEADERS and flags & ~frames.END_STREAM == frames.END_HEADERS and stream in self._streams:
                # The usual case: all of a head in one frame.
                self._end_block(stream, bytes(data[begin:end]), frames.HEADER_BYTES + length, flags, events)
                at = end
                continue
            self._take(kind, flags, stream, bytes(data[begin:end]), events)
            at = end
        if at < size:
            self._buffer = bytes(data[at:])

    def _read_run(self, data: bytes | memoryview, at: int, events: list[Event]) -> int:
        """Count whole DATA frames of the stream that the last one was of, if nobody keeps them; where to read on."""
        number = self._rest_stream
        held = self._streams[number]
        if held.keeps or held.start is None or self._block is not None:
            return at
        end, length, ends = _run_of_data(data, at, number)
        if length:
            self._charge(number, length)
            if not held.received:
                self._touched.append(number)
            held.received += length
            self._idle_frames = 0
            if ends:
                self._end_body(number, held, events)
        return end

    def _begin_data(
        self, data: bytes | memoryview, begin: int, length: int, flags: int, number: int, events: list[Event]
    ) -> int:
        """Take in a DATA frame, or as much of it as has come; where reading goes on, -1 if it has to wait."""
        padding = 0
        if flags & frames.PADDED:
            if not length:
                raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "padding without a length")
            if begin >= len(data):
                return -1
            padding = data[begin]
            begin += 1
            if padding >= length:
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "more padding than frame")
        self._check_stream(number, "DATA")
        self._charge(number, length)
        payload = length - padding - (1 if flags & frames.PADDED else 0)
        self._rest, self._rest_padding, self._rest_stream = payload, padding, number
        self._rest_ends = bool(flags & frames.END_STREAM)
        if payload and (stream := self._streams.get(number)) is not None:
            stream.frame_bytes = payload
        if not length and not self._rest_ends:
            self._idle("empty DATA")
        return self._read_rest(data, events, begin)

    def _read_rest(self, data: bytes | memoryview, events: list[Event], at: int = 0) -> int:
        """Take in what has come of a DATA frame; where reading goes on."""
        stream = self._streams.get(self._rest_stream)
        count = min(self._rest, len(data) - at)
        if count:
            self._rest -= count
            if stream is not None:
                self._idle_frames = 0
                if not stream.received:
                    self._touched.append(self._rest_stream)
                stream.take(data[at : at + count])
            at += count
        if not self._rest and self._rest_padding:
            count = min(self._rest_padding, len(data) - at)
            self._rest_padding -= count
            at += count
        if not self._rest and not self._rest_padding and self._rest_ends:
            self._rest_ends = False
            if stream is not None:
                self._end_body(self._rest_stream, stream, events)
        return at

    def _end_body(self, number: int, stream: _Stream, events: list[Event]) -> None:
        self._streams.pop(number, None)
        if stream.received:
            self._touched.remove(number)
        events.append(stream.told(number, ends=True))

    def _tell_bodies(self, events: list[Event]) -> None:
        for number in self._touched:
            stream = self._streams.get(number)
            if stream is not None:
                events.append(stream.told(number, ends=False))
        self._touched.clear()

    def _charge(self, number: int, length: int) -> None:
        """Flow control (RFC 9113 5.2): windows are opened again when half of one is used."""
        if length > self._window:
            raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "more than the connection's window")
        self._window -= length
        if self._window < _HALF_WINDOW_BYTES:
            self.out += frames.window_update(0, CONNECTION_WINDOW_BYTES - self._window)
            self._window = CONNECTION_WINDOW_BYTES
        stream = self._streams.get(number)
        if stream is None:
            self._forsaken -= length
            if self._forsaken < 0:
                raise ProtocolError(ErrorCode.STREAM_CLOSED, "a body of a stream that has ended")
            return
        if not stream.blocks:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a body before its head")
        if length > stream.window:
            raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "more than a stream's window")
        stream.window -= length
        if stream.window < STREAM_WINDOW_BYTES // 2:
            self.out += frames.window_update(number, STREAM_WINDOW_BYTES - stream.window)
            stream.window = STREAM_WINDOW_BYTES

    def _take(self, kind: int, flags: int, stream: int, payload: bytes, events: list[Event]) -> None:
        if kind == frames.HEADERS:
            self._begin_block(flags, stream, payload, events)
        elif kind == frames.CONTINUATION:
            if self._block is None:
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing")
            self._block.append(payload)
            self._grow_block(flags, events)
        elif kind == frames.SETTINGS:
            self._take_settings(flags, stream, payload)
        elif kind == frames.PING:
            if len(payload) != 8:
                raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a malformed PING")
            self._check_connection(stream, "PING")
            if not flags & frames.ACK:
                self.out += frames.frame(frames.PING, frames.ACK, 0, payload)
            self._idle("PING")
        elif kind == frames.RST_STREAM:
            self._take_reset(stream, payload, events)
        elif kind == frames.GOAWAY:
            if len(payload) < 8:
                raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a malformed GOAWAY")
            self._check_connection(stream, "GOAWAY")
            last, code = struct.unpack_from(">II", payload)
            self._tell_bodies(events)
            self.is_going_away = True
            self.blamed_for = code or None
            last &= frames.WINDOW_LIMIT
            for number in [number for number in self._streams if number > last]:
                self._forsaken += self._streams.pop(number).window
            events.append(GoingAway(last, code))
            self._idle("GOAWAY")
        elif kind == frames.PUSH_PROMISE:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a push that was forbidden")
        elif kind == frames.WINDOW_UPDATE:
            if len(payload) != 4:
                raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a malformed WINDOW_UPDATE")
            if not struct.unpack(">I", payload)[0] & frames.WINDOW_LIMIT:
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a window that grows by nothing")
            if stream:
                self._check_stream(stream, "WINDOW_UPDATE")
            self._idle("WINDOW_UPDATE")
        else:  # PRIORITY, and what this version does not know
            self._idle("unknown")

    def _take_settings(self, flags: int, stream: int, payload: bytes) -> None:
        self._idle("SETTINGS")
        values = frames.read_settings(flags, stream, payload)
        if values is None:
            return
        for name, value in values:
            if name == frames.MAX_CONCURRENT_STREAMS:
                before, self.most_streams = self.most_streams, min(value, MOST_STREAMS)
                self.has_more_room |= self.most_streams > before
            elif name == frames.MAX_FRAME_SIZE:
                self._frame_limit = value
            elif name == frames.ENABLE_PUSH and value:
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a server that lets itself be pushed to")
        self.out += frames.frame(frames.SETTINGS, frames.ACK, 0)

    def _take_reset(self, number: int, payload: bytes, events: list[Event]) -> None:
        if len(payload) != 4:
            raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a malformed RST_STREAM")
        self._check_stream(number, "RST_STREAM")
        self._tell_bodies(events)
        if self._streams.pop(number, None) is None:
            self._idle("RST_STREAM")
            return
        events.append(StreamReset(number, struct.unpack(">I", payload)[0]))

    # Field blocks

    def _begin_block(self, flags: int, number: int, payload: bytes, events: list[Event]) -> None:
        self._check_stream(number, "HEADERS")
        begin, end = 0, len(payload)
        if flags & frames.PADDED:
            if not payload:
                raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "padding without a length")
            begin, end = 1, end - payload[0]
        if flags & frames.HAS_PRIORITY:
            begin += 5
        if begin > end:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "more padding than frame")
        self._block = [payload[begin:end]]
        self._block_frame = (number, flags)
        self._grow_block(flags, events)

    def _grow_block(self, flags: int, events: list[Event]) -> None:
        block = self._block or []
        if sum(map(len, block)) > BLOCK_LIMIT_BYTES or len(block) > 64:
            raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, f"a field block over {BLOCK_LIMIT_BYTES} bytes")
        if not flags & frames.END_HEADERS:
            return
        number, first_flags = self._block_frame
        self._block = None
        if number not in self._streams:
            self._idle("HEADERS")
            return
        whole = b"".join(block)
        self._end_block(number, whole, len(whole) + frames.HEADER_BYTES * len(block), first_flags, events)

    def _end_block(self, number: int, whole: bytes, size_bytes: int, flags: int, events: list[Event]) -> None:
        self._idle_frames = 0
        if self._touched:
            self._tell_bodies(events)
        stream = self._streams[number]
        stream.blocks += 1
        if stream.blocks > BLOCKS_LIMIT:
            raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, f"over {BLOCKS_LIMIT} field blocks in one answer")
        ends = bool(flags & frames.END_STREAM)
        if ends:
            del self._streams[number]
        events.append(HeadReceived(number, whole, size_bytes, ends))

    # Bounds

    def _check_stream(self, number: int, what: str) -> None:
        """A frame must belong to a stream that was opened here."""
        if not number & 1 or number >= self._next_stream:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"{what} of stream {number}, which nobody opened")

    def _check_connection(self, number: int, what: str) -> None:
        """A frame must belong to the connection as a whole."""
        if number:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"{what} of a stream")

    def _idle(self, what: str) -> None:
        """A frame that brings nothing forward."""
        self._idle_frames += 1
        if self._idle_frames > IDLE_FRAMES_LIMIT:
            raise ProtocolError(
                ErrorCode.ENHANCE_YOUR_CALM, f"over {IDLE_FRAMES_LIMIT} frames without use, {what} last"
            )


def _run_of_data(data: bytes | memoryview, at: int, stream: int) -> tuple[int, int, bool]:
    """Whole DATA frames of a stream that follow one another from there, unpadded: where they end, payload, a last one.

    The run ends with a frame that ends the stream, and after so much that a window is to be opened again.
    """
    size, begun, count = len(data), at, 0
    most = min(size - frames.HEADER_BYTES, at + _RUN_BYTES)
    while at < most:
        high, low, kind, number = header_parts(data, at)
        length = high << 8 | low
        end = at + frames.HEADER_BYTES + length
        if kind > frames.LAST_DATA or number != stream or end > size or not 0 < length <= frames.FRAME_LIMIT_BYTES:
            break
        at = end
        count += 1
        if kind:
            return at, at - begun - count * frames.HEADER_BYTES, True
    return at, at - begun - count * frames.HEADER_BYTES, False
