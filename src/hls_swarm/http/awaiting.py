"""A fetch to await, for code that is not in the hot path."""

import asyncio

from hls_swarm.http.fetcher import Fetcher, Request
from hls_swarm.records import Exchange


async def fetch(fetcher: Fetcher, request: Request) -> Exchange:
    """Fetch and wait for what comes of it; cancelling the wait cancels the fetch."""
    answer: asyncio.Future[Exchange] = asyncio.get_running_loop().create_future()

    def done(exchange: Exchange) -> None:
        if not answer.done():
            answer.set_result(exchange)

    in_flight = fetcher.fetch(request, done)
    try:
        return await answer
    finally:
        if not answer.done() or answer.cancelled():
            in_flight.cancel()
