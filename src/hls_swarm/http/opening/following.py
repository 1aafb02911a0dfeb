"""Going over to HTTP/3 where a server offers it, as Chromium does (its HttpStreamFactory and QuicSessionPool).

Rules:

- The first request after an offer opens a QUIC connection beside the one that is there, and does not wait for it: that
  QUIC works is not known yet. Once it is open, requests go over it.
- Where QUIC has worked, and there is no HTTP/2 connection to go on with, a request waits for it, at most 300 ms.
- A handshake without any answer for 5 s, or that takes 10 s, has failed. What failed is left alone for a while; so is
  what was lost while answers were waited for.
"""

import asyncio
from collections.abc import Callable
from time import perf_counter

from hls_swarm.http.asking.target import Route
from hls_swarm.http.context import ClientContext
from hls_swarm.http.h1.stream import Stream
from hls_swarm.http.h3.path import QuicPath
from hls_swarm.http.opening.alternatives import Alternatives
from hls_swarm.http.opening.dial import Dial, Memory
from hls_swarm.http.opening.quic import QuicDial
from hls_swarm.http.pacing.link import Link
from hls_swarm.records import Blame, Failure

WAIT_SECONDS = 0.3
SILENCE_SECONDS = 5.0
"""Of this, twice is the longest handshake."""


class Follower:
    """One client's; opens connections for all its fetches and hears of them.

    Args:
        source: local address to connect from.
        memory: what the client keeps from one connection to the next.
        adopt: takes a connection that is open.
        wake: is called when a fetch that waits may go on.
    """

    __slots__ = ("_adopt", "_alternatives", "_context", "_dials", "_link", "_memory", "_source", "_wake")

    def __init__(
        self,
        context: ClientContext,
        source: str | None,
        memory: Memory,
        link: Link | None,
        adopt: Callable[[Dial, QuicPath], object],
        wake: Callable[[], None],
    ) -> None:
        self._context = context
        self._source = source
        self._memory = memory
        self._link = link
        self._adopt = adopt
        self._wake = wake
        self._alternatives = Alternatives()
        self._dials: dict[Route, tuple[QuicDial, float, asyncio.TimerHandle]] = {}

    def keep(self, route: Route, field: str) -> bool:
        """Take in the Alt-Svc field of an answer from there; whether HTTP/3 is offered."""
        return self._alternatives.keep(route, field, perf_counter())

    def consider(self, route: Route) -> None:
        """Open a connection if there is an offer; there is none to the route yet."""
        if route in self._dials:
            return
        now, loop = perf_counter(), self._context.loop
        port = self._alternatives.port(route, now)
        if port is None:
            return
        dial = QuicDial(self._context, self, route, self._source, self._memory, self._link, port)
        self._dials[route] = dial, now, loop.call_later(SILENCE_SECONDS, self._look, dial, False)
        dial.start()
        if self._alternatives.has_worked:
            loop.call_later(WAIT_SECONDS + 0.002, self._wake)

    def is_worth_waiting_for(self, route: Route) -> bool:
        """Whether a request is to wait for the connection that is being opened."""
        opening = self._dials.get(route)
        if opening is None or not self._alternatives.has_worked or self._alternatives.was_broken(route):
            return False
        return perf_counter() - opening[1] < WAIT_SECONDS

    def lost(self, route: Route) -> None:
        """A connection was lost while answers were waited for."""
        self._alternatives.broke(route, perf_counter())

    def close(self) -> None:
        """Open nothing any more."""
        for dial, _, timer in self._dials.values():
            timer.cancel()
            dial.cancel()
        self._dials.clear()

    def connected(self, dial: Dial, opened: Stream | QuicPath) -> None:
        """See `dial.Dialer`."""
        self._end(dial)
        self._alternatives.worked(dial.route)
        if isinstance(opened, QuicPath):
            self._adopt(dial, opened)

    def not_connected(self, dial: Dial, failure: Failure) -> None:
        """See `dial.Dialer`."""
        self._end(dial)
        if failure.blame is not Blame.GENERATOR:
            self._alternatives.broke(dial.route, perf_counter())
        self._wake()

    def _look(self, dial: QuicDial, again: bool) -> None:
        """Whether anything has come of it after a while."""
        if dial.is_answered and not again:
            began_at = self._dials[dial.route][1]
            timer = self._context.loop.call_later(SILENCE_SECONDS, self._look, dial, True)
            self._dials[dial.route] = dial, began_at, timer
            return
        dial.cancel()
        self._end(dial)
        self._alternatives.broke(dial.route, perf_counter())
        self._wake()

    def _end(self, dial: Dial) -> None:
        _, _, timer = self._dials.pop(dial.route)
        timer.cancel()
