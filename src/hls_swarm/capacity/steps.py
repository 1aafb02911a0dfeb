"""The words of a search: the steps that it asks for, what came of each, and how it ended."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a step is for."""

    WARM_UP = "warm_up"  # thrown away: what comes first is not like what follows
    COARSE = "coarse"  # short, while no load has failed yet
    FULL = "full"
    CONFIRM = "confirm"
    SOAK = "soak"
    BACK_OFF = "back_off"  # after a failure: fewer viewers until they are well again
    OVERLOAD = "overload"
    RECOVERY = "recovery"


EVIDENCE = frozenset({Kind.COARSE, Kind.FULL, Kind.CONFIRM, Kind.SOAK})
"""Steps whose outcome says whether a load is carried."""


class Result(StrEnum):
    """What came of a step."""

    HELD = "held"  # every objective held; of a back-off and a recovery: viewers are well again
    FAILED = "failed"
    VOID = "void"  # it says nothing of the origin
    CUT = "cut"  # the search ended before the step did


class VoidBecause(StrEnum):
    """Why a step says nothing of the origin."""

    GENERATOR = "generator"  # this machine was in trouble while it was measured
    SOURCE = "source"  # the stream's own source was late, while segments came fast
    LOAD = "load"  # fewer viewers were there than were wanted, and the origin had failed none
    NOTHING = "nothing"  # nothing was measured


@dataclass(frozen=True)
class Step:
    """What to do next: so many viewers, added or removed evenly; wait until they settle; then look.

    Args:
        ramp_seconds: over which the number moves.
        settle_seconds, settle_most_seconds: wait so long, and on while things get better, but not longer than this.
        measure_seconds: how long to look; of a back-off and a recovery, how long they may take at most.
        replace_stalled: put new viewers in the place of those that are stalled: after an overload they are another
            population, far behind the others.
    """

    kind: Kind
    viewers: int
    ramp_seconds: float
    settle_seconds: float
    settle_most_seconds: float
    measure_seconds: float
    replace_stalled: bool = False

    @property
    def least_seconds(self) -> float:
        """How long it takes if nothing ends it early or makes it wait."""
        waits = self.kind in {Kind.BACK_OFF, Kind.RECOVERY}
        return self.ramp_seconds + self.settle_seconds + (0.0 if waits else self.measure_seconds)


@dataclass(frozen=True)
class Outcome:
    """What came of a step.

    Args:
        kind, viewers: of the step.
        ended_at: seconds since the search began.
        seconds: what it was measured for, of a recovery until viewers were well again.
        because: why it is void.
        fell_to: of a soak that failed: bytes received at its end as a share of those at its beginning.
        predicted: viewers at which something of the origin is likely to reach its limit; picks loads, never the answer.
        generator_limit: the same of this machine.
        segment_seconds: how long the stream's segments are, if that is known by now.
    """

    kind: Kind
    viewers: int
    result: Result
    ended_at: float
    seconds: float = 0.0
    because: VoidBecause | None = None
    fell_to: float | None = None
    predicted: float | None = None
    generator_limit: float | None = None
    segment_seconds: float | None = None


class Verdict(StrEnum):
    """How a search ended."""

    FOUND = "found"
    AT_LEAST = "at_least"  # a lower bound: this machine gave out, or no more were asked for
    NONE = "none"  # not even one viewer
    BROKE_OFF = "broke_off"


@dataclass(frozen=True)
class Soak:
    """The answer held for a long time: whether it could be, and after how many seconds it could not."""

    viewers: int
    held: bool
    seconds: float


@dataclass(frozen=True)
class Overload:
    """What came after more viewers than can be carried.

    Args:
        viewers: how many they were.
        back_to: and how many were left then.
        recovered_after: seconds until those held every objective again; None: they did not.
        recovers_at: how many did, if `back_to` did not; None: none that was tried.
    """

    viewers: int
    back_to: int
    recovered_after: float | None = None
    recovers_at: int | None = None


@dataclass(frozen=True)
class Ending:
    """The answer, or what is known of it.

    Args:
        viewers: the most that hold; None: not known, or none.
        failed_at: the fewest that do not; None: no load that was tried.
        confirmed: whether `viewers` was confirmed; an unconfirmed one is a bound so far.
        reason: why it is no answer, or none but a bound; empty for one that was found.
        generator_gave_out: this machine is why there is no more to say.
        not_done: what was left out, and why, in words.
    """

    verdict: Verdict
    viewers: int | None
    failed_at: int | None
    confirmed: bool
    reason: str = ""
    generator_gave_out: bool = False
    soaks: tuple[Soak, ...] = ()
    overload: Overload | None = None
    not_done: tuple[str, ...] = ()
