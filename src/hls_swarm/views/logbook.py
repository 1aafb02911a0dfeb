"""The newest lines of the program's log, kept for a view that shows them."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from hls_swarm.foreign import one_line

LOGGER = "hls_swarm"
"""All of the program's loggers are under this one."""
KEPT = 1000
"""Lines that a view can show."""


@dataclass(frozen=True)
class LogLine:
    """One line.

    Args:
        at: wall clock in Unix seconds.
        level: as in logging.
    """

    at: float
    level: int
    text: str

    @property
    def level_name(self) -> str:
        """`INFO`, `WARNING`, `ERROR`."""
        return logging.getLevelName(self.level)

    @property
    def clock(self) -> str:
        """The time of day, local."""
        return datetime.fromtimestamp(self.at).astimezone().strftime("%H:%M:%S")


class Logbook(logging.Handler):
    """Keeps the newest lines from INFO on; as a context manager it listens while it lasts.

    Args:
        mask: takes the secrets out of a text.
        kept: how many lines.
    """

    def __init__(self, mask: Callable[[str], str] = str, kept: int = KEPT) -> None:
        super().__init__(logging.INFO)
        self._mask = mask
        self._lines: deque[LogLine] = deque(maxlen=kept)
        self._before: tuple[int, bool] = (logging.NOTSET, True)

    def keep(self, at: float, level: int, text: str) -> None:
        """Keep one more line, of Unix time `at`."""
        self._lines.append(LogLine(at, level, self._mask(one_line(text))))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one more."""
        text = record.getMessage()
        if record.exc_info is not None and record.exc_info[1] is not None:
            text = f"{text}: {record.exc_info[1]!r}"
        self.keep(record.created, record.levelno, text)

    def newest_first(self, least_level: int = logging.INFO) -> list[LogLine]:
        """Those that matter enough."""
        return [kept for kept in reversed(self._lines) if kept.level >= least_level]

    def __enter__(self) -> Self:
        logger = logging.getLogger(LOGGER)
        self._before = (logger.level, logger.propagate)
        logger.setLevel(min(self.level, logger.level or self.level))
        logger.propagate = False
        logger.addHandler(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        logger = logging.getLogger(LOGGER)
        logger.removeHandler(self)
        level, logger.propagate = self._before
        logger.setLevel(level)
