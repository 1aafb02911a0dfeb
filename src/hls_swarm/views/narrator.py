"""Tells the log how the run fares, a line whenever that changes."""

import logging

from hls_swarm.judge.ledger import Entry
from hls_swarm.snapshot.condition import Assessor, Condition
from hls_swarm.snapshot.snapshot import Phase

_log = logging.getLogger(__name__)


class Narrator:
    """Assesses each moment of a run; what makes it degraded or failing has lines of its own, as events."""

    def __init__(self) -> None:
        self._assessor = Assessor()
        self._condition: Condition | None = None

    def add(self, entry: Entry) -> None:
        """Log the condition if it changed; the end of a run changes none."""
        snapshot = entry.moment.snapshot
        if snapshot.phase is Phase.FINISHED:
            return
        assessment = self._assessor.assess(snapshot)
        if assessment.condition is not self._condition:
            self._condition = assessment.condition
            _log.info("%s: %s", assessment.condition.value, assessment.text)
