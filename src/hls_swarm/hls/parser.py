"""A playlist's bytes to its frozen shape (8216bis 4.1).

Rules:

- UTF-8, or it is no playlist; a byte order mark is skipped, with a violation (players skip it).
- It begins with `#EXTM3U` (4.4.1.1); what does not is named for what it looks like, because a person reads the error.
- Lines end in LF or CRLF. A line is blank, a tag (`#EXT`), a comment (`#`) or a URI.
- The first tag that belongs to one kind of playlist decides the kind; a tag of the other kind is an error (4.4.6).
- What has no tag of either kind is an error too: 4.1 would have it read as a multivariant playlist that is empty, and
  there is nothing to play in that.
- Time is linear in the length of the body.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.media import MEDIA_TAGS, MediaBuilder
from hls_swarm.hls.multivariant import MULTIVARIANT_TAGS, MultivariantBuilder
from hls_swarm.hls.playlist import Playlist

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})

_RULE = "8216bis 4.1"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTROLS = bytes([*range(10), 11, 12, *range(14, 32), 127])
_C1_CONTROL = re.compile("[\x80-\x9f]").search

MediaBuilder.foreign = MULTIVARIANT_TAGS
MultivariantBuilder.foreign = MEDIA_TAGS


def parse_playlist(body: bytes, url: str, imports: Mapping[str, str] = NO_VARIABLES) -> Playlist:
    """The playlist that a body is.

    Args:
        body: as decoded from any Content-Encoding.
        url: where the answer came from, after redirects: what URIs are resolved against and EXT-X-DEFINE:QUERYPARAM
            reads.
        imports: `variables` of the multivariant playlist, for EXT-X-DEFINE:IMPORT.

    Raises:
        PlaylistError: it is not a playlist, or breaks a rule that a client must enforce.
    """
    marked = body.startswith(_BYTE_ORDER_MARK)
    if marked:
        body = body[len(_BYTE_ORDER_MARK) :]
    if not body.startswith(b"#EXTM3U") or body[7:8] not in {b"", b"\n", b"\r", b" ", b"\t"}:
        first = body[:400].split(b"\n", 1)[0].decode("utf-8", "replace")
        raise PlaylistError(f"no #EXTM3U at the start: {_looks_like(body)}", line=1, text=first, rule="8216bis 4.4.1.1")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise PlaylistError("not UTF-8", line=line, rule=_RULE) from None
    carriage_returns = "\r" in text
    if carriage_returns:
        text = text.replace("\r\n", "\n")
    lines = text.split("\n")
    controls = len(body.translate(None, _CONTROLS)) != len(body) or (carriage_returns and "\r" in text)
    ascii_only = text.isascii()
    controls = controls or not (ascii_only or _C1_CONTROL(text) is None)
    plain = ascii_only and not controls and not ("$" in text and "{$" in text)

    builder = _builder_for(lines)(url, imports, plain=plain)
    if marked:
        builder.tolerate("a byte order mark", _RULE)
    if controls:
        builder.tolerate_whole("control characters", _RULE)
    return builder.read(lines)


def _builder_for(lines: list[str]) -> type[MediaBuilder] | type[MultivariantBuilder]:
    """What reads this kind of playlist: the first tag that only one kind has decides."""
    for line in lines:
        if line[:1] in {" ", "\t"}:
            line = line.lstrip(" \t")  # which readers put up with
        if line[:4] == "#EXT":
            name = line.partition(":")[0].rstrip(" \t")
            if name in MEDIA_TAGS:
                return MediaBuilder
            if name in MULTIVARIANT_TAGS:
                return MultivariantBuilder
    raise PlaylistError("neither a media nor a multivariant playlist: no tag of either", rule=_RULE)


def _looks_like(body: bytes) -> str:
    """What a body that is no playlist seems to be, for a person."""
    if not body:
        return "the body is empty"
    if body.startswith(b"\x1f\x8b"):
        return "it looks like gzip"
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "it looks like UTF-16"
    if body[:1] == b"G" and body[188:189] in {b"G", b""} and len(body) >= 188:
        return "it looks like an MPEG transport stream"
    if body[4:8] in {b"ftyp", b"styp", b"moof", b"sidx"}:
        return "it looks like an MP4 file"
    start = body[:1024].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")) or b"<html" in start:
        return "it looks like an HTML page"
    if b"<mpd" in start:
        return "it looks like a DASH manifest"
    if start.startswith(b"<"):
        return "it looks like XML"
    if start.startswith((b"{", b"[")):
        return "it looks like JSON"
    if start.startswith(b"#extm3u"):
        return "something stands before it, or it is misspelt"
    return "it is something else"
