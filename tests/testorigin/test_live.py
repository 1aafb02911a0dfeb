"""The live stream's objects at given instants: no clock, no waiting."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hls_swarm.testorigin.live import LiveStream
from hls_swarm.testorigin.media.clip import load_clip
from hls_swarm.testorigin.media.restamp import VariantStream
from hls_swarm.testorigin.media.timeline import LiveTimeline
from hls_swarm.testorigin.resources import StoredFile

STREAMS = [VariantStream(variant) for variant in load_clip()]


@contextmanager
def live_stream(segment_seconds: int = 2, first: int = 0) -> Iterator[LiveStream]:
    timeline = LiveTimeline(0.0, 1_769_868_309.0, segment_seconds=segment_seconds, window=3, first=first)
    live = LiveStream(STREAMS, timeline)
    try:
        live.advance(0.0)
        yield live
    finally:
        live.close()


def numbers(live: LiveStream, variant: str = "720p") -> list[int]:
    return [nth for nth in range(200) if live.find(f"/live/{variant}/seg-{nth}.ts") is not None]


def file(live: LiveStream, path: str) -> StoredFile:
    resource = live.find(path)
    assert resource is not None
    assert isinstance(resource.content, StoredFile)
    return resource.content


def playlist(live: LiveStream) -> str:
    resource = live.find("/live/540p/playlist.m3u8")
    assert resource is not None
    assert isinstance(resource.content, bytes)
    return resource.content.decode()


def test_it_begins_with_a_full_window() -> None:
    with live_stream() as live:
        assert [numbers(live, name) for name in ("360p", "540p", "720p")] == [[0, 1, 2]] * 3
        assert "#EXT-X-MEDIA-SEQUENCE:0\n" in playlist(live)
        assert live.find("/live/master.m3u8") is not None
        assert live.find("/live/1080p/playlist.m3u8") is None


def test_a_prepared_segment_is_not_there_before_its_time() -> None:
    with live_stream() as live:
        live.prepare(3)
        live.advance(1.99)
        assert numbers(live) == [0, 1, 2]
        live.advance(2.0)
        assert numbers(live) == [0, 1, 2, 3]
        assert "#EXT-X-MEDIA-SEQUENCE:1\n" in playlist(live)


def test_segments_expire_and_their_memory_is_given_back() -> None:
    with live_stream() as live:
        oldest = file(live, "/live/720p/seg-0.ts")
        for nth in range(40):
            live.advance(nth * 2.0)
        assert numbers(live) == list(range(33, 42))
        assert not oldest.is_open


def test_a_segment_that_is_being_sent_outlives_its_expiry() -> None:
    with live_stream() as live:
        oldest = file(live, "/live/720p/seg-0.ts")
        oldest.hold()
        live.advance(100.0)
        assert live.find("/live/720p/seg-0.ts") is None
        assert os.pread(oldest.descriptor, 1, 0) == b"\x47"
        oldest.release()
        assert not oldest.is_open


def test_after_a_long_sleep_only_what_is_kept_is_made() -> None:
    with live_stream() as live:
        live.advance(200.0)
        assert numbers(live) == list(range(94, 103))


@pytest.mark.parametrize("seconds", [2, 4, 8])
def test_a_segment_is_the_parts_of_its_time(seconds: int) -> None:
    with live_stream(seconds, first=3) as live:
        stored = file(live, "/live/360p/seg-4.ts")
        parts = seconds // 2
        expected = b"".join(STREAMS[0].part(nth) for nth in range(4 * parts, 5 * parts))
        assert stored.size == len(expected)
        assert os.pread(stored.descriptor, len(expected) + 1, 0) == expected


def test_closing_closes_every_file() -> None:
    with live_stream() as live:
        files = [file(live, f"/live/{name}/seg-{nth}.ts") for name in ("360p", "540p", "720p") for nth in range(3)]
    assert not any(each.is_open for each in files)
