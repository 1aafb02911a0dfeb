"""The figures of one load by one machine beside those by three: what must be equal, and how far the rest may differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.machines.bed import Bed

LOAD = ("--clients", "3000", "--ramp-rate", "500", "--no-expectations")
"""Each viewer plays ten seconds to their end, and then the run is over: nothing is cut off, however busy this is."""
WORKERS = 3
"""Of all machines together: as many processes as the one has."""


@dataclass(frozen=True)
class Bound:
    """How far a figure of three machines may be from that of one.

    Args:
        path: of the figure in the summary.
        share: of the greater of both.
        least: is always allowed, in the figure's unit.
    """

    path: str
    share: float
    least: float

    def holds(self, one: float, three: float, *, loosely: bool) -> bool:
        """Whether they are that near, or of the same order of magnitude."""
        share, least = (0.9, 10 * self.least) if loosely and self.share else (self.share, self.least)
        return abs(one - three) <= max(share * max(one, three), least)


BOUNDS = (
    Bound("elapsed_seconds", 0.03, 0.5),
    Bound("throughput_bytes_per_second.mean", 0.05, 0.0),
    Bound("latency_seconds.segment.ttfb.p50", 0.5, 0.003),
    Bound("latency_seconds.segment.ttfb.p95", 0.5, 0.010),
    Bound("latency_seconds.segment.download.p50", 0.5, 0.003),
    Bound("latency_seconds.segment.download.p95", 0.5, 0.010),
    Bound("latency_seconds.media_playlist.ttfb.p50", 0.5, 0.003),
    Bound("experience.startup_seconds.p50", 0.5, 0.006),
    Bound("experience.startup_seconds.p95", 0.5, 0.050),
    Bound("experience.rebuffering_ratio", 0.0, 0.001),
)
"""Of a machine that has time for both: all of it is one machine, and what others do on it moves latencies more."""
EQUAL = ("requests", "body_bytes", "viewers.started", "viewers.failed")


def figure(summary: Mapping[str, Any], path: str) -> Any:
    """A figure of a summary; None if it is not known."""
    found: Any = summary
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def unequal(one: Mapping[str, Any], three: Mapping[str, Any]) -> list[str]:
    """What differs of what must not, in words."""
    return [
        f"{path}: {figure(one, path)} by one machine, {figure(three, path)} by three"
        for path in EQUAL
        if figure(one, path) != figure(three, path)
    ]


def apart(one: Mapping[str, Any], three: Mapping[str, Any], *, loosely: bool = False) -> list[str]:
    """What is further apart than it may be, in words.

    Args:
        loosely: all machines are one that others use too: what they do moves latencies more than anything that differs
            between the runs. Then only the order of magnitude is judged.
    """
    pairs = ((bound, figure(one, bound.path), figure(three, bound.path)) for bound in BOUNDS)
    return [
        f"{bound.path}: {first} by one machine, {second} by three"
        for bound, first, second in pairs
        if first is None or second is None or not bound.holds(first, second, loosely=loosely)
    ]


def table(ones: Sequence[Mapping[str, Any]], threes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Rows: each figure of every run by one machine, and of every run by three."""
    yield "| | One machine | Three machines |"
    yield "|---|---|---|"
    for path in (*(bound.path for bound in BOUNDS), "requests.segment", "body_bytes.segment"):
        yield f"| {path} | {_values(ones, path)} | {_values(threes, path)} |"


def _values(summaries: Sequence[Mapping[str, Any]], path: str) -> str:
    return ", ".join(f"{figure(summary, path):.6g}" for summary in summaries)


def run_both(bed: Bed, meanwhile: Callable[[], object] = lambda: None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The load by one machine and by three at the same time, so that whatever else goes on meets both.

    The bed has agents a, b and c, and a further machine, `one`. Each summary equals what the origin wrote down of its
    machines, or it is an error.

    Args:
        meanwhile: is called while both have load.
    """
    bed.stream = "short"
    with bed.run(*LOAD, "--workers", str(WORKERS // 3)) as process:
        bed.wait_for("agent c (", process)
        bed.wait_for("0:01", process)
        with bed.run_alone("one", *LOAD, "--workers", str(WORKERS)) as alone:
            meanwhile()
            codes = alone.wait(200), process.wait(200)
    one, three = bed.summary_alone, bed.summary
    for summary, places in ((one, ("one",)), (three, ("a", "b", "c"))):
        counted = sum(summary["requests"].values()), sum(summary["body_bytes"].values())
        if counted != bed.logged_of(*places) or not set(codes) <= {0, 3}:
            raise AssertionError(f"exit codes {codes}, counted {counted}, logged {bed.logged_of(*places)}:\n{bed.said}")
    return one, three
