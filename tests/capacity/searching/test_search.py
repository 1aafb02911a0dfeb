"""The search on models of origins, in model time: what it must do whatever the origin does."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.made.fluid import Fluid, Searched, searched

from hls_swarm.capacity.searching.lengths import Lengths
from hls_swarm.capacity.searching.search import Options, Search
from hls_swarm.capacity.steps import (
    EVIDENCE,
    Ending,
    Kind,
    Outcome,
    Result,
    Step,
    Verdict,
    VoidBecause,
)

OPTIONS = Options(first=10, time_limit_seconds=3 * 3600.0)


def _steady(capacity: float) -> Callable[[float, float], float]:
    return lambda at, queue: capacity


def _metastable(capacity: float, queue_limit: float = 6.0) -> Callable[[float, float], float]:
    return lambda at, queue: capacity * (0.6 if queue > queue_limit else 1.0)


def _with_credit(rich: float, poor: float, until: float) -> Callable[[float, float], float]:
    return lambda at, queue: rich if at < until else poor


_SHAPES = st.one_of(
    st.builds(_steady, st.floats(0.3, 3000.0)),
    st.builds(_metastable, st.floats(5.0, 3000.0)),
    st.builds(_with_credit, st.floats(50.0, 500.0), st.floats(5.0, 50.0), st.floats(10.0, 2000.0)),
)
_ORIGINS = st.builds(
    Fluid,
    capacity=_SHAPES,
    segment_seconds=st.sampled_from([2.0, 4.0, 6.0, 8.0]),
    noise=st.sampled_from([0.0, 0.03, 0.1]),
    dip_seconds_between=st.sampled_from([0.0, 60.0, 240.0]),
    makes=st.one_of(st.just(float("inf")), st.floats(1.0, 2000.0)),
    source_late=st.sampled_from([0.0, 0.0, 0.005, 1.0]),
    bad_loads=st.sampled_from([(0, 0), (50, 70), (300, 2000)]),
    random=st.integers(0, 1000).map(Random),
)
_OPTIONS = st.builds(
    Options,
    first=st.integers(1, 200),
    most=st.sampled_from([1, 40, 1000, 10**9]),
    within=st.sampled_from([0.01, 0.05, 0.2]),
    lengths=st.builds(Lengths, trial_seconds=st.sampled_from([None, 10.0]), soak_seconds=st.sampled_from([0.0, 120.0])),
    overload=st.booleans(),
    time_limit_seconds=st.sampled_from([60.0, 600.0, 3600.0, 4 * 3600.0]),
)


@given(_ORIGINS, _OPTIONS)
@settings(max_examples=80, deadline=None)
def test_whatever_the_origin_does_the_search_keeps_its_promises(origin: Fluid, options: Options) -> None:
    found = searched(origin, options)
    ending = found.ending
    assert found.seconds <= options.time_limit_seconds + 1
    assert all(step.viewers <= options.most for step, _ in found.measured)
    evidence = [(step, result) for step, result in found.measured if result is not Result.VOID]
    tried = {step.viewers for step, _ in evidence if step.kind in EVIDENCE}
    failed = {step.viewers for step, result in evidence if step.kind in EVIDENCE and result is Result.FAILED}
    # Nothing is said of a load but what was measured there without trouble.
    assert ending.viewers is None or ending.viewers in tried
    assert ending.failed_at is None or ending.failed_at in failed
    if ending.viewers is not None:
        confirms = [result for step, result in evidence if step.kind is Kind.CONFIRM and step.viewers == ending.viewers]
        assert confirms.count(Result.FAILED) < 2, "a load whose confirmation failed"
        assert not ending.confirmed or confirms.count(Result.HELD) >= 2
        assert ending.failed_at is None or ending.viewers < ending.failed_at
    if ending.verdict in {Verdict.FOUND, Verdict.AT_LEAST}:
        assert ending.confirmed
    if ending.verdict is Verdict.FOUND:
        assert ending.failed_at is not None
    if ending.verdict is Verdict.NONE:
        assert (ending.viewers, ending.failed_at) == (None, 1)
    if ending.verdict is Verdict.BROKE_OFF:
        assert ending.reason


@pytest.mark.slow
@given(st.floats(3.0, 5000.0), st.integers(1, 200), st.integers(1, 200))
@settings(max_examples=30, deadline=None)
def test_two_searches_of_one_quiet_origin_agree(capacity: float, first: int, other_first: int) -> None:
    answers = [
        searched(Fluid(_steady(capacity)), replace(OPTIONS, first=begin)).ending for begin in (first, other_first)
    ]
    viewers = [ending.viewers or 0 for ending in answers]
    assert [ending.verdict for ending in answers] == [Verdict.FOUND] * 2
    assert max(viewers) - min(viewers) <= max(1, 0.05 * max(viewers))
    assert all(0.94 * capacity - 1 <= n <= 1.02 * capacity + 1 for n in viewers)


@given(st.floats(20.0, 2000.0), st.integers(0, 500))
@settings(max_examples=20, deadline=None)
def test_a_noisy_origin_is_not_given_more_than_it_carries(capacity: float, seed: int) -> None:
    origin = Fluid(_steady(capacity), noise=0.03, dip_seconds_between=240.0, random=Random(seed))
    ending = searched(origin, OPTIONS).ending
    assert ending.verdict is Verdict.FOUND
    assert 0.6 * capacity <= (ending.viewers or 0) <= 1.03 * capacity + 1


@given(_ORIGINS, st.floats(0.0, 2000.0))
@settings(max_examples=20, deadline=None)
def test_a_search_that_is_stopped_says_its_bounds_at_once(origin: Fluid, stop_at: float) -> None:
    found = searched(origin, OPTIONS, stop_at=stop_at)
    assert found.seconds <= stop_at + 1
    ending = found.ending
    if found.seconds >= stop_at:
        assert ending.verdict is Verdict.BROKE_OFF or ending.confirmed


@pytest.mark.parametrize(
    ("capacity", "segment_seconds", "minutes"),
    [pytest.param(37.6, 2.0, 30.0, id="short segments"), pytest.param(1000.0, 6.0, 60.0, id="long segments")],
)
def test_a_quiet_search_takes_no_longer_than_is_promised(
    capacity: float, segment_seconds: float, minutes: float
) -> None:
    found = searched(Fluid(_steady(capacity), segment_seconds=segment_seconds), OPTIONS)
    assert found.seconds < 60 * minutes
    assert found.trials <= 25


def _found(origin: Fluid, options: Options = OPTIONS) -> Searched:
    return searched(origin, options)


def test_an_origin_that_carries_nobody() -> None:
    ending = _found(Fluid(_steady(0.4))).ending
    assert (ending.verdict, ending.viewers, ending.failed_at) == (Verdict.NONE, None, 1)


def test_a_generator_that_gives_out_makes_a_lower_bound() -> None:
    ending = _found(Fluid(_steady(500.0), makes=150.0)).ending
    assert (ending.verdict, ending.generator_gave_out) == (Verdict.AT_LEAST, True)
    assert ending.reason == "this machine gave out, not the origin"
    assert ending.viewers == 80
    assert ending.failed_at is None


def test_no_more_than_the_most_are_tried() -> None:
    ending = _found(Fluid(_steady(500.0)), replace(OPTIONS, most=100)).ending
    assert (ending.verdict, ending.viewers, ending.generator_gave_out) == (Verdict.AT_LEAST, 100, False)
    assert ending.reason == "no more viewers were to be tried"


def test_a_late_source_ends_the_search_and_accuses_nobody_else() -> None:
    ending = _found(Fluid(_steady(500.0), source_late=1.0)).ending
    assert ending.verdict is Verdict.BROKE_OFF
    assert "the stream's own source is late" in ending.reason
    assert (ending.viewers, ending.failed_at) == (None, None)


def test_a_load_whose_confirmation_failed_is_the_upper_bound() -> None:
    search = Search(replace(OPTIONS, first=100, overload=False, lengths=Lengths(2.0, soak_seconds=0.0)))
    at = 0.0
    refuted: list[int] = []
    step: Step | Ending = search.begin()
    while isinstance(step, Step):
        at += step.least_seconds
        limit = 118 if step.kind is Kind.CONFIRM else 133
        held = step.viewers <= limit or step.kind is Kind.BACK_OFF
        if step.kind is Kind.CONFIRM and not held:
            refuted.append(step.viewers)
        step = search.take(Outcome(step.kind, step.viewers, Result.HELD if held else Result.FAILED, at))
    assert refuted[:4] == [130, 130, 123, 123]
    assert step.verdict is Verdict.FOUND
    assert step.failed_at == min(refuted)
    assert 113 <= (step.viewers or 0) <= 118


def test_credit_that_is_used_up_is_found_by_the_soak() -> None:
    options = replace(OPTIONS, overload=False)
    in_the_soak = _found(Fluid(_steady(200.0)), options).seconds - 150
    found = _found(Fluid(_with_credit(200.0, 60.0, in_the_soak)), options)
    soaks = found.ending.soaks
    assert not soaks[0].held
    assert soaks[0].seconds < 300
    assert soaks[-1].held
    assert 45 <= (found.ending.viewers or 0) <= 62


def test_an_origin_that_does_not_recover_at_the_load_it_carried() -> None:
    ending = _found(Fluid(_metastable(300.0))).ending
    assert ending.verdict is Verdict.FOUND
    overload = ending.overload
    assert overload is not None
    assert overload.recovered_after is None
    assert overload.recovers_at is not None
    assert overload.recovers_at < overload.back_to == ending.viewers


def test_an_origin_that_recovers_says_how_long_it_took() -> None:
    overload = _found(Fluid(_steady(300.0))).ending.overload
    assert overload is not None
    assert overload.viewers > overload.back_to
    assert overload.recovered_after is not None
    assert overload.recovers_at is None


def test_a_prediction_picks_the_next_load_and_is_never_the_answer() -> None:
    search = Search(replace(OPTIONS, first=100))
    search.begin()
    step = search.take(Outcome(Kind.WARM_UP, 100, Result.HELD, 20.0, predicted=150.0))
    assert isinstance(step, Step)
    assert (step.kind, step.viewers) == (Kind.COARSE, 100)
    step = search.take(Outcome(Kind.COARSE, 100, Result.HELD, 60.0, predicted=150.0))
    assert isinstance(step, Step)
    assert step.viewers == 120
    step = search.take(Outcome(Kind.COARSE, 120, Result.HELD, 90.0, predicted=110.0))
    assert isinstance(step, Step)
    assert step.viewers == 126  # a limit below what holds was no limit: the least step


def test_the_generators_own_slope_keeps_the_search_below_what_it_can_make() -> None:
    search = Search(replace(OPTIONS, first=100))
    search.begin()
    search.take(Outcome(Kind.WARM_UP, 100, Result.HELD, 20.0))
    step = search.take(Outcome(Kind.COARSE, 100, Result.HELD, 60.0, generator_limit=160.0))
    assert isinstance(step, Step)
    assert step.viewers == 144


def test_after_a_failure_viewers_are_taken_back_until_they_are_well() -> None:
    search = Search(replace(OPTIONS, first=100))
    search.begin()
    search.take(Outcome(Kind.WARM_UP, 100, Result.HELD, 20.0))
    search.take(Outcome(Kind.COARSE, 100, Result.HELD, 60.0))
    step = search.take(Outcome(Kind.COARSE, 200, Result.FAILED, 90.0))
    assert isinstance(step, Step)
    assert (step.kind, step.viewers, step.replace_stalled) == (Kind.BACK_OFF, 70, True)
    step = search.take(Outcome(Kind.BACK_OFF, 70, Result.FAILED, 160.0))
    assert isinstance(step, Step)
    assert (step.kind, step.viewers) == (Kind.BACK_OFF, 35)
    step = search.take(Outcome(Kind.BACK_OFF, 35, Result.HELD, 170.0))
    assert isinstance(step, Step)
    assert (step.kind, step.viewers) == (Kind.FULL, 141)


def _steps(*outcomes: tuple[Kind, int]) -> tuple[Search, list[tuple[Kind, int]]]:
    """A search of which all that was tried failed, and its steps."""
    search, made = Search(replace(OPTIONS, first=10)), []
    search.begin()
    for nth, (kind, viewers) in enumerate(outcomes):
        step = search.take(Outcome(kind, viewers, Result.FAILED, 60.0 * nth))
        assert isinstance(step, Step)
        made.append((step.kind, step.viewers))
    return search, made


def test_where_not_even_one_viewer_is_well_that_one_is_tried_next() -> None:
    back_offs = [(Kind.BACK_OFF, 3), (Kind.BACK_OFF, 1)]
    search, made = _steps((Kind.WARM_UP, 10), *back_offs, (Kind.COARSE, 10), (Kind.FULL, 1))
    # The load that was asked for, and then one: twice, without any more back-off.
    assert made == [*back_offs, (Kind.COARSE, 10), (Kind.FULL, 1), (Kind.FULL, 1)]
    ending = search.take(Outcome(Kind.FULL, 1, Result.FAILED, 900.0))
    assert isinstance(ending, Ending)
    assert (ending.verdict, ending.failed_at) == (Verdict.NONE, 1)


def test_a_load_that_holds_after_all_lets_the_search_go_on_as_always() -> None:
    tried = [(Kind.WARM_UP, 10), (Kind.BACK_OFF, 3), (Kind.BACK_OFF, 1), (Kind.COARSE, 10)]
    search, made = _steps(*tried)
    assert made[-1] == (Kind.FULL, 1)
    step = search.take(Outcome(Kind.FULL, 1, Result.HELD, 400.0))
    assert isinstance(step, Step)
    assert (step.kind, step.viewers) == (Kind.FULL, 3)


def test_a_void_trial_is_repeated_twice() -> None:
    search = Search(OPTIONS)
    search.begin()
    step = search.take(Outcome(Kind.WARM_UP, 10, Result.HELD, 20.0))
    for _ in range(2):
        assert isinstance(step, Step)
        assert (step.kind, step.viewers) == (Kind.COARSE, 10)
        step = search.take(Outcome(Kind.COARSE, 10, Result.VOID, 60.0, because=VoidBecause.LOAD))
    assert isinstance(step, Step)
    ending = search.take(Outcome(Kind.COARSE, 10, Result.VOID, 60.0, because=VoidBecause.LOAD))
    assert isinstance(ending, Ending)
    assert ending.verdict is Verdict.BROKE_OFF
    assert "viewers do not stay" in ending.reason
