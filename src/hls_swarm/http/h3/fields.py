"""HTTP/3 field sections (QPACK, RFC 9204) without a dynamic table, and the head that one is.

Rules are those of `http.h2.fields`: the peer is told that no table is kept, so no section depends on another stream,
none is ever blocked, and equal bytes are equal heads. Huffman's code is HPACK's.
"""

from functools import lru_cache

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman

from hls_swarm.http.asking.fields import FieldCoding, Fields, asked_plainly
from hls_swarm.http.h1.head import Head
from hls_swarm.http.h2.fields import head_of
from hls_swarm.http.h3.frames import ErrorCode, ProtocolError
from hls_swarm.http.h3.static_table import STATIC

_CACHED_BYTES = 2048
_INTEGER_LIMIT = 1 << 24
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


block_literals = lru_cache(maxsize=1024)(field_literals)
"""The same for fields that many requests share."""


@lru_cache(maxsize=4096)
def plain_block(request_line: bytes, host_line: bytes, tls: bool, lines: bytes) -> bytes:
    """A request that consists of these; viewers of one stream ask for the same."""
    path, authority, fields = asked_plainly(request_line, host_line, lines)
    return request_block(path, authority, tls=tls) + field_literals(fields)


CODING = FieldCoding(request_block, field_literals, block_literals, plain_block)


def parse_fields(section: bytes) -> Head:
    """The head that a field section is.

    Raises:
        ProtocolError: the section can not be read.
        MalformedHead: it can, and is not the head of an answer.
    """
    return _parsed_before(section) if len(section) <= _CACHED_BYTES else _parsed(section)


def decoded_fields(section: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of a section, in their order.

    Raises:
        ProtocolError: it can not be read, or refers to a dynamic table (RFC 9204 4.5).
    """
    required, at = _integer(section, 0, 8)
    base, at = _integer(section, at, 7)
    if required or base:
        raise _broken("a section that depends on a table that holds nothing")
    fields: list[tuple[bytes, bytes]] = []
    end = len(section)
    while at < end:
        first = section[at]
        if first & 0xC0 == 0xC0:
            index, at = _integer(section, at, 6)
            fields.append(_static(index))
        elif first & 0xD0 == 0x50:
            index, at = _integer(section, at, 4)
            value, at = _string(section, at, 7)
            fields.append((_static(index)[0], value))
        elif first & 0xE0 == 0x20:
            name, at = _string(section, at, 3)
            value, at = _string(section, at, 7)
            fields.append((name, value))
        else:  # indexed, or named, in the dynamic table, before its base or after it
            raise _broken("a field of a table that holds nothing")
    return fields


def _parsed(section: bytes) -> Head:
    return head_of(decoded_fields(section))


_parsed_before = lru_cache(maxsize=1024)(_parsed)


def _broken(words: str) -> ProtocolError:
    return ProtocolError(ErrorCode.QPACK_DECOMPRESSION_FAILED, words)


def _static(index: int) -> tuple[bytes, bytes]:
    if index >= len(STATIC):
        raise _broken(f"field {index} of the static table, which has {len(STATIC)}")
    return STATIC[index]


def _integer(section: bytes, at: int, prefix: int) -> tuple[int, int]:
    """An integer and where it ends (RFC 9204 4.1.1)."""
    most = (1 << prefix) - 1
    if at < len(section):
        value = section[at] & most
        at += 1
        if value < most:
            return value, at
        for shift in (0, 7, 14, 21):
            if at >= len(section):
                break
            byte = section[at]
            at += 1
            value += (byte & 0x7F) << shift
            if not byte & 0x80:
                if value > _INTEGER_LIMIT:
                    break
                return value, at
    raise _broken("an integer without an end")


def _string(section: bytes, at: int, prefix: int) -> tuple[bytes, int]:
    """A string literal and where it ends (RFC 9204 4.1.2)."""
    if at >= len(section):
        raise _broken("a field section that is cut")
    is_huffman = section[at] & (1 << prefix)
    length, at = _integer(section, at, prefix)
    end = at + length
    if end > len(section):
        raise _broken("a string over the end of its section")
    raw = section[at:end]
    if not is_huffman:
        return raw, end
    try:
        return decode_huffman(raw), end
    except HPACKDecodingError as error:
        raise _broken(str(error).lower().rstrip(".")) from None


def _line(name: str, value: str) -> bytes:
    """A field: by its index if all of it is in the static table, else literal, with the table's name if it has one."""
    raw_name, raw = name.encode("ascii"), value.encode("utf-8")
    never = name in _NEVER_INDEXED
    whole = _WHOLE.get((raw_name, raw))
    if whole is not None and not never:
        return _prefixed(whole, 6, 0xC0)
    index = _INDEX.get(raw_name)
    if index is not None:
        named = _prefixed(index, 4, 0x70 if never else 0x50)
    else:
        named = _prefixed(len(raw_name), 3, 0x30 if never else 0x20) + raw_name
    return named + _prefixed(len(raw), 7, 0) + raw


def _prefixed(value: int, prefix: int, pattern: int) -> bytes:
    most = (1 << prefix) - 1
    if value < most:
        return bytes((pattern | value,))
    out = [pattern | most]
    value -= most
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))
