"""The plan of faults keeps its rules for any seed and any length."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from tests.chaos.plan import CALM_AT_FIRST_SECONDS, CALM_AT_LAST_SECONDS, FaultKind, Lane, planned

SEEDS = st.integers(0, 2**32)
PAUSE = (2.0, 5.0)


@given(SEEDS, st.floats(60, 3600), st.sets(st.sampled_from(FaultKind)))
def test_faults_lie_between_the_calms_and_in_a_lane_after_each_other(
    seed: int, seconds: float, kinds: set[FaultKind]
) -> None:
    faults = planned(seed, seconds, PAUSE, kinds)
    assert {fault.kind for fault in faults} <= kinds
    for fault in faults:
        assert fault.at >= CALM_AT_FIRST_SECONDS
        assert fault.at + fault.seconds <= seconds - CALM_AT_LAST_SECONDS
    for lane in Lane:
        of_lane = [fault for fault in faults if fault.kind.lane is lane]
        for before, after in pairwise(of_lane):
            assert after.at - (before.at + before.seconds) >= PAUSE[0] - 1e-9


@given(SEEDS)
def test_every_kind_comes_and_a_worker_is_killed_once_and_last(seed: int) -> None:
    faults = planned(seed, 600.0, PAUSE, list(FaultKind))
    assert {fault.kind for fault in faults} == set(FaultKind)
    assert [fault.kind for fault in faults].count(FaultKind.WORKER_KILLED) == 1
    assert [fault.kind for fault in faults if fault.kind.lane is Lane.GENERATOR][-1] is FaultKind.WORKER_KILLED


@given(SEEDS)
def test_the_same_seed_gives_the_same_faults(seed: int) -> None:
    assert planned(seed, 600.0, PAUSE, list(FaultKind)) == planned(seed, 600.0, PAUSE, list(FaultKind))


def test_another_seed_gives_others() -> None:
    assert planned(1, 600.0, PAUSE, list(FaultKind)) != planned(2, 600.0, PAUSE, list(FaultKind))
