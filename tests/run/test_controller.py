"""Moments, made by the controller of what workers and exporters say: an agent and a scraper that follow a script."""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from hls_swarm.cluster.agent import HostFacts, HostNews
from hls_swarm.engine.worker_messages import News
from hls_swarm.judge.ledger import Entry, Ledger
from hls_swarm.origin.scraper import OriginScraper
from hls_swarm.run.controller import Controller
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.origin.metrics import OriginMetrics
from hls_swarm.snapshot.snapshot import Phase, Snapshot
from hls_swarm.snapshot.workers import WorkerHealth
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.tally import Tally


class Scraper:
    """Its metrics say how many polls have ended when they were published: so the origin stands for what it is then."""

    hosts = ()

    def __init__(self) -> None:
        self.polls = 0

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def loaded_from_here(self, load: object, names: object) -> None:
        pass

    def get_metrics(self) -> OriginMetrics:
        return OriginMetrics((), at=float(self.polls), interval_seconds=2.0, window_seconds=30.0)


class OneWorker:
    """An agent whose only worker answers the polls that the script says; others bring its last news again."""

    def __init__(self, answers: list[bool], scraper: Scraper) -> None:
        self._answers, self._scraper = answers, scraper
        self._news = News(0, 0.0, Tally(), (WorkerHealth(0, 0.0, 0, Histogram(), 0),), idle=False)

    async def hello(self, settings: Settings, lost: Callable[[], None]) -> HostFacts:
        return HostFacts(1, 1000)

    async def apply(self, at: float, change: int | None = None, per_second: float | None = None) -> None:
        pass

    async def replace_stalled(self) -> None:
        pass

    async def poll(self, lease_seconds: float) -> HostNews:
        news = self._news
        if self._answers.pop(0):
            self._news = News(news.number + 1, time.perf_counter(), news.tally, news.health, not self._answers)
        self._scraper.polls += 1
        return self._host_news()

    async def stop(self, drain_seconds: float, final_seconds: float = 0.0) -> HostNews:
        return self._host_news()

    def kill(self) -> None:
        pass

    def _host_news(self) -> HostNews:
        return HostNews(workers=1, news={0: self._news}, lost={}, silent={})


class Watcher:
    """A view that shows nothing, and a sink that keeps everything."""

    def __init__(self) -> None:
        self.moments: list[Snapshot] = []

    def start(self, controls: object) -> None:
        pass

    def update(self, snapshot: Snapshot) -> None:
        pass

    async def stop(self) -> None:
        pass

    def add(self, entry: Entry) -> None:
        self.moments.append(entry.moment.snapshot)


def moments(*answers: bool) -> list[Snapshot]:
    """Of a run that ends when the script does, without the last moment, which is of the end."""
    scraper, watcher = Scraper(), Watcher()
    controller = Controller(
        Settings(url="http://127.0.0.1/live.m3u8", clients=1),
        OneWorker(list(answers), scraper),
        cast("OriginScraper", scraper),
        watcher,
        Ledger(),
        [watcher],
    )
    asyncio.run(controller.run())
    assert watcher.moments[-1].phase is Phase.FINISHED
    return watcher.moments[:-1]


def test_the_origin_is_not_newer_than_the_moment_that_it_stands_in() -> None:
    (moment,) = moments(True)
    assert moment.origin is not None
    assert moment.origin.at == 0.0


def test_while_all_workers_stand_still_there_is_no_moment() -> None:
    first, last = moments(True, False, True)
    assert last.elapsed_seconds - first.elapsed_seconds > 1.5
