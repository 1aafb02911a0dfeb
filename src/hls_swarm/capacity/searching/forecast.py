"""How long a search is likely to go on: it is played to its end on a guess of what its origin carries.

Rules:

- What is guessed is a load: between the bounds, or a little above what held while nothing failed. Less than it holds,
  more fails, a failure is seen at half of a trial, and viewers are well again soon.
- The copy that is played never acts, and nothing of it is ever told but its seconds.
"""

import math
from copy import deepcopy

from hls_swarm.capacity.pacing import WELL_SECONDS
from hls_swarm.capacity.searching.search import Search
from hls_swarm.capacity.steps import EVIDENCE, Kind, Outcome, Result, Step

_MOST_STEPS = 200
_ABOVE_WHAT_HELD = 1.5
_FAILS_AT = 0.5
"""Share of a trial by which one that fails is over."""
_RECOVERS_WITHIN = 15.0


def forecast_seconds(search: Search, step: Step, at: float) -> float:
    """Seconds from the beginning of this step to the end of the search, as if the origin were a plain one.

    Args:
        at: when the step began, in seconds since the search did.
    """
    played, carried, began = deepcopy(search), _guess(search, step), at
    for _ in range(_MOST_STEPS):
        holds = step.viewers <= carried
        at += _length(step, holds=holds)
        result = Result.HELD if holds or step.kind not in EVIDENCE else Result.FAILED
        following = played.take(Outcome(step.kind, step.viewers, result, at))
        if not isinstance(following, Step):
            break
        step = following
    return at - began


def _guess(search: Search, step: Step) -> float:
    low, high = search.lower or search.low, search.top
    if high is not None:
        return math.sqrt(low * high) if low else high / 2
    return _ABOVE_WHAT_HELD * max(low, step.viewers)


def _length(step: Step, *, holds: bool) -> float:
    settled = step.ramp_seconds + step.settle_seconds
    match step.kind:
        case Kind.BACK_OFF:
            return settled + 2 * WELL_SECONDS
        case Kind.RECOVERY:
            return settled + _RECOVERS_WITHIN
        case _:
            return settled + step.measure_seconds * (1.0 if holds or step.kind not in EVIDENCE else _FAILS_AT)
