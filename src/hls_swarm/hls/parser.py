"""A playlist's bytes to its frozen shape (8216bis 4.1).

Rules:

- It is read as `Reading` says; what follows holds for all but a strict one.
- UTF-8; other bytes are replaced, with a violation. So is a byte order mark skipped (players do both).
- It begins with `#EXTM3U` (4.4.1.1), white space aside; what does not is named for what it looks like, because a person
  reads the error.
- Lines end in LF, CRLF or CR. A line is blank, a tag (`#EXT`), a comment (`#`) or a URI.
- The first tag that belongs to one kind of playlist decides the kind, unless a tag comes that weighs more: a playlist
  with an EXTINF is a media playlist, one with an EXT-X-STREAM-INF and no EXTINF a multivariant one. What else belongs
  to the other kind is ignored, with a violation (4.4.6).
- What has no tag of either kind is an error: 4.1 would have it read as a multivariant playlist that is empty, and there
  is nothing to play in that.
- Time is linear in the length of the body.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.builder import MAX_URI_CHARACTERS, OtherKind, Source
from hls_swarm.hls.media import MEDIA_TAGS, MediaBuilder
from hls_swarm.hls.multivariant import MULTIVARIANT_TAGS, MultivariantBuilder
from hls_swarm.hls.playlist import Playlist
from hls_swarm.hls.reading import LENIENT, Player, Reading

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})

_RULE, _START_RULE = "8216bis 4.1", "8216bis 4.4.1.1"
_LATER_EXTM3U = re.compile(rb"[ \t\r\n]++(?=#EXTM3U(?![^\r\n\t ]))").match
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CONTROLS = bytes([*range(10), 11, 12, *range(14, 32), 127])
_SKIP_TABS = re.compile(rb'RECENTLY-REMOVED-DATERANGES="[^"\n]*"')
_C1_CONTROL = re.compile("[\x80-\x9f]").search

MediaBuilder.foreign = MULTIVARIANT_TAGS
# EXT-X-ALLOW-CACHE is no tag of the draft any more: where it does not belong it is ignored, as unknown tags are (4.1).
MultivariantBuilder.foreign = {name: tag for name, tag in MEDIA_TAGS.items() if name != "#EXT-X-ALLOW-CACHE"}


def parse_playlist(
    body: bytes, url: str, imports: Mapping[str, str] = NO_VARIABLES, reading: Reading = LENIENT
) -> Playlist:
    """The playlist that a body is.

    Args:
        body: as decoded from any Content-Encoding.
        url: where the answer came from, after redirects: what URIs are resolved against and EXT-X-DEFINE:QUERYPARAM
            reads.
        imports: `variables` of the multivariant playlist, for EXT-X-DEFINE:IMPORT.

    Raises:
        PlaylistError: it is not a playlist, or no player plays it; in a strict reading, or that of a player, it may
            break a rule that is enforced there.
    """
    marked = body.startswith(_BYTE_ORDER_MARK)
    if marked:
        body = body[len(_BYTE_ORDER_MARK) :]
    before = b""
    if not body.startswith(b"#EXTM3U") or body[7:8] not in {b"", b"\n", b"\r", b" ", b"\t"}:
        start = None if reading.strict else _LATER_EXTM3U(body)
        if start is None:
            first = body[:400].split(b"\n", 1)[0].decode("utf-8", "replace")
            raise PlaylistError(f"no #EXTM3U at the start: {_looks_like(body)}", line=1, text=first, rule=_START_RULE)
        before = start[0]
    bad_line = 0
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        bad_line = body.count(b"\n", 0, error.start) + 1
        if reading.strict:
            raise PlaylistError("not UTF-8", line=bad_line, rule=_RULE) from None
        text = body.decode(errors="replace")
    carriage_returns = "\r" in text
    if carriage_returns:
        text = text.replace("\r\n", "\n")
        carriage_returns = "\r" in text
        if carriage_returns and not reading.strict:
            text = text.replace("\r", "\n")
    lines = text.split("\n")
    controls = len(body.translate(None, _CONTROLS)) != len(body) or (carriage_returns and reading.strict)
    if controls and _SKIP_TABS.search(body) is not None:
        # The identifiers that EXT-X-SKIP lists are parted by tabs, which 4.4.5.2 allows in this place alone.
        bare = _SKIP_TABS.sub(b"", body)
        controls = len(bare.translate(None, _CONTROLS)) != len(bare) or (carriage_returns and reading.strict)
    ascii_only = text.isascii()
    controls = controls or not (ascii_only or _C1_CONTROL(text) is None)
    plain = (
        ascii_only
        and not controls
        and not ("$" in text and "{$" in text)
        and not (reading.backslash_is_slash and "\\" in text)
        and (len(text) <= MAX_URI_CHARACTERS or not _has_long_line(text))
    )
    kind = _kind_of(lines)
    source = Source(url, imports, reading, text, plain)
    while True:
        builder = kind(source)
        if marked or controls or before or bad_line or carriage_returns:
            if marked:
                builder.tolerate("a byte order mark", _RULE)
            if controls:
                builder.tolerate_whole("control characters", _RULE)
            _note_oddities(builder, before, bad_line, carriage_returns=carriage_returns and not reading.strict)
        try:
            return builder.read(lines)
        except OtherKind:
            kind = MultivariantBuilder if kind is MediaBuilder else MediaBuilder


def _note_oddities(
    builder: MediaBuilder | MultivariantBuilder,
    before: bytes,
    bad_line: int,
    *,
    carriage_returns: bool,
) -> None:
    """What only a lenient reading reads on from, at the line where it is."""
    if before:
        above = before.replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n")
        builder.line = builder.first_line = above + 1
        # hls.js skips blank lines before a media playlist, but no spaces, and nothing before a multivariant one.
        blank = isinstance(builder, MediaBuilder) and not before.strip(b"\r\n")
        refused_by = (Player.FFMPEG,) if blank else (Player.HLSJS, Player.FFMPEG)
        builder.breach("something stands before #EXTM3U", _START_RULE, refused_by=refused_by)
    if bad_line:
        builder.line = bad_line
        builder.tolerate("not UTF-8", _RULE)
    if carriage_returns:
        builder.tolerate_whole("lines that end in CR alone", _RULE)


def _has_long_line(text: str) -> bool:
    """Whether a line may be longer than a URI can be: it would cover one of these windows whole."""
    window = MAX_URI_CHARACTERS // 2
    return any(text.find("\n", at, at + window) < 0 for at in range(0, len(text) - window, window))


def _kind_of(lines: list[str]) -> type[MediaBuilder] | type[MultivariantBuilder]:
    """What reads this kind of playlist: the first tag that only one kind has decides."""
    for line in lines:
        if line[:1] in {" ", "\t"}:
            line = line.lstrip(" \t")  # which readers put up with
        if line[:4] == "#EXT":
            name = line.partition(":")[0].rstrip(" \t")
            if name in MultivariantBuilder.foreign:
                return MediaBuilder
            if name in MediaBuilder.foreign:
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
