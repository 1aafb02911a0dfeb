"""Writes a run's files in a thread of their own: a slow disk delays neither the controller nor any viewer.

Rules:

- Whoever hands something over never waits. Rows and events wait here, at most `MOST_WAITING` of them; of the state only
  the newest does.
- A write that fails is told at once and tried again each second. What did not find room meanwhile is counted.
- The folder belongs to the run that made the file `claim_name` in it. One that is removed or replaced meanwhile, as a
  clean-up job does, is noticed at the next write, told, and written again from there on: whole files as they were,
  lines from now. One in which another run has made its own is left alone.
- After `close` everything is written, or is known not to be.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from hls_swarm.errors import raised
from hls_swarm.results.files import Claim, LineFile, replace_whole

MOST_WAITING = 3600
"""Lines of one file that wait for a disk to recover: an hour of the timeline."""
AGAIN_SECONDS = 1.0
CLOSE_SECONDS = 5.0
"""How long the end of a run waits for a disk that does not answer."""

_log = logging.getLogger(__name__)


class FolderWriter:
    """The files of one run's folder.

    Args:
        folder: exists already.
        line_files: names of those that grow by lines.
        again_seconds: between two tries on a disk that refuses.
        claim_name: of the whole file by which the folder is this run's; None leaves that unchecked.

    Raises:
        FileExistsError: the folder is another run's.
        OSError: a file can not be opened.
    """

    def __init__(
        self,
        folder: Path,
        line_files: tuple[str, ...],
        again_seconds: float = AGAIN_SECONDS,
        claim_name: str | None = None,
    ) -> None:
        self.folder = folder
        self._again_seconds = again_seconds
        self._claim_name = claim_name
        self._claim = None if claim_name is None else Claim(folder / claim_name)
        self._files = {name: LineFile(folder / name) for name in line_files}
        self._lines: Mapping[str, deque[bytes]] = {name: deque() for name in line_files}
        self._wholes: dict[str, Callable[[], bytes]] = {}
        self._made: dict[str, Callable[[], bytes]] = {}
        """The newest content of each whole file, from which it can be written again."""
        self._written: dict[str, int] = {}
        self._lost = 0
        self._replaced = False
        self._trouble: str | None = None
        self._broken: str | None = None
        """A bug that left something out; it stays so, whatever is written after it."""
        self._ending = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="run-folder", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str | None:
        """Why the files are not all written, in words; None if they are."""
        with self._changed:
            lost = f"; {self._lost} lines are lost" if self._lost else ""
            if self._broken is not None:
                return self._broken + lost
            if self._trouble is not None:
                return self._trouble + lost
            if self._replaced:
                return f"{self.folder}: was removed or replaced while the run went on, and written again{lost}"
            return f"{self.folder}: could not be written for a time{lost}" if self._lost else None

    def append(self, name: str, line: bytes) -> None:
        """Hand over one line, without its end."""
        with self._changed:
            if self._ending:
                return
            waiting = self._lines[name]
            if len(waiting) >= MOST_WAITING:
                waiting.popleft()
                self._lost += 1
            waiting.append(line + b"\n")
            self._changed.notify()

    def replace(self, name: str, content: Callable[[], bytes]) -> None:
        """Hand over a new whole content of a file, which is made in the writer's thread."""
        with self._changed:
            self._wholes[name] = content
            self._changed.notify()

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Write what waits, and end. What is not written after `seconds` counts as lost."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(seconds)
        with self._changed:
            if self._thread.is_alive():
                self._trouble = f"{self.folder}: the disk does not answer"
            self._lost += sum(len(waiting) for waiting in self._lines.values())

    def discard(self) -> None:
        """End, and take away what was written, and the folder if nothing else is in it."""
        self.close()
        names = [*self._lines, *self._made, *([] if self._claim_name is None else [self._claim_name])]
        for name in names:
            with suppress(OSError):  # what can not be taken away stays
                (self.folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - a thread's own: nobody else would hear of a bug
            _log.exception("%s: the writer broke off", self.folder)
            with self._changed:
                self._broken = f"{self.folder}: the writer broke off: {raised(error)}"

    def _work(self) -> None:
        refused = False
        while True:
            with self._changed:
                while not self._ending and not self._wholes and not any(self._lines.values()):
                    self._changed.wait()
                if refused and not self._ending:
                    self._changed.wait(self._again_seconds)
                ending = self._ending
                lines = {name: list(waiting) for name, waiting in self._lines.items() if waiting}
                for name in lines:
                    self._lines[name].clear()
                wholes, self._wholes = self._wholes, {}
            refused = not self._write(lines, wholes)
            with self._changed:
                if ending and (refused or not (self._wholes or any(self._lines.values()))):
                    break
        for file in self._files.values():
            file.close()
        if self._claim is not None:
            self._claim.close()

    def _write(self, lines: dict[str, list[bytes]], wholes: dict[str, Callable[[], bytes]]) -> bool:
        """Whether everything was written; what was not waits on."""
        try:
            if not all(file.is_at(self.folder / name) for name, file in self._files.items()):
                self._begin_again()
                with self._changed:
                    wholes |= {name: made for name, made in self._made.items() if name not in wholes}
            for name in list(lines):
                self._files[name].append(b"".join(lines[name]))
                self._written[name] = self._written.get(name, 0) + len(lines.pop(name))
            for name in list(wholes):
                self._write_whole(name, wholes.pop(name))
        except OSError as error:
            self._refused(lines, wholes, error)
            return False
        self._recovered()
        return True

    def _write_whole(self, name: str, content: Callable[[], bytes]) -> None:
        try:
            made = content()
        except Exception as error:  # noqa: BLE001 - what can not be encoded must not end the thread that writes all the rest
            with self._changed:
                first = self._broken is None
                self._broken = f"{self.folder}: {name} could not be made: {raised(error)}"
            if first:  # what is made anew each second would fail each second
                _log.exception("%s can not be made", name)
            return
        self._made[name] = content
        try:
            if self._claim is not None and name == self._claim_name:
                self._claim.replace(made)
            else:
                replace_whole(self.folder / name, made)
        except OSError:
            with self._changed:
                self._wholes.setdefault(name, content)
            raise

    def _begin_again(self) -> None:
        """The folder, or a file in it, is not there any more: open them anew. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._claim is not None:
            self._claim.renew()
        gone = 0
        for name, file in list(self._files.items()):
            path = self.folder / name
            if file.is_at(path):
                continue
            # The old one is let go of when there is a new one: its number is anybody's from then on.
            self._files[name] = LineFile(path)
            file.close()
            lost = self._written.pop(name, 0)
            gone += lost
            with self._changed:
                self._lost += lost
        with self._changed:
            self._replaced = True
        _log.error(
            "%s: was removed or replaced: %d lines are lost; it is written again from here on", self.folder, gone
        )

    def _refused(
        self, lines: Mapping[str, list[bytes]], wholes: Mapping[str, Callable[[], bytes]], error: OSError
    ) -> None:
        text = f"{self.folder}: can not be written: {(error.strerror or str(error)).lower()}"
        with self._changed:
            first, self._trouble = self._trouble is None, text
            self._wholes = {**wholes, **self._wholes}
            for name, unwritten in lines.items():
                self._lines[name].extendleft(reversed(unwritten))
        if first:
            _log.error("%s; the run goes on, and writing is tried again", text)

    def _recovered(self) -> None:
        with self._changed:
            was, self._trouble = self._trouble, None
        if was is not None:
            _log.warning("%s: is written again", self.folder)
