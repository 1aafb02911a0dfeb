"""What a playlist says, as frozen shapes.

Rules:

- Every URI is absolute: resolved against the URL that the playlist came from (RFC 8216 4.1), variables replaced.
- Durations and positions are float seconds. A `start` counts from the start of the first listed segment of the same
  playlist; two playlists are brought onto one timeline by `timeline`.
- Wall-clock dates are float seconds since the Unix epoch.
- What the playlist does not say is None; what has a default in the RFC has that default.
- The shapes hold no cycles, so they are kept out of the garbage collector (`gc=False`): a 1,200-segment playlist that
  changes with every reload would otherwise cost more in collection than in parsing.
- Section numbers are those of draft-pantos-hls-rfc8216bis-22.
"""

from bisect import bisect_right
from collections.abc import Mapping
from enum import StrEnum
from operator import attrgetter

import msgspec

from hls_swarm.records import Violation

ByteRange = tuple[int, int]
"""First byte and length, as `Request.byte_range` takes it."""


class PlaylistType(StrEnum):
    """EXT-X-PLAYLIST-TYPE (4.4.3.5)."""

    EVENT = "EVENT"
    VOD = "VOD"


class KeyMethod(StrEnum):
    """METHOD of EXT-X-KEY (4.4.4.4), and AES-256, its CTR form and SAMPLE-AES-CENC, which players also know."""

    NONE = "NONE"
    AES_128 = "AES-128"
    AES_256 = "AES-256"
    AES_256_CTR = "AES-256-CTR"
    AES_256_GCM = "AES-256-GCM"
    SAMPLE_AES = "SAMPLE-AES"
    SAMPLE_AES_CTR = "SAMPLE-AES-CTR"
    SAMPLE_AES_CENC = "SAMPLE-AES-CENC"


class MediaType(StrEnum):
    """TYPE of EXT-X-MEDIA (4.4.6.1)."""

    AUDIO = "AUDIO"
    VIDEO = "VIDEO"
    SUBTITLES = "SUBTITLES"
    CLOSED_CAPTIONS = "CLOSED-CAPTIONS"


class HintType(StrEnum):
    """TYPE of EXT-X-PRELOAD-HINT (4.4.5.3)."""

    PART = "PART"
    MAP = "MAP"


class HdcpLevel(StrEnum):
    """HDCP-LEVEL of a variant (4.4.6.2)."""

    NONE = "NONE"
    TYPE_0 = "TYPE-0"
    TYPE_1 = "TYPE-1"


class VideoRange(StrEnum):
    """VIDEO-RANGE of a variant (4.4.6.2)."""

    SDR = "SDR"
    HLG = "HLG"
    PQ = "PQ"


class SessionDataFormat(StrEnum):
    """FORMAT of EXT-X-SESSION-DATA (4.4.6.4)."""

    JSON = "JSON"
    RAW = "RAW"


class Start(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-START (4.4.2.2): where to begin; a negative offset counts from the end of the last segment."""

    offset: float
    precise: bool


class InitSection(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-MAP (4.4.4.5): what a parser needs before the segments it applies to."""

    uri: str
    byte_range: ByteRange | None


class Key(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-KEY or EXT-X-SESSION-KEY (4.4.4.4, 4.4.6.5): how segments are encrypted.

    Attributes:
        iv: 16 bytes; None where the media sequence number takes its place.
    """

    method: KeyMethod
    uri: str
    iv: bytes | None
    key_format: str
    key_format_versions: tuple[int, ...]


class Part(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-PART (4.4.4.9): a piece of a segment, published before the segment is complete.

    Attributes:
        sequence: media sequence number of the segment it belongs to.
        index: its place within that segment, from 0; with `sequence` what `_HLS_msn` and `_HLS_part` ask for.
    """

    uri: str
    duration: float
    start: float
    sequence: int
    index: int
    byte_range: ByteRange | None
    independent: bool
    gap: bool

    @property
    def end(self) -> float:
        """Where the next part begins."""
        return self.start + self.duration


class Segment(msgspec.Struct, frozen=True, gc=False):
    """A media segment: its URI and every tag that applies to it (4.4.4).

    Attributes:
        start: seconds from the start of the first listed segment.
        sequence: media sequence number.
        discontinuity_sequence: the header's plus the EXT-X-DISCONTINUITY tags up to and with this segment's.
        discontinuity: an EXT-X-DISCONTINUITY lies between the segment before and this one.
        program_date_time: date of the first sample in seconds since the epoch: the segment's own
            EXT-X-PROGRAM-DATE-TIME, else extrapolated from the nearest before, else after (6.3.3).
        init: the EXT-X-MAP in force.
        keys: the EXT-X-KEYs in force, one for each KEYFORMAT; empty if not encrypted.
        byte_range: first byte and length, the implicit first byte resolved.
        gap: absent by the server's own word (EXT-X-GAP): not to be fetched.
        bitrate: approximate kbit/s (EXT-X-BITRATE).
    """

    uri: str
    duration: float
    start: float
    sequence: int
    discontinuity_sequence: int
    discontinuity: bool
    program_date_time: float | None
    init: InitSection | None
    keys: tuple[Key, ...]
    byte_range: ByteRange | None
    gap: bool
    bitrate: int | None
    title: str
    parts: tuple[Part, ...]

    @property
    def end(self) -> float:
        """Where the next segment begins."""
        return self.start + self.duration

    @property
    def key(self) -> Key | None:
        """The key that a client fetches by HTTP as 16 or 32 plain bytes (KEYFORMAT `identity`)."""
        for key in self.keys:
            if key.key_format == "identity":
                return key
        return None


class PreloadHint(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-PRELOAD-HINT (4.4.5.3): what the server will publish next.

    Attributes:
        length: None: to the end of the resource.
    """

    type: HintType
    uri: str
    first_byte: int
    length: int | None


class RenditionReport(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-RENDITION-REPORT (4.4.5.4): how far another media playlist of the presentation is.

    Attributes:
        last_sequence: LAST-MSN; absent in the playlist, the reporting playlist's own is meant.
        last_part: LAST-PART of that segment.
    """

    uri: str
    last_sequence: int | None
    last_part: int | None


class DateRange(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-DATERANGE (4.4.5.1).

    Attributes:
        start_date, end_date: seconds since the epoch.
        attributes: SCTE35-* and client-defined X-* attributes as written, quotes removed.
    """

    id: str
    class_: str | None
    start_date: float | None
    end_date: float | None
    duration: float | None
    planned_duration: float | None
    cue: tuple[str, ...]
    end_on_next: bool
    attributes: tuple[tuple[str, str], ...]


class ServerControl(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-SERVER-CONTROL (4.4.3.8): what the server can do, in seconds."""

    can_block_reload: bool = False
    can_skip_until: float | None = None
    can_skip_dateranges: bool = False
    hold_back: float | None = None
    part_hold_back: float | None = None


class Skip(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-SKIP (4.4.5.2): the playlist is a delta, and how far its first segments depend on what it leaves out.

    Attributes:
        segments: SKIPPED-SEGMENTS.
        removed_dateranges: RECENTLY-REMOVED-DATERANGES.
        inherits_init, inherits_keys, inherits_bitrate: how many of the listed segments come before the first EXT-X-MAP,
            EXT-X-KEY, EXT-X-BITRATE.
        inherits_date: how many come before the first EXT-X-PROGRAM-DATE-TIME.
        inherits_byte_range: how many continue the byte range of the last one left out; their first bytes are counted
            from its end.
    """

    segments: int
    removed_dateranges: tuple[str, ...]
    inherits_init: int
    inherits_keys: int
    inherits_bitrate: int
    inherits_date: int
    inherits_byte_range: int


_SEGMENT_START = attrgetter("start")


class MediaPlaylist(msgspec.Struct, frozen=True, gc=False):
    """A media playlist (4.4.3).

    Attributes:
        url: where it came from, after redirects.
        target_duration: seconds (EXT-X-TARGETDURATION).
        media_sequence: number of the first segment; with `skip`, of the first one left out.
        ended: EXT-X-ENDLIST: nothing will be added.
        segments: the complete segments that are listed, gaps included.
        open_parts: the parts after the last complete segment: those of the segment that is being made.
        open_init, open_keys: what these need: EXT-X-MAP and EXT-X-KEY as they stand at the end of the playlist.
        duration: of the listed segments, without `open_parts`.
        edge: end of the last listed part or segment.
        part_target: PART-TARGET in seconds (EXT-X-PART-INF).
        skip: what a delta update leaves out; None for a full playlist.
        allow_cache: EXT-X-ALLOW-CACHE, removed in version 7.
        variables: EXT-X-DEFINE, by name.
        violations: rules that it breaks and that players put up with.
        is_live: whether it may change: neither EXT-X-ENDLIST nor type VOD (4.4.3.4, 4.4.3.5).
        skipped_segments: SKIPPED-SEGMENTS; 0 for a full playlist.
        first_sequence: number of the first listed segment: after a SKIP, that of the first one after it (4.4.5.2).
        next_sequence: number of the segment after the last complete one: the next that will appear.

    The last four follow from the others. They are worked out once, because thousands of viewers ask for them.
    """

    url: str
    version: int
    target_duration: float
    media_sequence: int
    discontinuity_sequence: int
    playlist_type: PlaylistType | None
    ended: bool
    segments: tuple[Segment, ...]
    open_parts: tuple[Part, ...]
    duration: float
    edge: float
    independent_segments: bool
    i_frames_only: bool
    start: Start | None
    server_control: ServerControl
    part_target: float | None
    preload_hints: tuple[PreloadHint, ...]
    rendition_reports: tuple[RenditionReport, ...]
    dateranges: tuple[DateRange, ...]
    skip: Skip | None
    allow_cache: bool | None
    variables: Mapping[str, str]
    violations: tuple[Violation, ...]
    open_init: InitSection | None = None
    open_keys: tuple[Key, ...] = ()
    is_live: bool = False
    skipped_segments: int = 0
    first_sequence: int = 0
    next_sequence: int = 0

    def __post_init__(self) -> None:
        skipped = self.skip.segments if self.skip is not None else 0
        first = self.media_sequence + skipped
        derived = {
            "is_live": not self.ended and self.playlist_type is not PlaylistType.VOD,
            "skipped_segments": skipped,
            "first_sequence": first,
            "next_sequence": first + len(self.segments),
        }
        for name, value in derived.items():
            msgspec.structs.force_setattr(self, name, value)

    @property
    def is_low_latency(self) -> bool:
        """Whether a client may play it by parts: PART-INF, PART-HOLD-BACK and CAN-BLOCK-RELOAD (4.4.3.7, 4.4.3.8)."""
        control = self.server_control
        return self.part_target is not None and control.part_hold_back is not None and control.can_block_reload

    @property
    def hold_back(self) -> float | None:
        """HOLD-BACK: least distance from the edge to play at, in seconds."""
        return self.server_control.hold_back

    @property
    def part_hold_back(self) -> float | None:
        """PART-HOLD-BACK: the same when playing by parts."""
        return self.server_control.part_hold_back

    @property
    def can_block_reload(self) -> bool:
        """Whether `_HLS_msn` and `_HLS_part` make the server wait for the next segment or part."""
        return self.server_control.can_block_reload

    @property
    def can_skip_until(self) -> float | None:
        """CAN-SKIP-UNTIL: segments further than this from the edge, in seconds, can be left out of a delta update."""
        return self.server_control.can_skip_until

    @property
    def last_sequence(self) -> int | None:
        """Media sequence number of the last complete segment; None if none is listed."""
        return self.next_sequence - 1 if self.segments else None

    def index_of_sequence(self, sequence: int) -> int | None:
        """Index into `segments` of a media sequence number; None if it is not listed."""
        index = sequence - self.first_sequence
        return index if 0 <= index < len(self.segments) else None

    def segment_of_sequence(self, sequence: int) -> Segment | None:
        """The segment with a media sequence number; None if it is not listed."""
        index = sequence - self.first_sequence
        return self.segments[index] if 0 <= index < len(self.segments) else None

    def index_at(self, position: float) -> int | None:
        """Index of the segment that contains `position`, in seconds from the start of this playlist.

        None before the start and from the end of the last complete segment on.
        """
        if not 0 <= position < self.duration:
            return None
        return bisect_right(self.segments, position, key=_SEGMENT_START) - 1

    def segment_at(self, position: float) -> Segment | None:
        """The segment that contains `position`; see `index_at`."""
        index = self.index_at(position)
        return None if index is None else self.segments[index]


class Rendition(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-MEDIA (4.4.6.1): an alternative rendition of the content.

    Attributes:
        uri: its media playlist; None if it is carried within the variant's segments.
        default, autoselect, forced: the YES/NO attributes.
    """

    type: MediaType
    group_id: str
    name: str
    uri: str | None
    language: str | None
    assoc_language: str | None
    stable_rendition_id: str | None
    default: bool
    autoselect: bool
    forced: bool
    instream_id: str | None
    bit_depth: int | None
    sample_rate: int | None
    characteristics: tuple[str, ...]
    channels: str | None
    pathway_id: str


class Variant(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-STREAM-INF or EXT-X-I-FRAME-STREAM-INF (4.4.6.2, 4.4.6.3): one encoding of the content.

    Attributes:
        bandwidth, average_bandwidth: peak and mean, in bit/s; a peak of 0 is not known.
        audio, video, subtitles: GROUP-IDs of renditions.
        closed_captions: GROUP-ID; None if absent, or NONE if `no_closed_captions`.
        pathway_id: for content steering; `.` unless named.
    """

    uri: str
    bandwidth: int
    average_bandwidth: int | None
    score: float | None
    codecs: tuple[str, ...]
    supplemental_codecs: tuple[str, ...]
    width: int | None
    height: int | None
    frame_rate: float | None
    hdcp_level: HdcpLevel | None
    allowed_cpc: str | None
    video_range: VideoRange
    req_video_layout: str | None
    stable_variant_id: str | None
    audio: str | None
    video: str | None
    subtitles: str | None
    closed_captions: str | None
    no_closed_captions: bool
    pathway_id: str
    name: str | None
    program_id: int | None


class SessionData(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-SESSION-DATA (4.4.6.4)."""

    data_id: str
    value: str | None
    uri: str | None
    format: SessionDataFormat
    language: str | None


class ContentSteering(msgspec.Struct, frozen=True, gc=False):
    """EXT-X-CONTENT-STEERING (4.4.6.6)."""

    server_uri: str
    pathway_id: str


class MultivariantPlaylist(msgspec.Struct, frozen=True, gc=False):
    """A multivariant playlist (4.4.6).

    Attributes:
        variants: in the order of the playlist; the first is what players start with.
        i_frame_variants: EXT-X-I-FRAME-STREAM-INF.
        variables: EXT-X-DEFINE, by name: what media playlists import.
        violations: rules that it breaks and that players put up with.
    """

    url: str
    version: int
    variants: tuple[Variant, ...]
    i_frame_variants: tuple[Variant, ...]
    renditions: tuple[Rendition, ...]
    session_data: tuple[SessionData, ...]
    session_keys: tuple[Key, ...]
    content_steering: ContentSteering | None
    independent_segments: bool
    start: Start | None
    variables: Mapping[str, str]
    violations: tuple[Violation, ...]

    def group(self, type: MediaType, group_id: str | None) -> tuple[Rendition, ...]:  # noqa: A002 the RFC's own word
        """The renditions of one group, in order; empty without such a group."""
        return tuple(r for r in self.renditions if r.type is type and r.group_id == group_id)


Playlist = MultivariantPlaylist | MediaPlaylist
