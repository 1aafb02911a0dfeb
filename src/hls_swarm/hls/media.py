"""The tags of a media playlist that apply to segments (8216bis 4.4.4), in the order of the draft.

Rules:

- A segment is closed by its URI line; the tags before it apply to it, and EXT-X-KEY, EXT-X-MAP and EXT-X-BITRATE to
  those after it too, until the next of their sort.
- A date runs forwards from an EXT-X-PROGRAM-DATE-TIME by EXTINF durations to the next one, and from the first backwards
  to the first segment; across discontinuities too, as 6.3.3 makes no exception of them and players make none.
- A URI without EXTINF is a segment of 0 s, as in hls.js and Media3, or is passed over, as in FFmpeg (`Reading`).
- A byte range without an offset that follows none of its resource goes on where the last one ended, whatever that is
  of, as all players have it; a strict reading refuses it.
- What a delta update inherits from the segments it leaves out is counted, not guessed: see `playlist.Skip`.
- `read` and `_segment` run once a segment and are written for speed; the rest is not.
"""

import re

from msgspec.structs import replace

from hls_swarm.hls.attributes import TagError, UnplayableError, byte_range
from hls_swarm.hls.builder import COMMON_TAGS, MEMORY, Source, Tag, after, implicit_range
from hls_swarm.hls.media_header import HEADER_TAGS, HeaderBuilder, merged_daterange
from hls_swarm.hls.playlist import (
    ByteRange,
    InitSection,
    Key,
    KeyMethod,
    MediaPlaylist,
    Part,
    PlaylistType,
    Segment,
    Skip,
)
from hls_swarm.hls.reading import Player

MAX_KEY_FORMATS = 32
MAX_BARE_URIS = 10_000
"""URIs without EXTINF that are taken for segments; a playlist is input from a stranger."""

_DATE = "#EXT-X-PROGRAM-DATE-TIME:"
_EXTINF = re.compile(r"[ \t]*+([0-9]{1,20}+(?:\.[0-9]*+)?|\.[0-9]++)[ \t]*+(?:,(.*))?", re.DOTALL).fullmatch
# The number that it begins with, as C's strtod reads it.
_ODD_DURATION = re.compile(
    r"[ \t]*+([+-]?(?:[0-9]{1,20}+(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]{1,2}+(?![0-9]))?)"
).match
_NOTHING_TO_FOLLOW = "a byte range without offset follows no byte range of the same resource"


class MediaBuilder(HeaderBuilder):
    """Reads a media playlist."""

    __slots__ = (
        "_bare_uris",
        "_bitrate",
        "_byte_range",
        "_date",
        "_discontinuity",
        "_duration",
        "_durations",
        "_first",
        "_gap",
        "_has_parts",
        "_indented",
        "_inherited_byte_ranges",
        "_init",
        "_keys",
        "_keys_by_format",
        "_longest",
        "_part_before",
        "_part_start",
        "_position",
        "_stated_date",
        "_stray",
        "_title",
        "_undated",
    )

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        # Where the next segment stands, and whether those before it wait for a date to be told from.
        self._position = 0.0
        self._date: float | None = None
        self._undated = True
        # What applies to it and to those after it.
        self._init: InitSection | None = None
        self._keys: tuple[Key, ...] = ()
        self._keys_by_format: dict[str, Key] = {}
        self._bitrate: int | None = None
        # What applies to it alone.
        self._duration: float | None = None
        self._title = ""
        self._stated_date: float | None = None
        self._byte_range: tuple[int, int | None] | None = None
        self._discontinuity = False
        self._gap = False
        self._part_start = 0.0
        # There was a URI without EXTINF that is passed over, a comment behind white space.
        self._stray = self._indented = False
        self._bare_uris = 0
        self._has_parts = False
        # What is kept on the way: EXTINF lines already read, and the index of the segment before which a sort of tag
        # first stood, an odd EXTINF and an unused one too.
        self._part_before: Part | None = None
        self._longest = 0.0
        self._durations: dict[str, tuple[float, str]] = {}
        self._first: dict[str, int] = {}
        self._inherited_byte_ranges = 0

    def read(self, lines: list[str]) -> MediaPlaylist:
        """The playlist that `lines` are."""
        durations = self._durations
        for self.line, line in enumerate(lines, 1):
            if line[:8] == "#EXTINF:":
                known = durations.get(line)
                if known is None or self._duration is not None:
                    self._extinf(line)
                else:
                    self._duration, self._title = known
            elif not line:
                continue
            elif line[0] != "#":
                if self._duration is None:
                    start = line.lstrip()[:4]
                    if start != "#EXT" and (self._indented if start[:1] == "#" else self._stray):
                        continue  # one more of what was noted already
                self._segment(line)
            elif line[:25] == _DATE:
                try:  # what `tag` does, without its search
                    self._stated_date = self.date_of(line[25:])
                except TagError:
                    self.tag(line)
            elif line[:4] == "#EXT":
                self.tag(line)
        return self._finished()

    # --- 4.4.4 Media segment tags --------------------------------------------------------------------------------

    def _extinf(self, line: str) -> None:
        """4.4.4.1 EXTINF: `<duration>,[<title>]`."""
        rule = "8216bis 4.4.4.1"
        match = _EXTINF(line, 8)
        if match is None:
            known = self._odd_extinf(line)
        else:
            number, title = match.groups()
            if title is None:
                self.tolerate("EXTINF has no comma after the duration", rule)
            known = float(number), title or ""
        if self._duration is not None and "unused" not in self._first:
            self._first["unused"] = len(self.segments)
            self.tolerate("EXTINF without a URI", rule)
        self._duration, self._title = known
        if known[0] > self._longest:
            self._longest = known[0]
        if len(self._durations) < MEMORY:
            self._durations[line] = known

    def _odd_extinf(self, line: str) -> tuple[float, str]:
        """Duration and title of an EXTINF that is not written as it should be."""
        if "extinf" not in self._first:  # noted once: there may be as many as lines
            self._first["extinf"] = len(self.segments)
            self.breach("EXTINF has no decimal duration", "8216bis 4.4.4.1", line)
        match, comma = _ODD_DURATION(line, 8), line.find(",", 8)
        return 0.0 if match is None else max(float(match[1]), 0.0), "" if comma < 0 else line[comma + 1 :]

    def extinf(self, value: str) -> None:  # noqa: ARG002 there is none
        """4.4.4.1 EXTINF without a colon; `read` takes all others."""
        raise TagError("EXTINF has no decimal duration")

    def _segment(self, line: str) -> None:
        """4.1: a URI line closes the segment that the tags before it describe."""
        duration = self._duration
        if duration is None or line[0] in " \t":
            line = line.strip()
            if line[:1] == "#":
                self._indented = True
                self.tolerate("white space before #", "8216bis 4.1")
                if line[:8] == "#EXTINF:":
                    self._extinf(line)
                elif line[:4] == "#EXT":
                    self.tag(line)
            elif duration is not None and line:
                self.tolerate("white space around a URI", "8216bis 4.1")
                self._segment(line)
            elif line:
                self._bare_uri(line)
            return
        if self.plain and line[0] not in "/.?#" and ":" not in line and "/." not in line and " " not in line:
            uri = self.directory + line  # as `Builder.uri` does, without a call
        else:
            uri = self.uri_line(line)
        if self._stated_date is not None:
            if self._undated:
                self._date_backwards(self._stated_date)
            self._date, self._stated_date = self._stated_date, None
        position = self._position
        sub_range = self._byte_range
        self.segments.append(
            Segment(
                uri,
                duration,
                position,
                self.sequence,
                self.discontinuity_sequence + self.discontinuities,
                self._discontinuity,
                self._date,
                self._init,
                self._keys,
                None if sub_range is None else self._sub_range(sub_range, uri, line),
                self._gap,
                self._bitrate if sub_range is None else None,
                self._title,
                tuple(self.parts) if self.parts else (),
            )
        )
        self._position = position + duration
        self.sequence += 1
        if self._date is not None:
            self._date += duration
        self._duration = self._byte_range = None
        self._discontinuity = self._gap = False
        if self.parts:
            self.parts.clear()
            self._part_start = 0.0
            self._part_before = None

    def _bare_uri(self, line: str) -> None:
        """4.1: a URI line without the EXTINF that is REQUIRED."""
        if self._passes_uri:
            self._passes_uri = False
            return
        self.tolerate("a URI without EXTINF", "8216bis 4.4.4.1", (Player.SHAKA,))
        if not self.reading.counts_bare_uris or self._bare_uris >= MAX_BARE_URIS:
            self._stray = True
            return
        self._bare_uris += 1
        self._duration, self._title = 0.0, ""
        self._segment(line)

    def ext_x_byterange(self, value: str) -> None:
        """4.4.4.2 EXT-X-BYTERANGE: `<n>[@<o>]`, resolved when the URI is known."""
        self._byte_range = byte_range(value.strip(" \t"), "EXT-X-BYTERANGE")

    def _sub_range(self, given: tuple[int, int | None], uri: str, text: str) -> ByteRange:
        length, first = given
        before = self.segments[-1] if self.segments else None
        resolved = implicit_range(
            length, first, uri, None if before is None else before.byte_range, "" if before is None else before.uri
        )
        if resolved is None:
            if before is not None or self.skipped is None or not self.skipped[0]:
                self.breach(_NOTHING_TO_FOLLOW, "8216bis 4.4.4.2", text)
            resolved = after(None if before is None else before.byte_range), length
        if first is None and self.skipped is not None and self._inherited_byte_ranges == len(self.segments):
            self._inherited_byte_ranges += 1
        return resolved

    def ext_x_discontinuity(self, value: str) -> None:  # noqa: ARG002 the tag has no value
        """4.4.4.3 EXT-X-DISCONTINUITY."""
        self._discontinuity = True
        self.discontinuities += 1

    def ext_x_key(self, value: str) -> None:
        """4.4.4.4 EXT-X-KEY: in force until the next with the same KEYFORMAT; NONE ends them all."""
        key = self.key_of(value)
        self._first.setdefault("keys", len(self.segments))
        if key.method is KeyMethod.NONE:
            self._keys_by_format.clear()
        else:
            self._keys_by_format[key.key_format] = key
            if len(self._keys_by_format) > MAX_KEY_FORMATS:
                raise UnplayableError(f"more than {MAX_KEY_FORMATS} KEYFORMATs at once")
        self._keys = tuple(self._keys_by_format.values())

    def ext_x_map(self, value: str) -> None:
        """4.4.4.5 EXT-X-MAP: without an offset, which is REQUIRED, its byte range begins at 0, as players have it."""
        attributes = self.attributes(value)
        if not attributes.quoted("URI"):
            raise UnplayableError("URI is empty" if "URI" in attributes else "URI is missing")
        uri, text = self.uri(attributes.required("URI")), attributes.quoted("BYTERANGE")
        given: ByteRange | None = None
        if text is not None:
            try:
                length, first = byte_range(text, "BYTERANGE")
            except TagError as error:
                self.breach(f"EXT-X-MAP: {error.reason}", "8216bis 4.4.4.2", value)
            else:
                if first is None:
                    self.tolerate("EXT-X-MAP has a BYTERANGE without offset", "8216bis 4.4.4.5")
                given = first or 0, length
        self._first.setdefault("init", len(self.segments))
        self._init = InitSection(uri, given)

    def ext_x_program_date_time(self, value: str) -> None:
        """4.4.4.6 EXT-X-PROGRAM-DATE-TIME: date of the next segment's first sample."""
        self._stated_date = self.date_of(value)

    def _date_backwards(self, date: float) -> None:
        """6.3.3: the first date that is stated, that of where the next segment stands, dates those before it."""
        for index, segment in enumerate(self.segments):
            self.segments[index] = replace(segment, program_date_time=date - (self._position - segment.start))
        self._undated = False
        self._first.setdefault("date", len(self.segments))

    def skip_discontinuities(self) -> None:
        """4.4.5.2: what came before EXT-X-SKIP is of the first segment left out."""
        super().skip_discontinuities()
        self._discontinuity = False

    def ext_x_gap(self, value: str) -> None:  # noqa: ARG002 the tag has no value
        """4.4.4.7 EXT-X-GAP: the segment is absent."""
        self._gap = True

    def ext_x_bitrate(self, value: str) -> None:
        """4.4.4.8 EXT-X-BITRATE: kbit/s, of each segment up to the next that is not a byte range."""
        self._bitrate = self.number(value, "bitrate")
        self._first.setdefault("bitrate", len(self.segments))

    def ext_x_part(self, value: str) -> None:
        """4.4.4.9 EXT-X-PART: a part of the segment whose URI line has not come yet.

        A byte range without an offset goes on from the part before in the same segment.
        """
        attributes = self.attributes(value)
        reference, duration = attributes.quoted("URI"), attributes.decimal("DURATION")
        if not reference or duration is None:
            missing = "DURATION is missing" if reference else "URI is missing"
            raise TagError(missing, refused_by=(Player.MEDIA3,))
        uri = self.uri(reference)
        text = attributes.quoted("BYTERANGE")
        sub_range: ByteRange | None = None
        if text is not None:
            length, first = byte_range(text, "BYTERANGE")
            before = self._part_before
            sub_range = implicit_range(
                length, first, uri, None if before is None else before.byte_range, "" if before is None else before.uri
            )
            if sub_range is None:
                if self.reading.strict:
                    raise TagError(_NOTHING_TO_FOLLOW)
                self.tolerate(f"EXT-X-PART: {_NOTHING_TO_FOLLOW}", "8216bis 4.4.4.9")
                sub_range = after(None if before is None else before.byte_range), length
        # By position, in the order of the shape: by name it takes several times as long.
        part = Part(
            uri,
            duration,
            self._position + self._part_start,
            self.sequence,
            len(self.parts),
            sub_range,
            bool(attributes.flag("INDEPENDENT")),
            bool(attributes.flag("GAP")),
        )
        if self.part_target is not None and duration > self.part_target + 1e-6:
            self.tolerate("a part is longer than PART-TARGET", "8216bis 4.4.4.9")
        self.parts.append(part)
        self._part_before, self._has_parts = part, True
        self._part_start += duration

    # --- The whole -----------------------------------------------------------------------------------------------

    def _told_target_duration(self) -> float:
        """The target duration where none is stated: the longest segment's duration in whole seconds.

        hls.js refuses that, Shaka does in a live playlist, and FFmpeg where EXT-X-MEDIA-SEQUENCE is missing, too.
        """
        self.line = 0
        live = not self.ended and self.playlist_type is not PlaylistType.VOD
        refused_by = [Player.HLSJS]
        refused_by += [Player.SHAKA] if live else []
        refused_by += [] if "#EXT-X-MEDIA-SEQUENCE" in self._seen else [Player.FFMPEG]
        self.breach("EXT-X-TARGETDURATION is missing", "8216bis 4.4.3.1", refused_by=tuple(refused_by))
        return max(float(int(self._longest + 0.5)), 1.0)

    def _finished(self) -> MediaPlaylist:
        """The playlist; what only the whole shows is checked here."""
        target_duration = self.target_duration if self.target_duration is not None else self._told_target_duration()
        if self._stated_date is not None and self._undated:  # a date behind the last segment, as before open parts
            self._date_backwards(self._stated_date)
        if self._duration is not None:
            self.tolerate_whole("EXTINF without a URI", "8216bis 4.4.4.1")
        if self.part_target is None and self._has_parts:
            self.tolerate_whole("EXT-X-PART without EXT-X-PART-INF", "8216bis 4.4.3.7")
        self.check(target_duration, self._longest)
        segments, parts = tuple(self.segments), tuple(self.parts)
        listed = len(segments)
        skip = None
        if self.skipped is not None:
            first = self._first
            skip = Skip(
                segments=self.skipped[0],
                removed_dateranges=self.skipped[1],
                inherits_init=first.get("init", listed),
                inherits_keys=first.get("keys", listed),
                inherits_bitrate=first.get("bitrate", listed),
                inherits_date=first.get("date", listed),
                inherits_byte_range=self._inherited_byte_ranges,
            )
        return MediaPlaylist(
            url=self.url,
            version=self.version,
            target_duration=target_duration,
            media_sequence=self.media_sequence,
            discontinuity_sequence=self.discontinuity_sequence,
            playlist_type=self.playlist_type,
            ended=self.ended,
            segments=segments,
            open_parts=parts,
            duration=self._position,
            edge=parts[-1].end if parts else self._position,
            independent_segments=self.independent_segments,
            i_frames_only=self.i_frames_only,
            start=self.start,
            server_control=self.control,
            part_target=self.part_target,
            preload_hints=tuple(self.hints),
            rendition_reports=tuple(self.reports),
            dateranges=tuple(map(merged_daterange, self.dateranges.values())),
            skip=skip,
            allow_cache=self.allow_cache,
            variables=self.variables,
            violations=self.violations,
            open_init=self._init,
            open_keys=self._keys,
        )


SEGMENT_TAGS: dict[str, Tag] = {
    "#EXTINF": Tag(MediaBuilder.extinf, "4.4.4.1"),
    "#EXT-X-BYTERANGE": Tag(MediaBuilder.ext_x_byterange, "4.4.4.2"),
    "#EXT-X-DISCONTINUITY": Tag(MediaBuilder.ext_x_discontinuity, "4.4.4.3"),
    "#EXT-X-KEY": Tag(MediaBuilder.ext_x_key, "4.4.4.4"),
    "#EXT-X-MAP": Tag(MediaBuilder.ext_x_map, "4.4.4.5"),
    "#EXT-X-PROGRAM-DATE-TIME": Tag(MediaBuilder.ext_x_program_date_time, "4.4.4.6", informative=True),
    "#EXT-X-GAP": Tag(MediaBuilder.ext_x_gap, "4.4.4.7"),
    "#EXT-X-BITRATE": Tag(MediaBuilder.ext_x_bitrate, "4.4.4.8", informative=True),
    "#EXT-X-PART": Tag(MediaBuilder.ext_x_part, "4.4.4.9"),
}
MEDIA_TAGS = HEADER_TAGS | SEGMENT_TAGS
MediaBuilder.tags = COMMON_TAGS | MEDIA_TAGS
