"""Wild media playlists: what they say of themselves and of their segments."""

from collections.abc import Iterator

from tests.builders.wild import BASE, BOTH, M3U8, OPENM3U8, A, Difference, Wild, dated, media, one, row, text_of, titled

SECONDS = 1772600767.0  # 2026-03-04T05:06:07Z
UNREAD_DATES = {
    "small letters": (SECONDS + 0.089 - 6, SECONDS + 0.089),
    "spaces around": (SECONDS - 6, SECONDS),
    "a leap second": (None, None),
    "garbage": (None, None),
    "nothing": (None, None),
}


def simple() -> Iterator[Wild]:
    yield row("one segment", media("#EXTINF:6,", "https://media.example/whole.ts", "#EXT-X-ENDLIST"))
    yield row("a sliding window", media("#EXT-X-MEDIA-SEQUENCE:731", *["#EXTINF:6,", "a.ts", "#EXTINF:5.5,", "b.ts"]))
    yield row("a header and no segments", media("#EXT-X-VERSION:7", "#EXT-X-MEDIA-SEQUENCE:4"))
    yield row("an event that has ended", one("#EXT-X-PLAYLIST-TYPE:EVENT") + "#EXT-X-ENDLIST\n")
    yield row("a VOD without an end", one("#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS"))
    yield row(
        "a type in small letters",
        one("#EXT-X-PLAYLIST-TYPE:vod"),
        Difference("playlist_type", None, "they put it in small letters; the RFC knows EVENT and VOD (4.4.3.5)"),
    )
    yield row("a cache rule of version 6", one("#EXT-X-ALLOW-CACHE:NO", "#EXT-X-VERSION:2"))
    yield row("a start from the end", one("#EXT-X-START:TIME-OFFSET=-14.5"))
    yield row("a precise start", one("#EXT-X-START:TIME-OFFSET=3.25,PRECISE=YES"))
    yield row("an end in the middle", media("#EXTINF:6,", "a.ts", "#EXT-X-ENDLIST", "#EXTINF:6,", "b.ts"))
    yield row("two ends", one() + "#EXT-X-ENDLIST\n" * 2, refused="4.4.3.4")
    yield row(
        "target duration with a fraction",
        text_of("#EXT-X-TARGETDURATION:6.4", "#EXTINF:6,", "a.ts"),
        Difference("target_duration", 6.0, "it reads none; players take the whole seconds", OPENM3U8),
        raising=M3U8,
    )
    yield row(
        "target duration of 0",
        text_of("#EXT-X-TARGETDURATION:0", "#EXTINF:0.3,", "a.ts"),
        Difference("target_duration", 1.0, "they take it; a client would reload without pause (6.3.4)"),
    )
    yield row("target duration after the segments", text_of("#EXTINF:6,", "a.ts", "#EXT-X-TARGETDURATION:6"))
    yield row("target duration with spaces", text_of("#EXT-X-TARGETDURATION: 6 ", "#EXTINF:6,", "a.ts"))
    yield row("no target duration", text_of("#EXTINF:6,", "a.ts", "#EXT-X-ENDLIST"), refused="4.4.3.1")
    yield row(
        "target duration in words",
        text_of("#EXT-X-TARGETDURATION:six", "#EXTINF:6,", "a.ts"),
        refused="4.4.3.1",
        raising=M3U8,
    )
    yield row("target duration twice", one("#EXT-X-TARGETDURATION:8"), refused="4.4.3.1")
    yield row("version twice", one("#EXT-X-VERSION:3", "#EXT-X-VERSION:3"), refused="4.4.1.2")
    yield row("a version beyond the known", one("#EXT-X-VERSION:99"))
    yield row("media sequence number of 60 bits", one(f"#EXT-X-MEDIA-SEQUENCE:{(1 << 60) + 7}"))
    yield row("media sequence number with spaces", one("#EXT-X-MEDIA-SEQUENCE: 12 "))
    yield row("media sequence number below 0", one("#EXT-X-MEDIA-SEQUENCE:-731"), refused="4.2")
    yield row("media sequence number with a fraction", one("#EXT-X-MEDIA-SEQUENCE:3.0"), refused="4.2", raising=M3U8)
    yield row("media sequence number beyond 64 bits", one(f"#EXT-X-MEDIA-SEQUENCE:{1 << 64}"), refused="4.2")
    yield row("media sequence number after a segment", one() + "#EXT-X-MEDIA-SEQUENCE:9\n", refused="4.4.3.2")
    yield row("nothing", "", refused="4.4.1.1")
    yield row("EXTM3U alone", "#EXTM3U", refused="4.1")
    yield row("a version and nothing else", text_of("#EXT-X-VERSION:4"), refused="4.1")
    yield row("a list of files", text_of("first.mp3", "second.mp3"), refused="4.1")


def durations_and_titles() -> Iterator[Wild]:
    yield row("a segment of no length", media("#EXTINF:0,", "a.ts", "#EXTINF:6,", "b.ts"))
    yield row("a segment of 11 microseconds", media("#EXTINF:5.875,", "a.ts", "#EXTINF:0.000011,", "b.ts"))
    yield row("duration without a leading digit", titled("#EXTINF:.48,"))
    yield row("duration that ends in a dot", titled("#EXTINF:6.,"))
    yield row("duration of many digits", titled("#EXTINF:5.99999999999999999999,"))
    yield row("duration without a comma", titled("#EXTINF:5.76"))
    yield row(
        "spaces after the colon and the comma",
        titled("#EXTINF: 5.76, the opening"),
        Difference("durations", (5.76,), "it reads 0 where a space stands beside the number", OPENM3U8),
    )
    yield row(
        "spaces before the comma",
        titled("#EXTINF:5.76 \t,the opening"),
        Difference("durations", (5.76,), "it reads 0 where a space stands beside the number", OPENM3U8),
    )
    yield row("a title with commas", titled("#EXTINF:6,first, second, third"))
    yield row("a title in quotes", titled('#EXTINF:6,"the opening"'))
    yield row("a title with a quote left open", titled('#EXTINF:6,7" single, side "A'))
    yield row("a title of attributes", titled('#EXTINF:6,NAME="x",logo="y.png",Channel'))
    yield row(
        "a title with a number sign",
        titled("#EXTINF:6,#1 #EXTINF:9,"),
        Difference("titles", ("#1 #EXTINF:9,",), "it cuts every tag name out of the line", M3U8),
    )
    yield row("a title with a line end", media("#EXTINF:6,one half", "other-half", "#EXTINF:6,", "a.ts"))
    yield row("a title that is not ASCII", titled("#EXTINF:6,Čtvrtá část ✓ 🎬"))
    yield row(
        "a title with a line separator",
        titled("#EXTINF:6,one\u2028two"),
        Difference("uris", (BASE + "a.ts",), "it ends lines at other characters than LF (4.1)", M3U8),
        Difference("titles", ("one\u2028two",), "the same", M3U8),
    )
    yield row(
        "a title that ends in spaces",
        titled("#EXTINF:6,the end  "),
        Difference("titles", ("the end  ",), "they cut it; the title is the rest of the line (4.4.4.1)"),
    )
    yield row("a title with a variable", titled("#EXTINF:6,{$name}"))
    yield row(
        "attributes after the duration", titled('#EXTINF:6 tvg-id="c1",Channel 1'), refused="4.4.4.1", raising=M3U8
    )
    yield row("duration of a channel list", titled("#EXTINF:-1,Channel 1"), refused="4.4.4.1")
    yield row("duration in scientific notation", titled("#EXTINF:6e0,"), refused="4.4.4.1")
    yield row("duration that is no number", titled("#EXTINF:nan,"), refused="4.4.4.1")
    yield row("duration without end", titled("#EXTINF:inf,"), refused="4.4.4.1")
    yield row("duration with a sign", titled("#EXTINF:+6,"), refused="4.4.4.1")
    yield row("duration with an underscore", titled("#EXTINF:1_0,"), refused="4.4.4.1")
    yield row("duration left out", titled("#EXTINF:,a title"), refused="4.4.4.1", raising=M3U8)
    yield row("two durations for one URI", media("#EXTINF:4,lost", "#EXTINF:6,kept", "a.ts"))
    yield row("a line end lost", media("#EXTINF:6,", "a.ts#EXTINF:6,", "b.ts", "#EXTINF:5,", "c.ts"))
    yield row(
        "a duration without a URI at the end",
        media("#EXTINF:6,", "a.ts", "#EXTINF:5,"),
        Difference(
            "segments", ((BASE + "a.ts", 6.0, None),), "they keep a segment without a URI, which there is not (4.1)"
        ),
    )
    yield row("a URI without a duration", media("stray.ts", "#EXTINF:6,", "a.ts", "more-junk", "#EXT-X-ENDLIST"))


def lines_and_spaces() -> Iterator[Wild]:
    text = one("#EXT-X-MEDIA-SEQUENCE:3", '#EXT-X-KEY:METHOD=AES-128,URI="k"') + "#EXTINF:2,x\nb.ts\n#EXT-X-ENDLIST\n"
    yield row("CRLF", text.replace("\n", "\r\n"))
    yield row("CRLF and LF", text.replace(",\n", ",\r\n"))
    yield row("CR alone", text.replace("\n", "\r"), refused="4.1")
    yield row("no line end at the end", text.rstrip("\n"))
    yield row("blank lines everywhere", text.replace("\n", "\n\n \t\n"))
    yield row(
        "spaces at the ends of lines",
        text.replace("\n", "  \n"),
        Difference("titles", ("  ", "x  "), "they cut it; the title is the rest of the line (4.4.4.1)"),
    )
    yield row("tabs before lines", text.replace("\n", "\n\t").rstrip("\t"))
    yield row("comments everywhere", text.replace("\n", "\n# by packager 1.2\n## --\n#\n"))
    yield row("a byte order mark", "\ufeff" + text)
    yield row("EXTM3U twice", text_of(*text.splitlines()))
    yield row("EXTM3U with spaces", text.replace("#EXTM3U", "#EXTM3U \t"))
    yield row("EXTM3U with attributes", text.replace("#EXTM3U", '#EXTM3U x-tvg-url="guide.xml"'))
    yield row("a blank line before EXTM3U", "\n" + text, refused="4.4.1.1")
    yield row("EXTM3U left out", text.removeprefix("#EXTM3U\n"), refused="4.4.1.1")
    yield row("EXTM3U in small letters", text.replace("#EXTM3U", "#extm3u"), refused="4.4.1.1")
    yield row("a form feed between lines", text.replace("#EXTINF:2", "\f#EXTINF:2"))


def dates_and_discontinuities() -> Iterator[Wild]:
    for name, date in {
        "UTC": "2026-03-04T05:06:07.089Z",
        "UTC without a fraction": "2026-03-04T05:06:07Z",
        "microseconds": "2026-03-04T05:06:07.089012Z",
        "nanoseconds": "2026-03-04T05:06:07.089012345Z",
        "one decimal": "2026-03-04T05:06:07.5Z",
        "a zone with a colon": "2026-03-04T05:06:07.089+05:30",
        "a zone without a colon": "2026-03-04T05:06:07.089-0330",
        "a zone of two digits": "2026-03-04T05:06:07.089+02",
        "no zone": "2026-03-04T05:06:07.089",
        "a space for the T": "2026-03-04 05:06:07.089Z",
        "small letters": "2026-03-04t05:06:07.089z",
        "the basic format": "20260304T050607Z",
        "a comma for the point": "2026-03-04T05:06:07,089Z",
        "a day alone": "2026-03-04",
        "spaces around": " 2026-03-04T05:06:07Z ",
        "before 1970": "1969-12-31T23:59:58Z",
        "a leap second": "2026-12-31T23:59:60Z",
        "garbage": "yesterday",
        "nothing": "",
    }.items():
        if name in UNREAD_DATES:
            yield row(f"date: {name}", dated(date), raising=BOTH, alone={"dates": UNREAD_DATES[name]})
        else:
            yield row(f"date: {name}", dated(date))
    yield row(
        "dates between EXTINF and URI",
        media(*(f"#EXTINF:6,\n#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:{n:02}Z\ns{n}.ts" for n in (0, 6, 12))),
    )
    yield row(
        "a date that runs on",
        media("#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:07Z", *(f"#EXTINF:6.006,\ns{n}.ts" for n in range(4))),
    )
    yield row(
        "a clock set back",
        media(
            "#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:07Z",
            "#EXTINF:6,",
            "a.ts",
            "#EXT-X-DISCONTINUITY",
            "#EXT-X-PROGRAM-DATE-TIME:2025-03-04T05:06:07Z",
            "#EXTINF:6,",
            "b.ts",
        ),
    )
    yield row(
        "a date before its discontinuity",
        media(
            "#EXTINF:6,",
            "a.ts",
            "#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:07Z",
            "#EXT-X-DISCONTINUITY",
            "#EXTINF:6,",
            "b.ts",
        ),
    )
    yield row("a discontinuity before the first segment", one("#EXT-X-DISCONTINUITY"))
    yield row("two discontinuities before one segment", media("#EXTINF:6,\na.ts", *["#EXT-X-DISCONTINUITY"] * 2, *A))
    yield row("a discontinuity between EXTINF and URI", media("#EXTINF:6,", "#EXT-X-DISCONTINUITY", "a.ts"))
    yield row("a discontinuity at the end", one() + "#EXT-X-DISCONTINUITY\n")
    yield row("a discontinuity sequence", one("#EXT-X-DISCONTINUITY-SEQUENCE:19", "#EXT-X-DISCONTINUITY"))
    yield row(
        "a discontinuity sequence after a discontinuity",
        one("#EXT-X-DISCONTINUITY", "#EXT-X-DISCONTINUITY-SEQUENCE:19"),
        refused="4.4.3.3",
    )
    yield row("a gap", media("#EXTINF:6,", "#EXT-X-GAP", "missing.ts", "#EXT-X-GAP", "#EXTINF:6,", "gone.ts", *A))
    yield row("bit rates", media("#EXT-X-BITRATE:1810", "#EXTINF:6,", "a.ts", "#EXT-X-BITRATE:1795", *A))


def byte_ranges_keys_and_maps() -> Iterator[Wild]:
    yield row(
        "byte ranges with offsets",
        media(*(f"#EXTINF:6,\n#EXT-X-BYTERANGE:{900 + n}@{n * 1000}\nwhole.ts" for n in range(3))),
    )
    yield row(
        "byte ranges before EXTINF",
        media("#EXT-X-BYTERANGE:900@376", "#EXTINF:6,", "whole.ts", "#EXT-X-BYTERANGE:800@1276", *A),
    )
    yield row(
        "byte ranges that follow one another",
        media("#EXTINF:6,", "#EXT-X-BYTERANGE:900@376", "w.ts", *["#EXTINF:6,", "#EXT-X-BYTERANGE:50", "w.ts"] * 2),
        Difference(
            "byte_ranges",
            ("900@376", "50@1276", "50@1326"),
            "they keep the length alone; it begins where the one before ends (4.4.4.2)",
        ),
    )
    yield row(
        "a byte range with spaces",
        one("#EXT-X-BYTERANGE: 900@376 "),
        Difference("byte_ranges", ("900@376",), "they keep the space"),
    )
    yield row("a byte range without an offset first", one("#EXT-X-BYTERANGE:900"), refused="4.4.4.2")
    yield row(
        "a byte range that follows another resource",
        media("#EXTINF:6,", "#EXT-X-BYTERANGE:900@0", "w.ts", "#EXTINF:6,", "#EXT-X-BYTERANGE:50", "v.ts"),
        refused="4.4.4.2",
    )
    yield row(
        "a byte range without EXTINF",
        media("#EXT-X-BYTERANGE:900@376", "stray.ts", *A),
        Difference(
            "segments",
            ((BASE + "a.ts", 6.0, "900@376"),),
            "they keep a segment without EXTINF, which is REQUIRED (4.4.4.1); hls.js and FFmpeg do not",
        ),
    )
    yield row(
        "I-frames",
        media(
            "#EXT-X-VERSION:4",
            "#EXT-X-I-FRAMES-ONLY",
            "#EXTINF:3.25,",
            "#EXT-X-BYTERANGE:9212@564",
            "one.ts",
            "#EXTINF:2.75,",
            "#EXT-X-BYTERANGE:8084@40608",
            "one.ts",
        ),
    )
    vector = "0x0123456789abcdef0123456789ABCDEF"
    yield row("a key", one('#EXT-X-KEY:METHOD=AES-128,URI="keys/7.bin?v=1,2=3"'))
    yield row("a key with an IV", one(f'#EXT-X-KEY:METHOD=AES-128,URI="/keys/7.bin",IV={vector}'))
    yield row("an IV with a large X", one(f'#EXT-X-KEY:METHOD=AES-128,URI="/keys/7.bin", IV={vector.upper()}'))
    yield row("an IV of few digits", one('#EXT-X-KEY:METHOD=AES-128,URI="/keys/7.bin",IV=0x1f'))
    yield row("an IV without 0x", one('#EXT-X-KEY:METHOD=AES-128,URI="/keys/7.bin",IV=' + "ab" * 16), refused="4.2")
    yield row(
        "an IV twice",
        one(f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="k",IV={vector},KEYFORMAT="com.drm",IV=0x1f'),
        refused="4.2",
    )
    yield row("a key's attributes in another order", one(f'#EXT-X-KEY:IV={vector},URI="k",METHOD=AES-128 '))
    yield row("a key between EXTINF and URI", media("#EXTINF:6,", '#EXT-X-KEY:METHOD=AES-128,URI="k"', "a.ts", *A))
    yield row(
        "keys that change, and none at last",
        media(
            *A,
            '#EXT-X-KEY:METHOD=AES-128,URI="k1"',
            *A,
            *A,
            '#EXT-X-KEY:METHOD=AES-128,URI="k2"',
            *A,
            "#EXT-X-KEY:METHOD=NONE",
            *A,
        ),
    )
    yield row("METHOD=NONE with a URI", one('#EXT-X-KEY:METHOD=AES-128,URI="k"', '#EXT-X-KEY:METHOD=NONE,URI=""'))
    yield row(
        "KEYFORMAT and its versions",
        one('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://id-9",KEYFORMAT="com.drm",KEYFORMATVERSIONS="1/3"'),
    )
    yield row(
        "two KEYFORMATs at once",
        one('#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="data:text/plain;base64,QUJD",KEYFORMAT="urn:uuid:1"')
        + '#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://id-9",KEYFORMAT="com.drm"\n#EXTINF:6,\nb.ts\n',
    )
    for method in ("AES-256", "AES-256-CTR", "AES-256-GCM", "SAMPLE-AES-CENC"):
        yield row(f"METHOD={method}", one(f'#EXT-X-KEY:METHOD={method},URI="k256"'))
    yield row(
        "a METHOD that nobody knows",
        one('#EXT-X-KEY:METHOD=ROT13,URI="k"'),
        Difference("keys", (None,), "they keep it; a tag with an unknown enumerated value is ignored (6.3.1)"),
    )
    yield row("a METHOD in quotes", one('#EXT-X-KEY:METHOD="AES-128",URI="k"'))
    yield row("a key's URI of a query", one('#EXT-X-KEY:METHOD=AES-128,URI="/key?id=a%2Fb&x=,,=,&t=1"'))
    yield row(
        "a key that is set twice", one('#EXT-X-KEY:METHOD=AES-128,URI="k1"', '#EXT-X-KEY:METHOD=AES-128,URI="k2"')
    )
    yield row("a key's URI without quotes", one("#EXT-X-KEY:METHOD=AES-128,URI=https://keys.example/7"))
    yield row(
        "a key's URI in single quotes",
        one("#EXT-X-KEY:METHOD=AES-128,URI='k'"),
        Difference("keys", (("AES-128", BASE + "'k'", "identity", None),), "they take single quotes for quotes (4.2)"),
    )
    yield row("a key without METHOD", one('#EXT-X-KEY:URI="k"'), refused="4.4.4.4", raising=BOTH)
    yield row("a key without URI", one("#EXT-X-KEY:METHOD=AES-128"), refused="4.4.4.4")
    yield row("a session key among segments", one('#EXT-X-SESSION-KEY:METHOD=AES-128,URI="k"'), refused="4.4.6")
    yield row("a map", one("#EXT-X-VERSION:7", '#EXT-X-MAP:URI="init.mp4"', uri="a.m4s"))
    yield row("a map with a byte range", one('#EXT-X-MAP:URI="whole.mp4",BYTERANGE="812@0"', "#EXT-X-BYTERANGE:9@812"))
    yield row(
        "a map with a byte range without offset",
        one('#EXT-X-MAP:URI="whole.mp4",BYTERANGE="812"'),
        Difference("init_ranges", ("812@0",), "they keep the length alone; players begin at 0"),
    )
    yield row("a byte range before a map", one("#EXT-X-BYTERANGE:9@812", '#EXT-X-MAP:URI="w.mp4",BYTERANGE="812@0"'))
    yield row("maps that change", media('#EXT-X-MAP:URI="1.mp4"', *A, *A, '#EXT-X-MAP:URI="2.mp4"', *A))
    yield row("a map and no segments", media('#EXT-X-MAP:URI="init.mp4"'))
    yield row("a map without quotes", one("#EXT-X-MAP:URI=init.mp4"))
    yield row("a map without a URI", one("#EXT-X-MAP"), refused="4.4.4.5")


ROWS = (
    *simple(),
    *durations_and_titles(),
    *lines_and_spaces(),
    *dates_and_discontinuities(),
    *byte_ranges_keys_and_maps(),
)
