"""One trial judged from the moments of its run: held, failed or void, and the figures that say so."""

from collections.abc import Iterable, Sequence

import pytest
from tests.support.made.moments import Run
from tests.support.made.snapshots import NOT_FOUND, exchange, failed, stalled, watching

from hls_swarm.capacity.meter import TrialMeter
from hls_swarm.capacity.objectives import DEFAULT_OBJECTIVES, column_of, parse_objectives
from hls_swarm.capacity.steps import Kind, Outcome, Result, Step, VoidBecause
from hls_swarm.capacity.trial import Trial
from hls_swarm.judge.thresholds import ThresholdError
from hls_swarm.records import LatencyObserved, ObjectKind, PlaylistStale, Record, SegmentFetched, ViewerStarted
from hls_swarm.snapshot.workers import MachineFigures

OBJECTIVES = parse_objectives(DEFAULT_OBJECTIVES)
VIEWERS = 10


def _segments(at: float, seconds: float, viewers: int = VIEWERS) -> list[Record]:
    """A segment of two seconds for each viewer, which took so long."""
    return [
        SegmentFetched(viewer, ObjectKind.SEGMENT, exchange(at, 1000, seconds), None, 2.0, 4000)
        for viewer in range(viewers)
    ]


class Measured:
    """A run of ten viewers that play, and the meter that looks at it from its eleventh second on."""

    def __init__(self, *objectives: str, viewers: int = VIEWERS) -> None:
        self.run = Run(target=VIEWERS)
        parsed = parse_objectives(objectives) if objectives else OBJECTIVES
        self.meter = TrialMeter(parsed, columns={"body_bytes_per_second"})
        self.at = 0.0
        self.second(*(record for viewer in range(viewers) for record in watching(viewer, 0.0)))
        for _ in range(9):
            self.second(*_segments(self.at, 0.02))

    def second(self, *records: Record, lags: Iterable[float] = (0.001,), machine: MachineFigures | None = None) -> None:
        self.at += 1.0
        self.meter.look(self.run.second(self.at, *records, lags=lags, machine=machine))

    def begin(self, viewers: int = VIEWERS, kind: Kind = Kind.FULL, seconds: float = 10.0) -> None:
        self.step = Step(kind, viewers, 0.0, 0.0, 0.0, seconds)
        self.began_at = self.at
        self.meter.begin(self.step)

    def end(self) -> tuple[Outcome, Trial]:
        outcome = self.meter.end(self.step, self.at - self.began_at)
        return outcome, self.meter.trials[-1]


def _ten_seconds(measured: Measured, took: Sequence[float] | float = 0.02) -> None:
    for nth in range(10):
        measured.second(*_segments(measured.at, took if isinstance(took, float) else took[nth]))


def test_a_load_that_keeps_every_objective_holds() -> None:
    measured = Measured()
    measured.begin()
    _ten_seconds(measured)
    outcome, trial = measured.end()
    assert (outcome.result, outcome.kind, outcome.viewers) == (Result.HELD, Kind.FULL, VIEWERS)
    assert outcome.segment_seconds == pytest.approx(2.0)
    assert (trial.began_at, trial.ended_at, trial.seconds) == (10.0, 20.0, 10.0)
    assert trial.bad_seconds == 0
    figures = {figure.objective: figure for figure in trial.objectives}
    download = figures["segment_relative_download:p95 < 0.5"]
    assert download.value == pytest.approx(0.01, rel=0.012)
    assert (download.held, download.values, download.limit) == (True, 100, 0.5)
    assert figures["startup_seconds:p95 < 2s"].value is None  # nobody joined in the trial
    assert figures["startup_seconds:p95 < 2s"].held is None


def test_a_load_that_breaks_an_objective_fails_and_says_which() -> None:
    measured = Measured()
    measured.begin()
    _ten_seconds(measured, [0.02] * 8 + [2.6] * 2)
    outcome, trial = measured.end()
    assert outcome.result is Result.FAILED
    assert trial.why == ("segment_relative_download:p95 < 0.5: 1.3",)
    assert trial.broken == ("segment_relative_download:p95 < 0.5",)
    assert trial.bad_seconds == 2


def test_what_was_before_the_trial_is_not_of_it() -> None:
    measured = Measured()
    measured.second(*_segments(measured.at, 9.0), *stalled(0, measured.at, 0.9), lags=(0.5,) * 10)
    measured.begin()
    _ten_seconds(measured)
    outcome, _ = measured.end()
    assert outcome.result is Result.HELD


def test_trouble_of_this_machine_in_the_trial_makes_it_void() -> None:
    measured = Measured()
    measured.begin()
    for _ in range(10):
        measured.second(*_segments(measured.at, 5.0), lags=(0.3,))
    outcome, trial = measured.end()
    assert (outcome.result, outcome.because) == (Result.VOID, VoidBecause.GENERATOR)
    assert trial.why == ("event-loop lag P99 300 ms, over the limit of 100 ms",)


def _full(percent: float, device: str) -> MachineFigures:
    return MachineFigures(percent, device, None, None, None)


def test_a_trial_in_which_no_event_loop_came_round_is_void() -> None:
    measured = Measured()
    measured.begin()
    measured.second(*_segments(measured.at, 5.0), lags=())
    measured.second(*_segments(measured.at, 5.0), lags=())
    outcome, trial = measured.end()
    assert (outcome.result, trial.because) == (Result.VOID, VoidBecause.GENERATOR)
    assert trial.why == ("event loops of this machine stood still for 2.0 s",)


@pytest.mark.parametrize(
    ("device", "percent", "lag", "expected"),
    [
        pytest.param("eth0", 99.9, 0.03, Result.VOID, id="full, and viewers feel it"),
        pytest.param("eth0", 99.9, 0.001, Result.HELD, id="full, and viewers do not feel it"),
        pytest.param("eth0", 80.0, 0.03, Result.HELD, id="busy"),
        pytest.param("lo", 99.9, 0.03, Result.HELD, id="full of the origin too"),
    ],
)
def test_a_full_machine_makes_a_trial_void_unless_the_origin_is_on_it(
    device: str, percent: float, lag: float, expected: Result
) -> None:
    measured = Measured()
    measured.begin()
    for _ in range(12):
        measured.second(*_segments(measured.at, 0.02), lags=(lag,), machine=_full(percent, device))
    assert measured.end()[0].result is expected


@pytest.mark.parametrize(
    ("took", "expected"),
    [
        pytest.param(0.02, (Result.VOID, VoidBecause.SOURCE), id="while segments come fast"),
        pytest.param(3.0, (Result.FAILED, None), id="while the origin is slow in everything"),
    ],
)
def test_stale_playlists_make_a_trial_void(took: float, expected: tuple[Result, VoidBecause | None]) -> None:
    measured = Measured()
    measured.begin()
    _ten_seconds(measured, took)
    measured.second(*(PlaylistStale(viewer, measured.at, None) for viewer in range(3)))
    outcome, _ = measured.end()
    assert (outcome.result, outcome.because) == expected


def test_fewer_viewers_than_wanted_make_a_trial_void() -> None:
    measured = Measured()
    measured.begin(viewers=VIEWERS + 1)
    _ten_seconds(measured)
    outcome, trial = measured.end()
    assert (outcome.result, outcome.because) == (Result.VOID, VoidBecause.LOAD)
    assert trial.why == ("10 viewers ran where 11 were wanted",)


def test_viewers_that_fail_fail_the_trial_even_if_no_objective_says_so() -> None:
    measured = Measured("segment_relative_download:p95 < 0.5")
    measured.begin()
    _ten_seconds(measured)
    measured.second(*failed(50, measured.at))
    outcome, trial = measured.end()
    assert outcome.result is Result.FAILED
    assert trial.why == ("1 viewer failed",)


def test_nothing_measured_is_void_and_not_good() -> None:
    measured = Measured("segment_relative_download:p95 < 0.5")
    measured.begin()
    measured.second()
    measured.second()
    outcome, _ = measured.end()
    assert (outcome.result, outcome.because) == (Result.VOID, VoidBecause.NOTHING)


def test_an_audience_that_falls_behind_by_a_segment_fails() -> None:
    measured = Measured()
    measured.begin()
    for nth in range(12):
        edge = 6.0 + 0.3 * nth
        behind = (LatencyObserved(viewer, measured.at + 0.5, None, edge, 4.0) for viewer in range(VIEWERS))
        measured.second(*_segments(measured.at, 0.02), *behind)
    outcome, trial = measured.end()
    assert outcome.result is Result.FAILED
    assert trial.why[0].startswith("viewers fell behind: edge latency rose by 2.")


def test_few_values_are_judged_on_all_trials_of_the_load() -> None:
    measured = Measured("startup_seconds:p95 < 2s", "segment_relative_download:p95 < 0.5")
    for joins in (19, 1):
        measured.begin()
        for nth in range(joins):
            viewer = 100 * joins + nth
            measured.second(*_segments(measured.at, 0.02), *watching(viewer, measured.at))
        _, trial = measured.end()
    figure = trial.objectives[0]
    assert figure.values == 20
    assert figure.value == pytest.approx(0.5, rel=0.012)


def test_a_void_trial_is_not_judged_with_others_of_its_load() -> None:
    measured = Measured("startup_seconds:p95 < 2s", "segment_relative_download:p95 < 0.5")
    measured.begin()
    for nth in range(5):
        measured.second(*_segments(measured.at, 0.02), *watching(100 + nth, measured.at), lags=(0.4,))
    assert measured.end()[0].result is Result.VOID
    measured.begin()
    measured.second(*_segments(measured.at, 0.02), *watching(200, measured.at))
    _, trial = measured.end()
    assert trial.objectives[0].values == 1


def test_a_soak_says_what_its_bytes_fell_to() -> None:
    measured = Measured()
    measured.begin(kind=Kind.SOAK, seconds=30.0)
    for nth in range(30):
        measured.second(*_segments(measured.at, 0.02, VIEWERS if nth < 15 else VIEWERS // 2))
    outcome, _ = measured.end()
    assert outcome.fell_to == pytest.approx(0.5, abs=0.01)


def test_a_soak_that_is_lost_at_once_is_compared_with_what_that_load_received_when_it_held() -> None:
    measured = Measured()
    measured.begin(kind=Kind.CONFIRM)
    _ten_seconds(measured)
    assert measured.end()[0].result is Result.HELD
    measured.begin(kind=Kind.SOAK, seconds=30.0)
    for _ in range(9):
        measured.second(*_segments(measured.at, 5.0, viewers=6))
    outcome, _ = measured.end()
    assert outcome.result is Result.FAILED
    assert outcome.fell_to == pytest.approx(0.6, abs=0.01)


def test_a_pulse_says_whether_viewers_are_well() -> None:
    measured = Measured()
    entry = measured.run.second(11.0, *_segments(10.0, 0.02))
    well = measured.meter.look(entry)
    assert (well.at, well.active, well.holds, well.is_well) == (11.0, VIEWERS, True, True)
    assert well.relative_download == pytest.approx(0.01, rel=0.012)
    slow = measured.meter.look(measured.run.second(12.0, *_segments(11.0, 0.8)))
    assert (slow.holds, slow.is_well) == (True, False)
    bad = measured.meter.look(measured.run.second(13.0, *_segments(12.0, 1.8)))
    assert (bad.holds, bad.is_well) == (False, False)


@pytest.mark.parametrize(
    ("objective", "records", "share", "lost"),
    [
        pytest.param("segment_relative_download:p95 < 0.5", _segments(11.0, 3.0), 0.5, True, id="all of them slow"),
        pytest.param(
            "segment_relative_download:p95 < 0.5",
            [*_segments(11.0, 3.0, 1), *_segments(11.0, 0.1, 19)],
            0.5,
            False,
            id="the rest may make up for it",
        ),
        pytest.param("segment_relative_download:p95 < 0.5", _segments(11.0, 3.0), 0.1, False, id="too early to say"),
        pytest.param("segment_relative_download:max < 0.5", _segments(11.0, 3.0), 0.5, False, id="not a quantile"),
        pytest.param(
            "errors:rate < 10%",
            [
                *_segments(11.0, 0.1, 5),
                *(
                    SegmentFetched(v, ObjectKind.SEGMENT, exchange(11.0, 0, 0.1, NOT_FOUND), NOT_FOUND, 2.0)
                    for v in range(5)
                ),
            ],
            0.5,
            True,
            id="errors enough for the whole of it",
        ),
        pytest.param(
            "waiting_ratio < 1%", [ViewerStarted(99, 10.0, 10.0)], 0.5, True, id="waiting enough for all of it"
        ),
    ],
)
def test_a_trial_that_can_not_hold_any_more_is_lost(
    objective: str, records: Sequence[Record], share: float, lost: bool
) -> None:
    measured = Measured(objective)
    measured.begin()
    measured.second(*records)
    assert measured.meter.cannot_hold(share) is lost


@pytest.mark.parametrize(
    ("objective", "column"),
    [
        ("segment_relative_download:p95 < 0.5", "segment_relative_download_p95"),
        ("startup_seconds:p90 < 2s", None),
        ("errors:rate < 0.5%", "errors_rate"),
        ("waiting_ratio < 1%", "waiting_ratio"),
        ("viewers_stalled:max < 3", "viewers_stalled"),
        ("origin_cpu_percent@a:max < 90", "origin_cpu_percent@a"),
        ("origin_cpu_percent:max < 90", None),
    ],
)
def test_the_column_that_tells_of_an_objective(objective: str, column: str | None) -> None:
    assert column_of(parse_objectives([objective])[0]) == column


@pytest.mark.parametrize("line", ["errors:rate < 1% over run", "errors:rate < 1% abort", "errors < 1%"])
def test_an_objective_is_always_of_one_trial(line: str) -> None:
    with pytest.raises(ThresholdError):
        parse_objectives([line])
