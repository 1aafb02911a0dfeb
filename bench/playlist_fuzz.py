"""Throw broken playlists at the parser for a while: it may answer with a playlist or a `PlaylistError`, in good time.

    python -m bench.playlist_fuzz [seconds] [seed]

Prints what it tried; stops with the body and the seed at the first that raises anything else. The slowest body of each
run is timed, and the bodies of a megabyte that once could have cost quadratic time are tried once each.
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


def large_bodies() -> dict[str, bytes]:
    """Bodies of a megabyte, each long in one way."""

    def repeated(piece: bytes) -> bytes:
        return piece * (MEGABYTE // len(piece))

    return {
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
