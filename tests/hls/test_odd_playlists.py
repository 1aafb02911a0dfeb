"""What players play is played, with a violation; where they differ, the one that is imitated decides."""

from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders.odd import READINGS, ROWS, Odd
from tests.builders.playlists import Multivariant, Playlist, Segment, Variant
from tests.builders.wild import BASE, media, one, text_of, variant

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import KeyMethod, MediaPlaylist, MultivariantPlaylist
from hls_swarm.hls.playlist import Playlist as Parsed
from hls_swarm.hls.reading import FFMPEG, HLSJS, LENIENT, MEDIA3, SHAKA, STRICT, Player, Reading

URL = "https://cdn.example/shows/42/video.m3u8?empty="


def parsed(body: str | bytes, reading: Reading = LENIENT) -> MediaPlaylist:
    playlist = parse_playlist(body.encode() if isinstance(body, str) else body, URL, {}, reading)
    assert isinstance(playlist, MediaPlaylist)
    return playlist


def uris(playlist: Parsed) -> tuple[str, ...]:
    entries = playlist.variants if isinstance(playlist, MultivariantPlaylist) else playlist.segments
    return tuple(entry.uri.removeprefix(BASE) for entry in entries)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
def test_what_somebody_plays_is_played(row: Odd) -> None:
    playlist = parse_playlist(row.body, URL)
    assert uris(playlist) == row.uris
    [found] = [violation for violation in playlist.violations if row.violation in violation.reason]
    assert found.rule.startswith("8216bis ")
    assert found.line == row.line
    assert found.refused_by == row.refused_by


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS])
def test_the_player_that_is_imitated_decides_where_they_are_split(row: Odd, name: str) -> None:
    reading = READINGS[name]
    if len(row.refused_by) > 1 and reading.player in row.refused_by:
        with pytest.raises(PlaylistError) as raised:
            parse_playlist(row.body, URL, {}, reading)
        assert row.violation in raised.value.reason
        assert raised.value.line == row.line
        assert f"{reading.player}" in raised.value.reason
        assert raised.value.reason.endswith(" refuse")
    else:
        expected = row.uris
        if row.id == "a URI without EXTINF" and reading is FFMPEG:
            expected = ("a.ts",)
        assert uris(parse_playlist(row.body, URL, {}, reading)) == expected


def test_what_most_play_is_played_whoever_is_imitated() -> None:
    for row in ROWS:
        if len(row.refused_by) <= 1:
            for reading in READINGS.values():
                assert uris(parse_playlist(row.body, URL, {}, reading))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(one("#EXT-X-MAP:BYTERANGE=1"), "line 3: EXT-X-MAP: URI is missing", id="MAP without URI"),
        pytest.param(one("#EXT-X-KEY:METHOD=AES-128"), "line 3: EXT-X-KEY: URI is missing", id="KEY without URI"),
        pytest.param(text_of("#EXT-X-VERSION:3", "a.ts"), "neither a media nor a multivariant", id="a list of files"),
        pytest.param("#EXTM3U8\n" + one()[8:], "no #EXTM3U at the start", id="EXTM3U8"),
        pytest.param(one()[8:], "no #EXTM3U at the start", id="no EXTM3U"),
        pytest.param(one(uri="a" * 65_537), "line 4: a URI of 65,537 characters, more than 65,536", id="a huge URI"),
        pytest.param(one(f'#EXT-X-MAP:URI="{"a" * 65_537}"'), "line 3: a URI of 65,537", id="a huge URI of a tag"),
        pytest.param(
            one(*(f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k",KEYFORMAT="f{n}"' for n in range(33))),
            "line 35: EXT-X-KEY: more than 32 KEYFORMATs",
            id="too many KEYFORMATs",
        ),
    ],
)
def test_what_nobody_plays_is_refused_by_every_reading(text: str, reason: str) -> None:
    for reading in (*READINGS.values(), STRICT):
        with pytest.raises(PlaylistError) as raised:
            parse_playlist(text.encode(), URL, {}, reading)
        assert reason in str(raised.value)
        assert len(raised.value.text) <= 200


def test_allow_cache_is_no_tag_of_the_draft_and_ignored_where_it_does_not_belong() -> None:
    for reading in (LENIENT, STRICT):
        playlist = parse_playlist(variant("BANDWIDTH=9", "#EXT-X-ALLOW-CACHE:YES").encode(), URL, {}, reading)
        assert uris(playlist) == ("low.m3u8",)
        assert playlist.violations == ()


def test_a_strict_error_names_both_tags_of_a_mixed_playlist() -> None:
    with pytest.raises(PlaylistError) as raised:
        parsed(variant("BANDWIDTH=9", "#EXT-X-PLAYLIST-TYPE:VOD"), STRICT)
    reason = "EXT-X-STREAM-INF does not belong in a media playlist, which EXT-X-PLAYLIST-TYPE in line 2 makes it"
    assert raised.value.reason == reason


@pytest.mark.parametrize(
    ("reading", "sequences"),
    [
        pytest.param(HLSJS, [7, 8, 9], id="hls.js counts it"),
        pytest.param(MEDIA3, [7, 8, 9], id="Media3 counts it"),
        pytest.param(FFMPEG, [7, 8], id="FFmpeg passes it over"),
    ],
)
def test_a_uri_without_extinf_counts_as_the_player_says(reading: Reading, sequences: list[int]) -> None:
    text = media("#EXT-X-MEDIA-SEQUENCE:7", "#EXTINF:6,", "a.ts", "b.ts", "#EXTINF:6,", "c.ts")
    playlist = parsed(text, reading)
    assert [segment.sequence for segment in playlist.segments] == sequences
    assert playlist.duration == 12.0


def test_no_more_than_ten_thousand_uris_without_extinf_are_segments() -> None:
    playlist = parsed(media(*["a"] * 20_000, "#EXTINF:6,", "b.ts"))
    assert len(playlist.segments) == 10_001
    assert playlist.segments[-1].uri == BASE + "b.ts"


@pytest.mark.parametrize(
    ("reading", "uri"),
    [
        pytest.param(HLSJS, "720p/a.ts?x=\\", id="hls.js"),
        pytest.param(SHAKA, "720p/a.ts?x=\\", id="Shaka"),
        pytest.param(FFMPEG, "720p\\a.ts?x=\\", id="FFmpeg"),
        pytest.param(LENIENT, "720p\\a.ts?x=\\", id="nobody in particular"),
    ],
)
def test_a_backslash_is_a_slash_to_browsers(reading: Reading, uri: str) -> None:
    playlist = parsed(one(uri="720p\\a.ts?x=\\"), reading)
    assert uris(playlist) == (uri,)
    noted = ["a backslash in a URI, which browsers make a slash"] if reading.backslash_is_slash else []
    assert [v.reason for v in playlist.violations] == noted
    assert parsed(one(uri="C:\\a.ts"), reading).violations == ()


@pytest.mark.parametrize(
    ("reference", "uri"),
    [
        pytest.param("..\\41\\a.ts", "https://cdn.example/shows/41/a.ts", id="dots"),
        pytest.param("https:\\\\media.example\\a.ts", "https://media.example/a.ts", id="a host"),
        pytest.param("C:\\video\\a.ts", "C:\\video\\a.ts", id="a path of Windows"),
    ],
)
def test_backslashes_of_browsers(reference: str, uri: str) -> None:
    assert parsed(one(uri=reference), HLSJS).segments[0].uri == uri


def test_of_two_attributes_media3_takes_the_first_and_others_the_last() -> None:
    body = variant("BANDWIDTH=1,BANDWIDTH=2").encode()
    bandwidths = {}
    for name, reading in READINGS.items():
        playlist = parse_playlist(body, URL, {}, reading)
        assert isinstance(playlist, MultivariantPlaylist)
        bandwidths[name] = playlist.variants[0].bandwidth
    assert bandwidths == {"hlsjs": 2, "media3": 1, "shaka": 2, "ffmpeg": 2, "steady": 2}


def test_a_key_in_its_uri_is_kept_as_it_is() -> None:
    playlist = parsed(one('#EXT-X-KEY:METHOD=AES-128,URI="data:text/plain;base64,AAAAAAAAAAAAAAAAAAAAAA=="'))
    key = playlist.segments[0].key
    assert key is not None
    assert (key.method, key.uri) == (KeyMethod.AES_128, "data:text/plain;base64,AAAAAAAAAAAAAAAAAAAAAA==")
    assert playlist.violations == ()


def test_a_late_sequence_number_holds_for_all_segments_once() -> None:
    text = media(
        '#EXT-X-PART:DURATION=1,URI="p"', "#EXTINF:6,", "a.ts", "#EXT-X-MEDIA-SEQUENCE:9", "#EXTINF:6,", "b.ts"
    )
    playlist = parsed(text + '#EXT-X-MEDIA-SEQUENCE:50\n#EXT-X-PART:DURATION=1,URI="q"\n')
    assert [segment.sequence for segment in playlist.segments] == [9, 10]
    assert [part.sequence for part in (*playlist.segments[0].parts, *playlist.open_parts)] == [9, 11]
    assert (playlist.media_sequence, playlist.next_sequence) == (9, 11)


def test_a_skip_before_the_sequence_number_leaves_out_as_many() -> None:
    playlist = parsed(one("#EXT-X-SKIP:SKIPPED-SEGMENTS=3", "#EXT-X-MEDIA-SEQUENCE:9"))
    assert [segment.sequence for segment in playlist.segments] == [12]


def test_the_target_duration_that_is_missing_is_the_longest_segment() -> None:
    assert (
        parsed(text_of("#EXT-X-MEDIA-SEQUENCE:0", "#EXTINF:3.6,", "a.ts", "#EXTINF:2,", "b.ts")).target_duration == 4.0
    )


# --- any sound playlist, made odd ------------------------------------------------------------------------------------

MEDIA_ODDITIES: list[Callable[[str], str]] = [
    lambda text: text.replace("\n", "\r"),
    lambda text: text.replace("\n", "\r\n"),
    lambda text: "\n" + text,
    lambda text: text.replace("#EXT-X-TARGETDURATION:6", "#EXT-X-TARGETDURATION:6.0"),
    lambda text: text.replace("#EXT-X-TARGETDURATION:6", "#EXT-X-TARGETDURATION:6,"),
    lambda text: text.replace("#EXT-X-MEDIA-SEQUENCE:", "#EXT-X-MEDIA-SEQUENCE: +"),
    lambda text: text.replace("#EXT-X-VERSION:3", "#EXT-X-VERSION:3.0"),
    lambda text: text.replace("#EXTM3U\n", "#EXTM3U\n#EXT-X-ALLOW-CACHE:NO\n"),
    lambda text: text.replace("#EXTM3U\n", "#EXTM3U\n#EXT-X-SESSION-KEY:METHOD=NONE\n"),
    lambda text: text.replace("#EXTM3U\n", '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a"\n'),
    lambda text: text.replace("#EXTM3U\n", "#EXTM3U\n#EXT-X-SERVER-CONTROL:HOLD-BACK:12,,FOO\n"),
    lambda text: text.replace("#EXTM3U\n", "#EXTM3U\n#EXT-X-PART-INF:PART-TARGET=0\n"),
    lambda text: text.replace("#EXTM3U\n", "#EXTM3U\n#EXT-X-VERSION:x\n"),
    lambda text: text.replace("#EXT-X-TARGETDURATION:6", "#EXT-X-TARGETDURATION:9\n#EXT-X-TARGETDURATION:6"),
    lambda text: text.replace(",\n", ",Caf\ufffd\n"),
    lambda text: text.replace("#EXTINF:", "#EXTINF:+"),
    lambda text: text.replace("#EXTINF:", "#EXT-X-PART:DURATION=x\n#EXTINF:"),
    lambda text: text.replace("#EXTINF:", '#EXT-X-DATERANGE:ID="\n#EXTINF:'),
]
VARIANT_ODDITIES: list[Callable[[str], str]] = [
    lambda text: text.replace("\n", "\r"),
    lambda text: text.replace("#EXTM3U\n", "#EXTM3U\n#EXT-X-ALLOW-CACHE:NO\n"),
    lambda text: text.replace("#EXTM3U\n", "#EXTM3U\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-ENDLIST\n"),
    lambda text: text.replace("#EXTM3U\n", "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-VERSION:3\n"),
    lambda text: text.replace("STREAM-INF:", "STREAM-INF:,,"),
    lambda text: text.replace("STREAM-INF:", "STREAM-INF:FOO,"),
    lambda text: text.replace("STREAM-INF:", "STREAM-INF:RESOLUTION=,FRAME-RATE=NaN,SCORE=-1,PROGRAM-ID=x,"),
    lambda text: text.replace("STREAM-INF:", 'STREAM-INF:NAME="a"b",NAME="c",'),
    lambda text: text.replace("STREAM-INF:", "STREAM-INF:VIDEO-RANGE=DARK,CLOSED CAPTIONS=NONE,"),
    lambda text: text.replace("\nv", '\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",BIT-DEPTH=x\nv'),
]
SOUND = st.builds(
    Playlist,
    media_sequence=st.integers(0, 1 << 40),
    segments=st.lists(st.builds(Segment, number=st.integers(0, 9), duration=st.integers(1, 6)), min_size=1, max_size=6),
    target_duration=st.just(6),
    type=st.sampled_from([None, "VOD", "EVENT"]),
)


def facts(playlist: MediaPlaylist) -> object:
    segments = [(s.uri, s.duration, s.sequence, s.start, s.byte_range) for s in playlist.segments]
    return segments, playlist.target_duration, playlist.ended, playlist.playlist_type, playlist.media_sequence


@given(SOUND, st.lists(st.sampled_from(MEDIA_ODDITIES), max_size=6, unique=True))
def test_a_sound_media_playlist_made_odd_says_the_same(sound: Playlist, odd: list[Callable[[str], str]]) -> None:
    text = sound.text
    for make_odd in odd:
        text = make_odd(text)
    assert facts(parsed(text)) == facts(parsed(sound.text))


@given(
    st.lists(st.builds(Variant, st.integers(0, 99).map("v{}.m3u8".format), st.integers(1, 1 << 40)), min_size=1),
    st.lists(st.sampled_from(VARIANT_ODDITIES), max_size=5, unique=True),
)
def test_a_sound_multivariant_playlist_made_odd_says_the_same(
    variants: list[Variant], odd: list[Callable[[str], str]]
) -> None:
    text = Multivariant(variants).text
    for make_odd in odd:
        text = make_odd(text)
    playlist = parse_playlist(text.encode(), URL)
    assert isinstance(playlist, MultivariantPlaylist)
    assert [(v.uri.removeprefix(BASE), v.bandwidth) for v in playlist.variants] == [
        (v.uri, v.bandwidth) for v in variants
    ]


@given(st.text(st.sampled_from('AB="",;= \t1.{$a}'), max_size=40))
def test_any_attribute_list_is_read(attributes: str) -> None:
    playlist = parse_playlist(variant(f"BANDWIDTH=7,{attributes}").encode(), URL)
    assert isinstance(playlist, MultivariantPlaylist)
    assert [v.bandwidth for v in playlist.variants] == [7]


@given(st.randoms(use_true_random=False), st.sampled_from([*READINGS.values(), STRICT]))
def test_lines_in_any_order_are_a_playlist_or_a_playlist_error(random: Random, reading: Reading) -> None:
    lines = [line for row in random.sample(ROWS, 3) for line in row.body.split(b"\n")]
    random.shuffle(lines)
    with suppress(PlaylistError):
        parse_playlist(b"#EXTM3U\n" + b"\n".join(lines), URL, {}, reading)


def test_the_players_are_those_of_the_profiles() -> None:
    assert {reading.player for reading in READINGS.values()} == {*Player, None}
