"""Signals that a user added are in every view, by their name alone."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.made.moments import Run

from hls_swarm.judge import timeline
from hls_swarm.judge.thresholds import ThresholdError, parse_threshold
from hls_swarm.snapshot.origin.metrics import OriginMetrics, Reading, Role, SourceHealth, SourceState, TargetMetrics
from hls_swarm.snapshot.origin.signals import signal_info
from hls_swarm.views.prometheus.collector import Page
from hls_swarm.views.signals import name_text, value_text

NAME = "own_errors_per_second"


def metrics(at: float, value: float) -> OriginMetrics:
    info = signal_info(NAME)
    assert info is not None
    health = SourceHealth(Role.NGINX, "http://a/metrics", SourceState.UP, dialect="signals of your own")
    return OriginMetrics((TargetMetrics("a", (health,), {NAME: Reading(info, value, at)}, at=at),), at, 1.0, 30.0)


def played(*thresholds: str) -> Run:
    run = Run(*thresholds)
    for second in range(1, 5):
        run.second(float(second), of_origin=metrics(float(second), 2.5))
    return run


def test_name_and_value() -> None:
    info = signal_info(NAME)
    assert info is not None
    assert (name_text(info), value_text(info, 2.5)) == ("errors per second", "2.50/s")


def test_endpoint() -> None:
    run = played()
    body, _ = Page(lambda: run.entries[-1].moment).body("")
    found = {family.name: family.samples for family in text_string_to_metric_families(body.decode())}
    (sample,) = found[f"hls_swarm_origin_{NAME}"]
    assert (sample.labels, sample.value) == ({"target": "a"}, 2.5)


@pytest.mark.parametrize(("limit", "held"), [("3", True), ("2", False)])
def test_thresholds(limit: str, held: bool) -> None:
    (result,) = played(f"origin_{NAME}:max < {limit}").entries[-1].thresholds
    assert (result.value, result.held) == (2.5, held)


def test_a_threshold_on_a_name_that_nobody_knows() -> None:
    with pytest.raises(ThresholdError, match="there is no metric"):
        parse_threshold("origin_errors_per_second:max < 1")


def test_summary_and_timeline() -> None:
    run = played()
    (target,), _ = run.ledger.origin_summary()
    assert target.signals[NAME].mean == pytest.approx(2.5)
    assert f"origin_{NAME}@a" in run.entries[-1].row
    assert any("own_NAME" in name for name, _, _ in timeline.columns())
