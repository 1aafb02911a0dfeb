"""Rates of links: steady ones, traces, and what is drawn of both."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.load.access import AccessRates, Rate, SteadyRate, TraceRate, read_trace
from hls_swarm.settings.spellings import parse_access_rates

TRACE = ((0.0, 1000.0), (10.0, 0.0), (12.0, 500.0))
"""Ends after 18 s: the last rate holds as long as the mean of the others."""


def test_a_trace_carries_what_its_steps_say() -> None:
    trace = TraceRate(TRACE, began_at=100.0)
    assert trace.length_seconds == 18.0
    assert trace.mean == pytest.approx(13_000 / 18)
    assert trace.carried(100.0, 10.0) == 10_000
    assert trace.carried(109.0, 4.0) == 1_500
    assert trace.seconds_for(109.0, 1_500) == pytest.approx(4.0)
    assert trace.carried(100.0, 36.0) == pytest.approx(26_000)


def test_the_links_of_a_crowd_share_the_points_of_their_trace() -> None:
    points = tuple((float(second), 1000.0 + second) for second in range(20_000))
    links = AccessRates(parse_access_rates("trace:lte"), {"lte": points}, seed=1)
    tracemalloc.start()
    try:
        crowd = [links.rate(viewer, 0.0) for viewer in range(100)]
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 100_000  # a list of points takes 160 kB
    assert len({link.carried(0.0, 1.0) for link in crowd}) > 90


@pytest.mark.parametrize("text", ["lognormal:8M:2000", "lognormal:8M:" + "9" * 300])
def test_a_spread_beyond_all_bounds_is_a_link_all_the_same(text: str) -> None:
    links = AccessRates(parse_access_rates(text), {}, seed=1)
    means = {links.rate(viewer, 0.0).mean for viewer in range(50)}
    assert means == {1_000.0, 1.25e9}


def test_a_trace_that_does_not_repeat_keeps_its_last_rate() -> None:
    assert TraceRate(TRACE, repeats=False).carried(12.0, 100.0) == pytest.approx(50_000)


rates = st.one_of(
    st.floats(1e3, 1e8).map(SteadyRate),
    st.lists(st.tuples(st.floats(0.1, 20), st.floats(0, 1e7)), min_size=1, max_size=8)
    .filter(lambda steps: any(rate > 1 for _, rate in steps))
    .map(lambda steps: TraceRate([(sum(s for s, _ in steps[:n]), rate) for n, (_, rate) in enumerate(steps)])),
)


@given(rates, st.floats(0, 100), st.floats(1, 1e8))
def test_what_takes_so_long_is_what_is_carried_in_it(rate: Rate, since: float, size: float) -> None:
    seconds = rate.seconds_for(since, size)
    assert rate.carried(since, seconds) == pytest.approx(size, rel=1e-6, abs=1.0)


@pytest.mark.parametrize(
    ("lines", "points"),
    [
        pytest.param(["0 8", "1.5 4"], ((0.0, 1e6), (1.5, 5e5)), id="Mbit/s"),
        pytest.param(["time,rate", "5,800k,x", "", "# later", "6;8M"], ((0.0, 1e5), (1.0, 1e6)), id="units and noise"),
    ],
)
def test_traces_are_read(lines: list[str], points: object) -> None:
    assert read_trace(lines) == points


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        pytest.param(["0 8", "0 4"], "line 2 is not later", id="standing still"),
        pytest.param(["0"], "line 1 is no time and rate", id="one column"),
        pytest.param(["0 fast"], "line 1 is no time and rate", id="words"),
        pytest.param(["0 0"], "no rate above 0", id="nothing"),
        pytest.param(["0 8", "5 1e999"], "line 2 has a rate above 10 Gbit/s", id="no end"),
        pytest.param(["0 10001"], "line 1 has a rate above 10 Gbit/s", id="more than any link"),
        pytest.param(["-1 3"], "line 1 has a time or a rate below 0", id="before the beginning"),
        pytest.param(["0 8", "1e999 3"], "line 2 has a time that is no number of seconds: 1e999", id="never"),
        pytest.param(["-nan 3"], "line 1 has a time that is no number of seconds: -nan", id="no number"),
    ],
)
def test_what_is_no_trace_is_told(lines: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_trace(lines)


def test_links_are_drawn_from_the_seed_by_number() -> None:
    weighted = parse_access_rates("20M=50,lognormal:4M:0.5=30,trace:lte=20")
    links = AccessRates(weighted, {"lte": TRACE}, seed=7)
    drawn = [links.rate(number, 0.0) for number in range(2000)]
    steady = [rate.mean for rate in drawn if isinstance(rate, SteadyRate)]
    assert 0.46 < sum(mean == 2.5e6 for mean in steady) / 2000 < 0.54
    assert 0.17 < sum(isinstance(rate, TraceRate) for rate in drawn) / 2000 < 0.23
    others = sorted(mean for mean in steady if mean != 2.5e6)
    assert others[len(others) // 2] == pytest.approx(0.5e6, rel=0.1)
    again = AccessRates(weighted, {"lte": TRACE}, seed=7)
    assert [again.rate(number, 0.0).mean for number in range(50)] == [rate.mean for rate in drawn[:50]]


@pytest.mark.parametrize("text", ["", "fast", "0M", "uniform:4M:2M", "8M=0", "trace:", "exp:4M:2", "lognormal:8M"])
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_access_rates(text)
