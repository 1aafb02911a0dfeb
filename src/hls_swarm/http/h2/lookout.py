"""Connections that wake nobody before much of a body has come, looked at now and then.

Over HTTP/2 what ends a body early (RST_STREAM, GOAWAY) is bytes like any others: behind a body that goes no further
they stay below the socket's low-water mark. All connections of an event loop share one timer, and only those are read
that have waited for the same body since the look before.
"""

import asyncio
from typing import Protocol

LOOK_SECONDS = 1.0


class Waiting(Protocol):
    """A connection, as far as it is looked at here."""

    @property
    def awaited_stream(self) -> int:
        """The stream whose body the low-water mark follows; 0 if it follows none."""

    def poll(self) -> None:
        """Take what has arrived."""


class Lookout:
    """Looks after the connections of one event loop."""

    __slots__ = ("_loop", "_seen", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._seen: dict[Waiting, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, connection: Waiting) -> None:
        """It waits for much of a body from now on."""
        if connection not in self._seen:
            self._seen[connection] = 0
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        before, self._seen = self._seen, {}
        for connection, stream in before.items():
            awaited = connection.awaited_stream
            if awaited and awaited == stream:
                connection.poll()
                awaited = connection.awaited_stream
            if awaited:
                self._seen[connection] = awaited
        if self._seen and self._timer is None:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
