"""The engine by rules of its own: when a finding begins and ends, and that it does not flap."""

from collections.abc import Sequence

import pytest
from tests.support.made.timelines import Values, timeline

from hls_swarm.judge.findings.engine import MOST_INTERVALS, Change, Engine, Turn, find
from hls_swarm.judge.findings.measures import now_of
from hls_swarm.judge.findings.rule import Rule, at_least
from hls_swarm.judge.timeline import Row
from hls_swarm.snapshot.finding import Culprit, Interval, Severity, Standing
from hls_swarm.snapshot.origin.metrics import Unit

HOT = Rule(
    name="hot",
    standing=Standing.LIMIT,
    culprit=Culprit.ORIGIN,
    severity=Severity.NOTE,
    what="it is {0} hot",
    next_step="cool it",
    conditions=(at_least(now_of("heat", Unit.PERCENT), 90, 80),),
    critical=at_least(now_of("heat", Unit.PERCENT), 99),
    for_seconds=3.0,
    clear_seconds=3.0,
)


def rows(*heats: float | None) -> list[Row]:
    out: list[Row] = []
    for second, heat in enumerate(heats, 1):
        row: dict[str, float | str] = {"elapsed_seconds": float(second), "phase": "steady"}
        out.append(row if heat is None else {**row, "heat": heat})
    return out


def turns(heats: Sequence[float | None]) -> list[tuple[float, Turn]]:
    engine, out = Engine([HOT]), []
    for row in rows(*heats):
        out += [(float(row["elapsed_seconds"]), change.turn) for change in engine.add(row)]
    return out


@pytest.mark.parametrize(
    ("heats", "expected"),
    [
        pytest.param([95, 95, 95], [(3, Turn.BEGAN)], id="it held for long enough"),
        pytest.param([95, 95, 0, 95, 95], [], id="never for long enough"),
        pytest.param([95] * 4 + [85] * 9, [(3, Turn.BEGAN)], id="below the limit, not below the milder one"),
        pytest.param([95] * 4 + [0, 95] * 4, [(3, Turn.BEGAN)], id="swings are one finding"),
        pytest.param([95] * 4 + [0] * 4, [(3, Turn.BEGAN), (7, Turn.OVER)], id="over"),
        pytest.param([95] * 4 + [100], [(3, Turn.BEGAN), (5, Turn.WORSE)], id="worse"),
        pytest.param([95] * 4 + [None] * 20, [(3, Turn.BEGAN)], id="unknown does not end it"),
        pytest.param([95] * 4 + [None] * 31, [(3, Turn.BEGAN), (34, Turn.OVER)], id="unknown for too long does"),
        pytest.param([None] * 9, [], id="unknown begins nothing"),
    ],
)
def test_when_a_finding_turns(heats: Sequence[float | None], expected: list[tuple[float, Turn]]) -> None:
    assert turns(heats) == expected


def test_a_finding_says_when_and_is_of_its_worst_moment() -> None:
    (finding,) = find(rows(0, 95, 96, 97, 91, 0, 0, 0, 0), [HOT])
    assert finding.intervals == (Interval(1, 5),)
    assert (finding.what, finding.next_step, finding.severity) == ("it is 97% hot", "cool it", Severity.NOTE)
    (evidence,) = finding.evidence
    assert (evidence.signal, evidence.figure, evidence.limit, evidence.to_seconds) == ("heat", 97, 90, 4)
    assert evidence.text == "heat 97% (at least 90%)"


def test_what_comes_back_is_another_interval_and_their_number_is_bounded() -> None:
    engine = Engine([HOT])
    changes: list[Change] = []
    for row in rows(*([95, 95, 95, 0, 0, 0] * (MOST_INTERVALS + 5))):
        changes += engine.add(row)
    (finding,) = engine.findings
    assert len(finding.intervals) == MOST_INTERVALS
    assert finding.intervals[0].from_seconds == 0
    assert finding.intervals[-1].to_seconds == 6 * (MOST_INTERVALS + 5) - 3
    assert 3 * (MOST_INTERVALS + 5) <= finding.seconds(0.0) <= 3 * (MOST_INTERVALS + 5) + 3 * 5
    assert [change.turn for change in changes].count(Turn.BEGAN) == MOST_INTERVALS + 5


def test_rows_after_the_end_say_nothing() -> None:
    ended = [{**row, "phase": "finished"} for row in rows(95, 95, 95, 95)]
    assert find(ended, [HOT]) == ()


def test_a_cache_that_keeps_playlists_leads_what_it_looks_like() -> None:
    """Playlists stand still for ten seconds, then bring five segments, again and again; viewers stall in between."""
    held: Values = {
        "unchanged_playlists": 10.0,
        "leaping_playlists": 0.0,
        "viewers_stalled": 12.0,
        "stale_playlists": 2.0,
    }
    leap: Values = {**held, "unchanged_playlists": 0.0, "leaping_playlists": 10.0}
    parts = [(second, leap if second % 10 < 2 else held) for second in range(30, 60)]
    found = find(timeline(*parts))
    assert [finding.rule for finding in found] == ["cached-playlists", "stale-playlists", "stalled"]
    assert {finding.severity for finding in found} == {Severity.CRITICAL}


def test_a_cache_is_as_bad_as_what_it_looked_like_before_it_was_known() -> None:
    """Viewers stall until the first leap only, and a processor is full all the time."""
    full: Values = {"origin_cpu_percent@a": 99.0}
    held: Values = {**full, "unchanged_playlists": 10.0, "leaping_playlists": 0.0, "stale_playlists": 2.0}
    leap: Values = {**held, "unchanged_playlists": 0.0, "leaping_playlists": 10.0}
    parts = [(second, leap if second % 10 < 2 else held) for second in range(40, 60)]
    found = find(timeline((10, full), (30, held), (36, {**held, "viewers_stalled": 12.0}), *parts))
    assert [finding.rule for finding in found] == ["cached-playlists", "origin-cpu", "stale-playlists", "stalled"]


def test_a_packager_that_catches_up_once_is_no_cache() -> None:
    held: Values = {"unchanged_playlists": 10.0, "leaping_playlists": 0.0, "stale_playlists": 2.0}
    leap: Values = {**held, "unchanged_playlists": 0.0, "leaping_playlists": 10.0}
    found = find(timeline((30, held), (42, leap), (44, {"leaping_playlists": 0.0})))
    assert [finding.rule for finding in found] == ["stale-playlists"]


def test_a_limit_that_was_over_takes_no_blame_for_what_a_cause_explains() -> None:
    full: Values = {"origin_pressure_io_percent@a": 48.0}
    gone: Values = {"unchanged_playlists": 10.0, "stale_playlists": 4.0}
    found = find(timeline((20, full), (30, {}), (36, gone), (40, {**gone, "viewers_stalled": 12.0})))
    assert [(finding.rule, finding.severity) for finding in found] == [
        ("stale-playlists", Severity.CRITICAL),
        ("stalled", Severity.CRITICAL),
        ("origin-disk-queue", Severity.NOTE),
    ]
    alone = find(timeline((20, full), (30, {}), (40, {"viewers_stalled": 12.0})))
    assert [(finding.rule, finding.severity) for finding in alone] == [
        ("origin-disk-queue", Severity.CRITICAL),
        ("stalled", Severity.CRITICAL),
    ]


def test_of_two_limits_the_one_that_came_with_the_trouble_leads() -> None:
    busy: Values = {"origin_cpu_percent@a": 99.0}
    disk: Values = {**busy, "origin_pressure_io_percent@a": 48.0}
    found = find(timeline((5, busy), (40, disk), (44, {**disk, "viewers_stalled": 12.0})))
    assert [(finding.rule, finding.severity) for finding in found] == [
        ("origin-disk-queue", Severity.CRITICAL),
        ("origin-cpu", Severity.CRITICAL),
        ("stalled", Severity.CRITICAL),
    ]


def test_segments_that_are_gone_when_slow_viewers_ask_are_no_cause() -> None:
    slow: Values = {
        "segment_ttfb_seconds_p95": 1.9,
        "segment_download_seconds_p50": 2.0,
        "origin_pressure_io_percent@a": 60.0,
        "viewers_stalled": 12.0,
    }
    gone: Values = {**slow, "errors": 2.0, "errors@segment http_status 404": 2.0}
    found = find(timeline((30, slow), (50, gone)))
    assert [finding.rule for finding in found] == [
        "origin-disk-queue",
        "slow-first-byte",
        "missing-segments",
        "stalled",
    ]


def test_a_remark_is_as_it_is_however_much_viewers_suffer() -> None:
    late: Values = {"live_latency_seconds_p50": -53.0}
    found = find(timeline((30, {**late, "viewers_stalled": 12.0, "gap_segments": 1.0}), (45, late)))
    assert [(finding.rule, finding.severity) for finding in found] == [
        ("gaps", Severity.CRITICAL),
        ("stalled", Severity.CRITICAL),
        ("dates-ahead", Severity.NOTE),
    ]


def test_row_by_row_and_over_the_whole_timeline_it_is_the_same() -> None:
    made = list(
        timeline((10, {"viewers_stalled": 12.0, "viewers_playing": 8.0}), (25, {}), (30, {"viewers_stalled": 1.0}))
    )
    engine = Engine()
    for row in made:
        engine.add(row)
    assert engine.findings == find(made)
    assert [finding.rule for finding in engine.findings] == ["stalled"]
