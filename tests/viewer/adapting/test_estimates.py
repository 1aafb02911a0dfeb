"""What players estimate, in figures that were worked out from their sources."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.viewer.adapting.estimates import Ewma, HlsjsEstimate, Media3Estimate, ShakaEstimate

SAMPLES = st.lists(st.tuples(st.floats(0.01, 30), st.integers(16_000, 20_000_000)), min_size=1, max_size=30)


def test_hlsjs_before_a_sample() -> None:
    estimate = HlsjsEstimate()
    assert (estimate.bps, estimate.ttfb_seconds, estimate.is_trusted) == (500_000, 0.1, False)


@pytest.mark.parametrize(
    ("listed", "bps"), [(None, 500_000), (300_000, 500_000), (1_500_000, 1_500_000), (6_000_000, 5_000_000)]
)
def test_hlsjs_raises_its_default_to_the_first_variant(listed: float | None, bps: float) -> None:
    assert HlsjsEstimate(listed).bps == bps


def test_hlsjs_samples_in_turn() -> None:
    estimate = HlsjsEstimate()
    estimate.ttfb(0.02)
    estimate.transfer(0.48, 750_000)
    assert estimate.ttfb_seconds == pytest.approx(0.020)
    assert estimate.bps == pytest.approx(12_500_000)
    estimate.ttfb(0.02)
    estimate.transfer(1.98, 750_000)
    assert estimate.bps == pytest.approx(4_481_394, abs=1)
    estimate.ttfb(0.22)
    assert estimate.ttfb_seconds * 1000 == pytest.approx(92.87, abs=0.01)
    estimate.transfer(0.1, 1_250_000)
    assert estimate.bps == pytest.approx(8_824_165, abs=1)


def test_hlsjs_counts_nothing_faster_than_800_megabits() -> None:
    estimate = HlsjsEstimate()
    estimate.transfer(0.001, 1_000_000)
    assert estimate.bps == pytest.approx(800_000_000)


def test_hlsjs_does_not_trust_half_a_millisecond() -> None:
    estimate = HlsjsEstimate()
    estimate.transfer(0.0005, 500)
    assert estimate.bps == 500_000


def test_hlsjs_forgets() -> None:
    estimate = HlsjsEstimate()
    estimate.transfer(1.0, 1_000_000)
    estimate.forget(600_000)
    assert (estimate.bps, estimate.is_trusted) == (600_000, False)


def test_media3_samples_in_turn() -> None:
    estimate = Media3Estimate()
    assert estimate.bps == 1_000_000
    seen = []
    for seconds, size in ((1.0, 1_000_000), (2.0, 1_000_000), (0.1, 250_000)):
        estimate.transfer(seconds, size)
        seen.append(estimate.bps)
    assert seen == [8_000_000, 4_000_000, 4_000_000]


def test_media3_waits_for_half_a_megabyte_or_two_seconds() -> None:
    estimate = Media3Estimate(2_400_000)
    estimate.transfer(0.5, 400_000)
    assert estimate.bps == 2_400_000
    estimate.transfer(0.5, 200_000)
    assert estimate.bps == pytest.approx(6_400_000)


def test_shaka_samples_in_turn() -> None:
    estimate = ShakaEstimate()
    assert estimate.bps == 1_000_000
    estimate.transfer(0.48, 750_000)
    estimate.transfer(1.98, 750_000)
    assert estimate.bps == pytest.approx(4_303_978, abs=1)


@pytest.mark.parametrize(("seconds", "size"), [(0.1, 15_999), (0.0049, 1_000_000)], ids=["small", "short"])
def test_shaka_passes_over_what_says_nothing(seconds: float, size: int) -> None:
    estimate = ShakaEstimate(3_000_000)
    estimate.transfer(seconds, size)
    assert estimate.bps == 3_000_000


def test_shaka_trusts_128_kilobytes() -> None:
    estimate = ShakaEstimate()
    estimate.transfer(0.1, 127_000)
    assert estimate.bps == 1_000_000
    estimate.transfer(0.1, 16_000)
    assert estimate.bps > 1_000_000


@given(SAMPLES)
def test_an_estimate_lies_within_what_was_measured(samples: list[tuple[float, int]]) -> None:
    rates = [8 * size / seconds for seconds, size in samples]
    floored = [
        8 * size / max(seconds, min(0.05, size / 1e8)) for seconds, size in samples
    ]  # as hls.js takes short times
    for estimate in (HlsjsEstimate(), Media3Estimate(), ShakaEstimate()):
        for seconds, size in samples:
            estimate.transfer(seconds, size)
        defaults = {500_000.0, 1_000_000.0}
        assert estimate.bps in defaults or min(floored) * 0.999 <= estimate.bps <= max(rates) * 1.001


@given(st.floats(0.5, 20), st.floats(0.1, 1e9), st.lists(st.floats(0.01, 10), min_size=1))
def test_a_constant_has_itself_as_mean(half_life: float, value: float, weights: list[float]) -> None:
    mean = Ewma(half_life)
    for weight in weights:
        mean.sample(weight, value)
    assert mean.value == pytest.approx(value)
