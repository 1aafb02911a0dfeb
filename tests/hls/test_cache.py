import pytest
from tests.builders.playlists import Playlist, Segment

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.cache import PASSING, PlaylistCache
from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.hls.reading import FFMPEG, HLSJS, STRICT

URL = "http://h/a/p.m3u8"
BODY = Playlist(0, [Segment(0)]).body


def test_identical_bytes_are_parsed_once() -> None:
    cache = PlaylistCache()
    first = cache.parse(BODY, URL)
    assert cache.parse(bytes(bytearray(BODY)), URL) is first
    assert (cache.hits, cache.misses, len(cache), cache.body_bytes) == (1, 1, 1, len(BODY))


def test_the_url_and_the_imports_are_part_of_the_key() -> None:
    cache = PlaylistCache()
    text = b'#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-DEFINE:IMPORT="v"\n#EXTINF:2,\n{$v}.ts\n'
    playlists = [cache.parse(text, url, {"v": v}) for url in (URL, "http://i/p.m3u8") for v in ("x", "y")]
    uris = [playlist.segments[0].uri for playlist in playlists if isinstance(playlist, MediaPlaylist)]
    assert uris == ["http://h/a/x.ts", "http://h/a/y.ts", "http://i/x.ts", "http://i/y.ts"]


def test_the_reading_is_part_of_the_key() -> None:
    cache = PlaylistCache()
    body = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\na.ts\n"
    read = [cache.parse(body, URL, {}, reading) for reading in (HLSJS, FFMPEG, HLSJS)]
    assert [len(playlist.segments) for playlist in read if isinstance(playlist, MediaPlaylist)] == [1, 0, 1]
    assert read[0] is read[2]
    with pytest.raises(PlaylistError):
        cache.parse(body.replace(b":2", b":x"), URL, {}, STRICT)


def test_what_is_no_playlist_is_remembered_and_raised_anew() -> None:
    cache = PlaylistCache()
    raised = []
    for _ in range(2):
        with pytest.raises(PlaylistError, match="HTML page") as info:
            cache.parse(b"<html>", URL)
        raised.append(info.value)
    assert raised[0] is not raised[1]
    assert (raised[1].line, raised[1].text, raised[1].rule) == (1, "<html>", "8216bis 4.4.1.1")
    assert (cache.hits, cache.misses) == (1, 1)


def test_the_longest_unused_leaves_first() -> None:
    cache = PlaylistCache(capacity=2)
    bodies = [Playlist(n, [Segment(n)]).body for n in range(3)]
    first = cache.parse(bodies[0], URL)
    second = cache.parse(bodies[1], URL)
    assert cache.parse(bodies[0], URL) is first
    cache.parse(bodies[2], URL)
    assert cache.parse(bodies[0], URL) is first
    assert cache.parse(bodies[1], URL) is not second
    assert len(cache) == 2


def test_bytes_are_bounded() -> None:
    cache = PlaylistCache(max_body_bytes=2 * len(BODY))
    for n in range(9):
        cache.parse(Playlist(n, [Segment(n)]).body, URL)
    assert (len(cache), cache.body_bytes) == (2, 2 * len(BODY))
    huge = BODY + b"#" * len(BODY) * 2
    assert isinstance(cache.parse(huge, URL), MediaPlaylist)
    assert (len(cache), cache.body_bytes) == (0, 0)


def test_of_answers_that_were_waited_for_few_are_held() -> None:
    cache = PlaylistCache(capacity=10_000)
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{0}\n#EXTINF:2,\n{0}.mp4\n"
    for number in range(3 * PASSING):
        body = text.format(number).encode()
        held = cache.parse(body, f"http://o/p.m3u8?_HLS_msn={number}&_HLS_part=0")
        assert cache.parse(body, f"http://o/p.m3u8?_HLS_msn={number}&_HLS_part=0") is held
        cache.parse(body, "http://o/p.m3u8")
    assert len(cache) == PASSING + 3 * PASSING
    assert cache.hits == 3 * PASSING
    assert cache.body_bytes == sum(
        len(text.format(number)) * (2 if number >= 2 * PASSING else 1) for number in range(3 * PASSING)
    )
