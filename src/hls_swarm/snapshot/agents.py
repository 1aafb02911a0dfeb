"""The load machines of a run that has several: what each carries, how it keeps up, and how well it is heard.

Rules:

- An agent whose last word is older than `SILENT_SECONDS` is silent: what it does is not known. It may be heard again,
  and then nothing is missing.
- One that is lost stays lost: its viewers have ended, its last counters stay in the totals, and for how long it may
  have loaded the origin after them is its gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hls_swarm.snapshot.saturation import LINK_LIMIT_PERCENT, MACHINE_CPU_LIMIT_PERCENT
from hls_swarm.stats.histogram import Distribution, Histogram

SILENT_SECONDS = 3.0
"""Age of an agent's last word from which on it counts as silent."""
MOST_SHOWN = 100
"""Agents that rows and pages have columns for; of more, the further ones only while they are in trouble."""


@dataclass(frozen=True)
class MachineUse:
    """A load machine over the last second; what it does not tell is None.

    Args:
        cpu_percent: of all its cores, other programs' use too.
        link_percent: of the device that the load goes through, in its busier direction.
        received_bytes_per_second: on that device.
    """

    cpu_percent: float | None = None
    link_percent: float | None = None
    received_bytes_per_second: float | None = None


@dataclass(frozen=True)
class AgentState:
    """What is known of one agent now.

    Args:
        workers: their numbers.
        viewers: running there; None before its first word.
        loop_lag: of its workers' event loops since the start, in seconds.
        cpu_seconds: processor time of its workers since the start.
        clock_offset_seconds, clock_error_seconds: what the controller's clock shows more, and by how much that may be
            wrong.
        wall_offset_seconds: the same of the wall clock.
        poll_age_seconds: since its last word.
        lost: why it is lost, in words; empty while it is not.
        gap_seconds: of a lost one: how long it may have loaded the origin after what it said last.
        replaced: of a lost one, whether others have its viewers by now; None: they stay away.
        unrecorded_requests: that could not be written down there.
    """

    name: str
    workers: tuple[int, ...]
    viewers: int | None = None
    loop_lag: Histogram = field(default_factory=Histogram)
    cpu_seconds: float = 0.0
    machine: MachineUse = MachineUse()
    clock_offset_seconds: float | None = None
    clock_error_seconds: float | None = None
    wall_offset_seconds: float | None = None
    poll_age_seconds: float | None = None
    lost: str = ""
    gap_seconds: float | None = None
    replaced: bool | None = None
    unrecorded_requests: int = 0


@dataclass(frozen=True)
class AgentFigures:
    """One agent as views show it.

    Args:
        cpu_seconds: processor time of its workers since the start.
        loop_lag: over the last second.
        state: as it was said.
        cpu_percent, link_percent: of its machine, over the run.
    """

    name: str
    workers: int
    viewers: int | None
    cpu_seconds: float
    loop_lag: Distribution | None
    state: AgentState
    cpu_percent: Distribution | None = None
    link_percent: Distribution | None = None

    @property
    def machine(self) -> MachineUse:
        """Over the last second."""
        return self.state.machine

    @property
    def is_lost(self) -> bool:
        """Whether it is gone."""
        return bool(self.state.lost)

    @property
    def is_silent(self) -> bool:
        """Whether it is not lost and has said nothing lately."""
        age = self.state.poll_age_seconds
        return not self.is_lost and age is not None and age > SILENT_SECONDS

    @property
    def is_full(self) -> bool:
        """Whether its processor or its link was full over the last second."""
        cpu, link = self.machine.cpu_percent, self.machine.link_percent
        return (cpu is not None and cpu >= MACHINE_CPU_LIMIT_PERCENT) or (
            link is not None and link >= LINK_LIMIT_PERCENT
        )

    @property
    def condition(self) -> str:
        """In one word, for a person."""
        return "lost" if self.is_lost else "silent" if self.is_silent else "full" if self.is_full else "up"


class AgentWatch:
    """Makes figures of one state after another."""

    def __init__(self) -> None:
        self._lag: dict[str, Histogram] = {}
        self._use: dict[str, tuple[Histogram, Histogram]] = {}

    def figures(self, states: Sequence[AgentState]) -> tuple[AgentFigures, ...]:
        """The figures of this moment."""
        out = []
        for state in states:
            before = self._lag.get(state.name)
            self._lag[state.name] = state.loop_lag
            lag = state.loop_lag if before is None else state.loop_lag.since(before)
            cpu, link = self._use.setdefault(state.name, (Histogram(), Histogram()))
            for histogram, value in ((cpu, state.machine.cpu_percent), (link, state.machine.link_percent)):
                if value is not None and not state.lost:
                    histogram.add(value)
            out.append(
                AgentFigures(
                    name=state.name,
                    workers=len(state.workers),
                    viewers=state.viewers,
                    cpu_seconds=state.cpu_seconds,
                    loop_lag=lag.distribution(),
                    state=state,
                    cpu_percent=cpu.distribution(),
                    link_percent=link.distribution(),
                )
            )
        return tuple(out)


def shown(agents: Sequence[AgentFigures]) -> tuple[AgentFigures, ...]:
    """Those that have a place in rows and pages: the first, and whoever is in trouble."""
    return (*agents[:MOST_SHOWN], *(agent for agent in agents[MOST_SHOWN:] if agent.condition != "up"))
