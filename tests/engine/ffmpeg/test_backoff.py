"""Waits between the restarts of a player."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.engine.ffmpeg.backoff import Backoff, BackoffPolicy


def test_waits_grow_up_to_a_most() -> None:
    backoff = Backoff(BackoffPolicy(jitter=0.0), Random(1))
    waits = [backoff.delay(0.0) for _ in range(8)]
    assert waits == [pytest.approx(wait) for wait in (0.25, 0.425, 0.7225, 1.22825, 2.088025, 3.5496425, 5.0, 5.0)]


def test_health_forgives() -> None:
    backoff = Backoff(BackoffPolicy(jitter=0.0, limit=2), Random(1))
    assert [backoff.delay(ran) for ran in (0.0, 29.9, 30.0, 0.0, 0.0)] == [0.25, 0.425, 0.25, 0.425, None]


def test_no_restart_at_all() -> None:
    assert Backoff(BackoffPolicy(limit=0), Random(1)).delay(0.0) is None


@given(st.integers(0, 2**32), st.integers(1, 500))
def test_jitter_keeps_within_its_share(seed: int, failures: int) -> None:
    policy = BackoffPolicy()
    backoff = Backoff(policy, Random(seed))
    for _ in range(failures):
        wait = backoff.delay(1.0)
        assert wait is not None
        assert policy.first_seconds * 0.8 <= wait <= policy.most_seconds * 1.2


def test_the_same_seed_waits_the_same() -> None:
    first, second = (Backoff(BackoffPolicy(), Random(5)) for _ in range(2))
    assert [first.delay(0.0) for _ in range(5)] == [second.delay(0.0) for _ in range(5)]
