"""Playing, stalled, seeking or paused: what the person sees, decided by the buffer alone.

Rules:

- IDLE -> STARTING -> PLAYING <-> STALLED, plus SEEKING and PAUSED from these two; then ENDED, FAILED or QUIT for good.
- STALLED is entered from PLAYING only: waiting in STARTING or SEEKING is no stall (CTA-2066).
- A stall begins at the instant when the buffer reaches zero, whenever that is noticed, and ends with play, a pause, a
  seek or the end.
"""

from collections.abc import Callable
from enum import Enum

from hls_swarm.records import (
    PauseEnded,
    PauseStarted,
    PlaybackStarted,
    Record,
    SeekEnded,
    SeekStarted,
    StallEnded,
    StallStarted,
)
from hls_swarm.viewer.playing.buffer import Playhead

EPSILON = 1e-9
"""Seconds: below what any clock here resolves, above what floating-point sums of durations lose."""


class State(Enum):
    """States of a viewer; the letters of CMCD's `sta` in brackets."""

    __hash__ = object.__hash__  # of the member itself: the one of `Enum` is written in Python

    IDLE = "idle"
    STARTING = "starting"  # s
    PLAYING = "playing"  # p
    STALLED = "stalled"  # r
    SEEKING = "seeking"  # k
    PAUSED = "paused"  # a
    ENDED = "ended"  # e
    FAILED = "failed"  # f
    QUIT = "quit"  # q


# Members as globals: in Python 3.11 a member is found on its class at seven times the cost.
IDLE, STARTING, PLAYING, STALLED, SEEKING, PAUSED, *_OVER = State
OVER = frozenset(_OVER)
WATCHING = frozenset({PLAYING, STALLED})


class Playback:
    """What one viewer sees.

    Args:
        number: of the viewer.
        report: takes its records.
    """

    __slots__ = (
        "_number",
        "_report",
        "_since",
        "_stalled_closed",
        "played_ever",
        "playhead",
        "stalls",
        "startup_seconds",
        "state",
    )

    def __init__(self, number: int, report: Callable[[Record], None]) -> None:
        self._number, self._report = number, report
        self.state = IDLE
        self.playhead = Playhead()
        self.played_ever = False
        self.startup_seconds: float | None = None
        self.stalls = 0
        self._stalled_closed = 0.0
        self._since = 0.0  # when play was asked for, the stall began, or the seek

    def press_play(self, now: float) -> None:
        """The request to play."""
        self.state, self._since = STARTING, now

    def stalled_seconds(self, now: float) -> float:
        """All stalls, one that goes on included."""
        return self._stalled_closed + (max(0.0, now - self._since) if self.state is STALLED else 0.0)

    def settle(
        self, now: float, credited: float, complete: bool, start_seconds: float, resume_seconds: float
    ) -> float | None:
        """Move on as the buffer says; gives the instant at which everything was played, if it was.

        Args:
            credited: media appended so far, in seconds.
            complete: whether no more will come.
            start_seconds, resume_seconds: buffer needed to start, and to go on after a stall.
        """
        state = self.state
        if state is PLAYING:
            empty_at = self.playhead.reaches(credited)
            if empty_at is None or empty_at > now + EPSILON:
                return None
            self.playhead.halt(empty_at)
            if complete:
                return empty_at
            state = self.state = STALLED
            self._since = empty_at
            self.stalls += 1
            self._report(StallStarted(self._number, empty_at))
        if state is PAUSED or state is IDLE or state in OVER:
            return None
        buffered = credited - self.playhead.played(now)
        if buffered <= EPSILON:
            return now if complete else None
        if complete or buffered + EPSILON >= (resume_seconds if state is STALLED else start_seconds):
            self._go_on(now)
        return None

    def pause(self, now: float) -> None:
        """Stand still; from PLAYING or STALLED."""
        self._end_stall(now)
        self.playhead.halt(now)
        self.state = PAUSED
        self._report(PauseStarted(self._number, now))

    def unpause(self, now: float) -> None:
        """Go on."""
        self.playhead.play(now)
        self.state = PLAYING
        self._report(PauseEnded(self._number, now))

    def begin_seek(self, now: float) -> None:
        """Look for another place; from PLAYING or STALLED, or at the end of what loops."""
        self._end_stall(now)
        self.playhead.halt(now)
        self.state, self._since = SEEKING, now
        self._report(SeekStarted(self._number, now))

    def _end_stall(self, now: float) -> None:
        if self.state is STALLED:
            self._stalled_closed += now - self._since
            self._report(StallEnded(self._number, now, now - self._since))

    def _go_on(self, now: float) -> None:
        seconds = now - self._since
        match self.state:
            case State.STARTING:
                self.played_ever, self.startup_seconds = True, seconds
                self._report(PlaybackStarted(self._number, now, seconds))
            case State.SEEKING:
                self._report(SeekEnded(self._number, now, seconds))
            case _:
                self._end_stall(now)
        self.state = PLAYING
        self.playhead.play(now)
