"""Ctrl-C and SIGTERM: gracefully first, at once the second time."""

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Self


class Signals:
    """While it lasts, a first SIGINT or SIGTERM ends the run gracefully and a second one at once."""

    def __init__(self, gently: Callable[[], None], at_once: Callable[[], None]) -> None:
        self._gently, self._at_once = gently, at_once
        self._seen = 0

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._signalled)
        return self

    def __exit__(self, *exc_info: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    def _signalled(self) -> None:
        self._seen += 1
        if self._seen == 1:
            self._gently()
            return
        self._at_once()
        os._exit(1)
