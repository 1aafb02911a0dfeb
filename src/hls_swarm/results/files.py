"""Files that survive a crash: lines that are whole or not there, objects that are the old one or the new one.

What was written is on the disk when a call returns, so that a power cut takes no more than a crash does. That can take
a tenth of a second: call from a thread that may wait.
"""

import errno
import os
from contextlib import suppress
from pathlib import Path


class LineFile:
    """A file that only grows, by whole lines.

    A write that fails half way, as on a full disk, is taken back: the file ends where its last whole line does.

    Raises:
        OSError: it can not be opened.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._descriptor).st_size

    def append(self, lines: bytes) -> None:
        """Write these lines to the file, all or none. Raises OSError."""
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            _settle(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(lines)

    def is_at(self, path: Path) -> bool:
        """Whether the file that is written is still the one of this name. Raises OSError."""
        try:
            there = path.stat()
        except FileNotFoundError:
            return False
        return _identity(there) == _identity(os.fstat(self._descriptor))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


class Claim:
    """A file by which a folder is its maker's: of all who try to make it, one does.

    It is held open: a file that has its name later may be given its number too as soon as nobody holds it any more, and
    could not be told from it then.

    Raises:
        FileExistsError: somebody has made it.
        OSError: it can not be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = self._made()

    def replace(self, content: bytes) -> None:
        """Write it, as `replace_whole` does. Raises OSError."""
        self._hold(_replaced(self._path, content))

    def renew(self) -> None:
        """Make it again if it is gone. Raises FileExistsError if another one has its place, OSError."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            self._hold(self._made())
            return
        if _identity(there) != _identity(os.fstat(self._descriptor)):
            raise FileExistsError(errno.EEXIST, "another run writes there now")

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _made(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    def _hold(self, descriptor: int) -> None:
        os.close(self._descriptor)
        self._descriptor = descriptor


def replace_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader finds the old content or the new one, never a part. Raises OSError."""
    os.close(_replaced(path, content))


def _replaced(path: Path, content: bytes) -> int:
    """The same; gives the new file, open."""
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            _settle(file.fileno())
            held = os.dup(file.fileno())
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    try:
        new.replace(path)
    except OSError:
        os.close(held)
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    return held


def _identity(status: os.stat_result) -> tuple[int, int]:
    """What tells a file that somebody holds open from any other."""
    return status.st_dev, status.st_ino


def _settle(descriptor: int) -> None:
    """Wait until the content is on the disk; a special file or a file system that has no such thing is passed over."""
    try:
        os.fdatasync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EROFS}:
            raise
