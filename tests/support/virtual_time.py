"""An event loop whose time is not the clock's: what waits for seconds is done at once, in its right order."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class _AtOnce(selectors.SelectSelector):
    """Waits for nothing: its loop moves on by as long as it would have."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("nothing is left that could happen")
            self.loop.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its `time()` moves when everything waits.

    Attributes:
        now: its time, in seconds; begins at 1000.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        selector = _AtOnce()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run_virtually(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run it in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
