"""How far a search is: what a view shows of one that goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hls_swarm.capacity.steps import Kind, Step
from hls_swarm.capacity.trial import ObjectiveFigure, Trial
from hls_swarm.judge.thresholds import Threshold


class Part(StrEnum):
    """Where a step is."""

    MOVING = "moving"  # viewers come or go
    SETTLING = "settling"  # they are there; what their coming did is not over
    MEASURING = "measuring"
    OVER = "over"  # of the search, too


WORDS: dict[Kind, str] = {
    Kind.WARM_UP: "warm-up",
    Kind.COARSE: "short trial",
    Kind.FULL: "full trial",
    Kind.CONFIRM: "confirming",
    Kind.SOAK: "soak",
    Kind.BACK_OFF: "backing off",
    Kind.OVERLOAD: "overload",
    Kind.RECOVERY: "recovering",
}
"""What each step is called where there is little room."""


@dataclass(frozen=True)
class Stand:
    """Where a step is in time.

    Args:
        seconds: since this part of it began.
        of_seconds: how long this part takes at least; of a back-off and a recovery, at most.
    """

    step: Step
    part: Part
    seconds: float
    of_seconds: float


@dataclass(frozen=True)
class Progress:
    """One second of a search.

    Args:
        stand: None before it began and after it is over.
        at: seconds since the search began; `time_limit_seconds` are its most.
        left_seconds: how long it is likely to go on; None: that is not known.
        holds: the most viewers that are known to be carried; `confirmed` says whether that was confirmed.
        seems_to_hold: the most that held, if only for a short trial, and are not known to be carried.
        fails: the fewest that are known not to be carried, or failed once, as `failed_once` says.
        trials: those that are over, in their order.
        figures: what the objectives are in the trial that goes on, in their order; empty: none goes on.
    """

    stand: Stand | None
    at: float
    time_limit_seconds: float
    left_seconds: float | None
    holds: int | None
    confirmed: bool
    seems_to_hold: int | None
    fails: int | None
    failed_once: bool
    objectives: Sequence[Threshold]
    trials: Sequence[Trial]
    figures: Sequence[ObjectiveFigure] = ()


def bounds_text(progress: Progress) -> str:
    """What is known by now: `30 hold, 46 do not`."""
    parts = []
    if progress.holds is not None:
        parts.append(f"{progress.holds:,} hold{' (confirmed)' if progress.confirmed else ''}")
    elif progress.seems_to_hold is not None:
        parts.append(f"{progress.seems_to_hold:,} seem to hold")
    if progress.fails is not None:
        parts.append(f"{progress.fails:,} failed once" if progress.failed_once else f"{progress.fails:,} do not")
    return ", ".join(parts) or "nothing is known yet"
