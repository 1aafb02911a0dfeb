"""When agents rest between two questions, and are called back (pure).

Rules:

- An agent rests after the answer to a question that says that it will be quiet, unless it has another to answer.
- Who rests is called back for a question that comes before the end of that; after it, it has come back by itself.
"""

from collections import Counter
from dataclasses import dataclass, field

LEAST_SECONDS = 0.2
"""For less nobody is sent to rest."""


@dataclass
class Rests:
    """Those of all agents, by a name each."""

    _under_way: Counter[str] = field(default_factory=Counter)
    _until: dict[str, float] = field(default_factory=dict)

    def asked(self, agent: str, now: float) -> bool:
        """It is asked something; whether it must be called back for that."""
        self._under_way[agent] += 1
        return now < self._until.pop(agent, now)

    def answered(self, agent: str, quiet_until: float, now: float) -> float:
        """It has answered, or can not; the seconds for which it is to rest now, which may be none.

        Args:
            quiet_until: before then nothing else is likely to be asked.
        """
        self._under_way[agent] -= 1
        seconds = quiet_until - now
        if self._under_way[agent] or seconds < LEAST_SECONDS:
            return 0.0
        self._until[agent] = quiet_until
        return seconds
