"""HTTP/3 frames and streams as bytes (RFC 9114 6, 7), and the errors that end a stream or a connection."""

from enum import IntEnum

from hls_swarm.http.multiplexing.events import BrokenProtocolError

ALPN = "h3"

DATA, HEADERS, CANCEL_PUSH, SETTINGS, PUSH_PROMISE, GOAWAY, MAX_PUSH_ID = 0x0, 0x1, 0x3, 0x4, 0x5, 0x7, 0xD
OF_HTTP2 = frozenset({0x2, 0x6, 0x8, 0x9})
"""Types of frames that HTTP/2 has and HTTP/3 may never show (RFC 9114 7.2.8)."""

CONTROL_STREAM, PUSH_STREAM, ENCODER_STREAM, DECODER_STREAM = range(4)

QPACK_MAX_TABLE_CAPACITY, MAX_FIELD_SECTION_SIZE, QPACK_BLOCKED_STREAMS = 0x1, 0x6, 0x7
SETTINGS_OF_HTTP2 = frozenset({0x0, 0x2, 0x3, 0x4, 0x5})


class ErrorCode(IntEnum):
    """Why a stream or a connection ends (RFC 9114 8.1, RFC 9204 6)."""

    H3_NO_ERROR = 0x100
    H3_GENERAL_PROTOCOL_ERROR = 0x101
    H3_INTERNAL_ERROR = 0x102
    H3_STREAM_CREATION_ERROR = 0x103
    H3_CLOSED_CRITICAL_STREAM = 0x104
    H3_FRAME_UNEXPECTED = 0x105
    H3_FRAME_ERROR = 0x106
    H3_EXCESSIVE_LOAD = 0x107
    H3_ID_ERROR = 0x108
    H3_SETTINGS_ERROR = 0x109
    H3_MISSING_SETTINGS = 0x10A
    H3_REQUEST_REJECTED = 0x10B
    H3_REQUEST_CANCELLED = 0x10C
    H3_REQUEST_INCOMPLETE = 0x10D
    H3_MESSAGE_ERROR = 0x10E
    H3_CONNECT_ERROR = 0x10F
    H3_VERSION_FALLBACK = 0x110
    QPACK_DECOMPRESSION_FAILED = 0x200
    QPACK_ENCODER_STREAM_ERROR = 0x201
    QPACK_DECODER_STREAM_ERROR = 0x202


class ProtocolError(BrokenProtocolError):
    """The peer broke this version of it."""

    code: ErrorCode


def code_name(code: int) -> str:
    """The name of an error code, as people know it."""
    return ErrorCode(code).name if code in ErrorCode.__members__.values() else f"error {code:#x}"


def varint(value: int) -> bytes:
    """An integer of variable length (RFC 9000 16)."""
    if value < 1 << 6:
        return bytes((value,))
    if value < 1 << 14:
        return (value | 1 << 14).to_bytes(2, "big")
    if value < 1 << 30:
        return (value | 1 << 31).to_bytes(4, "big")
    return (value | 3 << 62).to_bytes(8, "big")


def read_varint(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """The integer that begins there, and where it ends: -1 if more bytes are needed."""
    if at >= len(data):
        return 0, -1
    first = data[at]
    if first < 0x40:
        return first, at + 1
    end = at + (1 << (first >> 6))
    if end > len(data):
        return 0, -1
    return int.from_bytes(data[at:end], "big") & ((1 << (8 * (end - at) - 2)) - 1), end


def frame(kind: int, payload: bytes) -> bytes:
    """A frame."""
    return b"".join((varint(kind), varint(len(payload)), payload))


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, b"".join(varint(number) for pair in values.items() for number in pair))


def read_settings(payload: bytes) -> dict[int, int]:
    """The values of a SETTINGS frame (RFC 9114 7.2.4).

    Raises:
        ProtocolError: it is malformed, or has what it may not have.
    """
    values: dict[int, int] = {}
    at = 0
    while at < len(payload):
        name, at = read_varint(payload, at)
        value, at = read_varint(payload, at) if at > 0 else (0, -1)
        if at < 0:
            raise ProtocolError(ErrorCode.H3_FRAME_ERROR, "SETTINGS that are cut")
        if name in SETTINGS_OF_HTTP2 or name in values:
            raise ProtocolError(ErrorCode.H3_SETTINGS_ERROR, f"setting {name:#x}, which may not be there")
        values[name] = value
    return values
