import math
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.snapshot.origin.metrics import (
    BucketCounts,
    OriginMetrics,
    Reading,
    Role,
    SourceHealth,
    TargetMetrics,
    Unit,
    bucket_quantile,
)
from hls_swarm.snapshot.origin.signals import SIGNALS
from hls_swarm.snapshot.origin.tally import OriginTally

INF = math.inf


@pytest.mark.parametrize(
    ("q", "bounds", "counts", "expected"),
    [
        pytest.param(0.5, (0.1, 0.2, INF), (0, 10, 10), 0.15, id="linear inside a bucket"),
        pytest.param(0.25, (0.1, 0.2, INF), (10, 20, 20), 0.05, id="the first bucket starts at 0"),
        pytest.param(0.5, (0.1, 0.2, INF), (10, 20, 20), 0.1, id="on a bound"),
        pytest.param(0.99, (0.1, 0.2, INF), (10, 20, 40), 0.2, id="rank in +Inf gives the last finite bound"),
        pytest.param(0.5, (-1.0, 1.0, INF), (10, 10, 10), -1.0, id="a first bound below 0 is the answer itself"),
        pytest.param(0.0, (0.1, 0.2, INF), (5, 10, 10), 0.0, id="quantile 0"),
        pytest.param(1.0, (0.1, 0.2, INF), (5, 10, 10), 0.2, id="quantile 1"),
        pytest.param(0.5, (0.1, 0.2, INF), (10, 8, 12), 0.06, id="counts that go down are raised"),
        pytest.param(0.75, (0.1, 0.2, 0.4, INF), (5, 5, 10, 10), 0.3, id="over an empty bucket"),
        pytest.param(0.5, (0.1, 0.2), (5, 10), None, id="no +Inf bucket"),
        pytest.param(0.5, (INF,), (10,), None, id="+Inf alone"),
        pytest.param(0.5, (0.1, INF), (0, 0), None, id="nothing counted"),
        pytest.param(0.5, (), (), None, id="no buckets"),
    ],
)
def test_quantiles_follow_prometheus(
    q: float, bounds: tuple[float, ...], counts: tuple[float, ...], expected: float | None
) -> None:
    assert bucket_quantile(q, bounds, counts) == (None if expected is None else pytest.approx(expected))


@given(st.lists(st.integers(0, 50), min_size=2, max_size=8), st.floats(0, 1), st.floats(0, 1))
def test_a_quantile_is_monotone_and_inside_the_finite_bounds(increments: list[int], low: float, high: float) -> None:
    bounds = (*(0.1 * (nth + 1) for nth in range(len(increments) - 1)), INF)
    counts = [sum(increments[: nth + 1]) for nth in range(len(increments))]
    first, second = (bucket_quantile(q, bounds, counts) for q in sorted((low, high)))
    if counts[-1] == 0:
        assert first is None
    else:
        assert first is not None
        assert second is not None
        assert 0 <= first <= second + 1e-12 <= bounds[-2] + 2e-12


def test_bucket_counts_add_and_subtract() -> None:
    start, more = BucketCounts((0.1, INF), (1.0, 2.0)), BucketCounts((0.1, INF), (3.0, 5.0))
    assert start.plus(more) == BucketCounts((0.1, INF), (4.0, 7.0))
    assert start.plus(more).since(start) == more
    assert start.since(None) == start
    assert start.total == 2.0
    assert more.quantile(0.5) == pytest.approx(0.1 * 2.5 / 3)


def test_bucket_counts_with_other_bounds_start_again() -> None:
    old, new = BucketCounts((0.1, INF), (1.0, 2.0)), BucketCounts((0.2, INF), (3.0, 5.0))
    assert old.plus(new) == new
    assert new.since(old) == new


def test_signal_names_say_their_unit() -> None:
    for name, info in SIGNALS.items():
        assert name == info.name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert name.endswith("_percent") == (info.unit is Unit.PERCENT), name
        assert name.endswith("_bytes_per_second") == (info.unit is Unit.BYTES_PER_SECOND), name
        assert name.endswith("_bytes") == (info.unit is Unit.BYTES), name
        assert ("_seconds" in name) == (info.unit is Unit.SECONDS), name
        assert info.title
        assert info.help


def test_the_signals_of_the_json_contract_are_there() -> None:
    assert {
        "cpu_percent",
        "memory_used_bytes",
        "network_out_bytes_per_second",
        "nginx_connections",
        "nginx_requests_per_second",
        "nginx_request_seconds_p50",
        "nginx_request_seconds_p95",
        "nginx_request_seconds_p99",
    } <= SIGNALS.keys()


def metrics(
    at: float, value: float | None, *, stale: bool = False, counts: BucketCounts | None = None
) -> OriginMetrics:
    reading = Reading(SIGNALS["cpu_percent"], value, at, stale=stale)
    quantile = Reading(SIGNALS["nginx_request_seconds_p95"], 0.5, at)
    target = TargetMetrics(
        "origin",
        (SourceHealth(Role.NODE, "http://origin:9100/metrics"),),
        {"cpu_percent": reading, "nginx_request_seconds_p95": quantile},
        {} if counts is None else {"nginx_request_seconds": counts},
        at,
    )
    return OriginMetrics((target,), at, 2.0, 30.0)


def test_a_stale_value_is_shown_but_not_used() -> None:
    fresh, stale = metrics(1.0, 50.0).targets[0], metrics(1.0, 50.0, stale=True).targets[0]
    assert (fresh.value("cpu_percent"), fresh.fresh_value("cpu_percent")) == (50.0, 50.0)
    assert (stale.value("cpu_percent"), stale.fresh_value("cpu_percent")) == (50.0, None)
    assert (fresh.value("disk_busy_percent"), fresh.fresh_value("disk_busy_percent")) == (None, None)


def test_ages() -> None:
    reading = Reading(SIGNALS["cpu_percent"], 1.0, 10.0)
    assert (reading.age_seconds(12.5), reading.age_seconds(9.0)) == (2.5, 0.0)
    assert Reading(SIGNALS["cpu_percent"]).age_seconds(12.5) is None
    health = SourceHealth(Role.NODE, "http://origin/", last_success_at=10.0)
    assert health.age_seconds(11.0) == 1.0
    assert SourceHealth(Role.NODE, "http://origin/").age_seconds(11.0) is None


def test_what_views_see_is_frozen() -> None:
    seen = metrics(1.0, 50.0)
    with pytest.raises(AttributeError):
        seen.at = 2.0  # type: ignore[misc]  # that it fails is the point
    with pytest.raises(AttributeError):
        seen.targets[0].readings["cpu_percent"].value = 2.0  # type: ignore[misc]  # that it fails is the point


def test_a_tally_counts_each_scrape_once_and_nothing_unknown_or_stale() -> None:
    tally = OriginTally()
    for seen in (
        metrics(1.0, 10.0),
        metrics(1.0, 10.0),
        metrics(3.0, 30.0),
        metrics(5.0, None),
        metrics(7.0, 99.0, stale=True),
    ):
        tally.add(seen)
    found = tally.distribution("origin", "cpu_percent")
    assert found is not None
    assert (found.count, found.mean, found.max) == (2, 20.0, 30.0)
    assert tally.targets() == ("origin",)
    assert tally.distribution("origin", "disk_busy_percent") is None
    assert tally.distribution("elsewhere", "cpu_percent") is None


def test_a_tally_takes_quantiles_from_what_was_counted_meanwhile() -> None:
    tally = OriginTally()
    bounds = (0.1, 0.2, INF)
    tally.add(metrics(1.0, 10.0, counts=BucketCounts(bounds, (1000.0, 1000.0, 1000.0))))
    assert tally.quantiles("origin", "nginx_request_seconds") is None
    tally.add(metrics(3.0, 10.0, counts=BucketCounts(bounds, (1000.0, 1010.0, 1010.0))))
    assert tally.quantiles("origin", "nginx_request_seconds") == pytest.approx(
        {"p50": 0.15, "p95": 0.195, "p99": 0.199}
    )
    (summary,) = tally.summary()
    assert list(summary.signals) == ["cpu_percent"]  # and no mean of quantiles
    written = msgspec.json.decode(msgspec.json.encode(summary.json_object()))
    assert list(written) == ["target", "cpu_percent", "nginx_request_seconds"]
    assert written["cpu_percent"].keys() == {"count", "mean", "p50", "p95", "p99", "max"}


def test_of_a_request_time_below_nginx_s_clock_only_that_is_written() -> None:
    tally = OriginTally()
    bounds = (0.001, 0.002, INF)
    for nth, counts in enumerate(((0.0, 0.0, 0.0), (980.0, 1000.0, 1000.0))):
        reading = Reading(SIGNALS["nginx_request_seconds_mean"], 0.0004, float(nth))
        target = TargetMetrics(
            "origin",
            (SourceHealth(Role.NGINX, "http://origin:9113/metrics"),),
            {"nginx_request_seconds_mean": reading},
            {"nginx_request_seconds": BucketCounts(bounds, counts)},
            float(nth),
        )
        tally.add(OriginMetrics((target,), float(nth), 2.0, 30.0))
    (summary,) = tally.summary()
    written = msgspec.json.decode(msgspec.json.encode(summary.json_object()))
    assert written == {
        "target": "origin",
        "nginx_request_seconds_mean": {
            "count": 2,
            "mean_below": 0.001,
            "p50_below": 0.001,
            "p95_below": 0.001,
            "p99_below": 0.001,
            "max_below": 0.001,
        },
        "nginx_request_seconds": {"p50_below": 0.001, "p95_below": 0.001, "p99": 0.0015},
    }


def test_only_times_by_nginx_s_clock_have_a_step() -> None:
    assert {name for name, info in SIGNALS.items() if info.step} == {
        "nginx_request_seconds_mean",
        "nginx_request_seconds_p50",
        "nginx_request_seconds_p95",
        "nginx_request_seconds_p99",
    }
