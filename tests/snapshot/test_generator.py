"""Whether this machine was the bottleneck, over a whole run and over a part of it."""

import pytest
from tests.support.made.snapshots import URL, lag

from hls_swarm.records import Blame, FailureKind, ObjectKind
from hls_swarm.snapshot.agents import AgentState
from hls_swarm.snapshot.generator import GeneratorCounts, generator_trouble, unwritten_remarks
from hls_swarm.stats.faults import FaultCount
from hls_swarm.stats.tally import ErrorCount, Tally

FAULT = "KeyError (stats/counter.py:1 in add): 7"


def _tally(
    *,
    started: int = 100,
    late: int = 0,
    descriptors: int = 0,
    dropped: int = 0,
    raised: int = 0,
    datagrams: tuple[int, int] = (0, 0),
) -> Tally:
    tally = Tally(started=started, late_starts=late, player_log_lines_dropped=dropped)
    tally.datagrams_received, tally.datagrams_dropped = datagrams
    if raised:
        tally.faults[FAULT] = FaultCount(raised, "viewer 7", "Traceback")
    if descriptors:
        tally.errors["segment descriptors"] = ErrorCount(
            ObjectKind.SEGMENT, FailureKind.DESCRIPTORS, None, Blame.GENERATOR, "no file", URL, 1.0, descriptors
        )
    return tally


@pytest.mark.parametrize(
    ("tally", "lags", "lost", "words"),
    [
        pytest.param(_tally(), (0.001,), 0, "", id="nothing"),
        pytest.param(_tally(late=1), (0.001,), 0, "", id="one late start of a hundred"),
        pytest.param(_tally(late=2), (0.001,), 0, "2 of 100 viewers started late", id="late starts"),
        pytest.param(_tally(), (0.3,), 0, "event-loop lag P99 300 ms", id="lag"),
        pytest.param(_tally(descriptors=3), (), 0, "3 requests failed for want of a file descriptor", id="descriptors"),
        pytest.param(_tally(dropped=7), (), 0, "7 log lines of players were not read", id="log lines"),
        pytest.param(_tally(), (), 1, "1 worker died", id="a worker"),
        pytest.param(_tally(datagrams=(500_000, 499)), (), 0, "", id="few datagrams dropped"),
        pytest.param(_tally(datagrams=(50, 9)), (), 0, "", id="hardly any"),
        pytest.param(
            _tally(datagrams=(500_000, 1200)), (), 0, "1,200 datagrams found no room in this machine", id="datagrams"
        ),
        pytest.param(_tally(raised=3), (), 0, f"3 exceptions in hls-swarm itself: {FAULT}", id="exceptions"),
    ],
)
def test_trouble_in_words(tally: Tally, lags: tuple[float, ...], lost: int, words: str) -> None:
    trouble = "; ".join(generator_trouble(GeneratorCounts.of(tally, lost), lag(*lags).distribution()))
    assert trouble.startswith(words)
    assert bool(trouble) is bool(words)


def test_trouble_that_is_over_is_not_of_what_comes_after_it() -> None:
    lost = (900, 80)
    before = GeneratorCounts.of(_tally(started=50, late=10, descriptors=3, dropped=5, raised=2, datagrams=lost), 1)
    now = GeneratorCounts.of(_tally(started=90, late=11, descriptors=3, dropped=5, raised=2, datagrams=lost), 1)
    later = now.since(before)
    assert (later.started, later.late_starts, later.blamed, later.lost_workers) == (40, 1, {}, 0)
    assert later.faults == {}
    assert generator_trouble(later, None) == ()
    assert len(generator_trouble(now, None)) == 6


def test_workers_that_did_not_report_to_the_end_are_trouble() -> None:
    (trouble,) = generator_trouble(GeneratorCounts.of(_tally(), 0), None, silent={3: 4.2, 1: 12.0})
    assert trouble == (
        "not all workers reported to the end; silent were worker 1 for 12 s, worker 3 for 4 s, and the viewers there "
        "are lost"
    )


def test_requests_that_could_not_be_written_down_are_said_once_with_the_machine() -> None:
    agents = [AgentState("a", (0,)), AgentState("b", (1,), unrecorded_requests=3)]
    assert unwritten_remarks(Tally(), agents) == ()
    told = {unwritten_remarks(Tally(unrecorded_requests=count), agents) for count in (3, 900)}
    assert told == {("not all requests could be written down on b (--record-requests): is there room on the disk?",)}
    (here,) = unwritten_remarks(Tally(unrecorded_requests=3), ())
    assert here.startswith("not all requests could be written down (--record-requests)")
