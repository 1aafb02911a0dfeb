"""Follows a log file as it grows, through rotation, without losing or repeating a line.

Rules:

- What is in the file when it is first opened is history: reading starts at its end, and behind the line that is being
  written at that moment. A file that appears later is read from its start.
- Rotation by rename: nginx goes on writing to the renamed file until it is told to reopen (USR1), and its workers do
  that one after another. So the old file is read on for `LINGER_SECONDS` after a new one stands at the path.
- Rotation by truncation (`copytruncate`): the file is shorter than what was read of it, or the bytes before the place
  of reading are not the ones that were read there. Then it is read from its start.
- A line without its line break is not whole yet: it waits. One longer than `LONGEST_LINE` is dropped and counts as one
  malformed line.
- Memory is bounded by one chunk and one line for each open file, and by `MOST_RETIRING` files.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hls_swarm.errors import RunError

CHUNK_BYTES = 256 << 10
LONGEST_LINE = 64 << 10
LINGER_SECONDS = 10.0
MOST_RETIRING = 4
_SEEN_BYTES = 64

TakeLine = Callable[[bytes], None]


@dataclass
class _OpenFile:
    """A file that is read, and how far.

    Attributes:
        seen: the last bytes before `place`, by which a truncated and grown file is told from one that only grew.
        skipping: in the middle of a line that does not count: one cut off by the start, or one that is too long.
    """

    descriptor: int
    identity: tuple[int, int]
    place: int = 0
    rest: bytes = b""
    seen: bytes = b""
    skipping: bool = False
    retired_at: float | None = None


class LogTail:
    """Gives each new line of a file to a function.

    Args:
        take: gets every whole line, without its line break.
        clock: monotonic seconds.
    """

    def __init__(self, path: Path, take: TakeLine, clock: Callable[[], float]) -> None:
        self._path, self._take, self._clock = path, take, clock
        self._current: _OpenFile | None = None
        self._retiring: list[_OpenFile] = []
        self._problem = ""
        self.rotations = 0

    @property
    def problem(self) -> str:
        """Why the file at the path can not be read now; empty if it is read."""
        return self._problem

    def start(self) -> None:
        """Open the file at its end; one that is not there yet is waited for.

        Raises:
            RunError: there is something that can never be read as a log.
        """
        try:
            kind = self._path.stat().st_mode
        except FileNotFoundError:
            self._problem = f"{self._path} is not there yet"
            return
        except OSError as error:
            raise RunError(f"--access-log: {self._path} can not be read: {_words(error)}") from error
        if not stat.S_ISREG(kind):
            raise RunError(
                f"--access-log: {self._path} is not a file: where nginx logs to a pipe or a terminal, let it send to "
                "--syslog instead"
            )
        try:
            self._current = self._opened()
        except OSError as error:
            raise RunError(f"--access-log: {self._path} can not be read: {_words(error)}") from error
        size = os.fstat(self._current.descriptor).st_size
        self._current.place = size
        self._current.seen = os.pread(self._current.descriptor, _SEEN_BYTES, max(0, size - _SEEN_BYTES))
        self._current.skipping = size > 0 and not self._current.seen.endswith(b"\n")

    def read(self, budget: int) -> bool:
        """Read what is new, at most about `budget` bytes; whether there may be more.

        What can not be read is told by `problem` and tried again the next time.
        """
        now = self._clock()
        self._follow_rotation(now)
        more = False
        for file in self._files():
            try:
                read = self._read_file(file, budget)
            except OSError as error:  # a disk or a file server that fails: the next time may do better
                self._problem = f"{self._path} can not be read: {_words(error)}"
                continue
            budget -= read
            if budget <= 0:
                more = True
                break
            if read == 0 and file.retired_at is not None and now - file.retired_at > LINGER_SECONDS:
                self._retiring.remove(file)
                os.close(file.descriptor)
        return more

    def unread_bytes(self) -> int:
        """How far behind the end of the log reading is."""
        return sum(max(0, os.fstat(file.descriptor).st_size - file.place) for file in self._files())

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files():
            os.close(file.descriptor)
        self._retiring, self._current = [], None

    def _files(self) -> list[_OpenFile]:
        """The oldest first."""
        return [*self._retiring, *([self._current] if self._current else [])]

    def _follow_rotation(self, now: float) -> None:
        try:
            there = self._path.stat()
        except OSError as error:
            if self._current is None:
                self._problem = f"{self._path} can not be read: {_words(error)}"
            return  # renamed and not made anew yet: nginx still writes to the old one
        identity = there.st_dev, there.st_ino
        if self._current is not None and self._current.identity == identity:
            self._problem = ""
            return
        try:
            opened = self._opened()
        except OSError as error:
            self._problem = f"{self._path} can not be read: {_words(error)}"
            return
        self._problem = ""
        if self._current is not None:
            self.rotations += 1
            self._current.retired_at = now
            self._retiring.append(self._current)
            if len(self._retiring) > MOST_RETIRING:
                os.close(self._retiring.pop(0).descriptor)
        self._current = opened

    def _opened(self) -> _OpenFile:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(descriptor)
        return _OpenFile(descriptor, (status.st_dev, status.st_ino))

    def _read_file(self, file: _OpenFile, budget: int) -> int:
        if self._was_truncated(file):
            self.rotations += 1
            file.place, file.rest, file.seen, file.skipping = 0, b"", b"", False
        total = 0
        while total < budget:
            chunk = os.pread(file.descriptor, min(CHUNK_BYTES, budget - total), file.place)
            if not chunk:
                break
            total += len(chunk)
            file.place += len(chunk)
            file.seen = (file.seen + chunk)[-_SEEN_BYTES:] if len(chunk) < _SEEN_BYTES else chunk[-_SEEN_BYTES:]
            self._take_chunk(file, chunk)
        return total

    def _was_truncated(self, file: _OpenFile) -> bool:
        if os.fstat(file.descriptor).st_size < file.place:
            return True
        return os.pread(file.descriptor, len(file.seen), file.place - len(file.seen)) != file.seen

    def _take_chunk(self, file: _OpenFile, chunk: bytes) -> None:
        *lines, rest = (file.rest + chunk).split(b"\n")
        if lines and file.skipping:
            del lines[0]
            file.skipping = False
        for line in lines:
            self._take(line)
        if file.skipping:
            rest = b""
        elif len(rest) > LONGEST_LINE:
            self._take(b"")
            rest, file.skipping = b"", True
        file.rest = rest


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
