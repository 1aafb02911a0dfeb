"""The stream: publishes each part when its media has passed, and says what a request for it gets.

Rules:

- A part is there at the instant at which its last frame ends on the stream's clock, of each track by itself: an origin
  can not publish what has not happened. Its segment is complete with its last part, and is all of them.
- The stream begins with a full window, so that the first player starts at once.
- A request for what a playlist does not have yet waits on the track's shelf; `advance` wakes it.
- A part that was hinted at can be asked for before it is there (6.2.6): the request waits for it.
"""

import asyncio
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol
from zlib import crc32

from hls_swarm.testorigin.lowlatency.directives import Edge, Skip, Verdict, parse_directives, verdict
from hls_swarm.testorigin.lowlatency.playlists import (
    Shape,
    init_name,
    media_playlist,
    part_name,
    segment_name,
)
from hls_swarm.testorigin.media.cmaf import CmafStream
from hls_swarm.testorigin.media.parts import CutPart, PartedTrack, part_count
from hls_swarm.testorigin.media.timeline import LiveTimeline
from hls_swarm.testorigin.playlists import MEDIA_PLAYLIST_NAME, cmaf_multivariant_playlist
from hls_swarm.testorigin.resources import MP4_TYPE, PLAYLIST_TYPE, Caching, Resource
from hls_swarm.testorigin.serving.held import Held, Shelf, Wake
from hls_swarm.testorigin.settings import LOW_LATENCY_PREFIX

LEAST_WINDOW = 12
"""Segments in a media playlist at least: a delta update leaves out what is six target durations from the end."""
_UNAVAILABLE_TARGETS = 3
"""A request that has waited for so many target durations gets 503 (6.2.5.2)."""
_SWEEP_SECONDS = 0.5
_WOKEN_AT_ONCE = 50
"""Then others have their turn, such as a player that has just come: a thousand answers take tens of milliseconds."""
_FILE = re.compile(r"seg-(\d{1,18})(?:-(\d{1,9})(-lost)?)?\.m4s", re.ASCII)


class PartFaults(Protocol):
    """What can go wrong with parts on purpose."""

    def part_delay(self, path: str, now: float) -> float:
        """By how many seconds a part comes late."""

    def loses_hint(self, path: str, now: float) -> bool:
        """Whether a part that is hinted at will never be there."""

    def renews_map(self, path: str, now: float) -> bool:
        """Whether a segment begins with an init section of another name."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is answered with a status and no resource."""

    status: HTTPStatus
    words: str = ""


Outcome = Resource | Held | Refusal | None


class _Track:
    """One track: what it has published, and what waits for more.

    Attributes:
        segments: parts by segment, of those that are kept and of the one that is being made.
        playlists: as they are now, by what is left out and whether a request for them may have waited.
        files: segments and parts that were asked for, while they are kept.
        maps: name of the init section of each of these segments.
        lost: whether the hint for the next part names one that will never be there.
        late_until: when the next part comes, if it is late.
    """

    def __init__(self, name: str, media: PartedTrack, first: int, complete: int) -> None:
        self.name, self.media = name, media
        self.edge = Edge(complete, 0, media.parts)
        self.segments = {nth: media.segment(nth) for nth in range(first, complete + 2)}
        self.maps = dict.fromkeys(self.segments, init_name(None))
        self.shelf = Shelf()
        self.lost = False
        self.late_until: float | None = None
        self.playlists: dict[tuple[Skip, bool], tuple[tuple[Edge, ...], Resource]] = {}
        self.files: dict[tuple[int, int | None], Resource] = {}

    @property
    def next_part(self) -> CutPart:
        """The part that will be published next."""
        segment, part = self.edge.next_part
        return self.segments[segment][part]

    def publish(self) -> None:
        """The next part is there."""
        edge = self.edge
        if edge.parts + 1 < edge.per_segment:
            self.edge = Edge(edge.complete, edge.parts + 1, edge.per_segment)
            return
        self.edge = Edge(edge.complete + 1, 0, edge.per_segment)
        self.segments[edge.complete + 2] = self.media.segment(edge.complete + 2)

    def begin(self, *, new_map: bool) -> None:
        """A segment is complete and the next one begins: what its init section is called is known before its media."""
        coming = self.edge.complete + 1
        self.maps[coming] = init_name(coming) if new_map else self.maps[coming - 1]

    def forget(self, before: int) -> None:
        """Delete the segments before one."""
        old = [each for each in self.segments if each < before]
        for segment in old:
            del self.segments[segment], self.maps[segment]
        if old:
            self.files = {key: file for key, file in self.files.items() if key[0] in self.segments}

    def path(self, name: str) -> str:
        """The path of one of its files."""
        return f"{LOW_LATENCY_PREFIX}/{self.name}/{name}"


class LowLatencyStream:
    """The stream's objects, by path and query. `advance` is told the time; nothing here reads a clock.

    Args:
        cmaf: the clip's tracks, by name.
        timeline: as the other live stream has it; its window is widened to `LEAST_WINDOW`.
        part_seconds: how long parts should be.
        faults: what goes wrong on purpose.

    Attributes:
        moves: how often something was published or deleted; until the next time the same request gets the same answer.
    """

    def __init__(
        self, cmaf: Mapping[str, CmafStream], timeline: LiveTimeline, part_seconds: float, faults: PartFaults
    ) -> None:
        seconds = timeline.segment_seconds
        probes = [PartedTrack(stream, seconds, 1) for stream in cmaf.values()]
        count = part_count(seconds, part_seconds, tuple(probe.frame_seconds for probe in probes))
        media = {name: PartedTrack(stream, seconds, count) for name, stream in cmaf.items()}
        longest = max(track.longest_part_seconds() for track in media.values())
        target = math.ceil(longest * 1e5 - 1e-4) / 1e5  # as it is written, and no part is longer
        window = max(timeline.window, LEAST_WINDOW)
        complete = timeline.first + window - 1
        self._media_began_at = timeline.started_at - (complete + 1) * seconds
        wall = timeline.started_wall - (complete + 1) * seconds
        self.shape = Shape(seconds, target, window, wall)
        self._faults = faults
        self._tracks = {name: _Track(name, track, timeline.first, complete) for name, track in media.items()}
        self._kept = 2 * window + 3
        self.moves = 0
        master = cmaf_multivariant_playlist(9).encode()
        self._master = Resource(PLAYLIST_TYPE, master, Caching.REVALIDATE, etag=f'"{crc32(master):08x}"')

    @property
    def paths(self) -> tuple[str, ...]:
        """Its playlists."""
        return (
            f"{LOW_LATENCY_PREFIX}/master.m3u8",
            *(track.path(MEDIA_PLAYLIST_NAME) for track in self._tracks.values()),
        )

    def pause(self, seconds: float) -> None:
        """Stand still for so long; everything that follows is so much later, and dates go on without a gap."""
        self._media_began_at += seconds

    def advance(self, now: float) -> None:
        """Publish what is due, delete what has expired, and wake who waited for it, or for too long."""
        for wake, in_vain in self._advance(now):
            wake(in_vain)

    def _advance(self, now: float) -> list[tuple[Wake, bool]]:
        """The same, but for waking them."""
        for track in self._tracks.values():
            while self._due_at(track, now) <= now:
                track.publish()
                self.moves += 1
                track.late_until = None
                path = track.path(part_name(*track.edge.next_part))
                track.lost = self._faults.loses_hint(path, now)
                if not track.edge.parts:
                    path = track.path(segment_name(track.edge.complete + 1))
                    track.begin(new_map=self._faults.renews_map(path, now))
            track.forget(track.edge.complete - self._kept)
        waiting = (track for track in self._tracks.values() if track.shelf.waiting)
        return [woken for track in waiting for woken in track.shelf.take(track.edge.has, now)]

    def next_at(self, now: float) -> float:
        """When `advance` has something to do next."""
        return min(self._due_at(track, now) for track in self._tracks.values())

    async def run(self, stop: asyncio.Event) -> None:
        """Publish each part at its time, by the loop's clock, until told to stop."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            now = loop.time()
            woken = self._advance(now)
            for nth, (wake, in_vain) in enumerate(woken, 1):
                wake(in_vain)
                if nth % _WOKEN_AT_ONCE == 0:
                    await asyncio.sleep(0)
            delay = min(max(0.0, self.next_at(now) - loop.time()), _SWEEP_SECONDS)
            try:
                await asyncio.wait_for(stop.wait(), delay)
            except TimeoutError:
                continue

    def ask(self, path: str, query: str, now: float) -> Outcome:
        """What a request gets at the instant `now`; None: nothing here has that path."""
        prefix, _, rest = path.removeprefix("/").partition("/")
        if f"/{prefix}" != LOW_LATENCY_PREFIX:
            return None
        if rest == "master.m3u8":
            return self._master
        name, _, file = rest.partition("/")
        track = self._tracks.get(name)
        if track is None:
            return None
        if file == MEDIA_PLAYLIST_NAME:
            return self._playlist(track, query, now)
        if file.startswith("init") and (file == init_name(None) or file in track.maps.values()):
            return Resource(MP4_TYPE, track.media.init, Caching.LONG, etag=f'"{name}"')
        return self._media(track, file, now)

    def _due_at(self, track: _Track, now: float) -> float:
        """When the next part is published; how late it is on purpose is decided once, when it should be there."""
        if track.late_until is not None:
            return track.late_until
        due = self._media_began_at + track.next_part.end
        if due <= now:
            delay = self._faults.part_delay(track.path(part_name(*track.edge.next_part)), now)
            if delay > 0:
                due = track.late_until = due + delay
        return due

    def _playlist(self, track: _Track, query: str, now: float) -> Outcome:
        try:
            directives = parse_directives(query)
        except ValueError as error:
            return Refusal(HTTPStatus.BAD_REQUEST, str(error))
        match verdict(directives, track.edge, self.shape.part_target):
            case Verdict.REFUSE:
                return Refusal(HTTPStatus.BAD_REQUEST, "this is too far ahead of the playlist to wait for")
            case Verdict.HOLD if directives.sequence is not None:
                deadline = now + _UNAVAILABLE_TARGETS * self.shape.segment_seconds
                return Held(track.shelf, (directives.sequence, directives.part), deadline)
            case _:
                return self._listed(track, directives.skip, blocking=directives.sequence is not None)

    def _listed(self, track: _Track, skip: Skip, *, blocking: bool) -> Resource:
        edges = tuple(each.edge for each in self._tracks.values())
        known = track.playlists.get((skip, blocking))
        if known is not None and known[0] == edges:
            return known[1]
        hint = part_name(*track.edge.next_part)
        text = media_playlist(
            self.shape,
            track.segments,
            track.edge,
            skip=skip,
            maps=track.maps,
            hint=_lost(hint) if track.lost else hint,
            reports={
                f"../{other.name}/{MEDIA_PLAYLIST_NAME}": other.edge
                for other in self._tracks.values()
                if other is not track
            },
        )
        # What a cache may keep: a blocking answer is the same for ever, another one half a target duration (6.2.5.2).
        seconds = 6 * self.shape.segment_seconds if blocking else self.shape.segment_seconds // 2
        resource = Resource(PLAYLIST_TYPE, text.encode(), Caching.BRIEFLY, max_age=seconds)
        track.playlists[skip, blocking] = edges, resource
        return resource

    def _media(self, track: _Track, file: str, now: float) -> Outcome:
        named = _FILE.fullmatch(file)
        if named is None:
            return None
        segment, part = int(named[1]), None if named[2] is None else int(named[2])
        if file != (segment_name(segment) if part is None else part_name(segment, part)) and not named[3]:
            return None  # such as seg-007.m4s
        found = None if named[3] else track.files.get((segment, part))
        if found is not None:
            return found
        edge, parts = track.edge, track.segments.get(segment, ())
        if part is None:
            if not parts or segment > edge.complete:
                return None
            made = _stored(b"".join(each.data for each in parts), f"{track.name}-{segment}")
        elif edge.has(segment, part):
            if named[3] or part >= len(parts):
                return None
            made = _stored(parts[part].data, f"{track.name}-{segment}-{part}")
        elif (segment, part) == edge.next_part:
            return Held(track.shelf, (segment, part), now + _UNAVAILABLE_TARGETS * self.shape.segment_seconds)
        else:
            return None
        track.files[segment, part] = made
        return made


def _stored(content: bytes, name: str) -> Resource:
    return Resource(MP4_TYPE, content, Caching.LONG, etag=f'"{name}"')


def _lost(name: str) -> str:
    return name.replace(".m4s", "-lost.m4s")
