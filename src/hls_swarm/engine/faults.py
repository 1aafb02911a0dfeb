"""What takes in every exception that would otherwise be lost in a callback: an event loop's exception handler.

Rules:

- A callback's exception has nobody to go to. The loop hands it to this handler; who can name what it belongs to (a
  viewer, a record, a fetch) catches it there and hands it to `loop.call_exception_handler` with that name.
- It is counted by its words, and the first traceback of each is kept: in a worker it goes to the controller with the
  tally, and from there into the events, the log and the verdict.
"""

import asyncio
import traceback
from typing import Any

from hls_swarm.errors import told
from hls_swarm.stats.faults import FaultCount, merge_faults

MOST_TRACEBACK_CHARACTERS = 8000


class Faults:
    """The exception handler of one event loop.

    Attributes:
        counts: what it took in, by its words.
    """

    def __init__(self) -> None:
        self.counts: dict[str, FaultCount] = {}

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:  # noqa: ARG002 - a handler's
        """Take in what a loop says of an exception; `message` of the context names what it happened to."""
        error, message = context.get("exception"), str(context.get("message", "a callback"))
        if not isinstance(error, BaseException):
            merge_faults(self.counts, {message: FaultCount(1, "", "")})
            return
        lines = "".join(traceback.format_exception(error))
        # Of a long one the end says most: where it was raised.
        merge_faults(self.counts, {told(error): FaultCount(1, message, lines[-MOST_TRACEBACK_CHARACTERS:])})
