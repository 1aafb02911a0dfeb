"""What the last seconds were like, beside the whole run: an incident does not show in figures since the start."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from hls_swarm.records import ObjectKind
from hls_swarm.stats.histogram import Distribution, Histogram
from hls_swarm.stats.tally import ObjectTally, Tally

LATELY_SECONDS = 10.0
"""How far back that goes."""
CHANGED = 1.5
"""A figure that is so many times what it was over the run, or what it was over it so many times, has changed."""


@dataclass(frozen=True)
class LatelyObject:
    """Fetches of one kind of object.

    Args:
        requests, failed: that ended in this time.
        ttfb, download: as in `ObjectFigures`.
    """

    requests: int
    failed: int
    ttfb: Distribution | None
    download: Distribution | None


@dataclass(frozen=True)
class Lately:
    """The last seconds of a run.

    Args:
        seconds: how many; at most about `LATELY_SECONDS`.
        startup, live_latency, edge_latency, relative_download: as in `Experience`.
        stalls: that began.
        stalled_seconds: of all viewers together.
        rebuffering_ratio: stalled time of stalled and playing time; None if nobody did either.
    """

    seconds: float
    objects: Mapping[ObjectKind, LatelyObject]
    startup: Distribution | None
    live_latency: Distribution | None
    edge_latency: Distribution | None
    relative_download: Distribution | None
    stalls: int
    stalled_seconds: float
    rebuffering_ratio: float | None


def change(now: float | None, before: float | None) -> int:
    """Whether a figure rose (1) or fell (-1) clearly against what it was; 0 if not, or if one is not known."""
    if now is None or before is None or before <= 0:
        return 0
    if now >= before * CHANGED:
        return 1
    return -1 if now <= before / CHANGED else 0


class LatelyWatch:
    """Keeps the tallies of the last seconds of one run, and tells what came since the oldest of them."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Tally]] = deque()

    def add(self, at: float, tally: Tally) -> Lately | None:
        """What the seconds before `at` were like; None for the first tally.

        Args:
            at: monotonic instant of the tally; instants rise.
            tally: cumulative; nobody changes it after this.
        """
        kept = self._kept
        while len(kept) > 1 and at - kept[1][0] >= LATELY_SECONDS - 0.5:
            kept.popleft()
        before = kept[0] if kept else None
        kept.append((at, tally))
        if before is None or before[0] >= at:
            return None
        return _between(*before, at, tally)


def _between(since: float, before: Tally, at: float, now: Tally) -> Lately:
    stalled = now.stalled.seconds(at) - before.stalled.seconds(since)
    playing = now.playing.seconds(at) - before.playing.seconds(since)
    both = stalled + playing
    return Lately(
        seconds=at - since,
        objects={kind: _object(before.objects.get(kind), tally) for kind, tally in now.objects.items()},
        startup=_more(before.startup, now.startup),
        live_latency=_more(before.live_latency, now.live_latency),
        edge_latency=_more(before.edge_latency, now.edge_latency),
        relative_download=_more(before.relative_download, now.relative_download),
        stalls=now.stalls - before.stalls,
        stalled_seconds=max(0.0, stalled),
        rebuffering_ratio=min(1.0, max(0.0, stalled) / both) if both > 0 else None,
    )


def _object(before: ObjectTally | None, now: ObjectTally) -> LatelyObject:
    if before is None:
        return LatelyObject(now.requests, now.failed, now.ttfb.distribution(), now.download.distribution())
    return LatelyObject(
        now.requests - before.requests,
        now.failed - before.failed,
        _more(before.ttfb, now.ttfb),
        _more(before.download, now.download),
    )


def _more(before: Histogram, now: Histogram) -> Distribution | None:
    return now.since(before).distribution()
