"""What holds of every playlist: what is printed is parsed, others read it alike, and garbage raises one thing."""

import string
from dataclasses import replace
from random import Random
from types import ModuleType
from urllib.parse import urljoin

import m3u8
import openm3u8
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.builders.mutations import mutated
from tests.builders.playlists import Multivariant, Part, Playlist, Segment, Variant

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist, MultivariantPlaylist
from hls_swarm.hls.uri import resolve

LIBRARIES = pytest.mark.parametrize("library", [pytest.param(m3u8, id="m3u8"), pytest.param(openm3u8, id="openm3u8")])
URL = "http://origin.example/live/index.m3u8"
NAMES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=12).map(lambda name: name + ".ts")
DURATIONS = st.integers(0, 6000).map(lambda n: n / 1000)
TITLES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=10)
DATES = st.integers(0, 4_000_000_000_000).map(lambda n: n / 1000)
BYTE_RANGES = st.builds("{}@{}".format, st.integers(0, 1 << 40), st.integers(0, 1 << 40))
PARTS = st.lists(
    st.builds(Part, st.just(0), st.integers(1, 999).map(lambda n: n / 1000), st.booleans(), st.booleans(), NAMES),
    max_size=3,
)
SEGMENTS = st.lists(
    st.builds(
        Segment,
        number=st.just(0),
        duration=DURATIONS,
        title=TITLES,
        date=st.none() | DATES,
        discontinuity=st.booleans(),
        gap=st.booleans(),
        byte_range=st.none() | BYTE_RANGES,
        uri=NAMES,
        parts=PARTS,
    ),
    max_size=8,
)
PLAYLISTS = st.builds(
    Playlist,
    media_sequence=st.integers(0, 1 << 50),
    segments=SEGMENTS,
    target_duration=st.just(6),
    version=st.none() | st.integers(1, 12),
    discontinuity_sequence=st.none() | st.integers(0, 99),
    type=st.sampled_from([None, "VOD", "EVENT"]),
    end=st.booleans(),
    open_parts=PARTS,
    newline=st.sampled_from(["\n", "\r\n"]),
)


def media(source: Playlist) -> MediaPlaylist:
    playlist = parse_playlist(source.body, URL)
    assert isinstance(playlist, MediaPlaylist)
    return playlist


@given(PLAYLISTS)
def test_what_is_printed_is_parsed(source: Playlist) -> None:
    playlist = media(source)
    assert playlist.media_sequence == source.media_sequence
    assert playlist.ended is source.end
    assert playlist.playlist_type == source.type
    assert playlist.version == (source.version or 1)
    assert len(playlist.segments) == len(source.segments)
    cuts = source.discontinuity_sequence or 0
    position = 0.0
    for index, (parsed, printed) in enumerate(zip(playlist.segments, source.segments, strict=True)):
        cuts += printed.discontinuity
        assert parsed.uri == resolve(URL, printed.name)
        assert (parsed.duration, parsed.title, parsed.gap) == (printed.duration, printed.title, printed.gap)
        assert (parsed.start, parsed.sequence) == (position, source.media_sequence + index)
        assert (parsed.discontinuity, parsed.discontinuity_sequence) == (printed.discontinuity, cuts)
        if printed.date is not None:
            assert parsed.program_date_time is not None
            assert abs(parsed.program_date_time - printed.date) < 1e-6
        if printed.byte_range is None:
            assert parsed.byte_range is None
        else:
            length, _, first = printed.byte_range.partition("@")
            assert parsed.byte_range == (int(first), int(length))
        assert [(p.duration, p.independent, p.gap, p.sequence, p.index) for p in parsed.parts] == [
            (p.duration, p.independent, p.gap, parsed.sequence, n) for n, p in enumerate(printed.parts)
        ]
        position += printed.duration
    assert playlist.duration == position
    assert [p.duration for p in playlist.open_parts] == [p.duration for p in source.open_parts]
    assert playlist.edge >= playlist.duration


@given(PLAYLISTS)
def test_every_position_is_in_the_segment_that_is_found(source: Playlist) -> None:
    playlist = media(source)
    for segment in playlist.segments:
        assert playlist.segment_of_sequence(segment.sequence) is segment
        for position in (segment.start, (segment.start + segment.end) / 2):
            if position < segment.end:
                assert playlist.segment_at(position) is segment


def without_parts(source: Playlist) -> Playlist:
    """As the libraries need it.

    They take open parts for a segment, give EXT-X-GAP to the part that follows, and m3u8 ends lines as `str` does.
    """
    segments = [replace(s, parts=(), title="".join(s.title.splitlines())) for s in source.segments]
    return replace(source, open_parts=(), segments=segments)


@pytest.mark.slow
@LIBRARIES
@given(source=PLAYLISTS.map(without_parts))
def test_a_library_reads_the_same_segments(library: ModuleType, source: Playlist) -> None:
    playlist = media(source)
    oracle = library.loads(source.text, uri=URL)
    assert [s.uri for s in playlist.segments] == [s.absolute_uri for s in oracle.segments]
    assert [s.duration for s in playlist.segments] == [s.duration for s in oracle.segments]
    assert [s.discontinuity for s in playlist.segments] == [s.discontinuity for s in oracle.segments]
    assert [s.sequence for s in playlist.segments] == [s.media_sequence for s in oracle.segments]
    assert [s.gap for s in playlist.segments] == [bool(s.gap_tag) for s in oracle.segments]
    assert playlist.ended is oracle.is_endlist
    assert playlist.target_duration == oracle.target_duration


@pytest.mark.slow
@LIBRARIES
@given(
    variants=st.lists(
        st.builds(Variant, NAMES, st.integers(0, 1 << 40), st.sampled_from(["", 'CODECS="avc1.4d401f"'])), min_size=1
    )
)
def test_a_library_reads_the_same_variants(library: ModuleType, variants: list[Variant]) -> None:
    text = Multivariant(variants).text
    playlist = parse_playlist(text.encode(), URL)
    assert isinstance(playlist, MultivariantPlaylist)
    oracle = library.loads(text, uri=URL)
    assert [(v.uri, v.bandwidth) for v in playlist.variants] == [
        (p.absolute_uri, p.stream_info.bandwidth) for p in oracle.playlists
    ]


URI_TEXT = st.text("abc./?#:=~", max_size=12)


@given(URI_TEXT)
def test_urljoin_resolves_alike_where_it_keeps_to_the_rfc(reference: str) -> None:
    path = reference.partition("#")[0].partition("?")[0]
    scheme = path.partition("/")[0]
    if "//" in path or ":" in scheme or reference.endswith(("?", "#")) or "?#" in reference or path.endswith(":"):
        return  # urljoin drops empty path segments, queries and fragments, and does not join with unknown schemes
    assert resolve(URL, reference) == urljoin(URL, reference)


def outcome(body: bytes) -> MediaPlaylist | MultivariantPlaylist | PlaylistError:
    try:
        return parse_playlist(body, URL)
    except PlaylistError as error:
        return error


@given(st.randoms(use_true_random=False))
def test_a_mutated_playlist_is_a_playlist_or_a_playlist_error(random: Random) -> None:
    body = mutated(random)
    result = outcome(body)
    if isinstance(result, PlaylistError):
        assert result.reason
        assert result.line <= body.count(b"\n") + 1
    elif isinstance(result, MediaPlaylist):
        assert result.edge >= 0
        assert len(result.segments) <= body.count(b"\n") + body.count(b"\r") + 1


@given(st.binary(max_size=200), st.sampled_from([b"", b"#EXTM3U\n", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n"]))
def test_any_bytes_are_a_playlist_or_a_playlist_error(tail: bytes, head: bytes) -> None:
    outcome(head + tail)


@example("é//", URL)
@example(" //é", URL)
@example(".//é.ts", "http://bücher.example/live/a/b.m3u8")
@example("foo//bär.ts", URL)
@example("?u=http//ä", URL)
@given(
    st.lists(st.sampled_from(["/", ".", "..", "a", "b:", "?", "#", " ", "é", "%20"]), min_size=1, max_size=7).map(
        "".join
    ),
    st.sampled_from([URL, "http://origin.example", "http://origin.example/a/b/c.m3u8?x=/y/", "file.m3u8"]),
)
def test_short_cuts_resolve_a_reference_as_the_rfc_says(reference: str, url: str) -> None:
    quoted = reference.replace('"', "")
    body = f'#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MAP:URI="{quoted}"\n#EXTINF:6,\n{reference}\n'
    parsed = parse_playlist(body.encode(), url)
    assert isinstance(parsed, MediaPlaylist)
    init = parsed.segments[0].init if parsed.segments else None
    if parsed.segments:
        assert parsed.segments[0].uri == resolve(url, reference.strip())
    assert init is None or init.uri == resolve(url, quoted)
