"""Field lines to the head that they are (RFC 9113 8.3.2, RFC 9114 4.3.2)."""

import re
from collections.abc import Callable
from functools import lru_cache

from hls_swarm.http.h1.head import Framing, Head, MalformedHead, cors_fields, marked
from hls_swarm.http.readings import content_length, content_range, delta_seconds, retry_after

_CACHED_BYTES = 2048
_MOST_COOKIES = 64
_CONNECTION_FIELDS = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_UNSAFE = re.compile(rb"[\0\r\n]")


def head_parser(decoded_fields: Callable[[bytes], list[tuple[bytes, bytes]]]) -> Callable[[bytes], Head]:
    """What makes heads of blocks in which nothing depends on an earlier one: equal bytes are equal heads, and kept.

    Args:
        decoded_fields: names and values of a block; what it raises, and `MalformedHead`, the parser raises.
    """

    def parsed(block: bytes) -> Head:
        return head_of(decoded_fields(block))

    parsed_before = lru_cache(maxsize=1024)(parsed)

    def parse_fields(block: bytes) -> Head:
        return parsed_before(block) if len(block) <= _CACHED_BYTES else parsed(block)

    return parse_fields


def head_of(fields: list[tuple[bytes, bytes]]) -> Head:
    """The head that these fields are.

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
        if not _NAME.fullmatch(name) or name in _CONNECTION_FIELDS or _UNSAFE.search(value):
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


def _head(status: int, values: dict[bytes, str], cookies: tuple[str, ...]) -> Head:
    declared = values.get(b"content-length")
    length = None if declared is None else content_length(declared)
    if declared is not None and length is None:
        raise MalformedHead(f"content length {declared[:24]!r}")
    if status < 200 or status in (204, 304):
        length = 0
    head = Head(
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
    return marked(head)


def _status(value: bytes) -> int:
    if len(value) != 3 or not value.isdigit() or value < b"100":
        raise MalformedHead(f"status {value[:24]!r}")
    if value == b"101":
        raise MalformedHead("switched protocols, which only HTTP/1.1 can")
    return int(value)
