"""SIGINT, SIGTERM and SIGHUP from the moment a command takes them until the process ends.

Rules:

- The first one ends the command gracefully, the second one at once, with exit code 1: whoever sends it can not wait.
- What comes within `SAME_SECONDS` of the first is the same request: timeout(1) signals its child and then the child's
  group, and a terminal that closes and the shell in it both send SIGHUP. SIGHUP is never the second one.
- They are handled between two instructions of whatever the process does, not when the event loop has time for it.
- Before there is a loop, the first one ends the process as it does before a command: with 128 and its number.
- Once the files are written the exit code is the verdict's, whatever comes; a signal only ends what is still shown, on
  a terminal that stands still for instance.
- A SIGHUP that was ignored before stays so: that is what nohup is for.
"""

import os
import signal
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Self

from hls_swarm.errors import interrupted_code, interrupted_words

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_SECONDS = 0.2

_Handler = Callable[[int, FrameType | None], object] | int | None


class Signals:
    """Context manager of the main thread: takes the signals on entry, gives them back as they were at the end.

    Args:
        clock: monotonic seconds.

    Attributes:
        first: the signal that ends the command; None if none came.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.first: int | None = None
        self._clock, self._first_at = clock, 0.0
        self._loop: AbstractEventLoop | None = None
        self._gently: Callable[[], object] = lambda: None
        self._at_once: Callable[[], object] = lambda: None
        self._settled: int | None = None
        self._before: dict[int, _Handler] = {}

    def __enter__(self) -> Self:
        for number in ENDING_SIGNALS:
            before = signal.getsignal(number)
            if number == signal.SIGHUP and before is signal.SIG_IGN:
                continue
            self._before[number] = before
            signal.signal(number, self._signalled)
        return self

    def __exit__(self, *exc_info: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def end_with(
        self, loop: AbstractEventLoop, gently: Callable[[], object], at_once: Callable[[], object] = lambda: None
    ) -> None:
        """From now on the first signal calls `gently` in the loop, a further one `at_once` before the process ends."""
        self._gently, self._at_once, self._loop = gently, at_once, loop

    def settle(self, code: int) -> None:
        """The files are written, and the verdict stands: from now on a signal ends the process with this exit code."""
        self._settled = code

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        if self._settled is not None:
            os._exit(self._settled)
        now = self._clock()
        if self.first is not None:
            if number != signal.SIGHUP and now - self._first_at >= SAME_SECONDS:
                self._at_once()
                os._exit(1)
            return
        self.first, self._first_at = number, now
        if self._loop is None or self._loop.is_closed():
            with suppress(OSError):  # nobody may be there to read it; the exit code says the same
                os.write(2, f"hls-swarm: {interrupted_words(number)}\n".encode())
            os._exit(interrupted_code(number))
        self._loop.call_soon_threadsafe(lambda: self._gently())
