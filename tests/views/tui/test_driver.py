"""The terminal under the dashboard, where it stands still or goes away."""

import asyncio
import os
import pty
import select
import time
from typing import ClassVar

import pytest
from rich.console import RenderableType
from tests.views.tui import states
from tests.views.tui.driving import Driven, Run, logbook
from textual._compositor import LayoutUpdate
from textual.drivers._writer_thread import MAX_QUEUED_WRITES
from textual.screen import Screen

from hls_swarm.views.tui.app import DashboardApp
from hls_swarm.views.tui.driver import _Writer
from hls_swarm.views.tui.picture import History


def test_who_writes_to_a_terminal_that_stands_still_never_waits() -> None:
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal:  # noqa: PTH123 - a descriptor
        writer = _Writer(terminal)
        writer.start()
        begun = time.monotonic()
        for _ in range(3 * MAX_QUEUED_WRITES):
            writer.write("x" * 8192)
        assert writer.lost
        assert not writer.is_empty
        assert not writer.takes_again()
        writer.stop()
        assert time.monotonic() - begun < 60  # it would have waited for ever
        while writer.is_alive():  # it goes on, takes what waits, and ends
            if select.select([ours], [], [], 0.05)[0]:  # it may have ended since
                os.read(ours, 1 << 16)
        assert not writer.broken
    os.close(ours)


def test_a_terminal_that_goes_on_is_to_be_drawn_anew_once() -> None:
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal:  # noqa: PTH123 - a descriptor
        writer = _Writer(terminal)
        for _ in range(MAX_QUEUED_WRITES):
            writer.write("x")
        assert not writer.takes_again()
        writer.write("this finds no room")
        writer.start()
        while not writer.is_empty:
            os.read(ours, 1 << 16)
        assert [writer.takes_again(), writer.takes_again()] == [True, False]
        writer.stop()
    os.close(ours)


class Regaining(DashboardApp):
    """A dashboard whose terminal stands still until a test says that it goes on; notes what it drew."""

    goes_on = False
    drawn: ClassVar[list[bool]] = []
    """Whether it was the whole screen, of each time that something was drawn."""

    def terminal_takes_again(self) -> bool:
        goes_on, self.goes_on = self.goes_on, False
        return goes_on

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        if renderable is not None:
            self.drawn.append(isinstance(renderable, LayoutUpdate))
        super()._display(screen, renderable)


@pytest.mark.parametrize("keys", [(), ("p",)], ids=["as it runs", "paused"])
def test_the_whole_screen_is_drawn_anew_once_the_terminal_goes_on(keys: tuple[str, ...]) -> None:
    async def driving() -> list[int]:
        run = Run()
        app = Regaining(run, logbook(), run.interrupt, run.save)
        async with app.run_test(size=(120, 40)) as pilot:
            driven = Driven(app, pilot, run, History())
            await driven.settle()
            await driven.show(states.steady())
            await driven.press(*keys)
            told = []
            for goes_on in (False, True, False):
                app.drawn.clear()
                app.goes_on = goes_on
                await driven.show(states.steady())
                told.append(app.drawn.count(True))
        return told

    assert asyncio.run(driving()) == [0, 1, 0]


def test_a_terminal_that_was_closed_is_noticed_by_who_writes() -> None:
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal:  # noqa: PTH123 - a descriptor
        writer = _Writer(terminal)
        writer.start()
        os.close(ours)
        writer.write("x")
        writer.join(10)
        assert writer.broken
        for _ in range(3 * MAX_QUEUED_WRITES):
            writer.write("x")
        writer.stop()
