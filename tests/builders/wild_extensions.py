"""Wild media playlists: advertisements, vendors, low latency, variables and URIs."""

from collections.abc import Iterator

from tests.builders.wild import BASE, BOTH, M3U8, A, Difference, Wild, media, one, row


def resolved(uri: str, reason: str) -> tuple[Difference, ...]:
    return (Difference("uris", (uri,), reason),)


NOT_ENCODED = "they leave characters that no request line has (RFC 3987 3.1)"
RESOLVED_OTHERWISE: dict[str, tuple[Difference, ...]] = {
    "a scheme in capitals": resolved("HTTPS://MEDIA.example/a.ts", "they write it in small letters: the same URI"),
    "an empty path segment": resolved(BASE + "720p//a.ts", "urljoin drops it (RFC 3986 5.2.4)"),
    "a query alone": resolved(BASE + "video.m3u8?segment=1", "they resolve against the directory (RFC 3986 5.2.2)"),
    "a fragment alone": (Difference("segments", (), "it is a comment (4.1); they keep a segment without a URI"),),
    "a space": resolved(BASE + "a%20b.ts", NOT_ENCODED),
    "not ASCII": resolved(BASE + "%C4%8D%C3%A1sti/%C3%A9.ts", NOT_ENCODED),
    "a host that is not ASCII": resolved("https://xn--pklad-zsa96e.example/a.ts", NOT_ENCODED),
    "dots behind a host": resolved("https://media.example/a.ts", "urljoin leaves them (RFC 3986 5.2.2)"),
}


def vendors_and_advertisements() -> Iterator[Wild]:
    yield row("cue out and in", media("#EXT-X-CUE-OUT:12", *A, "#EXT-X-CUE-OUT-CONT:6/12", *A, "#EXT-X-CUE-IN", *A))
    yield row(
        "cue out with a name", media("#EXT-X-CUE-OUT:DURATION=12.5,BREAKID=0x1", *A, "#EXT-X-CUE-IN:BREAKID=0x1", *A)
    )
    yield row("cue out without a duration", media("#EXT-X-CUE-OUT", *A, "#EXT-X-CUE-OUT-CONT", *A, "#EXT-X-CUE-IN", *A))
    yield row("cue out with words", media("#EXT-X-CUE-OUT:SOON", "#EXTINF:5.5, no title", "a.ts"))
    yield row(
        "SCTE-35 and an asset",
        media(
            "#EXT-OATCLS-SCTE35:/DAhAAAAAAAAAP/wEAUAAAPqf0/+AAAAAAABAQAA",
            '#EXT-X-ASSET:CAID=0x77,GENRE=news,SERIES="The%20Series"',
            "#EXT-X-CUE-OUT:30.000",
            *A,
            "#EXT-X-CUE-OUT-CONT:ElapsedTime=6,Duration=30,SCTE35=/DAhAAAAAAAAAP/wEA==",
            *A,
            "#EXT-X-SCTE35:TYPE=0x34,ID=77,CUE=/DAhAAAA,DURATION=30",
            *A,
        ),
    )
    yield row(
        "cue spans",
        media('#EXT-X-CUE-OUT:DURATION=30,ID=5,CUE="/DAh=="', *A, "#EXT-X-CUE-SPAN:TIMEFROMSIGNAL=PT6S,ID=5", *A),
    )
    yield row("splices with spaces", media("#EXT-X-CUE-OUT:4,SpliceType=VOD_DAI, PAID=a.example/1,Acds=BA", *A))
    yield row("a blackout", media("#EXT-X-BLACKOUT", *A, '#EXT-X-BLACKOUT:REASON="rights"', *A))
    yield row(
        "date ranges",
        one(
            "#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:07Z",
            '#EXT-X-DATERANGE:ID="ad-1",CLASS="ad",START-DATE="2026-03-04T05:06:07Z",DURATION=20.5,X-COM-URL="https://a/?b"',
            '#EXT-X-DATERANGE:ID="ad-2",START-DATE="2026-03-04T05:07:07Z",PLANNED-DURATION=30,SCTE35-OUT=0xFC002F',
        ),
    )
    yield row(
        "a date range in two tags",
        media(
            "#EXT-X-PROGRAM-DATE-TIME:2026-03-04T05:06:07Z",
            '#EXT-X-DATERANGE:ID="x",START-DATE="2026-03-04T05:06:07Z",PLANNED-DURATION=12,SCTE35-OUT=0xFC',
            *A,
            '#EXT-X-DATERANGE:ID="x",DURATION=12,SCTE35-IN=0xFD',
            *A,
        ),
        Difference("dateranges", (("x", None, 12.0, 12.0),), "they keep two; tags with one ID are one range (4.4.5.1)"),
    )
    yield row(
        "a date range that ends and one that lasts",
        one(
            '#EXT-X-DATERANGE:ID="x",START-DATE="2026-03-04T05:06:07Z",END-DATE="2026-03-04T05:07:07Z",DURATION=60',
            '#EXT-X-DATERANGE:ID="y",CLASS="c",START-DATE="2026-03-04T05:06:07Z",END-ON-NEXT=YES',
        ),
    )
    yield row(
        "a date range without a start",
        one('#EXT-X-DATERANGE:ID="x"'),
        Difference("dateranges", (), "they keep it; START-DATE is REQUIRED (4.4.5.1)"),
    )
    yield row(
        "images and tiles",
        media(
            "#EXT-X-IMAGES-ONLY",
            "#EXTINF:60.06,",
            "#EXT-X-TILES:RESOLUTION=320x180,LAYOUT=5x2,DURATION=6.006",
            "tiles/1.jpg",
        ),
    )
    yield row(
        "tags of a vendor", one("#EXT-X-STUDIO: a name", "#EXTVLCOPT:deinterlace=1", "#EXTGRP:News", "#PLAYLIST:x")
    )
    yield row(
        "a tag that begins like GAP",
        one("#EXT-X-GAPLESS-AUDIO:YES"),
        Difference("gaps", (False,), "it looks at how a line begins, not at the tag's name", M3U8),
    )
    yield row("a tag that begins like MAP", one('#EXT-X-MAPPING:URI="map.json"'))
    yield row("a tag that begins like KEY", one('#EXT-X-KEYFRAMES:URI="frames.json"'), raising=M3U8)
    yield row(
        "a tag that begins like ENDLIST",
        one("#EXT-X-ENDLIST-IS-NEAR"),
        Difference("ended", False, "it looks at how a line begins, not at the tag's name", M3U8),
    )
    yield row("a tag in small letters", one("#ext-x-discontinuity", "#ext-x-gap"))


def low_latency() -> Iterator[Wild]:
    header = (
        "#EXT-X-VERSION:9",
        "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,HOLD-BACK=18,CAN-SKIP-UNTIL=36.0",
        "#EXT-X-PART-INF:PART-TARGET=0.5",
        "#EXT-X-MEDIA-SEQUENCE:88",
    )
    part = "#EXT-X-PART:DURATION=0.5,URI="
    yield row("server control alone", one("#EXT-X-SERVER-CONTROL:CAN-SKIP-UNTIL=36,CAN-SKIP-DATERANGES=YES"))
    yield row(
        "parts of whole segments",
        media(*header, f'{part}"88.0.m4s",INDEPENDENT=YES', f'{part}"88.1.m4s",INDEPENDENT=NO', "#EXTINF:1,", "88.m4s"),
    )
    yield row(
        "parts of the segment that is being made",
        media(*header, "#EXTINF:6,", "88.m4s", f'{part}"89.0.m4s"', '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="89.1.m4s"'),
    )
    yield row(
        "parts as byte ranges",
        media(
            *header,
            f'{part}"88.m4s",BYTERANGE="700@100"',
            f'{part}"88.m4s", BYTERANGE="600"',
            f'{part}"88.m4s",BYTERANGE=500@1400',
            "#EXTINF:1.5,",
            "88.m4s",
            '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="89.m4s",BYTERANGE-START=0,BYTERANGE-LENGTH=900',
        ),
        Difference(
            "part_ranges",
            ("700@100", "600@800", "500@1400"),
            "they keep the length alone; it begins where the one before ends (4.4.4.2)",
        ),
    )
    yield row(
        "a part that is a gap", media(*header, f'{part}"88.0.m4s",GAP=YES', "#EXT-X-GAP", "#EXTINF:.5,", "88.m4s")
    )
    yield row(
        "a part before the gap of its segment",
        media(*header, "#EXT-X-GAP", f'{part}"88.0.m4s"', "#EXTINF:.5,", "88.m4s"),
        Difference("gaps", (True,), "they give the segment's tag to its part (4.4.4.7)"),
    )
    yield row(
        "rendition reports",
        media(
            *header,
            *A,
            '#EXT-X-RENDITION-REPORT:URI="../41/video.m3u8",LAST-MSN=88,LAST-PART=3',
            '#EXT-X-RENDITION-REPORT:URI="/audio.m3u8?x=1",LAST-MSN=87',
        ),
    )
    yield row(
        "a delta update",
        media(*header, "#EXT-X-SKIP:SKIPPED-SEGMENTS=4", "#EXTINF:6,", "92.m4s", "#EXTINF:6,", "93.m4s"),
        Difference("sequences", (92, 93), "they do not count the segments left out (4.4.5.2)"),
    )
    yield row(
        "a delta update without some date ranges",
        media(*header, '#EXT-X-SKIP:SKIPPED-SEGMENTS=4,RECENTLY-REMOVED-DATERANGES="a\tb"', "#EXTINF:6,", "92.m4s"),
        Difference("sequences", (92,), "they do not count the segments left out (4.4.5.2)"),
    )
    yield row("a delta update that leaves out date ranges alone", media(*header, "#EXT-X-SKIP:SKIPPED-SEGMENTS=0", *A))
    yield row(
        "two preload hints",
        media(
            *header,
            *A,
            '#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="init2.mp4"',
            '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="89.0.m4s",BYTERANGE-START=7',
        ),
        Difference(
            "hints",
            (("MAP", BASE + "init2.mp4", 0, None), ("PART", BASE + "89.0.m4s", 7, None)),
            "they keep the last; the first of each TYPE counts (6.2.6)",
        ),
    )
    yield row(
        "a rendition report without numbers",
        one('#EXT-X-RENDITION-REPORT:URI="../41/video.m3u8"'),
        raising=M3U8,
    )
    yield row("a part without DURATION", one('#EXT-X-PART:URI="p.m4s"'), refused="4.4.4.9", raising=BOTH)


def variables_and_uris() -> Iterator[Wild]:
    yield row(
        "a variable by its value",
        one('#EXT-X-DEFINE:NAME="dir",VALUE="v7"', '#EXT-X-MAP:URI="{$dir}/init.mp4"', uri="{$dir}/a.m4s?d={$dir}"),
        Difference("uris", (BASE + "v7/a.m4s?d=v7",), "they leave variables as they are (4.3)"),
        Difference("inits", (BASE + "v7/init.mp4",), "they leave variables as they are (4.3)"),
    )
    yield row(
        "a variable of the query",
        one('#EXT-X-DEFINE:QUERYPARAM="session"', uri="a.ts?s={$session}"),
        Difference("uris", (BASE + "a.ts?s=a1b2",), "they leave variables as they are (4.3)"),
    )
    yield row(
        "a variable of the multivariant playlist",
        one('#EXT-X-DEFINE:IMPORT="dir"', uri="{$dir}/a.ts"),
        Difference("uris", (BASE + "v7/a.ts",), "they leave variables as they are (4.3)"),
        imports={"dir": "v7"},
    )
    yield row(
        "a variable that can not be imported", one('#EXT-X-DEFINE:IMPORT="dir"', uri="{$dir}/a.ts"), refused="4.4.2.3"
    )
    yield row("a variable that is not defined", one(uri="{$dir}/a.ts"), refused="6.3.1")
    yield row("braces that are no variable", one(uri="{dir}/a.ts"))
    for name, uri in {
        "another host": "http://media.example:8080/a.ts",
        "a scheme in capitals": "HTTPS://MEDIA.example/a.ts",
        "the same scheme": "//media.example/a.ts",
        "from the root": "/a.ts",
        "in a directory": "720p/seg/a.ts",
        "a dot": "./a.ts",
        "dots": "../41/../43/./a.ts",
        "more dots than directories": "../../../../a.ts",
        "a query": "a.ts?token=x~y&e=1",
        "a query with slashes": "a.ts?acl=/*~data=hdntl/../z&",
        "a fragment": "a.ts#t=1",
        "parameters": "a.ts;jsessionid=1?b=2",
        "parentheses": "sec(5f)/frag(1)/a.ts",
        "percent signs": "a%20b%2Fc.ts",
        "an absolute URI in the query": "proxy?u=https://b.example/a.ts",
        "a colon": "stream:1/a.ts",
        "at a parent with a query": "../a.ts?x=../y",
        "an empty path segment": "720p//a.ts",
        "a query alone": "?segment=1",
        "a fragment alone": "#t=1",
        "a space": "a b.ts",
        "not ASCII": "části/é.ts",
        "a host that is not ASCII": "https://příklad.example/a.ts",
        "a pipe with headers": "a.ts|User-Agent=x",
        "a backslash": "720p\\a.ts",
        "quotes": '"a.ts"',
        "data": "data:video/mp2t;base64,RwA=",
        "dots behind a host": "https://media.example/x/../a.ts",
    }.items():
        yield row(f"URI: {name}", one(uri=uri), *RESOLVED_OTHERWISE.get(name, ()))


ROWS = (*vendors_and_advertisements(), *low_latency(), *variables_and_uris())
