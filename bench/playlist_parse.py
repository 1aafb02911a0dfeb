"""How long a media playlist takes to parse, beside the `m3u8` library, in one run of one process.

    python bench/playlist_parse.py

The two take turns, the best of several rounds counts, and what they read is compared first.
"""

from collections.abc import Callable
from time import perf_counter

import m3u8

from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist

URL = "http://origin.example/live/720p/index.m3u8"
ROUNDS = 7


def live_playlist(count: int, *, dated: bool) -> bytes:
    """A live playlist of `count` segments of about 6 s."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-TARGETDURATION:6", "#EXT-X-MEDIA-SEQUENCE:48211"]
    for n in range(count):
        if dated:
            hours, minutes, seconds = n * 6 // 3600, n * 6 // 60 % 60, n * 6 % 60
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:2026-01-31T{hours:02d}:{minutes:02d}:{seconds:02d}.000Z")
        lines += [f"#EXTINF:{6 - n % 7 / 1000:.3f},", f"segment_{48211 + n:08d}.ts"]
    return ("\n".join(lines) + "\n").encode()


def best_seconds(calls: list[Callable[[], object]], repeat: int) -> list[float]:
    """The shortest time of one call of each, taking turns."""
    best = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for index, call in enumerate(calls):
            begun = perf_counter()
            for _ in range(repeat):
                call()
            best[index] = min(best[index], (perf_counter() - begun) / repeat)
    return best


def main() -> None:
    """Print one line for each size."""
    print(f"{'playlist':<34}{'hls_swarm':>12}{'m3u8':>12}{'ratio':>8}")
    for count, repeat in ((10, 200), (1200, 3)):
        for dated in (False, True):
            body = live_playlist(count, dated=dated)
            ours = parse_playlist(body, URL)
            theirs = m3u8.loads(body.decode(), uri=URL)
            assert isinstance(ours, MediaPlaylist)
            assert [s.uri for s in ours.segments] == [s.absolute_uri for s in theirs.segments]
            own, peer = best_seconds(
                [lambda b=body: parse_playlist(b, URL), lambda b=body: m3u8.loads(b.decode(), uri=URL)],  # type: ignore[misc]  # mypy can not infer a lambda's default
                repeat,
            )
            label = f"{count} segments{', dated' if dated else ''}, {len(body) / 1000:.1f} kB"
            print(f"{label:<34}{own * 1e6:>9.1f} us{peer * 1e6:>9.1f} us{peer / own:>8.1f}")


if __name__ == "__main__":
    main()
