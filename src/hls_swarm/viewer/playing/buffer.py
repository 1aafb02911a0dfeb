"""The playhead, analytically: media that arrived on one side, time that passed on the other, no tick in between.

Rules:

- A track's `credited` is media appended since the viewer joined, in seconds; a segment counts when it is complete.
- Played media is `base + (now - since) * rate` while playing, and stands still otherwise.
- The buffer is the least credit over all tracks, less what was played. It is never below zero: the instant at which
  it reaches zero is known in advance, and whoever asks later is told zero.
- Media that was skipped (a gap, expired segments) is neither credited nor played.
"""


class Playhead:
    """Where a viewer is in its media, in seconds played since it joined."""

    __slots__ = ("_base", "_since", "rate")

    def __init__(self) -> None:
        self._base = 0.0
        self._since: float | None = None
        self.rate = 1.0

    @property
    def moving(self) -> bool:
        """Whether media is being played."""
        return self._since is not None

    def played(self, now: float) -> float:
        """Seconds of media played by the instant `now`."""
        if self._since is None:
            return self._base
        passed = (now - self._since) * self.rate
        return self._base + passed if passed > 0.0 else self._base

    def play(self, at: float) -> None:
        """Begin to move at `at`."""
        self._since = at

    def halt(self, at: float) -> None:
        """Stand still from `at` on."""
        self._base = self.played(at)
        self._since = None

    def go_at(self, rate: float, at: float) -> None:
        """Play at this speed from `at` on; 1 is as it was recorded."""
        if self._since is not None:
            self._base, self._since = self.played(at), at
        self.rate = rate

    def skip(self, seconds: float) -> None:
        """Go forward in media that is buffered; counts as played, so that the buffer stays what is ahead."""
        self._base += seconds

    def reaches(self, credited: float) -> float | None:
        """The instant at which that much will have been played; None while standing still."""
        if self._since is None:
            return None
        return self._since + (credited - self._base) / self.rate
