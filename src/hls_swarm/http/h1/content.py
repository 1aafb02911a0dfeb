"""Content codings of kept bodies: gzip and deflate, with a limit on what comes out (RFC 9110 8.4)."""

import zlib

ACCEPT_ENCODING = "gzip, deflate"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class MalformedContent(ValueError):  # noqa: N818 - named for what it is, as the failure kind is
    """A body can not be decoded, or is longer than allowed."""


def decoded(body: bytes, encoding: str | None, limit: int) -> bytes:
    """The body without its content codings.

    Args:
        encoding: the Content-Encoding field: codings in the order they were applied.
        limit: longest result in bytes.

    Raises:
        MalformedContent: an unknown coding, broken data, or a result over the limit.
    """
    codings = [coding.strip().lower() for coding in (encoding or "").split(",")]
    for coding in reversed(codings):
        if coding in ("", "identity"):
            continue
        if coding in ("gzip", "x-gzip"):
            body = _gunzipped(body, limit)
        elif coding == "deflate":
            body = _inflated(body, limit)
        else:
            raise MalformedContent(f"content coding {coding[:40]!r} was not asked for")
    return body


def _gunzipped(body: bytes, limit: int) -> bytes:
    """Every member of a gzip file, one after the other (RFC 1952 2.2)."""
    pieces: list[bytes] = []
    room = limit
    while body:
        piece, body = _member(body, _GZIP_WINDOW, room, limit)
        pieces.append(piece)
        room -= len(piece)
    return b"".join(pieces)


def _inflated(body: bytes, limit: int) -> bytes:
    """Deflate in its zlib wrapping, or bare as some servers send it (RFC 9110 8.4.1.2, note)."""
    if not body:
        return b""
    wrapped = body[0] & 0x0F == zlib.DEFLATED and int.from_bytes(body[:2], "big") % 31 == 0
    piece, _ = _member(body, zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS, limit, limit)
    return piece


def _member(body: bytes, window: int, room: int, limit: int) -> tuple[bytes, bytes]:
    """One compressed stream, and the bytes after it.

    Args:
        room: what is left of the limit.
    """
    decompressor = zlib.decompressobj(window)
    try:
        piece = decompressor.decompress(body, room + 1)
    except zlib.error as error:
        raise MalformedContent(f"compressed body is broken: {error}") from None
    if len(piece) > room:
        raise MalformedContent(f"body over {limit} bytes when decompressed")
    if not decompressor.eof:
        raise MalformedContent("compressed body ends early")
    return piece, decompressor.unused_data
