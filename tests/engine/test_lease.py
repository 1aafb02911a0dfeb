"""A lease counts the time in which the worker itself ran."""

import pytest

from hls_swarm.engine.lease import Lease


def ran_out_at(checks: list[float], polls: dict[float, float] | None = None, seconds: float = 10.0) -> float | None:
    """The first of these checks that finds it over; polls by instant, in the order of the clock."""
    lease, waiting = Lease(0.0, seconds), dict(polls or {})
    for now in checks:
        for at in [at for at in waiting if at < now]:
            lease.renew(at, waiting.pop(at))
        if lease.has_run_out(now):
            return now
    return None


EACH_SECOND = [float(second) for second in range(1, 60)]


@pytest.mark.parametrize(
    ("checks", "polls", "over"),
    [
        pytest.param(EACH_SECOND, {}, 11.0, id="nobody asks"),
        pytest.param(EACH_SECOND, {at + 0.5: 10.0 for at in range(59)}, None, id="asked each second"),
        pytest.param(EACH_SECOND, {0.5: 10.0, 1.5: 10.0}, 12.0, id="nobody asks any more"),
        pytest.param(EACH_SECOND, {0.5: 3.0}, 4.0, id="a shorter one"),
        pytest.param([1.0, 2.0, 17.0, 18.0], {0.5: 10.0, 1.5: 10.0}, None, id="stopped for 15 s"),
        pytest.param([1.0, 2.0, *range(17, 40)], {0.5: 10.0, 1.5: 10.0}, 26.0, id="stopped, and then nobody asks"),
        pytest.param([1.3 * second for second in range(1, 60)], {}, 1.3 * 8, id="a busy machine is no stop"),
    ],
)
def test_when_a_lease_runs_out(checks: list[float], polls: dict[float, float], over: float | None) -> None:
    assert ran_out_at(checks, polls) == over
