"""When viewers come and go: closed-form or seeded, the same for any number of workers."""

import math
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hls_swarm.load.plan import ArrivalPlan, Plan, TargetPlan, Visit
from hls_swarm.load.shares import share_of
from hls_swarm.settings.spellings import Stage


def visits(plan: Plan, workers: int = 1, until: float = 1000.0) -> list[Visit]:
    found = []
    for worker in range(workers):
        for visit in plan.visits(share_of(worker, workers)):
            if visit.comes_at > until:
                break
            found.append(visit)
    return sorted(found)


stages = st.lists(st.builds(Stage, st.integers(0, 60).map(float), st.integers(0, 40)), min_size=1, max_size=6)


class TestRamp:
    def test_without_jitter_viewers_come_at_an_even_rate_and_stay(self) -> None:
        assert visits(TargetPlan.ramp(4, 2.0)) == [Visit(nth / 2, nth) for nth in range(4)]

    def test_the_same_seed_gives_the_same_starts_and_another_seed_others(self) -> None:
        made = [visits(TargetPlan.ramp(50, 5.0, 0.2, seed)) for seed in (7, 7, 8)]
        assert made[0] == made[1]
        assert made[0] != made[2]

    @given(st.integers(1, 60), st.floats(0.1, 100.0), st.floats(0.0, 5.0), st.integers(0, 2**63 - 1))
    def test_jitter_moves_a_start_later_by_no_more_than_it_says(
        self, viewers: int, rate: float, jitter: float, seed: int
    ) -> None:
        for visit in visits(TargetPlan.ramp(viewers, rate, jitter, seed), until=math.inf):
            even = visit.number / rate
            assert even - 1e-9 <= visit.comes_at <= even + jitter + 1e-9

    def test_what_is_wanted_rises_to_the_target(self) -> None:
        plan = TargetPlan.ramp(10, 2.0)
        assert [plan.wanted(offset) for offset in (-1.0, 0.1, 2.5, 5.0, 99.0)] == [0, 1, 5, 10, 10]
        assert (plan.most, plan.steady_from, plan.fastest_per_second) == (10, 5.0, 2.0)


class TestStages:
    PLAN = TargetPlan.staged([Stage(10.0, 10), Stage(10.0, 10), Stage(5.0, 0), Stage(0.0, 3)], 5.0)

    def test_who_came_last_goes_first_and_may_come_again(self) -> None:
        found = visits(self.PLAN)
        assert [v for v in found if v.number == 9] == [Visit(9.0, 9, 20.5)]
        assert [v for v in found if v.number == 1] == [Visit(1.0, 1, 24.5), Visit(25.0, 1)]

    @given(stages, st.floats(0.0, 400.0))
    @settings(max_examples=200)
    def test_so_many_are_there_as_are_wanted(self, given_stages: list[Stage], offset: float) -> None:
        plan = TargetPlan.staged(given_stages, 5.0)
        there = sum(visit.comes_at <= offset < visit.goes_at for visit in visits(plan, until=math.inf))
        assert abs(there - plan.wanted(offset)) <= 1

    @given(stages, st.integers(1, 7))
    def test_shares_of_all_workers_are_the_whole(self, given_stages: list[Stage], workers: int) -> None:
        plan = TargetPlan.staged(given_stages, 5.0, 0.3)
        assert visits(plan, workers, math.inf) == visits(plan, 1, math.inf)


class TestArrivals:
    PLAN = ArrivalPlan(((0.0, 20.0),), mean_seconds=30.0, seed=5)

    @given(st.integers(1, 7))
    def test_shares_of_all_workers_are_the_whole(self, workers: int) -> None:
        assert visits(self.PLAN, workers, 50.0) == visits(self.PLAN, 1, 50.0)

    def test_gaps_are_exponential(self) -> None:
        comes = [visit.comes_at for visit in islice(self.PLAN.visits(share_of(0, 1)), 20_000)]
        gaps = [later - earlier for earlier, later in zip([0.0, *comes], comes, strict=False)]
        mean = sum(gaps) / len(gaps)
        variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
        assert mean == pytest.approx(0.05, rel=0.03)
        assert math.sqrt(variance) == pytest.approx(mean, rel=0.03)

    def test_a_limit_ends_them(self) -> None:
        plan = ArrivalPlan(((0.0, 5.0),), math.inf, 1, limit=12)
        assert [visit.number for visit in visits(plan)] == list(range(12))
        assert (plan.most, plan.wanted(1e6)) == (12, 12)

    def test_so_many_are_expected_as_come_in_a_mean_session(self) -> None:
        assert [self.PLAN.wanted(offset) for offset in (0.0, 10.0, 30.0, 500.0)] == [0, 200, 600, 600]


class TestChanges:
    def test_a_ramp_grows_at_its_rate_from_the_instant_of_the_change(self) -> None:
        plan = TargetPlan.ramp(4, 2.0).changed(10.0, 3)
        assert visits(plan) == [*visits(TargetPlan.ramp(4, 2.0)), Visit(10.0, 4), Visit(10.5, 5), Visit(11.0, 6)]

    def test_a_change_may_have_a_rate_of_its_own(self) -> None:
        plan = TargetPlan.ramp(4, 2.0).changed(10.0, 2, 0.5)
        assert visits(plan)[4:] == [Visit(10.0, 4), Visit(12.0, 5)]
        assert visits(plan.changed(20.0, 1))[6:] == [Visit(20.0, 6)]

    def test_who_is_too_many_goes_from_the_last_on(self) -> None:
        plan = TargetPlan.ramp(4, 2.0).changed(10.0, -2)
        assert [visit.goes_at for visit in visits(plan)] == [math.inf, math.inf, 11.0, 10.5]
        assert (plan.goes_at(3, 10.0), plan.goes_at(0, 10.0)) == (10.5, math.inf)

    @given(stages, st.floats(0.0, 100.0), st.integers(-50, 50))
    def test_what_came_before_stays_as_it_was(self, given_stages: list[Stage], offset: float, by: int) -> None:
        before, after = (plan := TargetPlan.staged(given_stages, 5.0)), plan.changed(offset, by)
        came = [(v.comes_at, v.number) for v in visits(before, until=math.inf) if v.comes_at < offset - 1e-6]
        assert [(v.comes_at, v.number) for v in visits(after, until=math.inf) if v.comes_at < offset - 1e-6] == (
            pytest.approx(came) if not came else [(pytest.approx(at), number) for at, number in came]
        )
        assert after.wanted(1e9) == max(0, given_stages[-1].viewers + by)

    def test_arrivals_come_at_the_rate_that_the_new_number_needs(self) -> None:
        plan = ArrivalPlan(((0.0, 20.0),), 30.0, 5).changed(100.0, 300)
        assert plan.rates == ((0.0, 20.0), (100.0, 30.0))
        before = visits(ArrivalPlan(((0.0, 20.0),), 30.0, 5), until=100.0)
        assert visits(plan, until=100.0) == before
        later = [visit for visit in visits(plan, until=300.0) if visit.comes_at > 100.0]
        assert len(later) == pytest.approx(6000, rel=0.05)


def test_what_the_plan_aims_at_follows_each_change() -> None:
    plan = TargetPlan.ramp(1000, per_second=100.0)
    assert (plan.most_from(0.0), plan.most_from(60.0)) == (1000, 1000)
    less = plan.changed(60.0, -100)
    assert (less.wanted(60.0), less.most_from(60.0), less.most_from(61.0)) == (1000, 900, 900)
    more = less.changed(60.5, 300)
    assert (more.wanted(60.5), more.most_from(60.5)) == (950, 1200)
    assert TargetPlan.staged([Stage(10.0, 50), Stage(10.0, 0)], per_second=10.0).most_from(0.0) == 50


@pytest.mark.parametrize(
    ("plan", "fastest"),
    [
        pytest.param(TargetPlan(((0.0, 0.0), (10.0, 50.0), (11.0, 90.0), (20.0, 0.0)), 5.0), 40.0, id="steepest rise"),
        pytest.param(TargetPlan(((0.0, 0.0), (0.0, 50.0)), 5.0), math.inf, id="at once"),
        pytest.param(TargetPlan(((0.0, 10.0), (9.0, 0.0)), 5.0), 0.0, id="falls only"),
        pytest.param(ArrivalPlan(((0.0, 3.0), (60.0, 7.0)), 30.0), 7.0, id="arrivals"),
    ],
)
def test_how_fast_viewers_come(plan: Plan, fastest: float) -> None:
    assert plan.fastest_per_second == fastest
