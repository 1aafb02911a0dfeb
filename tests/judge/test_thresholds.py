from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.made.moments import Run, origin
from tests.support.made.snapshots import failed, stalled, watching

from hls_swarm.judge.metrics.table import METRICS
from hls_swarm.judge.thresholds import ThresholdError, ThresholdResult, WindowName, aggregations, parse_threshold
from hls_swarm.judge.verdict import Verdict, judge
from hls_swarm.snapshot.snapshot import Phase


@pytest.mark.parametrize(
    ("text", "metric", "aggregation", "operator", "limit", "window"),
    [
        ("segment_download_seconds:p95 < 1s", "segment_download_seconds", "p95", "<", 1.0, "steady"),
        ("segment_download_seconds:p99.9<=250ms", "segment_download_seconds", "p99.9", "<=", 0.25, "steady"),
        ("rebuffering_ratio < 0.5%", "rebuffering_ratio", "", "<", 0.005, "steady"),
        ("rebuffering_ratio<0.005", "rebuffering_ratio", "", "<", 0.005, "steady"),
        ("errors:rate < 0.1% over run", "errors", "rate", "<", 0.001, "run"),
        ("errors:count < 10 over steady", "errors", "count", "<", 10, "steady"),
        ("origin_cpu_percent:max < 90", "origin_cpu_percent", "max", "<", 90, "steady"),
        ("origin_cpu_percent:max < 90%", "origin_cpu_percent", "max", "<", 90, "steady"),
        ("origin_nginx_request_seconds:p95 < 2s", "origin_nginx_request_seconds", "p95", "<", 2.0, "steady"),
        ("throughput_bytes_per_second:mean > 1Gbit/s", "throughput_bytes_per_second", "mean", ">", 125e6, "steady"),
        ("body_bytes:count >= 5GB", "body_bytes", "count", ">=", 5e9, "steady"),
        ("viewers_playing:min >= 1e2", "viewers_playing", "min", ">=", 100, "steady"),
        ("segment_requests:per_second > 5/s", "segment_requests", "per_second", ">", 5, "steady"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_threshold_is_one_line(
    text: str, metric: str, aggregation: str, operator: str, limit: float, window: str
) -> None:
    threshold = parse_threshold(text)
    assert (threshold.metric, threshold.aggregation, threshold.operator) == (metric, aggregation, operator)
    assert threshold.limit == pytest.approx(limit)
    assert threshold.window == window
    assert not threshold.abort


def test_abort_and_its_grace_and_a_target() -> None:
    threshold = parse_threshold("origin_cpu_percent@10.0.0.5:mean < 70 over run abort after 1m30s")
    assert (threshold.target, threshold.abort, threshold.grace_seconds) == ("10.0.0.5", True, 90.0)
    assert parse_threshold("errors:rate < 5% abort").grace_seconds == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("segment_downlod_seconds:p95 < 1s", "did you mean segment_download_seconds"),
        ("origin_cpu_pct:max < 90", "did you mean origin_cpu_percent"),
        ("nonsense_altogether < 1", "there is no metric nonsense_altogether"),
        ("segment_download_seconds < 1s", "has many values: write which is meant"),
        ("segment_download_seconds:p95 < 1", "1 has no unit"),
        ("segment_download_seconds:p95 < 5%", "is not a duration"),
        ("segment_download_seconds:average < 1s", "has no :average: write segment_download_seconds:mean"),
        ("errors < 1", "is counted: write errors:count, :per_second or :rate"),
        ("requests:rate < 1", "is counted: write requests:count or :per_second"),
        ("rebuffering_ratio:p95 < 1%", "is one ratio over the window"),
        ("viewers_playing:mean < 10ms", "is not a value of this metric"),
        ("origin_nginx_request_seconds_p95:mean < 1s", "write origin_nginx_request_seconds_p95:max, or"),
        ("origin_nginx_request_seconds:mean < 1s", "has quantiles only"),
        ("errors@10.0.0.5:rate < 1%", "has no target"),
        ("errors:rate < 1% over week", "write 'over steady' or 'over run'"),
        ("errors:rate < 1% abort after soon", "abort after soon"),
        ("errors:rate == 1%", "is not a threshold"),
        ("", "is not a threshold"),
    ],
)  # fmt: skip
def test_a_mistake_says_what_to_write(text: str, words: str) -> None:
    with pytest.raises(ThresholdError, match=words.replace("(", r"\(")):
        parse_threshold(text)


@given(st.sampled_from(sorted(METRICS)), st.data(), st.sampled_from(["<", "<=", ">", ">="]))
def test_every_metric_can_be_written(name: str, data: st.DataObject, operator: str) -> None:
    known = [aggregation for aggregation in aggregations(METRICS[name]) if aggregation]
    aggregation = data.draw(st.sampled_from(known)) if known else ""
    colon = f":{aggregation}" if aggregation else ""
    for value in ("1s", "1"):
        try:
            threshold = parse_threshold(f"{name}{colon} {operator} {value}")
        except ThresholdError:
            continue
        assert (threshold.metric, threshold.aggregation, threshold.limit) == (name, aggregation, 1.0)
        return
    pytest.fail(f"{name}{colon} takes neither a duration nor a number")


@given(st.text(max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    with suppress(ThresholdError):
        parse_threshold(text)


def results(run: Run) -> dict[str, ThresholdResult]:
    return {result.threshold.metric: result for result in run.entries[-1].thresholds}


def test_the_steady_state_is_judged_and_the_ramp_is_not() -> None:
    run = Run("errors:count < 1", "segment_requests:count <= 1", "viewers_failed:count < 1 over run")
    run.second(1.0, *failed(0, 0.1), *watching(1, 0.2), phase=Phase.RAMPING)
    run.second(2.0, phase=Phase.STEADY)
    run.second(3.0, *watching(2, 2.1), phase=Phase.STEADY)
    found = results(run)
    assert (found["errors"].held, found["errors"].value) == (True, 0)
    assert (found["segment_requests"].held, found["segment_requests"].value) == (True, 1)
    assert (found["viewers_failed"].held, found["viewers_failed"].window) == (False, WindowName.RUN)


def test_what_was_under_way_at_the_end_counts() -> None:
    run = Run("segment_requests:count >= 2")
    run.second(1.0, *watching(0, 0.1))  # viewers start in it: it is a ramp, however short
    run.second(2.0, *watching(1, 1.1))
    run.second(3.0, *watching(2, 2.1), phase=Phase.FINISHED)
    assert run.entries[-1].thresholds[0].value == 2


def test_a_run_without_a_steady_state_is_judged_as_a_whole_and_says_so() -> None:
    run = Run("errors:count < 1")
    run.second(1.0, *failed(0, 0.1), phase=Phase.RAMPING)
    (result,) = run.second(2.0, phase=Phase.FINISHED).thresholds
    assert (result.held, result.window, result.value) == (False, WindowName.RUN, 1)
    assert result.reason == "errors count is 1 over the whole run, which ended before its steady state"


def test_a_ratio_is_of_the_whole_window() -> None:
    run = Run("rebuffering_ratio < 10%")
    run.second(1.0, *watching(0, 0.0))
    run.second(5.0, *stalled(0, 2.0, 1.0))
    (result,) = run.entries[-1].thresholds
    assert result.value == pytest.approx(1.0 / 4.0)
    assert not result.held


@pytest.mark.parametrize("metric", ["origin_cpu_percent:max", "stall_seconds:p95", "origin_nginx_request_seconds:p95"])
def test_what_was_never_known_has_not_held(metric: str) -> None:
    limit = "< 1s" if "seconds" in metric else "< 90"
    (result,) = Run(f"{metric} {limit}").second(1.0).thresholds
    assert (result.held, result.value) == (False, None)
    assert "was never known over the steady state" in result.reason
    outcome = judge(Run().second(1.0, *watching(0, 0.1)).moment.snapshot, thresholds=[result])
    assert (outcome.verdict, outcome.exit_code) == (Verdict.FAIL, 99)


def test_a_signal_must_hold_for_every_target_and_the_worst_is_named() -> None:
    run = Run("origin_cpu_percent:max < 50", "origin_cpu_percent@a:max < 50", "origin_cpu_percent:min > 20")
    run.second(1.0, of_origin=origin(1.0, {"a": {"cpu_percent": 10.0}, "b": {"cpu_percent": 80.0}}))
    every, only_a, least = run.entries[-1].thresholds
    assert (every.held, every.target, every.value) == (False, "b", 80.0)
    assert (only_a.held, only_a.target, only_a.value) == (True, "a", 10.0)
    assert (least.held, least.target) == (False, "a")


def test_what_is_below_its_clock_counts_as_the_clock_s_step() -> None:
    run = Run("origin_nginx_request_seconds_p95:max < 5ms", "origin_nginx_request_seconds_p95:max < 1ms")
    run.second(1.0, of_origin=origin(1.0, {"a": {"nginx_request_seconds_p95": 0.0005}}))
    loose, strict = run.entries[-1].thresholds
    assert (loose.held, loose.value, strict.held) == (True, 0.001, False)


def test_a_signal_that_one_target_never_said_has_not_held() -> None:
    run = Run("origin_cpu_percent:max < 50")
    run.second(1.0, of_origin=origin(1.0, {"a": {"cpu_percent": 10.0}, "b": {}}))
    (result,) = run.entries[-1].thresholds
    assert (result.held, result.target, result.value) == (False, "b", None)


def test_abort_waits_for_its_grace() -> None:
    run = Run("errors:count < 1 over run abort after 3s")
    assert run.second(1.0, *failed(0, 0.1)).crossed is None
    assert run.second(2.0).crossed is None
    crossed = run.second(3.0).crossed
    assert crossed is not None
    assert crossed.reason == "errors count is 1 over the whole run"


def test_abort_over_the_steady_state_does_not_judge_the_ramp() -> None:
    run = Run("errors:count < 1 abort")
    assert run.second(1.0, *failed(0, 0.1), phase=Phase.RAMPING).crossed is None
    assert run.second(2.0).crossed is None
    assert run.second(3.0).crossed is None
    assert run.second(4.0, *failed(1, 3.1)).crossed is not None
