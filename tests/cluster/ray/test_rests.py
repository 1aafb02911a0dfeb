"""When an agent rests between two questions."""

import pytest

from hls_swarm.cluster.ray.rests import Rests


def test_after_the_news_of_a_second_it_rests_until_shortly_before_the_next() -> None:
    rests = Rests()
    assert not rests.asked("a", 10.0)
    assert rests.answered("a", 10.95, 10.02) == pytest.approx(0.93)
    assert not rests.asked("a", 11.0)


def test_a_question_that_comes_earlier_calls_it_back_once() -> None:
    rests = Rests()
    rests.asked("a", 10.0)
    rests.answered("a", 10.95, 10.02)
    assert not rests.asked("b", 10.5)
    assert rests.asked("a", 10.5)
    assert not rests.asked("a", 10.6)


@pytest.mark.parametrize(
    ("quiet_until", "answered_at"),
    [
        pytest.param(10.0, 10.02, id="nobody said that it will be quiet"),
        pytest.param(10.95, 10.8, id="the answer took most of it"),
        pytest.param(10.95, 12.0, id="the answer took longer"),
    ],
)
def test_it_does_not_rest(quiet_until: float, answered_at: float) -> None:
    rests = Rests()
    rests.asked("a", 10.0)
    assert rests.answered("a", quiet_until, answered_at) == 0.0
    assert not rests.asked("a", answered_at)


def test_nobody_rests_who_has_something_to_answer() -> None:
    rests = Rests()
    rests.asked("a", 10.0)
    rests.asked("a", 10.0)
    assert rests.answered("a", 10.95, 10.02) == 0.0
    assert rests.answered("a", 10.0, 10.03) == 0.0
    rests.asked("a", 11.0)
    assert rests.answered("a", 11.95, 11.02) > 0.9
