"""The generator's machine over the whole run: its processor, its link, its retransmits.

Rules:

- A machine whose processor or whose link is full may distort what it measures: ten seconds in a row of it are trouble
  of the time that is watched. A shorter peak, such as other programs have, is none. Of a run without trials a finding
  says so, and when.
- Each reading counts for the time since the one before. One of less than half a second is too short to mean anything.
  The first one is a figure like all others; since when it is is not told, so it is part of no time in a row.
- What went on once stays said: later quiet does not mend what was measured meanwhile.
"""

from dataclasses import dataclass

from hls_swarm.stats.histogram import Distribution, Histogram

MACHINE_CPU_LIMIT_PERCENT = 98.0
"""Use of all cores of the machine, other programs' too, from which on it counts as full."""
LINK_LIMIT_PERCENT = 95.0
"""Use of the network device in its busier direction from which on it counts as full."""
FULL_SECONDS = 10.0
"""How long in a row either must be full for it to be trouble."""
_SHORTEST_SECONDS = 0.5


@dataclass(frozen=True)
class MachineOverRun:
    """What the machine was like from second to second; None is what it does not tell."""

    cpu_percent: Distribution | None
    link_percent: Distribution | None
    received_bytes_per_second: Distribution | None
    sent_bytes_per_second: Distribution | None
    tcp_retransmits_per_second: Distribution | None


class MachineWatch:
    """Takes in one reading after another.

    Args:
        whose: processor and link they are of.
    """

    def __init__(self, whose: str = "this machine's") -> None:
        self._whose = whose
        self._last_at: float | None = None
        self._cpu, self._link = Histogram(), Histogram()
        self._received, self._sent, self._retransmits = Histogram(), Histogram(), Histogram()
        self._cpu_full = _Full(MACHINE_CPU_LIMIT_PERCENT)
        self._link_full = _Full(LINK_LIMIT_PERCENT)

    @property
    def over_run(self) -> MachineOverRun:
        """All readings so far."""
        return MachineOverRun(
            cpu_percent=self._cpu.distribution(),
            link_percent=self._link.distribution(),
            received_bytes_per_second=self._received.distribution(),
            sent_bytes_per_second=self._sent.distribution(),
            tcp_retransmits_per_second=self._retransmits.distribution(),
        )

    @property
    def trouble(self) -> tuple[str, ...]:
        """Why the machine was the bottleneck, in words; empty if it was not."""
        out = []
        if self._cpu_full.longest >= FULL_SECONDS:
            out.append(
                f"{self._whose} processor was over {MACHINE_CPU_LIMIT_PERCENT:.0f}% busy for "
                f"{self._cpu_full.longest:.0f} s"
            )
        if self._link_full.longest >= FULL_SECONDS:
            out.append(
                f"{self._whose} link was over {LINK_LIMIT_PERCENT:.0f}% used for {self._link_full.longest:.0f} s"
            )
        return tuple(out)

    def add(
        self,
        at: float,
        *,
        cpu_percent: float | None,
        link_percent: float | None,
        received: float | None,
        sent: float | None,
        retransmits: float | None,
    ) -> None:
        """Take in the reading of the instant `at`: rates per second, percentages of the whole."""
        seconds = None if self._last_at is None else at - self._last_at
        self._last_at = at
        if seconds is not None and seconds < _SHORTEST_SECONDS:
            return
        for histogram, value in (
            (self._cpu, cpu_percent),
            (self._link, link_percent),
            (self._received, received),
            (self._sent, sent),
            (self._retransmits, retransmits),
        ):
            if value is not None:
                histogram.add(value)
        if seconds is None:
            return
        self._cpu_full.add(cpu_percent, seconds)
        self._link_full.add(link_percent, seconds)


class _Full:
    """How long in a row something was over a limit, at most."""

    def __init__(self, limit: float) -> None:
        self.longest = 0.0
        self._limit = limit
        self._since = 0.0

    def add(self, value: float | None, seconds: float) -> None:
        self._since = self._since + seconds if value is not None and value >= self._limit else 0.0
        self.longest = max(self.longest, self._since)
