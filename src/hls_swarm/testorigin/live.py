"""A live stream: makes its segments and playlists as time passes, and has them at their paths."""

import asyncio
from collections.abc import Sequence
from itertools import chain
from zlib import crc32

from hls_swarm.testorigin.media.restamp import VariantStream
from hls_swarm.testorigin.media.timeline import LiveTimeline
from hls_swarm.testorigin.playlists import MEDIA_PLAYLIST_NAME, media_playlist, multivariant_playlist, segment_name
from hls_swarm.testorigin.resources import PLAYLIST_TYPE, SEGMENT_TYPE, Caching, Resource, StoredFile
from hls_swarm.testorigin.settings import LIVE_PREFIX, MULTIVARIANT_PATH


class LiveStream:
    """The stream's objects, by path. `advance` is told the time; nothing here reads a clock."""

    def __init__(self, streams: Sequence[VariantStream], timeline: LiveTimeline) -> None:
        self._streams, self._timeline = tuple(streams), timeline
        self._resources: dict[str, Resource] = {}
        self._made: dict[int, tuple[StoredFile, ...]] = {}
        self._newest = timeline.first - 1
        multivariant = multivariant_playlist(self._streams).encode()
        self._resources[MULTIVARIANT_PATH] = Resource(
            PLAYLIST_TYPE, multivariant, Caching.REVALIDATE, etag=f'"{crc32(multivariant):08x}"'
        )

    def find(self, path: str) -> Resource | None:
        """The resource at a path, as it was when the stream last advanced."""
        return self._resources.get(path)

    @property
    def newest(self) -> int:
        """Number of the last segment listed."""
        return self._newest

    def advance(self, now: float) -> None:
        """List what is due and delete what has expired; segments that `prepare` has not made yet are made here."""
        newest = self._timeline.newest(now)
        if newest <= self._newest:
            return
        oldest = self._timeline.oldest_kept(newest)
        for segment in range(max(oldest, self._newest + 1), newest + 1):
            self.prepare(segment)
            for stream, file in zip(self._streams, self._made[segment], strict=True):
                self._resources[_path(stream, segment_name(segment))] = Resource(
                    SEGMENT_TYPE, file, Caching.LONG, etag=f'"{segment}"'
                )
        playlist = Resource(
            PLAYLIST_TYPE, media_playlist(self._timeline, newest).encode(), Caching.REVALIDATE, etag=f'"{newest}"'
        )
        for stream in self._streams:
            self._resources[_path(stream, MEDIA_PLAYLIST_NAME)] = playlist
        self._newest = newest
        for segment in [each for each in self._made if each < oldest]:
            self._delete(segment)

    def pause(self, seconds: float) -> None:
        """Stand still for so long: nothing new is listed until then, and everything that follows is so much later."""
        self._timeline = self._timeline.paused(seconds)

    def prepare(self, segment: int) -> None:
        """Make a segment of every variant, without listing it."""
        if segment not in self._made:
            self._made[segment] = tuple(self._make(stream, segment) for stream in self._streams)

    def close(self) -> None:
        """Delete everything."""
        for segment in tuple(self._made):
            self._delete(segment)
        self._resources.clear()

    async def run(self, stop: asyncio.Event) -> None:
        """List each segment at its time, by the loop's clock, until told to stop.

        The next segment is made in the middle of the one before, when players do not all ask for the playlist.
        """
        loop = asyncio.get_running_loop()
        half = self._timeline.segment_seconds / 2
        while not stop.is_set():
            next_at = self._timeline.listed_at(self._newest + 1)
            if not await _stopped_before(stop, next_at - half - loop.time()):
                self.prepare(self._newest + 1)
                if not await _stopped_before(stop, next_at - loop.time()):
                    self.advance(loop.time())

    def _make(self, stream: VariantStream, segment: int) -> StoredFile:
        parts = self._timeline.segment_seconds // stream.variant.part_seconds
        content = b"".join(stream.part(nth) for nth in range(segment * parts, (segment + 1) * parts))
        return StoredFile(f"{stream.variant.name}-{segment}", content)

    def _delete(self, segment: int) -> None:
        for stream, file in zip(self._streams, self._made.pop(segment), strict=True):
            self._resources.pop(_path(stream, segment_name(segment)), None)
            file.retire()


def index_text(streams: Sequence[VariantStream], pages: Sequence[str]) -> str:
    """What there is to be had, one path a line."""
    playlists = (_path(stream, MEDIA_PLAYLIST_NAME) for stream in streams)
    return "".join(f"{path}\n" for path in chain((MULTIVARIANT_PATH,), playlists, pages))


def _path(stream: VariantStream, name: str) -> str:
    return f"{LIVE_PREFIX}/{stream.variant.name}/{name}"


async def _stopped_before(stop: asyncio.Event, delay: float) -> bool:
    """Wait until it is time or the stream is told to stop, and say which it was."""
    try:
        await asyncio.wait_for(stop.wait(), max(0.0, delay))
    except TimeoutError:
        return False
    return True
