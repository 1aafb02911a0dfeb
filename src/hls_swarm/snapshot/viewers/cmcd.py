"""What viewers told of themselves (CMCD), as views and files show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec

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

    def json_object(self) -> Mapping[str, Any]:
        """For JSON; see `docs/reference/summary.md`."""
        buffer, throughput = self.buffer_seconds, self.throughput_bytes_per_second
        return {
            "requests": self.requests,
            "startup_requests": self.starting,
            "starved_requests": self.starved,
            "events": self.events,
            "buffer_seconds": None if buffer is None else msgspec.to_builtins(buffer),
            "throughput_bytes_per_second": None if throughput is None else msgspec.to_builtins(throughput),
        }

    @classmethod
    def of_json(cls, told: Mapping[str, Any]) -> Self:
        """From what `json_object` gave; what is not known may be left out."""
        distribution = Distribution | None
        return cls(
            told["requests"],
            told["startup_requests"],
            told["starved_requests"],
            told["events"],
            msgspec.convert(told.get("buffer_seconds"), distribution),
            msgspec.convert(told.get("throughput_bytes_per_second"), distribution),
        )


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
