"""Which pathways viewers took, where presentations have content steering (8216bis 7)."""

from typing import Self

import msgspec

from hls_swarm.foreign import cut
from hls_swarm.records import PathwayReason

MOST_PATHWAYS = 50
OTHER_PATHWAYS = "other pathways"


class SteeringTally(msgspec.Struct):
    """All choices of a pathway.

    Attributes:
        steered, failed: choices because the steering server said so, and because the pathway before failed.
        pathways: how often each was chosen, the first choice of a session included.
    """

    steered: int = 0
    failed: int = 0
    pathways: dict[str, int] = {}

    def add(self, pathway: str, reason: PathwayReason, times: int = 1) -> None:
        """A pathway was chosen."""
        self.steered += times * (reason is PathwayReason.STEERED)
        self.failed += times * (reason is PathwayReason.FAILED)
        self._count(cut(pathway), times)

    def merge(self, other: Self) -> None:
        """Add another worker's."""
        self.steered += other.steered
        self.failed += other.failed
        for pathway, times in other.pathways.items():
            self._count(pathway, times)

    def _count(self, pathway: str, times: int) -> None:
        if pathway not in self.pathways and len(self.pathways) >= MOST_PATHWAYS:
            pathway = OTHER_PATHWAYS
        self.pathways[pathway] = self.pathways.get(pathway, 0) + times
