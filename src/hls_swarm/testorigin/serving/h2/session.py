"""The server's side of an HTTP/2 connection without I/O: bytes in, events and frames out (RFC 9113).

Rules:

- Bodies go out within the windows of their stream and of the connection, and no further; windows may become negative
  when a client makes them smaller (6.9.2).
- A body's frames are as long as a TLS record holds, with their headers.
- Request bodies are counted and thrown away.
- What a peer may make us hold or do is bounded: field blocks, streams at once, frames without use, streams that are
  opened and reset.
- Priorities are ignored, which 5.3.2 allows; nothing is pushed.
"""

import struct
from typing import NamedTuple

from hls_swarm.http.h2 import frames
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError, frame_header
from hls_swarm.testorigin.serving.h2.heads import Asked, HeadReader
from hls_swarm.testorigin.serving.wire import RECORD_BYTES

MOST_STREAMS = 128
DATA_BYTES = RECORD_BYTES - frames.HEADER_BYTES
REQUEST_WINDOW_BYTES = 128 << 10
"""What a request's body may have: more than is accepted, so that its end can be refused."""
BLOCK_LIMIT_BYTES = 64 << 10
IDLE_FRAMES_LIMIT = 1000
RESETS_LIMIT = 1000
"""Streams that a client may reset beyond those that it lets end."""
_DEFAULT_WINDOW_BYTES = (1 << 16) - 1


class RequestReceived(NamedTuple):
    """A request's head is whole.

    Attributes:
        ends: it has no body.
    """

    stream: int
    asked: Asked
    ends: bool


class BodyReceived(NamedTuple):
    """Bytes of a request's body, or its end."""

    stream: int
    size_bytes: int
    ends: bool


class StreamReset(NamedTuple):
    """The client wants no answer any more."""

    stream: int


Event = RequestReceived | BodyReceived | StreamReset


class _Stream:
    __slots__ = ("is_asked", "left_window", "window")

    def __init__(self, window: int, *, is_asked: bool) -> None:
        self.window = window
        self.left_window = REQUEST_WINDOW_BYTES
        self.is_asked = is_asked


class Session:
    """One connection.

    Attributes:
        out: frames of the connection's own that are to be sent; who sends them takes them off.
        is_going_away: the client opens no more streams.
        has_opened: a window was opened; who looks at it sets it back.
    """

    __slots__ = (
        "_block",
        "_block_frame",
        "_buffer",
        "_greeting",
        "_has_settings",
        "_idle_frames",
        "_initial_window",
        "_last",
        "_reader",
        "_resets",
        "_streams",
        "_unreturned",
        "_window",
        "has_opened",
        "is_going_away",
        "out",
    )

    def __init__(self) -> None:
        self.out = bytearray(
            frames.settings(
                {frames.MAX_CONCURRENT_STREAMS: MOST_STREAMS, frames.INITIAL_WINDOW_SIZE: REQUEST_WINDOW_BYTES}
            )
        )
        self.is_going_away = False
        self.has_opened = False
        self._greeting = frames.PREFACE
        self._buffer = b""
        self._reader = HeadReader()
        self._streams: dict[int, _Stream] = {}
        self._last = 0
        self._window = self._initial_window = _DEFAULT_WINDOW_BYTES
        self._unreturned = 0
        self._block: list[bytes] | None = None
        self._block_frame = (0, 0)  # stream and flags of the HEADERS that began the block
        self._idle_frames = self._resets = 0
        self._has_settings = False

    # What comes

    def receive(self, data: bytes | memoryview) -> list[Event]:
        """What these bytes mean.

        Raises:
            ProtocolError: the connection must end; `out` tells the client why.
        """
        events: list[Event] = []
        try:
            self._read(data, events)
        except ProtocolError as error:
            self.out += frames.goaway(self._last, error.code)
            raise
        return events

    def _read(self, data: bytes | memoryview, events: list[Event]) -> None:
        if self._buffer:
            data = self._buffer + bytes(data)
            self._buffer = b""
        at, size = 0, len(data)
        if self._greeting:
            at = min(size, len(self._greeting))
            if data[:at] != self._greeting[:at]:
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "no preface")
            self._greeting = self._greeting[at:]
        while size - at >= frames.HEADER_BYTES:
            length, kind, flags, stream = frame_header(data, at)
            if length > frames.FRAME_LIMIT_BYTES:
                raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            if not self._has_settings and (kind != frames.SETTINGS or flags & frames.ACK):
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "no SETTINGS to begin with")
            self._has_settings = True
            end = at + frames.HEADER_BYTES + length
            if end > size:
                break
            if self._block is not None and (kind != frames.CONTINUATION or stream != self._block_frame[0]):
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a field block that is interrupted")
            self._take(kind, flags, stream, bytes(data[at + frames.HEADER_BYTES : end]), events)
            at = end
        if at < size:
            self._buffer = bytes(data[at:])

    def _take(self, kind: int, flags: int, stream: int, payload: bytes, events: list[Event]) -> None:
        match kind:
            case frames.HEADERS:
                self._begin_block(flags, stream, _unpadded(flags, payload), events)
            case frames.CONTINUATION:
                if self._block is None:
                    raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing")
                self._block.append(payload)
                self._grow_block(flags, events)
            case frames.DATA:
                self._take_body(flags, stream, payload, events)
            case frames.WINDOW_UPDATE:
                self._open_window(stream, payload)
            case frames.SETTINGS:
                self._take_settings(flags, stream, payload)
            case frames.RST_STREAM:
                self._take_reset(stream, payload, events)
            case frames.PING:
                if len(payload) != 8 or stream:
                    raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a malformed PING")
                if not flags & frames.ACK:
                    self.out += frames.frame(frames.PING, frames.ACK, 0, payload)
                self._idle("PING")
            case frames.GOAWAY:
                self.is_going_away = True
                self._idle("GOAWAY")
            case frames.PUSH_PROMISE:
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a push of a client")
            case _:  # PRIORITY, and what this version does not know
                self._idle("unknown")

    def _begin_block(self, flags: int, number: int, payload: bytes, events: list[Event]) -> None:
        if flags & frames.HAS_PRIORITY:
            if len(payload) < 5:
                raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for a priority")
            payload = payload[5:]
        if not number & 1 or (number <= self._last and number not in self._streams):
            raise ProtocolError(ErrorCode.STREAM_CLOSED, f"HEADERS of stream {number}")
        self._block = [payload]
        self._block_frame = (number, flags)
        self._grow_block(flags, events)

    def _grow_block(self, flags: int, events: list[Event]) -> None:
        block = self._block or []
        if sum(map(len, block)) > BLOCK_LIMIT_BYTES or len(block) > 64:
            raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, f"a field block over {BLOCK_LIMIT_BYTES} bytes")
        if not flags & frames.END_HEADERS:
            return
        self._block = None
        number, first_flags = self._block_frame
        asked = self._reader.read(b"".join(block))
        ends = bool(first_flags & frames.END_STREAM)
        known = self._streams.get(number)
        if known is not None:
            if known.is_asked or not ends:
                raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "trailers that are none")
            known.is_asked = True
            events.append(BodyReceived(number, 0, ends=True))
            return
        self._idle_frames = 0
        self._last = number
        if len(self._streams) >= MOST_STREAMS:
            self._resets += 1
            self._check_resets()
            self.out += frames.reset(number, ErrorCode.REFUSED_STREAM)
            return
        self._streams[number] = _Stream(self._initial_window, is_asked=ends)
        events.append(RequestReceived(number, asked, ends))

    def _take_body(self, flags: int, number: int, payload: bytes, events: list[Event]) -> None:
        size = len(payload)
        stream = self._streams.get(number)
        if not number or number > self._last:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"DATA of stream {number}, which nobody opened")
        self._unreturned += size
        if self._unreturned > _DEFAULT_WINDOW_BYTES:
            raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "more than the connection's window")
        if self._unreturned > _DEFAULT_WINDOW_BYTES // 2:
            self.out += frames.window_update(0, self._unreturned)
            self._unreturned = 0
        if not size:
            self._idle("empty DATA")
        if stream is None:
            return
        if stream.is_asked:
            raise ProtocolError(ErrorCode.STREAM_CLOSED, f"DATA of stream {number}, which had ended")
        if size > stream.left_window:
            raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "more than a stream's window")
        stream.left_window -= size
        stream.is_asked = bool(flags & frames.END_STREAM)
        events.append(BodyReceived(number, len(_unpadded(flags, payload)), stream.is_asked))

    def _open_window(self, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a malformed WINDOW_UPDATE")
        self._check_known(number, "WINDOW_UPDATE")
        (increment,) = struct.unpack(">I", payload)
        increment &= frames.WINDOW_LIMIT
        if not increment:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "a window that grows by nothing")
        self._idle("WINDOW_UPDATE")
        stream = self._streams.get(number)
        if not number:
            self._window = _opened(self._window, increment)
        elif stream is not None:
            stream.window = _opened(stream.window, increment)
        self.has_opened = True

    def _take_settings(self, flags: int, stream: int, payload: bytes) -> None:
        self._idle("SETTINGS")
        values = frames.read_settings(flags, stream, payload)
        if values is None:
            return
        for name, value in values:
            if name == frames.INITIAL_WINDOW_SIZE:
                change, self._initial_window = value - self._initial_window, value
                for held in self._streams.values():
                    held.window = _opened(held.window, change)
                self.has_opened = True
        self.out += frames.frame(frames.SETTINGS, frames.ACK, 0)

    def _take_reset(self, number: int, payload: bytes, events: list[Event]) -> None:
        if len(payload) != 4:
            raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "a malformed RST_STREAM")
        if not number:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "RST_STREAM of the connection")
        self._check_known(number, "RST_STREAM")
        self._resets += 1
        self._check_resets()
        if self._streams.pop(number, None) is None:
            self._idle("RST_STREAM")
            return
        events.append(StreamReset(number))

    def _check_known(self, number: int, what: str) -> None:
        if number > self._last or (number and not number & 1):
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"{what} of stream {number}, which nobody opened")

    def _check_resets(self) -> None:
        if self._resets > RESETS_LIMIT:
            raise ProtocolError(ErrorCode.ENHANCE_YOUR_CALM, f"over {RESETS_LIMIT} streams opened for nothing")

    def _idle(self, what: str) -> None:
        """A frame that brings nothing forward."""
        self._idle_frames += 1
        if self._idle_frames > IDLE_FRAMES_LIMIT:
            raise ProtocolError(
                ErrorCode.ENHANCE_YOUR_CALM, f"over {IDLE_FRAMES_LIMIT} frames without use, {what} last"
            )

    # What goes out

    def room(self, number: int) -> int:
        """Bytes of a body that a stream may be sent now."""
        stream = self._streams.get(number)
        return 0 if stream is None else max(0, min(self._window, stream.window))

    def head(self, number: int, block: bytes, *, ends: bool) -> bytes:
        """An answer's head, as frames.

        Args:
            ends: there is no body.
        """
        if len(block) > DATA_BYTES:
            raise ValueError(f"a head of {len(block)} bytes")
        made = frames.frame(frames.HEADERS, frames.END_HEADERS | (frames.END_STREAM if ends else 0), number, block)
        return made + self._ended(number) if ends else made

    def body(self, number: int, data: memoryview, *, ends: bool) -> bytes:
        """Bytes of a body, no more than there is room for, as frames.

        Args:
            ends: they are the last.
        """
        stream, size = self._streams[number], len(data)
        stream.window -= size
        self._window -= size
        self._idle_frames = 0
        out = []
        for at in range(0, size, DATA_BYTES):
            is_last = ends and at + DATA_BYTES >= size
            out.append(
                frames.frame(
                    frames.DATA, frames.END_STREAM if is_last else 0, number, bytes(data[at : at + DATA_BYTES])
                )
            )
        return b"".join(out) + (self._ended(number) if ends else b"")

    def reset(self, number: int, code: ErrorCode) -> bytes:
        """The end of a stream that is none of its answer."""
        self._streams.pop(number, None)
        return frames.reset(number, code)

    def goodbye(self) -> bytes:
        """No more streams are taken."""
        return frames.goaway(self._last, ErrorCode.NO_ERROR)

    def _ended(self, number: int) -> bytes:
        """The answer is whole; what is still to come of the request is of no use (8.1)."""
        stream = self._streams.pop(number)
        self._resets = max(0, self._resets - 1)
        return b"" if stream.is_asked else frames.reset(number, ErrorCode.NO_ERROR)


def _opened(window: int, increment: int) -> int:
    if window + increment > frames.WINDOW_LIMIT:
        raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, "a window over its limit")
    return window + increment


def _unpadded(flags: int, payload: bytes) -> bytes:
    """What a frame holds beside its padding."""
    if not flags & frames.PADDED:
        return payload
    if not payload:
        raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "padding without a length")
    if payload[0] >= len(payload):
        raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "more padding than frame")
    return payload[1 : len(payload) - payload[0]]
