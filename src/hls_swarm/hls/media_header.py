"""The tags of a media playlist that are not about one segment (8216bis 4.4.3 and 4.4.5), in the order of the draft."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import asdict, replace

from hls_swarm.hls.attributes import TagError, leading_integer
from hls_swarm.hls.builder import Builder, OtherKind, Source, Tag
from hls_swarm.hls.playlist import (
    DateRange,
    HintType,
    Part,
    PlaylistType,
    PreloadHint,
    RenditionReport,
    Segment,
    ServerControl,
)
from hls_swarm.hls.reading import Player

_TARGET_DURATION = re.compile(r"[0-9]{1,9}(?:\.[0-9]*)?").fullmatch


class HeaderBuilder(Builder):
    """Reads what a media playlist says of itself; its subclass reads the segments.

    Attributes:
        segments: those closed so far.
        parts: those of the segment that is not closed yet.
        sequence: media sequence number of that segment.
    """

    kind = "media"

    __slots__ = (
        "_date_before",
        "_numbered",
        "_numbered_discontinuities",
        "_passes_uri",
        "allow_cache",
        "control",
        "dateranges",
        "discontinuities",
        "discontinuity_sequence",
        "ended",
        "hints",
        "i_frames_only",
        "media_sequence",
        "part_target",
        "parts",
        "playlist_type",
        "reports",
        "segments",
        "sequence",
        "skipped",
        "target_duration",
    )

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._numbered = self._numbered_discontinuities = False
        self._passes_uri = False
        self.target_duration: float | None = None
        self.media_sequence = self.sequence = 0
        self.discontinuity_sequence = self.discontinuities = 0
        self.playlist_type: PlaylistType | None = None
        self.ended = False
        self.i_frames_only = False
        self.part_target: float | None = None
        self.control = ServerControl()
        self.skipped: tuple[int, tuple[str, ...]] | None = None
        self.allow_cache: bool | None = None
        self._date_before: tuple[str | None, float] = None, 0.0
        self.segments: list[Segment] = []
        self.parts: list[Part] = []
        self.hints: list[PreloadHint] = []
        self.reports: list[RenditionReport] = []
        self.dateranges: dict[str, list[DateRange]] = {}

    # --- 4.4.3 Media playlist tags -------------------------------------------------------------------------------

    def ext_x_targetduration(self, value: str) -> None:
        """4.4.3.1 EXT-X-TARGETDURATION: whole seconds, at least 1 (0 would make clients reload without pause).

        Of a fraction the whole seconds count, as in hls.js and Media3.
        """
        text = value.strip(" \t")
        if _TARGET_DURATION(text) is not None:
            seconds = int(text.partition(".")[0] or 0)
        else:
            number = None if self.reading.strict else leading_integer(text.removeprefix("-"))
            if number is None:
                raise TagError("target duration is not a decimal integer")
            seconds = 0 if text.startswith("-") else number
        if not text.isdigit():
            self.tolerate("target duration is not a decimal integer", "8216bis 4.4.3.1")
        if seconds < 1:
            self.tolerate("target duration is less than a second", "8216bis 4.4.3.1")
        self.target_duration = float(max(seconds, 1))

    def ext_x_media_sequence(self, value: str) -> None:
        """4.4.3.2 EXT-X-MEDIA-SEQUENCE: before the first segment.

        One that comes later, if there was none before, holds for the whole playlist, as FFmpeg has it.
        """
        late = self._after_segments("EXT-X-MEDIA-SEQUENCE", has_effect=not self._numbered)
        if self.skipped is not None:
            self.breach("EXT-X-MEDIA-SEQUENCE: comes after EXT-X-SKIP", "8216bis 4.4.3.2")
        number = self.number(value, "media sequence number", refused_by=(Player.MEDIA3,))
        self._numbered = True
        self.media_sequence = number
        first = number + (self.skipped[0] if self.skipped is not None else 0)
        self.sequence = first + len(self.segments)
        if late:
            self.segments = [
                replace(segment, sequence=first + index, parts=_renumbered(segment.parts, first + index))
                for index, segment in enumerate(self.segments)
            ]
            self.parts = list(_renumbered(self.parts, self.sequence))

    def ext_x_discontinuity_sequence(self, value: str) -> None:
        """4.4.3.3 EXT-X-DISCONTINUITY-SEQUENCE: before the first segment and the first EXT-X-DISCONTINUITY.

        One that comes later, if there was none before, holds for the whole playlist, as Media3 has it.
        """
        late = self._after_segments("EXT-X-DISCONTINUITY-SEQUENCE", has_effect=not self._numbered_discontinuities)
        if self.discontinuities:
            self.breach("EXT-X-DISCONTINUITY-SEQUENCE: comes after EXT-X-DISCONTINUITY", "8216bis 4.4.3.3")
        number = self.number(value, "discontinuity sequence number")
        self._numbered_discontinuities = True
        more, self.discontinuity_sequence = number - self.discontinuity_sequence, number
        if late:
            self.segments = [
                replace(segment, discontinuity_sequence=segment.discontinuity_sequence + more)
                for segment in self.segments
            ]

    def ext_x_endlist(self, value: str) -> None:  # noqa: ARG002 the tag has no value
        """4.4.3.4 EXT-X-ENDLIST: anywhere in the playlist."""
        self.ended = True

    def ext_x_playlist_type(self, value: str) -> None:
        """4.4.3.5 EXT-X-PLAYLIST-TYPE: EVENT or VOD."""
        text = value.strip(" \t")
        try:
            self.playlist_type = PlaylistType(text)
        except ValueError:
            raise TagError(f"type {text[:64]} is not known") from None

    def ext_x_i_frames_only(self, value: str) -> None:  # noqa: ARG002 the tag has no value
        """4.4.3.6 EXT-X-I-FRAMES-ONLY: EXTINF is the time to the next I-frame."""
        if self.i_frames_only:
            self.tolerate("EXT-X-I-FRAMES-ONLY appears twice", "8216bis 4.4.3")
        self.i_frames_only = True

    def ext_x_part_inf(self, value: str) -> None:
        """4.4.3.7 EXT-X-PART-INF."""
        target = self.attributes(value).decimal("PART-TARGET")
        if not target:
            raise TagError("PART-TARGET is missing or 0")
        self.part_target = target

    def ext_x_server_control(self, value: str) -> None:
        """4.4.3.8 EXT-X-SERVER-CONTROL."""
        attributes = self.attributes(value)
        self.control = ServerControl(
            can_block_reload=bool(attributes.flag("CAN-BLOCK-RELOAD")),
            can_skip_until=attributes.decimal("CAN-SKIP-UNTIL"),
            can_skip_dateranges=bool(attributes.flag("CAN-SKIP-DATERANGES")),
            hold_back=attributes.decimal("HOLD-BACK"),
            part_hold_back=attributes.decimal("PART-HOLD-BACK"),
        )

    def ext_x_allow_cache(self, value: str) -> None:
        """EXT-X-ALLOW-CACHE: YES or NO; removed in protocol version 7 (8)."""
        self.allow_cache = {"YES": True, "NO": False}.get(value.strip(" \t"))

    def _after_segments(self, name: str, *, has_effect: bool) -> bool:
        """Whether a tag that belongs before the first segment comes later.

        Raises:
            TagError: it does, and has no effect or the reading is strict.
        """
        if not (self.segments or self.parts):
            return False
        if self.reading.strict or not has_effect:
            raise TagError("comes after the first segment")
        self.tolerate(f"{name} comes after the first segment", "8216bis 4.4.3")
        return True

    def refusing_twice(self, name: str) -> tuple[Player, ...]:
        """hls.js does, but where a sequence number that comes again was 0, which is what it is without one."""
        before = {
            "#EXT-X-MEDIA-SEQUENCE": self.media_sequence,
            "#EXT-X-DISCONTINUITY-SEQUENCE": self.discontinuity_sequence,
        }
        return () if before.get(name) == 0 else (Player.HLSJS,)

    def foreign_tag(self, name: str, line: str) -> None:
        """4.4.6: with EXT-X-STREAM-INF and no segment it is a multivariant playlist, as players have it."""
        if name == "#EXT-X-STREAM-INF" and not self.reading.strict:
            if "#EXTINF" not in self.source.text:
                raise OtherKind
            self._passes_uri = True  # the URI of a variant is no segment
        super().foreign_tag(name, line)

    # --- 4.4.5 Media metadata tags -------------------------------------------------------------------------------

    def ext_x_daterange(self, value: str) -> None:
        """4.4.5.1 EXT-X-DATERANGE: tags with the same ID add up."""
        attributes = self.attributes(value)
        id_ = attributes.required("ID")
        start, end = attributes.quoted("START-DATE"), attributes.quoted("END-DATE")
        # By position, in the order of the shape: by name it takes several times as long.
        new = DateRange(
            id_,
            attributes.quoted("CLASS"),
            None if start is None else self.date_of(start),
            None if end is None else self.date_of(end),
            attributes.decimal("DURATION"),
            attributes.decimal("PLANNED-DURATION"),
            attributes.strings("CUE"),
            bool(attributes.flag("END-ON-NEXT")),
            tuple(
                (name, attributes.verbatim(name) or "")
                for name in attributes.names()
                if name.startswith(("X-", "SCTE35-"))
            ),
        )
        held = self.dateranges.get(id_)
        if held is None and new.start_date is None:
            raise TagError("START-DATE is missing")
        if new.end_on_next and (new.class_ is None or new.duration is not None or new.end_date is not None):
            raise TagError("END-ON-NEXT needs CLASS and excludes DURATION and END-DATE")
        self.dateranges.setdefault(id_, []).append(new)

    def ext_x_skip(self, value: str) -> None:
        """4.4.5.2 EXT-X-SKIP: a delta update; what follows begins SKIPPED-SEGMENTS later.

        0 is none: with `_HLS_skip=v2` there may be nothing but date ranges to leave out (6.2.5.1).
        """
        self._after_segments("EXT-X-SKIP", has_effect=False)
        attributes = self.attributes(value)
        skipped = attributes.integer("SKIPPED-SEGMENTS")
        if skipped is None:
            raise TagError("SKIPPED-SEGMENTS is missing")
        self.skipped = skipped, attributes.strings("RECENTLY-REMOVED-DATERANGES", "\t")
        self.sequence = self.media_sequence + skipped
        self.skip_discontinuities()

    def skip_discontinuities(self) -> None:
        """Forget an EXT-X-DISCONTINUITY before EXT-X-SKIP: it is of the first segment left out."""
        self.discontinuities = 0

    def ext_x_preload_hint(self, value: str) -> None:
        """4.4.5.3 EXT-X-PRELOAD-HINT: the first of each TYPE counts (6.3.8)."""
        attributes = self.attributes(value)
        type_ = attributes.enumerated("TYPE", HintType, essential=True)
        if type_ is None:
            raise TagError("TYPE is missing")
        hint = PreloadHint(
            type_,
            self.uri(attributes.required("URI")),
            attributes.integer("BYTERANGE-START") or 0,
            attributes.integer("BYTERANGE-LENGTH"),
        )
        if any(held.type is type_ for held in self.hints):
            self.tolerate(f"two EXT-X-PRELOAD-HINT of TYPE={type_}", "8216bis 6.2.6")
        else:
            self.hints.append(hint)

    def ext_x_rendition_report(self, value: str) -> None:
        """4.4.5.4 EXT-X-RENDITION-REPORT."""
        attributes = self.attributes(value)
        self.reports.append(
            RenditionReport(
                self.uri(attributes.required("URI")), attributes.integer("LAST-MSN"), attributes.integer("LAST-PART")
            )
        )

    # --- The whole -----------------------------------------------------------------------------------------------

    def date_of(self, text: str) -> float:
        """ISO 8601 as seconds since the epoch; UTC where no zone is given, which the RFC only advises."""
        if text == self._date_before[0]:
            return self._date_before[1]
        try:
            date = datetime.fromisoformat(text)
        except ValueError:
            # RFC 3339 5.6 allows small letters.
            if (plainer := text.strip(" \t").replace("t", "T").replace("z", "Z")) != text:
                return self.date_of(plainer)
            raise TagError("not an ISO 8601 date") from None
        if date.tzinfo is None:
            self.tolerate("a date has no time zone", "8216bis 4.4.4.6")
            date = date.replace(tzinfo=UTC)
        seconds = date.timestamp()
        self._date_before = text, seconds
        return seconds

    def check(self, target: float, longest: float) -> None:
        """Rules on servers that players do not enforce.

        Args:
            target: target duration.
            longest: the longest EXTINF.
        """
        control, part_target = self.control, self.part_target
        if int(longest + 0.5) > target:
            self.tolerate_whole("a segment is longer than the target duration", "8216bis 4.4.3.1")
        if control.hold_back is not None and control.hold_back < 3 * target:
            self.tolerate_whole("HOLD-BACK is less than three target durations", "8216bis 4.4.3.8")
        if control.can_skip_until is not None and control.can_skip_until < 6 * target:
            self.tolerate_whole("CAN-SKIP-UNTIL is less than six target durations", "8216bis 4.4.3.8")
        if control.can_skip_dateranges and control.can_skip_until is None:
            self.tolerate_whole("CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL", "8216bis 4.4.3.8")
        if part_target is not None:
            if control.part_hold_back is None:
                self.tolerate_whole("EXT-X-PART-INF without PART-HOLD-BACK", "8216bis 4.4.3.8")
            elif control.part_hold_back < 2 * part_target:
                self.tolerate_whole("PART-HOLD-BACK is less than two PART-TARGETs", "8216bis 4.4.3.8")
        if (
            self.dateranges
            and self.skipped is None  # it may be among what a delta leaves out
            and all(segment.program_date_time is None for segment in self.segments)
        ):
            self.tolerate_whole("EXT-X-DATERANGE without EXT-X-PROGRAM-DATE-TIME", "8216bis 4.4.5.1")


def _renumbered(parts: Iterable[Part], sequence: int) -> tuple[Part, ...]:
    return tuple(replace(part, sequence=sequence) for part in parts)


def merged_daterange(tags: list[DateRange]) -> DateRange:
    """Tags with the same ID as one (4.4.5.1): each adds to what those before it say."""
    if len(tags) == 1:
        return tags[0]
    said: dict[str, Any] = {}
    attributes: dict[str, str] = {}
    for tag in tags:
        said |= {name: value for name, value in asdict(tag).items() if value}
        attributes |= tag.attributes
    return replace(tags[0], **(said | {"attributes": tuple(attributes.items())}))


HEADER_TAGS: dict[str, Tag] = {
    "#EXT-X-TARGETDURATION": Tag(HeaderBuilder.ext_x_targetduration, "4.4.3.1", once=True),
    "#EXT-X-MEDIA-SEQUENCE": Tag(HeaderBuilder.ext_x_media_sequence, "4.4.3.2", once=True),
    "#EXT-X-DISCONTINUITY-SEQUENCE": Tag(HeaderBuilder.ext_x_discontinuity_sequence, "4.4.3.3", once=True),
    "#EXT-X-ENDLIST": Tag(HeaderBuilder.ext_x_endlist, "4.4.3.4", once=True),
    "#EXT-X-PLAYLIST-TYPE": Tag(HeaderBuilder.ext_x_playlist_type, "4.4.3.5", once=True, informative=True),
    "#EXT-X-I-FRAMES-ONLY": Tag(HeaderBuilder.ext_x_i_frames_only, "4.4.3.6"),
    "#EXT-X-PART-INF": Tag(HeaderBuilder.ext_x_part_inf, "4.4.3.7", once=True),
    "#EXT-X-SERVER-CONTROL": Tag(HeaderBuilder.ext_x_server_control, "4.4.3.8", once=True),
    "#EXT-X-ALLOW-CACHE": Tag(HeaderBuilder.ext_x_allow_cache, "8", informative=True),
    "#EXT-X-DATERANGE": Tag(HeaderBuilder.ext_x_daterange, "4.4.5.1", informative=True),
    "#EXT-X-SKIP": Tag(HeaderBuilder.ext_x_skip, "4.4.5.2", once=True),
    "#EXT-X-PRELOAD-HINT": Tag(HeaderBuilder.ext_x_preload_hint, "4.4.5.3", informative=True),
    "#EXT-X-RENDITION-REPORT": Tag(HeaderBuilder.ext_x_rendition_report, "4.4.5.4", informative=True),
}
