"""Seeded random numbers, weighted choices, durations from distributions."""

from collections import Counter

import pytest

from hls_swarm.load.draws import Mix, Purpose, draw, quantile
from hls_swarm.settings.spellings import parse_distribution, parse_mix


def test_numbers_are_even_and_between_0_and_1() -> None:
    drawn = [draw(1, nth, Purpose.START) for nth in range(20_000)]
    assert 0.0 <= min(drawn) < 0.001
    assert 0.999 < max(drawn) < 1.0
    tenths = Counter(int(value * 10) for value in drawn)
    assert all(1850 < number < 2150 for number in tenths.values()), tenths


def test_purposes_and_rounds_are_independent() -> None:
    columns = [
        [draw(1, n, purpose, round_) for n in range(4000)] for purpose in list(Purpose)[1:4] for round_ in (0, 1)
    ]
    for left in range(6):
        for right in range(left):
            mean = sum((a - 0.5) * (b - 0.5) for a, b in zip(columns[left], columns[right], strict=True)) / 4000
            assert abs(mean) < 0.006


def test_a_mix_is_picked_by_weight() -> None:
    mix = Mix(parse_mix("hlsjs=70,media3=30"))
    picked = Counter(mix.pick(draw(9, nth, Purpose.PROFILE)) for nth in range(10_000))
    assert picked["hlsjs"] == pytest.approx(7000, abs=150)
    assert picked["media3"] == pytest.approx(3000, abs=150)


@pytest.mark.parametrize(
    ("text", "at_a_quarter", "mean"),
    [
        pytest.param("5m", 300.0, 300.0, id="fixed"),
        pytest.param("uniform:1m:5m", 120.0, 180.0, id="uniform"),
        pytest.param("exp:100s", 28.768, 100.0, id="exponential"),
        pytest.param("lognormal:100s:0.5", 71.37, 113.31, id="lognormal"),
    ],
)
def test_quantiles(text: str, at_a_quarter: float, mean: float) -> None:
    distribution = parse_distribution(text)
    assert quantile(distribution, 0.25) == pytest.approx(at_a_quarter, rel=1e-3)
    drawn = [quantile(distribution, (nth + 0.5) / 10_000) for nth in range(10_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(mean, rel=0.01)
    assert drawn == sorted(drawn)
