"""Content codings of kept bodies: gzip and deflate, in steps, with a limit on what comes out (RFC 9110 8.4).

Rules:

- The work is bounded by the sizes of what goes in and what may come out: no input is looked at twice, the members of a
  gzip body are counted, and so are codings upon codings. A peer can make the work no longer than that.
- It is done in steps of a few milliseconds at most, so that an event loop can do other things between two of them.
- Viewers of one live stream get the same playlist within moments: the last small bodies are decoded once for all.
- A name that no registry knows is no coding, see `stats.content_codings`: the body is as it came. A registered coding
  that was not asked for can not be read.
"""

import zlib
from collections.abc import Iterator

from hls_swarm.stats.content_codings import REGISTERED, names

READABLE = frozenset({"gzip", "x-gzip", "deflate", "identity"})
"""The codings that can be read."""
ACCEPT_ENCODING = "gzip, deflate"

_UNREADABLE = REGISTERED - READABLE
_SHOWN_CHARACTERS = 24
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_MOST_MEMBERS = 2048  # a body of 16 MiB in blocks of 64 KiB, as bgzip makes them, has 256
_MOST_CODINGS = 4
_STEP_BYTES = 1 << 20
_MEMBER_COST_BYTES = 16 << 10  # a new decompressor takes as long as so many bytes
_SLICE_BYTES = 64 << 10
_FIRST_SLICE_BYTES = 512
_KNOWN_BODIES, _KNOWN_BYTES = 64, 64 << 10

_known: dict[tuple[bytes, str | None], bytes] = {}
"""Bodies of so many bytes at most, coded and not, the oldest first; of codings that can be read, and no other names."""


class MalformedContent(ValueError):  # noqa: N818 - named for what it is, as the failure kind is
    """A body can not be decoded, or is longer than allowed."""


def unknown_coding(encoding: str) -> str | None:
    """The first name in a Content-Encoding field that is no coding, cut if it is long."""
    return next((name[:_SHOWN_CHARACTERS] for name in names(encoding) if name and name not in REGISTERED), None)


def decoded_before(body: bytes, encoding: str, limit: int) -> bytes | None:
    """The body without its content codings, if it is one of the last ones and all of them were; None: `decoding`."""
    known = _known.get((body, encoding))
    return known if known is not None and len(known) <= limit else None


def decoded(body: bytes, encoding: str | None, limit: int) -> bytes:
    """The body without its content codings, in one go; see `decoding`."""
    for result in decoding(body, encoding, limit):
        if result is not None:
            return result
    raise AssertionError("decoding ends in a body or raises")


def decoding(body: bytes, encoding: str | None, limit: int) -> Iterator[bytes | None]:
    """Take the content codings off a body: None after each step, the body in the end.

    Args:
        encoding: the Content-Encoding field: codings in the order they were applied.
        limit: longest result in bytes, of each coding.

    Raises:
        MalformedContent: a coding that can not be read, broken data, or a result over the limit.
    """
    key = body, encoding
    known = _known.get(key)
    if known is not None and len(known) <= limit:
        yield known
        return
    applied = names(encoding or "")
    for name in applied:
        if name in _UNREADABLE:
            raise MalformedContent(f"content coding {name!r}, which was not asked for and can not be read")
    codings = [name for name in applied if name in READABLE and name != "identity"]
    if len(codings) > _MOST_CODINGS:
        raise MalformedContent(f"more than {_MOST_CODINGS} content codings")
    for coding in reversed(codings):
        result, work = bytearray(), 0
        for piece, cost in _decompressed(body, coding):
            result += piece
            if len(result) > limit:
                raise MalformedContent(f"body over {limit} bytes when decompressed")
            work += cost
            if work >= _STEP_BYTES:
                work = 0
                yield None
        body = bytes(result)
    if len(codings) == len(applied) and max(len(body), len(key[0])) <= _KNOWN_BYTES:
        if len(_known) >= _KNOWN_BODIES:
            del _known[next(iter(_known))]
        _known[key] = body
    yield body


def _decompressed(body: bytes, coding: str) -> Iterator[tuple[bytes, int]]:
    """What comes out, piece by piece, and what each cost in bytes."""
    if coding == "deflate":
        # In its zlib wrapping, or bare as some servers send it (RFC 9110 8.4.1.2, note).
        wrapped = bool(body) and body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
        window = zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS
    else:
        window = _GZIP_WINDOW
    rest = memoryview(body)
    members = 0
    while rest:
        members += 1
        if members > _MOST_MEMBERS:
            raise MalformedContent(f"compressed body of more than {_MOST_MEMBERS} members")
        # Every member of a gzip file, one after the other (RFC 1952 2.2). What a decompressor did not use of a slice
        # is copied, so the slices of a member begin small.
        decompressor = zlib.decompressobj(window)
        size, cost = _FIRST_SLICE_BYTES, _MEMBER_COST_BYTES
        while not decompressor.eof:
            fed: memoryview | bytes = decompressor.unconsumed_tail
            if not fed:
                if not rest:
                    raise MalformedContent("compressed body ends early")
                fed, rest = rest[:size], rest[size:]
                size = min(2 * size, _SLICE_BYTES)
                cost += len(fed)
            try:
                piece = decompressor.decompress(fed, _STEP_BYTES)
            except zlib.error as error:
                raise MalformedContent(f"compressed body is broken: {error}") from None
            yield piece, cost + len(piece)
            cost = 0
        if coding == "deflate":
            return
        rest = memoryview(body)[len(body) - len(rest) - len(decompressor.unused_data) :]
