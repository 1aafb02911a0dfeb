"""The answer: its exit codes, its JSON, and what a person reads."""

from collections.abc import Sequence

import msgspec
import pytest
from rich.console import Console
from tests.capacity.verdict import made

from hls_swarm.capacity.answer import CapacityAnswer, TrialFigures, answer_of, case_of, exit_code, read_answer
from hls_swarm.capacity.objectives import parse_objectives
from hls_swarm.capacity.steps import Ending, Kind, Overload, Result, Soak, Verdict, VoidBecause
from hls_swarm.capacity.trial import ObjectiveFigure, Trial, worsened
from hls_swarm.judge.summary import to_json
from hls_swarm.views.capacity import headline, lines, trials_table
from hls_swarm.views.terminal.capacity import capacity_text

URL = "http://origin.test/live/master.m3u8"
OBJECTIVES = parse_objectives(["segment_relative_download:p95 < 0.5", "errors:rate < 0.5%"])
SHAPER = {"rtt_seconds_p50": 0.097, "body_bytes_per_second": 63_000.0 * 37.6, "@tcp_retransmit_ratio": 0.11}
FOUND = Ending(
    Verdict.FOUND,
    37,
    39,
    confirmed=True,
    soaks=(Soak(37, held=True, seconds=300.0),),
    overload=Overload(46, 37, 45.0),
)


def _judged(trial: Trial) -> Trial:
    failed = trial.result is Result.FAILED
    figures = (
        ObjectiveFigure(OBJECTIVES[0].text, 0.5, 1.28 if failed else 0.18, not failed, 900),
        ObjectiveFigure(OBJECTIVES[1].text, 0.005, 0.0, held=True),
    )
    return msgspec.structs.replace(trial, objectives=figures)


def _confirms(bad: Sequence[int]) -> list[Trial]:
    """After all other trials: their rows are not looked at."""
    return [
        _judged(Trial(37, Kind.CONFIRM, Result.HELD, 1000.0 + 70 * nth, 1060.0 + 70 * nth, 60.0, bad_seconds=seconds))
        for nth, seconds in enumerate(bad)
    ]


def found(ending: Ending = FOUND, *, at_least: int | None = None, running: bool = False) -> CapacityAnswer:
    case = made.case(SHAPER, held={"@cpu_busiest_core_percent": lambda n: 2 + 0.024 * n})
    trials = [_judged(trial) for trial in case.trials] + _confirms([0, 1])
    return answer_of(ending, trials, case.rows, OBJECTIVES, url=URL, seconds=1060.0, at_least=at_least, running=running)


def _ending(verdict: Verdict, viewers: int | None, *, gave_out: bool = False) -> Ending:
    return Ending(verdict, viewers, None, confirmed=True, generator_gave_out=gave_out)


@pytest.mark.parametrize(
    ("ending", "at_least", "code"),
    [
        pytest.param(_ending(Verdict.FOUND, 40), None, 0, id="found"),
        pytest.param(_ending(Verdict.FOUND, 40), 40, 0, id="as many as were asked for"),
        pytest.param(_ending(Verdict.FOUND, 40), 41, 99, id="fewer"),
        pytest.param(_ending(Verdict.NONE, None), None, 99, id="none"),
        pytest.param(_ending(Verdict.AT_LEAST, 40, gave_out=True), None, 3, id="this machine gave out"),
        pytest.param(_ending(Verdict.AT_LEAST, 40, gave_out=True), 40, 0, id="but not before what was asked for"),
        pytest.param(_ending(Verdict.AT_LEAST, 40, gave_out=True), 50, 3, id="and before it"),
        pytest.param(_ending(Verdict.AT_LEAST, 40), None, 0, id="no more were to be tried"),
        pytest.param(_ending(Verdict.BROKE_OFF, 40), 10, 1, id="broke off"),
    ],
)
def test_exit_codes(ending: Ending, at_least: int | None, code: int) -> None:
    assert exit_code(ending, at_least) == code


def test_the_answer_says_what_broke_first_and_how_sure_it_is() -> None:
    answer = found()
    assert answer.broke_first is not None
    assert (answer.broke_first.objective, answer.broke_first.at_held, answer.broke_first.at_failed) == (
        "segment_relative_download:p95 < 0.5",
        0.18,
        1.28,
    )
    assert answer.confidence is not None
    assert (answer.confidence.trials, answer.confidence.held) == (2, 2)
    assert (answer.confidence.bad_seconds, answer.confidence.seconds) == (1, 120)
    assert answer.confidence.upper == pytest.approx(0.0389, abs=0.0002)
    assert [accused.name for accused in answer.cause.named] == ["network-path"]


def test_its_json_is_a_contract_and_reads_back() -> None:
    answer = found()
    text = to_json(answer.json_object())
    read = msgspec.json.decode(text)
    assert read_answer(read) == answer
    assert {"schema", "url", "verdict", "viewers", "failed_at", "slo", "trials", "broke_first", "confidence"} <= set(
        read
    )
    assert {"suspects", "ruled_out", "not_known", "predicted", "soaks", "overload"} <= set(read)
    assert read["schema"] == "hls-swarm/capacity/1"
    trial = read["trials"][0]
    assert (trial["viewers"], trial["kind"], trial["result"]) == (10, "full", "held")
    assert trial["viewers_figures"]["rtt_seconds"] == 0.0006
    assert trial["origin"]["a"]["cpu_busiest_core_percent"] == pytest.approx(2.24)
    suspect = read["suspects"][0]
    assert (suspect["name"], suspect["score"], suspect["confidence"]) == ("network-path", 5, "proven")
    evidence = suspect["evidence"][0]["evidence"][0]
    assert (evidence["signal"], evidence["figure"], evidence["comparison"]) == ("rtt_seconds_p50", 0.097, "risen")


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(FOUND, id="found"),
        pytest.param(
            Ending(Verdict.FOUND, 37, 39, confirmed=True, overload=Overload(46, 37, None, recovers_at=26)),
            id="does not recover at that load",
        ),
        pytest.param(
            Ending(Verdict.FOUND, 37, 39, confirmed=True, overload=Overload(46, 37, None)), id="does not recover at all"
        ),
        pytest.param(Ending(Verdict.NONE, None, 1, confirmed=False, reason="not even 1 viewer"), id="none"),
        pytest.param(Ending(Verdict.BROKE_OFF, None, None, confirmed=False, reason="interrupted"), id="nothing known"),
        pytest.param(
            Ending(Verdict.AT_LEAST, 37, None, confirmed=True, generator_gave_out=True, not_done=("the soak: x",)),
            id="a lower bound",
        ),
    ],
)
def test_whatever_the_ending_it_reads_back_and_can_be_shown(ending: Ending) -> None:
    answer = found(ending)
    read = read_answer(msgspec.json.decode(to_json(answer.json_object())))
    assert read == answer
    assert list(lines(read)) == list(lines(answer))


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param({"schema": "hls-swarm/capacity/9"}, id="of another version"),
        pytest.param({}, id="of nothing"),
        pytest.param({"schema": "hls-swarm/capacity/1", "verdict": "perhaps"}, id="damaged"),
    ],
)
def test_what_is_no_answer_is_refused(damaged: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="it is"):
        read_answer(damaged)


def test_what_a_person_reads() -> None:
    answer = found()
    assert headline(answer) == "CAPACITY  37 viewers hold every objective, 39 do not    7 trials, 17m40s"
    shown = list(lines(answer))
    assert shown[:8] == [
        "Broke first      segment_relative_download:p95 < 0.5   0.18 at 37, 1.28 at 39",
        "Gave out first   the network from origin to viewers    proven (5; next suspect 1)",
        "  + round trip of viewers' connections 97.0 ms at 39, 600 us at 37",
        "  + received flat: 18.6 Mbit/s at 37, 19.0 Mbit/s at 39, where 19.7 Mbit/s were wanted",
        "  + retransmits 11% at 39, 0.10% at 37",
        "  + round trip of viewers' connections crossed 5.00 ms when the objective broke",
        "  Look for       a shaper, a provider's cap, a switch port (tc -s qdisc); BBR and fq on the origin",
        "Would be next    the processors, at about 333 viewers (4 loads, straight line)",
    ]
    assert "Soak             37 for 5m00s: held" in shown
    assert "After overload   46, back to 37: held again after 45.0 s" in shown
    assert "Confidence       37 held in 2 of 2 trials of 60.0 s: 1 of 120 s bad, with 95% confidence < 3.89%" in shown


def test_the_table_has_a_row_for_each_load() -> None:
    table = trials_table(found())
    assert list(table.columns) == ["viewers", "trials", "result", "rel. P95", "errors", "core", "received", "RTT"]
    assert [list(row) for row in table.rows][-2:] == [
        ["37", "1 x 30s, 2 x 60s", "held", "0.18", "0%", "-", "-", "-"],
        ["39", "1 x 30s", "failed", "1.28", "0%", "2.94%", "19.0 Mbit/s", "97.0 ms"],
    ]


@pytest.mark.parametrize(
    ("ending", "running", "words"),
    [
        pytest.param(
            Ending(Verdict.AT_LEAST, 4200, None, confirmed=True, reason="this machine gave out, not the origin"),
            False,
            "at least 4,200 viewers: this machine gave out, not the origin",
            id="at least",
        ),
        pytest.param(
            Ending(Verdict.NONE, None, 1, confirmed=False),
            False,
            "none: not even 1 viewer has what the objectives ask for",
            id="none",
        ),
        pytest.param(
            Ending(Verdict.BROKE_OFF, 37, 39, confirmed=False, reason="the time limit is reached"),
            False,
            "broke off: the time limit is reached; so far 37 hold (not confirmed), 39 do not",
            id="broke off",
        ),
        pytest.param(
            Ending(Verdict.BROKE_OFF, None, 39, confirmed=False, reason="it goes on"),
            True,
            "goes on; so far 39 do not",
            id="goes on",
        ),
    ],
)
def test_the_first_line(ending: Ending, running: bool, words: str) -> None:
    assert headline(found(ending, running=running)).split("  ")[1] == words


def test_the_whole_is_drawn_in_one_piece() -> None:
    console = Console(width=140, no_color=True)
    with console.capture() as capture:
        console.print(capacity_text(found()))
    text = capture.get()
    assert text.startswith("CAPACITY  37 viewers hold every objective")
    assert "Ruled out" in text
    assert "viewers" in text.splitlines()[-6]


@pytest.mark.parametrize(
    ("void_at", "failed"),
    [
        pytest.param(80, 80, id="beyond all that held"),
        pytest.param(37, None, id="where another trial held"),
        pytest.param(30, None, id="below what held"),
    ],
)
def test_void_trials_say_why_there_is_no_more_to_say_where_nothing_else_does(void_at: int, failed: int | None) -> None:
    held = [_judged(trial) for trial in made.case().trials if trial.result is Result.HELD]
    void = Trial(void_at, Kind.COARSE, Result.VOID, 900.0, 915.0, 15.0, because=VoidBecause.GENERATOR)
    ending = Ending(Verdict.BROKE_OFF, 37, None, confirmed=False, reason="interrupted")
    assert case_of(ending, [*held, void], (), OBJECTIVES).failed == failed


def test_a_search_that_broke_off_before_a_trial_has_no_table() -> None:
    ending = Ending(Verdict.BROKE_OFF, None, None, confirmed=False, reason="interrupted")
    console = Console(width=80, no_color=True)
    with console.capture() as capture:
        console.print(capacity_text(answer_of(ending, [], [], OBJECTIVES, url=URL, seconds=14.9)))
    assert capture.get() == "CAPACITY  broke off: interrupted    0 trials, 14.9 s\n"


def test_on_a_narrow_screen_lines_hang_and_columns_that_have_no_room_are_left_out() -> None:
    console = Console(width=60, no_color=True)
    with console.capture() as capture:
        console.print(capacity_text(found()))
    shown = capture.get().splitlines()
    assert all(len(line) <= 60 for line in shown)
    ruled_out = next(nth for nth, line in enumerate(shown) if line.startswith("Ruled out"))
    assert shown[ruled_out + 1].startswith(" " * 17)
    head = next(line for line in shown if line.startswith("viewers"))
    assert head.split()[:3] == ["viewers", "trials", "result"]
    assert "RTT" not in head
    assert any(line.startswith("39 ") for line in shown)


def test_loads_that_held_and_do_not_any_more_are_told_if_there_are_two() -> None:
    def trials(*results: tuple[int, Result]) -> list[Trial]:
        return [
            Trial(viewers, Kind.FULL, result, 60.0 * nth, 60.0 * nth + 30, 30.0)
            for nth, (viewers, result) in enumerate(results)
        ]

    held, failed = Result.HELD, Result.FAILED
    leak = trials((48, held), (48, failed), (43, held), (43, failed), (34, held))
    assert [(one.viewers, one.ended_at, other.ended_at) for one, other in worsened(leak)] == [
        (48, 30.0, 90.0),
        (43, 150.0, 210.0),
    ]
    assert worsened(trials((48, held), (48, failed), (43, held))) == ()
    assert worsened(trials((48, failed), (48, held), (43, failed), (43, held))) == ()
    answer = msgspec.structs.replace(found(), trials=tuple(TrialFigures(trial) for trial in leak))
    assert (
        "Got worse        48 held at 0:30, not at 1:30; 43 held at 2:30, not at 3:30: "
        "a leak, a credit, or work of others" in lines(answer)
    )


def test_a_search_that_ended_before_anything_was_certain_names_what_its_trials_say() -> None:
    answer = found(Ending(Verdict.BROKE_OFF, None, None, confirmed=False, reason="interrupted"))
    assert headline(answer).split("  ")[1] == "broke off: interrupted; so far 39 failed once"
    assert answer.broke_first is not None
    assert (answer.broke_first.held_at, answer.broke_first.failed_at) == (37, 39)
    assert [accused.name for accused in answer.cause.named] == ["network-path"]
