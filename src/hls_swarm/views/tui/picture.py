"""What the panels draw: the newest snapshot, how the run fares, and how its rates went over the last minutes."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hls_swarm.capacity.searching.progress import Progress
from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.records import ObjectKind
from hls_swarm.snapshot.condition import Assessment, Assessor
from hls_swarm.snapshot.lately import Lately
from hls_swarm.snapshot.snapshot import Snapshot

TRACE_VALUES = 300
"""Snapshots that a trace keeps: five minutes."""

THROUGHPUT, SEGMENTS, PLAYLISTS, PLAYING, STALLED = "throughput", "segments", "playlists", "playing", "stalled"
DOWNLOAD, FAILED = "download", "failed"
PARTS, PART_DOWNLOAD, LIVE_LATENCY = "parts", "part download", "live latency"
"""Of low-latency streams."""

_COLUMNS = {
    THROUGHPUT: "throughput_bytes_per_second",
    SEGMENTS: "segment_requests_per_second",
    PLAYLISTS: "media_playlist_requests_per_second",
    PLAYING: "viewers_playing",
    STALLED: "viewers_stalled",
    DOWNLOAD: "segment_download_seconds_p95",
    PARTS: "part_requests_per_second",
    PART_DOWNLOAD: "part_download_seconds_p95",
    LIVE_LATENCY: "live_latency_seconds_p50",
}
"""Columns of the timeline that say what a trace does."""

Trace = Sequence[float | None]

_Name = TypeVar("_Name", str, tuple[str, str])


@dataclass(frozen=True)
class Picture:
    """One instant, ready to be drawn.

    Args:
        traces: a rate or number over the last minutes, by name.
        origin_traces: a signal over the last minutes, by target and name of the signal.
        peaks: the greatest value of each trace since the run began; absent if none is known.
        search: for capacity, which the run is of; None: it is a plain one.
    """

    snapshot: Snapshot
    assessment: Assessment
    traces: Mapping[str, Trace]
    origin_traces: Mapping[tuple[str, str], Trace]
    peaks: Mapping[str, float]
    search: Progress | None = None


class History:
    """Keeps what the last minutes looked like, bounded.

    Attributes:
        search: how far the search is that the run is of; None: it is a plain one.
    """

    def __init__(self) -> None:
        self._traces: dict[str, deque[float | None]] = {}
        self._origin: dict[tuple[str, str], deque[float | None]] = {}
        self._peaks: dict[str, float] = {}
        self._assessor = Assessor()
        self.search: Progress | None = None

    def recall(self, columns: Mapping[str, Trace]) -> None:
        """What was before the first snapshot, by column of the timeline, a second apart."""
        for name, column in _COLUMNS.items():
            known = [value for value in columns.get(column, ()) if value is not None]
            if known:
                self._traces[name] = deque(columns[column], maxlen=TRACE_VALUES)
                self._peaks[name] = max(known)
        for column, values in columns.items():
            signal, is_of_target, target = column.removeprefix(ORIGIN_PREFIX).partition("@")
            if column.startswith(ORIGIN_PREFIX) and is_of_target:
                self._origin[target, signal] = deque(values, maxlen=TRACE_VALUES)

    def add(self, snapshot: Snapshot) -> Picture:
        """The picture of this snapshot, after those before it."""
        for name, value in _figures(snapshot).items():
            _append(self._traces, name, value)
            if value is not None:
                self._peaks[name] = max(value, self._peaks.get(name, value))
        for target in snapshot.origin.targets if snapshot.origin is not None else ():
            for reading in target.readings.values():
                fresh = None if reading.stale else reading.value
                _append(self._origin, (target.target, reading.signal.name), fresh)
        return Picture(
            snapshot=snapshot,
            assessment=self._assessor.assess(snapshot),
            traces={name: tuple(values) for name, values in self._traces.items()},
            origin_traces={name: tuple(values) for name, values in self._origin.items()},
            peaks=dict(self._peaks),
            search=self.search,
        )


def _append(traces: dict[_Name, deque[float | None]], name: _Name, value: float | None) -> None:
    trace = traces.get(name)
    if trace is None:
        trace = traces[name] = deque(maxlen=TRACE_VALUES)
    trace.append(value)


def _figures(snapshot: Snapshot) -> dict[str, float | None]:
    objects, viewers = snapshot.objects, snapshot.viewers
    segment, playlist = objects.get(ObjectKind.SEGMENT), objects.get(ObjectKind.MEDIA_PLAYLIST)
    return {
        THROUGHPUT: snapshot.throughput_bytes_per_second,
        SEGMENTS: None if segment is None else segment.requests_per_second,
        PLAYLISTS: None if playlist is None else playlist.requests_per_second,
        PLAYING: viewers.playing,
        STALLED: viewers.stalled,
        DOWNLOAD: _download(snapshot.lately, ObjectKind.SEGMENT),
        FAILED: _failed(snapshot.lately),
        **({} if snapshot.low_latency is None else _of_low_latency(snapshot)),
    }


def _of_low_latency(snapshot: Snapshot) -> dict[str, float | None]:
    part, lately = snapshot.objects.get(ObjectKind.PART), snapshot.lately
    latency = None if lately is None else lately.live_latency
    return {
        PARTS: None if part is None else part.requests_per_second,
        PART_DOWNLOAD: _download(lately, ObjectKind.PART),
        LIVE_LATENCY: None if latency is None else latency.p50,
    }


def _download(lately: Lately | None, kind: ObjectKind) -> float | None:
    """P95 of the download times of segments or parts over the last seconds."""
    figures = None if lately is None else lately.objects.get(kind)
    return None if figures is None or figures.download is None else figures.download.p95


def is_by_parts(snapshot: Snapshot) -> bool:
    """Whether parts are all the media that came."""
    return ObjectKind.PART in snapshot.objects and ObjectKind.SEGMENT not in snapshot.objects


def _failed(lately: Lately | None) -> float | None:
    """Requests that failed a second, over the last seconds."""
    if lately is None:
        return None
    return sum(figures.failed for figures in lately.objects.values()) / lately.seconds
