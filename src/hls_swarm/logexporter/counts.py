"""What the log said so far, counted, in memory that does not grow with the log.

Rules:

- Everything is a counter since the exporter started; who scrapes makes rates of them.
- The series that are usual are there from the start with 0, so that the first of their kind is an increase too.
- A bucket is at most twice as wide as its lower bound, so a percentile read from it is at most that far off. nginx
  counts request times in whole milliseconds, so no finer bounds would say more.
"""

from bisect import bisect_left

from hls_swarm.logexporter.log_format import CACHE_STATUSES, LogLine

BOUNDS = (
    *(0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.07),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0),
)
"""Upper bounds of the buckets of request times, in seconds."""

USUAL_STATUSES = ("200", "206", "301", "302", "304", "403", "404", "416", "499", "500", "502", "503", "504")


class TimeCounts:
    """A histogram with fixed bounds, as Prometheus has it, but not cumulative until it is written."""

    __slots__ = ("buckets", "sum")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one request."""
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds


class LogCounts:
    """All that the page tells of the log.

    Attributes:
        statuses: requests by status.
        cache_statuses: requests by what the cache said of them; those that asked none are not in it.
        malformed: lines that are not of the format.
    """

    def __init__(self) -> None:
        self.statuses: dict[str, int] = dict.fromkeys(USUAL_STATUSES, 0)
        self.cache_statuses: dict[str, int] = dict.fromkeys(CACHE_STATUSES, 0)
        self.sent_bytes = 0
        self.seconds = TimeCounts()
        self.upstream_seconds = TimeCounts()
        self.malformed = 0

    def add(self, line: LogLine | None) -> None:
        """Count one line; None is a malformed one."""
        if line is None:
            self.malformed += 1
            return
        status, sent_bytes, seconds, upstream_seconds, cache_status = line
        statuses = self.statuses
        statuses[status] = statuses.get(status, 0) + 1
        self.sent_bytes += sent_bytes
        self.seconds.add(seconds)
        if upstream_seconds is not None:
            self.upstream_seconds.add(upstream_seconds)
        if cache_status:
            self.cache_statuses[cache_status] = self.cache_statuses.get(cache_status, 0) + 1
