"""What the trials of one load say of it together: that it is carried, that it is not, or nothing yet.

Rules (RFC 9971, MLRsearch):

- A goal wants trials of a final length and a sum of them, and lets a share of that sum be bad.
- A load is a lower bound if the goal is kept even were all time that is missing bad, an upper bound if it is broken
  even were all of it good; else nothing can be said of it yet, and another trial is due.
- Trials shorter than the final length make no lower bound. Bad ones of them count, less what good ones of them
  balance.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Goal:
    """What it takes to know of a load.

    Args:
        final_seconds: length from which a trial counts in full.
        sum_seconds: how long trials must have been together.
        exceed_ratio: share of that which may be bad; from 0, below 1.
    """

    final_seconds: float
    sum_seconds: float
    exceed_ratio: float = 0.5


@dataclass(frozen=True)
class Length:
    """One trial: how long it was planned to be, and whether it held."""

    seconds: float
    held: bool


class LoadClass(StrEnum):
    """What is known of a load."""

    LOWER = "lower"  # it is carried
    UPPER = "upper"  # it is not
    UNDECIDED = "undecided"


def load_class(trials: Iterable[Length], goal: Goal) -> LoadClass:
    """What these trials of one load say of it."""
    full = {True: 0.0, False: 0.0}
    short = {True: 0.0, False: 0.0}
    for trial in trials:
        (full if trial.seconds >= goal.final_seconds else short)[trial.held] += trial.seconds
    balanced = short[True] * goal.exceed_ratio / (1 - goal.exceed_ratio)
    bad = full[False] + max(0.0, short[False] - balanced)
    known = full[True] + bad
    allowed = max(known, goal.sum_seconds) * goal.exceed_ratio
    missing = max(0.0, goal.sum_seconds - known)
    if bad > allowed:
        return LoadClass.UPPER
    return LoadClass.LOWER if bad + missing <= allowed else LoadClass.UNDECIDED
