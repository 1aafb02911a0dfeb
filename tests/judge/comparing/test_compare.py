from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.made.run_folders import long_run

from hls_swarm.judge.comparing.compare import (
    Conclusion,
    Judgement,
    Judging,
    better_of,
    check_pattern,
    compare,
    compare_with_all,
)
from hls_swarm.judge.metrics.kinds import Better
from hls_swarm.judge.report import Report
from hls_swarm.results.reader import read_run
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.stats.histogram import Histogram
from hls_swarm.views.tables import comparison_headline, differences, explanations

pytestmark = pytest.mark.slow


def histogram(*values: float) -> Histogram:
    made = Histogram()
    for value in values:
        made.add(value)
    return made


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    folder = tmp_path_factory.mktemp("runs")
    long_run(folder / "base", seconds=120, seed=1)
    long_run(folder / "again", seconds=120, seed=2)
    long_run(folder / "slower", seconds=120, seed=3, slower=1.3)
    long_run(folder / "faster", seconds=120, seed=4, slower=0.7, targets=("10.0.0.5",))
    long_run(folder / "short", seconds=9, seed=5)
    for number in range(3):
        long_run(folder / f"busy-{number}", seconds=120, seed=10 + number, busy=0.5)
        long_run(folder / f"slow-by-a-fifth-{number}", seconds=120, seed=20 + number, slower=1.2)
    return {path.name: read_run(path) for path in folder.iterdir()}


def test_two_runs_of_one_kind_do_not_differ(reports: dict[str, Report]) -> None:
    comparison = compare(reports["base"], reports["again"])
    assert comparison.judged(Judgement.WORSE, Judgement.BETTER, Judgement.CHANGED) == ()
    assert comparison.conclusion is Conclusion.NOT_WORSE
    assert comparison.caveats == ()


def test_a_run_with_slower_answers_is_worse_in_just_these(reports: dict[str, Report]) -> None:
    comparison = compare(reports["base"], reports["slower"])
    worse = comparison.judged(Judgement.WORSE)
    names = {difference.metric for difference in worse}
    # First bytes of playlists come in a third of a millisecond: that they take longer is seen, and does not matter.
    assert names == {
        "segment_ttfb_seconds",
        "segment_download_seconds",
        "segment_relative_download",
        "media_playlist_download_seconds",
    }
    longer = [difference for difference in worse if difference.unit is not Unit.BYTES_PER_SECOND]
    assert all(difference.change == pytest.approx(0.3, abs=0.08) for difference in longer)
    assert comparison.conclusion is Conclusion.WORSE


def test_a_faster_run_is_better_and_a_target_that_is_gone_is_not_known(reports: dict[str, Report]) -> None:
    comparison = compare(reports["base"], reports["faster"])
    found = {difference.metric: difference for difference in comparison.differences}
    assert found["segment_download_seconds"].judgement is Judgement.BETTER
    gone = found["origin_cpu_percent@10.0.0.7"]
    assert (gone.judgement, gone.candidate, gone.reason) == (Judgement.UNKNOWN, None, "not known in faster")
    assert comparison.conclusion is Conclusion.NOT_WORSE


def test_a_run_that_is_too_short_says_nothing(reports: dict[str, Report]) -> None:
    comparison = compare(reports["base"], reports["short"])
    (download,) = (d for d in comparison.differences if d.metric == "segment_download_seconds")
    assert (download.judgement, download.reason) == (Judgement.UNKNOWN, "too few values: 8 seconds")


def test_failures_are_counted_one_by_one(reports: dict[str, Report]) -> None:
    base = reports["base"]
    more = [{**error, "count": 100} for error in base.summary["errors"]]
    comparison = compare(base, replace(base, summary={**base.summary, "errors": more}))
    found = {difference.metric: difference.judgement for difference in comparison.differences}
    assert (found["errors"], found["segment_errors"]) == (Judgement.WORSE, Judgement.WORSE)
    assert found["media_playlist_errors"] is Judgement.SAME


def test_other_settings_and_invalid_runs_are_caveats(reports: dict[str, Report]) -> None:
    base = reports["base"]
    other = replace(
        base,
        name="other",
        facts={**base.facts, "settings": {**base.facts["settings"], "clients": 80}},
        summary={**base.summary, "verdict": "invalid", "reasons": ["event-loop lag"]},
    )
    comparison = compare(base, other)
    assert comparison.caveats == ("--clients: 40 and 80",)
    assert comparison.conclusion is Conclusion.NOT_COMPARABLE
    assert [obstacle.text for obstacle in comparison.obstacles] == ["other is invalid: event-loop lag"]


@pytest.mark.parametrize(
    ("before", "after", "caveats"),
    [
        pytest.param(
            {"2": 10, "3": 90},
            {"2": 100},
            ("requests: 10% over HTTP/2, 90% over HTTP/3 and 100% over HTTP/2",),
            id="TCP",
        ),
        pytest.param({"2": 10, "3": 90}, {"2": 19, "3": 81}, (), id="about the same"),
        pytest.param({}, {"2": 100}, (), id="not known"),
    ],
)
def test_another_http_is_a_caveat(
    before: dict[str, int], after: dict[str, int], caveats: tuple[str, ...], reports: dict[str, Report]
) -> None:
    runs = [
        replace(
            reports["base"],
            summary={
                **reports["base"].summary,
                "http_versions": {version: {"requests": count} for version, count in counts.items()},
            },
        )
        for counts in (before, after)
    ]
    assert compare(runs[0], runs[1]).caveats == caveats


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("segment_download_seconds", Better.LOWER),
        ("throughput_bytes_per_second", Better.HIGHER),
        ("viewers_active", Better.NEITHER),
        ("origin_cpu_percent@a", Better.LOWER),
        ("origin_nginx_connections@a", Better.NEITHER),
        ("origin_unheard_of@a", Better.NEITHER),
    ],
)
def test_which_way_is_better(name: str, expected: Better) -> None:
    assert better_of(name) is expected


def test_the_folder_is_the_name_of_a_run(tmp_path: Path) -> None:
    long_run(tmp_path / "some run", seconds=3)
    assert read_run(tmp_path / "some run").name == "some run"


def with_times(report: Report, times: list[float]) -> Report:
    name = "origin_nginx_request_seconds_p95@a"
    return replace(report, histograms={**report.histograms, name: histogram(*times)})


@pytest.mark.parametrize(
    ("before", "after", "judgement", "change"),
    [
        pytest.param(0.0001, 0.0009, Judgement.SAME, None, id="both below nginx's clock"),
        pytest.param(0.0005, 0.012, Judgement.WORSE, None, id="from below it"),
        pytest.param(0.012, 0.0005, Judgement.BETTER, None, id="to below it"),
        pytest.param(0.010, 0.020, Judgement.WORSE, 1.0, id="above it"),
    ],
)
def test_times_below_their_clock_have_no_relative_change(
    reports: dict[str, Report], before: float, after: float, judgement: Judgement, change: float | None
) -> None:
    sides = with_times(reports["base"], [before] * 60), with_times(reports["again"], [after] * 60)
    comparison = compare(*sides, Judging(only=("origin_*",)))
    (found,) = [d for d in comparison.differences if d.metric == "origin_nginx_request_seconds_p95@a"]
    assert found.judgement is judgement
    assert found.change == (change if change is None else pytest.approx(change, rel=0.03))


def test_signals_are_written_as_everywhere(reports: dict[str, Report]) -> None:
    name = "origin_disk_write_bytes_per_second@a"
    base, again = with_times(reports["base"], [0.0005] * 60), with_times(reports["again"], [0.012] * 60)
    base = replace(base, histograms={**base.histograms, name: histogram(*[1e6] * 60)})
    again = replace(again, histograms={**again.histograms, name: histogram(*[2e6] * 60)})
    rows = {row[0]: row[1:3] for row in explanations(compare(base, again)).rows}
    assert rows["origin_nginx_request_seconds_p95@a"] == ("< 1 ms / < 1 ms", "12.0 ms / 12.0 ms")
    assert rows[name] == ("1.00 MB/s / 1.00 MB/s", "2.00 MB/s / 2.00 MB/s")


@pytest.mark.parametrize("number", range(3))
def test_a_fifth_slower_is_found(reports: dict[str, Report], number: int) -> None:
    comparison = compare(reports["base"], reports[f"slow-by-a-fifth-{number}"])
    assert "segment_download_seconds" in {difference.metric for difference in comparison.judged(Judgement.WORSE)}
    assert comparison.conclusion is Conclusion.WORSE


@pytest.mark.parametrize("before", ["base", "again", "busy-0", "busy-1", "busy-2"])
@pytest.mark.parametrize("after", ["base", "again", "busy-0", "busy-1", "busy-2"])
def test_the_same_on_a_machine_that_is_busy_by_turns_is_never_worse(
    reports: dict[str, Report], before: str, after: str
) -> None:
    assert compare(reports[before], reports[after]).conclusion is not Conclusion.WORSE


def test_a_machine_with_less_room_is_in_the_way_of_what_it_may_have_made(reports: dict[str, Report]) -> None:
    quiet, full = (
        replace(report, histograms={**report.histograms, "machine_cpu_percent": histogram(*[percent] * 100)})
        for report, percent in ((reports["base"], 30.0), (reports["slower"], 95.0))
    )
    assert compare(quiet, full).conclusion is Conclusion.NOT_COMPARABLE
    assert [obstacle.text for obstacle in compare(quiet, full).obstacles] == [
        "use of the generator's processors: 30.0% and 95.0%"
    ]
    assert compare(full, quiet).conclusion is Conclusion.NOT_COMPARABLE  # the baseline may only look so slow
    slow = replace(reports["slower"], histograms={**reports["slower"].histograms,
        "machine_cpu_percent": quiet.histograms["machine_cpu_percent"]
    })  # fmt: skip
    full_before = replace(reports["base"], histograms={**reports["base"].histograms,
        "machine_cpu_percent": full.histograms["machine_cpu_percent"]
    })  # fmt: skip
    assert compare(full_before, slow).conclusion is Conclusion.WORSE  # although it had more room


def test_a_generator_that_was_late_is_in_the_way(reports: dict[str, Report]) -> None:
    late = replace(
        reports["slower"],
        histograms={**reports["slower"].histograms, "loop_lag_seconds": histogram(*[0.05] * 100)},
    )
    comparison = compare(reports["base"], late)
    assert comparison.conclusion is Conclusion.NOT_COMPARABLE
    assert comparison.obstacles[0].text.startswith("the generator's event-loop lag P95: ")


def test_a_machine_that_carries_much_for_others_is_in_the_way(reports: dict[str, Report]) -> None:
    def loaded(report: Report, device: float) -> Report:
        more = {"machine_network_in_bytes_per_second": device, "throughput_bytes_per_second": 7e6}
        return replace(
            report, histograms={**report.histograms, **{name: histogram(*[v] * 100) for name, v in more.items()}}
        )

    base, slower = reports["base"], reports["slower"]
    comparison = compare(loaded(base, 7e6), loaded(slower, 340e6))
    assert comparison.conclusion is Conclusion.NOT_COMPARABLE
    assert [obstacle.text for obstacle in comparison.obstacles] == [
        "traffic of others on the generator's device: 0 bit/s and 2.66 Gbit/s"
    ]
    assert compare(loaded(base, 7e6), loaded(slower, 21e6)).conclusion is Conclusion.WORSE  # a hop over the same device
    assert compare(loaded(base, 340e6), loaded(slower, 7e6)).conclusion is Conclusion.WORSE  # although it had more room


def test_what_the_generator_s_own_lateness_may_have_made_is_in_doubt(reports: dict[str, Report]) -> None:
    def late(report: Report, lag: float, seconds: float) -> Report:
        made = {name: histogram(*[seconds] * 100) for name in ("segment_ttfb_seconds", "segment_download_seconds")}
        return replace(report, histograms={"loop_lag_seconds": histogram(*[lag] * 100), **made})

    before = late(reports["base"], 0.001, 0.0004)
    comparison = compare(before, late(reports["again"], 0.006, 0.012))
    in_doubt = {difference.metric for difference in comparison.judged(Judgement.IN_DOUBT)}
    assert in_doubt == {"segment_ttfb_seconds", "segment_download_seconds"}
    assert (comparison.judged(Judgement.WORSE), comparison.obstacles) == ((), ())
    assert comparison.conclusion is Conclusion.NOT_COMPARABLE
    assert comparison_headline(comparison) == (
        "NOT COMPARABLE: longer by no more than the generator's own lateness may have made: segment_ttfb_seconds, "
        "segment_download_seconds"
    )
    assert compare(before, late(reports["again"], 0.006, 0.2)).conclusion is Conclusion.WORSE  # that is much more
    assert compare(before, late(reports["again"], 0.001, 0.012)).conclusion is Conclusion.WORSE  # it was not later


def test_another_kind_of_machine_says_nothing(reports: dict[str, Report]) -> None:
    base = reports["base"]
    other = replace(base, facts={**base.facts, "machine": {**base.facts["machine"], "cores": 640}})
    assert compare(base, other).conclusion is Conclusion.NOT_COMPARABLE


def test_an_error_is_worse(reports: dict[str, Report]) -> None:
    base = reports["base"]
    broken = replace(base, summary={**base.summary, "verdict": "error", "reasons": ["nobody played"]})
    assert compare(base, broken).conclusion is Conclusion.WORSE


def with_signal(report: Report, value: float) -> Report:
    return replace(report, histograms={**report.histograms, "origin_cpu_percent@a": histogram(*[value] * 60)})


def test_the_origin_explains_and_judges_only_when_it_is_named(reports: dict[str, Report]) -> None:
    base, again = with_signal(reports["base"], 20.0), with_signal(reports["again"], 60.0)
    comparison = compare(base, again)
    (cpu,) = (d for d in comparison.differences if d.metric == "origin_cpu_percent@a")
    assert (cpu.judgement, cpu.judges) == (Judgement.CHANGED, False)
    assert comparison.conclusion is Conclusion.NOT_WORSE
    assert [row[0] for row in differences(comparison).rows] == []
    assert [row[0] for row in explanations(comparison).rows] == ["origin_cpu_percent@a"]
    for named in ("origin_cpu_percent", "origin_cpu_*", "origin_cpu_percent@a"):
        assert compare(base, again, Judging(only=(named,))).conclusion is Conclusion.WORSE


def test_what_is_ignored_and_what_is_too_little_do_not_judge(reports: dict[str, Report]) -> None:
    base, slower = reports["base"], reports["slower"]
    assert compare(base, slower, Judging(ignore=("segment_*", "media_playlist_*"))).conclusion is Conclusion.NOT_WORSE
    assert compare(base, slower, Judging(least_relative=0.6)).conclusion is Conclusion.NOT_WORSE
    assert compare(base, slower, Judging(only=("startup_seconds",))).conclusion is Conclusion.NOT_WORSE


def test_against_several_baselines_it_must_be_worse_than_each(reports: dict[str, Report]) -> None:
    base, slower = reports["base"], reports["slower"]
    assert compare_with_all([base, reports["again"]], slower).conclusion is Conclusion.WORSE
    comparison = compare_with_all(
        [base, reports["slow-by-a-fifth-0"], reports["slow-by-a-fifth-1"]], reports["slow-by-a-fifth-2"]
    )
    assert comparison.conclusion is Conclusion.NOT_WORSE
    assert comparison.further == ("slow-by-a-fifth-0", "slow-by-a-fifth-1")
    invalid = replace(base, name="void", summary={**base.summary, "verdict": "invalid"})
    assert compare_with_all([invalid, base], slower).baseline.name == "base"
    assert compare_with_all([invalid], slower).conclusion is Conclusion.NOT_COMPARABLE


def test_a_name_that_no_metric_has_is_refused_with_near_ones() -> None:
    for text in ("segment_*", "origin_cpu_percent", "origin_cpu_percent@10.0.0.5", "origin_own_queue_bytes"):
        check_pattern(text)
    with pytest.raises(
        ValueError, match="there is no metric segment_dwnload_seconds: did you mean segment_download_seconds"
    ):
        check_pattern("segment_dwnload_seconds")
