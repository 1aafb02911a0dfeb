"""A run as its files tell it: what reports and comparisons are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hls_swarm.judge.events import Event
from hls_swarm.judge.thresholds import WindowName
from hls_swarm.stats.histogram import Histogram


class Status(StrEnum):
    """Whether a run is over."""

    FINISHED = "finished"
    RUNNING = "running"
    BROKEN_OFF = "broken off"


@dataclass(frozen=True)
class Report:
    """One run.

    Args:
        folder: where its files are.
        facts: `run.json`.
        summary: the JSON summary; of a run that goes on, as it stands.
        window, window_seconds: the part of the run that `histograms` and `ratios` are of.
        distributions: of the whole run, those by which its response times are drawn; empty if the files do not tell.
        rows: the timeline, in the order of time.
        damage: what of the files could not be read, in words; what it would have said is not known.
        capacity: of a search for capacity, `capacity.json`.
    """

    folder: str
    name: str
    status: Status
    facts: Mapping[str, Any]
    summary: Mapping[str, Any]
    window: WindowName
    window_seconds: float
    histograms: Mapping[str, Histogram]
    ratios: Mapping[str, float]
    rows: Sequence[Mapping[str, Any]]
    events: Sequence[Event]
    damage: Sequence[str] = ()
    capacity: Mapping[str, Any] | None = None
    distributions: Mapping[str, Histogram] = field(default_factory=dict)
