from tests.support.made.moments import STARTED_AT, Run, origin
from tests.support.made.snapshots import failed, watching

from hls_swarm.judge.events import Event, EventKind, Level, changes
from hls_swarm.records import StallStarted
from hls_swarm.snapshot.origin.metrics import SourceState
from hls_swarm.snapshot.snapshot import Mark, Phase
from hls_swarm.stats.faults import FaultCount


def told(run: Run) -> list[Event]:
    """The events of each moment, one after another."""
    before = [None, *run.entries[:-1]]
    return [event for pair in zip(before, run.entries, strict=True) for event in changes(*pair)]


def test_phases_marks_and_lost_workers_are_told_once() -> None:
    run, mark = Run(), Mark(2.5, "cache purged")
    run.second(1.0, *watching(0, 0.1), phase=Phase.RAMPING)
    run.second(2.0, phase=Phase.RAMPING)
    run.second(3.0, marks=[mark])
    run.second(4.0, marks=[mark], lost={0: "killed by SIGKILL"})
    run.second(5.0, marks=[mark], lost={0: "killed by SIGKILL"}, phase=Phase.FINISHED)
    events = told(run)
    events = [event for event in events if event.kind is not EventKind.CONDITION]
    assert [(event.kind, event.elapsed_seconds) for event in events] == [
        (EventKind.PHASE, 1.0),
        (EventKind.PHASE, 3.0),
        (EventKind.MARK, 3.0),
        (EventKind.WORKER_LOST, 4.0),
        (EventKind.GENERATOR, 4.0),
        (EventKind.PHASE, 5.0),
    ]
    assert events[0].text == "ramping, 1 of 4 viewers running"
    assert events[0].time == STARTED_AT + 1.0
    assert events[2].details == {"at_seconds": 2.5}
    assert events[3].level is Level.ERROR


def test_an_exception_is_told_once_with_its_traceback() -> None:
    run = Run()
    fault = FaultCount(1, "viewer 7", "Traceback (most recent call last):\n...")
    run.second(1.0, *watching(0, 0.1), faults={"ValueError (viewer/machine.py:1 in handle): no": fault})
    run.second(2.0, faults={"ValueError (viewer/machine.py:1 in handle): no": FaultCount(3, "viewer 7", "")})
    (event,) = (event for event in told(run) if event.kind is EventKind.EXCEPTION)
    assert (event.level, event.elapsed_seconds) == (Level.ERROR, 1.0)
    assert event.text == "viewer 7: ValueError (viewer/machine.py:1 in handle): no"
    assert event.details == {"traceback": "Traceback (most recent call last):\n..."}


def test_a_kind_of_failure_is_told_the_first_time() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.1), *failed(1, 0.2))
    run.second(2.0, *failed(2, 1.2))
    (error,) = (event for event in told(run) if event.kind is EventKind.ERROR)
    assert error.text == "multivariant playlist: HTTP 404 Not Found (http://origin.test/live/master.m3u8)"
    assert error.details["status"] == 404


def test_an_exporter_that_comes_and_goes_is_told() -> None:
    run = Run()
    states = (SourceState.WAITING, SourceState.UP, SourceState.UP, SourceState.STALE)
    for at, state in enumerate(states, start=1):
        run.second(at, of_origin=origin(at, {"a": {"cpu_percent": 1.0}}, state))
    events = [event for event in told(run) if event.kind is EventKind.ORIGIN]
    assert [(event.elapsed_seconds, event.level, event.details["state"]) for event in events] == [
        (2.0, Level.INFO, "up"),
        (4.0, Level.WARNING, "stale"),
    ]


def test_a_threshold_is_told_when_it_is_crossed_and_when_it_holds_again_in_its_own_window() -> None:
    run = Run("errors:rate < 20%")
    run.second(1.0, *failed(0, 0.1), phase=Phase.RAMPING)
    run.second(2.0, phase=Phase.STEADY)
    run.second(3.0, *watching(1, 2.1), *failed(2, 2.2))
    run.second(4.0, *watching(3, 3.1), *watching(4, 3.2))
    events = [event for event in told(run) if event.kind is EventKind.THRESHOLD]
    assert [(event.elapsed_seconds, event.level) for event in events] == [(3.0, Level.WARNING), (4.0, Level.INFO)]
    assert events[0].text == "crossed: errors:rate < 20%: errors rate is 25% over the steady state"


def test_the_word_for_how_the_run_fares_is_told_when_it_changes() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.1))
    run.second(2.0)
    run.second(3.0, StallStarted(0, 2.5))
    run.second(4.0)
    run.second(5.0, phase=Phase.FINISHED)
    told_of = [(event.elapsed_seconds, event.text) for event in told(run) if event.kind is EventKind.CONDITION]
    assert told_of == [
        (1.0, "healthy: the only viewer plays without a stall"),
        (3.0, "failing: 1 of 1 viewers stalled"),
    ]
    assert run.entries[-1].condition_seconds == {"healthy": 2.0, "failing": 2.0}


def test_a_finding_is_told_when_it_begins_and_when_it_is_over() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.1))
    run.second(2.0, *failed(1, 1.1), *failed(2, 1.2), *failed(3, 1.3))
    for second in range(3, 20):
        run.second(float(second), *watching(second, second - 0.5))
    events = [event for event in told(run) if event.details.get("rule") == "missing-playlists"]
    assert [(event.kind, event.elapsed_seconds, event.details["turn"]) for event in events] == [
        (EventKind.FINDING, 2.0, "began"),
        (EventKind.FINDING, 16.0, "over"),
    ]
    assert events[0].text.startswith("playlists are not there: 3 answers 404 or 410 in 10 s")
    assert events[0].details == {
        "rule": "missing-playlists",
        "turn": "began",
        "severity": "critical",
        "standing": "cause",
        "from_seconds": 1.0,
        "culprit": "origin",
    }
