"""The tags of a multivariant playlist (8216bis 4.4.6), in the order of the draft."""

from msgspec.structs import replace

from hls_swarm.hls.attributes import Attributes, TagError, UnplayableError, UnrecognizedValue
from hls_swarm.hls.builder import COMMON_TAGS, MEMORY, Builder, OtherKind, Source, Tag
from hls_swarm.hls.playlist import (
    ContentSteering,
    HdcpLevel,
    Key,
    KeyMethod,
    MediaType,
    MultivariantPlaylist,
    Rendition,
    SessionData,
    SessionDataFormat,
    Variant,
    VideoRange,
)
from hls_swarm.hls.reading import Player

MAX_ENTRIES = 10_000
"""Variants, and renditions: a playlist is input from a stranger."""


class MultivariantBuilder(Builder):
    """Reads a multivariant playlist."""

    kind = "multivariant"

    __slots__ = (
        "_i_frame_variants",
        "_indented",
        "_pending",
        "_pending_ignored",
        "_renditions",
        "_session_data",
        "_session_keys",
        "_steering",
        "_stray",
        "_stream_infs",
        "_variants",
        "_variants_known",
    )

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._variants: list[Variant] = []
        self._i_frame_variants: list[Variant] = []
        self._renditions: list[Rendition] = []
        self._session_data: dict[tuple[str, str | None], SessionData] = {}
        self._session_keys: list[Key] = []
        self._steering: ContentSteering | None = None
        self._variants_known: dict[str, Variant] = {}
        self._pending: Variant | None = None
        self._pending_ignored = False
        self._stream_infs = 0
        self._stray = self._indented = False  # there was a URI without EXT-X-STREAM-INF, a comment behind white space

    def read(self, lines: list[str]) -> MultivariantPlaylist:
        """The playlist that `lines` are."""
        for self.line, line in enumerate(lines, 1):
            if line[:1] != "#":
                if self._pending is None and not self._pending_ignored:
                    if self._stray and not line[:1].isspace():
                        continue
                    start = line.lstrip()[:4]
                    if start != "#EXT" and (self._indented if start[:1] == "#" else self._stray):
                        continue  # one more of what was noted already
                if line := line.strip():
                    self._stripped(line)
            elif line[:4] == "#EXT":
                self.tag(line)
        if self._pending is not None:
            self.tolerate("EXT-X-STREAM-INF without a URI", "8216bis 4.4.6.2")
        self._check_groups()
        return MultivariantPlaylist(
            url=self.url,
            version=self.version,
            variants=tuple(self._variants),
            i_frame_variants=tuple(self._i_frame_variants),
            renditions=tuple(self._renditions),
            session_data=tuple(self._session_data.values()),
            session_keys=tuple(self._session_keys),
            content_steering=self._steering,
            independent_segments=self.independent_segments,
            start=self.start,
            variables=self.variables,
            violations=self.violations,
        )

    # --- 4.4.6 Multivariant playlist tags ------------------------------------------------------------------------

    def ext_x_media(self, value: str) -> None:
        """4.4.6.1 EXT-X-MEDIA: a rendition."""
        attributes = self.attributes(value)
        type_ = attributes.enumerated("TYPE", MediaType, essential=True)
        if type_ is None:
            raise TagError("TYPE is missing")
        uri = attributes.quoted("URI")
        default, autoselect = bool(attributes.flag("DEFAULT")), attributes.flag("AUTOSELECT")
        # By position, in the order of the shape: by name it takes several times as long.
        rendition = Rendition(
            type_,
            attributes.required("GROUP-ID"),
            attributes.quoted("NAME") or self._no_name(attributes),
            self.uri(uri) if uri else None,
            attributes.quoted("LANGUAGE"),
            attributes.quoted("ASSOC-LANGUAGE"),
            attributes.quoted("STABLE-RENDITION-ID"),
            default,
            default if autoselect is None else autoselect,
            bool(attributes.flag("FORCED")),
            attributes.quoted("INSTREAM-ID"),
            attributes.integer("BIT-DEPTH"),
            attributes.integer("SAMPLE-RATE"),
            attributes.strings("CHARACTERISTICS"),
            attributes.quoted("CHANNELS"),
            attributes.quoted("PATHWAY-ID") or ".",
        )
        rule = "8216bis 4.4.6.1"
        if type_ is MediaType.CLOSED_CAPTIONS and uri:
            self.tolerate("closed captions have a URI", rule)
        if type_ is MediaType.CLOSED_CAPTIONS and not rendition.instream_id:
            self.tolerate("closed captions have no INSTREAM-ID", rule)
        if type_ is MediaType.SUBTITLES and not uri:
            self.tolerate("subtitles have no URI", "8216bis 4.4.6.2.1")
        if default and autoselect is False:
            self.tolerate("DEFAULT=YES with AUTOSELECT=NO", rule)
        if rendition.forced and type_ is not MediaType.SUBTITLES:
            self.tolerate("FORCED on other than subtitles", rule)
        self._renditions.append(rendition)
        if len(self._renditions) > MAX_ENTRIES:
            raise UnplayableError(f"more than {MAX_ENTRIES:,} renditions")

    def _no_name(self, attributes: Attributes) -> str:
        """NAME, which is REQUIRED, is missing or empty; nothing that is played depends on it."""
        if "NAME" in attributes:
            self.breach("EXT-X-MEDIA: NAME is empty", "8216bis 4.4.6.1", refused_by=(Player.MEDIA3,))
        else:
            self.breach("EXT-X-MEDIA: NAME is missing", "8216bis 4.4.6.1")
        return ""

    def ext_x_stream_inf(self, value: str) -> None:
        """4.4.6.2 EXT-X-STREAM-INF: applies to the next URI line."""
        if self._pending is not None:
            self.tolerate("EXT-X-STREAM-INF without a URI", "8216bis 4.4.6.2")
        self._pending, self._pending_ignored = None, True
        self._stream_infs += 1
        if self._stream_infs > MAX_ENTRIES:
            raise UnplayableError(f"more than {MAX_ENTRIES:,} variants")
        variant = self._variants_known.get(value)
        if variant is None:
            variant = self._variant(self.attributes(value), "")
            if "{$" not in value and len(self._variants_known) < MEMORY:
                self._variants_known[value] = variant
        self._pending, self._pending_ignored = variant, False

    def _stripped(self, line: str) -> None:
        """A line that does not begin with `#` until its white space is cut."""
        if line[0] != "#":
            self._variant_uri(line)
            return
        self._indented = True
        self.tolerate("white space before #", "8216bis 4.1")
        if line[:4] == "#EXT":
            self.tag(line)

    def _variant_uri(self, line: str) -> None:
        """The URI line after EXT-X-STREAM-INF."""
        if self._pending is not None:
            self._variants.append(replace(self._pending, uri=self.uri_line(line)))
        elif not self._pending_ignored:
            self._stray = True
            self.tolerate("a URI without EXT-X-STREAM-INF", "8216bis 4.4.6.2")
        self._pending, self._pending_ignored = None, False

    def ext_x_i_frame_stream_inf(self, value: str) -> None:
        """4.4.6.3 EXT-X-I-FRAME-STREAM-INF."""
        attributes = self.attributes(value)
        self._i_frame_variants.append(self._variant(attributes, self.uri(attributes.required("URI"))))

    def ext_x_session_data(self, value: str) -> None:
        """4.4.6.4 EXT-X-SESSION-DATA: VALUE or URI, not both."""
        attributes = self.attributes(value)
        data_id, data, uri = attributes.required("DATA-ID"), attributes.quoted("VALUE"), attributes.quoted("URI")
        if (data is None) == (uri is None):
            raise TagError("needs one of VALUE and URI")
        format_ = attributes.enumerated("FORMAT", SessionDataFormat) or SessionDataFormat.JSON
        language = attributes.quoted("LANGUAGE")
        if (data_id, language) in self._session_data:
            self.tolerate("two EXT-X-SESSION-DATA have the same DATA-ID and LANGUAGE", "8216bis 4.4.6.4")
        resolved = None if uri is None else self.uri(uri)
        self._session_data[data_id, language] = SessionData(data_id, data, resolved, format_, language)

    def ext_x_session_key(self, value: str) -> None:
        """4.4.6.5 EXT-X-SESSION-KEY: a key that media playlists use."""
        key = self.key_of(value)
        if key.method is KeyMethod.NONE:
            raise TagError("METHOD is NONE")
        self._session_keys.append(key)

    def ext_x_content_steering(self, value: str) -> None:
        """4.4.6.6 EXT-X-CONTENT-STEERING."""
        attributes = self.attributes(value)
        if self._steering is not None:
            self.tolerate("EXT-X-CONTENT-STEERING appears twice", "8216bis 4.4.6.6")
        self._steering = ContentSteering(
            self.uri(attributes.required("SERVER-URI")), attributes.quoted("PATHWAY-ID") or "."
        )

    def _variant(self, attributes: Attributes, uri: str) -> Variant:
        """The attributes of 4.4.6.2, which 4.4.6.3 shares but for FRAME-RATE, groups other than VIDEO and the URI."""
        bandwidth = attributes.integer("BANDWIDTH")
        if bandwidth is None:
            bandwidth = self._no_bandwidth(attributes)
        width, height = attributes.resolution("RESOLUTION") or (None, None)
        captions = attributes.verbatim("CLOSED-CAPTIONS")
        no_captions = captions == "NONE" and not attributes.is_quoted("CLOSED-CAPTIONS")
        if captions is not None and not no_captions and not attributes.is_quoted("CLOSED-CAPTIONS"):
            unrecognized = f"CLOSED-CAPTIONS={captions[:64]} is not recognized"
            if self.reading.strict:
                raise UnrecognizedValue(unrecognized)
            self.tolerate(unrecognized, "8216bis 6.3.1")
        # By position, in the order of the shape: by name it takes several times as long.
        return Variant(
            uri,
            bandwidth,
            attributes.integer("AVERAGE-BANDWIDTH"),
            attributes.decimal("SCORE"),
            attributes.strings("CODECS"),
            attributes.strings("SUPPLEMENTAL-CODECS"),
            width,
            height,
            attributes.decimal("FRAME-RATE"),
            attributes.enumerated("HDCP-LEVEL", HdcpLevel),
            attributes.quoted("ALLOWED-CPC"),
            attributes.enumerated("VIDEO-RANGE", VideoRange) or VideoRange.SDR,
            attributes.quoted("REQ-VIDEO-LAYOUT"),
            attributes.quoted("STABLE-VARIANT-ID"),
            attributes.quoted("AUDIO"),
            attributes.quoted("VIDEO"),
            attributes.quoted("SUBTITLES"),
            None if no_captions else captions,
            no_captions,
            attributes.quoted("PATHWAY-ID") or ".",
            attributes.quoted("NAME"),
            attributes.integer("PROGRAM-ID"),
        )

    def _no_bandwidth(self, attributes: Attributes) -> int:
        """BANDWIDTH, which is REQUIRED, is missing or no number: 0 stands for what is not known.

        Of an I-frame stream the tag is ignored, as it is a trick play that no viewer makes.
        """
        if self.reading.strict or "URI" in attributes:
            raise TagError("BANDWIDTH is missing")
        missing, rule = "EXT-X-STREAM-INF: BANDWIDTH is missing", "8216bis 4.4.6.2"
        self.breach(missing, rule, refused_by=(Player.MEDIA3, Player.SHAKA))
        return 0

    def foreign_tag(self, name: str, line: str) -> None:
        """4.4.6: with segments it is a media playlist, as players have it."""
        if not self.reading.strict and (
            name == "#EXTINF" or (name == "#EXT-X-TARGETDURATION" and "#EXT-X-STREAM-INF" not in self.source.text)
        ):
            raise OtherKind
        super().foreign_tag(name, line)

    def _check_groups(self) -> None:
        """A group that a variant names must exist (4.4.6.2)."""
        known = {(rendition.type, rendition.group_id) for rendition in self._renditions}
        for variant in self._variants:
            for type_, group_id in (
                (MediaType.AUDIO, variant.audio),
                (MediaType.VIDEO, variant.video),
                (MediaType.SUBTITLES, variant.subtitles),
                (MediaType.CLOSED_CAPTIONS, variant.closed_captions),
            ):
                if group_id is not None and (type_, group_id) not in known:
                    self.tolerate_whole(f"no {type_} group {group_id[:64]}", "8216bis 4.4.6.2")


MULTIVARIANT_TAGS: dict[str, Tag] = {
    "#EXT-X-MEDIA": Tag(MultivariantBuilder.ext_x_media, "4.4.6.1"),
    "#EXT-X-STREAM-INF": Tag(MultivariantBuilder.ext_x_stream_inf, "4.4.6.2"),
    "#EXT-X-I-FRAME-STREAM-INF": Tag(MultivariantBuilder.ext_x_i_frame_stream_inf, "4.4.6.3", informative=True),
    "#EXT-X-SESSION-DATA": Tag(MultivariantBuilder.ext_x_session_data, "4.4.6.4", informative=True),
    "#EXT-X-SESSION-KEY": Tag(MultivariantBuilder.ext_x_session_key, "4.4.6.5", informative=True),
    "#EXT-X-CONTENT-STEERING": Tag(MultivariantBuilder.ext_x_content_steering, "4.4.6.6", informative=True),
}
MultivariantBuilder.tags = COMMON_TAGS | MULTIVARIANT_TAGS
