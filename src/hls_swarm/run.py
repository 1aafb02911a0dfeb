"""The composition root: builds the parts of a run, connects them, stops them.

A run: workers start; the schedule begins at one instant for all of them; once a second the controller polls them,
merges their tallies into a snapshot and shows it; until the time is over, someone presses Ctrl-C, no viewer is left,
or it is clear that the stream can not be played. Then viewers drain, the summary is written, and the verdict is the
exit code.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

import uvloop
from rich.console import Console

from hls_swarm import __version__
from hls_swarm.cluster.agent import LEASE_SECONDS, Agent, HostNews
from hls_swarm.cluster.local import LocalAgent
from hls_swarm.engine.clients import scraper_fetcher
from hls_swarm.engine.preflight import descriptors_needed, raise_descriptor_limit
from hls_swarm.engine.swarm import ramp_of
from hls_swarm.errors import RunError
from hls_swarm.origin.config import origin_settings
from hls_swarm.origin.scraper import OriginScraper
from hls_swarm.settings import Settings
from hls_swarm.stats.origin_tally import OriginTally, TargetSummary
from hls_swarm.stats.snapshot import Phase, Snapshot, SnapshotBuilder
from hls_swarm.stats.summary import summary, to_json
from hls_swarm.stats.tally import Tally
from hls_swarm.stats.verdict import Outcome, judge
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.service import serve
from hls_swarm.testorigin.settings import USUAL_PORT, LogTo, OriginAddress, access_log_place
from hls_swarm.testorigin.settings import OriginSettings as OriginOptions
from hls_swarm.views import text
from hls_swarm.views.live import LineView, LiveView, View

TICK_SECONDS = 1.0
START_DELAY_SECONDS = 0.1
"""Between telling the workers when the schedule begins and that instant."""
DRAIN_SECONDS = 1.0
"""Time for requests in flight at the end; with it a Ctrl-C ends in less than 2 seconds."""
HOPELESS_VIEWERS = 5
"""A run ends by itself when this many viewers have failed and not one has ever played."""


class Controller:
    """One run.

    Args:
        settings: of the run.
        agent: runs the viewers.
        scraper: reads the origin's exporters; None without origin metrics.
        view: shows the run while it goes on.
    """

    def __init__(self, settings: Settings, agent: Agent, scraper: OriginScraper | None, view: View) -> None:
        self._settings = settings
        self._agent = agent
        self._scraper = scraper
        self._view = view
        self._ramp = ramp_of(settings)
        self._builder = SnapshotBuilder(
            settings.without_secrets().url, settings.clients, settings.duration if settings.duration > 0 else None
        )
        self._origin_all, self._origin_steady = OriginTally(), OriginTally()
        self._stopping = asyncio.Event()
        self._started_at = 0.0
        self._broke_off: str | None = None

    def stop(self) -> None:
        """End the run before its time."""
        self._stopping.set()

    async def run(self) -> tuple[Snapshot, str | None]:
        """The last snapshot, and why the run broke off if it did by itself. Leaves no worker behind."""
        stopped = False
        try:
            await self._agent.hello(self._settings)
            if self._scraper is not None:
                self._scraper.start()
            self._started_at = time.perf_counter() + START_DELAY_SECONDS
            await self._agent.apply(self._started_at)
            self._view.start()
            try:
                await self._follow()
            finally:
                self._view.stop()
            stopped = True
            news = await self._agent.stop(DRAIN_SECONDS)
            return self._snapshot(news, Phase.FINISHED), self._broke_off
        finally:
            if self._scraper is not None:
                self._scraper.stop()
            if not stopped:
                await self._agent.stop(0.0)

    def origin_summary(self) -> tuple[tuple[TargetSummary, ...], bool]:
        """One per target, and whether it is of the steady state: it is of all the run if there was none."""
        steady = self._origin_steady.summary()
        return (steady, True) if any(target.signals for target in steady) else (self._origin_all.summary(), False)

    async def _follow(self) -> None:
        ticks = 0
        while not await self._stopped_before(self._started_at + (ticks + 1) * TICK_SECONDS):
            ticks = max(ticks + 1, int((time.perf_counter() - self._started_at) / TICK_SECONDS))
            news = await self._agent.poll(LEASE_SECONDS)
            snapshot = self._snapshot(news, self._phase())
            self._view.update(snapshot)
            if news.idle or len(news.lost) == len(snapshot.generator.workers):
                return
            viewers = snapshot.viewers
            if viewers.failed >= min(HOPELESS_VIEWERS, viewers.target) and not viewers.played:
                reason = max(snapshot.fatal_reasons.items(), key=lambda item: item[1], default=("unknown", 0))[0]
                self._broke_off = f"the first {viewers.failed} viewers all failed: {reason} ({snapshot.url})"
                if viewers.target == 1:
                    self._broke_off = None  # the verdict has better words for it
                return

    async def _stopped_before(self, instant: float) -> bool:
        """Wait until `instant` or the end of the run, whichever is first; True for the end."""
        settings, now = self._settings, time.perf_counter()
        end_at = self._started_at + settings.duration if settings.duration > 0 else None
        until = instant if end_at is None else min(instant, end_at)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - now)):
                await self._stopping.wait()
        return self._stopping.is_set() or (end_at is not None and time.perf_counter() >= end_at - 0.001)

    def _phase(self) -> Phase:
        return Phase.RAMPING if time.perf_counter() - self._started_at < self._ramp.end_offset() else Phase.STEADY

    def _snapshot(self, news: HostNews, phase: Phase) -> Snapshot:
        tally = Tally()
        for worker_news in news.news.values():
            tally.merge(worker_news.tally)
        origin = None if self._scraper is None else self._scraper.get_metrics()
        if origin is not None and phase is not Phase.FINISHED:
            self._origin_all.add(origin)
            if phase is Phase.STEADY:
                self._origin_steady.add(origin)
        at = max((worker_news.at for worker_news in news.news.values()), default=time.perf_counter())
        return self._builder.build(
            at=at,
            started_at=self._started_at,
            phase=phase,
            due=self._ramp.due_by(at - self._started_at),
            tally=tally,
            workers={number: worker_news.health for number, worker_news in news.news.items()},
            lost=frozenset(news.lost),
            origin=origin,
        )


def run(settings: Settings) -> int:
    """Run the load test that these settings ask for; gives the exit code.

    Raises:
        SwarmError: the run could not start.
    """
    workers = _workers(settings)
    raise_descriptor_limit(descriptors_needed(settings.clients, workers, all_variants=settings.variant == "all"))
    return uvloop.run(_run(settings, workers))


def demo(settings: Settings) -> int:
    """The same against an origin of its own, whose URLs take the place of those in the settings."""
    workers = _workers(settings)
    raise_descriptor_limit(descriptors_needed(settings.clients, workers, all_variants=settings.variant == "all"))
    return uvloop.run(_demo(settings, workers))


def origin(*, port: int, listen: str, access_log: str | None) -> int:
    """Serve the embedded origin until it is stopped; gives the exit code.

    Args:
        port: 17080 is taken if it is free, else any; another one is taken or refused.
    """
    options = OriginOptions(
        listen=listen,
        port=None if port == USUAL_PORT else port,
        access_log=LogTo.FOLDER if access_log is None else access_log_place(access_log),
    )
    uvloop.run(_origin(options))
    return 0


async def _origin(options: OriginOptions) -> None:
    stop = asyncio.Event()
    with _Signals(stop.set, lambda: None):
        await serve(options, _announce, stop)


def _announce(address: OriginAddress) -> None:
    screen = Console(stderr=True, highlight=False)
    rows = [
        ("Stream", address.stream_url),
        ("Metrics", f"{address.node_metrics_url}  {address.nginx_metrics_url}"),
        ("Access log", address.access_log or "-"),
        (
            "Load it",
            (
                f"hls-swarm -origin-metrics {address.node_metrics_url} -nginx-metrics {address.nginx_metrics_url} "
                f"{address.stream_url}"
            ),
        ),
        ("Stop it", "Ctrl-C"),
    ]
    for label, value in rows:
        screen.print(f"{label:<12}{value}", soft_wrap=True, markup=False)


async def _demo(settings: Settings, workers: int) -> int:
    async with OriginProcess(OriginOptions()) as address:
        return await _run(
            replace(
                settings,
                url=address.stream_url,
                origin_metrics=address.node_metrics_url,
                nginx_metrics=address.nginx_metrics_url,
                origin_metrics_interface=("lo",),
            ),
            workers,
        )


async def _run(settings: Settings, workers: int) -> int:
    started_at = time.time()
    screen = Console(stderr=True)
    agent = LocalAgent(workers)
    scraper = OriginScraper.create(
        origin_settings(
            node_url=settings.origin_metrics,
            nginx_url=settings.nginx_metrics,
            hosts=settings.origin_metrics_host,
            node_port=settings.origin_metrics_node_port,
            nginx_port=settings.origin_metrics_nginx_port,
            interval=settings.origin_metrics_interval,
            window=settings.origin_metrics_window,
            interfaces=settings.origin_metrics_interface,
            headers=settings.origin_metrics_header,
        ),
        new_fetcher=scraper_fetcher(asyncio.get_running_loop()),
    )
    live = screen.is_terminal if settings.tui is None else settings.tui and screen.is_terminal
    controller = Controller(settings, agent, scraper, LiveView(screen) if live else LineView(screen))
    with _Signals(controller.stop, agent.kill):
        snapshot, broke_off = await controller.run()
    outcome = judge(snapshot, broke_off)
    origin_figures, steady = controller.origin_summary()
    report = Console(stderr=settings.json == "-")
    report.print(text.summary(snapshot, outcome, origin_figures, steady=steady), soft_wrap=False, highlight=False)
    if outcome.reasons:
        print(f"hls-swarm: {outcome.verdict.value}: {'; '.join(outcome.reasons)}", file=sys.stderr)  # noqa: T201 - the one line that a script reads
    if settings.json is not None:
        _write_json(settings.json, snapshot, outcome, started_at, origin_figures)
    return outcome.exit_code


def _write_json(
    target: str, snapshot: Snapshot, outcome: Outcome, started_at: float, origin_figures: tuple[TargetSummary, ...]
) -> None:
    data = to_json(summary(snapshot, outcome, started_at=started_at, version=__version__, origin=origin_figures))
    if target == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        Path(target).write_bytes(data)
    except OSError as error:
        raise RunError(f"--json: the summary could not be written to {target}: {error.strerror}") from error


def _workers(settings: Settings) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(settings.workers or cores, settings.clients)


class _Signals:
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
