"""Playlists as the player gets them, character for character."""

import m3u8

from hls_swarm.testorigin.media.clip import load_clip
from hls_swarm.testorigin.media.restamp import VariantStream
from hls_swarm.testorigin.media.timeline import LiveTimeline
from hls_swarm.testorigin.playlists import media_playlist, multivariant_playlist

LIVE = LiveTimeline(started_at=0.0, started_wall=1_769_868_309.25, segment_seconds=2, window=3, first=7)


def test_the_multivariant_playlist() -> None:
    assert multivariant_playlist([VariantStream(variant) for variant in load_clip()]) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:3\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=800128,AVERAGE-BANDWIDTH=800000,CODECS="avc1.4d401e,mp4a.40.2",'
        "RESOLUTION=640x360,FRAME-RATE=25.000\n"
        "360p/playlist.m3u8\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=1600256,AVERAGE-BANDWIDTH=1600000,CODECS="avc1.4d401f,mp4a.40.2",'
        "RESOLUTION=960x540,FRAME-RATE=25.000\n"
        "540p/playlist.m3u8\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=3000480,AVERAGE-BANDWIDTH=3000000,CODECS="avc1.64001f,mp4a.40.2",'
        "RESOLUTION=1280x720,FRAME-RATE=25.000\n"
        "720p/playlist.m3u8\n"
    )


def test_the_first_media_playlist() -> None:
    assert media_playlist(LIVE, LIVE.newest(0.0)) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:3\n"
        "#EXT-X-TARGETDURATION:2\n"
        "#EXT-X-MEDIA-SEQUENCE:7\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-31T14:05:03.250Z\n"
        "#EXTINF:2.00000,\n"
        "seg-7.ts\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-31T14:05:05.250Z\n"
        "#EXTINF:2.00000,\n"
        "seg-8.ts\n"
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-31T14:05:07.250Z\n"
        "#EXTINF:2.00000,\n"
        "seg-9.ts\n"
    )


def test_a_later_media_playlist_as_another_parser_reads_it() -> None:
    playlist = m3u8.loads(media_playlist(LIVE, LIVE.newest(5.0)))
    assert playlist.media_sequence == 9
    assert [segment.uri for segment in playlist.segments] == ["seg-9.ts", "seg-10.ts", "seg-11.ts"]
    assert str(playlist.segments[2].program_date_time) == "2026-01-31 14:05:11.250000+00:00"
    assert not playlist.is_endlist


def test_codecs_are_what_the_video_says_of_itself() -> None:
    """Profile, constraints and level are the three bytes after the NAL header of the SPS (RFC 6381 3.3)."""
    for variant in load_clip():
        for part in variant.parts:
            at = part.index(b"\0\0\1\x67") + 4
            assert variant.codecs == f"avc1.{part[at : at + 3].hex()},mp4a.40.2"
