"""The seam between the controller and the workers of one host: the same on this machine and on others.

Rules:

- `poll` renews a lease: a host that is not polled for that long stops its load by itself.
- News is cumulative and numbered: repeating or losing one neither doubles nor loses anything.
- A worker that dies is reported once, with the reason; its last news stays in the totals.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from hls_swarm.engine.native.identities import Lists
from hls_swarm.engine.worker_messages import News
from hls_swarm.load.shares import Share, share_of
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.agents import AgentState

LEASE_SECONDS = 10.0
"""Load ends this long after the controller's last word."""
FINAL_SECONDS = 1.0
"""Time for a worker's last news after it has drained, where somebody waits for the end."""


NOTICE_SECONDS = 0.1
"""Between telling the workers of this machine of an instant and that instant."""


@dataclass(frozen=True)
class Part:
    """What of a run the workers of one host do.

    Args:
        first: number of the first of them among all workers of the run.
        shares: the viewers of each.
        lists: lines of the files that the settings name; None: they are still to be read.
    """

    first: int
    shares: tuple[Share, ...]
    lists: Lists | None = None

    @classmethod
    def whole(cls, workers: int) -> Self:
        """All of the run."""
        return cls(0, tuple(share_of(worker, workers) for worker in range(workers)))


@dataclass(frozen=True)
class HostFacts:
    """What a host is.

    Args:
        workers: processes that share its viewers.
        descriptors: file descriptors that each of them may open.
        notice_seconds: how long before an instant it must be told what happens then.
    """

    workers: int
    descriptors: int
    notice_seconds: float = NOTICE_SECONDS


@dataclass(frozen=True)
class HostNews:
    """What the workers of one host, or of several, said last.

    Args:
        workers: how many there were at the start.
        news: by number of the worker, or of the first of those that it is of together; of whom nothing is known yet is
            absent.
        lost: numbers of the workers that died, with the reason in words. What they said last stays in `news`, and
            counts to then.
        silent: after the end, numbers of the workers that did not say their last, and for how many seconds they had
            said nothing. Their viewers ended with their process, and what they said before counts.
        first: number of the first worker.
        agents: the load machines, where there are several.
    """

    workers: int
    news: Mapping[int, News]
    lost: Mapping[int, str]
    silent: Mapping[int, float] = field(default_factory=dict)
    first: int = 0
    agents: tuple[AgentState, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether no viewer runs any more, and none is to come; so it is when every worker is lost."""
        idle = {health.worker for news in self.news.values() if news.idle for health in news.health}
        return all(number in self.lost or number in idle for number in range(self.first, self.first + self.workers))


class Agent(Protocol):
    """The workers of one host, seen from the controller."""

    async def hello(self, settings: Settings, lost: Callable[[], None]) -> HostFacts:
        """Start and configure the workers. Raises RunError if one can not be started.

        Args:
            lost: called at once when a worker dies; what died is in the next news.
        """

    async def apply(self, at: float, change: int | None = None, per_second: float | None = None) -> None:
        """The schedule begins at this instant of the common clock; or, with `change`, is for so many viewers more.

        Args:
            per_second: how fast their number moves; None: as fast as the settings say.
        """

    async def replace_stalled(self) -> None:
        """End the viewers that are stalled now, and have new ones take their places."""

    async def poll(self, lease_seconds: float) -> HostNews:
        """Ask every worker for news and renew the lease; one that is slow to answer is represented by its last."""

    async def stop(self, drain_seconds: float, final_seconds: float = FINAL_SECONDS) -> HostNews:
        """End all viewers and workers; leaves nothing behind.

        Args:
            drain_seconds: for what is in flight.
            final_seconds: after that, for what a worker has to write and its last news.
        """

    def kill(self) -> None:
        """End the workers at once, without their last news."""
