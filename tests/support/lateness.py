"""How late this process was while something was measured: a busy machine lets nobody run when they want to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

_SAMPLE_SECONDS = 0.005


@dataclass
class Lateness:
    """Of the event loop.

    Attributes:
        worst_seconds: the longest time by which a timer was late.
    """

    worst_seconds: float = 0.0


@asynccontextmanager
async def lateness() -> AsyncIterator[Lateness]:
    """Samples the loop for the time of the block: what is measured in it is true to that."""
    measured = Lateness()

    async def sample() -> None:
        while True:
            due = perf_counter() + _SAMPLE_SECONDS
            await asyncio.sleep(_SAMPLE_SECONDS)
            measured.worst_seconds = max(measured.worst_seconds, perf_counter() - due)

    sampling = asyncio.create_task(sample())
    try:
        yield measured
    finally:
        sampling.cancel()
