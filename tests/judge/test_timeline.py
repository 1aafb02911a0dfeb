import pytest
from msgspec.structs import replace
from tests.support.made.moments import STARTED_AT, Run, origin
from tests.support.made.snapshots import NOT_FOUND, exchange, failed, stalled, watching

from hls_swarm.judge.timeline import FIXED_COLUMNS, columns
from hls_swarm.records import AsideFetched, ObjectKind, PlaybackStarted, SegmentFetched
from hls_swarm.snapshot.snapshot import Phase


def test_a_row_has_the_percentiles_of_its_own_second() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.1))
    row = run.second(2.0, *watching(1, 1.1), *watching(2, 1.2)).row
    assert row["elapsed_seconds"] == 2.0
    assert row["time"] == STARTED_AT + 2.0
    assert row["phase"] == "steady"
    assert row["segment_requests_total"] == 3
    assert row["segment_requests_per_second"] == 2
    assert row["segment_download_seconds_count"] == 2
    assert row["segment_download_seconds_p95"] == pytest.approx(0.020, rel=0.012)
    assert row["body_bytes_per_second"] == row["throughput_bytes_per_second"] == 2 * 750_800
    assert (row["viewers_active"], row["viewers_playing"]) == (3, 3)


def test_what_did_not_happen_or_is_not_known_is_absent() -> None:
    run = Run()
    first = run.second(0.0).row
    assert "throughput_bytes_per_second" not in first
    assert "requests_per_second" not in first
    run.second(2.0, *watching(0, 1.1))
    quiet = run.second(3.0).row
    assert not [column for column in quiet if column.startswith("segment_download_seconds")]
    assert "errors_rate" not in quiet
    assert quiet["requests_per_second"] == 0
    assert quiet["requests_total"] == 3


def test_ratios_and_rates_are_of_the_second() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.0))
    row = run.second(3.0, *stalled(0, 1.5, 0.5), *failed(1, 2.0)).row
    assert row["rebuffering_ratio"] == pytest.approx(0.5 / 2.0)
    assert (row["errors_total"], row["errors_rate"]) == (1, 1.0)
    assert row["stalls_per_second"] == 0.5


def test_what_a_collector_is_asked_counts_apart() -> None:
    report = exchange(0.5, 100, 0.01, NOT_FOUND, "http://collector/events")
    row = Run().second(1.0, *watching(0, 0.1), AsideFetched(0, ObjectKind.CMCD_REPORT, report, NOT_FOUND)).row
    assert (row["cmcd_report_requests_total"], row["cmcd_report_errors_total"]) == (1, 1)
    assert (row["requests_total"], row["errors_total"], row["errors_origin_total"]) == (3, 0, 0)
    assert row["errors_total@cmcd_report http_status 404"] == 1


def test_signals_of_the_origin_have_their_target_and_stale_ones_are_absent() -> None:
    row = Run().second(1.0, of_origin=origin(1.0, {"a": {"cpu_percent": 12.5}, "b": {"cpu_percent": 80.0}})).row
    assert (row["origin_cpu_percent@a"], row["origin_cpu_percent@b"]) == (12.5, 80.0)
    times = {"nginx_request_seconds_p50": 0.0005, "nginx_request_seconds_p95": 0.001}
    row = Run().second(1.0, of_origin=origin(1.0, {"a": times})).row
    assert [name for name in row if "request_seconds" in name] == ["origin_nginx_request_seconds_p95@a"]


def test_every_column_of_a_row_is_documented() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.0), *failed(1, 0.5), phase=Phase.RAMPING)
    row = run.second(2.0, *stalled(0, 1.2, 0.5), of_origin=origin(1.0, {"a": {"cpu_percent": 1.0}})).row
    documented = {name.partition("@")[0] for name, _, _ in columns()}
    assert {name.partition("@")[0] for name in row} <= documented
    assert set(FIXED_COLUMNS) <= set(row)
    assert all(text for _, _, text in columns())


def test_waiting_is_all_watched_time_without_play() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.0))  # plays half a second later
    never = [record for record in watching(1, 1.0) if not isinstance(record, PlaybackStarted)]
    row = run.second(3.0, *stalled(0, 1.5, 0.5), *never).row
    assert row["waiting_ratio"] == pytest.approx((0.5 + 2.0) / 4.0)


def test_answers_are_counted_by_what_they_say_of_the_origin() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.1))
    answers = [
        replace(exchange(1.5, 0, 0.01, NOT_FOUND), status=status, failure=replace(NOT_FOUND, status=status))
        for status in (429, 500, 502, 503, 503, 504, 404)
    ]
    row = run.second(
        2.0, *(SegmentFetched(0, ObjectKind.SEGMENT, answer, answer.failure, 2.0) for answer in answers)
    ).row
    assert [row[f"answers_{kind}_total"] for kind in ("ok", "refused", "broken", "gateway")] == [3, 3, 1, 2]
    assert row["answers_refused_per_second"] == 3


def test_answers_are_told_by_their_status_from_the_first_one_on() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.0))
    refused = SegmentFetched(0, ObjectKind.SEGMENT, exchange(1.5, 0, 0.1, NOT_FOUND), NOT_FOUND)
    row = run.second(2.0, refused).row
    answers = {name: value for name, value in row.items() if name.startswith("answers_total@")}
    assert answers == {"answers_total@200": 3, "answers_total@404": 1}
    assert "answers_total@404" not in run.entries[0].row
