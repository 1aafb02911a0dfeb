"""One question that is asked of the origin's metrics again and again, never twice at a time."""

import logging
from collections.abc import Callable
from functools import partial

from hls_swarm.http.fetcher import Fetcher, InFlight, Request, Timeouts
from hls_swarm.origin.aside import LARGE_BYTES, aside
from hls_swarm.origin.exposition.limits import MOST_BYTES
from hls_swarm.records import Exchange
from hls_swarm.snapshot.origin.metrics import SourceProblem

_log = logging.getLogger(__name__)


class Question:
    """Asks, and has the answer read: a large one beside the event loop.

    Args:
        fetcher: is its own, whose connection it keeps.
        timeout: of an answer, seconds.
        read: takes an answer, or a failure.
        fail: is told in words of what the origin can not help: a request that was not sent, a bug in reading.
        changed: is called when an answer has been read.

    Attributes:
        is_open: it was asked, and the answer has not been read yet.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        timeout: float,
        clock: Callable[[], float],
        read: Callable[[Exchange], None],
        fail: Callable[[SourceProblem, str], None],
        changed: Callable[[], None],
    ) -> None:
        self._fetcher, self.timeout, self._clock = fetcher, timeout, clock
        self._read, self._fail, self._changed = read, fail, changed
        self._in_flight: InFlight | None = None
        self._stopped = False
        self.is_open = False

    def ask(self, url: str, headers: tuple[tuple[str, str], ...]) -> None:
        """Ask; it must not be open."""
        limit = self.timeout
        request = Request(
            url,
            self._clock(),
            Timeouts(connect=limit, first_byte=limit, no_progress=None, total=limit),
            keep_body=True,
            max_body_bytes=MOST_BYTES,
            headers=headers,
        )
        try:
            self._in_flight = self._fetcher.fetch(request, self._ended)
        except Exception as error:  # noqa: BLE001 (as in `_taken`; a ValueError is a request the client refuses to send)
            self._fail(SourceProblem.INTERNAL, f"not asked: {str(error) or type(error).__name__}")
            return
        self.is_open = True

    def stop(self) -> None:
        """Give up what is under way, and the connection."""
        self._stopped = True
        if self._in_flight is not None:
            self._in_flight.cancel()
        self._fetcher.close()

    def _ended(self, exchange: Exchange) -> None:
        self._in_flight = None
        if self._stopped:
            self.is_open = False
            return
        aside(partial(self._taken, exchange), self._over, large=len(exchange.body or b"") > LARGE_BYTES)

    def _taken(self, exchange: Exchange) -> None:
        try:
            self._read(exchange)
        except Exception as error:  # noqa: BLE001 (a bug here must be seen as this source's, and never end a load test)
            _log.exception("reading the origin's metrics failed")
            self._fail(SourceProblem.INTERNAL, f"not understood: {type(error).__name__}")

    def _over(self) -> None:
        self.is_open = False
        if not self._stopped:
            self._changed()
