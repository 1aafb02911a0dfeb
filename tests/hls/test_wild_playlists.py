"""Playlists from the wild are read as two libraries read them, or refused by a rule, or differ for a reason given."""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from types import BuiltinFunctionType, ModuleType
from typing import Any

import m3u8
import openm3u8
import pytest
from tests.builders import wild_extensions, wild_segments, wild_variants
from tests.builders.wild import URL, Difference, Wild
from tests.builders.wild_lenient import LENIENT

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import ByteRange, Key, MultivariantPlaylist, Playlist, Variant
from hls_swarm.hls.reading import STRICT

ROWS = (*wild_segments.ROWS, *wild_extensions.ROWS, *wild_variants.ROWS)
LIBRARIES: dict[str, ModuleType] = {"m3u8": m3u8, "openm3u8": openm3u8}


KeyFacts = tuple[str, str, str, str | None]
NO_CONTROL = (False, None, False, None, None)


@dataclass(frozen=True)
class Facts:
    """What a playlist says, in terms that all three have; most fields are a column over the segments.

    Attributes:
        byte_ranges, init_ranges, part_ranges: `<length>@<first byte>`.
        dates: seconds since the epoch; a library has them only where EXT-X-PROGRAM-DATE-TIME stands.
        keys: METHOD, URI, KEYFORMAT and IV of the last EXT-X-KEY in force; None for NONE.
        parts: with those of the segment that is being made.
        variants, i_frame_variants: see `variant_facts`.
    """

    target_duration: float | None = None
    playlist_type: str | None = None
    ended: bool = False
    i_frames_only: bool = False
    independent: bool = False
    version: int = 1
    start: float | None = None
    discontinuity_sequence: int = 0
    uris: tuple[str | None, ...] = ()
    durations: tuple[float | None, ...] = ()
    titles: tuple[str | None, ...] = ()
    sequences: tuple[int, ...] = ()
    discontinuities: tuple[bool, ...] = ()
    gaps: tuple[bool, ...] = ()
    byte_ranges: tuple[str | None, ...] = ()
    dates: tuple[float | None, ...] = ()
    keys: tuple[KeyFacts | None, ...] = ()
    inits: tuple[str | None, ...] = ()
    init_ranges: tuple[str | None, ...] = ()
    bitrates: tuple[int | None, ...] = ()
    parts: tuple[tuple[Any, ...], ...] = ()
    part_ranges: tuple[str | None, ...] = ()
    hints: tuple[tuple[Any, ...], ...] = ()
    reports: tuple[tuple[Any, ...], ...] = ()
    dateranges: tuple[tuple[Any, ...], ...] = ()
    server_control: tuple[Any, ...] = NO_CONTROL
    part_target: float | None = None
    skipped: int = 0
    variants: tuple[tuple[Any, ...], ...] = ()
    i_frame_variants: tuple[tuple[Any, ...], ...] = ()
    renditions: tuple[tuple[Any, ...], ...] = ()
    session_data: tuple[tuple[Any, ...], ...] = ()
    session_keys: tuple[KeyFacts | None, ...] = ()
    steering: tuple[str, str] | None = None


def byte_range_text(given: ByteRange | None) -> str | None:
    return None if given is None else f"{given[1]}@{given[0]}"


def key_facts(key: Key | None) -> KeyFacts | None:
    return None if key is None else (str(key.method), key.uri, key.key_format, None if key.iv is None else key.iv.hex())


def variant_facts(variant: Variant) -> tuple[Any, ...]:
    """URI, bit rates, codecs, resolution, frame rate, range, HDCP, groups, pathway, stable ID, layout, PROGRAM-ID."""
    return (
        variant.uri,
        variant.bandwidth,
        variant.average_bandwidth,
        variant.codecs,
        None if variant.width is None else (variant.width, variant.height),
        variant.frame_rate,
        str(variant.video_range),
        None if variant.hdcp_level is None else str(variant.hdcp_level),
        variant.audio,
        variant.video,
        variant.subtitles,
        "NONE" if variant.no_closed_captions else variant.closed_captions,
        variant.pathway_id,
        variant.stable_variant_id,
        variant.req_video_layout,
        variant.program_id,
    )


def our_facts(playlist: Playlist) -> Facts:
    start = None if playlist.start is None else playlist.start.offset
    if isinstance(playlist, MultivariantPlaylist):
        return Facts(
            version=playlist.version,
            independent=playlist.independent_segments,
            start=start,
            variants=tuple(map(variant_facts, playlist.variants)),
            i_frame_variants=tuple(map(variant_facts, playlist.i_frame_variants)),
            renditions=tuple(
                (
                    *(str(r.type), r.group_id, r.name, r.uri, r.language, r.assoc_language),
                    *(r.default, r.autoselect, r.forced, r.instream_id, r.characteristics, r.channels),
                    r.stable_rendition_id,
                )
                for r in playlist.renditions
            ),
            session_data=tuple((d.data_id, d.value, d.uri, d.language) for d in playlist.session_data),
            session_keys=tuple(map(key_facts, playlist.session_keys)),
            steering=None
            if playlist.content_steering is None
            else (playlist.content_steering.server_uri, playlist.content_steering.pathway_id),
        )
    segments, control = playlist.segments, playlist.server_control
    parts = [*(part for segment in segments for part in segment.parts), *playlist.open_parts]
    return Facts(
        target_duration=playlist.target_duration,
        playlist_type=None if playlist.playlist_type is None else str(playlist.playlist_type),
        ended=playlist.ended,
        i_frames_only=playlist.i_frames_only,
        independent=playlist.independent_segments,
        version=playlist.version,
        start=start,
        discontinuity_sequence=playlist.discontinuity_sequence,
        uris=tuple(s.uri for s in segments),
        durations=tuple(s.duration for s in segments),
        titles=tuple(s.title for s in segments),
        sequences=tuple(s.sequence for s in segments),
        discontinuities=tuple(s.discontinuity for s in segments),
        gaps=tuple(s.gap for s in segments),
        byte_ranges=tuple(byte_range_text(s.byte_range) for s in segments),
        dates=tuple(s.program_date_time for s in segments),
        keys=tuple(key_facts(s.keys[-1] if s.keys else None) for s in segments),
        inits=tuple(None if s.init is None else s.init.uri for s in segments),
        init_ranges=tuple(None if s.init is None else byte_range_text(s.init.byte_range) for s in segments),
        bitrates=tuple(s.bitrate for s in segments),
        parts=tuple((part.uri, part.duration, part.independent, part.gap) for part in parts),
        part_ranges=tuple(byte_range_text(part.byte_range) for part in parts),
        hints=tuple((str(hint.type), hint.uri, hint.first_byte, hint.length) for hint in playlist.preload_hints),
        reports=tuple((report.uri, report.last_sequence, report.last_part) for report in playlist.rendition_reports),
        dateranges=tuple((d.id, d.class_, d.duration, d.planned_duration) for d in playlist.dateranges),
        server_control=(
            control.can_block_reload,
            control.can_skip_until,
            control.can_skip_dateranges,
            control.hold_back,
            control.part_hold_back,
        ),
        part_target=playlist.part_target,
        skipped=playlist.skipped_segments,
    )


def seconds(date: datetime | None) -> float | None:
    """A library's date; one without a zone is meant as UTC."""
    if date is None:
        return None
    return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()


def yes(value: str | None) -> bool:
    return value == "YES"


def their_key(key: Any) -> KeyFacts | None:
    if key is None or key.method == "NONE":
        return None
    vector = None if key.iv is None else key.iv[2:].lower().zfill(32)
    return key.method, key.absolute_uri, key.keyformat or "identity", vector


def split(value: str | None) -> tuple[str, ...]:
    return () if not value else tuple(part.strip() for part in value.split(","))


def their_variant(uri: str, info: Any) -> tuple[Any, ...]:
    return (
        uri,
        info.bandwidth,
        info.average_bandwidth,
        split(info.codecs),
        info.resolution,
        info.frame_rate,
        info.video_range or "SDR",
        info.hdcp_level,
        info.audio,
        info.video,
        info.subtitles,
        None if info.closed_captions is None else info.closed_captions.strip('"'),
        info.pathway_id or ".",
        info.stable_variant_id,
        None if info.req_video_layout is None else info.req_video_layout.strip('"'),
        info.program_id,
    )


def their_facts(library: ModuleType, text: str) -> Facts:
    """What a library reads, in our terms: absolute URIs, defaults of the RFC, YES as True.

    It keeps the parts of the segment that is being made as a last segment that has neither duration nor URI.
    """
    playlist = library.loads(text, uri=URL)
    listed = list(playlist.segments)
    parts = [part for segment in listed for part in segment.parts]
    ranges = [segment.dateranges for segment in listed] + [part.dateranges for part in parts]
    segments = [s for s in listed if s.uri is not None or s.duration is not None]
    control, hint, data = playlist.server_control, playlist.preload_hint, playlist.data
    steering = playlist.content_steering
    return Facts(
        target_duration=playlist.target_duration,
        playlist_type=None if playlist.playlist_type is None else playlist.playlist_type.upper(),
        ended=playlist.is_endlist,
        i_frames_only=playlist.is_i_frames_only,
        independent=playlist.is_independent_segments,
        version=data.get("version", 1),
        start=None if playlist.start is None else playlist.start.time_offset,
        discontinuity_sequence=data.get("discontinuity_sequence", 0),
        uris=tuple(s.absolute_uri for s in segments),
        durations=tuple(s.duration for s in segments),
        titles=tuple(s.title for s in segments),
        sequences=tuple(s.media_sequence for s in segments),
        discontinuities=tuple(s.discontinuity for s in segments),
        gaps=tuple(bool(s.gap_tag) for s in segments),
        byte_ranges=tuple(s.byterange for s in segments),
        dates=tuple(seconds(s.program_date_time) for s in segments),
        keys=tuple(their_key(s.key) for s in segments),
        inits=tuple(None if s.init_section is None else s.init_section.absolute_uri for s in segments),
        init_ranges=tuple(None if s.init_section is None else s.init_section.byterange for s in segments),
        bitrates=tuple(s.bitrate for s in segments),
        parts=tuple((p.absolute_uri, p.duration, yes(p.independent), yes(p.gap)) for p in parts),
        part_ranges=tuple(None if p.byterange is None else p.byterange.strip('"') for p in parts),
        hints=()
        if hint is None
        else ((hint.hint_type, hint.absolute_uri, hint.byterange_start or 0, hint.byterange_length),),
        reports=tuple((r.absolute_uri, r.last_msn, r.last_part) for r in playlist.rendition_reports),
        dateranges=tuple((d.id, d.class_, d.duration, d.planned_duration) for listed in ranges for d in listed),
        server_control=NO_CONTROL
        if control is None
        else (
            yes(control.can_block_reload),
            control.can_skip_until,
            yes(control.can_skip_dateranges),
            control.hold_back,
            control.part_hold_back,
        ),
        part_target=data["part_inf"].get("part_target"),
        skipped=data["skip"].get("skipped_segments", 0),
        variants=tuple(their_variant(p.absolute_uri, p.stream_info) for p in playlist.playlists),
        i_frame_variants=tuple(their_variant(p.absolute_uri, p.iframe_stream_info) for p in playlist.iframe_playlists),
        renditions=tuple(
            (
                *(m.type, m.group_id, m.name, m.absolute_uri, m.language, m.assoc_language),
                *(
                    yes(m.default),
                    yes(m.autoselect),
                    yes(m.forced),
                    m.instream_id,
                    split(m.characteristics),
                    m.channels,
                ),
                m.stable_rendition_id,
            )
            for m in playlist.media
        ),
        session_data=tuple((d.data_id, d.value, d.uri, d.language) for d in playlist.session_data),
        session_keys=tuple(map(their_key, playlist.session_keys)),
        steering=None if steering is None else (steering.absolute_uri, steering.pathway_id),
    )


def agree(name: str, ours: Any, theirs: Any) -> bool:
    """Whether a library says the same; it has dates only where EXT-X-PROGRAM-DATE-TIME stands."""
    if name == "dates":
        return len(ours) == len(theirs) and all(
            their is None or our == their for our, their in zip(ours, theirs, strict=True)
        )
    return bool(ours == theirs)


SEGMENT_COLUMNS = (
    *("uris", "durations", "titles", "sequences", "discontinuities", "gaps", "byte_ranges", "dates", "keys", "inits"),
    *("init_ranges", "bitrates"),
)


def reads_alike(ours: Facts, theirs: Facts, differences: list[Difference]) -> None:
    """Every field that has no difference is read alike, and every one that has is not."""
    declared = {difference.field for difference in differences}
    covered = declared | (set(SEGMENT_COLUMNS) if "segments" in declared else set())
    for field in fields(Facts):
        our, their = getattr(ours, field.name), getattr(theirs, field.name)
        if field.name in declared:
            assert not agree(field.name, our, their), f"{field.name} is read alike after all"
        elif field.name not in covered:
            assert agree(field.name, our, their), f"{field.name}: {our!r}, theirs {their!r}"
    if "segments" in declared:
        assert len(ours.uris) != len(theirs.uris), "the segments are as many after all"


def value_of(facts: Facts, field: str) -> object:
    if field == "bandwidths":
        return tuple(variant[1] for variant in facts.variants)
    if field == "segments":
        return tuple(zip(facts.uris, facts.durations, facts.byte_ranges, strict=True))
    return getattr(facts, field)


@pytest.mark.parametrize("wild", [pytest.param(wild, id=wild.id) for wild in ROWS])
def test_a_playlist_from_the_wild(wild: Wild) -> None:
    read: dict[str, Facts] = {}
    for name, library in LIBRARIES.items():
        if name in wild.raising:
            with pytest.raises((ValueError, TypeError, KeyError)):
                their_facts(library, wild.text)
        else:
            read[name] = their_facts(library, wild.text)
    if wild.refused is not None:
        with pytest.raises(PlaylistError) as raised:
            parse_playlist(wild.text.encode(), URL, wild.imports, STRICT)
        assert raised.value.rule == f"8216bis {wild.refused}"
        assert raised.value.reason
        assert not wild.differences
        return
    ours = our_facts(parse_playlist(wild.text.encode(), URL, wild.imports, STRICT))
    for name, theirs in read.items():
        reads_alike(ours, theirs, [d for d in wild.differences if name in d.libraries])
    for difference in wild.differences:
        assert difference.reason
        assert set(difference.libraries) <= read.keys()
        assert value_of(ours, difference.field) == difference.ours
    assert bool(wild.alone) is (not read), "what no library reads is asserted by value"
    for field, value in wild.alone.items():
        assert value_of(ours, field) == value


@pytest.mark.parametrize("wild", [pytest.param(wild, id=wild.id) for wild in ROWS])
def test_what_players_make_of_it(wild: Wild) -> None:
    """A lenient reading plays it as the table says, or as a strict one does, or refuses it by the same rule."""
    expected = LENIENT.get(wild.id)
    if expected is None and wild.refused is not None:
        with pytest.raises(PlaylistError) as raised:
            parse_playlist(wild.text.encode(), URL, wild.imports)
        assert raised.value.rule == f"8216bis {wild.refused}"
        return
    playlist = parse_playlist(wild.text.encode(), URL, wild.imports)
    if expected is None:
        assert our_facts(playlist) == our_facts(parse_playlist(wild.text.encode(), URL, wild.imports, STRICT))
        return
    facts = our_facts(playlist)
    assert {field: value_of(facts, field) for field in expected} == expected
    assert all(violation.rule.startswith("8216bis ") for violation in playlist.violations)
    assert playlist.violations


def test_every_lenient_row_is_one_of_the_rows() -> None:
    assert LENIENT.keys() <= {wild.id for wild in ROWS}


def test_the_rows_are_about_the_compiled_parser_of_openm3u8() -> None:
    """Where there is none for a machine, its fallback in Python reads some rows as m3u8 does."""
    assert isinstance(openm3u8.parse, BuiltinFunctionType)


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({wild.id for wild in ROWS}) == len(ROWS) >= 80
