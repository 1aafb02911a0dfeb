"""Broken playlists: valid ones with bytes and lines cut, doubled, swapped and replaced."""

from random import Random

SEEDS = (
    b"""#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-PART-INF:PART-TARGET=1.0
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=24.0,PART-HOLD-BACK=3.0
#EXT-X-MEDIA-SEQUENCE:266
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-DEFINE:NAME="dir",VALUE="a/b"
#EXT-X-START:TIME-OFFSET=-8.5,PRECISE=YES
#EXT-X-SKIP:SKIPPED-SEGMENTS=3,RECENTLY-REMOVED-DATERANGES="x"
#EXT-X-MAP:URI="init.mp4",BYTERANGE="720@0"
#EXT-X-KEY:METHOD=AES-128,URI="k?{$dir}",IV=0x0123456789abcdef0123456789ABCDEF
#EXT-X-PROGRAM-DATE-TIME:2026-02-14T02:13:36.106Z
#EXTINF:4.00008,a title
{$dir}/fileSequence266.mp4
#EXT-X-DISCONTINUITY
#EXT-X-BYTERANGE:75232@0
#EXTINF:4,
all.mp4
#EXT-X-BYTERANGE:82112
#EXTINF:3.5,
all.mp4
#EXT-X-GAP
#EXT-X-BITRATE:8100
#EXTINF:4,
../x//./y.mp4
#EXT-X-DATERANGE:ID="s",START-DATE="2026-02-14T02:13:36.106Z",PLANNED-DURATION=59.9,SCTE35-OUT=0xFC,X-A="b"
#EXT-X-PART:DURATION=1.0,INDEPENDENT=YES,URI="part271.a.mp4"
#EXT-X-PART:DURATION=0.5,URI="part271.mp4",BYTERANGE="100@5",GAP=YES
#EXT-X-PART:DURATION=0.5,URI="part271.mp4",BYTERANGE="100"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part271.c.mp4",BYTERANGE-START=9
#EXT-X-RENDITION-REPORT:URI="../1M/waitForMSN.php",LAST-MSN=273,LAST-PART=2
#EXT-X-ENDLIST
""",
    b"""#EXTM3U
#EXT-X-VERSION:8
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-DEFINE:QUERYPARAM="t"
#EXT-X-CONTENT-STEERING:SERVER-URI="/steering?video=00012",PATHWAY-ID="CDN-A"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="A",NAME="English",DEFAULT=YES,URI="eng.m3u8",LANGUAGE="en",CHANNELS="2"
#EXT-X-SESSION-DATA:DATA-ID="com.example.title",VALUE="A title",LANGUAGE="en"
#EXT-X-SESSION-KEY:METHOD=SAMPLE-AES,URI="skd://k",KEYFORMAT="com.x",KEYFORMATVERSIONS="1/2"
#EXT-X-STREAM-INF:BANDWIDTH=1280000,AVERAGE-BANDWIDTH=1000000,CODECS="avc1.4d401f,mp4a.40.2",RESOLUTION=640x360,AUDIO="A"
low/video.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=7680000,FRAME-RATE=59.94,HDCP-LEVEL=TYPE-0,VIDEO-RANGE=HLG,SCORE=2.5,PATHWAY-ID="CDN-B"
https://backup.example.com/hi/video.m3u8?t={$t}
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=86000,URI="low/iframe.m3u8"
""",
)

_SPLICES = (
    b"",
    b",",
    b'"',
    b"=",
    b"\n",
    b"\r\n",
    b"#",
    b"{$dir}",
    b"{$",
    b"-1",
    b"99999999999999999999",
    b"nan",
    b"\xff",
    b"\0",
)


def mutated(random: Random, most: int = 6) -> bytes:
    """One of the seeds after one to `most` accidents."""
    body = random.choice(SEEDS)
    for _ in range(random.randint(1, most)):
        lines = body.split(b"\n")
        at = random.randrange(len(lines))
        match random.randrange(6):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, random.choice(random.choice(SEEDS).split(b"\n")))
            case 2:
                other = random.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 3:
                cut = random.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + random.choice(_SPLICES) + lines[at][cut:]
            case 4:
                first, last = sorted(random.randrange(len(lines[at]) + 1) for _ in range(2))
                lines[at] = lines[at][:first] + lines[at][last:]
            case _:
                cut = random.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + bytes([random.randrange(256)]) + lines[at][cut + 1 :]
        body = b"\n".join(lines)
    return body
