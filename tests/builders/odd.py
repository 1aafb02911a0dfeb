"""Odd playlists that players play although a server may not write them so, and who of them refuses which.

`+` plays, `-` refuses, in the order hls.js, Media3, Shaka, FFmpeg; what is none of these is not known.
"""

from dataclasses import dataclass

from tests.builders.wild import media, one, text_of, variant

from hls_swarm.hls.reading import Player
from hls_swarm.viewer.profiles import PROFILES

ALL = "++++"
READINGS = {name: profile.reading for name, profile in PROFILES.items()}
LOW, A, AB = ("low.m3u8",), ("a.ts",), ("a.ts", "b.ts")


@dataclass(frozen=True)
class Odd:
    """A playlist and what comes of it.

    Attributes:
        body: as a server sends it.
        uris: of its segments or variants, without their directory.
        violation: part of the reason that is noted.
        line: where; 0 is the playlist as a whole.
        played_by: see above.
    """

    id: str
    body: bytes
    uris: tuple[str, ...]
    violation: str
    line: int
    played_by: str = ALL

    @property
    def refused_by(self) -> tuple[Player, ...]:
        return tuple(player for player, plays in zip(Player, self.played_by, strict=True) if plays == "-")


def odd(id_: str, text: str, uris: tuple[str, ...], violation: str, line: int, played_by: str = ALL) -> Odd:
    return Odd(id_, text.encode(), uris, violation, line, played_by)


def header(*tags: str) -> str:
    """A live playlist of two segments whose header is these tags."""
    return text_of(*tags, "#EXTINF:6,", "a.ts", "#EXTINF:6,", "b.ts")


LIST = [
    odd(f"STREAM-INF: {attributes}", variant(attributes), LOW, violation, 2)
    for attributes, violation in {
        "BANDWIDTH=1280000.0": "BANDWIDTH is not a decimal integer",
        "BANDWIDTH=66406.2,RESOLUTION=640x360": "BANDWIDTH is not",
        "BANDWIDTH=9,AVERAGE-BANDWIDTH=9.5": "AVERAGE-BANDWIDTH is not",
        "BANDWIDTH=9,RESOLUTION=": "RESOLUTION is not",
        "BANDWIDTH=9,RESOLUTION=640*360": "RESOLUTION is not",
        "BANDWIDTH=9,RESOLUTION=640.0x360.0": "RESOLUTION is not",
        "BANDWIDTH=9,FRAME-RATE=30000/1001": "FRAME-RATE is not",
        "BANDWIDTH=9,FRAME-RATE=NaN": "FRAME-RATE is not",
        "BANDWIDTH=9,SCORE=-1": "SCORE is not",
        "BANDWIDTH=9,PROGRAM-ID=abc": "PROGRAM-ID is not",
        "BANDWIDTH=9,,RESOLUTION=640x360": "malformed attribute list",
        ",BANDWIDTH=9": "malformed attribute list",
        "BANDWIDTH=9,FOO,RESOLUTION=640x360": "malformed attribute list",
        "FOO,BANDWIDTH=9": "malformed attribute list",
        'BANDWIDTH=9,CODECS="avc1.4d401f': "malformed attribute list",
        'CODECS="avc1.4d401f,BANDWIDTH=9': "malformed attribute list",
        'BANDWIDTH=9,NAME="a"b"': "malformed attribute list",
        'NAME="a"b",BANDWIDTH=9': "malformed attribute list",
        "BANDWIDTH=9;RESOLUTION=640x360": "BANDWIDTH is not",
        'CODECS="avc1";BANDWIDTH=9': "malformed attribute list",
        "BANDWIDTH=9,CLOSED CAPTIONS=NONE": "malformed attribute list",
        "BANDWIDTH=9,CODECS=avc1.42c015,mp4a.40.2,RESOLUTION=426x240": "malformed attribute list",
        'BANDWIDTH=9,NAME="720p",NAME="hd"': "attribute NAME appears twice",
        'BANDWIDTH=9,CODECS="avc1",CODECS="hvc1"': "attribute CODECS appears twice",
        "BANDWIDTH=9,VIDEO-RANGE=DARK": "VIDEO-RANGE=DARK is not recognized",
        "BANDWIDTH=9,HDCP-LEVEL=TYPE-9": "HDCP-LEVEL=TYPE-9 is not",
        "BANDWIDTH=9,CLOSED-CAPTIONS=cc": "CLOSED-CAPTIONS=cc is not",
        "BANDWIDTH=+9": "BANDWIDTH is not",
    }.items()
]
RENDITIONS = [
    odd(f"MEDIA: {attributes}", variant("BANDWIDTH=9", f"#EXT-X-MEDIA:TYPE=AUDIO,{attributes}"), LOW, why, 2, who)
    for attributes, why, who in (
        ('GROUP-ID="a",URI="e.m3u8"', "NAME is missing", ALL),
        ('GROUP-ID="a",NAME="",URI="e.m3u8"', "NAME is empty", "+-++"),
        ('GROUP-ID="a",NAME="E",BIT-DEPTH=x', "BIT-DEPTH is not", ALL),
        ('GROUP-ID="a",NAME="E",SAMPLE-RATE=44.1k', "SAMPLE-RATE is not", ALL),
        ('GROUP-ID="a",NAME="E",DEFAULT=TRUE', "DEFAULT=TRUE is neither", ALL),
        ('GROUP-ID="a",NAME="E"U"', "malformed attribute list", ALL),
    )
]
TAGS = [
    odd(f"{tag}", media(tag, "#EXTINF:6,", "a.ts", "#EXTINF:6,", "b.ts"), AB, why, 3, who)
    for tag, why, who in (
        ("#EXT-X-SERVER-CONTROL:HOLD-BACK:12", "malformed attribute list", ALL),
        ("#EXT-X-SERVER-CONTROL:HOLD-BACK=x", "HOLD-BACK is not", ALL),
        ("#EXT-X-SERVER-CONTROL:HOLD-BACK=-3", "HOLD-BACK is not", ALL),
        ("#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=YES", "CAN-SKIP-UNTIL is not", ALL),
        ("#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=1", "CAN-BLOCK-RELOAD=1 is neither", ALL),
        ("#EXT-X-PART-INF:PART-TARGET=0", "PART-TARGET is missing or 0", ALL),
        ("#EXT-X-PART-INF:PART-TARGET=one", "PART-TARGET is not", ALL),
        ('#EXT-X-PART:DURATION=1,URI="p.m4s",BYTERANGE="1000"', "without offset", ALL),
        ("#EXT-X-PART:DURATION=1", "URI is missing", "+-++"),
        ('#EXT-X-PART:URI="p.m4s"', "DURATION is missing", "+-++"),
        ("#EXT-X-VERSION:0", "version 0 does not exist", ALL),
        ("#EXT-X-VERSION:3.0", "version is not a decimal integer", ALL),
        ("#EXT-X-VERSION:x", "version is not a decimal integer", "+-++"),
        ("#EXT-X-VERSION:", "version is not a decimal integer", "+-++"),
        ("#EXT-X-MEDIA-SEQUENCE:5.0", "media sequence number is not", ALL),
        ("#EXT-X-MEDIA-SEQUENCE:", "media sequence number is not", "+-++"),
        ("#EXT-X-MEDIA-SEQUENCE:-5", "media sequence number is not", "+-++"),
        ("#EXT-X-DISCONTINUITY-SEQUENCE:one", "discontinuity sequence number is not", ALL),
        ('#EXT-X-MAP:URI="init.mp4",BYTERANGE="x"', "EXT-X-MAP: BYTERANGE is not", ALL),
        ('#EXT-X-MAP:URI="init.mp4', "malformed attribute list", ALL),
        ('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=' + "0f" * 16, "IV is not", ALL),
        ('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x' + "0f" * 17, "IV is not", ALL),
        ('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=', "IV is not", ALL),
        ('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=[IV]', "IV is not", ALL),
        ('#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x1,IV=0x2', "attribute IV appears twice", ALL),
        (
            '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://k",KEYFORMAT="com.x",KEYFORMATVERSIONS="1.0"',
            "KEYFORMATVERSIONS is not",
            ALL,
        ),
        ('#EXT-X-SESSION-KEY:METHOD=AES-128,URI="k"', "EXT-X-SESSION-KEY does not belong", ALL),
        ('#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="E"', "EXT-X-MEDIA does not belong", ALL),
        ('#EXT-X-SESSION-DATA:DATA-ID="a",VALUE="b"', "EXT-X-SESSION-DATA does not belong", ALL),
        ('#EXT-X-CONTENT-STEERING:SERVER-URI="/s"', "EXT-X-CONTENT-STEERING does not belong", ALL),
        ('#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i"', "EXT-X-I-FRAME-STREAM-INF does not belong", ALL),
        ("#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8", "EXT-X-STREAM-INF does not belong", ALL),
        ('#EXT-X-DEFINE:QUERYPARAM="empty"', "query parameter empty has no value", ALL),
        ("#EXT-X-BYTERANGE:10-20", "EXT-X-BYTERANGE is not", ALL),
    )
]
TWICE = [
    odd(f"{tag} twice", header("#EXT-X-TARGETDURATION:6", tag, tag), AB, "appears twice", 4, "-+++")
    for tag in (
        "#EXT-X-MEDIA-SEQUENCE:7",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-ENDLIST",
        "#EXT-X-SERVER-CONTROL:HOLD-BACK=18",
        "#EXT-X-DISCONTINUITY-SEQUENCE:3",
        "#EXT-X-VERSION:4",
    )
] + [
    odd(
        "MEDIA-SEQUENCE of 0 twice",
        header("#EXT-X-TARGETDURATION:6", *["#EXT-X-MEDIA-SEQUENCE:0"] * 2),
        AB,
        "appears twice",
        4,
    ),
    odd("TARGETDURATION twice", header(*["#EXT-X-TARGETDURATION:6"] * 2), AB, "appears twice", 3, "-+++"),
    odd("VERSION twice among variants", variant("BANDWIDTH=9", *["#EXT-X-VERSION:4"] * 2), LOW, "appears twice", 3),
]
DURATIONS = [
    odd(f"EXTINF {extinf}", media(f"#EXTINF:{extinf}", "a.ts", "#EXTINF:6,", "b.ts"), AB, "no decimal duration", 3)
    for extinf in ("4e0,", "+4.0,", "4 title", '4 tvg-id="x",Channel', '2 group-title="T",one', "4s,", "-1,radio", ",x")
] + [
    odd(f"TARGETDURATION {value}", header(f"#EXT-X-TARGETDURATION:{value}"), AB, "target duration is not", 2)
    for value in ("6,", "6;", "6,0", "6.5", "6 s", "-6")
]
SEGMENTS = [
    odd(
        "a byte range of another file without offset",
        media("#EXTINF:6,", "#EXT-X-BYTERANGE:9@5", "a.ts", "#EXTINF:6,", "#EXT-X-BYTERANGE:9", "b.ts"),
        AB,
        "without offset follows no byte range",
        8,
    ),
    odd("a URI without EXTINF", media("#EXTINF:6,", "a.ts", "b.ts"), AB, "a URI without EXTINF", 5, "++-+"),
    odd("a DISCONTINUITY-SEQUENCE late", one() + "#EXT-X-DISCONTINUITY-SEQUENCE:3\n", A, "comes after the first", 5),
    odd("a MEDIA-SEQUENCE late", one() + "#EXT-X-MEDIA-SEQUENCE:3\n", A, "comes after the first segment", 5),
    odd(
        "a DISCONTINUITY-SEQUENCE after a DISCONTINUITY",
        one("#EXT-X-DISCONTINUITY", "#EXT-X-DISCONTINUITY-SEQUENCE:3"),
        A,
        "comes after EXT-X-DISCONTINUITY",
        4,
    ),
    odd(
        "SKIP before MEDIA-SEQUENCE",
        one("#EXT-X-SKIP:SKIPPED-SEGMENTS=3", "#EXT-X-MEDIA-SEQUENCE:9"),
        A,
        "comes after EXT-X-SKIP",
        4,
    ),
    odd("an undefined variable", one(uri="{$x}/a.ts"), ("{$x}/a.ts",), "variable x is not defined", 4, "-+++"),
]
LINES = [
    odd("CR alone", one("#EXT-X-ENDLIST").replace("\n", "\r"), A, "end in CR alone", 0),
    odd("CR and LF", one("#EXT-X-ENDLIST").replace("6\n", "6\r"), A, "end in CR alone", 0),
    odd("a blank line before EXTM3U", "\n\r\n" + one(), A, "something stands before", 3, "+++-"),
    odd("spaces before EXTM3U", "  " + one(), A, "something stands before", 1, "-++-"),
    odd("a blank line before EXTM3U and variants", "\n" + variant("BANDWIDTH=9"), LOW, "stands before", 2, "-++-"),
    Odd("Latin-1 in a title", one().replace("6,", "6,Caf\xe9").encode("latin-1"), A, "not UTF-8", 3),
    Odd("Latin-1 in a comment", one("# Caf\xe9").encode("latin-1"), A, "not UTF-8", 3),
    Odd("Latin-1 in a NAME", variant('BANDWIDTH=9,NAME="\xe9"').encode("latin-1"), LOW, "not UTF-8", 2),
]
KINDS = [
    odd(f"{tag} among variants", variant("BANDWIDTH=9", tag), LOW, f"{tag[1:].partition(':')[0]} does not belong", 2)
    for tag in ("#EXT-X-ENDLIST", "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-MEDIA-SEQUENCE:1", "#EXT-X-TARGETDURATION:6")
] + [
    odd("segments after a session key", text_of('#EXT-X-SESSION-KEY:METHOD=NONE,URI="k"') + one()[8:], A, "belong", 2),
]
MISSING = [
    odd(
        "no TARGETDURATION: VOD",
        header("#EXT-X-MEDIA-SEQUENCE:1") + "#EXT-X-ENDLIST\n",
        AB,
        "EXT-X-TARGETDURATION is missing",
        0,
        "-+++",
    ),
    odd("no TARGETDURATION: live", header("#EXT-X-MEDIA-SEQUENCE:1"), AB, "TARGETDURATION is missing", 0, "-+-+"),
    odd("nothing but segments: live", header("#EXT-X-VERSION:3"), AB, "EXT-X-TARGETDURATION is missing", 0, "-+--"),
    odd("no BANDWIDTH", variant('CODECS="avc1.4d401f"'), LOW, "BANDWIDTH is missing", 2, "+--+"),
]
ROWS = (
    *LIST,
    *RENDITIONS,
    *TAGS,
    *TWICE,
    *DURATIONS,
    *SEGMENTS,
    *LINES,
    *KINDS,
    *MISSING,
)
