"""Each rule: a timeline that fires it, a near miss that must not, and one without its signal."""

import pytest
from tests.support.timelines import Values, timeline

from hls_swarm.judge.findings.engine import find
from hls_swarm.snapshot.finding import Culprit, Severity

FIRES: list[tuple[str, Values, Culprit | None, Severity]] = [
    ("stalled", {"viewers_stalled": 12.0}, None, Severity.CRITICAL),
    ("stalled", {"viewers_stalled": 1.0}, None, Severity.WARNING),
    ("stale-playlists", {"unchanged_playlists": 10.0, "stale_playlists": 4.0}, Culprit.LIVE_SOURCE, Severity.WARNING),
    ("origin-cpu", {"origin_cpu_percent@a": 97.0}, Culprit.ORIGIN, Severity.NOTE),
    ("nginx-drops", {"origin_nginx_drops_per_second@a": 17.5}, Culprit.ORIGIN, Severity.WARNING),
]
MISSES: list[tuple[str, Values]] = [
    ("stalled", {"viewers_stalled": 0.0}),
    ("stale-playlists", {"unchanged_playlists": 5.0, "stale_playlists": 4.0}),
    ("stale-playlists", {"unchanged_playlists": 10.0}),
    ("origin-cpu", {"origin_cpu_percent@a": 89.0}),
    ("nginx-drops", {"origin_nginx_drops_per_second@a": 0.0}),
]
MISSING: list[tuple[str, Values]] = [
    ("stalled", {"viewers_stalled": None}),
    ("stale-playlists", {"unchanged_playlists": None, "stale_playlists": 4.0}),
    ("origin-cpu", {}),
    ("nginx-drops", {}),
]


@pytest.mark.parametrize(("rule", "values", "culprit", "severity"), FIRES, ids=[f"{r}-{v}" for r, v, _, _ in FIRES])
def test_it_fires(rule: str, values: Values, culprit: Culprit | None, severity: Severity) -> None:
    (finding,) = find(timeline((20, values)))
    assert (finding.rule, finding.culprit, finding.severity) == (rule, culprit, severity)
    assert 20 <= finding.from_seconds <= 30
    assert finding.is_going_on
    assert "{" not in finding.what + finding.next_step


@pytest.mark.parametrize(("rule", "values"), MISSES, ids=[f"{rule}-{values}" for rule, values in MISSES])
def test_a_near_miss_does_not(rule: str, values: Values) -> None:
    assert rule not in [finding.rule for finding in find(timeline((20, values)))]


@pytest.mark.parametrize(("rule", "values"), MISSING, ids=[rule for rule, _ in MISSING])
def test_without_its_signal_it_says_nothing(rule: str, values: Values) -> None:
    assert find(timeline((1, values))) == ()
