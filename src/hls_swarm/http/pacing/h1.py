"""An HTTP/1.1 connection over a viewer's own link.

While a body comes, the descriptor is not watched: a timer takes what is due, the last time when the last byte is. Only
if less has come than is due is it watched again, until more does. Bodies are dropped in the kernel as ever.
"""

import asyncio
from time import perf_counter

from hls_swarm.http.asking.target import Route
from hls_swarm.http.h1.connection import BodyUse, Connection, Exchanger, Pool
from hls_swarm.http.h1.head import Head
from hls_swarm.http.h1.stream import Stream
from hls_swarm.http.pacing.link import LEAST_PAUSE_SECONDS, Link
from hls_swarm.stats.hosts import VersionTally

_UNKNOWN_BYTES = 1 << 30


class PacedConnection(Connection):
    """A `Connection` whose bodies come as fast as a link lets them.

    Args:
        link: shared by the viewer's connections.
    """

    __slots__ = ("_is_pacing", "_is_watched", "_link", "_timer")

    takes_at_once = False

    def __init__(
        self, loop: asyncio.AbstractEventLoop, stream: Stream, route: Route, host: VersionTally, pool: Pool, link: Link
    ) -> None:
        super().__init__(loop, stream, route, host, pool)
        self._link = link
        self._is_pacing = False
        self._is_watched = True
        self._timer: asyncio.TimerHandle | None = None

    def arrived_bytes(self) -> int:
        """See `Connection`: what is due was taken when somebody asked, and no more has come over the link."""
        return 0

    def close(self) -> None:
        """See `Connection`."""
        self._stop_pacing()
        super().close()

    def _begin_body(self, exchanger: Exchanger, head: Head, use: BodyUse, data: bytes, at: int) -> None:
        now = perf_counter()
        self._is_pacing = True
        self._link.begin(now)
        self._link.take(len(data) - at)
        super()._begin_body(exchanger, head, use, data, at)
        if self._is_pacing:
            self._pause(now)

    def _skip(self, exchanger: Exchanger) -> None:
        now, link, left = perf_counter(), self._link, self._left
        due = min(link.due(now), left)
        taken, lost = 0, None
        try:
            while taken < due:
                count = self.stream.discard(due - taken)
                if not count:
                    break
                taken += count
        except BlockingIOError:
            if not taken:
                self._watch()
                return
        except OSError as error:
            lost = error
        if due and not taken and lost is None:
            self._ended(None)
            return
        if taken:
            link.take(taken)
            left = self._left = left - taken
            if not exchanger.body_received(taken, 0):
                self._refuse(exchanger)
                return
            if self._chunks is not None:
                self._chunks.skip(taken)
        if lost is not None:
            self._ended(lost)
        elif left:
            self._pause(now, late=taken < due)
        elif self._chunks is None:
            self._complete(exchanger, None, is_over=True)
        else:
            self._read_on(exchanger)

    def _read_body(self, exchanger: Exchanger) -> None:
        now = perf_counter()
        due = self._link.due(now)
        if not due:
            self._pause(now)
            return
        limit = min(self._left or due, due, 64 << 10)
        data = self._receive(limit)
        if data is None:
            if self._is_pacing:
                self._watch()
            return
        self._link.take(len(data))
        self._take(exchanger, data)
        self._skip_next()
        if self._is_pacing:
            self._pause(now)

    def _complete(self, exchanger: Exchanger, body: bytes | None, *, is_over: bool) -> None:
        self._stop_pacing()
        self._watch()
        super()._complete(exchanger, body, is_over=is_over)

    # The timer in place of the descriptor

    def _pause(self, now: float, *, late: bool = False) -> None:
        """Look again when a tick's bytes are due, or the last ones; `late`: less had come than was due."""
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self.stream.fd)
        if self._timer is not None:
            self._timer.cancel()
        loop, left = self._loop, self._left or _UNKNOWN_BYTES
        wait = self._link.wait(now, left) + 0.0005
        if late and wait < LEAST_PAUSE_SECONDS:
            wait = LEAST_PAUSE_SECONDS
        self._timer = loop.call_at(self._link.tick_at(loop.time(), wait, left), self._resume)

    def _resume(self) -> None:
        self._timer = None
        self._readable()

    def _watch(self) -> None:
        if not self._is_watched:
            self._is_watched = True
            self._loop.add_reader(self.stream.fd, self._readable)

    def _stop_pacing(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_pacing:
            self._is_pacing = False
            self._link.end()
