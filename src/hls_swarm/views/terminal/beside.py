"""Standard error while a run goes on: whoever reads it may stop reading, and the run must not.

Rules:

- A terminal may stand still (a connection that hangs, a pager, Ctrl-S), and so may whatever reads a pipe. Who writes to
  it then waits, for ever. So a thread writes; what finds no room meanwhile is dropped and counted.
- The thread writes to the descriptor, past the buffer of the stream, whose lock would hold whoever writes after it.
- While a live display has put its own stream in its place, what is written goes there.
"""

import os
import queue
import sys
import threading
from typing import TextIO

MOST_WAITING = 1000
"""Pieces of text that wait for the reader; a run says about one in five seconds."""


class BesideStream:
    """Takes the place of a standard stream for those who write to it during a run.

    Args:
        stream: which it is; one without a descriptor is written at once.
        standing_in: gives the stream that stands in its place now.

    Attributes:
        dropped: pieces that found no room, or no reader.
    """

    def __init__(self, stream: TextIO) -> None:
        self.dropped = 0
        self._stream = stream
        self._name = "stderr" if stream is sys.stderr else "stdout" if stream is sys.stdout else None
        self._waiting: queue.Queue[bytes] = queue.Queue(MOST_WAITING)
        self._written = threading.Condition()
        self._taken = self._given = 0
        self._broken = False
        threading.Thread(target=self._run, name="standard-error", daemon=True).start()

    @property
    def encoding(self) -> str:
        """Of the stream."""
        return self._stream.encoding

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's descriptor."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Hand over a text; never waits."""
        now = self._stream if self._name is None else getattr(sys, self._name)
        if now is not self._stream:
            now.write(text)
            return len(text)
        data = text.encode(self._stream.encoding or "utf-8", "backslashreplace")
        try:
            if self._broken:
                raise queue.Full
            self._waiting.put_nowait(data)
            self._given += 1
        except queue.Full:
            self.dropped += 1
        return len(text)

    def flush(self) -> None:
        """Nothing waits here that its thread does not write by itself."""

    def settle(self, seconds: float) -> bool:
        """Wait until everything is written, at most so long; whether it is."""
        with self._written:
            return self._written.wait_for(lambda: self._broken or self._taken == self._given, seconds)

    def _run(self) -> None:
        while True:
            rest = memoryview(self._waiting.get())
            try:
                while rest and not self._broken:
                    rest = rest[os.write(self._stream.fileno(), rest) :]
            except (OSError, ValueError):  # its reader has gone, its disk is full: nobody misses what is not read
                self._broken = True
                self.dropped += 1
            with self._written:
                self._taken += 1
                self._written.notify_all()
