import pytest
from tests.builders.playlists import Multivariant, Variant

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import (
    ContentSteering,
    HdcpLevel,
    KeyMethod,
    MediaType,
    MultivariantPlaylist,
    SessionData,
    SessionDataFormat,
    Start,
    VideoRange,
)
from hls_swarm.hls.reading import STRICT

URL = "https://cdn.example/vod/main.m3u8"
BASE = "https://cdn.example/vod/"


def multivariant(source: Multivariant | str, url: str = URL) -> MultivariantPlaylist:
    playlist = parse_playlist(source.body if isinstance(source, Multivariant) else source.encode(), url)
    assert isinstance(playlist, MultivariantPlaylist)
    return playlist


def test_a_variant_with_everything() -> None:
    attributes = (
        'AVERAGE-BANDWIDTH=900000,SCORE=1.5,CODECS="avc1.4d401f,mp4a.40.2",SUPPLEMENTAL-CODECS="dvh1.08.07/db4h",'
        'RESOLUTION=1280x720,FRAME-RATE=59.94,HDCP-LEVEL=TYPE-1,ALLOWED-CPC="com.x:A/B",VIDEO-RANGE=PQ,'
        'REQ-VIDEO-LAYOUT="CH-STEREO",STABLE-VARIANT-ID="v1",AUDIO="a",VIDEO="v",SUBTITLES="s",CLOSED-CAPTIONS="c",'
        'PATHWAY-ID="west",NAME="720p",PROGRAM-ID=1,UNHEARD-OF=2'
    )
    groups = [
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="n"',
        '#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID="v",NAME="n"',
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="n",URI="s.m3u8",FORCED=YES',
        '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="c",NAME="n",INSTREAM-ID="CC1"',
    ]
    playlist = multivariant(Multivariant([Variant("720p/index.m3u8", 1_000_000, attributes)], groups))
    [variant] = playlist.variants
    assert variant.uri == BASE + "720p/index.m3u8"
    assert (variant.bandwidth, variant.average_bandwidth, variant.score) == (1_000_000, 900_000, 1.5)
    assert variant.codecs == ("avc1.4d401f", "mp4a.40.2")
    assert variant.supplemental_codecs == ("dvh1.08.07/db4h",)
    assert (variant.width, variant.height, variant.frame_rate) == (1280, 720, 59.94)
    assert (variant.hdcp_level, variant.allowed_cpc) == (HdcpLevel.TYPE_1, "com.x:A/B")
    assert (variant.video_range, variant.req_video_layout) == (VideoRange.PQ, "CH-STEREO")
    assert (variant.stable_variant_id, variant.pathway_id) == ("v1", "west")
    assert (variant.audio, variant.video, variant.subtitles, variant.closed_captions) == ("a", "v", "s", "c")
    assert (variant.name, variant.program_id, variant.no_closed_captions) == ("720p", 1, False)
    assert playlist.violations == ()


def test_a_variant_with_nothing_but_bandwidth() -> None:
    [variant] = multivariant(Multivariant([Variant("v.m3u8", 5)])).variants
    assert (variant.bandwidth, variant.average_bandwidth, variant.width, variant.frame_rate) == (5, None, None, None)
    assert (variant.codecs, variant.audio, variant.pathway_id, variant.video_range) == ((), None, ".", VideoRange.SDR)


def test_no_closed_captions() -> None:
    [variant] = multivariant(Multivariant([Variant("v.m3u8", 5, "CLOSED-CAPTIONS=NONE")])).variants
    assert (variant.closed_captions, variant.no_closed_captions) == (None, True)


def test_renditions() -> None:
    tags = [
        (
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="English",URI="en.m3u8",LANGUAGE="en",ASSOC-LANGUAGE="en-GB",'
            'DEFAULT=YES,STABLE-RENDITION-ID="r1",BIT-DEPTH=16,SAMPLE-RATE=48000,CHANNELS="6",'
            'CHARACTERISTICS="public.a,public.b",PATHWAY-ID="east"'
        ),
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aac",NAME="Deutsch",AUTOSELECT=YES',
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="ac3",NAME="English",URI="en-ac3.m3u8"',
    ]
    playlist = multivariant(Multivariant([Variant("v.m3u8", 5, 'AUDIO="aac"')], tags))
    english, german = playlist.group(MediaType.AUDIO, "aac")
    assert (english.uri, english.language, english.assoc_language) == (BASE + "en.m3u8", "en", "en-GB")
    assert (english.default, english.autoselect, english.stable_rendition_id) == (True, True, "r1")
    assert (english.bit_depth, english.sample_rate, english.channels) == (16, 48000, "6")
    assert (english.characteristics, english.pathway_id) == (("public.a", "public.b"), "east")
    assert (german.uri, german.default, german.autoselect, german.pathway_id) == (None, False, True, ".")
    assert playlist.group(MediaType.SUBTITLES, "aac") == ()
    assert playlist.group(MediaType.AUDIO, None) == ()


def test_the_other_tags() -> None:
    playlist = multivariant(
        Multivariant(
            [Variant("v.m3u8")],
            [
                "#EXT-X-VERSION:7",
                "#EXT-X-INDEPENDENT-SEGMENTS",
                "#EXT-X-START:TIME-OFFSET=3",
                '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=7,URI="i.m3u8",RESOLUTION=640x360',
                '#EXT-X-SESSION-DATA:DATA-ID="com.t",VALUE="Title",LANGUAGE="en"',
                '#EXT-X-SESSION-DATA:DATA-ID="com.u",URI="d.json",FORMAT=RAW',
                '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://k",KEYFORMAT="com.apple.streamingkeydelivery"',
                '#EXT-X-CONTENT-STEERING:SERVER-URI="/steer?a=1",PATHWAY-ID="east"',
            ],
        )
    )
    assert (playlist.version, playlist.independent_segments, playlist.start) == (7, True, Start(3.0, precise=False))
    [iframe] = playlist.i_frame_variants
    assert (iframe.uri, iframe.bandwidth, iframe.height) == (BASE + "i.m3u8", 7, 360)
    assert playlist.session_data == (
        SessionData("com.t", "Title", None, SessionDataFormat.JSON, "en"),
        SessionData("com.u", None, BASE + "d.json", SessionDataFormat.RAW, None),
    )
    [key] = playlist.session_keys
    assert (key.method, key.uri) == (KeyMethod.SAMPLE_AES, "skd://k")
    assert playlist.content_steering == ContentSteering("https://cdn.example/steer?a=1", "east")
    assert playlist.violations == ()


@pytest.mark.parametrize(
    ("text", "reason", "line", "rule"),
    [
        pytest.param('#EXT-X-STREAM-INF:CODECS="a"\nv', "BANDWIDTH is missing", 2, "4.4.6.2", id="no BANDWIDTH"),
        pytest.param("#EXT-X-STREAM-INF:BANDWIDTH=1.5\nv", "not a decimal integer", 2, "4.2", id="BANDWIDTH malformed"),
        pytest.param("#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=HD\nv", "<width>x", 2, "4.2", id="RESOLUTION malformed"),
        pytest.param('#EXT-X-MEDIA:GROUP-ID="a",NAME="b"', "TYPE is missing", 2, "4.4.6.1", id="MEDIA without TYPE"),
        pytest.param('#EXT-X-MEDIA:TYPE=AUDIO,NAME="b"', "GROUP-ID is missing", 2, "4.4.6.1", id="MEDIA without group"),
        pytest.param('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="b"', "NAME is missing", 2, "4.4.6.1", id="MEDIA without NAME"),
        pytest.param(
            "#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n#EXTINF:1,\ns", "not belong in a multivariant", 4, "4.4.6", id="segments"
        ),
        pytest.param(
            "#EXT-X-STREAM-INF:BANDWIDTH=1\nv\n#EXT-X-TARGETDURATION:1", "not belong", 4, "4.4.6", id="TARGETDURATION"
        ),
    ],
)
def test_what_the_draft_has_a_client_refuse(text: str, reason: str, line: int, rule: str) -> None:
    with pytest.raises(PlaylistError) as raised:
        parse_playlist(f"#EXTM3U\n{text}\n".encode(), URL, {}, STRICT)
    assert reason in raised.value.reason
    assert (raised.value.line, raised.value.rule) == (line, f"8216bis {rule}")


@pytest.mark.parametrize(
    ("tags", "violation"),
    [
        pytest.param(["stray.m3u8"], "a URI without EXT-X-STREAM-INF", id="a URI alone"),
        pytest.param(["#EXT-X-STREAM-INF:BANDWIDTH=1"], "EXT-X-STREAM-INF without a URI", id="STREAM-INF alone"),
        pytest.param(
            [" #EXT-X-STREAM-INF:BANDWIDTH=1", "x.m3u8"], "white space before #", id="white space before a tag"
        ),
        pytest.param(["#EXT-X-STREAM-INF:BANDWIDTH=1", "  # c", "x.m3u8"], "white space before #", id="or a comment"),
        pytest.param(
            ["#EXT-X-STREAM-INF:BANDWIDTH=1,VIDEO-RANGE=XDR", "x.m3u8"], "VIDEO-RANGE=XDR", id="unknown VIDEO-RANGE"
        ),
        pytest.param(
            ["#EXT-X-STREAM-INF:BANDWIDTH=1,HDCP-LEVEL=TYPE-9", "x.m3u8"], "HDCP-LEVEL=TYPE-9", id="unknown HDCP-LEVEL"
        ),
        pytest.param(['#EXT-X-MEDIA:TYPE=SMELL,GROUP-ID="a",NAME="b"'], "TYPE=SMELL", id="unknown TYPE"),
        pytest.param(['#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="a",NAME="b"'], "subtitles have no URI", id="no URI"),
        pytest.param(
            ['#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="a",NAME="b",INSTREAM-ID="CC1",URI="u"'],
            "have a URI",
            id="URI",
        ),
        pytest.param(['#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="a",NAME="b"'], "INSTREAM-ID", id="no INSTREAM-ID"),
        pytest.param(
            ['#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="b",DEFAULT=YES,AUTOSELECT=NO'], "DEFAULT=YES", id="DEFAULT"
        ),
        pytest.param(['#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="b",FORCED=YES'], "FORCED", id="FORCED"),
        pytest.param(['#EXT-X-SESSION-DATA:DATA-ID="a"'], "one of VALUE and URI", id="SESSION-DATA neither"),
        pytest.param(
            ['#EXT-X-SESSION-DATA:DATA-ID="a",VALUE="1"', '#EXT-X-SESSION-DATA:DATA-ID="a",VALUE="2"'],
            "same",
            id="twice",
        ),
        pytest.param(["#EXT-X-SESSION-KEY:METHOD=NONE"], "METHOD is NONE", id="SESSION-KEY NONE"),
        pytest.param(['#EXT-X-CONTENT-STEERING:PATHWAY-ID="a"'], "SERVER-URI is missing", id="STEERING without URI"),
        pytest.param(['#EXT-X-CONTENT-STEERING:SERVER-URI="a"'] * 2, "STEERING appears twice", id="STEERING twice"),
        pytest.param(["#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1"], "URI is missing", id="I-FRAME without URI"),
        pytest.param(['#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="gone"', "v.m3u8"], "no AUDIO group gone", id="no group"),
    ],
)
def test_what_players_put_up_with(tags: list[str], violation: str) -> None:
    playlist = multivariant(Multivariant([Variant("last.m3u8")], tags))
    assert playlist.variants[-1].uri == BASE + "last.m3u8"
    [found] = playlist.violations
    assert violation in found.reason


def test_white_space_before_a_tag_behind_stray_lines() -> None:
    playlist = multivariant(
        "#EXTM3U\n#EXT-X-VERSION:3\nstray\n # c\nstray\n  #c\n #EXT-X-STREAM-INF:BANDWIDTH=1\n # c\n y.m3u8\n"
    )
    assert [v.uri for v in playlist.variants] == [BASE + "y.m3u8"]
    assert [(v.line, v.reason) for v in playlist.violations] == [
        (3, "a URI without EXT-X-STREAM-INF"),
        (4, "white space before #"),
    ]


def test_a_variant_that_is_ignored_takes_its_uri_with_it() -> None:
    body = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,VIDEO-RANGE=XDR\nx\n#EXT-X-STREAM-INF:BANDWIDTH=2\n\n#c\ny.m3u8\n"
    playlist = parse_playlist(body, URL, {}, STRICT)
    assert isinstance(playlist, MultivariantPlaylist)
    assert [v.uri for v in playlist.variants] == [BASE + "y.m3u8"]


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        pytest.param("#EXT-X-STREAM-INF:BANDWIDTH=1\na", "variants", id="variants"),
        pytest.param('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="b"', "renditions", id="renditions"),
    ],
)
def test_a_playlist_without_measure_is_refused(entry: str, what: str) -> None:
    first = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na\n"
    parse_playlist((first + f"{entry}\n" * 9_999).encode(), URL)
    with pytest.raises(PlaylistError, match=f"more than 10,000 {what}"):
        parse_playlist((first + f"{entry}\n" * 10_001).encode(), URL)


def test_equal_variants_keep_their_own_uris() -> None:
    same = "#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=640x360"
    playlist = parse_playlist(f"#EXTM3U\n{same}\na.m3u8\n{same}\nb.m3u8\n".encode(), URL)
    assert isinstance(playlist, MultivariantPlaylist)
    assert [variant.uri.rpartition("/")[2] for variant in playlist.variants] == ["a.m3u8", "b.m3u8"]
    assert {(variant.bandwidth, variant.height) for variant in playlist.variants} == {(800_000, 360)}


def test_a_tag_behind_any_white_space_is_read_after_a_stray_uri() -> None:
    body = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na\nstray\n\u00a0#EXT-X-STREAM-INF:BANDWIDTH=2\nb\n"
    playlist = parse_playlist(body.encode(), URL)
    assert isinstance(playlist, MultivariantPlaylist)
    assert [variant.bandwidth for variant in playlist.variants] == [1, 2]
