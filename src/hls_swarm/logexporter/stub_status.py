"""nginx's connections, from its own `stub_status` page.

Asked for when the metrics page is, so both are of the same moment. An answer that is late or wrong means that nginx is
down, as far as the page can tell, and the page says so.
"""

import asyncio
import re
import time

import msgspec

from hls_swarm.http import Client, ClientContext
from hls_swarm.http.fetcher import Request, Timeouts
from hls_swarm.records import Exchange

TIMEOUT_SECONDS = 0.5
_MOST_BYTES = 4 << 10
_PAGE = re.compile(
    rb"Active connections: (\d+)\s+server accepts handled requests(?: request_time)?\s+(\d+) (\d+) (\d+)(?: \d+)?\s+"
    rb"Reading: (\d+) Writing: (\d+) Waiting: (\d+)\s*"
)


class StubStatus(msgspec.Struct, frozen=True):
    """What the page says, in its order."""

    active: int
    accepted: int
    handled: int
    requests: int
    reading: int
    writing: int
    waiting: int


def read_stub_status(body: bytes) -> StubStatus | None:
    """The page's figures; None if it is another page."""
    found = _PAGE.fullmatch(body)
    return None if found is None else StubStatus(*map(int, found.groups()))


class StubStatusReader:
    """Asks one nginx, over one connection that is kept.

    Args:
        url: of the page.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = Client(ClientContext(asyncio.get_running_loop()))

    async def read(self) -> StubStatus | None:
        """What nginx says now; None if it does not answer in time with such a page."""
        answered: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()
        limit = TIMEOUT_SECONDS
        request = Request(
            self._url,
            time.perf_counter(),
            Timeouts(connect=limit, first_byte=limit, no_progress=None, total=limit),
            keep_body=True,
            max_body_bytes=_MOST_BYTES,
        )

        def done(exchange: Exchange) -> None:
            if not answered.done():
                answered.set_result(exchange)

        in_flight = self._client.fetch(request, done)
        try:
            exchange = await answered
        except asyncio.CancelledError:
            in_flight.cancel()
            raise
        return None if exchange.body is None else read_stub_status(exchange.body)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
