"""A response head: bytes in, one frozen value out; no I/O and no state.

Rules:

- llhttp reads the syntax, strictly: no bare line feeds, no folded lines, no space before a colon, no two lengths, no
  length beside a transfer coding (RFC 9112 5, 6.3).
- What the client acts on is taken out here; all other fields are dropped at once.
- Viewers that ask for one object within a second get the same head to the byte, so parsed heads are cached.
"""

from email.utils import parsedate_to_datetime
from enum import Enum
from functools import lru_cache

import httptools
import msgspec

MAX_HEAD_BYTES = 64 * 1024
_CACHED_BYTES = 2048  # longer ones are rare, and would let a peer fill the cache
_STATUS_WITHOUT_BODY = frozenset({204, 304})


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
        keep_alive: the connection can carry another request when the body has ended (RFC 9112 9.3).
        retry_after_seconds: Retry-After; a date in it counts from the answer's own Date.
    """

    status: int
    framing: Framing
    length: int
    keep_alive: bool
    location: str | None = None
    content_encoding: str | None = None
    content_range: str | None = None
    age_seconds: float | None = None
    retry_after_seconds: float | None = None
    set_cookies: tuple[str, ...] = ()
    content_type: str | None = None


class _Fields:
    """Collects the fields that the client acts on, as llhttp calls them out."""

    __slots__ = ("cookies", "values")

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.cookies: list[str] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if name == b"set-cookie":
            self.cookies.append(value.decode("latin-1"))
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
    fields = _Fields()
    parser = httptools.HttpResponseParser(fields)
    try:
        parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        raise MalformedHead("switched protocols unasked") from None
    except httptools.HttpParserError as error:
        raise MalformedHead(str(error).lower()) from None
    status = parser.get_status_code()
    if not 100 <= status <= 999 or not data.startswith(b"HTTP/1."):
        raise MalformedHead(f"status line {data[:40]!r}")
    if status == 101:
        raise MalformedHead("switched protocols unasked")
    framing, length = _framing(status, fields)
    return Head(
        status=status,
        framing=framing,
        length=length,
        keep_alive=_can_persist(data, fields) and framing is not Framing.CLOSE,
        location=fields.text(b"location"),
        content_encoding=fields.text(b"content-encoding"),
        content_range=fields.text(b"content-range"),
        age_seconds=_whole_seconds(fields.text(b"age")),
        retry_after_seconds=_retry_after(fields),
        set_cookies=tuple(fields.cookies),
        content_type=fields.text(b"content-type"),
    )


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
    declared = fields.values.get(b"content-length")
    if declared is None:
        return Framing.CLOSE, 0
    return Framing.LENGTH, int(declared)


def _can_persist(data: bytes, fields: _Fields) -> bool:
    """Whether the connection outlives the answer (RFC 9112 9.3).

    llhttp has forgotten it when a head without a body is complete.
    """
    options = {option.strip() for option in fields.values.get(b"connection", b"").lower().split(b",")}
    if b"close" in options:
        return False
    return not data.startswith(b"HTTP/1.0") or b"keep-alive" in options


def _whole_seconds(text: str | None) -> float | None:
    """Delta-seconds (RFC 9111 1.2.2); what is not a number is unknown."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _retry_after(fields: _Fields) -> float | None:
    """Retry-After (RFC 9110 10.2.3) in seconds from when the answer was made."""
    text = fields.text(b"retry-after")
    seconds = _whole_seconds(text)
    made = fields.text(b"date")
    if text is None or seconds is not None or made is None:
        return seconds
    try:
        return max(0.0, (parsedate_to_datetime(text) - parsedate_to_datetime(made)).total_seconds())
    except (ValueError, TypeError):  # a date that is none, or one of the two without a zone
        return None
