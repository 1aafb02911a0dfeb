"""HTTP/3 field sections (QPACK, RFC 9204) without a dynamic table.

Rules are those of `http.h2.fields`: the peer is told that no table is kept, so no section depends on another stream,
none is ever blocked, and equal bytes are equal heads. Huffman's code is HPACK's.
"""

from hls_swarm.http.asking.fields import FieldCoding, Fields, field_coding
from hls_swarm.http.h3.frames import ErrorCode, ProtocolError
from hls_swarm.http.h3.static_table import STATIC
from hls_swarm.http.multiplexing.coding import BrokenBlockError, integer, read_integer, read_string, string
from hls_swarm.http.multiplexing.heads import head_parser

_INDEX = {name: index for index, (name, _) in reversed(list(enumerate(STATIC)))}
_WHOLE = {field: index for index, field in enumerate(STATIC)}
_NEVER_INDEXED = frozenset({"authorization", "cookie", "proxy-authorization"})
_NO_TABLE = b"\0\0"
"""What a section begins with that refers to no dynamic table (RFC 9204 4.5.1)."""


def request_block(path: str, authority: str, *, tls: bool, method: str = "GET") -> bytes:
    """The beginning of a request's section: its pseudo-header fields (RFC 9114 4.3.1)."""
    scheme = "https" if tls else "http"
    pairs = ((":method", method), (":scheme", scheme), (":authority", authority), (":path", path))
    return _NO_TABLE + b"".join(_line(name, value) for name, value in pairs)


def field_literals(fields: Fields) -> bytes:
    """Header fields in their order; Host is left out, which is a request's `authority`."""
    lowered = ((name.lower(), value.strip()) for name, value in fields)
    return b"".join(_line(name, value) for name, value in lowered if name != "host")


CODING: FieldCoding = field_coding(request_block, field_literals)


def decoded_fields(section: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of a section, in their order.

    Raises:
        ProtocolError: it can not be read, or refers to a dynamic table (RFC 9204 4.5).
    """
    try:
        return _decoded(section)
    except BrokenBlockError as error:
        raise ProtocolError(ErrorCode.QPACK_DECOMPRESSION_FAILED, str(error)) from None


parse_fields = head_parser(decoded_fields)
"""The head that a section is; `ProtocolError`: it can not be read, `MalformedHead`: it is not the head of an answer."""


def _decoded(section: bytes) -> list[tuple[bytes, bytes]]:
    required, at = read_integer(section, 0, 8)
    is_negative = section[at : at + 1] >= b"\x80"
    _, at = read_integer(section, at, 7)  # a base: any means nothing where no entries are required (RFC 9204 4.5.1.2)
    if required or is_negative:
        raise BrokenBlockError("a section that depends on a table that holds nothing")
    fields: list[tuple[bytes, bytes]] = []
    end = len(section)
    while at < end:
        first = section[at]
        if first & 0xC0 == 0xC0:
            index, at = read_integer(section, at, 6)
            fields.append(_static(index))
        elif first & 0xD0 == 0x50:
            index, at = read_integer(section, at, 4)
            value, at = read_string(section, at)
            fields.append((_static(index)[0], value))
        elif first & 0xE0 == 0x20:
            name, at = read_string(section, at, 3)
            value, at = read_string(section, at)
            fields.append((name, value))
        else:  # indexed, or named, in the dynamic table, before its base or after it
            raise BrokenBlockError("a field of a table that holds nothing")
    return fields


def _static(index: int) -> tuple[bytes, bytes]:
    if index >= len(STATIC):
        raise BrokenBlockError(f"field {index} of the static table, which has {len(STATIC)}")
    return STATIC[index]


def _line(name: str, value: str) -> bytes:
    """A field: by its index if all of it is in the static table, else literal, with the table's name if it has one."""
    raw_name, raw = name.encode("ascii"), value.encode("utf-8")
    never = name in _NEVER_INDEXED
    whole = _WHOLE.get((raw_name, raw))
    if whole is not None and not never:
        return integer(whole, 6, 0xC0)
    index = _INDEX.get(raw_name)
    if index is not None:
        named = integer(index, 4, 0x70 if never else 0x50)
    else:
        named = string(raw_name, 3, 0x30 if never else 0x20)
    return named + string(raw)
