"""What viewers told of themselves (CMCD), as views and files show it."""

from dataclasses import dataclass

from hls_swarm.snapshot import units
from hls_swarm.stats.cmcd import CmcdTally
from hls_swarm.stats.histogram import Distribution


@dataclass(frozen=True)
class CmcdFigures:
    """All requests with CMCD.

    Args:
        starting, starved: requests with `su`, and with `bs`.
        events: lines that a collector took.
        buffer_seconds, throughput_bytes_per_second: `bl` of media requests, `mtp` of all.
    """

    requests: int
    starting: int
    starved: int
    events: int
    buffer_seconds: Distribution | None
    throughput_bytes_per_second: Distribution | None

    @property
    def words(self) -> tuple[str, ...]:
        """For a line on a screen."""
        buffer, throughput = self.buffer_seconds, self.throughput_bytes_per_second
        out = [
            f"{units.count(self.requests)} requests told of it",
            f"{units.count(self.starting)} at startup",
            f"{units.count(self.starved)} after a stall",
        ]
        if buffer is not None:
            out.append(f"buffer P50 {units.seconds(buffer.p50)}")
        if throughput is not None:
            out.append(f"measured throughput P50 {units.bit_rate(throughput.p50)}")
        return (*out, f"{units.count(self.events)} events") if self.events else tuple(out)


def cmcd_figures(tally: CmcdTally) -> CmcdFigures | None:
    """None if nobody told anything."""
    if not tally.requests and not tally.events:
        return None
    return CmcdFigures(
        tally.requests,
        tally.starting,
        tally.starved,
        tally.events,
        tally.buffer.distribution(),
        tally.throughput.distribution(),
    )
