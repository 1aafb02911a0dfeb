"""What viewers told of themselves with their requests (CMCD), as a CDN that reads it would count it."""

from typing import Self

import msgspec

from hls_swarm.stats.histogram import Histogram


class CmcdTally(msgspec.Struct):
    """All requests that went out with CMCD.

    Attributes:
        starting, starved: of them, with `su` (startup, or nothing to play) and with `bs` (stalled since the last one).
        buffer: `bl` in seconds.
        throughput: `mtp` in bytes per second.
        events: lines that a collector took.
    """

    requests: int = 0
    starting: int = 0
    starved: int = 0
    events: int = 0
    buffer: Histogram = msgspec.field(default_factory=Histogram)
    throughput: Histogram = msgspec.field(default_factory=Histogram)

    def merge(self, other: Self) -> None:
        """Add another worker's."""
        self.requests += other.requests
        self.starting += other.starting
        self.starved += other.starved
        self.events += other.events
        self.buffer.merge(other.buffer)
        self.throughput.merge(other.throughput)
