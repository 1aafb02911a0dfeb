"""Agents that a run does not want: how long until each knows it, and what both sides say."""

import time
from collections.abc import Sequence
from subprocess import Popen

from tests.machines.bed import TOKEN, Bed
from tests.machines.faults import Seen

OTHER_TOKEN = "fedcba9876543210fedcba9876543210"
OTHER_PORTS = ("--first-port", "18140")
"""Of an agent whose machine has one already."""


def strangers(bed: Bed) -> Sequence[Seen]:
    """A run for three agents, to which seven come. The bed is to have none yet."""
    bed.stream = "long"
    with bed.run("--clients", "30", "--ramp-rate", "30", "--duration", "25s", "--no-expectations") as process:
        bed.wait_for("waiting for 3 agents", process)
        bed.start_agent("a")
        bed.wait_for("agent a (", process)
        found = turned_away(bed)
        for name in ("b", "c"):
            bed.start_agent(name)
        bed.wait_for("0:01", process)
        found.append(late(bed))
        found[-1].must(process.wait(60) in {0, 3}, "the run broke off")
    agents = [agent["agent"] for agent in bed.summary["generator"]["agents"]]
    found[-1].must(sorted(agents) == ["a", "b", "c"], f"its agents are {agents}")
    found[-1].must(sum(bed.summary["requests"].values()) == bed.logged[0], "requests are missing")
    return found


def turned_away(bed: Bed) -> list[Seen]:
    """Those that come while a run waits, and that it can not have. Agent a is there."""
    rows = [
        _stranger(
            bed, "wrong token", "it has another token", ("b", "stranger"), ("declined", "another token"), OTHER_TOKEN
        ),
        _stranger(
            bed, "another version of hls-swarm", "it runs hls-swarm 9.9.9", ("b", "old"), ("9.9.9",), version="9.9.9"
        ),
    ]
    twin = Seen("a second agent of the same name", at=time.time())
    command = bed.places["b"].command(*bed.agent_command("a", str(bed.folder / "a.token")))
    with (bed.folder / "twin.out").open("wb") as output, Popen(command, stderr=output) as process:
        twin.must(process.wait(30) == 1, "it was not declined")
    _told(twin, bed, "an agent a is here already", (bed.folder / "twin.out").read_text(), ("another --name",))
    return [*rows, twin]


def late(bed: Bed) -> Seen:
    """One that comes when the run has all it wanted."""
    return _stranger(
        bed, "an agent that comes when the run has begun", "the run has its 3 agents", ("a", "late"), ("the next one",)
    )


def _stranger(
    bed: Bed,
    fault: str,
    told_here: str,
    place: tuple[str, str],
    told_there: Sequence[str],
    token: str = TOKEN,
    version: str = "",
) -> Seen:
    seen = Seen(fault, at=time.time())
    process = bed.start_agent(*place, version=version, arguments=OTHER_PORTS, token=token)
    seen.must(process.wait(30) == 1, "it was not declined")
    _told(seen, bed, told_here, (bed.folder / f"{place[1]}.out").read_text(), told_there)
    return seen


def _told(seen: Seen, bed: Bed, here: str, there: str, words: Sequence[str]) -> None:
    seen.known = f"{time.time() - seen.at:.1f} s, the start of its process with it"
    seen.said = there.strip().splitlines()[-1].removeprefix("hls-swarm: ")
    seen.must(all(each in there for each in words), f"it said: {there}")
    seen.must(here in bed.said, "the controller does not say it")
