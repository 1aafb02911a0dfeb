import random
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.run_folders import long_run

from hls_swarm.judge.compare import Judgement, better_of, compare, critical_distance, distance
from hls_swarm.judge.metrics import Better
from hls_swarm.judge.report import Report
from hls_swarm.results.reader import read_run
from hls_swarm.snapshot.origin_metrics import Unit
from hls_swarm.stats.histogram import Histogram
from hls_swarm.views.terminal.tables import differences


def histogram(*values: float) -> Histogram:
    made = Histogram()
    for value in values:
        made.add(value)
    return made


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        pytest.param((1.0, 2.0), (1.0, 2.0), 0.0, id="the same"),
        pytest.param((1.0, 2.0), (4.0, 8.0), 1.0, id="apart"),
        pytest.param((1.0, 2.0, 4.0, 8.0), (2.0, 4.0, 8.0, 16.0), 0.25, id="one of four moved"),
        pytest.param((0.0, 0.0, 1.0, 1.0), (0.0, 1.0, 1.0, 1.0), 0.25, id="zeros have a bucket of their own"),
        pytest.param((1.0,), (1.0,) * 1000, 0.0, id="sizes do not matter"),
    ],
)
def test_the_distance_is_the_largest_difference_of_shares(
    a: tuple[float, ...], b: tuple[float, ...], expected: float
) -> None:
    assert distance(histogram(*a), histogram(*b)) == pytest.approx(expected)
    assert distance(histogram(*b), histogram(*a)) == pytest.approx(expected)


def test_chance_alone_exceeds_the_critical_distance_less_than_once_in_a_thousand() -> None:
    chance = random.Random(7)
    exceeded = 0
    for _ in range(1000):
        a, b = (histogram(*(chance.expovariate(10) for _ in range(60))) for _ in range(2))
        exceeded += distance(a, b) > critical_distance(60, 60)
    assert exceeded <= 4


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Report]:
    folder = tmp_path_factory.mktemp("runs")
    long_run(folder / "base", seconds=120, seed=1)
    long_run(folder / "again", seconds=120, seed=2)
    long_run(folder / "slower", seconds=120, seed=3, slower=1.3)
    long_run(folder / "faster", seconds=120, seed=4, slower=0.7, targets=("10.0.0.5",))
    long_run(folder / "short", seconds=9, seed=5)
    return {path.name: read_run(path) for path in folder.iterdir()}


def test_two_runs_of_one_kind_do_not_differ(reports: dict[str, Report]) -> None:
    comparison = compare(reports["base"], reports["again"])
    assert comparison.judged(Judgement.WORSE, Judgement.BETTER, Judgement.CHANGED) == ()
    assert not comparison.is_worse
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
        "segment_throughput_bytes_per_second",
        "media_playlist_download_seconds",
    }
    longer = [difference for difference in worse if difference.unit is not Unit.BYTES_PER_SECOND]
    assert all(difference.change == pytest.approx(0.3, abs=0.08) for difference in longer)
    assert comparison.is_worse


def test_a_faster_run_is_better_and_a_target_that_is_gone_is_not_known(reports: dict[str, Report]) -> None:
    comparison = compare(reports["base"], reports["faster"])
    found = {difference.metric: difference for difference in comparison.differences}
    assert found["segment_download_seconds"].judgement is Judgement.BETTER
    gone = found["origin_cpu_percent@10.0.0.7"]
    assert (gone.judgement, gone.candidate, gone.reason) == (Judgement.UNKNOWN, None, "not known in faster")
    assert not comparison.is_worse


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
    assert comparison.caveats == ("other is invalid: event-loop lag", "--clients: 40 and 80")
    assert comparison.is_worse


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
    comparison = compare(with_times(reports["base"], [before] * 60), with_times(reports["again"], [after] * 60))
    (found,) = [d for d in comparison.differences if d.metric == "origin_nginx_request_seconds_p95@a"]
    assert found.judgement is judgement
    assert found.change == (change if change is None else pytest.approx(change, rel=0.03))


def test_signals_are_written_as_everywhere(reports: dict[str, Report]) -> None:
    name = "origin_disk_write_bytes_per_second@a"
    base, again = with_times(reports["base"], [0.0005] * 60), with_times(reports["again"], [0.012] * 60)
    base = replace(base, histograms={**base.histograms, name: histogram(*[1e6] * 60)})
    again = replace(again, histograms={**again.histograms, name: histogram(*[2e6] * 60)})
    rows = {row[0]: row[1:3] for row in differences(compare(base, again)).rows}
    assert rows["origin_nginx_request_seconds_p95@a"] == ("< 1 ms / < 1 ms", "12.0 ms / 12.0 ms")
    assert rows[name] == ("1.00 MB/s / 1.00 MB/s", "2.00 MB/s / 2.00 MB/s")
