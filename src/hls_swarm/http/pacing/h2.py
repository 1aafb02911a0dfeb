"""An HTTP/2 connection over a viewer's own link: the socket is read at the link's rate, so its window closes too.

Heads and bodies of all its streams come in one order, so all of them wait together, as behind a narrow link.
"""

import asyncio
from time import perf_counter

from hls_swarm.http.asking.target import Route
from hls_swarm.http.h1.connection import Pool
from hls_swarm.http.h1.stream import Stream
from hls_swarm.http.h2.connection import H2Answering, H2Connection
from hls_swarm.http.pacing.link import LEAST_PAUSE_SECONDS, LEAST_PIECE_BYTES, Link
from hls_swarm.stats.hosts import VersionTally

_HEAD_BYTES = 4096
_READ_BYTES = 256 << 10


class PacedH2Connection(H2Connection):
    """An `H2Connection` that reads as fast as a link lets it.

    Args:
        link: shared by the viewer's connections.
    """

    __slots__ = ("_is_pacing", "_is_watched", "_link", "_timer")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, stream: Stream, route: Route, host: VersionTally, pool: Pool, link: Link
    ) -> None:
        super().__init__(loop, stream, route, host, pool)
        self._link = link
        self._is_pacing = False
        self._is_watched = True
        self._timer: asyncio.TimerHandle | None = None

    def arrived_of(self, answering: H2Answering) -> int:  # noqa: ARG002 - of whatever
        """See `H2Connection`: what the link has let through is read."""
        return 0

    def cancel(self, answering: H2Answering) -> None:
        """See `H2Connection`."""
        super().cancel(answering)
        if not self._answering:
            self._stop_pacing()
            self._watch()

    def close(self) -> None:
        """See `H2Connection`."""
        self._stop_pacing()
        super().close()

    def _read(self) -> None:
        now, link = perf_counter(), self._link
        if not self._is_pacing:
            if not self._answering:
                super()._read()
                return
            self._is_pacing = True
            link.begin(now)
            self._read_some(_HEAD_BYTES)
            if any(answering.head is not None for answering in self._answering.values()):
                self._pause(now)
            else:
                self._stop_pacing()
            return
        due, left = link.due(now), self._known_left()
        if due < LEAST_PIECE_BYTES and (left is None or due < left):
            self._pause(now)
            return
        came = self._read_some(due)
        if self._is_closed:
            return
        if not self._answering:
            self._stop_pacing()
            self._watch()
        elif came:
            self._pause(now)
        else:
            self._watch()

    def _read_some(self, due: int) -> bool:
        """Take what is due, or what of it has come; whether there was anything."""
        came = False
        while due > 0 and not self._is_closed:
            try:
                data = self.stream.receive_view(min(due, _READ_BYTES))
            except BlockingIOError:
                break
            except OSError as error:
                self._ended(error)
                break
            if not data:
                self._ended(None)
                break
            came = True
            due -= len(data)
            self._link.take(len(data))
            self._take(data)
        return came

    def _pause(self, now: float) -> None:
        left = self._known_left()
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self.stream.fd)
        self._stop_timer()
        loop, link = self._loop, self._link
        wait = max(link.wait(now, link.tick_bytes if left is None else left) + 0.0005, LEAST_PAUSE_SECONDS / 4)
        self._timer = loop.call_at(link.tick_at(loop.time(), wait, left), self._resume)

    def _resume(self) -> None:
        self._timer = None
        self._readable()

    def _watch(self) -> None:
        if not self._is_watched and not self._is_closed:
            self._is_watched = True
            self._loop.add_reader(self.stream.fd, self._readable)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_pacing(self) -> None:
        self._stop_timer()
        if self._is_pacing:
            self._is_pacing = False
            self._link.end()
