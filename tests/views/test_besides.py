"""What views say of CMCD, preflights and steering: where nobody tells or steers, nothing."""

import json
from io import StringIO

import pytest
from rich.console import Console
from tests.support.made.snapshots import exchange, snapshot, watching

from hls_swarm.judge.summary import summary
from hls_swarm.judge.verdict import Outcome, Verdict
from hls_swarm.records import AsideFetched, ObjectKind, PathwayChosen, PathwayReason, Record
from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.snapshot.viewers.cmcd import CmcdFigures, cmcd_figures
from hls_swarm.stats.cmcd import CmcdTally
from hls_swarm.stats.steering import MOST_PATHWAYS, OTHER_PATHWAYS, SteeringTally
from hls_swarm.views.tables import _cmcd, _steering
from hls_swarm.views.terminal.text import figures

PASSED = Outcome(Verdict.PASS)
STEERED: list[Record] = [
    PathwayChosen(0, 1.0, "CDN-A", PathwayReason.START),
    PathwayChosen(0, 2.0, "CDN-B", PathwayReason.STEERED),
    PathwayChosen(0, 3.0, "CDN-A", PathwayReason.FAILED),
    AsideFetched(0, ObjectKind.STEERING, exchange(1.0, 100, 0.001), None),
    AsideFetched(0, ObjectKind.PREFLIGHT, exchange(1.0, 0, 0.001), None),
]


def text(shown: Snapshot) -> str:
    console = Console(width=200, file=StringIO())
    with console.capture() as captured:
        for part in figures(shown):
            console.print(part)
    return captured.get()


def test_requests_beside_the_stream_and_pathways_are_told() -> None:
    shown = snapshot(*watching(0, 1.0), *STEERED)
    out = summary(shown, PASSED, started_at=0.0, version="0")
    assert (out["requests"]["steering"], out["requests"]["preflight"]) == (1, 1)
    assert out["steering"] == {"steered": 1, "failed": 1, "pathways": {"CDN-A": 2, "CDN-B": 1}}
    words = "1 steered, 1 left a failed pathway, chosen: CDN-A 2, CDN-B 1"
    assert _steering(out["steering"]) == words
    assert words in text(shown)
    assert "1 preflight, 1 steering manifest" in text(shown)


def test_where_nobody_tells_or_steers_nothing_is_said() -> None:
    shown = snapshot(*watching(0, 1.0))
    out = summary(shown, PASSED, started_at=0.0, version="0")
    assert not {"steering", "cmcd"} & out.keys()
    assert not any(word in text(shown) for word in ("Steering", "CMCD"))


def test_what_was_told_is_shown() -> None:
    tally = CmcdTally(requests=10, starting=4, starved=1, events=2)
    tally.buffer.add(8.0)
    tally.throughput.add(1e6)
    found = cmcd_figures(tally)
    assert found is not None
    assert found.words[:3] == ("10 requests told of it", "4 at startup", "1 after a stall")
    assert found.words[-1] == "2 events"
    assert _cmcd(found.json_object()) == ", ".join(found.words)
    quiet = CmcdFigures(3, 0, 0, 0, None, None)
    assert CmcdFigures.of_json(json.loads(json.dumps(quiet.json_object()))) == quiet


@pytest.mark.parametrize("split", [0, 7, 60])
def test_merged_pathways_are_those_of_all(split: int) -> None:
    names = [f"CDN-{number % 55}" for number in range(110)]
    one, parts = SteeringTally(), (SteeringTally(), SteeringTally())
    for nth, name in enumerate(names):
        one.add(name, PathwayReason.STEERED)
        parts[nth >= split].add(name, PathwayReason.STEERED)
    parts[0].merge(parts[1])
    assert sum(parts[0].pathways.values()) == sum(one.pathways.values()) == parts[0].steered == 110
    assert len(one.pathways) == MOST_PATHWAYS + 1
    assert one.pathways[OTHER_PATHWAYS] == 10
