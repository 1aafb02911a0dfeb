from signal import SIGINT, SIGTERM

import pytest
from tests.support.made.snapshots import URL, exchange, failed, snapshot, stalled, watching

from hls_swarm.judge.thresholds import ThresholdResult, WindowName, parse_threshold
from hls_swarm.judge.verdict import Outcome, Verdict, judge
from hls_swarm.records import (
    Blame,
    EndReason,
    FailureKind,
    ObjectKind,
    Record,
    SegmentFetched,
    ViewerStarted,
    ViewerStopped,
)
from hls_swarm.snapshot.builder import SnapshotBuilder
from hls_swarm.snapshot.snapshot import Phase
from hls_swarm.stats.counter import Counter
from hls_swarm.stats.histogram import Histogram


def test_viewers_are_counted_by_what_they_do() -> None:
    viewers = snapshot(*watching(0, 1.0), *watching(1, 2.0), *failed(2, 3.0), ViewerStarted(3, 4.0, 4.0)).viewers
    assert (viewers.started, viewers.active, viewers.playing, viewers.starting) == (4, 3, 2, 1)
    assert (viewers.stalled, viewers.failed, viewers.played, viewers.peak) == (0, 1, 2, 3)


def test_rates_are_over_the_time_since_the_snapshot_before() -> None:
    made = snapshot(*watching(0, 8.5), *watching(1, 8.6))
    segment = made.objects[ObjectKind.SEGMENT]
    assert (segment.requests, segment.requests_per_second) == (2, 1.0)
    assert segment.body_bytes_per_second == 750_000.0
    assert made.throughput_bytes_per_second == (2 * (750_000 + 500 + 300)) / 2
    assert made.throughput_mean_bytes_per_second == 2 * 750_800 / 10
    assert made.generator.workers[0].cpu_percent == pytest.approx(5.0)


def test_before_anything_happened_experience_is_not_known() -> None:
    first = snapshot(at=2.0)
    assert first.objects == {}
    assert first.experience.rebuffering_ratio is None
    assert first.experience.startup is None


def throughput(*instants: tuple[float, int]) -> list[tuple[float | None, float | None]]:
    """Throughput and its peak at each instant, given the body bytes that came since the one before."""
    builder, counter, figures = SnapshotBuilder(URL, 1, None), Counter(), []
    for at, body_bytes in instants:
        if body_bytes:
            counter.add(SegmentFetched(0, ObjectKind.SEGMENT, exchange(0.0, body_bytes, 0.02), None, 2.0))
        made = builder.build(
            at=at, started_at=0.0, phase=Phase.STEADY, due=1, tally=counter.tally, workers={}, lost={}, origin=None
        )
        figures.append((made.throughput_bytes_per_second, made.throughput_peak_bytes_per_second))
    return figures


def test_the_first_second_has_rates_and_less_than_half_of_one_has_none() -> None:
    assert throughput((1.0, 900_000)) == [(900_000.0, 900_000.0)]
    assert throughput((0.25, 900_000), (1.25, 100_000)) == [(None, None), (100_000.0, 1_000_000 / 1.25)]


def test_what_came_in_less_than_a_second_is_no_higher_a_peak() -> None:
    assert throughput((1.0, 500_000), (3.0, 900_000), (3.5, 400_000)) == [
        (500_000.0, 500_000.0),
        (450_000.0, 500_000.0),
        (800_000.0, 500_000.0),
    ]


def test_rebuffering_is_stalled_time_of_stalled_and_playing_time() -> None:
    experience = snapshot(*watching(0, 0.0), *stalled(0, 4.5, 1.5)).experience
    # Plays from 0.5 to 4.5 and from 6.0 on to 10.0: 8 s, and stalls for 1.5 s.
    assert (experience.playing_seconds, experience.stalled_seconds, experience.stalls) == (8.0, 1.5, 1)
    assert experience.rebuffering_ratio == pytest.approx(1.5 / 9.5)
    assert experience.watched_seconds == 10.0


def test_errors_are_told_with_their_blame() -> None:
    (error,) = snapshot(*failed(0, 1.0), *failed(1, 2.0)).errors
    assert (error.object, error.kind, error.status) == (ObjectKind.MULTIVARIANT_PLAYLIST, FailureKind.HTTP_STATUS, 404)
    assert (error.blame, error.count, error.last_at) == (Blame.ORIGIN, 2, 2.002)


def audience(played: int) -> list[Record]:
    return [record for viewer in range(played) for record in watching(viewer, 1.0)]


class TestVerdict:
    def test_a_run_in_which_viewers_played_and_of_which_nothing_is_expected_is_not_judged(self) -> None:
        assert judge(snapshot(*watching(0, 1.0))) == Outcome(Verdict.NOT_JUDGED)

    def test_one_of_a_hundred_may_never_have_played_and_two_may_not(self) -> None:
        assert judge(snapshot(*audience(99), *failed(99, 2.0))) == Outcome(Verdict.NOT_JUDGED)
        assert judge(snapshot(*audience(98), *failed(98, 2.0), *failed(99, 2.0))) == Outcome(
            Verdict.ERROR,
            (f"2 of 100 viewers that were due to play never did: HTTP 404 Not Found, playlist {URL}",),
        )

    def test_a_crossed_threshold_comes_before_too_few_that_played_and_after_nobody_that_did(self) -> None:
        crossed = [
            ThresholdResult(parse_threshold("errors:count < 1 over run"), "", WindowName.RUN, 1.0, False, "is 1")
        ]
        assert judge(snapshot(*audience(1), *failed(1, 2.0)), thresholds=crossed).verdict is Verdict.FAIL
        assert judge(snapshot(*failed(1, 2.0)), thresholds=crossed).verdict is Verdict.ERROR

    def test_an_interrupted_run_in_which_nobody_had_played_yet_is_told_apart_from_a_failed_one(self) -> None:
        outcome = judge(snapshot(ViewerStarted(0, 9.5, 9.5), at=10.0), interrupted_by=SIGINT)
        assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 130)
        assert judge(snapshot(ViewerStarted(0, 9.5, 9.5), at=10.0), interrupted_by=SIGTERM).exit_code == 143
        assert judge(snapshot(*failed(0, 1.0)), interrupted_by=SIGINT).exit_code == 1
        assert judge(snapshot(*watching(0, 1.0)), interrupted_by=SIGINT) == Outcome(Verdict.NOT_JUDGED)

    def test_all_viewers_failed_is_an_error_with_the_reason(self) -> None:
        outcome = judge(snapshot(*failed(0, 1.0), *failed(1, 2.0)))
        assert (outcome.verdict, outcome.exit_code) == (Verdict.ERROR, 1)
        assert outcome.reasons == (
            "all 2 viewers that started failed: HTTP 404 Not Found, playlist http://origin.test/live/master.m3u8",
        )

    def test_viewers_that_played_and_then_all_failed_are_an_error_too(self) -> None:
        end = failed(0, 1.0)[-1]
        assert isinstance(end, ViewerStopped)
        outcome = judge(
            snapshot(*watching(0, 1.0), ViewerStopped(0, 5.0, EndReason.FAILED, True, end.failure, end.url))
        )
        assert outcome.verdict is Verdict.ERROR

    def test_a_run_that_broke_off_is_an_error(self) -> None:
        assert judge(snapshot(*watching(0, 1.0)), "every worker died") == Outcome(Verdict.ERROR, ("every worker died",))


def test_the_controllers_lateness_is_a_figure_of_its_own_and_a_remark_once_seconds_are_missing() -> None:
    late = Histogram()
    late.add_all((0.001, 0.4))
    generator = snapshot(controller_lateness=late).generator
    assert generator.controller_lateness is not None
    assert (generator.controller_lateness.max, generator.remarks) == (0.4, ())
    late.add(2.44)
    (remark,) = snapshot(controller_lateness=late).generator.remarks
    assert remark.startswith("the controller was late by up to 2.4 s: the timeline lacks seconds")


def test_a_worker_that_died_before_it_said_anything_is_there() -> None:
    (first, second) = snapshot(lost={7: "killed by SIGKILL"}).generator.workers
    assert (first.worker, first.lost) == (0, False)
    assert (second.worker, second.lost, second.died_of) == (7, True, "killed by SIGKILL")
