"""Runs the dashboard without a terminal, and looks at its screen."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from textual.pilot import Pilot

from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.views.logbook import Logbook
from hls_swarm.views.tui.app import DashboardApp
from hls_swarm.views.tui.picture import History

SIZES = {"small": (80, 24), "middle": (120, 40), "large": (200, 60)}


@dataclass
class Run:
    """What the keys did to the run, in their order."""

    done: list[str] = field(default_factory=list)
    is_elsewhere: bool = False

    def stop(self) -> None:
        self.done.append("stop")

    def change_viewers(self, by: int) -> None:
        self.done.append(f"viewers {by:+d}")

    def mark(self, note: str) -> None:
        self.done.append(f"mark {note}")

    def interrupt(self) -> None:
        self.done.append("interrupt")

    def save(self, name: str, svg: str) -> str:
        if not svg.startswith("<svg"):
            raise AssertionError(svg[:80])
        self.done.append(f"save {name}")
        return f"{name}.svg"


@dataclass
class Driven:
    """A dashboard under test."""

    app: DashboardApp
    pilot: Pilot[None]
    run: Run
    history: History

    def text(self) -> str:
        """The screen as text, without the blanks at the ends of lines."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def show(self, *snapshots: Snapshot) -> None:
        """Present these, one after another, and draw."""
        for snapshot in snapshots:
            self.app.present(self.history.add(snapshot))
        await self.settle()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(3):
            await self.pilot.pause()


def logbook() -> Logbook:
    """Three lines, of each level one."""
    book = Logbook()
    for at, level, text in (
        (0, logging.INFO, "ramping to 1,000 viewers"),
        (
            61,
            logging.WARNING,
            "segment: HTTP 404 Not Found (origin) http://origin.test:8080/live/a-name-that-is-long/1.ts",
        ),
        (75, logging.ERROR, "worker 1 died; its viewers are lost"),
    ):
        book.emit(logging.makeLogRecord({"msg": text, "levelno": level, "created": 43_200.0 + at}))
    return book


def before(last: Snapshot, seconds: int = 60) -> list[Snapshot]:
    """A history for the sparklines: the same run, with a throughput that rises and falls."""
    out = []
    for second in range(-seconds, 0):
        rate = last.throughput_bytes_per_second
        wave = 0.6 + 0.4 * abs((second % 20) - 10) / 10
        out.append(
            replace(last, at=last.at + second, throughput_bytes_per_second=None if rate is None else rate * wave)
        )
    return out


def drive(
    check: Callable[[Driven], Awaitable[None]],
    *snapshots: Snapshot,
    size: tuple[int, int] = (120, 40),
    keys: Sequence[str] = (),
    is_elsewhere: bool = False,
) -> Run:
    """Show the snapshots, press the keys, check; gives what the keys did."""
    run = Run(is_elsewhere=is_elsewhere)

    async def driving() -> None:
        app = DashboardApp(run, logbook(), run.interrupt, run.save)
        async with app.run_test(size=size, notifications=True) as pilot:
            driven = Driven(app, pilot, run, History())
            await driven.settle()
            await driven.show(*snapshots)
            if keys:
                await driven.press(*keys)
            await check(driven)

    asyncio.run(driving())
    return run


def screen(*snapshots: Snapshot, size: tuple[int, int] = (120, 40), keys: Sequence[str] = ()) -> str:
    """The text on the screen after these snapshots and keys."""
    texts = []

    async def look(driven: Driven) -> None:
        texts.append(driven.text())

    drive(look, *snapshots, size=size, keys=keys)
    return texts[0]
