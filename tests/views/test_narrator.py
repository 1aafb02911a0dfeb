import logging

import pytest
from tests.views.tui import states

from hls_swarm.judge.ledger import Ledger
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.snapshot import Phase, Snapshot
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.tally import Tally
from hls_swarm.views.narrator import Narrator


def told(caplog: pytest.LogCaptureFixture, *snapshots: Snapshot) -> list[str]:
    narrator, ledger = Narrator(), Ledger()
    with caplog.at_level(logging.INFO, "hls_swarm"):
        for made in snapshots:
            narrator.add(ledger.add(Moment(made, Tally(), Histogram(), made.at)))
    return [record.message for record in caplog.records]


def test_a_condition_is_told_when_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    stalled = states.watching(10, 5, stalled=5)
    lines = told(
        caplog,
        states.snapshot(1.0, viewers=states.watching(10, 0)),
        states.snapshot(2.0, viewers=states.watching(10, 10)),
        states.snapshot(3.0, viewers=states.watching(10, 10)),
        states.snapshot(4.0, viewers=stalled),
        states.snapshot(5.0, viewers=stalled),
    )
    assert lines == [
        "starting: nobody plays yet",
        "healthy: all 10 viewers play without a stall",
        "failing: 5 of 10 viewers stalled",
    ]


def test_the_end_changes_no_condition(caplog: pytest.LogCaptureFixture) -> None:
    made = states.snapshot(9.0, Phase.FINISHED, viewers=states.watching(0, 0))
    assert told(caplog, states.snapshot(8.0, viewers=states.watching(1, 1)), made) == [
        "healthy: the only viewer plays without a stall"
    ]
