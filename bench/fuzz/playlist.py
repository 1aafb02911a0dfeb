"""Throw broken playlists at the parser for a while: it may answer with a playlist or a `PlaylistError`, in good time.

    python -m bench.fuzz.playlist [seconds] [seed]

Prints what it tried; stops with the body and the seed at the first that raises anything else. The slowest body of each
run is timed, and bodies of a megabyte are tried once each: such as could cost quadratic time, and one for each sort of
line, so dense that there is the most to do for a byte.
"""

import sys
from random import Random
from time import perf_counter

from tests.builders.mutations import mutated

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.parser import parse_playlist

URL = "http://origin.example/live/index.m3u8?t=x"
HEAD = b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n"
MEGABYTE = 1 << 20
MEDIA_LINES = [
    b"#EXTINF:1,\na\n",
    b"#EXTINF:%d,\na\n",
    b"#EXTINF:1\n",
    b"#EXTINF:1,\n a\n",
    *[b"#EXTINF:1,\n" + uri + b"\n" for uri in (b"//", b".", b"?", b"a:", b"a b", b"%d b", b"../%d", "é".encode())],
    *[b"a\n", b"%d\n", b" a\n", b" #\n", b"#EXT\n", b"#EXT:\n", b"#EXT%d\n", b"#EXTM3U\n"],
    *[b"#EXT-X-GAP\n", b"#EXT-X-GAP \n", b"#EXT-X-DISCONTINUITY\n", b"#EXT-X-DISCONTINUITY\n#EXTINF:1,\na\n"],
    *[b"#EXT-X-BYTERANGE:1\n", b"#EXT-X-BYTERANGE:1@%d\n#EXTINF:1,\na\n", b"#EXT-X-BITRATE:1\n"],
    *[b"#EXT-X-KEY:METHOD=NONE\n", b'#EXT-X-KEY:METHOD=AES-128,URI="%d"\n'],
    *[b'#EXT-X-MAP:URI="a"\n', b'#EXT-X-MAP:URI="%d"\n'],
    b"#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n#EXTINF:1,\na\n",
    *[b"#EXT-X-PROGRAM-DATE-TIME:\n", b"#EXT-X-PROGRAM-DATE-TIME:2026-13-45T99:00:00Z\n"],
    *[b'#EXT-X-PART:DURATION=1,URI="a"\n', b'#EXT-X-PART:DURATION=1,URI="%d"\n'],
    *[b'#EXT-X-PRELOAD-HINT:TYPE=MAP,URI="a"\n', b'#EXT-X-RENDITION-REPORT:URI="a"\n'],
    *[b'#EXT-X-DATERANGE:ID="%d",START-DATE="2026-01-01"\n', b'#EXT-X-DATERANGE:ID="a"\n', b"#EXT-X-DATERANGE:\n"],
    *[b"#EXTINF:%d x\n", b"#EXTINF:x\na\n", b"#EXT-X-KEY:\n", b"#EXT-X-KEY:,A\n", b"#EXT-X-MEDIA-SEQUENCE:%d\n"],
    *[b"#EXT-X-MAP:URI=a%d;\n", b'#EXT-X-PART:DURATION=x,URI="%d"\n', b"#EXT-X-SKIP:SKIPPED-SEGMENTS=%d\n"],
    *[b"#EXT-X-SERVER-CONTROL:HOLD-BACK=%dx\n", b"#EXT-X-MEDIA:A=%d\n", b"#EXT-X-STREAM-INF:\na\n"],
    *[b"#EXT-X-START:TIME-OFFSET=1\n", b"#EXT-X-START:\n", b'#EXT-X-DEFINE:NAME="%d",VALUE=""\n'],
]
MULTIVARIANT_LINES = [
    *[
        b"#EXT-X-STREAM-INF:BANDWIDTH=1\na\n",
        b"#EXT-X-STREAM-INF:BANDWIDTH=%d\na\n",
        b"#EXT-X-STREAM-INF:BANDWIDTH=1\n",
    ],
    b"#EXT-X-STREAM-INF:BANDWIDTH=1\na\n" + b"b\n" * 400_000,
    *[b"#EXT-X-STREAM-INF:%d\na\n", b"#EXT-X-STREAM-INF:,,BANDWIDTH=%d.5\n", b"#EXT-X-STREAM-INF:A=1;B=%d\n"],
    *[b"#EXT-X-MEDIA:\n", b"#EXT-X-MEDIA:TYPE=AUDIO,%d\n", b"#EXT-X-MEDIA-SEQUENCE:%d\n"],
    b'#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"\na\n',
    *[b'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="b"\n', b'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="%d"\n'],
    b'#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="a"\n',
    *[b'#EXT-X-SESSION-DATA:DATA-ID="%d",VALUE=""\n', b'#EXT-X-SESSION-KEY:METHOD=AES-128,URI="%d"\n'],
]


def large_bodies() -> dict[str, bytes]:
    """Bodies of a megabyte, each long in one way."""

    def repeated(piece: bytes) -> bytes:
        return piece * (MEGABYTE // len(piece))

    bodies = {
        "one word": HEAD + repeated(b"a"),
        "blank lines": HEAD + repeated(b"\n"),
        "comments": HEAD + repeated(b"#\n"),
        "spaces in a value": HEAD + b"#EXT-X-KEY:A=b" + repeated(b" ") + b'"',
        "an open quote": HEAD + b'#EXT-X-KEY:URI="' + repeated(b"a"),
        "quotes": HEAD + b"#EXT-X-KEY:" + repeated(b'"'),
        "commas": HEAD + b"#EXT-X-KEY:" + repeated(b","),
        "attributes": HEAD + b"#EXT-X-KEY:" + b",".join(b"A%d=1" % n for n in range(MEGABYTE // 9)),
        "digits": HEAD + b"#EXTINF:" + repeated(b"1"),
        "dots": HEAD + b"#EXTINF:1,\n" + repeated(b"../"),
        "NUL": HEAD + b"#EXTINF:1,\n" + repeated(b"\0"),
        "variables": HEAD + b'#EXT-X-DEFINE:NAME="a",VALUE="' + b"x" * 9999 + b'"\n#EXTINF:1,\n' + repeated(b"{$a}"),
        "date ranges": HEAD
        + b"".join(b'#EXT-X-DATERANGE:ID="a",START-DATE="2026-01-01",X-%d="1"\n' % n for n in range(MEGABYTE // 70)),
    }
    bodies |= {f"media {line[:50]!r}": HEAD + many(line) for line in MEDIA_LINES}
    bodies |= {f"multivariant {line[:50]!r}": b"#EXTM3U\n" + many(line) for line in MULTIVARIANT_LINES}
    dated = b"#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n#EXTINF:1,\na\n"
    return bodies | {"a date at the end": HEAD + many(b"#EXTINF:1,\na\n") + dated}


def many(line: bytes) -> bytes:
    """So often a line that it is a megabyte; `%d` in it is a number that grows."""
    lines: list[bytes] = []
    left = MEGABYTE - 200
    while left > 0:
        lines.append(line % len(lines) if b"%d" in line else line)
        left -= len(lines[-1])
    return b"".join(lines)


def tried(body: bytes) -> tuple[float, str]:
    """Seconds taken and what came of it."""
    begun = perf_counter()
    try:
        outcome = type(parse_playlist(body, URL)).__name__
    except PlaylistError as error:
        outcome = f"PlaylistError: {error.reason}"
    return perf_counter() - begun, outcome


def main() -> None:
    """Run for the seconds given, from the seed given."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for name, body in large_bodies().items():
        taken, outcome = tried(body)
        print(f"{taken * 1000:8.1f} ms  {name}: {outcome[:80]}")
    random = Random(seed)
    bodies = rejected = 0
    slowest, end = 0.0, perf_counter() + seconds
    while perf_counter() < end:
        body = mutated(random, most=8)
        try:
            taken, outcome = tried(body)
        except BaseException:
            print(f"seed {seed}, body {bodies}: {body!r}")
            raise
        bodies += 1
        rejected += outcome.startswith("PlaylistError")
        slowest = max(slowest, taken)
    print(f"seed {seed}: {bodies} bodies, {rejected} rejected, slowest {slowest * 1000:.1f} ms")


if __name__ == "__main__":
    main()
