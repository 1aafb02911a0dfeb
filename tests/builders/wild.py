"""Playlists as servers write them, kind by kind, and where two libraries read one otherwise than `parse_playlist`.

The kinds are those that the test suites of m3u8, openm3u8, hls.js and Media3 feed their parsers; the texts are not
theirs. What a row does not name is read alike by all three, field by field: see `tests/hls/test_wild_playlists.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

URL = "https://cdn.example/shows/42/video.m3u8?session=a1b2"
BASE = "https://cdn.example/shows/42/"
BOTH = ("m3u8", "openm3u8")
M3U8 = ("m3u8",)
OPENM3U8 = ("openm3u8",)
A = ("#EXTINF:6,", "a.ts")
"""A segment of 6 seconds."""


@dataclass(frozen=True)
class Difference:
    """A field that a library reads otherwise.

    Attributes:
        field: as the test's `Facts` name it; `segments` for all columns of a playlist whose segments differ in number.
        ours: what `parse_playlist` reads, by value; of `segments` URI, duration and byte range.
        reason: what the library does, or the rule that it does not follow.
        libraries: those that differ; the others agree.
    """

    field: str
    ours: object
    reason: str
    libraries: tuple[str, ...] = BOTH


@dataclass(frozen=True)
class Wild:
    """A playlist and what is to be said of it.

    Attributes:
        refused: the rule by which `parse_playlist` refuses it, a section of 8216bis.
        raising: libraries that raise on it.
        alone: what `parse_playlist` reads, by field, where no library reads it.
        imports: variables of the multivariant playlist.
    """

    id: str
    text: str
    differences: tuple[Difference, ...] = ()
    refused: str | None = None
    raising: tuple[str, ...] = ()
    alone: Mapping[str, object] = field(default_factory=dict)
    imports: Mapping[str, str] = field(default_factory=dict)


def row(id_: str, text: str, *differences: Difference, **more: Any) -> Wild:
    return Wild(id_, text, differences, **more)


def text_of(*lines: str) -> str:
    return "\n".join(["#EXTM3U", *lines, ""])


def media(*lines: str) -> str:
    """A media playlist whose target duration is 6 seconds."""
    return text_of("#EXT-X-TARGETDURATION:6", *lines)


def one(*tags: str, uri: str = "a.ts") -> str:
    """A playlist of one segment with tags before its EXTINF."""
    return media(*tags, "#EXTINF:6,", uri)


def titled(extinf: str) -> str:
    """A playlist of one segment with that EXTINF line."""
    return media(extinf, "a.ts")


def dated(date: str) -> str:
    """A playlist of two segments of which the second has that date."""
    return media("#EXTINF:6,", "a.ts", f"#EXT-X-PROGRAM-DATE-TIME:{date}", "#EXTINF:6,", "b.ts")


def variant(attributes: str, *tags: str) -> str:
    """A multivariant playlist of one variant with tags before it."""
    return text_of(*tags, f"#EXT-X-STREAM-INF:{attributes}", "low.m3u8")
