"""What the server counts of itself."""

from bisect import bisect_left
from dataclasses import dataclass, field

from hls_swarm.testorigin.telling.cmcd import CmcdSeen

# Upper bounds in seconds: from an answer that fits the socket's buffer to one on a very slow line.
DURATION_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(slots=True)
class Traffic:
    """Connections now and ever, and the stream's requests.

    Attributes:
        accepted: connections taken from the kernel since the start.
        active: connections open now, of which some are `reading` (a request head has begun) or `writing` (an answer is
            under way); the others wait.
        requests: answers that ended, whole or broken off.
        body_bytes: of those.
        unmetered_requests: requests for metrics, which count nowhere else.
        accepts_paused: times that there were too many connections, or no descriptor for one more.
        dropped: connections that were closed as soon as they were accepted, because of a limit.
        durations: how many requests took up to each bound, and in the last place the longer ones.
        duration_sum: seconds of all of them.
        cmcd: what players told with them.
    """

    accepted: int = 0
    active: int = 0
    reading: int = 0
    writing: int = 0
    requests: int = 0
    body_bytes: int = 0
    unmetered_requests: int = 0
    accepts_paused: int = 0
    dropped: int = 0
    duration_sum: float = 0.0
    cmcd: CmcdSeen = field(default_factory=CmcdSeen)
    durations: list[int] = field(default_factory=lambda: [0] * (len(DURATION_BOUNDS) + 1))

    @property
    def waiting(self) -> int:
        """Connections that are open and idle."""
        return self.active - self.reading - self.writing

    def add_request(self, seconds: float, body_bytes: int) -> None:
        """One answer of the stream ended."""
        self.requests += 1
        self.body_bytes += body_bytes
        self.duration_sum += seconds
        self.durations[bisect_left(DURATION_BOUNDS, seconds)] += 1
