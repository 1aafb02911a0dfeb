"""Where a viewer can go when its stream fails, and what it stays away from for a while."""

import math
from collections.abc import Sequence

from hls_swarm.viewer.choosing.choice import Option, failover_order
from hls_swarm.viewer.loading.policy import Failover


class Alternatives:
    """The other streams of a presentation, in the order in which the player would try them.

    Attributes:
        current: what the viewer plays.
    """

    __slots__ = ("_excluded", "_failover", "_options", "current")

    def __init__(self, options: Sequence[Option], current: Option, failover: Failover) -> None:
        self._options, self._failover = tuple(options), failover
        self.current = current
        self._excluded: dict[str, float] = {}

    def next_option(self, now: float) -> Option | None:
        """The first stream that has not failed lately."""
        order = failover_order(self._options, self.current, redundant_first=self._failover.redundant_first)
        return next((option for option in order if self._excluded.get(option.main.url, now) <= now), None)

    @property
    def all_well(self) -> bool:
        """Whether nothing has failed, or nothing that was not forgiven."""
        return not self._excluded

    def is_excluded(self, option: Option, now: float) -> bool:
        """Whether a stream has failed lately."""
        return self._excluded.get(option.main.url, now) > now

    def next_return(self, now: float) -> float | None:
        """When the next stream that failed may be played again; None if there is none that will."""
        return min((at for at in self._excluded.values() if now < at < math.inf), default=None)

    def forgive(self, url: str) -> None:
        """A segment of the stream with this playlist has come: it is as good as others."""
        self._excluded.pop(url, None)

    def go_to(self, option: Option, now: float) -> None:
        """Leave the current stream alone for a while, and play another."""
        failover, left = self._failover, self.current
        redundant = option.encoding == left.encoding
        seconds = failover.redundant_seconds if redundant else failover.variant_seconds
        self._excluded[left.main.url] = now + seconds
        self.current = option
