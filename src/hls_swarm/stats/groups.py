"""What the viewers of one profile, or of one variant, lived through: mergeable, as the tally of all is.

Rules:

- Ratios are formed from sums when somebody looks, never averaged (CTA-2066).
- Watched time is startup, play, stalls and seeks; pauses are not in it.
- A viewer that goes to another variant takes the time that runs with it: each second belongs to one variant.
"""

from typing import Protocol, Self

import msgspec

from hls_swarm.stats.histogram import Histogram


class Running(msgspec.Struct):
    """How long something went on in all, summed over viewers.

    Attributes:
        closed_seconds: of what has ended.
        active: how many are going on.
        began_sum: the sum of the instants at which these began.
    """

    closed_seconds: float = 0.0
    active: int = 0
    began_sum: float = 0.0

    def begin(self, at: float) -> None:
        """One more goes on since `at`."""
        self.active += 1
        self.began_sum += at

    def end(self, began_at: float, at: float) -> None:
        """One that began at `began_at` is over."""
        self.active -= 1
        self.began_sum -= began_at
        self.closed_seconds += at - began_at

    def end_all(self, at: float) -> None:
        """All that go on are over."""
        self.closed_seconds += self.active * at - self.began_sum
        self.active, self.began_sum = 0, 0.0

    def shift(self, seconds: float) -> None:
        """Say all instants by another clock, which shows so much more."""
        self.began_sum += self.active * seconds

    def seconds(self, now: float) -> float:
        """The sum at the instant `now`."""
        return max(0.0, self.closed_seconds + self.active * now - self.began_sum)

    def merge(self, other: Self) -> None:
        """Add another sum."""
        self.closed_seconds += other.closed_seconds
        self.active += other.active
        self.began_sum += other.began_sum


class Experienced(Protocol):
    """What counts the experience of viewers: the tally of all, or that of a group."""

    started: int
    played: int
    failed: int
    stalls: int
    media_seconds: float
    media_bits: float
    startup: Histogram
    stall: Histogram
    restart: Histogram
    live_latency: Histogram
    edge_latency: Histogram
    watching: Running
    playing: Running
    stalled: Running


class GroupTally(msgspec.Struct):
    """The experience of some viewers.

    Attributes:
        started, played, failed: sessions begun, ever played, ended by a fatal error.
        errors: exchanges of these viewers that failed.
        startup: request to play until first playback, of those that got there.
        stall: lengths of ended stalls.
        restart: seek to playing.
        media_seconds, media_bits: of segments fetched: their quotient is the average bitrate (CTA-2066).
    """

    started: int = 0
    played: int = 0
    failed: int = 0
    errors: int = 0
    stalls: int = 0
    media_seconds: float = 0.0
    media_bits: float = 0.0
    startup: Histogram = msgspec.field(default_factory=Histogram)
    stall: Histogram = msgspec.field(default_factory=Histogram)
    restart: Histogram = msgspec.field(default_factory=Histogram)
    live_latency: Histogram = msgspec.field(default_factory=Histogram)
    edge_latency: Histogram = msgspec.field(default_factory=Histogram)
    watching: Running = msgspec.field(default_factory=Running)
    playing: Running = msgspec.field(default_factory=Running)
    stalled: Running = msgspec.field(default_factory=Running)

    def merge(self, other: Self) -> None:
        """Add the tally of other viewers."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _MERGEABLE:
            getattr(self, name).merge(getattr(other, name))


_SUMS = ("started", "played", "failed", "errors", "stalls", "media_seconds", "media_bits")
_MERGEABLE = ("startup", "stall", "restart", "live_latency", "edge_latency", "watching", "playing", "stalled")
