"""Delta updates are completed once for all viewers that hold the same copy."""

from hls_swarm.engine.native.deltas import Deltas
from hls_swarm.hls.delta import RefetchReason
from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist


def media(first: int, count: int, skipped: int = 0, url: str = "http://o/p.m3u8") -> MediaPlaylist:
    lines = ["#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-TARGETDURATION:2", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
    lines += [f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}"] if skipped else []
    for number in range(first + skipped, first + count):
        lines += ["#EXTINF:2.0,", f"{number}.mp4"]
    parsed = parse_playlist("\n".join([*lines, ""]).encode(), url)
    assert isinstance(parsed, MediaPlaylist)
    return parsed


def test_a_delta_becomes_the_full_playlist_whatever_was_asked_for() -> None:
    deltas, held = Deltas(), media(1, 8, url="http://o/p.m3u8?_HLS_msn=8")
    delta = media(2, 8, 5, url="http://o/p.m3u8?_HLS_msn=9&_HLS_skip=YES")
    full = deltas.complete(held, delta)
    assert isinstance(full, MediaPlaylist)
    assert [segment.uri.rpartition("/")[2] for segment in full.segments] == [f"{n}.mp4" for n in range(2, 10)]
    assert deltas.complete(held, delta) is full


def test_a_delta_of_another_playlist_or_of_none_is_of_no_use() -> None:
    delta = media(2, 8, 5)
    assert Deltas().complete(None, delta) is RefetchReason.SEGMENTS_MISSING
    assert Deltas().complete(media(1, 8, url="http://o/q.m3u8"), delta) is RefetchReason.SEGMENTS_MISSING
    assert Deltas().complete(media(6, 8), delta) is RefetchReason.SEGMENTS_MISSING
