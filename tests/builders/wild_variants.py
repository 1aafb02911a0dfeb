"""Wild multivariant playlists."""

from collections.abc import Iterator

from tests.builders.wild import BASE, BOTH, M3U8, Difference, Wild, one, row, text_of, variant


def plain_variant(
    uri: str, bandwidth: int, *, size: tuple[int, int] | None = None, audio: str | None = None
) -> tuple[object, ...]:
    """A variant as the test's `variant_facts` has it."""
    return (BASE + uri, bandwidth, None, (), size, None, "SDR", None, audio, *[None] * 3, ".", *[None] * 3)


def multivariant() -> Iterator[Wild]:
    yield row(
        "variants",
        text_of(
            "#EXT-X-STREAM-INF:PROGRAM-ID=1, BANDWIDTH=640000",
            "https://cdn.example/low.m3u8",
            '#EXT-X-STREAM-INF:PROGRAM-ID=1,BANDWIDTH=96000,CODECS="mp4a.40.2"',
            "audio.m3u8",
        ),
    )
    yield row(
        "attributes in another order",
        variant('NAME="480",RESOLUTION=848x480,CODECS="avc1.64001f, mp4a.40.2",BANDWIDTH=9'),
    )
    yield row(
        "all that is known of bit rates and frames",
        variant("BANDWIDTH=9,AVERAGE-BANDWIDTH=7,FRAME-RATE=29.97003,SCORE=1.5"),
    )
    yield row("frame rate without a fraction", variant("BANDWIDTH=9,FRAME-RATE=50"))
    yield row("video range and HDCP", variant("BANDWIDTH=9,VIDEO-RANGE=PQ,HDCP-LEVEL=TYPE-1"))
    yield row("HLG", variant("BANDWIDTH=9,VIDEO-RANGE=HLG,HDCP-LEVEL=NONE"))
    yield row(
        "a video range that nobody knows",
        variant("BANDWIDTH=9,VIDEO-RANGE=DARK") + "#EXT-X-STREAM-INF:BANDWIDTH=8\nb.m3u8\n",
        Difference(
            "variants",
            (plain_variant("b.m3u8", 8),),
            "they keep it; a tag with an unknown enumerated value is ignored (6.3.1)",
        ),
    )
    yield row("a layout", variant('BANDWIDTH=9,REQ-VIDEO-LAYOUT="CH-STEREO",ALLOWED-CPC="com.drm:HW"'))
    yield row("a stable variant", variant('BANDWIDTH=9,STABLE-VARIANT-ID="low-1",PATHWAY-ID="east"'))
    yield row("no closed captions", variant("BANDWIDTH=9,CLOSED-CAPTIONS=NONE"))
    yield row("groups", variant('BANDWIDTH=9,AUDIO="a",VIDEO="v",SUBTITLES="s",CLOSED-CAPTIONS="c"'))
    yield row("a comment before the URI", text_of("#EXT-X-STREAM-INF:BANDWIDTH=9", "# low", "", "low.m3u8"))
    yield row(
        "variants that are redundant",
        variant("BANDWIDTH=9") + "#EXT-X-STREAM-INF:BANDWIDTH=9\nhttps://b.example/low.m3u8\n",
    )
    yield row("CRLF and variants", variant('BANDWIDTH=9,CODECS="mp4a.40.2"').replace("\n", "\r\n"))
    yield row("an attribute list that ends in a comma", variant("BANDWIDTH=9,RESOLUTION=640x360,"))
    yield row("attributes of a vendor", variant('BANDWIDTH=9,X-LANE="b",VENDOR_RANK=3'))
    yield row(
        "spaces around equals signs and commas",
        variant('BANDWIDTH = 9 , RESOLUTION = 640x360 ,AUDIO = "a"'),
        Difference(
            "variants",
            (plain_variant("low.m3u8", 9, size=(640, 360), audio="a"),),
            "they keep the quotes behind a space",
        ),
    )
    yield row("codecs with spaces and none", variant('BANDWIDTH=9,CODECS=" avc1.4d401f , mp4a.40.2 ",SUBTITLES=""'))
    yield row(
        "an underscore for a hyphen",
        variant("BANDWIDTH=9,AVERAGE_BANDWIDTH=7"),
        Difference("variants", (plain_variant("low.m3u8", 9),), "they take it for AVERAGE-BANDWIDTH (4.2)"),
    )
    yield row("codecs without quotes", variant("BANDWIDTH=9,CODECS=mp4a.40.2"))
    yield row("two codecs without quotes", variant("BANDWIDTH=9,CODECS=avc1.4d401f,mp4a.40.2"), refused="4.2")
    yield row("a quote left open", variant('BANDWIDTH=9,CODECS="avc1.4d401f'), refused="4.2")
    yield row(
        "resolution with a large X",
        variant("BANDWIDTH=9,RESOLUTION=640X360"),
        raising=BOTH,
        alone={"variants": (plain_variant("low.m3u8", 9, size=(640, 360)),)},
    )
    yield row("resolution in words", variant("BANDWIDTH=9,RESOLUTION=720p"), refused="4.2", raising=BOTH)
    yield row("bandwidth left out", variant("PROGRAM-ID=1,VIDEO-RANGE=SDR"), refused="4.4.6.2", raising=BOTH)
    yield row("bandwidth with a fraction", variant("BANDWIDTH=640000.5"), refused="4.2")
    yield row("bandwidth in quotes", variant('BANDWIDTH="640000"'), raising=M3U8)
    yield row("bandwidth of 0", variant("BANDWIDTH=0"))
    yield row("bandwidth twice", variant("BANDWIDTH=9,BANDWIDTH=8"), refused="4.2")
    yield row("attributes in small letters", variant("bandwidth=9,resolution=640x360"), refused="4.4.6.2")
    yield row(
        "a variant without a URI", text_of("#EXT-X-STREAM-INF:BANDWIDTH=9", "#EXT-X-STREAM-INF:BANDWIDTH=8", "b.m3u8")
    )
    yield row("a variant without a URI at the end", variant("BANDWIDTH=9") + "#EXT-X-STREAM-INF:BANDWIDTH=8\n")
    yield row("a URI without a variant", text_of("#EXT-X-VERSION:4", "stray.m3u8") + variant("BANDWIDTH=9"))
    yield row("a tag misspelt", text_of("#EXTXSTREAMINF:BANDWIDTH=9", "low.m3u8"), refused="4.1")
    yield row("a variant among segments", one("#EXT-X-STREAM-INF:BANDWIDTH=9"), refused="4.4.6")
    yield row("segments among variants", variant("BANDWIDTH=9") + "#EXTINF:6,\na.ts\n", refused="4.4.6")
    yield row(
        "I-frame streams",
        variant("BANDWIDTH=9")
        + '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=3,RESOLUTION=640x360,CODECS="avc1.4d401f",URI="low-i.m3u8"\n'
        + '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=2,AVERAGE-BANDWIDTH=1,URI="/i.m3u8",HDCP-LEVEL=TYPE-0,VIDEO-RANGE=SDR\n',
    )
    yield row(
        "an I-frame stream without bandwidth",
        variant("BANDWIDTH=9") + '#EXT-X-I-FRAME-STREAM-INF:URI="low-i.m3u8"\n',
        Difference("i_frame_variants", (), "they keep it; BANDWIDTH is REQUIRED (4.4.6.2)"),
    )
    yield row("an I-frame stream alone", text_of('#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=3,URI="low-i.m3u8"'))
    yield row(
        "image streams",
        variant("BANDWIDTH=9")
        + '#EXT-X-IMAGE-STREAM-INF:BANDWIDTH=1,RESOLUTION=320x180,CODECS="jpeg",URI="tiles.m3u8"\n',
    )
    audio = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME='
    yield row(
        "renditions",
        variant(
            'BANDWIDTH=9,AUDIO="a",SUBTITLES="s",CLOSED-CAPTIONS="c"',
            f'{audio}"English",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES,URI="en.m3u8",CHANNELS="16/JOC"',
            f'{audio}"Čeština, komentář",LANGUAGE="cs",ASSOC-LANGUAGE="sk",DEFAULT=NO,AUTOSELECT=NO,URI="cs.m3u8?q=1"',
            '#EXT-X-MEDIA:URI="s/en.m3u8",TYPE=SUBTITLES,GROUP-ID="s",NAME="E",AUTOSELECT=YES,FORCED=YES,'
            'CHARACTERISTICS="public.easy-to-read,public.accessibility.describes-music-and-sound"',
            '#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="c",NAME="CC2",INSTREAM-ID="SERVICE2"',
            '#EXT-X-MEDIA:TYPE=VIDEO,GROUP-ID="v",NAME="Angle",URI="angle.m3u8",STABLE-RENDITION-ID="r1"',
        ),
    )
    yield row("a rendition within the variant", variant('BANDWIDTH=9,AUDIO="a"', f'{audio}"English"'))
    yield row(
        "a rendition with an empty URI",
        variant('BANDWIDTH=9,AUDIO="a"', f'{audio}"English",URI=""'),
        Difference(
            "renditions",
            (("AUDIO", "a", "English", *[None] * 3, *[False] * 3, None, (), None, None),),
            "they resolve it; nothing is there to be fetched (4.4.6.1)",
        ),
    )
    yield row(
        "a rendition with an attribute too many",
        variant('BANDWIDTH=9,AUDIO="a"', f'{audio}"E",URI="e.m3u8",BANDWIDTH=96000'),
    )
    yield row("a rendition and no variants", text_of(f'{audio}"English",URI="en.m3u8"'))
    yield row(
        "a rendition without a group",
        variant("BANDWIDTH=9", '#EXT-X-MEDIA:TYPE=AUDIO,NAME="E",URI="e.m3u8"'),
        refused="4.4.6.1",
    )
    yield row(
        "a rendition without a name",
        variant("BANDWIDTH=9", '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="e.m3u8"'),
        refused="4.4.6.1",
    )
    yield row(
        "a rendition of a type that nobody knows",
        variant("BANDWIDTH=9", '#EXT-X-MEDIA:TYPE=SMELL,GROUP-ID="a",NAME="E"'),
        Difference("renditions", (), "they keep it; a tag with an unknown enumerated value is ignored (6.3.1)"),
    )
    yield row(
        "session data",
        variant(
            "BANDWIDTH=9",
            '#EXT-X-SESSION-DATA:DATA-ID="com.a.title",VALUE="The, Title",LANGUAGE="en"',
            '#EXT-X-SESSION-DATA:DATA-ID="com.a.title",VALUE="Název",LANGUAGE="cs"',
            '#EXT-X-SESSION-DATA:DATA-ID="com.a.more",URI="more.json"',
        ),
        Difference(
            "session_data",
            (
                ("com.a.title", "The, Title", None, "en"),
                ("com.a.title", "Název", None, "cs"),
                ("com.a.more", None, BASE + "more.json", None),
            ),
            "they do not resolve its URI (4.1)",
        ),
    )
    yield row("session data without variants", text_of('#EXT-X-SESSION-DATA:DATA-ID="com.a.title",VALUE="x"'))
    yield row(
        "session data with VALUE and URI",
        variant("BANDWIDTH=9", '#EXT-X-SESSION-DATA:DATA-ID="a",VALUE="x",URI="y"'),
        Difference("session_data", (), "they keep it; it must have one of the two, not both (4.4.6.4)"),
    )
    yield row(
        "session keys", variant("BANDWIDTH=9", '#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://1",KEYFORMAT="com.drm"')
    )
    yield row(
        "content steering",
        variant('BANDWIDTH=9,PATHWAY-ID="east"', '#EXT-X-CONTENT-STEERING:SERVER-URI="/steer?v=1",PATHWAY-ID="east"'),
    )
    yield row(
        "start and independent segments",
        variant("BANDWIDTH=9", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-START:TIME-OFFSET=-9.5"),
    )
    yield row(
        "variables among variants",
        variant('BANDWIDTH=9,AUDIO="{$g}"', '#EXT-X-DEFINE:NAME="g",VALUE="a"'),
        Difference(
            "variants",
            (plain_variant("low.m3u8", 9, audio="a"),),
            "they leave variables as they are (4.3)",
        ),
    )


ROWS = tuple(multivariant())
