"""How long the steps of a search are, by the length of the stream's segments.

Rules:

- A trial must see whole rounds of the audience: its length is the longer of a time and a number of segments.
- Viewers come evenly over whole segments, else they would poll in step: a peak of our own making. A join fetches about
  three segments at once, which drains the slower the nearer the load is to the limit: so the more come, the longer.
- Viewers leave within one segment: nothing is fetched for it.
"""

import math
from dataclasses import dataclass

USUAL_SEGMENT_SECONDS = 6.0
"""Taken until the stream's own are known."""


@dataclass(frozen=True)
class Lengths:
    """Seconds of each kind of step.

    Args:
        segment_seconds: of the stream; its target duration would do too.
        trial_seconds: of a full trial; None: 30 s or 10 segments, the longer. Short ones take half of it, those that
            confirm twice.
        soak_seconds: how long the answer is held; 0: not at all.
    """

    segment_seconds: float = USUAL_SEGMENT_SECONDS
    trial_seconds: float | None = None
    soak_seconds: float = 300.0

    @property
    def full(self) -> float:
        """A trial that can be a lower bound."""
        return self.trial_seconds if self.trial_seconds is not None else max(30.0, 10 * self.segment_seconds)

    @property
    def coarse(self) -> float:
        """One that looks for a load that fails."""
        return self.full / 2

    @property
    def confirm(self) -> float:
        """One that confirms the answer."""
        return 2 * self.full

    @property
    def warm_up(self) -> float:
        """The first trial, which is thrown away."""
        return min(15.0, self.coarse)

    @property
    def overload(self) -> float:
        """How long more viewers are there than can be carried."""
        return max(20.0, 3 * self.segment_seconds)

    @property
    def settle_least(self) -> float:
        """After a change, before anything is measured."""
        return max(min(10.0, self.full / 3), 2 * self.segment_seconds)

    @property
    def settle_most(self) -> float:
        """The same while things still get better."""
        return 6 * self.settle_least

    @property
    def clean_within(self) -> float:
        """After a failure, how long fewer viewers may take to be well again."""
        return max(min(60.0, 4 * self.full), 6 * self.segment_seconds)

    def ramp(self, before: int, viewers: int) -> float:
        """From so many viewers to so many."""
        segment = self.segment_seconds
        if viewers <= before:
            return segment if viewers < before else 0.0
        longest = min(60.0, 2 * self.full)
        seconds = min(60.0, max(2 * segment, longest * (viewers - before) / viewers))
        return max(1, math.ceil(seconds / segment - 1e-9)) * segment
