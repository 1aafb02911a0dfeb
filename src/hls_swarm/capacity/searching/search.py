"""Which load to try next, until one holds, one a little higher does not, and the lower is confirmed.

Rules:

- Viewers are added and removed, never started anew: an origin full of viewers that play fares differently from one
  that all of them join at once.
- The first trial is thrown away. Then the load doubles, in short trials, until one fails; then the two bounds close
  in (their geometric mean) until they are within the width that was asked for.
- What a load's trials say together is for `classes` to tell: one full trial that holds decides, one that fails is
  repeated, but not before there is nothing to try below it: what fails there too makes it needless.
- The lower bound is confirmed by two of three trials of twice the length. If it is not, it is the upper bound, and
  the search goes on below it, first by one width, then by two, four, ...
- The answer is the greatest load that holds below the smallest that does not (RFC 9971, relevant bounds). No load
  above one that failed is tried again, but after that one has held.
- After a failure comes a back-off: 70% of what is carried, until viewers are well again, so that every trial is come
  to from below and with an audience that is not far behind.
- If nothing ever held and not even one viewer was well in a back-off, that one viewer is tried next, and there are no
  more back-offs until something holds.
- A trial that is void is repeated, twice. It is never evidence. If the generator is why the third is void too, more
  than this load can not be tried; anything else that makes three trials void ends the search.
- A prediction picks a load to try, never the answer.
- Where a load held when it was confirmed, but received bytes fell in a soak, a limit gives way: short trials tell
  nothing of it any more, so the search goes to what they fell to and does not close in from below again.
- Every step says the seconds that it takes at least; one that would go past the time limit is not begun.
"""

import math
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from hls_swarm.capacity.searching.classes import Goal, Length, LoadClass, load_class
from hls_swarm.capacity.searching.lengths import Lengths
from hls_swarm.capacity.steps import (
    EVIDENCE,
    Ending,
    Kind,
    Outcome,
    Overload,
    Result,
    Soak,
    Step,
    Verdict,
    VoidBecause,
)

BACK_OFF_TO = 0.7
OVERLOAD_FACTOR = 1.2
TRIES_OF_VOID = 3
MOST_SOAKS = 3
MOST_RECOVERIES = 4
RECOVERY_SECONDS = 300.0
GIVES_WAY_BELOW = 0.9
"""Share of the bytes at its beginning below which a soak's end shows a limit that gives way, and no passing trouble."""
_SHORT_OF_PREDICTION = 0.8
_SHORT_OF_GENERATOR = 0.9
NO_LIMIT = 10**9

WORDS_OF_VOID = {
    VoidBecause.GENERATOR: "this machine gave out, not the origin",
    VoidBecause.SOURCE: "the stream's own source is late: its playlists do not change in time",
    VoidBecause.LOAD: "viewers do not stay, and it is not the origin that fails them",
    VoidBecause.NOTHING: "nothing was measured that an objective is about",
}
_MOST_REACHED = "no more viewers were to be tried"


@dataclass(frozen=True)
class Options:
    """What a search is asked for.

    Args:
        first: the load to begin with.
        most: never more viewers than this.
        within: stop when the bounds are so close, as a share of the upper one.
        lengths: of the steps; the stream's own segments take the place of those in it.
        overload: at the end, see whether the origin recovers from too many viewers.
        time_limit_seconds: then tell the bounds.
    """

    first: int = 10
    most: int = NO_LIMIT
    within: float = 0.05
    lengths: Lengths = field(default_factory=Lengths)
    overload: bool = True
    time_limit_seconds: float = 3600.0


class _Stage(Enum):
    SEARCHING = auto()
    SOAKING = auto()
    OVERLOADING = auto()
    RECOVERING = auto()


class Search:
    """One search; `begin`, then `take` the outcome of each step until it gives an `Ending`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lengths = options.lengths
        self._lengths_known = False
        self._most = options.most
        self._at = 0.0
        self._viewers = 0
        self._trials: dict[int, list[tuple[Kind, Length]]] = {}
        self._soak_failed: set[int] = set()
        self._voids: dict[tuple[Kind, int], int] = {}
        self._stage = _Stage.SEARCHING
        self._candidate: int | None = None
        self._answer: int | None = None
        self._ceiling: int | None = None
        self._downs = 0
        self._gives_way = False
        self._well = True
        self._nobody_well = False
        self._failed_once = False
        self._predicted: float | None = None
        self._generator_limit: float | None = None
        self._soaks: list[Soak] = []
        self._overload: Overload | None = None
        self._recoveries = 0
        self._not_done: list[str] = []

    # -- what is known ----------------------------------------------------------------------------------------------

    @property
    def lengths(self) -> Lengths:
        """How long its steps are now."""
        return self._lengths

    @property
    def upper(self) -> int | None:
        """The smallest load that is known not to be carried."""
        return min((load for load in self._loads if self._class(load) is LoadClass.UPPER), default=None)

    @property
    def lower(self) -> int | None:
        """The greatest load below that which is known to be carried."""
        upper = self.upper
        below = [load for load in self._loads if upper is None or load < upper]
        return max((load for load in below if self._class(load) is LoadClass.LOWER), default=None)

    @property
    def _loads(self) -> set[int]:
        return {*self._trials, *self._soak_failed}

    def _class(self, load: int) -> LoadClass:
        if load in self._soak_failed:
            return LoadClass.UPPER
        confirmed = self._confirmed(load)
        if confirmed is not LoadClass.UNDECIDED:
            return confirmed
        trials = [length for kind, length in self._trials.get(load, ()) if kind is not Kind.CONFIRM]
        return load_class(trials, Goal(self._lengths.full, 2 * self._lengths.full))

    def _confirmed(self, load: int) -> LoadClass:
        trials = [length for kind, length in self._trials.get(load, ()) if kind is Kind.CONFIRM]
        return load_class(trials, Goal(self._lengths.confirm, 3 * self._lengths.confirm))

    def _has(self, load: int, *, held: bool) -> bool:
        return any(length.held is held for _, length in self._trials.get(load, ()))

    @property
    def _doubtful(self) -> int | None:
        """The smallest load above the lower bound with a trial that failed."""
        lower = self.lower or 0
        return min((load for load in self._trials if load > lower and self._has(load, held=False)), default=None)

    @property
    def is_confirmed(self) -> bool:
        """Whether the lower bound was confirmed."""
        lower = self.lower
        return lower is not None and self._confirmed(lower) is LoadClass.LOWER

    @property
    def top(self) -> int | None:
        """Where the search is bounded above for now, be it by a doubt."""
        return min((load for load in (self.upper, self._doubtful) if load is not None), default=None)

    @property
    def low(self) -> int:
        """The greatest load below `top` and the generator's ceiling that held so far, if only for a short trial."""
        ends = [load for load in (self.top, self._ceiling) if load is not None]
        below = [load for load in self._trials if not ends or load < min(ends)]
        return max((load for load in below if self._has(load, held=True)), default=0)

    @property
    def _gave_out(self) -> bool:
        """Whether it is this machine that bounds the search."""
        top = self.top
        return self._ceiling is not None and (top is None or self._ceiling < top)

    def _are_close(self, low: int, high: int) -> bool:
        return high - low <= max(1, math.floor(self._options.within * high + 1e-9))

    # -- from step to step ------------------------------------------------------------------------------------------

    def begin(self) -> Step:
        """The first step."""
        return self._step(Kind.WARM_UP, min(self._options.first, self._most))

    def take(self, outcome: Outcome) -> Step | Ending:
        """What follows from what came of the last step."""
        self._at, self._viewers = outcome.ended_at, outcome.viewers
        if not self._lengths_known and outcome.segment_seconds is not None:
            self._lengths = replace(self._lengths, segment_seconds=outcome.segment_seconds)
            self._lengths_known = True
        self._predicted = outcome.predicted
        self._generator_limit = outcome.generator_limit
        if outcome.result is Result.CUT:
            return self.stop("the time limit is reached")
        if outcome.result is Result.VOID and outcome.kind in EVIDENCE:
            return self._after_void(outcome)
        match outcome.kind:
            case Kind.WARM_UP:
                self._well = outcome.result is not Result.FAILED
            case Kind.BACK_OFF:
                if outcome.result is Result.FAILED and outcome.viewers > 1:
                    return self._in_time(self._step(Kind.BACK_OFF, outcome.viewers // 2))
                self._well = True
                self._nobody_well = outcome.result is Result.FAILED and not self.low
            case Kind.COARSE | Kind.FULL | Kind.CONFIRM:
                self._record(outcome)
            case Kind.SOAK:
                self._take_soak(outcome)
            case Kind.OVERLOAD:
                self._stage = _Stage.RECOVERING
            case Kind.RECOVERY:
                self._take_recovery(outcome)
        return self._go_on()

    def stop(self, reason: str) -> Ending:
        """End now: the answer if there is one, else the bounds so far."""
        if self._answer is not None:
            return self._ending(self._answer, not_done=reason)
        lower = self.lower
        return Ending(
            Verdict.BROKE_OFF,
            lower,
            self.upper,
            confirmed=self.is_confirmed,
            reason=reason,
            generator_gave_out=self._ceiling is not None,
            soaks=tuple(self._soaks),
        )

    def _record(self, outcome: Outcome) -> None:
        seconds = {
            Kind.COARSE: self._lengths.coarse,
            Kind.FULL: self._lengths.full,
            Kind.CONFIRM: self._lengths.confirm,
        }[outcome.kind]
        held = outcome.result is Result.HELD
        self._trials.setdefault(outcome.viewers, []).append((outcome.kind, Length(seconds, held)))
        if not held:
            self._well, self._failed_once = False, True

    def _after_void(self, outcome: Outcome) -> Step | Ending:
        key = outcome.kind, outcome.viewers
        self._voids[key] = self._voids.get(key, 0) + 1
        if self._voids[key] < TRIES_OF_VOID:
            return self._in_time(self._step(outcome.kind, outcome.viewers))
        because = outcome.because or VoidBecause.NOTHING
        if outcome.kind is Kind.SOAK:
            self._not_done.append(f"the soak: {WORDS_OF_VOID[because]}")
            self._stage = _Stage.OVERLOADING
            return self._go_on()
        if because is not VoidBecause.GENERATOR or outcome.viewers <= 1:
            return self.stop(WORDS_OF_VOID[because])
        self._ceiling = min(outcome.viewers, self._ceiling or outcome.viewers)
        self._candidate = None
        return self._go_on()

    def _take_soak(self, outcome: Outcome) -> None:
        held = outcome.result is Result.HELD
        self._soaks.append(Soak(outcome.viewers, held, outcome.seconds))
        if held:
            self._stage = _Stage.OVERLOADING
            return
        self._well, self._failed_once = False, True
        self._soak_failed.add(outcome.viewers)
        self._stage, self._answer = _Stage.SEARCHING, None
        share = 1 - self._options.within
        if outcome.fell_to is not None and outcome.fell_to < GIVES_WAY_BELOW:
            self._gives_way, share = True, outcome.fell_to
        self._candidate = max(1, min(outcome.viewers - 1, math.floor(share * outcome.viewers)))

    def _take_recovery(self, outcome: Outcome) -> None:
        if self._overload is None or self._answer is None:
            raise AssertionError("a recovery follows an overload")
        self._recoveries += 1
        if outcome.result is Result.HELD:
            first = outcome.viewers == self._answer
            self._overload = replace(
                self._overload,
                recovered_after=outcome.seconds if first else None,
                recovers_at=None if first else outcome.viewers,
            )
        if outcome.result is Result.HELD or outcome.viewers <= 1 or self._recoveries >= MOST_RECOVERIES:
            self._stage = _Stage.SEARCHING

    def _go_on(self) -> Step | Ending:
        if self._nobody_well and not self.low:
            self._well = True  # there is no load to which to go back
        if not self._well:
            base = self.lower or self.low or self._viewers // 2
            back = min(math.floor(BACK_OFF_TO * base), self._viewers - 1)
            if back >= 1:
                return self._in_time(self._step(Kind.BACK_OFF, back))
            self._well = True
        return self._in_time(self._decision())

    def _in_time(self, step: Step | Ending) -> Step | Ending:
        if isinstance(step, Step) and self._at + step.least_seconds > self._options.time_limit_seconds:
            return self.stop("the time limit is reached")
        return step

    # -- decisions --------------------------------------------------------------------------------------------------

    def _decision(self) -> Step | Ending:
        if self._answer is not None:
            return self._after_the_answer(self._answer)
        if self.upper == 1:
            return Ending(Verdict.NONE, None, 1, confirmed=False, reason="not even 1 viewer")
        if self._candidate is not None:
            return self._confirm(self._candidate)
        top, low = self.top, self.low
        if self._ceiling is not None and self._gave_out:
            return self._below_the_ceiling(low, self._ceiling)
        if top is None:
            return self._confirm(low) if low >= self._most else self._step(Kind.COARSE, self._more_than(low))
        if not self._are_close(low, top):
            return self._step(Kind.FULL, 1 if self._nobody_well and not low else _between(low, top))
        if self._class(top) is LoadClass.UNDECIDED:
            return self._step(Kind.FULL, top)
        return self._confirm(low)

    def _below_the_ceiling(self, low: int, ceiling: int) -> Step | Ending:
        """More than the generator can make is not tried again: what held below it is confirmed."""
        if low:
            return self._confirm(low)
        return self._step(Kind.COARSE, max(1, ceiling // 2))

    def _confirm(self, load: int) -> Step | Ending:
        self._candidate = load
        match self._confirmed(load):
            case LoadClass.UNDECIDED:
                return self._step(Kind.CONFIRM, load)
            case LoadClass.UPPER:
                self._downs += 1
                if load == 1:
                    return Ending(Verdict.NONE, None, 1, confirmed=False, reason="not even 1 viewer")
                return self._confirm(self._below(load, 1 - self._options.within * 2 ** (self._downs - 1)))
            case LoadClass.LOWER:
                self._candidate, self._downs = None, 0
                top = self.top
                is_bounded = self._gave_out or self._gives_way or (top is None and load >= self._most)
                if not is_bounded and (
                    top is None or not self._are_close(load, top) or self._class(top) is LoadClass.UNDECIDED
                ):
                    return self._decision()
                self._answer = load
                self._stage = _Stage.SOAKING
                return self._after_the_answer(load)

    def _below(self, load: int, share: float) -> int:
        """Where to go on below a load that is not carried: what is known to be carried, if that is not far below."""
        aim = max(1, min(load - 1, math.floor(share * load)))
        return aim if self._gives_way else max(aim, min(self.lower or 0, load - 1))

    def _more_than(self, low: int) -> int:
        """The next load while none has failed: twice as much, or less where a limit is foreseen."""
        if not low:
            return min(self._options.first, self._most)
        least = low + max(1, math.ceil(self._options.within * low))
        more = 2 * low if not self._failed_once else math.ceil(low * (1 + 4 * self._options.within))
        if self._predicted is not None and self._predicted < 2 * low:
            more = min(more, max(least, math.floor(_SHORT_OF_PREDICTION * self._predicted)))
        if self._generator_limit is not None:
            more = min(more, max(least, math.floor(_SHORT_OF_GENERATOR * self._generator_limit)))
        return min(max(more, low + 1), self._most)

    def _after_the_answer(self, answer: int) -> Step | Ending:
        if self._stage is _Stage.SOAKING:
            if self._lengths.soak_seconds > 0 and len(self._soaks) < MOST_SOAKS:
                return self._step(Kind.SOAK, answer)
            if len(self._soaks) >= MOST_SOAKS:
                self._not_done.append(f"the soak: {MOST_SOAKS} loads did not hold for it")
            self._stage = _Stage.OVERLOADING
        if self._stage is _Stage.OVERLOADING:
            upper = self.upper
            if self._options.overload and upper is not None:
                ends = [self._most, math.ceil(OVERLOAD_FACTOR * upper)]
                if self._ceiling is not None:
                    ends.append(self._ceiling - 1)
                if min(ends) > answer:
                    self._overload = Overload(min(ends), answer, None)
                    return self._step(Kind.OVERLOAD, min(ends))
                self._not_done.append("the overload: so many viewers can not be made")
            return self._ending(answer)
        if self._stage is _Stage.RECOVERING:
            tried = self._viewers if self._recoveries else None
            back = answer if tried is None else max(1, math.floor(BACK_OFF_TO * tried))
            return self._step(Kind.RECOVERY, back)
        return self._ending(answer)

    def _ending(self, answer: int, not_done: str = "") -> Ending:
        upper = self.upper
        gave_out = self._gave_out
        open_above = upper is None or (gave_out and not self._are_close(answer, upper))
        reason = (WORDS_OF_VOID[VoidBecause.GENERATOR] if gave_out else _MOST_REACHED) if open_above else ""
        return Ending(
            Verdict.AT_LEAST if open_above else Verdict.FOUND,
            answer,
            upper,
            confirmed=True,
            reason=reason,
            generator_gave_out=gave_out and open_above,
            soaks=tuple(self._soaks),
            overload=self._overload if self._stage is not _Stage.RECOVERING else None,
            not_done=(*self._not_done, *((not_done,) if not_done else ())),
        )

    def _step(self, kind: Kind, viewers: int) -> Step:
        lengths = self._lengths
        measured = {
            Kind.WARM_UP: lengths.warm_up,
            Kind.COARSE: lengths.coarse,
            Kind.FULL: lengths.full,
            Kind.CONFIRM: lengths.confirm,
            Kind.SOAK: lengths.soak_seconds,
            Kind.BACK_OFF: lengths.clean_within,
            Kind.OVERLOAD: lengths.overload,
            Kind.RECOVERY: RECOVERY_SECONDS,
        }
        settles = kind in EVIDENCE
        return Step(
            kind,
            viewers,
            ramp_seconds=lengths.ramp(self._viewers, viewers),
            settle_seconds=lengths.settle_least if settles else 0.0,
            settle_most_seconds=lengths.settle_most if settles else 0.0,
            measure_seconds=measured[kind],
            replace_stalled=kind is Kind.BACK_OFF,
        )


def _between(low: int, high: int) -> int:
    """The geometric mean; half, if nothing is known to hold."""
    middle = round(math.sqrt(low * high)) if low else high // 2
    return min(max(middle, low + 1), high - 1)
