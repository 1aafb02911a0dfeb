"""What came of each row, and the table of it.

A row is right when the bounds that the search gives include the expected load, give or take a tenth, and when the cause
that it names first is one that may be named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.truth.origins import Row

TOLERANCE = 0.1
_HEAD = ("origin", "expected", "found", "does not hold", "cause expected", "cause named", "trials", "minutes", "right")


@dataclass(frozen=True)
class Found:
    """What a search answered.

    Args:
        recovers: from an overload, at the load that it carried; None: it was not tried.
        named: the suspects that it names, the strongest first, with how sure it is: `rate-limit (proven 6)`.
        why_not: why there is no answer at all.
        skipped: because this machine can not have it.
    """

    row: Row
    expected: tuple[float, float] | None
    verdict: str = ""
    viewers: int | None = None
    failed_at: int | None = None
    causes: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    trials: int = 0
    void: int = 0
    seconds: float = 0.0
    reason: str = ""
    recovers: bool | None = None
    why_not: str = ""
    skipped: bool = False

    @property
    def is_load_right(self) -> bool:
        """Whether the bounds include what is expected."""
        if self.verdict != self.row.verdict or (self.row.overloads and self.recovers is not False):
            return False
        if self.expected is None:
            return True
        if self.viewers is None or self.failed_at is None:
            return False
        least, most = self.expected
        return self.viewers <= most * (1 + TOLERANCE) and self.failed_at >= least * (1 - TOLERANCE)

    @property
    def is_cause_right(self) -> bool:
        """Whether one that may be named is named first."""
        return (self.causes[0] if self.causes else "") in self.row.causes


def found(row: Row, expected: tuple[float, float] | None, answer: Mapping[str, Any]) -> Found:
    """What an answer (`capacity.json`) says to that row."""
    named = [suspect for suspect in answer.get("suspects", []) if suspect.get("named")]
    trials = answer.get("trials", [])
    return Found(
        row,
        expected,
        verdict=answer["verdict"],
        viewers=answer.get("viewers"),
        failed_at=answer.get("failed_at"),
        causes=tuple(suspect["name"] for suspect in named),
        named=tuple(f"{suspect['name']} ({suspect['confidence']} {suspect['score']})" for suspect in named),
        trials=len(trials),
        void=sum(trial["result"] == "void" for trial in trials),
        seconds=answer["seconds"],
        recovers=None if (after := answer.get("overload")) is None else after.get("recovered_after") is not None,
        reason=answer.get("reason", ""),
    )


def cells(each: Found) -> tuple[str, ...]:
    """One line of the table."""
    row = each.row
    causes = " or ".join(cause or "none" for cause in sorted(row.causes))
    if each.why_not:
        return (row.name, _range(each.expected), f"NOT RUN: {each.why_not}", "-", causes, "-", "-", "-", "-")
    expected = row.verdict if each.expected is None and row.verdict != "found" else _range(each.expected)
    load = "-" if each.viewers is None else str(each.viewers)
    if each.recovers is not None:
        load += ", recovers" if each.recovers else ", does not recover"
    wrong = [name for name, right in (("load", each.is_load_right), ("cause", each.is_cause_right)) if not right]
    return (
        row.name,
        expected,
        load if each.verdict == "found" else f"{each.verdict} {load}".removesuffix(" -"),
        "-" if each.failed_at is None else str(each.failed_at),
        causes,
        ", ".join(each.named) or "none",
        f"{each.trials}, {each.void} void" if each.void else str(each.trials),
        f"{each.seconds / 60:.1f}",
        "yes" if not wrong else f"NO: {' and '.join(wrong)}",
    )


def table(results: Sequence[Found]) -> list[str]:
    """As Markdown."""
    rule = tuple("---" for _ in _HEAD)
    return [f"| {' | '.join(line)} |" for line in (_HEAD, rule, *(cells(each) for each in results))]


def _range(expected: tuple[float, float] | None) -> str:
    if expected is None:
        return "-"
    least, most = (f"{figure:.0f}" for figure in expected)
    return least if least == most else f"{least} to {most}"
