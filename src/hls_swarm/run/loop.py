"""The event loop of a command that ends with its process."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

_Result = TypeVar("_Result")

_LEFT_SECONDS = 0.5
"""How long tasks that nobody waited for may take to end."""


async def carried_out(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """What must be done whatever else comes: a cancellation meanwhile is heeded after it."""
    task = asyncio.ensure_future(coroutine)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled and not task.cancelled():
        raise asyncio.CancelledError
    return task.result()


def run_to_the_end(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine in a loop of its own, which is not closed: the process ends next.

    To close it waits for the threads in which names are resolved, half a minute and more with a resolver that does not
    answer, and no signal ends that wait.
    """
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(coroutine)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=_LEFT_SECONDS))
        loop.run_until_complete(loop.shutdown_asyncgens())
