"""Whether two runs may be compared at all: a measurement says nothing of a change if what measured changed.

Rules:

- A run that is invalid or an error has measured nothing, and machines of another kind measure otherwise.
- A machine that had less room makes its run look slower. So it stands in the way of "worse" if it was the new run's,
  and of "not worse" if it was the baseline's; the other way round it makes the finding stronger.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from hls_swarm.judge.report import Report
from hls_swarm.snapshot import units
from hls_swarm.stats.histogram import Histogram

BUSIER_PERCENT = 15.0
"""Percent points by which the median use of a machine's processors must differ, and"""
BUSY_PERCENT = 70.0
"""what it must be at least in the busier run: with room left over nobody feels a neighbour."""
LATER_SECONDS, LATER_TIMES = 0.01, 3.0
"""What the generator's own lateness at P95 must be at least in the later run, and so many times the other's."""

FOREIGN_BYTES_PER_SECOND, FOREIGN_TIMES = 25e6, 5.0
"""Traffic of others on the generator's device in the median second: how much more of it there must be in one run, and
how many times the run's own that must be. A hop more on the way to the origin, over the same device, is not as much."""


class Side(StrEnum):
    """Whose run had less room."""

    BASELINE = "baseline"
    CANDIDATE = "candidate"
    EITHER = "either"  # nothing can be said, whatever the figures are


@dataclass(frozen=True)
class Obstacle:
    """Why the two may not be comparable, in words, and which run it makes look slower."""

    text: str
    side: Side


def obstacles(baseline: Report, candidate: Report) -> tuple[Obstacle, ...]:
    """All that stands in the way."""
    return (*_of_runs(baseline, candidate), *_of_machines(baseline, candidate), *_of_room(baseline, candidate))


def _of_runs(baseline: Report, candidate: Report) -> Iterator[Obstacle]:
    for report in (baseline, candidate):
        verdict = report.summary.get("verdict")
        broken = verdict == "invalid" or (verdict == "error" and report is baseline)
        if broken:
            why = "; ".join(report.summary.get("reasons", []))
            yield Obstacle(f"{report.name} is {verdict}: {why}", Side.EITHER)


def _of_machines(baseline: Report, candidate: Report) -> Iterator[Obstacle]:
    before, after = baseline.facts["machine"], candidate.facts["machine"]
    for key in ("architecture", "cores"):
        if before.get(key) != after.get(key):
            words = f"generator's {key}: {before.get(key, 'unknown')} and {after.get(key, 'unknown')}"
            yield Obstacle(words, Side.EITHER)


def _of_room(baseline: Report, candidate: Report) -> Iterator[Obstacle]:
    name = "machine_cpu_percent"
    before, after = _quantile(baseline, name, 0.5), _quantile(candidate, name, 0.5)
    if before is not None and after is not None:
        apart = abs(after - before) >= BUSIER_PERCENT and max(before, after) >= BUSY_PERCENT
        if apart:
            figures = f"{units.percent(before)} and {units.percent(after)}"
            yield Obstacle(f"use of the generator's processors: {figures}", _side(before, after))
    before, after = _foreign_traffic(baseline), _foreign_traffic(candidate)
    if before is not None and after is not None:
        own = max(_quantile(report, _OWN_TRAFFIC, 0.5) or 0.0 for report in (baseline, candidate))
        if abs(after - before) >= max(FOREIGN_BYTES_PER_SECOND, FOREIGN_TIMES * own):
            figures = f"{units.bit_rate(before)} and {units.bit_rate(after)}"
            yield Obstacle(f"traffic of others on the generator's device: {figures}", _side(before, after))
    for name, words in (("loop_lag_seconds", "event-loop lag P95"), ("lateness_seconds", "requests late by, P95")):
        before, after = _quantile(baseline, name, 0.95), _quantile(candidate, name, 0.95)
        if before is None or after is None:
            continue
        more, less = max(before, after), min(before, after)
        if more >= LATER_SECONDS and more >= LATER_TIMES * less:
            figures = f"{units.seconds(before)} and {units.seconds(after)}"
            yield Obstacle(f"the generator's {words}: {figures}", _side(before, after))


def lateness_of(baseline: Report, candidate: Report) -> float:
    """By how many seconds the generator itself was later in the second run, at P95: that is in all it measured."""
    found = [0.0]
    for name in _OWN_LATENESS:
        before, after = _quantile(baseline, name, 0.95), _quantile(candidate, name, 0.95)
        if before is not None and after is not None:
            found.append(after - before)
    return max(found)


_OWN_LATENESS = ("loop_lag_seconds", "lateness_seconds")


def _foreign_traffic(report: Report) -> float | None:
    """What the generator's device took in beside what the run received, in its median second."""
    device, own = _quantile(report, "machine_network_in_bytes_per_second", 0.5), _quantile(report, _OWN_TRAFFIC, 0.5)
    return None if device is None or own is None else max(0.0, device - own)


_OWN_TRAFFIC = "throughput_bytes_per_second"


def _side(before: float, after: float) -> Side:
    return Side.CANDIDATE if after > before else Side.BASELINE


def _quantile(report: Report, name: str, q: float) -> float | None:
    histogram: Histogram | None = report.histograms.get(name)
    return None if histogram is None else histogram.quantile(q)
