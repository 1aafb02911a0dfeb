"""Playlists as text, from small parts: `Playlist(0, [Segment(0), Segment(1)], end=True).text`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime


def date_text(seconds: float) -> str:
    """A date as EXT-X-PROGRAM-DATE-TIME has it, to the microsecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Part:
    """A part; its URI comes from its segment's number and its index unless given."""

    index: int
    duration: float = 0.5
    independent: bool = False
    gap: bool = False
    uri: str | None = None

    def line(self, number: int) -> str:
        uri = self.uri or f"part{number}.{self.index}.m4s"
        flags = (",INDEPENDENT=YES" if self.independent else "") + (",GAP=YES" if self.gap else "")
        return f'#EXT-X-PART:DURATION={self.duration!r},URI="{uri}"{flags}'


@dataclass(frozen=True)
class Segment:
    """A segment; its URI comes from its number unless given.

    Attributes:
        tags: lines before EXTINF, for what has no field of its own.
    """

    number: int
    duration: float = 2.0
    title: str = ""
    date: float | None = None
    discontinuity: bool = False
    gap: bool = False
    byte_range: str | None = None
    uri: str | None = None
    parts: Sequence[Part] = ()
    tags: Sequence[str] = ()

    @property
    def name(self) -> str:
        return f"segment{self.number}.ts" if self.uri is None else self.uri

    def lines(self) -> list[str]:
        lines = list(self.tags)
        if self.discontinuity:
            lines.append("#EXT-X-DISCONTINUITY")
        if self.date is not None:
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{date_text(self.date)}")
        if self.gap:
            lines.append("#EXT-X-GAP")
        lines += [part.line(self.number) for part in self.parts]
        lines.append(f"#EXTINF:{self.duration!r},{self.title}")
        if self.byte_range is not None:
            lines.append(f"#EXT-X-BYTERANGE:{self.byte_range}")
        return [*lines, self.name]


@dataclass(frozen=True)
class Playlist:
    """A media playlist.

    Attributes:
        tags: lines of the header, for what has no field of its own.
        tail: lines after the last segment.
        skipped: how many segments before the listed ones are left out.
    """

    media_sequence: int
    segments: Sequence[Segment]
    target_duration: int = 2
    version: int | None = 3
    discontinuity_sequence: int | None = None
    type: str | None = None
    end: bool = False
    open_parts: Sequence[Part] = ()
    tags: Sequence[str] = ()
    tail: Sequence[str] = ()
    newline: str = "\n"
    skipped: int = 0

    @property
    def text(self) -> str:
        lines = ["#EXTM3U"]
        if self.version is not None:
            lines.append(f"#EXT-X-VERSION:{self.version}")
        lines += [f"#EXT-X-TARGETDURATION:{self.target_duration}", f"#EXT-X-MEDIA-SEQUENCE:{self.media_sequence}"]
        if self.discontinuity_sequence is not None:
            lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{self.discontinuity_sequence}")
        if self.type is not None:
            lines.append(f"#EXT-X-PLAYLIST-TYPE:{self.type}")
        lines += self.tags
        for segment in self.segments:
            lines += segment.lines()
        open_number = self.media_sequence + self.skipped + len(self.segments)
        lines += [part.line(open_number) for part in self.open_parts]
        lines += self.tail
        if self.end:
            lines.append("#EXT-X-ENDLIST")
        return self.newline.join(lines) + self.newline

    @property
    def body(self) -> bytes:
        return self.text.encode()

    def delta(self, skipped: int, header: Sequence[str] = ()) -> "Playlist":
        """The delta update that leaves the first `skipped` segments out."""
        tags = (*self.tags, *header, f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")
        return replace(self, segments=self.segments[skipped:], tags=tags, skipped=skipped)


@dataclass(frozen=True)
class Variant:
    """A variant; `attributes` follow BANDWIDTH as written."""

    uri: str
    bandwidth: int = 1_000_000
    attributes: str = ""

    def lines(self) -> list[str]:
        tail = f",{self.attributes}" if self.attributes else ""
        return [f"#EXT-X-STREAM-INF:BANDWIDTH={self.bandwidth}{tail}", self.uri]


@dataclass(frozen=True)
class Multivariant:
    """A multivariant playlist."""

    variants: Sequence[Variant]
    tags: Sequence[str] = ()

    @property
    def text(self) -> str:
        lines = ["#EXTM3U", *self.tags]
        for variant in self.variants:
            lines += variant.lines()
        return "\n".join(lines) + "\n"

    @property
    def body(self) -> bytes:
        return self.text.encode()
