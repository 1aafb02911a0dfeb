"""The dashboard as a view: it draws while it can, and the run goes on with plain lines when it can not."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import uvloop
from tests.views.tui import states
from tests.views.tui.driving import Run, logbook

from hls_swarm.capacity.searching.progress import Progress
from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.views.controls import Controls
from hls_swarm.views.tui.dashboard import Dashboard


class Lines:
    """What the plain view was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self, controls: Controls) -> None:
        self.told.append("start")

    def update(self, snapshot: Snapshot) -> None:
        self.told.append(f"{snapshot.elapsed_seconds:g}")

    def search(self, progress: Progress) -> None:
        self.told.append(f"search {progress.at:g}")

    async def stop(self) -> None:
        self.told.append("stop")


def watched(during: Callable[[Dashboard], Awaitable[None]]) -> list[str]:
    lines, run = Lines(), Run()

    async def watching() -> None:
        dashboard = Dashboard(lines, logbook(), interrupt=run.interrupt, save=run.save, headless=True)
        dashboard.start(run)
        await during(dashboard)
        await dashboard.stop()

    uvloop.run(asyncio.wait_for(watching(), 100))
    return lines.told


async def drawn() -> None:
    """Time for the application to draw what it has."""
    for _ in range(40):
        await asyncio.sleep(0.02)


def test_while_it_draws_there_are_no_lines() -> None:
    async def during(dashboard: Dashboard) -> None:
        dashboard.update(states.snapshot(1.0))
        await drawn()
        dashboard.update(states.snapshot(2.0))
        await drawn()

    assert watched(during) == ["start", "stop"]


def test_a_run_that_is_over_at_once_leaves_it_at_once() -> None:
    async def during(dashboard: Dashboard) -> None:
        dashboard.update(states.finished())

    assert watched(during) == ["start", "stop"]


def test_the_tasks_of_the_run_start_as_they_did_before() -> None:
    factories = []

    async def during(dashboard: Dashboard) -> None:
        await drawn()
        factories.append(asyncio.get_running_loop().get_task_factory())

    watched(during)
    assert factories == [None]


def test_when_it_breaks_the_run_goes_on_with_lines(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    broken: Any = (None,)  # no snapshot has such workers: a bug, as a panel sees it

    async def during(dashboard: Dashboard) -> None:
        dashboard.update(states.snapshot(1.0))
        await drawn()
        dashboard.update(replace(states.snapshot(2.0), generator=replace(states.generator(), workers=broken)))
        await drawn()
        dashboard.update(states.snapshot(3.0))
        dashboard.update(states.snapshot(4.0))

    with caplog.at_level(logging.ERROR, "hls_swarm"):
        told = watched(during)
    assert told == ["start", "3", "4", "stop"]
    assert [record.message for record in caplog.records] == [
        "the dashboard broke off; the run goes on with plain lines"
    ]
