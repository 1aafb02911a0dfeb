"""A viewer that is a real ffmpeg process, restarted when it dies: the shell around its log, its progress and its end.

Rules:

- One viewer is one `ViewerStarted` and one `ViewerStopped`, whatever becomes of its processes; each of these is one
  `PlayerStarted`.
- A process that ends by itself has failed, except at the end of a stream that has one. Also with exit code 0: a live
  stream has no end, so ffmpeg gave up on it.
- The wait before a restart grows from one failure to the next. When it is time to give up, the viewer has failed, with
  the process's own words.
- To end it: SIGTERM, on which ffmpeg closes its connections and says how much came over them; after a grace, SIGKILL.
- It decides by timers of its own, one at a time: playback to look at, a restart that is due, a grace that is over.
"""

import asyncio
import math
import signal
from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto
from random import Random
from time import perf_counter

from hls_swarm.engine.ffmpeg.backoff import Backoff, BackoffPolicy
from hls_swarm.engine.ffmpeg.command import PACE
from hls_swarm.engine.ffmpeg.hearing.log import LogReader
from hls_swarm.engine.ffmpeg.hearing.playback import Playback
from hls_swarm.engine.ffmpeg.hearing.progress import ProgressReader
from hls_swarm.engine.ffmpeg.process import Process, Spawn
from hls_swarm.engine.running import Finished, Report
from hls_swarm.errors import raised
from hls_swarm.records import (
    EndReason,
    Failure,
    FailureKind,
    PlayerStarted,
    PlaylistFetched,
    Record,
    SegmentFetched,
    ViewerStarted,
    ViewerStopped,
)

GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL."""
PROFILE = "ffmpeg process"
"""What tables by profile call these viewers; a native viewer that behaves like ffmpeg is `ffmpeg`."""
INTERRUPTED = 255
"""ffmpeg's exit code after a signal that it handled."""


class ExitCategory(Enum):
    """What the end of a process means."""

    SUCCESS = auto()  # it played to the end of what it was given
    INTERRUPTED = auto()  # it was asked to end and did, in good order
    ERROR = auto()  # it says what went wrong
    KILLED = auto()  # a signal ended it


def exit_category(code: int) -> ExitCategory:
    """What an exit code means; a negative one is minus the signal.

    Codes above 128 are no signals: from FFmpeg 6 on they are the low byte of an error number, 145 for a refused
    connection.
    """
    if code < 0:
        return ExitCategory.KILLED
    if code == 0:
        return ExitCategory.SUCCESS
    return ExitCategory.INTERRUPTED if code == INTERRUPTED else ExitCategory.ERROR


class _Run:
    """One process of a viewer and what has been read of it."""

    def __init__(self, viewer: "FfmpegViewer", log: LogReader, started_at: float) -> None:
        self.log = log
        self.progress = ProgressReader()
        self.started_at = started_at
        self.process: Process | None = None
        self.output_seen = False
        self.failure: Failure | None = None
        """The last failed exchange: why the process ends, if it does."""
        self._viewer = viewer

    def on_output(self, data: bytes) -> None:
        """It wrote progress."""
        self._viewer.guarded(self._viewer.on_progress, self, data)

    def on_error(self, data: bytes) -> None:
        """It wrote to its log."""
        self._viewer.guarded(self._viewer.on_log, self, data)

    def on_exit(self, code: int) -> None:
        """It has ended."""
        self._viewer.guarded(self._viewer.on_exit, self, code)


class FfmpegViewer:
    """A viewer at work.

    Args:
        number: its number in the run.
        command: what to start; its first word is the binary.
        variables: environment on top of ours.
        length_seconds: after which the viewer leaves; infinite if it stays.
        backoff, seed: of its restarts.
        timeout_seconds: what ffmpeg was told to wait for the network at most; None is for ever.
        lines_per_second: most lines of the log that are read in a second.
        restart_after_stall_seconds: a stall of this length restarts the process; None bears any.
        secret: a text in URLs that no record shows.
        spawn: starts a process.
        report: takes every record.
        finished: called once, when it is over and its process is gone.
    """

    def __init__(
        self,
        number: int,
        command: Sequence[str],
        variables: Mapping[str, str],
        *,
        length_seconds: float,
        backoff: BackoffPolicy,
        seed: int,
        timeout_seconds: float | None,
        lines_per_second: int,
        restart_after_stall_seconds: float | None,
        secret: str | None,
        spawn: Spawn,
        report: Report,
        finished: Finished,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.number = number
        self.over = False
        self._command, self._variables = command, variables
        self._length_seconds = length_seconds
        self._leave_timer: asyncio.TimerHandle | None = None
        self._end_reason = EndReason.QUIT
        self._backoff = Backoff(backoff, Random(f"{seed} {number} restarts"))
        self._timeout_seconds, self._lines_per_second = timeout_seconds, lines_per_second
        self._restart_after_stall_seconds = restart_after_stall_seconds
        self._secret = secret
        self._spawn, self._report, self._finished, self._loop = spawn, report, finished, loop
        self._playback: Playback | None = None
        self._run: _Run | None = None
        self._starting: asyncio.Future[Process] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._restart_reason: str | None = None
        self._last_failure: Failure | None = None
        self._stopped = False

    @property
    def in_flight(self) -> int:
        """Requests of its process whose answers are not known to be complete; 1 for a process that has none."""
        return 0 if self._run is None else max(1, self._run.log.in_flight)

    def start(self, due_at: float) -> None:
        """Press play."""
        now = perf_counter()
        self._report(ViewerStarted(self.number, now, due_at, PROFILE, is_paced=PACE in self._command))
        self._playback = Playback(self.number, now, self._report)
        if self._length_seconds != math.inf:
            self._leave_timer = self._loop.call_later(max(0.0, self._length_seconds), self.guarded, self._leave)
        self.guarded(self._launch, "")

    def _leave(self) -> None:
        """Its session is over."""
        if not self.over:
            self._end_reason = EndReason.LEFT
            self.quit()

    def guarded(self, act: Callable[..., None], *arguments: object) -> None:
        """Do something for a callback of the loop; an exception in it, a bug, ends the viewer, which would wait for
        ever otherwise."""
        try:
            act(*arguments)
        except Exception as error:  # noqa: BLE001 - as said
            self._loop.call_exception_handler({"message": f"viewer {self.number}", "exception": error})
            run, self._run = self._run, None
            if self._starting is not None:
                self._starting.add_done_callback(_kill_when_started)
            if run is not None and run.process is not None:
                run.process.kill()
            self._last_failure = Failure(FailureKind.INTERNAL, raised(error))
            self._stop(EndReason.FAILED, perf_counter())

    def quit(self) -> None:
        """End the viewer: its process gets SIGTERM and its grace."""
        self.guarded(self._quit)

    def _quit(self) -> None:
        if self.over:
            return
        self.over = True
        self._disarm()
        if self._run is None:
            self._stop(self._end_reason, perf_counter())
            return
        self._end_process()

    def cancel(self) -> None:
        """End its process at once, after `quit`: what it would still have said is lost."""
        self.over = True
        self._disarm()
        run, self._run = self._run, None
        if self._starting is not None:
            self._starting.add_done_callback(_kill_when_started)
        if run is not None:
            if run.process is not None:
                run.process.kill()
            run.log.close(perf_counter(), ours=True)
        self._stop(self._end_reason, perf_counter())

    # -- processes ------------------------------------------------------------------------------------------------

    def _launch(self, restart_reason: str) -> None:
        now = perf_counter()
        self._report(PlayerStarted(self.number, now, bool(restart_reason), restart_reason))
        log = LogReader(self.number, self._watch, self._timeout_seconds, self._lines_per_second, self._secret)
        run = self._run = _Run(self, log, now)
        self._restart_reason = None
        starting = self._starting = self._spawn(self._command, self._variables, run)
        starting.add_done_callback(lambda done: self.guarded(self._started, run, done))
        self._arm_look()

    def _started(self, run: _Run, done: "asyncio.Future[Process]") -> None:
        self._starting = None
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            run.process = done.result()
            if run is self._run and (self.over or self._restart_reason is not None):
                self._end_process()
            return
        if not isinstance(error, OSError):
            self._loop.call_exception_handler({"message": "a player could not be started", "exception": error})
        if run is self._run:
            kind = FailureKind.DESCRIPTORS if getattr(error, "errno", None) in {23, 24} else FailureKind.PLAYER
            run.failure = Failure(kind, f"ffmpeg could not be started: {error}")
            self._ended(run, run.failure.detail, run.failure)

    def _end_process(self) -> None:
        run = self._run
        if run is not None and run.process is not None:
            run.process.terminate()
            self._arm(GRACE_SECONDS, run.process.kill)

    def _restart(self, reason: str) -> None:
        """End the process because of what it does; a new one follows."""
        self._restart_reason = reason
        self._end_process()

    # -- what a process says --------------------------------------------------------------------------------------

    def _watch(self, record: Record) -> None:
        """Pass a record on, and remember the failures: the last one is why a process ends."""
        if isinstance(record, PlaylistFetched | SegmentFetched) and self._run is not None:
            failure = record.failure
            if failure is None or failure.kind is not FailureKind.CANCELLED:
                self._run.failure = failure
        self._report(record)

    def on_log(self, run: _Run, data: bytes) -> None:
        """Its process wrote to its log."""
        if run is not self._run:
            return
        run.log.feed(data, perf_counter())
        if not run.output_seen and run.log.output_at is not None and self._playback is not None:
            run.output_seen = True
            self._playback.output(run.log.output_at)

    def on_progress(self, run: _Run, data: bytes) -> None:
        """Its process wrote progress."""
        blocks = run.progress.feed(data)
        if run is not self._run or self._playback is None or self.over:
            return
        if self._restart_reason is not None:
            return  # what it flushes on its way out is no picture
        for block in blocks:
            ends_stalled = block.is_last and self._playback.stalled_at is not None
            if block.position_seconds is not None and not ends_stalled:
                self._playback.position(block.position_seconds, perf_counter())
        self._arm_look()

    def on_exit(self, run: _Run, code: int) -> None:
        """Its process has ended, and all that it wrote has been read."""
        if run is not self._run:
            return
        now = perf_counter()
        category = exit_category(code)
        run.log.close(now, ours=self.over or self._restart_reason is not None)
        if self.over:
            self._run = None
            self._stop(self._end_reason, now)
            return
        if self._restart_reason is not None:
            self._ended(run, self._restart_reason, Failure(FailureKind.NO_PROGRESS_TIMEOUT, self._restart_reason))
            return
        words = run.log.words
        match category:
            case ExitCategory.SUCCESS if run.log.is_live is False:
                self._play_out(now)
            case ExitCategory.SUCCESS:
                self._ended(run, f"ffmpeg gave up: {words or 'it stopped reading a live stream'}", run.failure)
            case ExitCategory.KILLED:
                self._ended(run, f"ffmpeg was killed by {signal.Signals(-code).name}", None)
            case ExitCategory.INTERRUPTED | ExitCategory.ERROR:
                self._ended(run, f"ffmpeg: {words or 'it said nothing'} (exit code {code})", run.failure)

    def _play_out(self, now: float) -> None:
        """The stream is at its end; the viewer when it has played what it holds."""
        self._run = None
        empty_at = self._playback.empty_at if self._playback is not None else None
        self._arm(0.0 if empty_at is None else max(0.0, empty_at - now), self._played_out)

    def _played_out(self) -> None:
        self._stop(EndReason.ENDED, perf_counter())

    def _ended(self, run: _Run, reason: str, failure: Failure | None) -> None:
        """The process failed: start another one in a while, or give up."""
        self._disarm()
        now = perf_counter()
        self._run = None
        if self._playback is not None:
            self._playback.process_ended(now)
        kind = FailureKind.PLAYER if failure is None else failure.kind
        self._last_failure = Failure(kind, reason, None if failure is None else failure.status)
        delay = self._backoff.delay(now - run.started_at)
        if delay is None:
            self._stop(EndReason.FAILED, now)
        else:
            self._arm(delay, lambda: self._launch(reason))

    def _stop(self, reason: EndReason, now: float) -> None:
        if self._stopped:
            return
        self._stopped = self.over = True
        self._disarm()
        if self._leave_timer is not None:
            self._leave_timer.cancel()
        played = self._playback is not None and self._playback.played
        failure = self._last_failure if reason is EndReason.FAILED else None
        self._report(ViewerStopped(self.number, now, reason, played, failure))
        self._finished(self)

    # -- timer ----------------------------------------------------------------------------------------------------

    def _arm(self, seconds: float, act: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self._loop.call_later(max(0.0, seconds), self.guarded, act)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm_look(self) -> None:
        """Look at playback when it may have stalled, or has been for too long."""
        playback = self._playback
        if playback is None:
            return
        due_at = playback.look_at if playback.stalled_at is None else self._restart_at
        if due_at is not None:
            self._arm(due_at - perf_counter() + 0.001, self._look)

    @property
    def _restart_at(self) -> float | None:
        """When the stall that goes on restarts the process, which must have had that long to end it."""
        stalled_at = None if self._playback is None else self._playback.stalled_at
        if stalled_at is None or self._restart_after_stall_seconds is None or self._run is None:
            return None
        return max(stalled_at, self._run.started_at) + self._restart_after_stall_seconds

    def _look(self) -> None:
        self._timer = None
        playback, now = self._playback, perf_counter()
        if playback is None or self.over:
            return
        playback.look(now)
        restart_at = self._restart_at
        if playback.stalled_at is not None and restart_at is not None and now >= restart_at:
            self._restart(f"stalled for {now - playback.stalled_at:.1f} s")
            return
        self._arm_look()


def _kill_when_started(starting: "asyncio.Future[Process]") -> None:
    if not starting.cancelled() and starting.exception() is None:
        starting.result().kill()
