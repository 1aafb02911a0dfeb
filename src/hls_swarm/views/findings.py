"""Findings and expectations of the JSON summary, as words for every view that is text."""

from collections.abc import Mapping
from typing import Any

from hls_swarm.snapshot import units
from hls_swarm.snapshot.finding import Interval
from hls_swarm.snapshot.origin.metrics import Unit

LEADING = 3
"""Findings that lead a view; the rest follow where there is room."""


def when(finding: Mapping[str, Any]) -> str:
    """Its first interval, and how many more there are."""
    intervals = [Interval(each["from_seconds"], each.get("to_seconds")) for each in finding["intervals"]]
    more = len(intervals) - 1
    return intervals[0].text + (f" and {more} more" if more else "")


def blame(finding: Mapping[str, Any]) -> str:
    """Whom it blames, and how severe it is."""
    culprit = finding.get("culprit", "")
    return f"{culprit} ({finding['severity']})" if culprit else str(finding["severity"])


def finding_rows(summary: Mapping[str, Any], most: int | None = None) -> list[tuple[str, str, str, str]]:
    """When, what, blame and the next step of each finding, the worst first; of more than `most`, how many are left."""
    findings = summary.get("findings", [])
    rows = [(when(each), str(each["what"]), blame(each), str(each["next_step"])) for each in findings[:most]]
    if most is not None and len(findings) > most:
        rows.append(("", f"and {len(findings) - most} more", "", ""))
    return rows


def expectation_rows(summary: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Each expectation, what it is of, its value, and whether it held."""
    return [
        (
            str(each["expectation"]),
            str(each["what"]),
            units.figure(each.get("value"), Unit.RATIO),
            "held" if each["held"] else "broken",
        )
        for each in summary.get("expectations", [])
    ]
