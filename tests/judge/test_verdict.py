"""When this machine was the bottleneck, what that voids, and what of a run is judged then."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs
from tests.support.made.moments import Run
from tests.support.made.snapshots import exchange, failed, lag, stalled, watching

from hls_swarm.judge.expectations import DEFAULTS, ExpectationError, expectations
from hls_swarm.judge.metrics.table import METRICS
from hls_swarm.judge.thresholds import parse_threshold
from hls_swarm.judge.verdict import Outcome, Verdict, judge
from hls_swarm.records import Failure, FailureKind, ObjectKind, Record, SegmentFetched, ViewerStarted
from hls_swarm.snapshot.agents import AgentState, MachineUse
from hls_swarm.snapshot.snapshot import Phase
from hls_swarm.snapshot.workers import MachineFigures
from hls_swarm.stats.faults import FaultCount
from hls_swarm.stats.histogram import Histogram


def machine(cpu: float = 40.0, link: float = 10.0) -> MachineFigures:
    return MachineFigures(cpu, "eth0", link * 1.25e6, 1e6, 125e6, 2.5)


def outcome_of(run: Run) -> Outcome:
    last = run.entries[-1]
    return judge(last.moment.snapshot, thresholds=last.thresholds, expectations=last.expectations)


def quiet(run: Run, seconds: Iterable[int]) -> None:
    for second in seconds:
        run.second(float(second))


def expected(*lines: str, thresholds: tuple[str, ...] = ()) -> Run:
    judged = [parse_threshold(line).metric for line in thresholds]
    return Run(*thresholds, expected=expectations(lines, thresholds=judged))


class TestGenerator:
    def test_a_loop_that_lags_for_more_than_a_tenth_of_the_run_makes_it_invalid(self) -> None:
        run = Run()
        run.second(1.0, *watching(0, 0.1))
        for second in (2, 3):
            run.second(float(second), lags=[0.150] * 10)
        quiet(run, range(4, 11))
        outcome = outcome_of(run)
        assert (outcome.verdict, outcome.exit_code) == (Verdict.INVALID, 3)
        assert outcome.reasons == (
            "20% of the run is void, more than 10%",
            (
                "this machine was late: event-loop lag P99 150 ms (0:01-0:03): fewer viewers here, more --workers, or "
                "another machine beside it"
            ),
        )

    @pytest.mark.parametrize(
        ("failure", "verdict"),
        [
            pytest.param(Failure(FailureKind.HTTP_STATUS, "status 404", 404), Verdict.ERROR, id="the origin says no"),
            pytest.param(Failure(FailureKind.FIRST_BYTE_TIMEOUT, "no answer"), Verdict.INVALID, id="it may be late"),
            pytest.param(Failure(FailureKind.DESCRIPTORS, "no descriptor"), Verdict.INVALID, id="it was not asked"),
        ],
    )
    def test_where_nobody_played_a_late_machine_does_not_hide_what_the_origin_said(
        self, failure: Failure, verdict: Verdict
    ) -> None:
        run = Run()
        run.second(1.0, *failed(0, 0.1, failure), lags=[0.150] * 10)
        run.second(2.0, lags=[0.150] * 10)
        assert outcome_of(run).verdict is verdict

    def test_less_of_it_voids_its_seconds_only(self) -> None:
        run = expected()
        run.second(1.0, *watching(0, 0.1), *watching(1, 0.2))
        quiet(run, range(2, 20))
        run.second(20.0, *stalled(0, 19.0, 0.9), lags=[0.150] * 10)
        quiet(run, range(21, 31))
        assert outcome_of(run) == Outcome(Verdict.PASS)
        run.second(31.0, *stalled(0, 30.0, 0.9))
        assert outcome_of(run).verdict is Verdict.FAIL

    @pytest.mark.parametrize(
        ("full", "lag", "verdict"),
        [
            pytest.param(9, 0.03, Verdict.NOT_JUDGED, id="a short peak"),
            pytest.param(12, 0.03, Verdict.INVALID, id="a full processor that viewers feel"),
            pytest.param(12, 0.004, Verdict.NOT_JUDGED, id="a full processor of which viewers have their share"),
        ],
    )
    def test_a_full_processor(self, full: int, lag: float, verdict: Verdict) -> None:
        run = Run()
        run.second(1.0, *watching(0, 0.1), machine=machine())
        for second in range(2, 2 + full):
            run.second(float(second), machine=machine(cpu=99.5), lags=[lag] * 10)
        for second in range(2 + full, 41):
            run.second(float(second), machine=machine())
        assert outcome_of(run).verdict is verdict

    def test_seconds_in_doubt_are_judged_when_nothing_came_of_it(self) -> None:
        run = Run("stalls:count < 1 over steady")
        run.second(1.0, *watching(0, 0.1), machine=machine())
        run.second(2.0, machine=machine())
        for second in range(3, 9):
            run.second(float(second), machine=machine(cpu=99.5), lags=[0.03] * 10)
        run.second(9.0, *stalled(0, 8.1, 0.5), machine=machine(cpu=99.5), lags=[0.03] * 10)
        assert run.entries[-1].thresholds[0].held
        run.second(10.0, machine=machine())
        assert not run.entries[-1].thresholds[0].held

    def test_seconds_in_doubt_are_void_when_it_was_the_generator(self) -> None:
        run = Run("stalls:count < 1 over run")
        run.second(1.0, *watching(0, 0.1), machine=machine())
        for second in range(2, 14):
            run.second(float(second), *stalled(0, second - 0.9, 0.5), machine=machine(cpu=99.5), lags=[0.03] * 10)
        run.second(14.0, phase=Phase.FINISHED)
        assert run.entries[-1].thresholds[0].held

    def test_a_full_link(self) -> None:
        run = Run()
        run.second(1.0, *watching(0, 0.1), machine=machine())
        for second in range(2, 14):
            run.second(float(second), machine=machine(link=99.2))
        assert outcome_of(run).reasons[1].startswith("this machine's link was full (99%) (since 0:01)")

    def test_a_lost_worker_voids_the_run_however_late(self) -> None:
        run = Run()
        run.second(1.0, *watching(0, 0.1))
        quiet(run, range(2, 60))
        run.second(60.0, lost={0: "killed by SIGKILL"}, phase=Phase.FINISHED)
        assert outcome_of(run).reasons == (
            (
                "workers died: 1; the viewers there are lost (since 0:59; worker 0 killed by SIGKILL): the log says "
                "what killed them: memory mostly"
            ),
        )

    def test_a_worker_that_did_not_report_to_the_end_voids_the_run(self) -> None:
        run = Run()
        run.second(1.0, *watching(0, 0.1))
        run.second(2.0, silent={1: 7.04, 0: 12.0}, phase=Phase.FINISHED)
        (reason,) = outcome_of(run).reasons
        assert reason.startswith("workers that did not report to the end: 2; the viewers there are lost (")
        assert "; worker 0 for 12.0 s; worker 1 for 7.04 s): " in reason

    def test_an_exception_of_its_own_voids_the_run_and_is_named(self) -> None:
        run = Run()
        run.second(1.0, *watching(0, 0.1))
        run.second(2.0, faults={"KeyError (viewer/machine.py:7 in handle): 3": FaultCount(2, "viewer 3", "Traceback")})
        quiet(run, range(3, 200))
        assert outcome_of(run).reasons == (
            (
                "exceptions in hls-swarm itself: 2 (since 0:01; KeyError (viewer/machine.py:7 in handle): 3): please "
                "report it with the lines of log.jsonl"
            ),
        )

    def test_late_starts(self) -> None:
        run = Run()
        late = [ViewerStarted(number, 0.5, 0.3) for number in range(2)]
        on_time: list[Record] = [ViewerStarted(number, 0.4, 0.4) for number in range(2, 100)]
        run.second(1.0, *watching(200, 0.1), *late, *on_time)
        assert outcome_of(run).reasons[1].startswith("viewers that started late: 2 in a second (since 0:00)")

    def test_what_this_machine_has_too_little_of_comes_with_a_remedy(self) -> None:
        ports, none_left = (Failure(kind, "none left") for kind in (FailureKind.PORTS, FailureKind.DESCRIPTORS))
        run = Run()
        run.second(
            1.0,
            *watching(0, 0.1),
            SegmentFetched(0, ObjectKind.SEGMENT, exchange(0.6, 0, 0.001, ports), ports, 2.0, 3_000_000),
            SegmentFetched(0, ObjectKind.SEGMENT, exchange(0.7, 0, 0.001, none_left), none_left, 2.0, 3_000_000),
        )
        reasons = " ".join(outcome_of(run).reasons)
        assert "for want of a file descriptor: 1 in a second (since 0:00): raise the limit of open files" in reasons
        assert "for want of a local port: 1 in a second (since 0:00): name more addresses with" in reasons


class TestExpectations:
    def test_a_run_that_keeps_them_passes(self) -> None:
        run = expected()
        run.second(1.0, *watching(0, 0.1))
        quiet(run, range(2, 10))
        assert outcome_of(run) == Outcome(Verdict.PASS)
        values = {result.expectation.name: result.value for result in run.entries[-1].expectations}
        assert values == {"viewers": 0.0, "errors": 0.0, "rebuffering": 0.0, "media": 0.0, "playlists": 0.0}

    def test_a_run_that_breaks_them_fails_with_each_in_words(self) -> None:
        run = expected()
        run.second(1.0, *watching(0, 0.1), *failed(1, 0.2))
        run.second(2.0, *stalled(0, 1.1, 0.5))
        outcome = outcome_of(run)
        assert (outcome.verdict, outcome.exit_code) == (Verdict.FAIL, 99)
        assert outcome.reasons == (
            "viewers that failed: 50%, expected at most 0%",
            "requests that failed: 25%, expected at most 1.00%",
            "stalled time of the viewers: 36%, expected at most 1.00%",
        )

    @pytest.mark.parametrize(
        ("lines", "thresholds", "texts"),
        [
            pytest.param((), (), ["viewers=0%", "errors=1%", "rebuffering=1%", "media=1%", "playlists=1%"], id="all"),
            pytest.param(
                ("errors=2%", "rebuffering=off"),
                (),
                ["viewers=0%", "errors=2%", "media=1%", "playlists=1%"],
                id="changed by name",
            ),
            pytest.param(
                (),
                ("segment_download_seconds", "origin_cpu_percent", "segment_errors"),
                ["viewers=0%", "errors=1%", "rebuffering=1%", "media=1%", "playlists=1%"],
                id="thresholds on something else",
            ),
            pytest.param(
                (),
                ("errors", "rebuffering_ratio", "viewers_failed"),
                ["media=1%", "playlists=1%"],
                id="thresholds on the same figures judge in their place",
            ),
            pytest.param(
                ("errors=5%", "media=off"),
                ("errors", "viewers_failed"),
                ["errors=5%", "rebuffering=1%", "playlists=1%"],
                id="what was named stays beside a threshold",
            ),
        ],
    )
    def test_which_apply(self, lines: tuple[str, ...], thresholds: tuple[str, ...], texts: list[str]) -> None:
        assert [each.text for each in expectations(lines, thresholds=thresholds)] == texts
        assert expectations((), thresholds=thresholds, none=True) == ()

    def test_each_is_replaced_by_thresholds_on_a_metric_that_there_is(self) -> None:
        assert {each.name: each.metric for each in DEFAULTS} == {
            "viewers": "viewers_failed",
            "errors": "errors",
            "rebuffering": "rebuffering_ratio",
            "media": "",
            "playlists": "",
        }
        assert {each.metric for each in DEFAULTS if each.metric} <= METRICS.keys()

    @pytest.mark.parametrize(
        ("thresholds", "verdict", "reasons"),
        [
            pytest.param(
                ("segment_download_seconds:p95 < 60s over run",),
                Verdict.FAIL,
                ("viewers that failed", "requests that failed", "stalled time of the viewers"),
                id="a threshold on something else",
            ),
            pytest.param(
                ("errors:rate < 50% over run", "rebuffering_ratio < 50% over run", "viewers_failed:count < 2 over run"),
                Verdict.PASS,
                (),
                id="thresholds on all that is wrong",
            ),
            pytest.param(
                ("errors:rate < 10% over run", "rebuffering_ratio < 50% over run", "viewers_failed:count < 2 over run"),
                Verdict.FAIL,
                ("errors:rate < 10% over run",),
                id="one of them crossed, and told once",
            ),
        ],
    )
    def test_a_threshold_hides_nothing_but_what_it_is_of(
        self, thresholds: tuple[str, ...], verdict: Verdict, reasons: tuple[str, ...]
    ) -> None:
        run = expected(thresholds=thresholds)
        *asked, stopped = failed(1, 0.6)[1:]
        run.second(1.0, *watching(0, 0.1), *watching(1, 0.1), *asked, structs.replace(stopped, played=True))
        run.second(2.0, *stalled(0, 1.1, 0.5))
        outcome = outcome_of(run)
        assert outcome.verdict is verdict
        assert tuple(said.split(": ")[0] for said in outcome.reasons) == reasons

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("errors", "'errors' is no expectation: write it like errors=2% or rebuffering=off"),
            ("error=2%", "there is no expectation error: did you mean errors?"),
            ("stalls=2%", "there is no expectation stalls: there are viewers, errors, rebuffering, media, playlists"),
            ("errors=2s", "'2s' is no share: write it like 2%"),
            ("errors=200%", "'200%' is no share: write it like 2%"),
        ],
    )
    def test_one_that_can_not_be_read(self, line: str, words: str) -> None:
        with pytest.raises(ExpectationError) as raised:
            expectations((line,))
        assert str(raised.value) == words


def agent(name: str, lag: float = 0.001, **changes: Any) -> AgentState:
    histogram = Histogram()
    histogram.add_all([lag] * 20)
    return replace(AgentState(name, (0,), viewers=4, loop_lag=histogram, poll_age_seconds=0.2), **changes)


class TestAgents:
    def run(self, seconds: int, states: Callable[[int], Sequence[AgentState]]) -> Run:
        run = Run()
        run.second(1.0, *watching(0, 0.1), agents=states(1))
        for second in range(2, seconds + 1):
            run.second(float(second), agents=states(second))
        return run

    def test_agents_that_keep_up_void_nothing(self) -> None:
        run = self.run(12, lambda second: [agent("a"), agent("b")])
        assert outcome_of(run).verdict is not Verdict.INVALID
        assert run.entries[-1].row["agent_viewers@b"] == 4

    def test_one_whose_processor_is_full_makes_the_run_invalid_and_is_named(self) -> None:
        busy = MachineUse(cpu_percent=100.0)
        run = self.run(14, lambda second: [agent("a"), agent("b", machine=busy, loop_lag=lag(*[0.03] * 20 * second))])
        outcome = outcome_of(run)
        assert outcome.verdict is Verdict.INVALID
        assert any(reason.startswith("the processor of agent b was full (100%)") for reason in outcome.reasons)
        assert not any("agent a" in reason for reason in outcome.reasons)

    def test_one_whose_link_is_full_is_named(self) -> None:
        full = MachineUse(link_percent=97.0)
        outcome = outcome_of(self.run(14, lambda second: [agent("a"), agent("b", machine=full)]))
        assert any(reason.startswith("the link of agent b was full (97%)") for reason in outcome.reasons)

    def test_one_that_is_lost_makes_the_run_invalid_and_its_gap_is_said(self) -> None:
        gone: dict[str, Any] = {"lost": "no answer for 13 s; its load has ended by its lease", "gap_seconds": 12.5}
        run = self.run(9, lambda second: [agent("a"), agent("b", **(gone if second > 5 else {}))])
        outcome = outcome_of(run)
        assert (outcome.verdict, outcome.exit_code) == (Verdict.INVALID, 3)
        (reason,) = outcome.reasons
        assert reason.startswith("agent b is lost, and what it did last is not counted (since 0:05; no answer for 13 s")
        assert "not counted is what it did in the 12.5 s after its last word" in reason

    def test_one_whose_viewers_come_again_on_others_voids_only_the_time_until_they_have(self) -> None:
        def states(second: int) -> list[AgentState]:
            lost: dict[str, Any] = {"lost": "its process has ended", "gap_seconds": 1.0, "replaced": second > 8}
            return [agent("a"), agent("b", **(lost if second > 5 else {}))]

        run = self.run(60, states)
        assert outcome_of(run).verdict is not Verdict.INVALID
        (finding,) = run.entries[-1].moment.snapshot.generator_findings
        assert finding.rule == "generator-agent-missing"
        assert finding.intervals[0].text == "0:05-0:08"

    def test_one_that_is_silent_for_a_while_costs_nothing(self) -> None:
        run = self.run(12, lambda second: [agent("a"), agent("b", poll_age_seconds=4.0 if second == 6 else 0.1)])
        assert outcome_of(run).verdict is not Verdict.INVALID
        assert run.entries[5].moment.snapshot.generator.agents[1].condition == "silent"
