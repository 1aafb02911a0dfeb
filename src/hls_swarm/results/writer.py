"""Writes a run's files in a thread of their own: a slow disk delays neither the controller nor any viewer.

Rules:

- Whoever hands something over never waits. Rows and events wait here, at most `MOST_WAITING` of them; of the state only
  the newest does.
- A write that fails is told at once and tried again each second. What did not find room meanwhile is counted.
- After `close` everything is written, or is known not to be.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from hls_swarm.results.files import LineFile, replace_whole

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

    Raises:
        OSError: a file can not be opened.
    """

    def __init__(self, folder: Path, line_files: tuple[str, ...], again_seconds: float = AGAIN_SECONDS) -> None:
        self.folder = folder
        self._again_seconds = again_seconds
        self._files = {name: LineFile(folder / name) for name in line_files}
        self._lines: Mapping[str, deque[bytes]] = {name: deque() for name in line_files}
        self._wholes: dict[str, Callable[[], bytes]] = {}
        self._lost = 0
        self._trouble: str | None = None
        self._ending = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="run-folder", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str | None:
        """Why the files are not all written, in words; None if they are."""
        with self._changed:
            lost = f"; {self._lost} lines are lost" if self._lost else ""
            if self._trouble is not None:
                return self._trouble + lost
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

    def _run(self) -> None:
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

    def _write(self, lines: dict[str, list[bytes]], wholes: dict[str, Callable[[], bytes]]) -> bool:
        """Whether everything was written; what was not waits on."""
        try:
            for name in list(lines):
                self._files[name].append(b"".join(lines[name]))
                del lines[name]
            for name in list(wholes):
                replace_whole(self.folder / name, wholes[name]())
                del wholes[name]
        except OSError as error:
            self._refused(lines, wholes, error)
            return False
        self._recovered()
        return True

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
