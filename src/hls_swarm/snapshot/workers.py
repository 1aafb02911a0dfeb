"""How the generator keeps up, as the picture has it: its workers, its machine, exceptions that nobody expected."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from hls_swarm.snapshot.agents import AgentFigures
from hls_swarm.snapshot.saturation import MachineOverRun
from hls_swarm.stats.histogram import Distribution, Histogram


class WorkerHealth(msgspec.Struct, frozen=True):
    """What a worker says of itself.

    Attributes:
        cpu_seconds: processor time of the process since its start.
        resident_bytes: memory of the process.
        loop_lag: how late the event loop ran a timer, sampled every 100 ms, in seconds.
        in_flight: exchanges under way.
        descriptors, descriptors_limit: files and sockets that the process has open, and may have.
    """

    worker: int
    cpu_seconds: float
    resident_bytes: int
    loop_lag: Histogram
    in_flight: int
    descriptors: int | None = None
    descriptors_limit: int | None = None


@dataclass(frozen=True)
class WorkerFigures:
    """One worker: its CPU use over the last second in percent of a core, None before the second snapshot.

    Args:
        descriptors, descriptors_limit: files and sockets that it has open, and may have.
        died_of: in words, of a worker that is lost.
    """

    worker: int
    cpu_percent: float | None
    cpu_seconds: float
    resident_bytes: int
    lost: bool
    descriptors: int | None = None
    descriptors_limit: int | None = None
    died_of: str = ""


@dataclass(frozen=True)
class MachineFigures:
    """The machine that the generator runs on, over the last second.

    Args:
        cpu_percent: of all its cores, other processes' use too.
        device: the network device that the load goes through; rates and speed are its own.
        link_bytes_per_second: what the link carries at most, if the device says so.
        tcp_retransmits_per_second: segments that this machine sent again, of all its connections.
    """

    cpu_percent: float | None
    device: str
    received_bytes_per_second: float | None
    sent_bytes_per_second: float | None
    link_bytes_per_second: float | None
    tcp_retransmits_per_second: float | None = None

    @property
    def link_percent(self) -> float | None:
        """Use of the link in its busier direction."""
        rates = [rate for rate in (self.received_bytes_per_second, self.sent_bytes_per_second) if rate is not None]
        return 100 * max(rates) / self.link_bytes_per_second if rates and self.link_bytes_per_second else None


@dataclass(frozen=True)
class Fault:
    """An exception in this program that nobody expected.

    Args:
        text: what was raised, and where.
        whose: what it happened to first.
        traceback: of the first.
    """

    text: str
    count: int
    whose: str
    traceback: str


@dataclass(frozen=True)
class GeneratorFigures:
    """How the generator keeps up; whether it was the bottleneck, the findings say.

    Args:
        loop_lag: of all workers' event loops, in seconds.
        lateness: how late requests went out after they were due, in seconds.
        late_starts: viewers that started more than 100 ms late.
        datagrams_received, datagrams_dropped: over HTTP/3: those that viewers took in, and those that their sockets'
            buffers had no room for.
        faults: exceptions in this program.
        silent: at the end, numbers of the workers that did not report to it, and for how many seconds.
        machine, machine_over_run: over the last second and over the whole run; None if it is not measured.
        controller_lateness: how late the controller's ticks were, in seconds.
        remarks: what a person must know although it does not make the run invalid.
        agents: the load machines, where there are several.
    """

    workers: tuple[WorkerFigures, ...]
    cpu_seconds: float
    loop_lag: Distribution | None
    lateness: Distribution | None
    late_starts: int
    faults: tuple[Fault, ...] = ()
    silent: Mapping[int, float] = field(default_factory=dict)
    machine: MachineFigures | None = None
    machine_over_run: MachineOverRun | None = None
    controller_lateness: Distribution | None = None
    remarks: tuple[str, ...] = ()
    datagrams_received: int = 0
    datagrams_dropped: int = 0
    agents: tuple[AgentFigures, ...] = ()
