"""The likeliest cause of a plain run: its timeline by the same suspects as a search."""

from collections.abc import Sequence

import pytest
from tests.capacity.verdict import made

from hls_swarm.capacity.plain import likely_cause
from hls_swarm.capacity.verdict.cause import likely_causes
from hls_swarm.judge.timeline import Row

SHAPER = {"rtt_seconds_p50": 0.097, "body_bytes_per_second": 63_000.0 * 37, "@tcp_retransmit_ratio": 0.11}
REFUSED = {"answers_refused_per_second": 8.0, "answers_ok_per_second": 30.0}


def _run(loads: Sequence[tuple[int, bool]], wrong: dict[str, float], seconds: int = 30) -> list[Row]:
    """So many seconds of each load, well or not."""
    rows: list[Row] = []
    for viewers, well in loads:
        columns = made.quiet(viewers) | ({} if well else {made.OBJECTIVE: 1.28, **wrong})
        for _ in range(seconds):
            second: dict[str, float | str] = {"elapsed_seconds": len(rows) + 1.0, "phase": "steady"}
            for name, value in columns.items():
                second[f"origin_{name[1:]}@a" if name.startswith("@") else name] = value
            rows.append(second)
    return rows


def _named(rows: Sequence[Row]) -> list[str]:
    cause = likely_cause(rows)
    return [] if cause is None else [one.name for one in cause.named]


def test_a_run_that_fared_well_names_nobody() -> None:
    assert likely_cause(_run([(10, True), (20, True), (39, True)], {})) is None


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        pytest.param(SHAPER, "network-path", id="shaper"),
        pytest.param(
            {"@tcp_listen_overflows_per_second": 40.0, "connect_seconds_p95": 2.0}, "accept-queue", id="queue"
        ),
        pytest.param(REFUSED, "rate-limit", id="refusals"),
    ],
)
def test_a_ramp_that_broke_names_what_broke_it(wrong: dict[str, float], name: str) -> None:
    assert _named(_run([(10, True), (20, True), (30, True), (39, False)], wrong)) == [name]


def test_a_run_of_one_load_is_compared_with_its_own_better_time() -> None:
    rows = _run([(39, True), (39, False)], {"@tcp_listen_overflows_per_second": 40.0, "connect_seconds_p95": 2.0})
    cause = likely_cause(rows)
    assert cause is not None
    (first,) = cause.named
    assert first.name == "accept-queue"
    assert first.evidence[0].text == "accept queue overflows 40.0/s at 39, 0/s while it held"


def test_a_run_that_never_fared_well_still_names_what_says_so_itself() -> None:
    assert _named(_run([(39, False)], {"@tcp_listen_overflows_per_second": 40.0})) == ["accept-queue"]


def test_refusals_from_the_start_are_a_limit_even_where_others_fill_the_processors() -> None:
    busy = {"@cpu_percent": 100.0, "@cpu_busiest_core_percent": 100.0, "@pressure_cpu_percent": 98.0}
    rows = _run([(39, False)], REFUSED | busy | {"segment_ttfb_seconds_p50": 0.0003})
    assert _named(rows) == ["rate-limit"]
    assert _named(_run([(39, False)], REFUSED | {"@pressure_io_percent": 60.0})) == ["rate-limit"]
    slow = _run([(39, False)], REFUSED | busy | {"segment_ttfb_seconds_p50": 0.3})
    assert _named(slow) == ["cpu"]


def test_the_json_summary_has_the_lines_of_those_that_are_named() -> None:
    cause = likely_cause(_run([(10, True), (20, True), (30, True), (39, False)], REFUSED))
    assert cause is not None
    (made_of,) = likely_causes(cause)
    assert (made_of["name"], made_of["culprit"], made_of["confidence"]) == ("rate-limit", "origin", "proven")
    assert made_of["evidence"][0].startswith("answers 429 and 503 8.00/s at 39")
    assert sum(len(one.evidence) for one in cause.named) == len(made_of["evidence"])


def test_trouble_without_evidence_is_nobodys() -> None:
    cause = likely_cause(_run([(20, True), (39, False)], {}))
    assert cause is not None
    assert cause.named == ()


def test_nothing_is_said_of_a_run_that_says_nothing() -> None:
    assert likely_cause([]) is None
    assert likely_cause([{"elapsed_seconds": 1.0, "phase": "steady"}] * 30) is None
