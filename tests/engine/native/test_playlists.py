"""What the shell makes of playlists: how they are read, whether they changed, what is said of them."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from itertools import count

import pytest
from tests.builders.playlists import Playlist, Segment

from hls_swarm.engine.native.comparisons import Comparisons
from hls_swarm.engine.native.viewer import NativeViewer
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.http.fetcher import InFlight, Progress, Request
from hls_swarm.records import (
    DatesMoved,
    Exchange,
    FailureKind,
    PlaylistFetched,
    Record,
    SegmentsMutated,
    ViewerStopped,
)
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import HLSJS, MEDIA3, Profile

URL = "http://origin.test/live.m3u8"
DATE = 1767225600.0


class Done:
    body_bytes = 0

    def progress(self) -> Progress:
        return Progress(0.0, None, self.body_bytes, None)

    def cancel(self) -> None:
        """It is over."""


class Scripted:
    """Answers playlists with one body after another, the last one for ever, and everything else with 1,000 bytes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, bodies: Iterable[bytes]) -> None:
        self._loop, self._bodies, self._body = loop, iter(bodies), b""

    def fetch(self, request: Request, done: Callable[[Exchange], None]) -> InFlight:
        at = self._loop.time()
        if request.keep_body:
            self._body = next(self._bodies, self._body)
        body = self._body if request.keep_body else None
        made = Exchange(request.url, request.url, at, at, at, at, at, requests_sent=1, status=200, body=body)
        self._loop.call_soon(done, made)
        return Done()

    def close(self) -> None:
        """There is nothing open."""


async def watch(
    bodies: Iterable[bytes],
    seconds: float = 0.0,
    *,
    profile: Profile = HLSJS,
    strict: bool = False,
    playlists: PlaylistCache | None = None,
) -> list[Record]:
    """What a viewer says in so many seconds, or until it is over."""
    loop, records, over = asyncio.get_running_loop(), list[Record](), asyncio.Event()
    viewer = NativeViewer(
        Viewer(0, URL, profile, parse_variant("highest")),
        Scripted(loop, bodies),
        PlaylistCache() if playlists is None else playlists,
        Comparisons(),
        records.append,
        lambda _: over.set(),
        loop,
        strict=strict,
    )
    viewer.start(loop.time())
    try:
        await asyncio.wait_for(over.wait(), seconds or 10.0)
    except TimeoutError:
        viewer.quit()
        await asyncio.wait_for(over.wait(), 60.0)
    return records


def loads(records: list[Record]) -> list[PlaylistFetched]:
    return [record for record in records if isinstance(record, PlaylistFetched)]


def window(first: int, *, date: float = DATE, query: str = "", **options: object) -> bytes:
    """Six segments of a second."""
    segments = [Segment(n, 1.0, date=date + n, uri=f"s{n}.ts{query}") for n in range(first, first + 6)]
    return Playlist(first, segments, target_duration=1, **options).body  # type: ignore[arg-type]  # handed on as given


TWICE = window(0, type="VOD", tail=["#EXT-X-ENDLIST", "#EXT-X-ENDLIST"])


def test_a_violation_is_reported_with_its_load_and_played_over() -> None:
    (load, *_) = loads(asyncio.run(watch([TWICE], 0.2)))
    assert load.failure is None
    assert [(found.reason, found.refused_by) for found in load.violations] == [
        ("EXT-X-ENDLIST appears twice", ("hls.js",))
    ]


def test_strictly_it_is_a_failure() -> None:
    records = asyncio.run(watch([TWICE], strict=True))
    (load,) = loads(records)
    assert load.failure is not None
    assert load.failure.kind is FailureKind.BAD_PLAYLIST
    assert "EXT-X-ENDLIST appears twice (8216bis 4.4.3.4)" in load.failure.detail
    assert isinstance(records[-1], ViewerStopped)


@pytest.mark.parametrize(("profile", "fails"), [pytest.param(HLSJS, False), pytest.param(MEDIA3, True)])
def test_the_profile_says_how_it_is_read(profile: Profile, fails: bool) -> None:
    without = b'#EXTM3U\n#EXT-X-STREAM-INF:CODECS="mp4a.40.2"\nlow.m3u8\n'
    (load, *_) = loads(asyncio.run(watch([without, TWICE], 0.2, profile=profile)))
    assert (load.failure is not None) is fails


def test_a_multivariant_playlist_without_a_variant_is_an_error_of_its_load() -> None:
    alone = b'#EXTM3U\n#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI="i.m3u8"\n'
    (load,) = loads(asyncio.run(watch([alone])))
    assert load.failure is not None
    assert load.failure.kind is FailureKind.EMPTY_PLAYLIST


def generated() -> Iterator[bytes]:
    """The same window each time, in other bytes and with other tokens."""
    for n in count():
        yield window(5, query=f"?token={n}") + f"## generated {n}\n".encode()


def test_other_bytes_are_no_change_however_many_playlists_there_are() -> None:
    records = asyncio.run(watch(generated(), 2.3, playlists=PlaylistCache(capacity=1)))
    first, *others = loads(records)
    assert first.changed is True
    assert len(others) >= 2
    assert {load.changed for load in others} == {False}
    assert not any(isinstance(record, SegmentsMutated) for record in records)


def test_dates_that_jump_are_said() -> None:
    records = asyncio.run(watch([window(5), window(6, date=DATE + 36.0)], 1.6))
    assert [record.seconds for record in records if isinstance(record, DatesMoved)] == [36.0]
