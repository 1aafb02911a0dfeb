"""The seam between the controller and the workers of one host: the same on this machine and on others.

Rules:

- `poll` renews a lease: a host that is not polled for that long stops its load by itself.
- News is cumulative and numbered: repeating or losing one neither doubles nor loses anything.
- A worker that dies is reported once, with the reason; its last news stays in the totals.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from hls_swarm.engine.messages import News
from hls_swarm.settings.run import Settings

LEASE_SECONDS = 10.0
"""Load ends this long after the controller's last word."""
FINAL_SECONDS = 1.0
"""Time for a worker's last news after it has drained, where somebody waits for the end."""


@dataclass(frozen=True)
class HostFacts:
    """What a host is.

    Args:
        workers: processes that share its viewers.
        descriptors: file descriptors that each of them may open.
    """

    workers: int
    descriptors: int


@dataclass(frozen=True)
class HostNews:
    """What the workers of one host said last.

    Args:
        workers: how many there were at the start.
        news: by number of the worker; one that has said nothing yet is absent.
        lost: numbers of the workers that died, with the reason in words. What they said last stays in `news`, and
            counts to then.
        silent: after the end, numbers of the workers that did not say their last, and for how many seconds they had
            said nothing. Their viewers ended with their process, and what they said before counts.
    """

    workers: int
    news: Mapping[int, News]
    lost: Mapping[int, str]
    silent: Mapping[int, float] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Whether no viewer runs any more, and none is to come; so it is when every worker is lost."""
        return all(
            number in self.lost or (number in self.news and self.news[number].idle) for number in range(self.workers)
        )


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
