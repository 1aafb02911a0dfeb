"""What chance makes of two series, of values that know nothing of each other and of such that do."""

import random

import pytest

from hls_swarm.judge.comparing.noise import are_apart, critical_distance, differ, distance, independent_values
from hls_swarm.stats.histogram import Histogram


def histogram(*values: float) -> Histogram:
    made = Histogram()
    made.add_all(values)
    return made


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param((1.0, 2.0), (1.0, 2.0), 0.0, id="the same"),
        pytest.param((1.0, 2.0), (4.0, 8.0), 1.0, id="apart"),
        pytest.param((1.0, 2.0, 4.0, 8.0), (2.0, 4.0, 8.0, 16.0), 0.25, id="one of four moved"),
        pytest.param((0.0, 0.0, 1.0, 1.0), (0.0, 1.0, 1.0, 1.0), 0.25, id="zeros have a bucket of their own"),
        pytest.param((1.0,), (1.0,) * 1000, 0.0, id="sizes do not matter"),
    ],
)
def test_the_distance_is_the_largest_difference_of_shares(
    a: tuple[float, ...], b: tuple[float, ...], expected: float
) -> None:
    assert distance(histogram(*a), histogram(*b)) == pytest.approx(expected)
    assert distance(histogram(*b), histogram(*a)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param([1.98, 1.98, 1.94, 1.95, 1.99, 2.02, 2.02, 2.02], [2.37, 2.38, 2.39, 2.37, 2.40, 2.40, 2.38, 2.37],
            True, id="far apart"),
        pytest.param([1.98, 1.98, 1.94, 1.95, 1.99, 2.02, 2.02], [2.37, 2.38, 2.39, 2.37, 2.40, 2.40, 2.38, 2.37],
            False, id="one too few"),
        pytest.param([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7], [2.4, 2.5, 2.6, 2.7, 2.8, 2.9, 3.0, 3.1],
            False, id="no farther than they vary"),
        pytest.param([1.0] * 8, [1.0] * 8, False, id="the same"),
    ],
)  # fmt: skip
def test_short_series_differ_by_the_room_between_them(a: list[float], b: list[float], expected: bool) -> None:
    assert are_apart(a, b) is expected
    assert are_apart(b, a) is expected
    assert differ(a, b) is expected


def test_weather_alone_puts_no_two_short_series_apart() -> None:
    chance, found = random.Random(3), 0
    for _ in range(2000):
        series = []
        for _ in range(2):
            value, made = 1.0, []
            for _ in range(10):  # a walk that comes back: each value is like the one before
                value = 1.0 + 0.8 * (value - 1.0) + chance.gauss(0, 0.05)
                made.append(value)
            series.append(made)
        found += are_apart(*series)
    assert found == 0


def test_chance_alone_exceeds_the_critical_distance_less_than_once_in_a_thousand() -> None:
    chance = random.Random(7)
    exceeded = 0
    for _ in range(1000):
        a, b = (histogram(*(chance.expovariate(10) for _ in range(60))) for _ in range(2))
        exceeded += distance(a, b) > critical_distance(60, 60)
    assert exceeded <= 4


def weather(chance: random.Random, seconds: int = 120, burst: int = 10) -> list[float]:
    """A value a second, doubled in half of all bursts."""
    bursts = [chance.random() < 0.5 for _ in range(seconds // burst + 1)]
    return [chance.gauss(1.0, 0.05) * (2 if bursts[second // burst] else 1) for second in range(seconds)]


def test_values_that_follow_each_other_count_for_less() -> None:
    chance = random.Random(3)
    noise = [chance.random() for _ in range(400)]
    assert independent_values(noise) > 300
    assert independent_values(weather(chance, 400)) < 60
    assert independent_values([1.0] * 50) == 50
    assert independent_values([1.0, 2.0]) == 2
    assert independent_values([float(n) for n in range(100)]) < 5


def test_weather_is_no_difference_and_a_shift_is_one() -> None:
    chance = random.Random(5)
    assert sum(differ(weather(chance), weather(chance)) for _ in range(300)) <= 2
    still = [[chance.gauss(mean, 0.1) for _ in range(60)] for mean in (1.0, 1.2)]
    assert differ(*still)
    assert not differ([], still[0])
