"""Which pathways viewers took, as views and files show it."""

from collections.abc import Mapping
from dataclasses import dataclass

from hls_swarm.snapshot import units
from hls_swarm.stats.steering import SteeringTally


@dataclass(frozen=True)
class SteeringFigures:
    """Content steering.

    Args:
        steered, failed: changes of pathway because the server said so, and because the one before failed.
        pathways: how often each was chosen.
    """

    steered: int
    failed: int
    pathways: Mapping[str, int]

    @property
    def words(self) -> tuple[str, ...]:
        """For a line on a screen."""
        chosen = ", ".join(f"{pathway} {units.count(times)}" for pathway, times in self.pathways.items())
        left = f"{units.count(self.failed)} left a failed pathway"
        return f"{units.count(self.steered)} steered", left, f"chosen: {chosen}"


def steering_figures(tally: SteeringTally) -> SteeringFigures | None:
    """None where no presentation is steered."""
    return SteeringFigures(tally.steered, tally.failed, dict(tally.pathways)) if tally.pathways else None
