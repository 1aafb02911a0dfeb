"""What reloads ask for: vectors."""

import pytest
from msgspec import structs
from tests.viewer.conftest import live
from tests.viewer.lowlatency.edge import playlist

from hls_swarm.hls.playlist import MediaPlaylist, RenditionReport
from hls_swarm.viewer.lowlatency.directives import (
    Asked,
    next_wanted,
    reported,
    skip_value,
    time_limits,
    tuned_in,
    with_directives,
)
from hls_swarm.viewer.lowlatency.rules import (
    HLSJS,
    MEDIA3,
    RECOMMENDED,
    SHAKA,
    LimitRule,
    LowLatencyRules,
    ReportsRule,
)

SKIPS_DATES = "CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,CAN-SKIP-DATERANGES=YES,PART-HOLD-BACK=1.5"


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [
        pytest.param(playlist(42), (10, 2), id="two parts of the open segment"),
        pytest.param(playlist(44), (11, 0), id="the last part closed its segment"),
        pytest.param(playlist(42, with_parts=False), (10, None), id="no parts"),
        pytest.param(live(0, 1), (1, None), id="number 0 is a number"),
    ],
)
def test_what_comes_next_is_asked_for(listed: MediaPlaylist, wanted: tuple[int, int | None]) -> None:
    assert next_wanted(listed) == wanted


@pytest.mark.parametrize(
    ("age", "before", "wanted"),
    [
        pytest.param(0.3, None, (10, 2), id="fresh"),
        pytest.param(1.5, None, (10, 4), id="two parts behind"),
        pytest.param(2.6, None, (11, 2), id="a segment behind"),
        pytest.param(5.9, None, (11, 4), id="no more than a target duration and a half"),
        pytest.param(6.1, None, (None, None), id="too old to be made up for"),
        pytest.param(2.6, 1.0, (10, 2), id="an Age that grew is not to be trusted"),
        pytest.param(2.6, 2.5, (11, 2), id="one that did not, is"),
    ],
)
def test_an_old_answer_is_made_up_for(age: float, before: float | None, wanted: tuple[int | None, int | None]) -> None:
    assert tuned_in(playlist(42), (10, 2), age, before)[0] == wanted


@pytest.mark.parametrize(
    ("rules", "held", "value"),
    [(HLSJS, 5.9, "v2"), (HLSJS, 6.0, None), (MEDIA3, 60.0, "v2"), (SHAKA, 60.0, "v2"), (RECOMMENDED, 6.1, None)],
)
def test_a_delta_is_asked_for_while_the_copy_is_young(rules: LowLatencyRules, held: float, value: str | None) -> None:
    assert skip_value(playlist(42, server=SKIPS_DATES), rules, held) == value
    assert skip_value(playlist(42), rules, held) == (value and "YES")
    assert skip_value(live(), rules, held) is None


@pytest.mark.parametrize(
    ("url", "asked", "sort", "expected"),
    [
        ("p.m3u8", Asked(273, 2), False, "p.m3u8?_HLS_msn=273&_HLS_part=2"),
        ("p.m3u8?a=1", Asked(273, 2, "YES"), False, "p.m3u8?a=1&_HLS_msn=273&_HLS_part=2&_HLS_skip=YES"),
        ("p.m3u8?a=1", Asked(273, 2, "YES"), True, "p.m3u8?_HLS_msn=273&_HLS_part=2&_HLS_skip=YES&a=1"),
        ("p.m3u8?Z=1&a=2", Asked(0), True, "p.m3u8?Z=1&_HLS_msn=0&a=2"),
        ("p.m3u8#x", Asked(1, 0), False, "p.m3u8?_HLS_msn=1&_HLS_part=0#x"),
        ("p.m3u8?a=1", Asked(), True, "p.m3u8?a=1"),
    ],
)
def test_directives_in_the_query(url: str, asked: Asked, sort: bool, expected: str) -> None:
    assert with_directives(url, asked, sort=sort) == expected


@pytest.mark.parametrize(
    ("rule", "asked", "limits"),
    [
        pytest.param(LimitRule.HLSJS, Asked(10, 2), (1.6, 1.6), id="0.8 target durations"),
        pytest.param(LimitRule.HLSJS, Asked(10), (10.0, 20.0), id="without a part: the usual"),
        pytest.param(LimitRule.HLSJS, Asked(None, None, "YES"), (10.0, 20.0), id="no wait: the usual"),
        pytest.param(LimitRule.SERVER, Asked(10, 2), (10.0, 20.0), id="longer than the server holds it"),
        pytest.param(LimitRule.OWN, Asked(10, 2), (10.0, 20.0), id="the player's own"),
    ],
)
def test_how_long_a_reload_may_take(rule: LimitRule, asked: Asked, limits: tuple[float, float]) -> None:
    assert time_limits(rule, asked, playlist(42), 10.0, 20.0) == limits


def test_a_limit_is_never_shorter_than_the_server_holds() -> None:
    assert time_limits(LimitRule.SERVER, Asked(10, 2), playlist(42), 5.0, 7.0) == (8.0, 8.0)


@pytest.mark.parametrize(
    ("rule", "told", "age", "asked"),
    [
        pytest.param(ReportsRule.AS_TOLD, (273, 0), 0.1, Asked(273, 0), id="as told"),
        pytest.param(ReportsRule.AS_TOLD, (None, 1), 9.0, Asked(9, 1), id="absent: the last segment of the one left"),
        pytest.param(ReportsRule.IGNORED, (273, 1), 0.1, Asked(), id="ignored"),
        pytest.param(ReportsRule.HLSJS, (273, 2), 0.1, Asked(273, 2), id="hlsjs: as told"),
        pytest.param(ReportsRule.HLSJS, (273, 0), 0.1, Asked(273, 1), id="hlsjs: 0 is the last part of the one left"),
        pytest.param(ReportsRule.HLSJS, (None, None), 0.1, Asked(10, 1), id="hlsjs: absent, too"),
        pytest.param(ReportsRule.HLSJS, (273, 2), 1.1, Asked(273, 3), id="hlsjs: older than two parts, one more"),
    ],
)
def test_a_switch_begins_with_what_was_reported(
    rule: ReportsRule, told: tuple[int | None, int | None], age: float, asked: Asked
) -> None:
    reports = (RenditionReport("http://o/other.m3u8", 1, 1), RenditionReport("http://o/a.m3u8", *told))
    leaving = structs.replace(playlist(42), rendition_reports=reports)
    assert reported(rule, "http://o/a.m3u8?x=1", leaving, age) == asked
    assert reported(rule, "http://o/c.m3u8", leaving, age) == Asked()


@pytest.mark.parametrize(
    ("asked", "met"),
    [(Asked(9), True), (Asked(10), False), (Asked(10, 1), True), (Asked(10, 2), False), (Asked(11, 0), False)],
)
def test_an_answer_has_what_was_waited_for_or_not(asked: Asked, met: bool) -> None:
    assert asked.is_met_by(playlist(42)) is met
