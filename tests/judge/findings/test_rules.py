"""Each rule: a timeline that fires it, a near miss that must not, and one without its signal."""

from dataclasses import dataclass, field

import pytest
from tests.support.made.timelines import Values, timeline

from hls_swarm.judge.findings.engine import find
from hls_swarm.judge.findings.rules.table import RULES
from hls_swarm.snapshot.finding import Culprit, Finding, Severity


@dataclass(frozen=True)
class Case:
    """A rule's three timelines: what they say from second 30 on.

    Args:
        without: the column, or the counter, whose absence leaves nothing to say; as in the quiet run where it is none.
        before: what the run is like until then.
    """

    rule: str
    fires: Values
    misses: Values
    without: str
    culprit: Culprit | None = Culprit.ORIGIN
    severity: Severity = Severity.WARNING
    where: str = ""
    before: Values = field(default_factory=dict)
    id: str = ""


def errors(part: str, each_second: float) -> Values:
    return {"errors": each_second, f"errors@{part}": each_second}


def of_origin(signal: str) -> str:
    return f"origin_{signal}@a"


def limit(rule: str, signal: str, fires: float, misses: float, culprit: Culprit = Culprit.ORIGIN) -> Case:
    name = of_origin(signal)
    return Case(rule, {name: fires}, {name: misses}, name, culprit, Severity.NOTE, "a")


def refusal(rule: str, signal: str, severity: Severity = Severity.WARNING) -> Case:
    name = of_origin(signal)
    return Case(rule, {name: 17.5}, {name: 0.0}, name, severity=severity, where="a")


SLOW: Values = {
    "segment_download_seconds_p50": 1.9,
    "segment_download_seconds_p95": 1.95,
    "segment_relative_download_p50": 0.95,
    "segment_relative_download_p95": 0.98,
}


def held_up(kind: str) -> Values:
    return {f"{kind}_ttfb_seconds_p95": 3.9, f"{kind}_ttfb_seconds_count": 40.0}


GROUPS: Values = {
    "group_viewers@variant 720p": 10.0,
    "group_viewers@variant 240p": 10.0,
    "group_watched_seconds@variant 720p": 10.0,
    "group_watched_seconds@variant 240p": 10.0,
}

_LAG, _CPU, _LINK = "agent_loop_lag_seconds_p99@b", "agent_cpu_percent@b", "agent_link_percent@b"

CASES = [
    Case(
        "stalled",
        {"viewers_stalled": 12.0},
        {"viewers_stalled": 0.0},
        "viewers_stalled",
        None,
        Severity.CRITICAL,
        id="many",
    ),
    Case("stalled", {"viewers_stalled": 1.0}, {"viewers_stalled": 0.0}, "viewers_stalled", None, id="one"),
    Case("viewers-failed", {"viewers_failed": 1.0}, {"viewers_failed": 0.0}, "viewers_failed", None, Severity.CRITICAL),
    Case("slow-start", {"startup_seconds_p50": 5.0}, {"startup_seconds_p50": 3.9}, "startup_seconds_p50", None),
    Case(
        "no-start", {"viewers_starting": 12.0}, {"viewers_starting": 9.0}, "viewers_starting", None, Severity.CRITICAL
    ),
    Case(
        "quality-lost",
        {"bitrate_bytes_per_second": 200e3},
        {"bitrate_bytes_per_second": 330e3},
        "bitrate_bytes_per_second",
        None,
        before={"bitrate_bytes_per_second": 356e3},
    ),
    Case(
        "behind-live",
        {"edge_latency_seconds_p50": 15.0},
        {"edge_latency_seconds_p50": 9.0},
        "edge_latency_seconds_p50",
        None,
        before={"edge_latency_seconds_p50": 5.0},
    ),
    Case("expired-segments", {"expired_segments": 1.0}, {"expired_segments": 0.05}, "expired_segments", None),
    Case(
        "stale-playlists",
        {"unchanged_playlists": 10.0, "stale_playlists": 4.0},
        {"unchanged_playlists": 5.0, "stale_playlists": 4.0},
        "unchanged_playlists",
        Culprit.LIVE_SOURCE,
        id="while some still change",
    ),
    Case(
        "stale-playlists",
        {"unchanged_playlists": 10.0, "stale_playlists": 4.0},
        {"unchanged_playlists": 10.0},
        "stale_playlists",
        Culprit.LIVE_SOURCE,
        id="while none is late",
    ),
    Case(
        "cached-playlists",
        {"unchanged_playlists": 8.0, "leaping_playlists": 1.9},
        {"unchanged_playlists": 5.0, "leaping_playlists": 1.9},
        "leaping_playlists",
        Culprit.PATH,
        id="while others go on segment by segment",
    ),
    Case(
        "cached-playlists",
        {"unchanged_playlists": 9.0, "leaping_playlists": 1.0},
        {"unchanged_playlists": 9.5, "leaping_playlists": 0.5},
        "unchanged_playlists",
        Culprit.PATH,
        id="while few viewers had one",
    ),
    Case(
        "older-playlists",
        {"older_playlists": 0.5},
        {"older_playlists": 0.09},
        "older_playlists",
        Culprit.PATH,
        Severity.NOTE,
    ),
    Case("dates-jump", {"date_jumps": 1.0}, {"date_jumps": 0.0}, "date_jumps", Culprit.LIVE_SOURCE, Severity.NOTE),
    Case(
        "dates-ahead",
        {"live_latency_seconds_p50": -53.0},
        {"live_latency_seconds_p50": -0.8},
        "live_latency_seconds_p50",
        Culprit.LIVE_SOURCE,
        Severity.NOTE,
    ),
    Case(
        "dates-behind",
        {"live_latency_seconds_p50": 66.0, "edge_latency_seconds_p50": 6.0},
        {"live_latency_seconds_p50": 35.0, "edge_latency_seconds_p50": 6.0},
        "edge_latency_seconds_p50",
        Culprit.LIVE_SOURCE,
        Severity.NOTE,
    ),
    Case(
        "parts-late",
        {"edge_late": 2.0, "blocking_reloads": 60.0},
        {"edge_late": 0.4, "blocking_reloads": 60.0},
        "edge_late",
        Culprit.LIVE_SOURCE,
    ),
    Case(
        "reloads-not-held",
        {"edge_not_held": 2.0, "blocking_reloads": 60.0},
        {"edge_not_held": 0.4, "blocking_reloads": 60.0},
        "edge_not_held",
        Culprit.ORIGIN,
    ),
    Case(
        "reloads-refused",
        {"edge_refused": 2.0, "blocking_reloads": 60.0},
        {"edge_refused": 0.2, "blocking_reloads": 10.0},
        "edge_refused",
        Culprit.ORIGIN,
    ),
    Case(
        "reloads-unavailable",
        {"edge_unavailable": 2.0},
        {"edge_unavailable": 0.1},
        "edge_unavailable",
        Culprit.LIVE_SOURCE,
    ),
    Case(
        "hints-lost",
        {"edge_hint_lost": 2.0, "hinted_requests": 60.0},
        {"edge_hint_lost": 0.4, "hinted_requests": 60.0},
        "edge_hint_lost",
        Culprit.LIVE_SOURCE,
    ),
    Case("sequence-reset", {"sequence_resets": 1.0}, {}, "sequence_resets", Culprit.LIVE_SOURCE, Severity.NOTE),
    Case("mutated-segments", {"mutated_segments": 1.0}, {}, "mutated_segments", Culprit.PLAYLIST),
    Case("gaps", {"gap_segments": 1.0}, {}, "gap_segments", Culprit.LIVE_SOURCE),
    Case(
        "bad-playlists",
        errors("media_playlist bad_playlist", 2.0),
        errors("media_playlist http_status 500", 0.02),
        "errors",
        Culprit.PLAYLIST,
    ),
    Case(
        "missing-segments",
        errors("segment http_status 404", 2.0),
        errors("segment http_status 403", 2.0),
        "errors",
        Culprit.PLAYLIST,
        Severity.CRITICAL,
    ),
    Case(
        "missing-segments",
        errors("segment http_status 404", 0.4),
        errors("segment http_status 404", 0.05),
        "errors",
        Culprit.PLAYLIST,
        id="few",
    ),
    Case(
        "missing-playlists",
        errors("media_playlist http_status 404", 2.0),
        errors("segment http_status 404", 2.0),
        "errors",
        severity=Severity.CRITICAL,
    ),
    Case(
        "refused",
        errors("segment http_status 503", 9.0),
        errors("segment http_status 500", 9.0),
        "errors",
        severity=Severity.CRITICAL,
    ),
    Case("refused", errors("segment http_status 429", 0.5), errors("segment http_status 429", 0.1), "errors", id="few"),
    Case("server-errors", errors("segment http_status 502", 0.5), errors("segment http_status 503", 0.5), "errors"),
    Case("forbidden", errors("segment http_status 403", 0.5), errors("segment http_status 404", 0.5), "errors"),
    Case("cors", errors("segment cors", 0.5), errors("segment http_status 404", 0.5), "errors"),
    Case("steering", errors("steering http_status 503", 0.5), errors("segment http_status 503", 0.5), "errors"),
    Case(
        "collector-fails",
        errors("cmcd_report http_status 503", 0.5),
        errors("segment http_status 503", 0.5),
        "errors",
        Culprit.COLLECTOR,
        Severity.NOTE,
    ),
    Case(
        "collector-slow",
        {"cmcd_report_download_seconds_p95": 2.5},
        {"cmcd_report_download_seconds_p95": 0.5},
        "cmcd_report_download_seconds_p95",
        Culprit.COLLECTOR,
        Severity.NOTE,
    ),
    Case("rejected", errors("segment http_status 416", 0.5), errors("segment http_status 404", 0.5), "errors"),
    Case("unknown-names", errors("segment dns", 0.5), errors("segment connect", 0.5), "errors", Culprit.PATH),
    Case("tls-failures", errors("segment tls", 0.5), errors("segment connect", 0.5), "errors"),
    Case("bad-answers", errors("segment range", 0.5), errors("segment cancelled", 0.5), "errors"),
    Case("cut-answers", errors("segment truncated", 0.5), errors("segment cancelled", 0.5), "errors"),
    Case("lost-connections", errors("segment connection_lost", 0.5), errors("segment connection_lost", 0.1), "errors"),
    Case("timeouts", errors("segment first_byte_timeout", 0.5), errors("segment truncated", 0.5), "errors"),
    Case("throttled", SLOW, {**SLOW, "segment_ttfb_seconds_p95": 0.5}, "segment_download_seconds_p95"),
    Case(
        "throttled",
        SLOW,
        {**SLOW, "segment_download_seconds_p95": 2.9},
        "segment_download_seconds_p50",
        id="others are slower",
    ),
    Case(
        "slow-bodies",
        {**SLOW, "segment_download_seconds_p95": 2.9},
        {**SLOW, "segment_relative_download_p95": 0.7},
        "segment_relative_download_p95",
        Culprit.PATH,
    ),
    Case(
        "slow-first-byte",
        {"segment_ttfb_seconds_p95": 0.8},
        {"segment_ttfb_seconds_p95": 0.3},
        "segment_ttfb_seconds_p95",
    ),
    *(
        Case(
            f"held-up-{what}",
            held_up(kind),
            {**held_up(kind), **misses},
            without if without.startswith("loop") else f"{kind}_{without}",
            before={f"{kind}_ttfb_seconds_p95": 0.004},
            id=reason,
        )
        for what, kind in (("playlists", "media_playlist"), ("segments", "segment"))
        for reason, misses, without in (
            ("by this machine", {"loop_lag_seconds_p99": 3.0}, "loop_lag_seconds_p99"),
            ("one of a few", {f"{kind}_ttfb_seconds_count": 19.0}, "ttfb_seconds_count"),
            ("not so late", {f"{kind}_ttfb_seconds_p95": 1.9}, "ttfb_seconds_p95"),
        )
    ),
    Case(
        "held-up-playlists",
        held_up("media_playlist"),
        {"media_playlist_ttfb_seconds_p95": 2.2},
        "media_playlist_ttfb_seconds_p95",
        before={**held_up("media_playlist"), "media_playlist_ttfb_seconds_p95": 0.3},
        id="many times as late as before",
    ),
    Case(
        "slow-connects",
        {"connect_seconds_p95": 1.02},
        {"connect_seconds_p95": 0.5},
        "connect_seconds_p95",
        Culprit.PATH,
        Severity.NOTE,
    ),
    Case(
        "empty-media",
        errors("segment empty_media", 5.0),
        errors("segment truncated", 5.0),
        "errors",
        severity=Severity.CRITICAL,
    ),
    Case("empty-media", errors("segment short_media", 0.4), errors("segment short_media", 0.05), "errors", id="few"),
    Case(
        "cut-media", errors("segment cut_media", 0.4), errors("segment truncated", 0.4), "errors", Culprit.LIVE_SOURCE
    ),
    Case("wrong-media", errors("segment not_media", 0.4), errors("segment cut_media", 0.4), "errors"),
    Case("bad-keys", {**errors("key bad_key", 0.5), "key_requests": 1.0}, errors("key http_status 404", 0.5), "errors"),
    Case(
        "short-media",
        {"media_bytes_ratio": 0.5},
        {"media_bytes_ratio": 0.75},
        "media_bytes_ratio",
        Culprit.LIVE_SOURCE,
        before={"media_bytes_ratio": 0.95},
    ),
    Case(
        "group-worse",
        {**GROUPS, "group_stalled_seconds@variant 720p": 3.0, "group_stalled_seconds@variant 240p": 0.1},
        {**GROUPS, "group_stalled_seconds@variant 720p": 3.0, "group_stalled_seconds@variant 240p": 2.0},
        "group_watched_seconds@variant 720p",
        None,
        where="variant 720p",
        before=GROUPS,
    ),
    Case(
        "group-fails",
        {**GROUPS, "group_errors@variant 720p": 1.0, "group_errors@variant 240p": 0.0},
        {**GROUPS, "group_errors@variant 720p": 1.0, "group_errors@variant 240p": 0.2},
        "group_watched_seconds@variant 240p",
        where="variant 720p",
        id="while others fail too",
    ),
    Case(
        "group-fails",
        {**GROUPS, "group_errors@variant 720p": 1.0, "group_errors@variant 240p": 0.0},
        {
            **GROUPS,
            "group_errors@variant 720p": 1.0,
            "group_errors@variant 240p": 0.0,
            "group_watched_seconds@variant 720p": 50.0,
        },
        "group_errors@variant 720p",
        where="variant 720p",
        id="while nearly all viewers watch it",
    ),
    Case(
        "wrong-types",
        {"mistyped@segment text/plain": 3.0},
        {"mistyped@segment text/plain": 0.0},
        "mistyped@segment text/plain",
        severity=Severity.NOTE,
        where="segment text/plain",
    ),
    Case(
        "collected-bodies",
        {
            "segment_ttfb_seconds_p95": 0.9,
            "segment_download_seconds_p95": 0.95,
            "media_playlist_ttfb_seconds_p95": 0.01,
        },
        {
            "segment_ttfb_seconds_p95": 0.9,
            "segment_download_seconds_p95": 0.95,
            "media_playlist_ttfb_seconds_p95": 0.8,
        },
        "media_playlist_ttfb_seconds_p95",
        Culprit.PATH,
        id="while playlists are late too",
    ),
    Case(
        "collected-bodies",
        {
            "segment_ttfb_seconds_p95": 0.9,
            "segment_download_seconds_p95": 0.95,
            "media_playlist_ttfb_seconds_p95": 0.01,
        },
        {
            "segment_ttfb_seconds_p95": 0.9,
            "segment_download_seconds_p95": 1.9,
            "media_playlist_ttfb_seconds_p95": 0.01,
        },
        "segment_ttfb_seconds_p95",
        Culprit.PATH,
        id="while bodies take their time too",
    ),
    Case(
        "host-worse",
        {"host_errors@b": 2.0, "host_errors@a": 0.0},
        {"host_errors@b": 2.0, "host_errors@a": 1.0},
        "host_errors@a",
        where="b",
    ),
    refusal("nginx-drops", "nginx_drops_per_second"),
    refusal("nginx-5xx", "nginx_responses_5xx_per_second"),
    refusal("origin-oom", "memory_oom_kills_per_second"),
    refusal("origin-allowance", "network_allowance_exceeded_per_second", Severity.NOTE),
    refusal("origin-softnet", "softnet_dropped_per_second", Severity.NOTE),
    refusal("conntrack-drops", "conntrack_drops_per_second", Severity.NOTE),
    limit("origin-cpu-quota", "cpu_throttled_percent", 40, 4),
    limit("origin-swap", "memory_swap_in_per_second", 200, 9),
    limit("conntrack", "conntrack_percent", 99, 94),
    limit("nginx-upstream", "nginx_upstream_ratio", 0.95, 0.7),
    Case(
        "origin-disk-slow",
        {of_origin("disk_read_seconds"): 0.08},
        {of_origin("disk_read_seconds"): 0.012},
        of_origin("disk_read_seconds"),
        severity=Severity.NOTE,
        where="a",
        before={of_origin("disk_read_seconds"): 0.005},
    ),
    refusal("listen-overflows", "tcp_listen_overflows_per_second", Severity.NOTE),
    refusal("haproxy-5xx", "haproxy_responses_5xx_per_second"),
    refusal("varnish-drops", "varnish_drops_per_second"),
    refusal("varnish-backend", "varnish_backend_failures_per_second"),
    Case(
        "haproxy-servers-down",
        {of_origin("haproxy_servers_down"): 1.0},
        {of_origin("haproxy_servers_down"): 0.0},
        of_origin("haproxy_servers_down"),
        where="a",
    ),
    limit("origin-cpu", "cpu_percent", 97, 89),
    Case(
        "origin-core",
        {of_origin("cpu_busiest_core_percent"): 99.0, of_origin("cpu_percent"): 30.0},
        {of_origin("cpu_busiest_core_percent"): 94.0, of_origin("cpu_percent"): 30.0},
        of_origin("cpu_percent"),
        severity=Severity.NOTE,
        where="a",
    ),
    Case(
        "origin-cpu-queue",
        {of_origin("pressure_cpu_percent"): 78.0, of_origin("cpu_percent"): 30.0},
        {of_origin("pressure_cpu_percent"): 29.0, of_origin("cpu_percent"): 30.0},
        of_origin("cpu_percent"),
        severity=Severity.NOTE,
        where="a",
    ),
    limit("origin-steal", "cpu_steal_percent", 8, 4),
    limit("origin-softirq", "cpu_softirq_percent", 25, 19),
    limit("origin-memory", "pressure_memory_percent", 12, 9),
    limit("origin-memory-used", "memory_used_percent", 97, 94),
    limit("origin-disk-queue", "pressure_io_percent", 48, 19),
    limit("origin-disk-busy", "disk_busy_percent", 99, 89),
    limit("origin-link", "network_link_percent", 98, 89, Culprit.PATH),
    limit("origin-retransmits", "tcp_retransmit_ratio", 0.02, 0.009, Culprit.PATH),
    Case(
        "origin-retransmits",
        {of_origin("tcp_retransmit_ratio"): 0.02, "viewers_paced": 0.06},
        {of_origin("tcp_retransmit_ratio"): 0.07, "viewers_paced": 2.1},
        "viewers_paced",
        Culprit.PATH,
        Severity.NOTE,
        "a",
        id="viewers that read slowly",
    ),
    limit("origin-descriptors", "file_descriptors_percent", 95, 89),
    limit("origin-time-wait", "tcp_time_wait", 30_000, 19_000),
    limit("haproxy-queue", "haproxy_queue", 12, 0),
    limit("haproxy-busy", "haproxy_busy_percent", 95, 89),
    Case(
        "nginx-cache",
        {of_origin("nginx_cache_hit_ratio"): 0.5},
        {of_origin("nginx_cache_hit_ratio"): 0.9},
        of_origin("nginx_cache_hit_ratio"),
        severity=Severity.NOTE,
        where="a",
        before={of_origin("nginx_cache_hit_ratio"): 0.99},
    ),
    Case(
        "nginx-slow",
        {of_origin("nginx_request_seconds_p95"): 0.9},
        {of_origin("nginx_request_seconds_p95"): 0.2},
        of_origin("nginx_request_seconds_p95"),
        severity=Severity.NOTE,
        where="a",
        before={of_origin("nginx_request_seconds_p95"): 0.01},
    ),
    Case(
        "varnish-evictions",
        {of_origin("varnish_evictions_per_second"): 20.0, of_origin("varnish_cache_hit_ratio"): 0.5},
        {of_origin("varnish_evictions_per_second"): 20.0, of_origin("varnish_cache_hit_ratio"): 0.99},
        of_origin("varnish_cache_hit_ratio"),
        severity=Severity.NOTE,
        where="a",
    ),
    Case("server-down", {"servers_down@a": 1.0}, {"servers_down@a": 0.0}, "servers_down@a", where="a"),
    Case(
        "exporter-gone",
        {"exporters_failing@a": 1.0},
        {"exporters_failing@a": 0.0},
        "exporters_failing@a",
        severity=Severity.NOTE,
        where="a",
    ),
    *(
        Case(f"generator-{name}", fires, misses, without, Culprit.GENERATOR, Severity.NOTE)
        for name, fires, misses, without in (
            ("lag", {"loop_lag_seconds_p99": 0.15}, {"loop_lag_seconds_p99": 0.09}, "loop_lag_seconds_p99"),
            (
                "cpu",
                {"machine_cpu_percent": 99.0, "loop_lag_seconds_p99": 0.03},
                {"machine_cpu_percent": 99.0, "loop_lag_seconds_p99": 0.01},
                "machine_cpu_percent",
            ),
            ("link", {"machine_link_percent": 99.0}, {"machine_link_percent": 94.0}, "machine_link_percent"),
            (
                "late-starts",
                {"late_starts": 2.0, "viewers_started": 2.0},
                {"late_starts": 1.0, "viewers_started": 2.0},
                "late_starts",
            ),
            (
                "datagrams",
                {"datagrams_received": 10_000.0, "datagrams_dropped": 25.0},
                {"datagrams_received": 20_000.0, "datagrams_dropped": 25.0},
                "datagrams_dropped",
            ),
            ("descriptors", errors("segment descriptors", 1.0), errors("segment ports", 1.0), "errors"),
            ("ports", errors("segment ports", 1.0), errors("segment descriptors", 1.0), "errors"),
            ("internal", {"generator_exceptions": 1.0}, {"generator_exceptions": 0.0}, "generator_exceptions"),
            (
                "worker-silent",
                {"generator_workers_silent": 1.0},
                {"generator_workers_silent": 0.0},
                "generator_workers_silent",
            ),
            ("players", errors("segment player", 1.0), errors("segment ports", 1.0), "errors"),
            (
                "worker-lost",
                {"generator_workers_lost": 1.0},
                {"generator_workers_lost": 0.0},
                "generator_workers_lost",
            ),
            (
                "viewers",
                {"viewers_failed_generator": 1.0},
                {"viewers_failed_generator": 0.005},
                "viewers_failed_generator",
            ),
            ("standstill", {"loop_lag_seconds_max": 5.2}, {"loop_lag_seconds_max": 4.0}, "loop_lag_seconds_max"),
            ("lines-lost", {"player_log_lines_dropped": 5.0}, {}, "player_log_lines_dropped"),
        )
    ),
    *(
        Case(f"generator-agent-{name}", fires, misses, without, Culprit.GENERATOR, severity, "b")
        for name, fires, misses, without, severity in (
            ("lag", {_LAG: 0.11}, {_LAG: 0.09}, _LAG, Severity.NOTE),
            ("cpu", {_CPU: 99.0, _LAG: 0.03}, {_CPU: 97.0, _LAG: 0.03}, _CPU, Severity.NOTE),
            ("link", {_LINK: 96.0}, {_LINK: 94.0}, _LINK, Severity.NOTE),
            ("lost", {"agent_lost@b": 1.0}, {"agent_lost@b": 0.0}, "agent_lost@b", Severity.CRITICAL),
            ("missing", {"agent_missing@b": 1.0}, {"agent_missing@b": 0.0}, "agent_missing@b", Severity.NOTE),
        )
    ),
]
EACH = [pytest.param(case, id=f"{case.rule}{'-' if case.id else ''}{case.id.replace(' ', '-')}") for case in CASES]
SINCE = 30.0


def found(case: Case, values: Values) -> list[Finding]:
    findings = find(timeline((1, case.before), (SINCE, {**case.before, **values})))
    return [finding for finding in findings if finding.rule == case.rule]


@pytest.mark.parametrize("case", EACH)
def test_it_fires(case: Case) -> None:
    (finding,) = found(case, case.fires)
    assert (finding.culprit, finding.where) == (case.culprit, case.where)
    assert finding.severity.rank >= case.severity.rank
    assert SINCE - 1 <= finding.from_seconds <= SINCE + 10
    assert finding.is_going_on
    assert "{" not in finding.what + finding.next_step
    assert [evidence.text for evidence in finding.evidence]


@pytest.mark.slow
@pytest.mark.parametrize("case", EACH)
def test_a_near_miss_does_not(case: Case) -> None:
    assert found(case, case.misses) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", EACH)
def test_without_its_signal_it_says_nothing(case: Case) -> None:
    values = dict(case.fires)
    if case.without == "errors":
        values = {name: value for name, value in values.items() if not name.startswith("errors@")}
    assert found(case, {**values, case.without: None}) == []


def test_every_rule_has_its_case_and_a_name_of_its_own() -> None:
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
    assert {case.rule for case in CASES} == set(names)


def test_a_quiet_run_has_no_findings() -> None:
    assert find(timeline()) == ()


def test_a_cause_comes_before_a_limit_and_both_before_what_viewers_feel() -> None:
    stopped: Values = {
        "unchanged_playlists": 10.0,
        "stale_playlists": 4.0,
        "viewers_stalled": 20.0,
        of_origin("cpu_busiest_core_percent"): 100.0,
        of_origin("cpu_percent"): 60.0,
    }
    findings = find(timeline((1, {of_origin("cpu_percent"): 60.0}), (30, stopped)))
    assert [finding.rule for finding in findings] == ["stale-playlists", "origin-core", "stalled"]
    assert {finding.severity for finding in findings} == {Severity.CRITICAL}


def test_a_cause_is_as_severe_as_the_failures_that_come_of_it() -> None:
    out_of_room = {**errors("segment connection_lost", 5.0), of_origin("nginx_drops_per_second"): 7.0}
    findings = find(timeline((1, {}), (30, out_of_room)))
    assert [(finding.rule, finding.severity) for finding in findings] == [
        ("nginx-drops", Severity.CRITICAL),
        ("lost-connections", Severity.CRITICAL),
    ]


def test_of_two_limits_that_held_about_as_long_the_one_that_names_a_place_comes_first() -> None:
    out_of_room: Values = {**errors("segment connection_lost", 5.0), "servers_down@a": 1.0, "viewers_stalled": 20.0}
    findings = find(timeline((1, {"servers_down@a": 0.0}), (30, out_of_room)))
    assert [finding.rule for finding in findings] == ["server-down", "lost-connections", "stalled"]
