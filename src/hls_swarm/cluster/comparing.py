"""Whether load machines fit together for one run, and how they share its viewers (pure).

Rules:

- Another version of hls-swarm counts otherwise: refused. So is another series of Python (3.11, 3.12), of which the
  engine says the same later in worse words.
- A wall clock that is off by more than `WALL_LIMIT_SECONDS` makes live latencies of that machine wrong by as much.
- Machines that differ in kernel or limits can carry a run together; who has less carries what it has been given, which
  its own preflight judges.
- Every complaint begins with the name of the machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hls_swarm.cluster.agent_messages import Facts
from hls_swarm.load.shares import Share, weighted_shares

WALL_LIMIT_SECONDS = 0.05
"""Of live latency, which is a difference of two machines' wall clocks, nobody wants to know less."""
_FEW_DESCRIPTORS = 4096


@dataclass(frozen=True)
class Comparison:
    """What was found.

    Args:
        refused: why the run can not be, in words; empty if it can.
        warnings: what a person should know.
    """

    refused: tuple[str, ...]
    warnings: tuple[str, ...]


def compared(facts: Mapping[str, Facts], version: str, python: str, offsets: Mapping[str, float]) -> Comparison:
    """Hold the machines against the controller and each other.

    Args:
        facts: by the name under which the machine is known here.
        version, python: the controller's own.
        offsets: what the controller's wall clock shows more than that of a machine, in seconds.
    """
    refused, warnings = [], []
    for name, fact in facts.items():
        if fact.version != version:
            refused.append(f"{name}: runs hls-swarm {fact.version}, and {version} runs here: install the same")
        if fact.python and _series(fact.python) != _series(python):
            refused.append(f"{name}: has Python {fact.python}, and this is {python}: use the same series")
        if fact.busy:
            refused.append(f"{name}: carries the run on {fact.busy} already: wait for its end")
        off = offsets.get(name)
        if off is not None and abs(off) > WALL_LIMIT_SECONDS:
            way = "behind" if off > 0 else "ahead"
            warnings.append(
                f"{name}: its wall clock is {abs(off):.2f} s {way}, and so are live latencies there: set it (chrony)"
            )
        if fact.descriptors is not None and fact.descriptors < _FEW_DESCRIPTORS:
            warnings.append(f"{name}: a process may open only {fact.descriptors} files: raise it (LimitNOFILE=)")
        if fact.public:
            warnings.append(f"{name}: {exposed(fact.public)}")
    systems = {fact.system for fact in facts.values() if fact.system}
    if len(systems) > 1:
        warnings.append("kernels differ: " + ", ".join(f"{name} {fact.system}" for name, fact in facts.items()))
    return Comparison(tuple(refused), tuple(warnings))


def exposed(public: Sequence[str]) -> str:
    """What a person should know of a machine with such addresses."""
    return (
        f"while a run lasts, what connects the machines listens on {', '.join(public)} too, which the internet may "
        "reach: without the token nobody can do anything there, and a firewall keeps them away (docs/cluster.md has "
        "its rules)"
    )


def shared(cores: Mapping[str, int], weights: Mapping[str, int], workers: int) -> Mapping[str, tuple[Share, ...]]:
    """The viewers of each worker of each machine.

    Args:
        cores: of each machine.
        weights: parts of the viewers, of machines that are not to have as many as cores.
        workers: of each machine; 0: one a core.
    """
    weighed = weighted_shares([weights.get(name, count) for name, count in cores.items()])
    return {name: share.parts(workers or count) for (name, count), share in zip(cores.items(), weighed, strict=True)}


def room_of_all(rooms: Mapping[str, int], shares: Mapping[str, Sequence[Share]]) -> int:
    """How many viewers all machines carry together before the first of them is full.

    Args:
        rooms: how many each carries.
        shares: see `shared`.
    """
    return int(min(room / sum(len(share.slots) / share.of for share in shares[name]) for name, room in rooms.items()))


def _series(version: str) -> str:
    return ".".join(version.split(".")[:2])
