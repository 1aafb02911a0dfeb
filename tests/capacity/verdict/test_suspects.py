"""Every suspect: a timeline that convicts it, one without what decides, and one that only looks like it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from msgspec import structs
from tests.capacity.verdict import made

from hls_swarm.capacity.steps import Result, VoidBecause
from hls_swarm.capacity.verdict.case import Case
from hls_swarm.capacity.verdict.cause import Cause, Confidence, cause_of
from hls_swarm.capacity.verdict.suspects import COLUMNS, SUSPECTS

Columns = Mapping[str, made.Value]

_FLAT = 63_000.0 * 37
_SLOW_FIRST_BYTE = {
    "segment_ttfb_seconds_p50": 1.0,
    "segment_download_seconds_p50": 1.05,
    "body_bytes_per_second": _FLAT,
}


def _falls(before: float, after: float, at: float) -> Callable[[float], float]:
    return lambda share: before if share < at else after


@dataclass(frozen=True)
class Row:
    """One suspect's three timelines.

    Args:
        failed: what was wrong at the load that failed.
        held: how columns went with the load.
        deciding: the columns without which nothing is known of it.
        near: what looks like it, and is not.
    """

    name: str
    failed: Columns
    deciding: tuple[str, ...]
    near: Columns
    held: Mapping[str, Callable[[float], float]] = field(default_factory=dict)
    near_held: Mapping[str, Callable[[float], float]] = field(default_factory=dict)
    nothing_holds: bool = False
    void: VoidBecause | None = None
    confidence: Confidence = Confidence.PROVEN


ROWS = (
    Row(
        "cpu",
        {"@cpu_percent": 97.0, "@cpu_busiest_core_percent": 99.0, "@pressure_cpu_percent": 60.0},
        ("@cpu_percent",),
        {"@cpu_percent": 82.0, "@pressure_cpu_percent": 20.0},
        held={"@cpu_percent": lambda n: 2.4 * n, "@cpu_busiest_core_percent": lambda n: 2.5 * n},
        near_held={"@cpu_percent": lambda n: 2.1 * n},
    ),
    Row(
        "one-core",
        {"@cpu_percent": 51.0, "@cpu_busiest_core_percent": 99.5, "body_bytes_per_second": _FLAT},
        ("@cpu_busiest_core_percent",),
        {"@cpu_percent": 51.0, "@cpu_busiest_core_percent": 80.0, "body_bytes_per_second": _FLAT},
        held={"@cpu_percent": lambda n: 1.3 * n, "@cpu_busiest_core_percent": lambda n: 2.6 * n},
    ),
    Row(
        "cpu-quota",
        {"@cpu_percent": 11.1, "@pressure_cpu_percent": 67.0, "@cpu_throttled_percent": 80.0},
        ("@pressure_cpu_percent", "@cpu_throttled_percent"),
        {"@cpu_percent": 12.0, "@pressure_cpu_percent": 18.0},
    ),
    Row(
        "steal",
        {"@cpu_steal_percent": 12.0},
        ("@cpu_steal_percent",),
        {"@cpu_steal_percent": 3.0},
        held={"@cpu_steal_percent": lambda n: 0.01 * n},
        confidence=Confidence.LIKELY,
    ),
    Row(
        "nic-queue",
        {"@cpu_softirq_percent": 24.0, "@softnet_dropped_per_second": 80.0, "@softnet_squeezed_per_second": 40.0},
        ("@cpu_softirq_percent", "@softnet_dropped_per_second"),
        {"@cpu_softirq_percent": 22.0},
    ),
    Row(
        "link",
        {"@network_link_percent": 99.0, "body_bytes_per_second": _FLAT, "rtt_seconds_p50": 0.02},
        ("@network_link_percent",),
        {"@network_link_percent": 60.0, "body_bytes_per_second": _FLAT, "rtt_seconds_p50": 0.001},
        held={"@network_link_percent": lambda n: 2.6 * n},
        near_held={"@network_link_percent": lambda n: 1.6 * n},
    ),
    Row(
        "network-path",
        {"rtt_seconds_p50": 0.097, "body_bytes_per_second": _FLAT, "@tcp_retransmit_ratio": 0.11},
        ("rtt_seconds_p50",),
        {"rtt_seconds_p50": 0.0008, "body_bytes_per_second": _FLAT, "@tcp_retransmit_ratio": 0.02},
    ),
    Row(
        "burst-credit",
        {
            made.OBJECTIVE: _falls(0.03, 3.0, 0.6),
            "body_bytes_per_second": _falls(63_000.0 * 39, 63_000.0 * 22, 0.6),
            "@network_allowance_exceeded_per_second": _falls(0.0, 500.0, 0.6),
        },
        ("body_bytes_per_second", "@network_allowance_exceeded_per_second"),
        {"body_bytes_per_second": 63_000.0 * 36, "@network_allowance_exceeded_per_second": 0.0},
    ),
    Row(
        "accept-queue",
        {"@tcp_listen_overflows_per_second": 41.0, "connect_seconds_p95": 2.05},
        ("@tcp_listen_overflows_per_second",),
        {"connect_seconds_p95": 2.05},
    ),
    Row(
        "nginx-connections",
        {"@nginx_drops_per_second": 1.3, "@nginx_connections": 38.0, "connections_opened_per_second": 50.0},
        ("@nginx_drops_per_second",),
        {"connections_opened_per_second": 50.0},
    ),
    Row(
        "descriptors",
        {"answers_broken_per_second": 12.0, "@nginx_connections": 38.0},
        ("answers_broken_per_second",),
        {"answers_broken_per_second": 0.02, "@nginx_connections": 38.0},
    ),
    Row(
        "rate-limit",
        {"answers_refused_per_second": 4.0, "answers_ok_per_second": 37.0},
        ("answers_refused_per_second",),
        {"answers_refused_per_second": 4.0, "answers_ok_per_second": 37.0, "segment_ttfb_seconds_p50": 2.0},
    ),
    Row(
        "disk-reads",
        {"@pressure_io_percent": 48.0, "@disk_read_bytes_per_second": 2.5e6, "@disk_read_seconds": 0.08},
        ("@pressure_io_percent",),
        {"@pressure_io_percent": 3.0, "@disk_read_bytes_per_second": 2.5e6, "@disk_busy_percent": 97.0},
        held={"@disk_read_bytes_per_second": lambda n: 2.5e6 * min(1.0, n / 37)},
    ),
    Row(
        "page-cache",
        {
            "@disk_read_bytes_per_second": 1.6e6,
            "@memory_major_faults_per_second": 300.0,
            "@disk_read_seconds": 0.01,
            "@pressure_io_percent": 12.0,
        },
        ("@network_out_bytes_per_second", "@disk_read_bytes_per_second"),
        {
            # A cold cache that warms up: less is read as time goes on.
            "@disk_read_bytes_per_second": lambda share: 1.6e6 * (1 - share),
            "@disk_read_seconds": 0.01,
        },
        confidence=Confidence.LIKELY,
    ),
    Row(
        "disk-writes",
        {"@disk_busy_percent": 99.0, "@disk_write_bytes_per_second": 9e6, "@pressure_io_percent": 60.0},
        ("@disk_busy_percent", "@disk_write_bytes_per_second"),
        {"@disk_busy_percent": 99.0, "@disk_read_bytes_per_second": 9e6, "@pressure_io_percent": 10.0},
    ),
    Row(
        "memory",
        {"@memory_swap_in_per_second": 900.0, "@pressure_memory_percent": 30.0, "@memory_used_percent": 97.0},
        ("@memory_swap_in_per_second", "@pressure_memory_percent", "@memory_oom_kills_per_second"),
        {"@memory_used_percent": 94.0, "@pressure_memory_percent": 4.0},
    ),
    Row(
        "conntrack",
        {"@conntrack_percent": 100.0, "@conntrack_drops_per_second": 30.0},
        ("@conntrack_percent", "@conntrack_drops_per_second"),
        {"@conntrack_percent": 90.0},
    ),
    Row(
        "upstream",
        {**_SLOW_FIRST_BYTE, "@nginx_upstream_ratio": 0.95},
        ("rtt_seconds_p50", "@nginx_upstream_ratio"),
        {**_SLOW_FIRST_BYTE, "rtt_seconds_p50": 0.9},
    ),
    Row(
        "cache",
        {"@nginx_cache_hit_ratio": 0.7, "@varnish_backend_fetches_per_second": 30.0},
        ("@nginx_cache_hit_ratio", "@varnish_cache_hit_ratio"),
        {"@nginx_cache_hit_ratio": 0.97, "@varnish_backend_fetches_per_second": 1.05},
        confidence=Confidence.LIKELY,
    ),
    Row(
        "connection-throttle",
        {"segment_relative_download_p50": 1.6, "segment_download_seconds_p50": 3.2},
        ("segment_relative_download_p50",),
        {"segment_relative_download_p50": lambda share: 0.1, "segment_download_seconds_p50": 0.2},
        nothing_holds=True,
        confidence=Confidence.LIKELY,
    ),
    Row(
        "live-source",
        {"stale_playlists_per_second": 8.0, made.OBJECTIVE: _falls(0.02, 0.6, 0.5)},
        ("stale_playlists_per_second",),
        {"stale_playlists_per_second": 8.0, "segment_relative_download_p50": 1.5},
        void=VoidBecause.SOURCE,
        confidence=Confidence.LIKELY,
    ),
    Row(
        "generator",
        {"loop_lag_seconds_p99": 0.7, "generator_cpu_percent": 99.0, "lateness_seconds_p95": 0.5},
        ("loop_lag_seconds_p99", "generator_cpu_percent"),
        {"loop_lag_seconds_p99": 0.03, "generator_cpu_percent": 70.0},
        void=VoidBecause.GENERATOR,
    ),
)


def _cause(
    row: Row, failed: Columns, *, held: Mapping[str, Callable[[float], float]], without: tuple[str, ...] = ()
) -> Cause:
    return cause_of(
        made.case(failed, held=held, without=without, nothing_holds=row.nothing_holds, void=row.void),
        {"cpu_percent": "name node_exporter"},
    )


def _by_name(row: Row) -> str:
    return row.name


def test_every_suspect_has_its_timelines() -> None:
    assert [row.name for row in ROWS] == [suspect.name for suspect in SUSPECTS]
    columns = {f"origin_{name[1:]}" if name.startswith("@") else name for name in made.quiet(1)}
    assert columns >= COLUMNS


@pytest.mark.parametrize("row", ROWS, ids=_by_name)
def test_its_timeline_convicts_it(row: Row) -> None:
    cause = _cause(row, row.failed, held=row.held)
    first = cause.suspects[0]
    assert [accused.name for accused in cause.named] == [row.name], [(a.name, a.score) for a in cause.suspects]
    assert first.confidence is row.confidence
    assert first.evidence
    assert all(line.text for line in first.evidence)
    assert first.look_for


@pytest.mark.parametrize("row", ROWS, ids=_by_name)
def test_without_what_decides_it_is_not_known(row: Row) -> None:
    cause = _cause(row, row.failed, held=row.held, without=row.deciding)
    assert row.name in [one.name for one in cause.not_known]
    assert row.name not in [one.name for one in cause.suspects]
    assert row.name not in [one.name for one in cause.ruled_out]
    unknown = next(one for one in cause.not_known if one.name == row.name)
    assert unknown.needs
    assert unknown.how


@pytest.mark.parametrize("row", ROWS, ids=_by_name)
def test_a_near_miss_does_not_convict_it(row: Row) -> None:
    cause = _cause(row, row.near, held=row.near_held)
    assert row.name not in [accused.name for accused in cause.named]
    assert row.name not in [one.name for one in cause.not_known]


def test_an_origin_with_nothing_near_its_limit_names_nobody() -> None:
    cause = cause_of(made.case())
    assert cause.named == ()
    assert cause.not_known == ()
    assert {one.name for one in cause.ruled_out} >= {"cpu", "link", "network-path", "upstream", "memory", "generator"}
    assert all(one.why for one in cause.ruled_out if one.name in {"cpu", "one-core", "link"})


def test_without_exporters_only_what_viewers_measure_is_judged() -> None:
    nothing = tuple(name for name in made.quiet(1) if name.startswith("@"))
    failed = {"rtt_seconds_p50": 0.097, "body_bytes_per_second": _FLAT}
    cause = cause_of(made.case(failed, without=nothing))
    assert [accused.name for accused in cause.named] == ["network-path"]
    assert {one.name for one in cause.not_known} >= {
        "cpu",
        "one-core",
        "link",
        "accept-queue",
        "disk-reads",
        "conntrack",
    }
    assert not {one.name for one in cause.ruled_out} & {one.name for one in cause.not_known}


def test_refusals_so_rare_that_a_smaller_load_may_have_had_none_by_chance_accuse_nobody() -> None:
    # 30 s at 37 viewers: at 0.2 a second six were to be expected there, at 0.101 not even three.
    assert [one.name for one in cause_of(made.case({"answers_refused_per_second": 0.2})).named] == ["rate-limit"]
    cause = cause_of(made.case({"answers_refused_per_second": 0.101}))
    assert cause.named == ()
    assert "rate-limit" in [one.name for one in cause.not_known]


@pytest.mark.parametrize(
    ("first_byte", "named"),
    [(0.00005, ["rate-limit"]), (0.0002, ["rate-limit"]), (0.0049, ["rate-limit"]), (0.02, ["upstream"])],
)
def test_refusals_are_fast_where_the_first_byte_comes_sooner_than_anybody_feels(
    first_byte: float, named: list[str]
) -> None:
    # 0.05 ms at all loads that held, as on loopback: a multiple of it is the scheduler's, not the load's.
    held = {"segment_ttfb_seconds_p50": lambda _: 0.00005, "rtt_seconds_p50": lambda _: 0.00002}
    failed = {"answers_refused_per_second": 4.0, "segment_ttfb_seconds_p50": first_byte, "rtt_seconds_p50": 0.0001}
    assert [one.name for one in cause_of(made.case(failed, held=held)).named] == named


def test_refusals_of_a_share_of_requests_at_every_load_are_no_rate_limit() -> None:
    def share(load: float) -> float:
        return 0.3 * load

    def limited(load: float) -> float:
        return load - 5.0

    held = {"answers_refused_per_second": share, "answers_ok_per_second": lambda load: load - share(load)}
    assert cause_of(made.case(held=held, nothing_holds=True)).named == ()
    held = {"answers_refused_per_second": limited, "answers_ok_per_second": lambda load: load - limited(load)}
    [named] = cause_of(made.case(held=held, nothing_holds=True)).named
    assert (named.name, named.against) == ("rate-limit", ())


def test_a_server_that_answers_in_a_fifth_of_a_millisecond_instead_of_a_twentieth_is_no_suspect() -> None:
    held = {"segment_ttfb_seconds_p50": lambda _: 0.00005, "segment_download_seconds_p50": lambda _: 0.00006}
    failed = {"segment_ttfb_seconds_p50": 0.0002, "segment_download_seconds_p50": 0.00022}
    assert cause_of(made.case(failed, held=held)).suspects == ()


_gives_way = _falls(2e6, 1.4e6, 0.5)
_BREAKS_THEN = {made.OBJECTIVE: _falls(0.02, 1.28, 0.5)}


def test_a_credit_is_used_up_only_in_a_trial_that_is_long_enough_to_see_it() -> None:
    nothing_else = ("@network_allowance_exceeded_per_second",)
    case = made.case({**_BREAKS_THEN, "body_bytes_per_second": _gives_way}, without=nothing_else)
    assert [one.name for one in cause_of(case).named] == ["burst-credit"]
    *others, last = case.trials
    short = structs.replace(last, began_at=last.began_at + 10, ended_at=last.began_at + 20)
    cause = cause_of(replace(case, trials=[*others, short]))
    assert cause.named == ()
    assert "burst-credit" in [one.name for one in cause.not_known]


def test_a_credit_is_seen_where_a_load_holds_and_does_not_later_however_short_the_last_trial() -> None:
    nothing_else = ("@network_allowance_exceeded_per_second",)
    case = made.case({**_BREAKS_THEN, "body_bytes_per_second": _gives_way}, without=nothing_else)
    *others, last = case.trials
    middle = last.began_at + made.SECONDS / 2
    held = structs.replace(last, result=Result.HELD, ended_at=middle)
    failed = structs.replace(last, began_at=middle, ended_at=middle + 9)
    (named,) = cause_of(replace(case, trials=[*others, held, failed])).named
    assert named.name == "burst-credit"
    assert named.evidence[0].text == "received fell from 16.0 Mbit/s to 11.2 Mbit/s while 39 viewers stayed"
    again = structs.replace(held, began_at=failed.ended_at, ended_at=failed.ended_at + 5)
    assert cause_of(replace(case, trials=[*others, held, failed, again])).named == ()
    assert cause_of(replace(case, trials=[*others, held, failed], searched=False)).named == ()


def test_what_was_worse_at_the_load_that_held_is_no_cause() -> None:
    def round_trip(viewers: float) -> float:
        return 0.0012 if viewers < 37 else 0.0139

    slower = {"rtt_seconds_p50": 0.0079, "body_bytes_per_second": _FLAT}
    assert cause_of(made.case(slower, held={"rtt_seconds_p50": round_trip})).named == ()
    slower["rtt_seconds_p50"] = 0.0239
    named = cause_of(made.case(slower, held={"rtt_seconds_p50": round_trip})).named
    assert [one.name for one in named] == ["network-path"]


def test_what_was_used_up_before_anybody_came_did_not_turn_when_the_objective_did() -> None:
    busy = cause_of(made.case(nothing_holds=True, held={"@cpu_percent": lambda viewers: 100.0}))
    assert busy.named == ()
    assert [one.score for one in busy.suspects if one.name == "cpu"] == [2]


@pytest.mark.parametrize(
    ("signal", "others"),
    [
        ("cpu_percent", {}),
        ("cpu_busiest_core_percent", {"@cpu_percent": 51.0, "body_bytes_per_second": _FLAT}),
        ("network_link_percent", {"body_bytes_per_second": _FLAT}),
    ],
)
def test_what_somebody_else_filled_at_the_end_is_no_cause(signal: str, others: Columns) -> None:
    def filled(share: float) -> Callable[[float], float]:
        return lambda viewers: share * viewers / 39 if viewers < 37 else 97.0

    failed = {**others, f"@{signal}": 99.0}
    assert cause_of(made.case(failed, held={f"@{signal}": filled(40)})).named == ()
    assert cause_of(made.case(failed, held={f"@{signal}": filled(60)})).named != ()


def test_an_upstream_that_is_all_of_the_time_at_every_load_is_found_when_it_gives_out() -> None:
    always = {
        "segment_ttfb_seconds_p50": 0.050,
        "segment_download_seconds_p50": 0.051,
        "@nginx_upstream_ratio": 0.99,
    }
    held = {name: lambda viewers, value=value: value for name, value in always.items()}
    (named,) = cause_of(made.case(_SLOW_FIRST_BYTE, held=held)).named
    assert (named.name, named.confidence) == ("upstream", Confidence.PROVEN)
    assert cause_of(made.case({"body_bytes_per_second": _FLAT}, held=held)).named == ()


def test_files_that_others_read_from_a_disk_with_time_to_spare_are_no_want_of_memory() -> None:
    read = {"@disk_read_bytes_per_second": 1.6e6, "@disk_read_seconds": 0.01, "@disk_busy_percent": 4.0}
    assert cause_of(made.case({**read, "@pressure_io_percent": 2.0})).named == ()
    without = made.case(read, without=("@pressure_io_percent",))
    assert cause_of(without).named == ()
    assert "page-cache" in [one.name for one in cause_of(without).not_known]
    (named,) = cause_of(made.case({**read, "@disk_busy_percent": 80.0, "@pressure_io_percent": 2.0})).named
    assert named.name == "page-cache"


def test_a_limit_that_others_reached_at_one_small_load_is_not_hidden_by_that() -> None:
    waited = {"@pressure_io_percent": lambda viewers: 53.0 if viewers == 20 else 2.0}
    (named,) = cause_of(made.case({"@pressure_io_percent": 50.0}, held=waited)).named
    assert named.name == "disk-reads"


def test_playlists_that_are_late_with_their_segments_are_the_servers() -> None:
    late = {"stale_playlists_per_second": 0.4, "segment_ttfb_seconds_p50": 0.8, "segment_relative_download_p50": 0.45}
    assert "live-source" not in [one.name for one in cause_of(made.case(late)).named]
    assert "live-source" in [one.name for one in cause_of(made.case({"stale_playlists_per_second": 0.4})).suspects]


def test_what_comes_in_lumps_does_not_give_way() -> None:
    def lumps(share: float) -> float:
        return _gives_way(share) * (2 if round(share * made.SECONDS) % 2 else 0)

    assert cause_of(made.case({**_BREAKS_THEN, "body_bytes_per_second": lumps})).named == ()


def test_two_that_can_not_be_told_apart_are_both_named() -> None:
    cause = cause_of(
        made.case(
            {
                "@nginx_drops_per_second": 3.0,
                "@nginx_connections": 38.0,
                "@tcp_listen_overflows_per_second": 41.0,
                "connect_seconds_p95": 2.05,
            }
        )
    )
    assert {accused.name for accused in cause.named} == {"nginx-connections", "accept-queue"}
    assert {accused.confidence for accused in cause.named} == {Confidence.LIKELY}


def test_what_would_be_next_is_a_straight_line() -> None:
    failed = {"rtt_seconds_p50": 0.097, "body_bytes_per_second": _FLAT, "@tcp_retransmit_ratio": 0.11}
    cause = cause_of(made.case(failed, held={"@cpu_busiest_core_percent": lambda n: 2 + 0.024 * n}))
    following = {one.signal: one for one in cause.predicted}["origin_cpu_busiest_core_percent"]
    assert following.viewers == pytest.approx(98 / 0.024, rel=0.001)
    assert following.loads == 4
    assert following.r2 == pytest.approx(1.0)


def test_each_machine_of_the_origin_is_judged_for_itself() -> None:
    quiet, busy = made.case(target="a"), made.case(ROWS[0].failed, held=ROWS[0].held, target="b")
    rows = [{**one, **other} for one, other in zip(quiet.rows, busy.rows, strict=True)]
    assert cause_of(busy).named[0].where == ""  # there is only one
    cause = cause_of(Case(busy.trials, rows, busy.held, busy.failed, made.OBJECTIVE, 0.5))
    assert [(accused.name, accused.where) for accused in cause.named] == [("cpu", "b")]


def test_the_exporters_own_words_say_how_to_know_what_is_not_known() -> None:
    cause = cause_of(made.case(without=("@cpu_percent",)), {"cpu_percent": "run it with --collector.cpu"})
    unknown = next(one for one in cause.not_known if one.name == "cpu")
    assert (unknown.needs, unknown.how) == (("cpu_percent",), "run it with --collector.cpu")


def test_the_lines_of_a_full_shaper() -> None:
    failed = {"rtt_seconds_p50": 0.097, "body_bytes_per_second": 63_000.0 * 37.6, "@tcp_retransmit_ratio": 0.11}
    first = cause_of(made.case(failed)).named[0]
    assert [line.text for line in first.evidence] == [
        "round trip of viewers' connections 97.0 ms at 39, 600 us at 37",
        "received flat: 18.6 Mbit/s at 37, 19.0 Mbit/s at 39, where 19.7 Mbit/s were wanted",
        "retransmits 11% at 39, 0.10% at 37",
        "round trip of viewers' connections crossed 5.00 ms when the objective broke",
    ]
    assert first.score == 5


def test_what_is_used_up_at_every_load_hides_what_viewers_do_to_it() -> None:
    busy = {"@cpu_percent": lambda n: 99.0, "@cpu_busiest_core_percent": lambda n: 100.0}
    cause = cause_of(made.case({"rtt_seconds_p50": 0.097, "body_bytes_per_second": _FLAT}, held=busy))
    assert [accused.name for accused in cause.named] == ["network-path"]
    unknown = next(one for one in cause.not_known if one.name == "cpu")
    assert unknown.how == "CPU was 99% at every load: something else uses it, which hides what viewers do"


def test_what_gave_out_is_looked_at_where_it_is_clear() -> None:
    """At the smallest load that failed little was to be seen yet; at the overload it was."""
    failed = {"rtt_seconds_p50": 0.09, "body_bytes_per_second": 63_000.0 * 38, "@tcp_retransmit_ratio": 0.2}
    first = cause_of(made.case(failed, overload=47)).named[0]
    assert first.name == "network-path"
    assert first.evidence[0].text == "round trip of viewers' connections 90.0 ms at 47, 600 us at 37"
    # Far beyond the bound everything breaks: that is not looked at.
    assert cause_of(made.case(failed, overload=80)).named == ()
