"""An HTTP/3 connection over a viewer's own link: datagrams are read at the link's rate.

What is not read yet is not acknowledged, and holds QUIC's windows closed: they let the peer send no more ahead than the
socket's buffer holds, so that nothing is lost for waiting there. Heads and bodies of all streams wait together.
"""

import asyncio
from time import perf_counter

from hls_swarm.http.asking.target import Route
from hls_swarm.http.h1.connection import Pool
from hls_swarm.http.h3.connection import H3Answering, H3Connection
from hls_swarm.http.h3.path import QuicPath
from hls_swarm.http.pacing.link import LEAST_PAUSE_SECONDS, LEAST_PIECE_BYTES, Link
from hls_swarm.stats.hosts import VersionTally


class PacedH3Connection(H3Connection):
    """An `H3Connection` that reads as fast as a link lets it.

    Args:
        link: shared by the viewer's connections.
    """

    __slots__ = ("_is_pacing", "_link", "_timer")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, path: QuicPath, route: Route, host: VersionTally, pool: Pool, link: Link
    ) -> None:
        super().__init__(loop, path, route, host, pool)
        self._link = link
        self._is_pacing = False
        self._timer: asyncio.TimerHandle | None = None

    def cancel(self, answering: H3Answering) -> None:
        """See `H3Connection`."""
        super().cancel(answering)
        if not self._answering:
            self._stop_pacing()
            self._path.watch(reads=True)

    def close(self) -> None:
        """See `H3Connection`."""
        self._stop_pacing()
        super().close()

    def _read(self) -> None:
        now, link, path = perf_counter(), self._link, self._path
        if not self._answering:
            path.read()
            self._take()
            return
        if not self._is_pacing:
            self._is_pacing = True
            link.begin(now)
        due, left = link.due(now), self._known_left()
        waits_for_heads = any(answering.head is None for answering in self._answering.values())
        if not waits_for_heads and due < LEAST_PIECE_BYTES and (left is None or due < left):
            self._take()  # a timer of QUIC may have rung
            if not self._is_closed:
                self._pause(now)
            return
        came = path.read(max(due, 1))
        link.take(came)
        self._take()
        if self._is_closed:
            return
        if not self._answering:
            self._stop_pacing()
            path.watch(reads=True)
        elif came and came >= due:
            self._pause(now)
        else:
            path.watch(reads=True)

    def _pause(self, now: float) -> None:
        left, window, loop, link = self._known_left(), self._path.window_bytes, self._loop, self._link
        tick = link.tick_bytes if window is None else min(link.tick_bytes, window // 2)
        self._path.watch(reads=False)
        self._stop_timer()
        wait = max(link.wait(now, tick if left is None else min(left, tick)) + 0.0005, LEAST_PAUSE_SECONDS / 4)
        self._timer = loop.call_at(link.tick_at(loop.time(), wait, left), self._resume)

    def _resume(self) -> None:
        self._timer = None
        self._changed()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_pacing(self) -> None:
        self._stop_timer()
        if self._is_pacing:
            self._is_pacing = False
            self._link.end()
