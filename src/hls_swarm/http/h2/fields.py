"""HTTP/2 field blocks (HPACK, RFC 7541) without a dynamic table.

Rules:

- The peer is told that the table for what it sends holds nothing. So no block depends on an earlier one: equal bytes
  are equal heads, and parsed ones are cached as HTTP/1.1's are.
- Requests use the static table and literals, nothing of the peer's table: they too are the same bytes each time.
- Malformed answers (RFC 9113 8.1.1) are told apart from broken blocks: the first end a stream, the others leave the
  connection in an unknown state and end it.
"""

from hpack.table import HeaderTable

from hls_swarm.http.asking.fields import FieldCoding, Fields, field_coding
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError
from hls_swarm.http.multiplexing.coding import BrokenBlockError, integer, read_integer, read_string, string
from hls_swarm.http.multiplexing.heads import head_parser

_STATIC: tuple[tuple[bytes, bytes], ...] = ((b"", b""), *HeaderTable.STATIC_TABLE)
_INDEX = {name: index for index, (name, _) in reversed(list(enumerate(_STATIC)))}
_NEVER_INDEXED = frozenset({"authorization", "cookie", "proxy-authorization"})

_GET, _HTTP, _HTTPS = b"\x82", b"\x86", b"\x87"
_AUTHORITY, _METHOD, _PATH = 1, 2, 4


def request_block(path: str, authority: str, *, tls: bool, method: str = "GET") -> bytes:
    """The pseudo-header fields of a request (RFC 9113 8.3.1)."""
    scheme = _HTTPS if tls else _HTTP
    asked = _GET if method == "GET" else _literal(_METHOD, method)
    return b"".join((asked, scheme, _literal(_AUTHORITY, authority), _literal(_PATH, path)))


def field_literals(fields: Fields) -> bytes:
    """Header fields as literals, in their order; Host is left out, which is a request's `authority`."""
    out = []
    for name, value in fields:
        lower = name.lower()
        if lower == "host":  # `:authority` says it
            continue
        index = _INDEX.get(lower.encode("ascii"), 0)
        never = lower in _NEVER_INDEXED
        out.append(
            _literal(index, value.strip(), never=never) if index else _new_name(lower, value.strip(), never=never)
        )
    return b"".join(out)


CODING: FieldCoding = field_coding(request_block, field_literals)


def decoded_fields(block: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of a block, in their order.

    Raises:
        ProtocolError: it can not be read (RFC 7541 5, 6).
    """
    try:
        return _decoded(block)
    except BrokenBlockError as error:
        raise ProtocolError(ErrorCode.COMPRESSION_ERROR, str(error)) from None


parse_fields = head_parser(decoded_fields)
"""The head that a block is; `ProtocolError`: it can not be read, `MalformedHead`: it is not the head of an answer."""


def _decoded(block: bytes) -> list[tuple[bytes, bytes]]:
    fields: list[tuple[bytes, bytes]] = []
    at, end = 0, len(block)
    while at < end:
        first = block[at]
        if first & 0x80:
            index, at = read_integer(block, at, 7)
            fields.append(_static(index))
            continue
        if first & 0xE0 == 0x20:
            size, at = read_integer(block, at, 5)
            if size or fields:
                raise BrokenBlockError("a change of the table that was not allowed")
            continue
        index, at = read_integer(block, at, 6 if first & 0x40 else 4)
        if index:
            name = _static(index)[0]
        else:
            name, at = read_string(block, at)
        value, at = read_string(block, at)
        fields.append((name, value))
    return fields


def _static(index: int) -> tuple[bytes, bytes]:
    if not 0 < index < len(_STATIC):
        raise BrokenBlockError(f"field {index} of a table that holds nothing")
    return _STATIC[index]


def _literal(index: int, value: str, *, never: bool = False) -> bytes:
    """A field whose name is in the static table."""
    return integer(index, 4, 0x10 if never else 0) + string(value.encode("utf-8"))


def _new_name(name: str, value: str, *, never: bool) -> bytes:
    return (b"\x10" if never else b"\0") + string(name.encode("utf-8")) + string(value.encode("utf-8"))
