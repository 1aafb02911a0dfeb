import pytest
from tests.builders.playlists import Part, Playlist, Segment

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import (
    HintType,
    InitSection,
    Key,
    KeyMethod,
    MediaPlaylist,
    PlaylistType,
    PreloadHint,
    RenditionReport,
    ServerControl,
    Start,
)
from hls_swarm.hls.reading import FFMPEG, LENIENT, STRICT, Reading

URL = "http://origin.example/live/720p/index.m3u8"
BASE = "http://origin.example/live/720p/"
DATE = 1767225600.0  # 2026-01-01T00:00:00Z


def media(source: Playlist | str, url: str = URL, reading: Reading = LENIENT) -> MediaPlaylist:
    playlist = parse_playlist(source.body if isinstance(source, Playlist) else source.encode(), url, {}, reading)
    assert isinstance(playlist, MediaPlaylist)
    return playlist


def reasons(playlist: MediaPlaylist) -> list[str]:
    return [violation.reason for violation in playlist.violations]


def one(*tags: str, segment: str = "s.ts") -> str:
    """A playlist of one segment with tags before its EXTINF."""
    return "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:6", *tags, "#EXTINF:6,", segment, ""])


def test_a_live_playlist() -> None:
    playlist = media(
        Playlist(7, [Segment(7, 2.0), Segment(8, 1.5, "a, title"), Segment(9, 2.0)], discontinuity_sequence=3)
    )
    assert playlist.url == URL
    assert playlist.version == 3
    assert playlist.target_duration == 2.0
    assert (playlist.media_sequence, playlist.next_sequence, playlist.last_sequence) == (7, 10, 9)
    assert playlist.is_live
    assert not playlist.is_low_latency
    assert playlist.duration == playlist.edge == 5.5
    assert [s.uri for s in playlist.segments] == [f"{BASE}segment{n}.ts" for n in (7, 8, 9)]
    assert [(s.sequence, s.start, s.end) for s in playlist.segments] == [(7, 0.0, 2.0), (8, 2.0, 3.5), (9, 3.5, 5.5)]
    assert [s.title for s in playlist.segments] == ["", "a, title", ""]
    assert {s.discontinuity_sequence for s in playlist.segments} == {3}
    assert playlist.violations == ()


@pytest.mark.parametrize(
    ("source", "live"),
    [
        pytest.param(Playlist(0, [Segment(0)], end=True), False, id="ENDLIST"),
        pytest.param(Playlist(0, [Segment(0)], type="VOD"), False, id="VOD"),
        pytest.param(Playlist(0, [Segment(0)], type="EVENT"), True, id="EVENT"),
        pytest.param(Playlist(0, [Segment(0)], type="EVENT", end=True), False, id="EVENT that has ended"),
        pytest.param(Playlist(0, [Segment(0)], type="OTHER"), True, id="an unknown type is ignored"),
    ],
)
def test_liveness(source: Playlist, live: bool) -> None:
    assert media(source).is_live is live


def test_lookups() -> None:
    playlist = media(Playlist(100, [Segment(100, 2.0), Segment(101, 0.0), Segment(102, 4.0)], target_duration=4))
    assert [playlist.index_of_sequence(n) for n in (99, 100, 102, 103)] == [None, 0, 2, None]
    found = playlist.segment_of_sequence(102)
    assert found is playlist.segments[2]
    assert playlist.segment_of_sequence(103) is None
    assert [playlist.index_at(p) for p in (-0.1, 0.0, 1.999, 2.0, 5.999, 6.0)] == [None, 0, 0, 2, 2, None]
    assert playlist.segment_at(3.0) is playlist.segments[2]


@pytest.mark.parametrize(
    ("text", "count", "violation"),
    [
        pytest.param("\ufeff" + one(), 1, "a byte order mark", id="BOM"),
        pytest.param(one().replace("\n", "\r\n"), 1, None, id="CRLF"),
        pytest.param(one().rstrip("\n"), 1, None, id="no newline at the end"),
        pytest.param(one("", "# a comment", "#EXT-X-UNHEARD-OF:A=1"), 1, None, id="blank, comment and unknown tag"),
        pytest.param(one("#EXT-X-ENDLIST "), 1, "white space after EXT-X-ENDLIST", id="white space after a tag"),
        pytest.param(one("  #EXT-X-GAP"), 1, "white space before #", id="white space before a tag"),
        pytest.param(
            one().replace("\n#", "\n #"), 1, "white space before #", id="white space before every tag but the first"
        ),
        pytest.param(one(segment=" s.ts "), 1, "white space around a URI", id="white space around a URI"),
        pytest.param(one("# \x01"), 1, "control characters", id="a control character"),
        pytest.param(one("# \x85"), 1, "control characters", id="a control character of two bytes"),
        pytest.param(one("# \xa0"), 1, None, id="beyond ASCII"),
        pytest.param(one("#EXTINF:3,"), 1, "EXTINF without a URI", id="EXTINF twice"),
        pytest.param(one() + "#EXTINF:3,\n", 1, "EXTINF without a URI", id="EXTINF at the end"),
        pytest.param(one().replace("6,", "6"), 1, "EXTINF has no comma after the duration", id="EXTINF without comma"),
        pytest.param(one().replace("F:6,", "F: 6.0 ,"), 1, None, id="white space in EXTINF"),
        pytest.param(one("#EXTM3U"), 1, "EXTM3U again, or with a value", id="EXTM3U twice"),
    ],
)
def test_what_players_put_up_with(text: str, count: int, violation: str | None) -> None:
    playlist = media(text)
    assert len(playlist.segments) == count
    assert playlist.segments[0].uri == BASE + "s.ts"
    assert playlist.segments[0].duration == 6.0
    assert reasons(playlist) == ([] if violation is None else [violation])


@pytest.mark.parametrize(
    ("body", "reason", "line", "rule"),
    [
        pytest.param(b"", "body is empty", 1, "4.4.1.1", id="empty"),
        pytest.param(b"<!DOCTYPE html><html>", "HTML page", 1, "4.4.1.1", id="HTML"),
        pytest.param(b"\n<html><body>502", "HTML page", 1, "4.4.1.1", id="HTML after a blank line"),
        pytest.param(b"<?xml version='1.0'?><MPD>", "DASH manifest", 1, "4.4.1.1", id="DASH"),
        pytest.param(b"<?xml version='1.0'?><Error/>", "XML", 1, "4.4.1.1", id="XML"),
        pytest.param(b'{"error": 1}', "JSON", 1, "4.4.1.1", id="JSON"),
        pytest.param(b"\x1f\x8b\x08", "gzip", 1, "4.4.1.1", id="gzip"),
        pytest.param(b"\xff\xfe#\x00", "UTF-16", 1, "4.4.1.1", id="UTF-16"),
        pytest.param(b"G" * 376, "MPEG transport stream", 1, "4.4.1.1", id="MPEG-TS"),
        pytest.param(b"\x00\x00\x00\x18ftypmp42", "MP4", 1, "4.4.1.1", id="MP4"),
        pytest.param(b"\n#EXTM3U\n", "stands before it", 1, "4.4.1.1", id="not at the very start"),
        pytest.param(b"#EXTM3U8\n", "misspelt", 1, "4.4.1.1", id="misspelt"),
        pytest.param(b"#EXTM3U\n\n\xff\n", "not UTF-8", 3, "4.1", id="not UTF-8"),
        pytest.param(b"#EXTM3U\nsong.mp3\n", "neither", 0, "4.1", id="a list of files"),
        pytest.param(
            b"#EXTM3U\n#EXTINF:1,\na.ts\n", "TARGETDURATION is missing", 0, "4.4.3.1", id="no target duration"
        ),
        pytest.param(
            (one() + "#EXT-X-STREAM-INF:BANDWIDTH=1\na\n").encode(),
            "EXT-X-STREAM-INF",
            5,
            "4.4.6",
            id="mixed with variants",
        ),
        pytest.param(
            one("#EXTINF:-1,Channel").encode(), "no decimal duration", 3, "4.4.4.1", id="EXTINF of IPTV lists"
        ),
        pytest.param(one("#EXTINF:nan,").encode(), "no decimal duration", 3, "4.4.4.1", id="EXTINF nan"),
        pytest.param(one("#EXTINF").encode(), "no decimal duration", 3, "4.4.4.1", id="EXTINF without value"),
        pytest.param(one("#EXTINF:1_0,").encode(), "no decimal duration", 3, "4.4.4.1", id="EXTINF with underscore"),
        pytest.param(
            one("#EXT-X-VERSION:3", "#EXT-X-VERSION:4").encode(), "appears twice", 4, "4.4.1.2", id="VERSION twice"
        ),
        pytest.param(one("#EXT-X-VERSION:x").encode(), "not a decimal integer", 3, "4.2", id="VERSION malformed"),
        pytest.param(one("#EXT-X-VERSION:0").encode(), "version 0", 3, "4.4.1.2", id="VERSION 0"),
        pytest.param(one("#EXT-X-TARGETDURATION:6").encode(), "appears twice", 3, "4.4.3.1", id="TARGETDURATION twice"),
        pytest.param(
            one("#EXT-X-MEDIA-SEQUENCE:-1").encode(), "not a decimal integer", 3, "4.2", id="MEDIA-SEQUENCE negative"
        ),
        pytest.param(
            one(f"#EXT-X-MEDIA-SEQUENCE:{1 << 64}").encode(),
            "not a decimal",
            3,
            "4.2",
            id="MEDIA-SEQUENCE over 64 bits",
        ),
        pytest.param(
            (one() + "#EXT-X-MEDIA-SEQUENCE:1").encode(), "after the first", 5, "4.4.3.2", id="MEDIA-SEQUENCE too late"
        ),
        pytest.param(
            (one() + "#EXT-X-DISCONTINUITY-SEQUENCE:1").encode(),
            "after the first segment",
            5,
            "4.4.3.3",
            id="DISCONTINUITY-SEQUENCE too late",
        ),
        pytest.param(
            one("#EXT-X-DISCONTINUITY", "#EXT-X-DISCONTINUITY-SEQUENCE:1").encode(),
            "comes after EXT-X-DISCONTINUITY",
            4,
            "4.4.3.3",
            id="DISCONTINUITY-SEQUENCE after DISCONTINUITY",
        ),
        pytest.param(
            one("#EXT-X-BYTERANGE:10").encode(), "without offset", 5, "4.4.4.2", id="BYTERANGE without before"
        ),
        pytest.param(one("#EXT-X-BYTERANGE:a@b").encode(), "<length>", 3, "4.4.4.2", id="BYTERANGE malformed"),
        pytest.param(
            (one("#EXT-X-BYTERANGE:10@0") + "#EXT-X-BYTERANGE:10\n#EXTINF:6,\nother.ts\n").encode(),
            "without offset",
            8,
            "4.4.4.2",
            id="BYTERANGE follows another resource",
        ),
        pytest.param(one('#EXT-X-KEY:URI="k"').encode(), "METHOD is missing", 3, "4.4.4.4", id="KEY without METHOD"),
        pytest.param(one("#EXT-X-KEY:METHOD=AES-128").encode(), "URI is missing", 3, "4.4.4.4", id="KEY without URI"),
        pytest.param(
            one('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=12').encode(), "hexadecimal", 3, "4.2", id="KEY with IV malformed"
        ),
        pytest.param(
            one('#EXT-X-KEY:METHOD=AES-128,URI="k",URI="l"').encode(), "appears twice", 3, "4.2", id="attribute twice"
        ),
        pytest.param(one('#EXT-X-MAP:URI="x').encode(), "malformed attribute list", 3, "4.2", id="quote left open"),
        pytest.param(one('#EXT-X-MAP:BYTERANGE="1"').encode(), "URI is missing", 3, "4.4.4.5", id="MAP without URI"),
        pytest.param(one('#EXT-X-MAP:URI=""').encode(), "URI is empty", 3, "4.4.4.5", id="MAP with empty URI"),
        pytest.param(one("#EXT-X-PART-INF:PART-TARGET=0").encode(), "PART-TARGET", 3, "4.4.3.7", id="PART-TARGET 0"),
        pytest.param(one('#EXT-X-PART:URI="p"').encode(), "DURATION is missing", 3, "4.4.4.9", id="PART no DURATION"),
        pytest.param(
            one('#EXT-X-PART:URI="p",DURATION=1,BYTERANGE="5"').encode(),
            "without offset",
            3,
            "4.4.4.9",
            id="PART range",
        ),
        pytest.param(
            one("#EXT-X-ENDLIST", "#EXT-X-ENDLIST").encode(), "appears twice", 4, "4.4.3.4", id="ENDLIST twice"
        ),
        pytest.param(
            one('#EXT-X-SKIP:RECENTLY-REMOVED-DATERANGES=""').encode(),
            "SKIPPED-SEGMENTS is missing",
            3,
            "4.4.5.2",
            id="SKIP of what",
        ),
        pytest.param(
            one("#EXT-X-SKIP:SKIPPED-SEGMENTS=0", "#EXT-X-BYTERANGE:10").encode(),
            "without offset",
            6,
            "4.4.4.2",
            id="SKIP of nothing that a BYTERANGE could follow",
        ),
        pytest.param(
            (one() + "#EXT-X-SKIP:SKIPPED-SEGMENTS=1").encode(), "after the first", 5, "4.4.5.2", id="SKIP too late"
        ),
        pytest.param(
            one("#EXT-X-SKIP:SKIPPED-SEGMENTS=1", "#EXT-X-MEDIA-SEQUENCE:3").encode(),
            "after EXT-X-SKIP",
            4,
            "4.4.3.2",
            id="MEDIA-SEQUENCE after SKIP",
        ),
        pytest.param(
            one("#EXT-X-SERVER-CONTROL:HOLD-BACK=x").encode(), "not a decimal number", 3, "4.2", id="SERVER-CONTROL"
        ),
        pytest.param(one(segment="{$x}.ts").encode(), "variable x is not defined", 4, "6.3.1", id="undefined variable"),
        pytest.param(
            one(*(f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k",KEYFORMAT="f{n}"' for n in range(33))).encode(),
            "more than 32 KEYFORMATs",
            35,
            "4.4.4.4",
            id="too many KEYFORMATs",
        ),
    ],
)
def test_what_the_draft_has_a_client_refuse(body: bytes, reason: str, line: int, rule: str) -> None:
    with pytest.raises(PlaylistError) as raised:
        parse_playlist(body, URL, {}, STRICT)
    assert reason in raised.value.reason
    assert raised.value.line == line
    assert raised.value.rule == f"8216bis {rule}"


def test_an_error_shows_the_line_cut_short() -> None:
    with pytest.raises(PlaylistError) as raised:
        parse_playlist(one("#EXTINF:x" + "y" * 1000).encode(), URL, {}, STRICT)
    assert raised.value.text == ("#EXTINF:x" + "y" * 1000)[:200]
    assert str(raised.value).startswith("line 3: EXTINF has no decimal duration (8216bis 4.4.4.1)")


@pytest.mark.parametrize(
    ("tag", "violation"),
    [
        pytest.param('#EXT-X-KEY:METHOD=ROT13,URI="k"', "KEY ignored: METHOD=ROT13", id="KEY METHOD"),
        pytest.param('#EXT-X-PRELOAD-HINT:TYPE=MOOD,URI="k"', "PRELOAD-HINT ignored: TYPE=MOOD", id="HINT TYPE"),
        pytest.param('#EXT-X-PRELOAD-HINT:URI="k"', "PRELOAD-HINT ignored: TYPE is missing", id="HINT no TYPE"),
        pytest.param("#EXT-X-RENDITION-REPORT:LAST-MSN=1", "REPORT ignored: URI is missing", id="REPORT no URI"),
        pytest.param("#EXT-X-START:PRECISE=YES", "START ignored: TIME-OFFSET is missing", id="START no offset"),
        pytest.param("#EXT-X-START:TIME-OFFSET=x", "TIME-OFFSET is not a signed decimal number", id="START malformed"),
        pytest.param("#EXT-X-PROGRAM-DATE-TIME:soon", "DATE-TIME ignored: not an ISO 8601", id="PDT malformed"),
        pytest.param('#EXT-X-DATERANGE:CLASS="a"', "DATERANGE ignored: ID is missing", id="DATERANGE no ID"),
        pytest.param('#EXT-X-DATERANGE:ID="a"', "DATERANGE ignored: START-DATE", id="DATERANGE no START-DATE"),
        pytest.param(
            '#EXT-X-DATERANGE:ID="a",START-DATE="2026-01-01T00:00:00Z",END-ON-NEXT=YES',
            "DATERANGE ignored: END-ON-NEXT needs CLASS",
            id="DATERANGE END-ON-NEXT",
        ),
        pytest.param("#EXT-X-BITRATE:fast", "BITRATE ignored: bitrate is not", id="BITRATE malformed"),
    ],
)
def test_tags_that_are_ignored(tag: str, violation: str) -> None:
    playlist = media(one(tag))
    assert len(playlist.segments) == 1
    assert playlist.segments[0].keys == ()
    assert playlist.segments[0].program_date_time is None
    assert playlist.start is None
    assert playlist.preload_hints == ()
    assert playlist.rendition_reports == ()
    assert playlist.dateranges == ()
    [found] = playlist.violations
    assert violation in found.reason
    assert found.line == 3


@pytest.mark.parametrize(
    ("tags", "violation"),
    [
        pytest.param(["#EXT-X-SERVER-CONTROL:HOLD-BACK=17.9"], "HOLD-BACK is less than three", id="HOLD-BACK"),
        pytest.param(
            ["#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=35"], "CAN-SKIP-UNTIL is less than six", id="CAN-SKIP-UNTIL"
        ),
        pytest.param(
            ["#EXT-X-SERVER-CONTROL:CAN-SKIP-DATERANGES=YES"], "without CAN-SKIP-UNTIL", id="CAN-SKIP-DATERANGES"
        ),
        pytest.param(["#EXT-X-PART-INF:PART-TARGET=1"], "without PART-HOLD-BACK", id="PART-INF alone"),
        pytest.param(
            ["#EXT-X-PART-INF:PART-TARGET=1", "#EXT-X-SERVER-CONTROL:PART-HOLD-BACK=1.9"],
            "PART-HOLD-BACK is less than two",
            id="PART-HOLD-BACK",
        ),
        pytest.param(['#EXT-X-PART:URI="p",DURATION=6'], "EXT-X-PART without EXT-X-PART-INF", id="PART alone"),
        pytest.param(["#EXTINF:6.5,", "long.ts"], "longer than the target duration", id="a long segment"),
        pytest.param(["#EXT-X-MAP:URI=init.mp4"], "URI is not quoted", id="quotes missing"),
        pytest.param(['#EXT-X-START:TIME-OFFSET="1"'], "TIME-OFFSET is quoted", id="quotes too many"),
        pytest.param(["#EXT-X-START:TIME-OFFSET=1,"], "ends in a comma", id="a comma at the end"),
        pytest.param(
            ["#EXT-X-START:TIME-OFFSET=1", "#EXT-X-START:TIME-OFFSET=2"], "START appears twice", id="START twice"
        ),
        pytest.param(["#EXT-X-INDEPENDENT-SEGMENTS"] * 2, "INDEPENDENT-SEGMENTS appears twice", id="INDEPENDENT twice"),
        pytest.param(['#EXT-X-MAP:URI="i",BYTERANGE="9"'], "BYTERANGE without offset", id="MAP without offset"),
        pytest.param(['#EXT-X-KEY:METHOD=NONE,URI="k"'], "has other attributes", id="NONE with others"),
        pytest.param(['#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x1'], "less than 128 bits", id="a short IV"),
        pytest.param(["#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00"], "no time zone", id="date without zone"),
        pytest.param(
            ['#EXT-X-DATERANGE:ID="a",START-DATE="2026-01-01T00:00:00Z"'], "without EXT-X-PROGRAM-DATE", id="DATERANGE"
        ),
        pytest.param(
            ['#EXT-X-PRELOAD-HINT:TYPE=PART,URI="a"', '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="b"'],
            "two EXT",
            id="two hints",
        ),
    ],
)
def test_violations_that_are_noted(tags: list[str], violation: str) -> None:
    [found] = media(one(*tags)).violations
    assert violation in found.reason


@pytest.mark.parametrize(
    ("tags", "rule"),
    [
        pytest.param(["#EXT-X-SERVER-CONTROL:HOLD-BACK=17.9"], "4.4.3.8", id="HOLD-BACK"),
        pytest.param(["#EXT-X-START:TIME-OFFSET=1"] * 2, "4.4.2", id="START twice"),
        pytest.param(['#EXT-X-PRELOAD-HINT:TYPE=PART,URI="a"'] * 2, "6.2.6", id="two hints"),
        pytest.param(['#EXT-X-KEY:METHOD=ROT13,URI="k"'], "6.3.1", id="an unknown value"),
    ],
)
def test_a_violation_names_its_section(tags: list[str], rule: str) -> None:
    [found] = media(one(*tags)).violations
    assert found.rule == f"8216bis {rule}"


def test_the_first_hint_of_a_type_counts() -> None:
    hints = [
        f'#EXT-X-PRELOAD-HINT:TYPE={type_},URI="{uri}"' for type_, uri in (("PART", "a"), ("PART", "b"), ("MAP", "c"))
    ]
    assert [hint.uri for hint in media(one(*hints)).preload_hints] == [BASE + "a", BASE + "c"]


@pytest.mark.parametrize("method", ["AES-128", "AES-256-GCM", "SAMPLE-AES", "SAMPLE-AES-CTR"])
def test_the_methods_of_the_draft(method: str) -> None:
    key = media(one(f'#EXT-X-KEY:METHOD={method},URI="k"')).segments[0].key
    assert key == Key(KeyMethod(method), BASE + "k", None, "identity", (1,))


@pytest.mark.parametrize(
    ("value", "seconds", "violations"),
    [
        pytest.param("6", 6.0, 0, id="whole"),
        pytest.param("6.006", 6.0, 1, id="of a fraction the whole seconds count"),
        pytest.param("4,", 4.0, 1, id="a comma behind it"),
        pytest.param("4 s", 4.0, 1, id="a unit behind it"),
        pytest.param("0", 1.0, 1, id="zero would make clients reload without pause"),
    ],
)
def test_target_duration(value: str, seconds: float, violations: int) -> None:
    playlist = media(f"#EXTM3U\n#EXT-X-TARGETDURATION:{value}\n#EXTINF:{min(seconds, 6)},\ns.ts\n")
    assert playlist.target_duration == seconds
    assert len(playlist.violations) == violations


def test_a_tag_that_is_wrong_a_thousand_times_is_not_read_any_more() -> None:
    wrong, right = "#EXT-X-DATERANGE:ID=1", '#EXT-X-DATERANGE:ID="a",START-DATE="2026-01-01T00:00:00Z"'
    assert [found.id for found in media(one(*[wrong] * 999, right)).dateranges] == ["a"]
    playlist = media(one(*[wrong] * 1000, right))
    assert playlist.dateranges == ()
    assert len(playlist.segments) == 1
    assert reasons(playlist)[-1] == "further EXT-X-DATERANGE ignored"


@pytest.mark.parametrize("blank", ["\u00a0", "\x0c", " ", "\t"])
def test_a_tag_behind_white_space_is_read_wherever_it_stands(blank: str) -> None:
    lines = ["stray.ts", " # x", f"{blank}#EXTINF:4,", "a.ts", "#EXTINF:4,", "b.ts"]
    playlist = media("\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:6", *lines, ""]), reading=FFMPEG)
    assert [segment.uri for segment in playlist.segments] == [BASE + "a.ts", BASE + "b.ts"]


def test_i_frames_only_twice_is_noted() -> None:
    assert reasons(media(one(*["#EXT-X-I-FRAMES-ONLY"] * 2))) == ["EXT-X-I-FRAMES-ONLY appears twice"]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["a", "b", "c"], ["a URI without EXTINF"], id="URIs"),
        pytest.param([" #", " #", " a", " b"], ["white space before #", "a URI without EXTINF"], id="both"),
        pytest.param(["a", " #", " # b"], ["a URI without EXTINF", "white space before #"], id="URI first"),
        pytest.param(["a", "b", " #EXT-X-GAP"], ["a URI without EXTINF", "white space before #"], id="then a tag"),
    ],
)
def test_what_is_out_of_place_is_noted_once_of_each_sort(lines: list[str], expected: list[str]) -> None:
    playlist = media(one(*lines), reading=FFMPEG)
    assert reasons(playlist) == expected
    assert [segment.gap for segment in playlist.segments] == [" #EXT-X-GAP" in lines]


def test_equal_tags_mean_the_same_again() -> None:
    key = '#EXT-X-KEY:METHOD=AES-128,URI="k"'
    lines = [
        key,
        "#EXTINF:6,",
        "a",
        "#EXT-X-KEY:METHOD=NONE",
        "#EXTINF:6,",
        "b",
        key,
        "#EXTINF:6,",
        "../c",
        "#EXTINF:6,",
    ]
    playlist = media("\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:6", *lines, "../c", ""]))
    keys = [segment.key.uri if segment.key is not None else None for segment in playlist.segments]
    assert keys == [BASE + "k", None, BASE + "k", BASE + "k"]
    assert [segment.uri for segment in playlist.segments[2:]] == ["http://origin.example/live/c"] * 2


def test_violations_are_bounded() -> None:
    playlist = media(one(*(f"#EXT-X-KEY:METHOD=M{n}" for n in range(500))))
    assert len(playlist.violations) == 100


def test_byte_ranges_follow_one_another() -> None:
    segments = [
        Segment(0, byte_range="100@50", uri="a.ts"),
        Segment(1, byte_range="30", uri="a.ts"),
        Segment(2, byte_range="7", uri="a.ts"),
        Segment(3, byte_range="5@0", uri="b.ts"),
        Segment(4, uri="c.ts"),
    ]
    playlist = media(Playlist(0, segments, version=4))
    assert [s.byte_range for s in playlist.segments] == [(50, 100), (150, 30), (180, 7), (0, 5), None]


def test_discontinuities_count_up_from_the_header() -> None:
    segments = [Segment(0, discontinuity=True), Segment(1), Segment(2, discontinuity=True)]
    playlist = media(Playlist(0, segments, discontinuity_sequence=5))
    assert [s.discontinuity_sequence for s in playlist.segments] == [6, 6, 7]
    assert [s.discontinuity for s in playlist.segments] == [True, False, True]


@pytest.mark.parametrize(
    ("segments", "dates"),
    [
        pytest.param([Segment(0, date=DATE), Segment(1), Segment(2)], [DATE, DATE + 2, DATE + 4], id="forwards"),
        pytest.param([Segment(0), Segment(1), Segment(2, date=DATE)], [DATE - 4, DATE - 2, DATE], id="backwards"),
        pytest.param([Segment(0, date=DATE), Segment(1, date=DATE + 9)], [DATE, DATE + 9], id="stated wins"),
        pytest.param(
            [Segment(0, date=DATE), Segment(1, discontinuity=True), Segment(2, date=DATE + 100)],
            [DATE, DATE + 2, DATE + 100],
            id="on across a discontinuity",
        ),
        pytest.param(
            [Segment(0), Segment(1, discontinuity=True, date=DATE)], [DATE - 2, DATE], id="back across a discontinuity"
        ),
        pytest.param(
            [
                Segment(0, date=DATE),
                Segment(1, tags=["#EXT-X-PROGRAM-DATE-TIME:2026-01-01T01:00:00Z"], discontinuity=True),
            ],
            [DATE, DATE + 3600],
            id="a date before its own discontinuity tag",
        ),
        pytest.param(
            [Segment(0, tags=["#EXT-X-PROGRAM-DATE-TIME:2026-01-01T08:00:00.5+08:00"])], [DATE + 0.5], id="zone"
        ),
        pytest.param(
            [Segment(0, tags=["#EXT-X-PROGRAM-DATE-TIME:2026-01-01T08:00:00+0800"])], [DATE], id="zone, no colon"
        ),
        pytest.param(
            [Segment(0, tags=["#EXT-X-PROGRAM-DATE-TIME: 2026-01-01t00:00:00z "])], [DATE], id="small letters"
        ),
        pytest.param([Segment(0), Segment(1)], [None, None], id="none"),
    ],
)
def test_dates(segments: list[Segment], dates: list[float | None]) -> None:
    assert [s.program_date_time for s in media(Playlist(0, segments)).segments] == dates


def key(
    uri: str = BASE + "k", iv: bytes | None = None, format_: str = "identity", versions: tuple[int, ...] = (1,)
) -> Key:
    return Key(KeyMethod.AES_128, uri, iv, format_, versions)


def test_keys_are_in_force_until_the_next_of_their_format() -> None:
    segments = [
        Segment(0),
        Segment(1, tags=['#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x' + "0f" * 16]),
        Segment(2),
        Segment(3, tags=['#EXT-X-KEY:METHOD=AES-128,URI="d",KEYFORMAT="com.x",KEYFORMATVERSIONS="1/5"']),
        Segment(4, tags=['#EXT-X-KEY:METHOD=AES-128,URI="k2"']),
        Segment(5, tags=["#EXT-X-KEY:METHOD=NONE"]),
    ]
    playlist = media(Playlist(0, segments))
    first, drm = key(iv=b"\x0f" * 16), key(BASE + "d", format_="com.x", versions=(1, 5))
    second = key(BASE + "k2")
    assert [s.keys for s in playlist.segments] == [(), (first,), (first,), (first, drm), (second, drm), ()]
    assert [s.key for s in playlist.segments] == [None, first, first, first, second, None]


def test_init_sections_gaps_and_bitrates() -> None:
    segments = [
        Segment(0, tags=['#EXT-X-MAP:URI="i.mp4",BYTERANGE="720@10"', "#EXT-X-BITRATE:800"], gap=True),
        Segment(1),
        Segment(2, byte_range="5@0"),
        Segment(3, tags=['#EXT-X-MAP:URI="/j.mp4",BYTERANGE="9"', "#EXT-X-BITRATE:900"]),
    ]
    playlist = media(Playlist(0, segments, version=6))
    old, new = InitSection(BASE + "i.mp4", (10, 720)), InitSection("http://origin.example/j.mp4", (0, 9))
    assert [s.init for s in playlist.segments] == [old, old, old, new]
    assert [s.gap for s in playlist.segments] == [True, False, False, False]
    assert [s.bitrate for s in playlist.segments] == [800, 800, None, 900]


def test_a_date_behind_the_last_segment_is_told_backwards() -> None:
    playlist = media(
        Playlist(4, [Segment(4), Segment(5)], tail=["#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z"], open_parts=[])
    )
    assert [segment.program_date_time for segment in playlist.segments] == [DATE - 4, DATE - 2]


def test_a_discontinuity_before_skip_is_of_what_is_left_out() -> None:
    tags = ["#EXT-X-MEDIA-SEQUENCE:11", "#EXT-X-DISCONTINUITY", "#EXT-X-SKIP:SKIPPED-SEGMENTS=2"]
    [segment] = media(one(*tags)).segments
    assert (segment.sequence, segment.discontinuity_sequence, segment.discontinuity) == (13, 0, False)


def test_low_latency() -> None:
    playlist = media(
        Playlist(
            10,
            [Segment(10), Segment(11, 1.0, parts=[Part(0, independent=True), Part(1, gap=True)])],
            open_parts=[Part(0, 0.5), Part(1, 0.25)],
            tags=[
                "#EXT-X-PART-INF:PART-TARGET=0.5",
                (
                    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12,CAN-SKIP-DATERANGES=YES,"
                    "HOLD-BACK=6,PART-HOLD-BACK=1.5"
                ),
            ],
            tail=[
                '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="next.m4s",BYTERANGE-START=5,BYTERANGE-LENGTH=6',
                '#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="init.mp4"',
                '#EXT-X-RENDITION-REPORT:URI="../1080p/index.m3u8",LAST-MSN=12,LAST-PART=0',
                '#EXT-X-RENDITION-REPORT:URI="../360p/index.m3u8"',
            ],
        )
    )
    assert playlist.violations == ()
    assert playlist.is_low_latency
    assert playlist.server_control == ServerControl(True, 12.0, True, 6.0, 1.5)
    assert (playlist.hold_back, playlist.part_hold_back, playlist.can_skip_until) == (6.0, 1.5, 12.0)
    assert playlist.can_block_reload
    assert playlist.part_target == 0.5
    parts = playlist.segments[1].parts
    assert [(p.sequence, p.index, p.start, p.end, p.independent, p.gap) for p in parts] == [
        (11, 0, 2.0, 2.5, True, False),
        (11, 1, 2.5, 3.0, False, True),
    ]
    assert [(p.sequence, p.index, p.start, p.uri) for p in playlist.open_parts] == [
        (12, 0, 3.0, BASE + "part12.0.m4s"),
        (12, 1, 3.5, BASE + "part12.1.m4s"),
    ]
    assert (playlist.duration, playlist.edge) == (3.0, 3.75)
    assert playlist.next_sequence == 12
    assert playlist.preload_hints == (
        PreloadHint(HintType.PART, BASE + "next.m4s", 5, 6),
        PreloadHint(HintType.MAP, BASE + "init.mp4", 0, None),
    )
    assert playlist.rendition_reports == (
        RenditionReport("http://origin.example/live/1080p/index.m3u8", 12, 0),
        RenditionReport("http://origin.example/live/360p/index.m3u8", None, None),
    )


def test_what_the_open_segment_needs_is_told_apart_from_what_the_last_one_did() -> None:
    lines = ["#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-TARGETDURATION:2", "#EXT-X-PART-INF:PART-TARGET=0.5"]
    lines += ['#EXT-X-MAP:URI="a.mp4"', '#EXT-X-KEY:METHOD=AES-128,URI="k1"', "#EXTINF:2.0,", "1.mp4"]
    lines += ['#EXT-X-MAP:URI="b.mp4"', '#EXT-X-KEY:METHOD=AES-128,URI="k2"', '#EXT-X-PART:DURATION=0.5,URI="2.0.mp4"']
    playlist = media("\n".join([*lines, ""]))
    assert playlist.open_init == InitSection(BASE + "b.mp4", None)
    assert [key.uri for key in playlist.open_keys] == [BASE + "k2"]
    assert playlist.segments[0].init == InitSection(BASE + "a.mp4", None)
    assert [key.uri for key in playlist.segments[0].keys] == [BASE + "k1"]


def test_parts_in_one_resource() -> None:
    lines = [f'#EXT-X-PART:URI="s.mp4",DURATION=1,BYTERANGE="{r}"' for r in ("10@4", "20", "5")]
    playlist = media(one("#EXT-X-PART-INF:PART-TARGET=1", "#EXT-X-SERVER-CONTROL:PART-HOLD-BACK=3", *lines))
    assert [p.byte_range for p in playlist.segments[0].parts] == [(4, 10), (14, 20), (34, 5)]


def test_a_part_without_offset_continues_a_part_of_its_own_segment_only() -> None:
    """4.4.4.9; hls.js begins at 0."""
    part = '#EXT-X-PART:URI="s.mp4",DURATION=1,BYTERANGE='
    text = one("#EXT-X-PART-INF:PART-TARGET=1", f'{part}"100@0"', f'{part}"50"') + f'{part}"70"\n'
    playlist = media(text)
    assert [p.byte_range for p in (*playlist.segments[0].parts, *playlist.open_parts)] == [(0, 100), (100, 50), (0, 70)]
    with pytest.raises(PlaylistError, match="without offset"):
        media(text, reading=STRICT)


def test_header_tags() -> None:
    playlist = media(
        one(
            "#EXT-X-INDEPENDENT-SEGMENTS",
            "#EXT-X-I-FRAMES-ONLY",
            "#EXT-X-START:TIME-OFFSET=-12.5,PRECISE=YES",
            "#EXT-X-ALLOW-CACHE:NO",
            "#EXT-X-PLAYLIST-TYPE:EVENT",
        )
    )
    assert playlist.independent_segments
    assert playlist.i_frames_only
    assert playlist.start == Start(-12.5, precise=True)
    assert playlist.allow_cache is False
    assert playlist.playlist_type is PlaylistType.EVENT


def test_a_delta_update() -> None:
    playlist = media(Playlist(100, [Segment(n) for n in range(100, 110)]).delta(8))
    assert playlist.skip is not None
    assert (playlist.skipped_segments, playlist.media_sequence, playlist.first_sequence) == (8, 100, 108)
    assert [s.sequence for s in playlist.segments] == [108, 109]
    assert playlist.next_sequence == 110


def test_the_date_that_date_ranges_need_may_be_left_out_of_a_delta() -> None:
    tags = ["#EXT-X-SKIP:SKIPPED-SEGMENTS=1", '#EXT-X-DATERANGE:ID="a",START-DATE="2026-01-01T00:00:00Z"']
    assert media(one(*tags)).violations == ()


def test_date_ranges_with_one_id_add_up() -> None:
    playlist = media(
        one(
            "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z",
            '#EXT-X-DATERANGE:ID="ad",CLASS="c",START-DATE="2026-01-01T00:00:00Z",PLANNED-DURATION=30,X-A="1",CUE="PRE,ONCE"',
            '#EXT-X-DATERANGE:ID="ad",DURATION=29.5,SCTE35-IN=0xFC,X-B=2',
        )
    )
    [ad] = playlist.dateranges
    assert (ad.id, ad.class_, ad.start_date, ad.end_date) == ("ad", "c", DATE, None)
    assert (ad.duration, ad.planned_duration, ad.cue, ad.end_on_next) == (29.5, 30.0, ("PRE", "ONCE"), False)
    assert dict(ad.attributes) == {"X-A": "1", "SCTE35-IN": "0xFC", "X-B": "2"}


def test_an_empty_playlist_is_a_playlist() -> None:
    playlist = media("#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:4\n")
    assert (playlist.segments, playlist.duration, playlist.edge) == ((), 0.0, 0.0)
    assert (playlist.last_sequence, playlist.next_sequence) == (None, 4)
    assert playlist.segment_at(0.0) is None


@pytest.mark.parametrize(
    ("line", "uri"),
    [
        pytest.param("s.ts?token=a/../b", BASE + "s.ts?token=a/../b", id="dots in a query"),
        pytest.param("a/s.ts", BASE + "a/s.ts", id="a directory"),
        pytest.param("./s.ts", BASE + "s.ts", id="a dot"),
        pytest.param("../s.ts", "http://origin.example/live/s.ts", id="two dots"),
        pytest.param("a/../s.ts", BASE + "s.ts", id="two dots within"),
        pytest.param("/s.ts", "http://origin.example/s.ts", id="absolute path"),
        pytest.param("//cdn.example/s.ts", "http://cdn.example/s.ts", id="another host"),
        pytest.param("https://cdn.example/s.ts", "https://cdn.example/s.ts", id="absolute"),
        pytest.param("?s=1", URL + "?s=1", id="only a query"),
        pytest.param("a b.ts", BASE + "a%20b.ts", id="a space"),
        pytest.param("é.ts", BASE + "%C3%A9.ts", id="beyond ASCII"),
        pytest.param("a:b.ts", "a:b.ts", id="a colon makes a scheme"),
    ],
)
def test_segment_uris(line: str, uri: str) -> None:
    assert media(one(segment=line)).segments[0].uri == uri


@pytest.mark.parametrize(("before", "found"), [("", []), ("#\tx\n", ["control characters"])])
def test_tabs_between_removed_dateranges_are_no_violation_and_others_are(before: str, found: list[str]) -> None:
    text = (
        f"#EXTM3U\n#EXT-X-VERSION:10\n{before}#EXT-X-TARGETDURATION:2\n"
        "#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=12.0,CAN-SKIP-DATERANGES=YES\n"
        '#EXT-X-SKIP:SKIPPED-SEGMENTS=1,RECENTLY-REMOVED-DATERANGES="a\tb"\n#EXTINF:2,\n1.mp4\n'
    )
    playlist = parse_playlist(text.encode(), "http://o/p.m3u8")
    assert isinstance(playlist, MediaPlaylist)
    assert playlist.skip is not None
    assert playlist.skip.removed_dateranges == ("a", "b")
    assert [violation.reason for violation in playlist.violations] == found
