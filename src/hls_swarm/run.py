"""The composition root: builds the parts of a run, connects them, stops them.

A run: workers start; the schedule begins at one instant for all of them; once a second the controller polls them,
merges their tallies into a snapshot and shows it; until the time is over, someone presses Ctrl-C, no viewer is left,
or it is clear that the stream can not be played. Then viewers drain, the summary is written, and the verdict is the
exit code.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from heapq import nsmallest
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import urlsplit

import uvloop
from rich.console import Console

from hls_swarm.cluster.agent import LEASE_SECONDS, Agent, HostNews
from hls_swarm.cluster.local import LocalAgent
from hls_swarm.engine.clients import check_clients, scraper_fetcher
from hls_swarm.engine.facts import raise_descriptor_limit, read_facts
from hls_swarm.engine.ffmpeg_fleet import check_machine, checked_binary, command_line, descriptors_for_processes
from hls_swarm.engine.ffmpeg_mix import has_ffmpeg
from hls_swarm.engine.identities import read_lists
from hls_swarm.engine.machine import MachineMeter, device_towards
from hls_swarm.engine.preflight import Severity, address_of_load, findings, needs_of
from hls_swarm.engine.sessions import plan_of
from hls_swarm.errors import PreflightError, RunError
from hls_swarm.network import parse_source_addresses
from hls_swarm.origin.config import origin_settings
from hls_swarm.origin.scraper import OriginScraper
from hls_swarm.results.logs import logging_to, logging_to_stderr, masked, secrets_of
from hls_swarm.results.recorder import Recorder, open_recorder
from hls_swarm.settings import Settings
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.ledger import Entry, Ledger
from hls_swarm.stats.moment import Moment
from hls_swarm.stats.p1203 import SessionLog, p1203_file
from hls_swarm.stats.snapshot import WORST_VIEWERS, Mark, Phase, SnapshotBuilder, badness
from hls_swarm.stats.summary import to_json
from hls_swarm.stats.tally import Tally
from hls_swarm.stats.thresholds import parse_threshold
from hls_swarm.stats.verdict import EXIT_CODES, Verdict, judge
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.service import serve
from hls_swarm.testorigin.settings import USUAL_PORT, LogTo, OriginAddress, access_log_place
from hls_swarm.testorigin.settings import OriginSettings as OriginOptions
from hls_swarm.views import check, text
from hls_swarm.views.endpoint import Endpoint
from hls_swarm.views.live import LineView, View
from hls_swarm.views.logbook import Logbook
from hls_swarm.views.narrator import Narrator

if TYPE_CHECKING:
    from hls_swarm.views.tui.dashboard import Dashboard  # takes 0.3 s to import, for those who see it

TICK_SECONDS = 1.0
START_DELAY_SECONDS = 0.1
"""Between telling the workers when the schedule begins and that instant."""
DRAIN_SECONDS = 1.0
"""Time for requests in flight at the end; with it a Ctrl-C ends in less than 2 seconds."""
_log = logging.getLogger(__name__)

FFMPEG_DRAIN_SECONDS = 8.0
"""The same where viewers are processes, each of which has a grace of its own; most end in a tenth of a second."""
HOPELESS_VIEWERS = 5
"""A run ends by itself when this many viewers have failed and not one has ever played."""


class Sink(Protocol):
    """Something that takes in each moment of a run, the last one included; it may not wait."""

    def add(self, entry: Entry) -> None:
        """Take in this moment."""


class Controller:
    """One run.

    Args:
        settings: of the run.
        agent: runs the viewers.
        scraper: reads the origin's exporters; None without origin metrics.
        view: shows the run while it goes on.
        ledger: takes in every moment first, and judges it.
        sinks: take it in then.
    """

    def __init__(
        self,
        settings: Settings,
        agent: Agent,
        scraper: OriginScraper | None,
        view: View,
        ledger: Ledger,
        sinks: Sequence[Sink] = (),
    ) -> None:
        self._settings = settings
        self._agent = agent
        self._scraper = scraper
        self._view = view
        self._plan = plan_of(settings)
        self._changes: asyncio.Queue[int] = asyncio.Queue()
        self._changed_at = 0.0
        self._builder = SnapshotBuilder(
            settings.without_secrets().url, self._plan.most, settings.duration if settings.duration > 0 else None
        )
        self._ledger, self._sinks = ledger, sinks
        self._machine = MachineMeter()
        self._marks: tuple[Mark, ...] = ()
        self._stopping = False
        self._wake = asyncio.Event()
        self._started_at = 0.0
        self._broke_off: str | None = None
        self.sessions: list[SessionLog] = []

    def stop(self) -> None:
        """End the run before its time."""
        self._stopping = True
        self._wake.set()

    def change_viewers(self, by: int) -> None:
        """Add viewers to the plan, or take some away if `by` is negative; carried out before the next poll."""
        self._changes.put_nowait(by)

    def mark(self, note: str) -> None:
        """Note this moment."""
        self._marks += (Mark(max(0.0, time.perf_counter() - self._started_at), note),)

    async def run(self) -> tuple[Entry, str | None]:
        """The last moment, and why the run broke off if it did by itself. Leaves no worker behind."""
        stopped = False
        try:
            await self._agent.hello(self._settings, self._wake.set)
            self._machine = MachineMeter(await _device(self._settings))
            if self._scraper is not None:
                self._scraper.start()
            self._started_at = time.perf_counter() + START_DELAY_SECONDS
            await self._agent.apply(self._started_at)
            self._view.start(self)
            try:
                await self._follow()
            finally:
                await self._view.stop()
            stopped = True
            news = await self._agent.stop(FFMPEG_DRAIN_SECONDS if has_ffmpeg(self._settings) else DRAIN_SECONDS)
            self.sessions = [session for last in news.news.values() for session in last.sessions]
            return self._take_in(news, Phase.FINISHED), self._broke_off
        finally:
            if self._scraper is not None:
                self._scraper.stop()
            if not stopped:
                await self._agent.stop(0.0)

    async def _follow(self) -> None:
        ticks = 0
        while not await self._stopped_before(self._started_at + (ticks + 1) * TICK_SECONDS):
            # The timer may be early by a millisecond; a worker's death comes between two ticks.
            ticks = max(ticks, int((time.perf_counter() - self._started_at + 0.005) / TICK_SECONDS))
            await self._change_plan()
            news = await self._agent.poll(LEASE_SECONDS)
            entry = self._take_in(news, self._phase())
            snapshot = entry.moment.snapshot
            self._view.update(snapshot)
            if entry.crossed is not None:
                _log.warning("the run ends: %s", entry.crossed.reason)
                return
            if news.idle:
                return
            viewers = snapshot.viewers
            if viewers.failed >= min(HOPELESS_VIEWERS, viewers.target) and not viewers.played:
                reason = max(snapshot.fatal_reasons.items(), key=lambda item: item[1], default=("unknown", 0))[0]
                self._broke_off = f"the first {viewers.failed} viewers all failed: {reason} ({snapshot.url})"
                if viewers.target == 1:
                    self._broke_off = None  # the verdict has better words for it
                return

    async def _change_plan(self) -> None:
        """Tell the workers what was asked for since the last poll, as one change."""
        by = 0
        while not self._changes.empty():
            by += self._changes.get_nowait()
        offset = time.perf_counter() + START_DELAY_SECONDS - self._started_at
        by = max(by, -self._plan.most_from(offset))
        if by:
            self._plan, self._changed_at = self._plan.changed(offset, by), offset
            await self._agent.apply(self._started_at + offset, by)
            self.mark(f"{by:+d} viewers")

    async def _stopped_before(self, instant: float) -> bool:
        """Wait until `instant`, the death of a worker or the end of the run, whichever is first; True for the end."""
        settings, now = self._settings, time.perf_counter()
        end_at = self._started_at + settings.duration if settings.duration > 0 else None
        until = instant if end_at is None else min(instant, end_at)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, until - now)):
                await self._wake.wait()
        self._wake.clear()
        return self._stopping or (end_at is not None and time.perf_counter() >= end_at - 0.001)

    def _phase(self) -> Phase:
        return Phase.RAMPING if time.perf_counter() - self._started_at < self._plan.steady_from else Phase.STEADY

    def _take_in(self, news: HostNews, phase: Phase) -> Entry:
        tally, loop_lag = Tally(), Histogram()
        for worker_news in news.news.values():
            tally.merge(worker_news.tally)
            loop_lag.merge(worker_news.health.loop_lag)
        worst = [worker_news.worst for number, worker_news in news.news.items() if number not in news.lost]
        at = max((worker_news.at for worker_news in news.news.values()), default=time.perf_counter())
        snapshot = self._builder.build(
            at=at,
            started_at=self._started_at,
            phase=phase,
            due=self._plan.wanted(at - self._started_at),
            target=self._plan.most_from(self._changed_at),
            tally=tally,
            workers={number: worker_news.health for number, worker_news in news.news.items()},
            lost=frozenset(news.lost),
            origin=None if self._scraper is None else self._scraper.get_metrics(),
            machine=self._machine.read(at),
            marks=self._marks,
            worst_viewers=tuple(nsmallest(WORST_VIEWERS, chain.from_iterable(worst), key=badness)),
        )
        wall_at = time.time() - (time.perf_counter() - at)
        entry = self._ledger.add(Moment(snapshot, tally, loop_lag, wall_at))
        for sink in self._sinks:
            sink.add(entry)
        return entry


def run(settings: Settings) -> int:
    """Run the load test that these settings ask for; gives the exit code.

    Raises:
        SwarmError: the run could not start.
    """
    if settings.print_cmd:
        print(uvloop.run(command_line(settings, read_lists(settings))))  # noqa: T201 - what was asked for
        return 0
    if settings.check:
        settings = _for_check(settings)
    return uvloop.run(_run(settings, _prepared(settings)))


def demo(settings: Settings) -> int:
    """The same against an origin of its own, whose URLs take the place of those in the settings."""
    return uvloop.run(_demo(settings, _prepared(settings)))


def origin(
    *,
    port: int,
    listen: str,
    access_log: str | None,
    segment_seconds: int = 2,
    window: int = 6,
    dvr_window: int = 150,
    faults: tuple[str, ...] = (),
) -> int:
    """Serve the embedded origin until it is stopped; gives the exit code.

    Args:
        port: 17080 is taken if it is free, else any; another one is taken or refused.
    """
    options = OriginOptions(
        listen=listen,
        port=None if port == USUAL_PORT else port,
        access_log=LogTo.FOLDER if access_log is None else access_log_place(access_log),
        segment_seconds=segment_seconds,
        window=window,
        dvr_window=dvr_window,
        faults=faults,
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
    ledger = Ledger([parse_threshold(line) for line in settings.threshold])
    endpoint = Endpoint(settings.metrics, time.perf_counter, single_viewers=settings.prom_client_metrics)
    with ExitStack() as stack:
        stack.enter_context(logging_to_stderr(settings))
        recorder = open_recorder(settings, ledger, started_at, sys.argv[1:])
        stack.callback(recorder.close)
        stack.enter_context(logging_to(recorder.log, settings))
        # Workers write their requests beside the other files; without a folder they can not.
        settings = replace(
            settings,
            output=None if recorder.folder is None else str(recorder.folder.absolute()),
            record_requests=settings.record_requests and recorder.folder is not None,
        )
        async with endpoint:
            return await _recorded(settings, workers, ledger, recorder, endpoint)


async def _recorded(settings: Settings, workers: int, ledger: Ledger, recorder: Recorder, endpoint: Endpoint) -> int:
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
            prometheus_url=settings.prometheus,
            prometheus_labels=settings.prometheus_label,
            own_signals=settings.own_signals,
        ),
        new_fetcher=scraper_fetcher(asyncio.get_running_loop()),
    )
    logbook = Logbook(partial(masked, secrets=secrets_of(settings)))
    dashboard = _dashboard(settings, screen, logbook)
    view = LineView(screen) if dashboard is None else dashboard
    controller = Controller(settings, agent, scraper, view, ledger, (recorder, endpoint, Narrator()))

    def at_once() -> None:
        agent.kill()
        if dashboard is not None:
            dashboard.leave_at_once()

    with logbook, _Signals(controller.stop, at_once):
        entry, broke_off = await controller.run()
    outcome = judge(entry.moment.snapshot, broke_off, entry.thresholds)
    made = recorder.finish(entry, outcome)
    origin_figures, steady = ledger.origin_summary()
    report = Console(stderr=settings.json == "-")
    shown = text.summary(entry.moment.snapshot, outcome, origin_figures, steady=steady, thresholds=entry.thresholds)
    report.print(shown, soft_wrap=False, highlight=False)
    if recorder.folder is not None:
        recorder.close()
        words = recorder.trouble or f"{recorder.folder}  (hls-swarm report shows it)"
        report.print(f"\nRun folder    {words}", soft_wrap=True, highlight=False, markup=False)
    if outcome.reasons:
        print(f"hls-swarm: {outcome.verdict.value}: {'; '.join(outcome.reasons)}", file=sys.stderr)  # noqa: T201 - the one line that a script reads
    if settings.json is not None:
        _write_json("json", settings.json, to_json(made))
    if settings.p1203 is not None:
        _write_json("p1203", settings.p1203, to_json(p1203_file(controller.sessions)))
    if settings.check:
        found = check.findings(entry.moment.snapshot, outcome)
        for finding in found:
            report.print(finding.line, soft_wrap=True, highlight=False, markup=False)
        return outcome.exit_code or (0 if all(finding.fit for finding in found) else EXIT_CODES[Verdict.ERROR])
    return outcome.exit_code


def _for_check(settings: Settings) -> Settings:
    """One viewer for a short while, and no folder for it; of a mix, the first engine that is named."""
    engine = settings.engine.partition(",")[0].partition("=")[0]
    return replace(
        settings,
        clients=1,
        ramp_jitter=0.0,
        stage=(),
        arrival_rate=None,
        session_length=None,
        duration=check.CHECK_SECONDS,
        workers=1,
        engine=engine,
        output=None,
        no_output=True,
    )


def _dashboard(settings: Settings, screen: Console, logbook: Logbook) -> "Dashboard | None":
    """The dashboard if it is wanted and there is a terminal for it: for keys, for the screen and for the summary."""
    terminal = screen.is_terminal and not screen.is_dumb_terminal and sys.stdin.isatty() and sys.stdout.isatty()
    if settings.tui is False or not terminal:
        return None
    from hls_swarm.views.tui.dashboard import Dashboard

    return Dashboard(
        LineView(screen), logbook, interrupt=partial(signal.raise_signal, signal.SIGINT), save=_save_screenshot
    )


def _save_screenshot(name: str, svg: str) -> str:
    """Keep a picture of the screen in the current folder; gives its name. Raises OSError if it can not be written."""
    path = Path(f"hls-swarm-{name}.svg")
    number = 1
    while path.exists():
        number += 1
        path = Path(f"hls-swarm-{name}-{number}.svg")
    path.write_text(svg, encoding="utf-8")
    return str(path)


def _write_json(field: str, target: str, data: bytes) -> None:
    if target == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        Path(target).write_bytes(data)
    except OSError as error:
        raise RunError(f"--{field}: it could not be written to {target}: {error.strerror}") from error


def _prepared(settings: Settings) -> int:
    """The number of workers, once this machine can carry them; what it may run short of is said on standard error.

    Raises:
        SwarmError: a file can not be used, or the machine has too little of something.
    """
    check_clients(settings)
    workers = _workers(settings)
    needs = needs_of(settings, workers)
    if has_ffmpeg(settings):
        asyncio.run(checked_binary(settings))
        check_machine(settings, needs.viewers)
    raise_descriptor_limit(needs.descriptors + descriptors_for_processes(settings, needs.viewers, workers))
    found = findings(needs, read_facts(parse_source_addresses(settings.source_address)))
    refused = [finding.text for finding in found if finding.severity is Severity.REFUSES]
    if refused:
        raise PreflightError("; ".join(refused))
    for finding in found:
        print(f"hls-swarm: warning: {finding.text}", file=sys.stderr)  # noqa: T201 - before there is any view
    return workers


async def _device(settings: Settings) -> str | None:
    """The network device that the load goes through, if that can be told."""
    address = address_of_load(settings)
    if address is None:
        parts = urlsplit(settings.proxy or settings.url)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
        except OSError:
            return None  # the viewers will say so better
        address = str(found[0][4][0])
    return device_towards(address)


def _workers(settings: Settings) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(settings.workers or cores, plan_of(settings).most)


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
