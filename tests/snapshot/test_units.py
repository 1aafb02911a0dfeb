import pytest

from hls_swarm.snapshot import units
from hls_swarm.snapshot.origin.metrics import Unit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0 s"),
        (0.00043, "430 us"),
        (0.000_999_4, "999 us"),
        (0.000_999_6, "1.00 ms"),
        (0.0123, "12.3 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (12.34, "12.3 s"),
        (99.94, "99.9 s"),
        (125.0, "2m05s"),
        (3599.7, "60m00s"),
        (3720.0, "1h02m"),
        (-1.5, "-1.50 s"),
    ],
)
def test_seconds(value: float | None, text: str) -> None:
    assert units.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1500, "1.50 kB"),
        (999_600, "1.00 MB"),
        (4.5e9, "4.50 GB"),
        (2e18, "2000 PB"),
    ],
)
def test_size(value: float | None, text: str) -> None:
    assert units.size(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0, "0 bit/s"), (375_000, "3.00 Mbit/s"), (1.25e9, "10.0 Gbit/s")]
)
def test_bit_rate(value: float | None, text: str) -> None:
    assert units.bit_rate(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.0, "0%"), (0.213, "0.21%"), (35.24, "35.2%"), (100, "100%")]
)
def test_percent(value: float | None, text: str) -> None:
    assert units.percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (7.9, "0:07"), (750.0, "12:30"), (3723.0, "1:02:03")])
def test_clock(value: float | None, text: str) -> None:
    assert units.clock(value) == text


def test_counts_have_their_thousands_apart() -> None:
    assert (units.count(None), units.count(0), units.count(1_234_567.4)) == ("-", "0", "1,234,567")


def test_a_ratio_is_written_as_percent() -> None:
    assert (units.ratio(None), units.ratio(0.0042)) == ("-", "0.42%")


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (97.4, Unit.PERCENT, "97%"),
        (0.004, Unit.RATIO, "0.40%"),
        (0.316, Unit.RATIO, "32%"),
        (17.5, Unit.PER_SECOND, "17.5/s"),
        (150_000.0, Unit.BYTES_PER_SECOND, "1.20 Mbit/s"),
        (4.0, Unit.SECONDS, "4.00 s"),
        (1250.0, Unit.COUNT, "1,250"),
        (2e6, Unit.BYTES, "2.00 MB"),
        (None, Unit.RATIO, "-"),
    ],
)
def test_a_figure_in_a_sentence(value: float | None, unit: Unit, expected: str) -> None:
    assert units.figure(value, unit) == expected
