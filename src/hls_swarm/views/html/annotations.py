"""What is drawn behind every chart: when the load changed, what was found then, and what was noted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hls_swarm.judge.events import EventKind
from hls_swarm.judge.report import Report
from hls_swarm.snapshot.finding import Severity

MOST_NAMED = 8
"""Findings with a label; all of them are in the list."""
_LONGEST_NAME = 44
_MARKED = frozenset({EventKind.MARK, EventKind.WORKER_LOST, EventKind.THRESHOLD})


def bands(report: Report) -> list[dict[str, Any]]:
    """`from`, `to`, `sort` and `name` of phases but the steady one, and of the findings that viewers suffer from.

    A name is on the first band of its finding only, with the finding's number in the list.
    """
    return [*_phases(report), *_findings(report)]


def marks(report: Report) -> list[dict[str, Any]]:
    """`at` and `name` of each mark, lost worker, and change of a threshold."""
    return [
        {"at": event.details.get("at_seconds", event.elapsed_seconds), "name": _short(event.text)}
        for event in report.events
        if event.kind in _MARKED
    ]


def wall_start(report: Report) -> float | None:
    """The wall clock at the start of the run, in Unix seconds; None if nothing tells it."""
    for row in report.rows:
        if "time" in row:
            return float(row["time"]) - float(row["elapsed_seconds"])
    try:
        return datetime.strptime(str(report.facts["started_at"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _phases(report: Report) -> Iterator[dict[str, Any]]:
    phases = [event for event in report.events if event.kind is EventKind.PHASE]
    ends = [*(event.elapsed_seconds for event in phases[1:]), _end(report)]
    for number, (event, until) in enumerate(zip(phases, ends, strict=False)):
        phase = str(event.details.get("phase", ""))
        if phase not in {"steady", "finished"} and until > event.elapsed_seconds:
            begun = event.elapsed_seconds if number else 0.0
            yield {"from": begun, "to": until, "sort": "phase", "name": phase}


def _findings(report: Report) -> Iterator[dict[str, Any]]:
    end = _end(report)
    for number, finding in enumerate(report.summary.get("findings", []), 1):
        if finding["severity"] == Severity.NOTE:
            continue
        name = f"{number} {_short(str(finding['what']))}" if number <= MOST_NAMED else ""
        for interval in finding["intervals"]:
            begun, until = interval["from_seconds"], interval.get("to_seconds", end)
            yield {"from": begun, "to": until, "sort": finding["severity"], "name": name}
            name = ""


def _end(report: Report) -> float:
    return float(report.rows[-1]["elapsed_seconds"]) if report.rows else 0.0


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1].rstrip()}…"
