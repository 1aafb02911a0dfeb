"""One trial: a load, the time that was measured, and what came of it."""

from collections.abc import Sequence

import msgspec

from hls_swarm.capacity.steps import EVIDENCE, Kind, Result, VoidBecause

_MOSTLY = 2
"""Loads that must have held and not held later, for time to be why: one may lie on the limit."""


class ObjectiveFigure(msgspec.Struct, frozen=True):
    """What one objective was over a trial.

    Attributes:
        objective: as it is written.
        value: None if nothing was measured of it.
        held: None if that is not known.
        values: how many values it is of, where it is a distribution.
    """

    objective: str
    limit: float
    value: float | None = None
    held: bool | None = None
    values: int | None = None


class Trial(msgspec.Struct, frozen=True):
    """One trial.

    Attributes:
        because: why it is void.
        why: the reasons of what came of it, in words; empty if it held.
        began_at, ended_at: the time that was measured, in seconds since the start of the run.
        planned_seconds: how long it was to be; less was measured if it could not hold any more.
        bad_seconds: seconds of it in which an objective did not hold.
    """

    viewers: int
    kind: Kind
    result: Result
    began_at: float
    ended_at: float
    planned_seconds: float
    because: VoidBecause | None = None
    why: tuple[str, ...] = ()
    bad_seconds: int = 0
    objectives: tuple[ObjectiveFigure, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it was measured."""
        return self.ended_at - self.began_at

    @property
    def broken(self) -> tuple[str, ...]:
        """The objectives that did not hold, as they are written."""
        return tuple(figure.objective for figure in self.objectives if figure.held is False)


def confirmations(trials: Sequence[Trial], viewers: int) -> tuple[Trial, ...]:
    """The trials that confirm an answer, or would not."""
    return tuple(
        trial
        for trial in trials
        if trial.viewers == viewers and trial.kind is Kind.CONFIRM and trial.result in {Result.HELD, Result.FAILED}
    )


def worsened(trials: Sequence[Trial]) -> tuple[tuple[Trial, Trial], ...]:
    """Of loads that held in a full trial and failed later, never to hold again: the first and the last of these trials.

    Empty unless that befell two loads: one lies on the limit perhaps, and holds by chance.
    """
    out = []
    for viewers in sorted({trial.viewers for trial in trials}, reverse=True):
        mine = [t for t in trials if t.viewers == viewers and t.kind in EVIDENCE and t.kind is not Kind.COARSE]
        held = [trial for trial in mine if trial.result is Result.HELD]
        failed = [trial for trial in mine if trial.result is Result.FAILED]
        if held and failed and failed[0].began_at > held[-1].began_at:
            out.append((held[0], failed[-1]))
    return tuple(out) if len(out) >= _MOSTLY else ()
