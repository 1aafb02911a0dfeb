"""Long work beside the event loop, so that what can not be bounded in time does not hold up who waits for the loop.

Python runs one thread at a time and changes over every few milliseconds: the work does not get faster, but the loop
goes on meanwhile. The thread is a daemon: a program that ends does not wait for it.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

LARGE_BYTES = 256 << 10
"""What is larger is read aside; reading so much takes some tens of milliseconds."""


def aside(work: Callable[[], None], done: Callable[[], None], *, large: bool) -> None:
    """Do some work, then call `done`: at once if it is small or no loop runs, else in the loop after a thread's work.

    Args:
        work: raises nothing.
    """
    loop = _running_loop() if large else None
    if loop is None:
        work()
        done()
        return

    def run() -> None:
        work()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(done)

    threading.Thread(target=run, name="reads a large metrics page", daemon=True).start()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
