"""A response head: bytes in, one frozen value out; no I/O and no state.

Rules:

- llhttp reads the syntax, strictly: no bare line feeds, no folded lines, no space before a colon, no two lengths that
  differ, no length beside a transfer coding (RFC 9112 5, 6.3).
- Numbers and dates are read by `readings`. A length that can not be read makes the answer malformed; any other such
  value is unknown, and the answer stands.
- What the client acts on is taken out here; all other fields are dropped at once.
- Viewers that ask for one object within a second get the same head to the byte, so parsed heads are cached.
"""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache

import httptools
import msgspec

from hls_swarm.http.browsing.cors import CORS_NAMES, CorsFields
from hls_swarm.http.readings import content_length, content_range, delta_seconds, retry_after

MAX_HEAD_BYTES = 64 * 1024
_CACHED_BYTES = 2048  # longer ones are rare, and would let a peer fill the cache
_STATUS_WITHOUT_BODY = frozenset({204, 304})
_MOST_COOKIES = 64
_ACTED_ON = frozenset(
    {
        b"age",
        b"alt-svc",
        b"connection",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"date",
        b"location",
        b"retry-after",
        b"transfer-encoding",
        *CORS_NAMES,
    }
)
_ALLOW_ORIGIN = b"access-control-allow-origin"


class MalformedHead(ValueError):  # noqa: N818 - named for what it is, as the failure kind is
    """What the peer sent is not the head of an HTTP/1 response."""


class Framing(Enum):
    """How the end of a body is known (RFC 9112 6.3)."""

    LENGTH = "length"  # a declared number of bytes, which may be none
    CHUNKED = "chunked"
    CLOSE = "close"  # the end of the connection


class Head(msgspec.Struct, frozen=True, gc=False):
    """What the client acts on.

    Attributes:
        framing: how the body ends.
        length: body bytes, with `Framing.LENGTH`; else 0.
        content_range: first and last byte of a part (RFC 9110 14.4).
        keep_alive: the connection can carry another request when the body has ended (RFC 9112 9.3).
        retry_after_seconds: Retry-After; a date in it counts from the answer's own Date.
        set_cookies: the Set-Cookie fields, the first 64 of them.
        cors: what it says of scripts of other origins; None: nothing.
        alt_svc: where else the server says it can be asked (RFC 7838).
        is_plain: there is nothing to do for it but to take its body: as most are.
    """

    status: int
    framing: Framing
    length: int
    keep_alive: bool
    location: str | None = None
    content_encoding: str | None = None
    content_range: tuple[int, int] | None = None
    age_seconds: float | None = None
    retry_after_seconds: float | None = None
    set_cookies: tuple[str, ...] = ()
    content_type: str | None = None
    cors: CorsFields | None = None
    alt_svc: str | None = None
    is_plain: bool = False


def marked(head: Head) -> Head:
    """The same, with `is_plain` as the rest of it says; to be asked once for many equal heads."""
    wants_more = head.set_cookies or head.content_encoding is not None or head.alt_svc is not None
    is_plain = head.status == 200 and head.framing is Framing.LENGTH and head.keep_alive and not wants_more
    return msgspec.structs.replace(head, is_plain=True) if is_plain else head


class _Fields:
    """Collects the fields that the client acts on, as llhttp calls them out."""

    __slots__ = ("cookies", "values")

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.cookies: list[str] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"set-cookie":
            if len(self.cookies) < _MOST_COOKIES:
                self.cookies.append(value.decode("latin-1"))
        elif name not in _ACTED_ON:
            return
        elif name in self.values:
            self.values[name] += b", " + value  # RFC 9110 5.3
        else:
            self.values[name] = value

    def text(self, name: bytes) -> str | None:
        value = self.values.get(name)
        return None if value is None else value.strip().decode("latin-1")


def parse_head(data: bytes) -> Head:
    """The head of one response, given from its first byte to its empty line.

    Raises:
        MalformedHead: it is not one; the text says why, in a few words.
    """
    return _parsed_before(data) if len(data) <= _CACHED_BYTES else _parsed(data)


def _parsed(data: bytes) -> Head:
    try:
        status, fields = _read(data)
    except MalformedHead:
        once = _with_one_length(data)
        if once is None:
            raise
        status, fields = _read(once)
    if not 100 <= status <= 999 or not data.startswith(b"HTTP/1."):
        raise MalformedHead(f"status line {data[:40]!r}")
    if status == 101:
        raise MalformedHead("switched protocols unasked")
    framing, length = _framing(status, fields)
    head = Head(
        status=status,
        framing=framing,
        length=length,
        keep_alive=_can_persist(data, fields) and framing is not Framing.CLOSE,
        location=fields.text(b"location"),
        content_encoding=fields.text(b"content-encoding"),
        content_range=content_range(fields.text(b"content-range")),
        age_seconds=delta_seconds(fields.text(b"age")),
        retry_after_seconds=retry_after(fields.text(b"retry-after"), fields.text(b"date")),
        set_cookies=tuple(fields.cookies),
        content_type=fields.text(b"content-type"),
        cors=cors_fields({name: value.strip().decode("latin-1") for name, value in fields.values.items()})
        if _ALLOW_ORIGIN in fields.values
        else None,
        alt_svc=fields.text(b"alt-svc"),
    )
    return marked(head)


def cors_fields(values: Mapping[bytes, str]) -> CorsFields | None:
    """What fields, by name in lower case, say of scripts of other origins; None if they allow no origin."""
    if _ALLOW_ORIGIN not in values:
        return None
    return CorsFields(**{attribute: values.get(name) for name, attribute in CORS_NAMES.items()})


def _read(data: bytes) -> tuple[int, _Fields]:
    """The status, and the fields that the client acts on."""
    fields = _Fields()
    parser = httptools.HttpResponseParser(fields)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        raise MalformedHead("switched protocols unasked") from None
    except httptools.HttpParserError as error:
        raise MalformedHead(str(error).lower()) from None
    return parser.get_status_code(), fields


def _with_one_length(data: bytes) -> bytes | None:
    """The head with one Content-Length instead of several that agree (RFC 9110 8.6); None if it is not for that.

    llhttp refuses the second one, whatever it says.
    """
    lines = data.split(b"\r\n")
    lengths = [line.partition(b":")[2].decode("latin-1") for line in lines if _LENGTH_LINE(line) is not None]
    length = content_length(",".join(lengths)) if lengths else None
    if length is None:
        return None
    rest = [line for line in lines if _LENGTH_LINE(line) is None]
    return b"\r\n".join([rest[0], b"Content-Length: %d" % length, *rest[1:]])


_LENGTH_LINE = re.compile(rb"content-length:", re.IGNORECASE).match
_parsed_before = lru_cache(maxsize=1024)(_parsed)


def check_start(data: bytes) -> None:
    """Refuse early what can not become a response head, instead of waiting for an end that never comes.

    Raises:
        MalformedHead: it is another protocol, or the head is too long.
    """
    if not data.startswith(b"HTTP/1.") and not b"HTTP/1.".startswith(data):
        raise MalformedHead(f"not HTTP/1: {data[:24]!r}")
    if b"\n\n" in data:
        raise MalformedHead("lines end in a bare line feed")
    if len(data) > MAX_HEAD_BYTES:
        raise MalformedHead(f"response head over {MAX_HEAD_BYTES} bytes")


def _framing(status: int, fields: _Fields) -> tuple[Framing, int]:
    if status < 200 or status in _STATUS_WITHOUT_BODY:
        return Framing.LENGTH, 0
    coding = fields.text(b"transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise MalformedHead(f"transfer coding {coding[:40]!r} was not asked for")
        return Framing.CHUNKED, 0
    declared = fields.text(b"content-length")
    if declared is None:
        return Framing.CLOSE, 0
    length = content_length(declared)
    if length is None:
        raise MalformedHead(f"content length {declared[:24]!r}")
    return Framing.LENGTH, length


def _can_persist(data: bytes, fields: _Fields) -> bool:
    """Whether the connection outlives the answer (RFC 9112 9.3).

    llhttp has forgotten it when a head without a body is complete.
    """
    options = {option.strip() for option in fields.values.get(b"connection", b"").lower().split(b",")}
    if b"close" in options:
        return False
    return not data.startswith(b"HTTP/1.0") or b"keep-alive" in options
