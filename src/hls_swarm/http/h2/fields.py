"""HTTP/2 field blocks (HPACK, RFC 7541) without a dynamic table, and the head that one is.

Rules:

- The peer is told that the table for what it sends holds nothing. So no block depends on an earlier one: equal bytes
  are equal heads, and parsed ones are cached as HTTP/1.1's are.
- Requests use the static table and literals, nothing of the peer's table: they too are the same bytes each time.
- Malformed answers (RFC 9113 8.1.1) are told apart from broken blocks: the first end a stream, the others leave the
  connection in an unknown state and end it.
"""

import re
from functools import lru_cache

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from hls_swarm.http.asking.fields import FieldCoding, Fields, asked_plainly
from hls_swarm.http.h1.head import Framing, Head, MalformedHead, cors_fields
from hls_swarm.http.h2.frames import ErrorCode, ProtocolError
from hls_swarm.http.readings import content_length, content_range, delta_seconds, retry_after

_CACHED_BYTES = 2048
_INTEGER_LIMIT = 1 << 24
_MOST_COOKIES = 64
_STATIC: tuple[tuple[bytes, bytes], ...] = ((b"", b""), *HeaderTable.STATIC_TABLE)
_INDEX = {name: index for index, (name, _) in reversed(list(enumerate(_STATIC)))}
_NEVER_INDEXED = frozenset({"authorization", "cookie", "proxy-authorization"})
_NOT_IN_HTTP2 = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_UNSAFE = re.compile(rb"[\0\r\n]")

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


block_literals = lru_cache(maxsize=1024)(field_literals)
"""The same for fields that many requests share."""


@lru_cache(maxsize=4096)
def plain_block(request_line: bytes, host_line: bytes, tls: bool, lines: bytes) -> bytes:
    """A request that consists of these; viewers of one stream ask for the same."""
    path, authority, fields = asked_plainly(request_line, host_line, lines)
    return request_block(path, authority, tls=tls) + field_literals(fields)


CODING = FieldCoding(request_block, field_literals, block_literals, plain_block)


def parse_fields(block: bytes) -> Head:
    """The head that a field block is.

    Raises:
        ProtocolError: the block can not be read.
        MalformedHead: it can, and is not the head of an answer.
    """
    return _parsed_before(block) if len(block) <= _CACHED_BYTES else _parsed(block)


def decoded_fields(block: bytes) -> list[tuple[bytes, bytes]]:
    """Names and values of a block, in their order.

    Raises:
        ProtocolError: it can not be read (RFC 7541 5, 6).
    """
    fields: list[tuple[bytes, bytes]] = []
    at, end = 0, len(block)
    while at < end:
        first = block[at]
        if first & 0x80:
            index, at = _integer(block, at, 7)
            fields.append(_static(index))
            continue
        if first & 0xE0 == 0x20:
            size, at = _integer(block, at, 5)
            if size or fields:
                raise ProtocolError(ErrorCode.COMPRESSION_ERROR, "a change of the table that was not allowed")
            continue
        index, at = _integer(block, at, 6 if first & 0x40 else 4)
        if index:
            name = _static(index)[0]
        else:
            name, at = _string(block, at)
        value, at = _string(block, at)
        fields.append((name, value))
    return fields


def head_of(fields: list[tuple[bytes, bytes]]) -> Head:
    """The head that these fields are; HTTP/3 has the same (RFC 9114 4.3.2).

    Raises:
        MalformedHead: it is not that of an answer.
    """
    status: int | None = None
    values: dict[bytes, str] = {}
    cookies: list[str] = []
    for name, value in fields:
        if name.startswith(b":"):
            if name != b":status" or status is not None or values:
                raise MalformedHead(f"pseudo-header field {name[:24]!r}")
            status = _status(value)
            continue
        if not _NAME.fullmatch(name) or name in _NOT_IN_HTTP2 or _UNSAFE.search(value):
            raise MalformedHead(f"field {name[:24]!r}")
        text = value.strip().decode("latin-1")
        if name == b"set-cookie":
            if len(cookies) < _MOST_COOKIES:
                cookies.append(text)
        else:
            values[name] = f"{values[name]}, {text}" if name in values else text
    if status is None:
        raise MalformedHead("no status")
    return _head(status, values, tuple(cookies))


def _parsed(block: bytes) -> Head:
    return head_of(decoded_fields(block))


_parsed_before = lru_cache(maxsize=1024)(_parsed)


def _head(status: int, values: dict[bytes, str], cookies: tuple[str, ...]) -> Head:
    declared = values.get(b"content-length")
    length = None if declared is None else content_length(declared)
    if declared is not None and length is None:
        raise MalformedHead(f"content length {declared[:24]!r}")
    if status < 200 or status in (204, 304):
        length = 0
    return Head(
        status=status,
        framing=Framing.CLOSE if length is None else Framing.LENGTH,
        length=length or 0,
        keep_alive=True,
        location=values.get(b"location"),
        content_encoding=values.get(b"content-encoding"),
        content_range=content_range(values.get(b"content-range")),
        age_seconds=delta_seconds(values.get(b"age")),
        retry_after_seconds=retry_after(values.get(b"retry-after"), values.get(b"date")),
        set_cookies=cookies,
        content_type=values.get(b"content-type"),
        cors=cors_fields(values),
        alt_svc=values.get(b"alt-svc"),
    )


def _status(value: bytes) -> int:
    if len(value) != 3 or not value.isdigit() or value < b"100":
        raise MalformedHead(f"status {value[:24]!r}")
    if value == b"101":
        raise MalformedHead("switched protocols, which only HTTP/1.1 can")
    return int(value)


def _static(index: int) -> tuple[bytes, bytes]:
    if not 0 < index < len(_STATIC):
        raise ProtocolError(ErrorCode.COMPRESSION_ERROR, f"field {index} of a table that holds nothing")
    return _STATIC[index]


def _integer(block: bytes, at: int, prefix: int) -> tuple[int, int]:
    """An integer and where it ends (RFC 7541 5.1)."""
    most = (1 << prefix) - 1
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    for shift in (0, 7, 14, 21):
        if at >= len(block):
            break
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        if not byte & 0x80:
            if value > _INTEGER_LIMIT:
                break
            return value, at
    raise ProtocolError(ErrorCode.COMPRESSION_ERROR, "an integer without an end")


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    """A string literal and where it ends (RFC 7541 5.2)."""
    if at >= len(block):
        raise ProtocolError(ErrorCode.COMPRESSION_ERROR, "a field block that is cut")
    is_huffman = block[at] & 0x80
    length, at = _integer(block, at, 7)
    end = at + length
    if end > len(block):
        raise ProtocolError(ErrorCode.COMPRESSION_ERROR, "a string over the end of its block")
    raw = block[at:end]
    if not is_huffman:
        return raw, end
    try:
        return decode_huffman(raw), end
    except HPACKDecodingError as error:
        raise ProtocolError(ErrorCode.COMPRESSION_ERROR, str(error).lower().rstrip(".")) from None


def _literal(index: int, value: str, *, never: bool = False) -> bytes:
    """A field whose name is in the static table."""
    return _prefixed(index, 4, 0x10 if never else 0) + _plain(value)


def _new_name(name: str, value: str, *, never: bool) -> bytes:
    return (b"\x10" if never else b"\0") + _plain(name) + _plain(value)


def _plain(text: str) -> bytes:
    raw = text.encode("utf-8")
    return _prefixed(len(raw), 7, 0) + raw


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
