"""Keeps what of a plain run its likeliest cause is read from, if it was not clean."""

from collections import deque
from typing import TYPE_CHECKING, Any

from hls_swarm.judge.ledger import Entry
from hls_swarm.judge.timeline import Row
from hls_swarm.snapshot.snapshot import Phase

if TYPE_CHECKING:
    from hls_swarm.capacity.verdict.cause import Cause

MOST_ROWS = 900
"""A quarter of an hour, in a few megabytes. A report reads more from the folder."""


class LastRows:
    """The last rows of a run; a sink of it."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque(maxlen=MOST_ROWS)

    def add(self, entry: Entry) -> None:
        """See `Sink.add`."""
        if entry.moment.snapshot.phase is not Phase.FINISHED:
            self._rows.append(entry.row)

    def likely_cause(self, scrape_seconds: float) -> "Cause | None":
        """What gave out first; None if nothing did."""
        from hls_swarm.capacity.plain import likely_cause

        return likely_cause(list(self._rows), scrape_seconds)

    def json_objects(self, cause: "Cause | None") -> list[dict[str, Any]]:
        """The same for the JSON summary."""
        from hls_swarm.capacity.verdict.cause import likely_causes

        return [] if cause is None else likely_causes(cause)
