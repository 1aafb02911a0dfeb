"""What a viewer sees of an ffmpeg process: positions go in, records of playback come out. No clock, no I/O.

ffmpeg writes media as fast as it gets it, so its position is what a player would have in its buffer. A playhead follows
it at the speed of the wall clock:

- Playback starts when the first media is passed on, once a position confirms it.
- It stalls when the playhead reaches the last position known. ffmpeg tells its position once a second, so a stall is
  believed when none has come for `CONFIRM_SECONDS` after that, and is dated back: shorter stalls are not seen.
- It goes on with the first position beyond. The playhead then stands where it stood.
- A process that ends while playing takes the picture with it: that is a stall, until the next process plays.
"""

from hls_swarm.engine.running import Report
from hls_swarm.records import PlaybackStarted, StallEnded, StallStarted

CONFIRM_SECONDS = 2.0
"""Two of ffmpeg's progress periods."""


class Playback:
    """The playhead of one viewer, over all its processes.

    Args:
        viewer: its number.
        started_at: when it pressed play.
        report: takes the records.

    Attributes:
        played: whether it ever played.
        stalled_at: since when it is stalled; None if it is not.
    """

    __slots__ = (
        "_base",
        "_output_at",
        "_position",
        "_report",
        "_since",
        "_started_at",
        "_viewer",
        "played",
        "stalled_at",
    )

    def __init__(self, viewer: int, started_at: float, report: Report) -> None:
        self.played = False
        self.stalled_at: float | None = None
        self._viewer, self._started_at, self._report = viewer, started_at, report
        self._output_at: float | None = None
        self._position = 0.0
        self._base = 0.0
        self._since: float | None = None

    @property
    def empty_at(self) -> float | None:
        """When the playhead reaches the last position known; None if it does not move."""
        return None if self._since is None else self._since + (self._position - self._base)

    @property
    def look_at(self) -> float | None:
        """When `look` is due."""
        empty_at = self.empty_at
        return None if empty_at is None else empty_at + CONFIRM_SECONDS

    def output(self, at: float) -> None:
        """A process passed on its first media."""
        self._output_at = at

    def position(self, seconds: float, at: float) -> None:
        """A process has written so much media, counted from its own start."""
        if self._output_at is None:
            self._output_at = at
        if seconds <= self._position:
            return
        self._position = seconds
        if self._since is not None:
            return
        if not self.played:
            self.played = True
            self._since = self._output_at
            self._report(PlaybackStarted(self._viewer, self._output_at, self._output_at - self._started_at))
            return
        if self.stalled_at is not None:
            # A new process plays from its first media on, a stalled one from where it stood.
            resumed_at = max(self.stalled_at, self._output_at if self._base == 0.0 else at)
            self._report(StallEnded(self._viewer, resumed_at, resumed_at - self.stalled_at))
            self.stalled_at, self._since = None, resumed_at

    def look(self, now: float) -> None:
        """See whether the playhead has run into the end of what is there."""
        empty_at = self.empty_at
        if empty_at is not None and now >= empty_at + CONFIRM_SECONDS:
            self._stall(empty_at, self._position)

    def process_ended(self, at: float) -> None:
        """The process is gone, and what it had in its buffer."""
        empty_at = self.empty_at
        if empty_at is not None:
            self._stall(min(at, empty_at), 0.0)
        self._base = self._position = 0.0
        self._output_at = None

    def _stall(self, at: float, base: float) -> None:
        self._base, self._since, self.stalled_at = base, None, at
        self._report(StallStarted(self._viewer, at))
