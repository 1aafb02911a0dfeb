"""The terminal under the dashboard: one that stands still or goes away must not hold the run, whose loop draws.

Rules:

- Textual writes by a thread, through a queue of bounded length whose end holds whoever writes. Here what finds no room
  is dropped, and the whole screen is drawn anew once the terminal takes something again.
- A terminal that was closed can not be written, and reads as empty for ever. It is noticed, and the dashboard ends.
"""

import os
import queue
import select
from contextlib import suppress
from typing import IO, TextIO, cast

from textual.drivers._writer_thread import WriterThread
from textual.drivers.linux_driver import LinuxDriver

_CLOSE_SECONDS = 1.0
"""How long the end of the dashboard waits for a terminal that stands still."""


class _Descriptor:
    """A file that is written past the buffer of its stream, whose lock would hold whoever writes to that later."""

    def __init__(self, stream: TextIO) -> None:
        self._descriptor, self._encoding = stream.fileno(), stream.encoding

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        rest = memoryview(text.encode(self._encoding, "backslashreplace"))
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        return len(text)

    def flush(self) -> None:
        """Nothing waits here."""


class _Writer(WriterThread):
    """Textual's thread, for which nobody waits.

    Attributes:
        lost: something was dropped since the screen was drawn whole.
        broken: the terminal can not be written any more.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(cast("IO[str]", _Descriptor(stream)))
        self.lost = self.broken = False

    def write(self, text: str) -> None:
        """Hand over a text, or drop it."""
        try:
            self._queue.put_nowait(text)
        except queue.Full:
            self.lost = True

    def run(self) -> None:
        """Write what is handed over."""
        try:
            super().run()
        except OSError:
            self.broken = True

    def stop(self) -> None:
        """End it, once what waits is written or the terminal has had its time."""
        if self.is_alive():
            with suppress(queue.Full):
                self._queue.put(None, timeout=_CLOSE_SECONDS)
            self.join(_CLOSE_SECONDS)

    @property
    def is_empty(self) -> bool:
        """Whether everything was taken."""
        return self._queue.empty()

    def takes_again(self) -> bool:
        """See `TerminalDriver.takes_again`."""
        if not self.lost or not self.is_empty:
            return False
        self.lost = False
        return True


class TerminalDriver(LinuxDriver):
    """Textual's driver with that thread."""

    @property
    def _writer_thread(self) -> _Writer | None:
        return self._writer

    @_writer_thread.setter
    def _writer_thread(self, thread: WriterThread | None) -> None:
        """What the driver makes is not started yet: ours takes its place."""
        self._writer = None if thread is None or self._file is None else _Writer(self._file)

    @property
    def has_gone(self) -> bool:
        """Whether the terminal was closed."""
        if self._writer is not None and self._writer.broken:
            return True
        poll = select.poll()
        poll.register(self.fileno, 0)
        return any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))

    def takes_again(self) -> bool:
        """Whether something was dropped, and the terminal has taken all that was not; asked once, it is forgotten."""
        return self._writer is not None and self._writer.takes_again()
