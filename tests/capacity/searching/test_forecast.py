"""How long a search is likely to go on, beside how long it went on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hls_swarm.capacity.searching.forecast import forecast_seconds
from hls_swarm.capacity.searching.lengths import Lengths
from hls_swarm.capacity.searching.search import Options, Search
from hls_swarm.capacity.steps import EVIDENCE, Ending, Outcome, Result, Step

OPTIONS = Options(first=10, lengths=Lengths(segment_seconds=2.0))


def _played(carries: int, options: Options = OPTIONS) -> tuple[list[tuple[float, float]], float]:
    """When each step began with what was foreseen then, and when the search ended; trials take what they take least."""
    search, at = Search(options), 0.0
    step: Step | Ending = search.begin()
    foreseen = []
    while isinstance(step, Step):
        foreseen.append((at, forecast_seconds(search, step, at)))
        holds = step.viewers <= carries or step.kind not in EVIDENCE
        at += step.least_seconds
        step = search.take(Outcome(step.kind, step.viewers, Result.HELD if holds else Result.FAILED, at))
    return foreseen, at


@pytest.mark.parametrize("carries", [12, 37, 400])
def test_once_there_are_bounds_it_is_right_by_a_third(carries: int) -> None:
    foreseen, ended_at = _played(carries)
    for at, seconds in foreseen[len(foreseen) // 2 :]:
        assert seconds == pytest.approx(ended_at - at, rel=1 / 3, abs=120)


@given(st.integers(1, 3000), st.integers(1, 100))
@settings(max_examples=20, deadline=None)
def test_it_changes_nothing_of_the_search(carries: int, first: int) -> None:
    options = Options(first=first, most=2000, lengths=OPTIONS.lengths, time_limit_seconds=1e6)
    search, asked = Search(options), Search(options)
    step, same = search.begin(), asked.begin()
    at = 0.0
    while isinstance(step, Step):
        assert forecast_seconds(asked, same, at) >= 0.0
        at += step.least_seconds
        holds = step.viewers <= carries or step.kind not in EVIDENCE
        outcome = Outcome(step.kind, step.viewers, Result.HELD if holds else Result.FAILED, at)
        following, other = search.take(outcome), asked.take(outcome)
        assert following == other
        if not isinstance(following, Step) or not isinstance(other, Step):
            break
        step, same = following, other
