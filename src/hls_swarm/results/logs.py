"""What the program says: one logger, `hls_swarm`, to standard error and to the run folder, without secrets.

Rules:

- On standard error as text or JSON, from a level of the user's choice; in the run folder all from `info` on, as JSON.
- Every text goes through the same mask: no secret of the settings appears, whichever library spoke it.
- What `EVENTS` says is on every view already: standard error has it from level `info` on only.
- Lines on standard error begin with `hls-swarm: `, as all that a script may look for does.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import msgspec

from hls_swarm.foreign import masked, visible
from hls_swarm.settings.checks import masked_url
from hls_swarm.settings.run import Settings

LOGGER = "hls_swarm"
EVENTS = "hls_swarm.events"
_SHORTEST_SECRET = 4
"""Shorter texts are masked as whole settings only: masking "a" everywhere would leave no log."""


class JsonFormatter(logging.Formatter):
    """One object a line: time (UTC), level, logger, text, and the exception if there is one."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": masked(record.getMessage(), self._secrets),
        }
        if record.exc_info:
            line["exception"] = masked(self.formatException(record.exc_info), self._secrets)
        return msgspec.json.encode(line).decode()


class TextFormatter(logging.Formatter):
    """One line for a person; what follows it, such as an exception, is on lines that begin with blanks."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        text = f"hls-swarm: {record.levelname.lower()}: {record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return masked(visible(text), self._secrets).replace("\n", "\n    ")


class _ErrorOutput(logging.Handler):
    """Standard error, by way of a function that writes to it."""

    def __init__(self, level: str, write: Callable[[str], object]) -> None:
        super().__init__(level)
        self._write = write

    def filter(self, record: logging.LogRecord) -> bool:
        return (record.name != EVENTS or self.level <= logging.INFO) and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        self._write(self.format(record) + "\n")


class _Lines(logging.Handler):
    """Hands each line to a function."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        super().__init__(logging.INFO)
        self._take = take

    def emit(self, record: logging.LogRecord) -> None:
        self._take(self.format(record).encode())


@contextmanager
def logging_to_stderr(settings: Settings, write: Callable[[str], object]) -> Iterator[None]:
    """While it lasts, what the program says goes to standard error as the settings want it.

    Args:
        write: writes there; it neither waits nor raises.
    """
    secrets = secrets_of(settings)
    handler = _ErrorOutput(settings.log_level.upper(), write)
    handler.setFormatter(JsonFormatter(secrets) if settings.log_format == "json" else TextFormatter(secrets))
    with _handled(handler):
        yield


@contextmanager
def logging_to(take: Callable[[bytes], None], settings: Settings) -> Iterator[None]:
    """While it lasts, what the program says goes to a function too, line by line as JSON."""
    handler = _Lines(take)
    handler.setFormatter(JsonFormatter(secrets_of(settings)))
    with _handled(handler):
        yield


@contextmanager
def _handled(handler: logging.Handler) -> Iterator[None]:
    logger = logging.getLogger(LOGGER)
    before = logger.level, logger.propagate
    logger.setLevel(min(handler.level, logger.level or handler.level))
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before[0], before[1]
        handler.close()


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """The texts that no file and no line may carry: header values, users and passwords of URLs, the last command."""
    out = {value for _, value in (*settings.headers, *settings.origin_metrics_headers, *settings.remote_write_headers)}
    out |= {settings.on_end} if settings.on_end is not None else set()
    given = (each if isinstance(each, tuple) else (each,) for each in vars(settings).values())
    for text in (text for texts in given for text in texts if isinstance(text, str) and "://" in text):
        if masked_url(text) != text:
            userinfo = text.partition("://")[2].rpartition("@")[0]
            out |= {userinfo, userinfo.partition(":")[2]}
    return tuple(sorted((secret for secret in out if len(secret) >= _SHORTEST_SECRET), key=len, reverse=True))
