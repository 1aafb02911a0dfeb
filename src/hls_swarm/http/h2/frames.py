"""HTTP/2 frames as bytes (RFC 9113 4, 6), and the errors that end a connection."""

import struct
from enum import IntEnum

from hls_swarm.http.multiplexing.events import BrokenProtocolError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES = 9
FRAME_LIMIT_BYTES = 1 << 14
"""What a peer may put into a frame unless it is allowed more (SETTINGS_MAX_FRAME_SIZE)."""
_HEADER = struct.Struct(">HBBBI")
header_parts = struct.Struct(">HBHI").unpack_from
"""What a frame's header is made of, for who looks at many: length in two parts, type and flags in one, stream."""

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, HAS_PRIORITY = 0x4, 0x8, 0x20
WHOLE_HEADERS, LAST_DATA = HEADERS << 8 | END_HEADERS, DATA << 8 | END_STREAM
"""Type and flags, as `header_parts` gives them."""

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)
WINDOW_LIMIT = (1 << 31) - 1


class ErrorCode(IntEnum):
    """Why a stream or a connection ends (RFC 9113 7)."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


class ProtocolError(BrokenProtocolError):
    """The peer broke this version of it."""

    code: ErrorCode


def code_name(code: int) -> str:
    """The name of an error code, as people know it."""
    return ErrorCode(code).name if code in ErrorCode.__members__.values() else f"error {code}"


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame."""
    length = len(payload)
    return _HEADER.pack(length >> 8, length & 0xFF, kind, flags, stream) + payload


def frame_header(data: bytes | memoryview, at: int) -> tuple[int, int, int, int]:
    """Length, type, flags and stream of the frame whose header begins there."""
    high, low, kind, flags, stream = _HEADER.unpack_from(data, at)
    return high << 8 | low, kind, flags, stream & WINDOW_LIMIT


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", name, value) for name, value in values.items()))


def read_settings(flags: int, stream: int, payload: bytes) -> list[tuple[int, int]] | None:
    """The settings of a SETTINGS frame by number, in their order; None: it acknowledges some (RFC 9113 6.5).

    Raises:
        ProtocolError: it is malformed, or has a value that none of either side may have.
    """
    if stream:
        raise ProtocolError(ErrorCode.PROTOCOL_ERROR, "SETTINGS of a stream")
    if flags & ACK:
        if payload:
            raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "an acknowledgement with a payload")
        return None
    if len(payload) % 6:
        raise ProtocolError(ErrorCode.FRAME_SIZE_ERROR, "malformed SETTINGS")
    values: list[tuple[int, int]] = list(struct.iter_unpack(">HI", payload))
    for name, value in values:
        if name == INITIAL_WINDOW_SIZE and value > WINDOW_LIMIT:
            raise ProtocolError(ErrorCode.FLOW_CONTROL_ERROR, f"a window of {value}")
        if name == MAX_FRAME_SIZE and not FRAME_LIMIT_BYTES <= value < 1 << 24:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"a frame size of {value}")
        if name == ENABLE_PUSH and value > 1:
            raise ProtocolError(ErrorCode.PROTOCOL_ERROR, f"push of {value}")
    return values


def window_update(stream: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame; stream 0 is the connection's window."""
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def reset(stream: int, code: ErrorCode) -> bytes:
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last: int, code: int) -> bytes:
    """A GOAWAY frame."""
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code))


def headers(stream: int, block: bytes, limit: int) -> bytes:
    """A request without a body: HEADERS, and CONTINUATION where the peer's frames do not hold it."""
    length = len(block)
    if length <= limit:  # as `frame`, without the call: this is in each request's way
        return _HEADER.pack(length >> 8, length & 0xFF, HEADERS, END_STREAM | END_HEADERS, stream) + block
    pieces = [block[at : at + limit] for at in range(0, len(block), limit)]
    out = [frame(HEADERS, END_STREAM, stream, pieces[0])]
    out += [frame(CONTINUATION, 0, stream, piece) for piece in pieces[1:-1]]
    return b"".join([*out, frame(CONTINUATION, END_HEADERS, stream, pieces[-1])])
