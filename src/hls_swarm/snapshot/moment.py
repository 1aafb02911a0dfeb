"""One second of a run as everything that outlasts the screen sees it: the snapshot and the counts behind it."""

from dataclasses import dataclass, field

from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.tally import Tally


@dataclass(frozen=True)
class Moment:
    """The run at one instant, with the histograms that its snapshot shows the percentiles of.

    Args:
        tally: of all workers, cumulative since the start; nobody changes it after this.
        loop_lag: of all workers' event loops, cumulative since the start, in seconds.
        wall_at: the wall clock at that instant, in Unix seconds.
        controller_lateness: how late the controller's ticks were, cumulative since the start, in seconds.
    """

    snapshot: Snapshot
    tally: Tally
    loop_lag: Histogram
    wall_at: float
    controller_lateness: Histogram = field(default_factory=Histogram)
