"""The run folder: which files are in it, and the shapes of those that are not lines.

    run.json         what was asked for, of what, by which versions on which machine; written once, at the start
    timeline.jsonl   one row a second; see `judge.timeline`
    events.jsonl     what changed; see `stats.events`
    log.jsonl        what the program said
    state.json       the summary as it stands and the histograms behind it, replaced whole each second
    summary.json     the JSON summary; there once the run has ended
    capacity.json    of a search for capacity, the answer as it stands, replaced whole after each trial

A reader passes over a last line that is cut, and over keys that it does not know. Adding is free, changing raises the
version in `schema`.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from hls_swarm.judge.thresholds import WindowName
from hls_swarm.stats.histogram import Histogram

RUN = "run.json"
TIMELINE = "timeline.jsonl"
EVENTS = "events.jsonl"
LOG = "log.jsonl"
STATE = "state.json"
SUMMARY = "summary.json"
CAPACITY = "capacity.json"

RUN_SCHEMA = "hls-swarm/run/1"
STATE_SCHEMA = "hls-swarm/state/1"

WHOLE_RUN = ("segment_ttfb_seconds", "segment_download_seconds")
"""Distributions that are kept of the whole run beside those of the part that is judged."""

DEFAULT_PARENT = "runs"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """`run.json`.

    Attributes:
        name: given with `--name`; empty if none was.
        started_at: in UTC, as ISO 8601.
        settings: without secrets; those that are unset are left out.
        machine: of the generator.
        versions: of hls-swarm, Python, and the libraries that carry load.
        pid, process_started_at: of the controller, by which a reader knows whether the run still goes on.
        boot_id: of the machine's kernel: a process number means nothing on another one or after a restart.
    """

    schema: str = RUN_SCHEMA
    name: str
    url: str
    command: str
    started_at: str
    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    pid: int
    process_started_at: float
    boot_id: str


class Judged(msgspec.Struct, frozen=True):
    """The part of the run that is judged and compared, with its histograms.

    Attributes:
        window: the steady state, or the whole run if it had none.
        histograms: by name of the metric; a signal of the origin ends in `@` and its target.
        ratios: share of failed exchanges and of stalled time, by name of the metric.
    """

    window: WindowName
    seconds: float
    histograms: Mapping[str, Histogram]
    ratios: Mapping[str, float]


class State(msgspec.Struct, frozen=True, kw_only=True):
    """`state.json`.

    Attributes:
        finished: whether the run came to its end.
        summary: as `summary.json` would be if the run had ended now.
        distributions: of the whole run, those named in `WHOLE_RUN`.
    """

    schema: str = STATE_SCHEMA
    finished: bool
    summary: Mapping[str, Any]
    judged: Judged
    distributions: Mapping[str, Histogram] = {}


def folder_name(started_at: datetime, name: str) -> str:
    """The name of a run's folder: its start in local time, and the name it was given."""
    stamp = started_at.strftime("%Y-%m-%dT%H-%M-%S")
    words = _UNFIT.sub("-", name).strip("-.")[:80]
    return f"{stamp}-{words}" if words else stamp
