"""How long to wait before a player's process is started again, and when to stop trying.

The wait grows by a factor from one failure to the next, up to a most, with jitter so that a fleet that fell together
does not come back together. A process that ran well for long enough has earned a clean slate.
"""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class BackoffPolicy:
    """The numbers of a backoff.

    Args:
        first_seconds: wait after the first failure.
        factor: by which each further wait grows.
        most_seconds: longest wait, before jitter.
        jitter: share of the wait by which it is moved at random, up or down.
        forget_seconds: a process that ran this long ended a row of failures.
        limit: failures in a row after which one gives up; None is never.
    """

    first_seconds: float = 0.25
    factor: float = 1.7
    most_seconds: float = 5.0
    jitter: float = 0.2
    forget_seconds: float = 30.0
    limit: int | None = None


class Backoff:
    """The row of failures of one viewer's processes.

    Args:
        random: draws the jitter; seeded, the same run waits the same.
    """

    __slots__ = ("_policy", "_random", "failures")

    def __init__(self, policy: BackoffPolicy, random: Random) -> None:
        self.failures = 0
        self._policy = policy
        self._random = random

    def delay(self, ran_seconds: float) -> float | None:
        """Seconds to wait after a process that ran so long has failed; None when it is time to give up."""
        policy = self._policy
        if ran_seconds >= policy.forget_seconds:
            self.failures = 0
        self.failures += 1
        if policy.limit is not None and self.failures > policy.limit:
            return None
        # The exponent is bounded so that a viewer that has failed all night can not overflow a float.
        wait = min(policy.first_seconds * policy.factor ** min(self.failures - 1, 64), policy.most_seconds)
        return wait * (1.0 + policy.jitter * self._random.uniform(-1.0, 1.0))
