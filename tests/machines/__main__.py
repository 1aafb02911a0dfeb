"""Several machines on this one: every fault for real, and the same load by one machine and by three.

python -m tests.machines              all faults, the table of docs/cluster.md, then the figures
python -m tests.machines figures      the figures, three times, by one machine and by three at the same time
python -m tests.machines cut hung     some faults, by name

As root: the machines are network namespaces. Gives 1 if something is not as it should be.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.machines.bed import bed
from tests.machines.faults import DISKS, FAULTS, WITHOUT_AGENTS, Seen
from tests.machines.figures import apart, run_both, table, unequal
from tests.machines.strangers import strangers

AGENTS = ("a", "b", "c")
MACHINES = (*AGENTS, "one")
RUNS = 3


def seen_of(name: str) -> Sequence[Seen]:
    """What was seen of a fault, with machines of its own."""
    with tempfile.TemporaryDirectory(prefix="hls-swarm-machines-") as folder, bed(Path(folder)) as made:
        if name == "strangers":
            return strangers(made)
        for agent in AGENTS if name not in WITHOUT_AGENTS else ():
            made.start_agent(agent, disk_megabytes=DISKS.get(name, 0) if agent == "b" else 0)
        return [FAULTS[name](made)]


def figures() -> list[str]:
    """Prints the same load by one machine and by three; gives what is further apart than it may be."""
    pairs = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(prefix="hls-swarm-machines-") as folder, bed(Path(folder), MACHINES) as made:
            for agent in AGENTS:
                made.start_agent(agent)
            pairs.append(run_both(made))
    print("\n".join(table([one for one, _ in pairs], [three for _, three in pairs])), flush=True)
    return [words for one, three in pairs for words in (*unequal(one, three), *apart(one, three))]


def main(names: Sequence[str]) -> int:
    """Do it; gives the exit code."""
    wrong = []
    print("| Fault | Known after | Its load ended after | The summary said | Counted, logged |\n|---|---|---|---|---|")
    for name in names or (*FAULTS, "strangers"):
        if name == "figures":
            continue
        for seen in seen_of(name):
            print(seen.row, flush=True)
            wrong += [f"{seen.fault}: {words}" for words in seen.wrong]
    if not names or "figures" in names:
        wrong += figures()
    print("\n".join(f"WRONG: {words}" for words in wrong) or "all as it should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
