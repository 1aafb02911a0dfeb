"""What the command line starts: a run, the demo, the origin.

A run: workers start; the schedule begins at one instant for all of them; once a second the controller polls them,
merges their tallies into a snapshot and shows it; until the time is over, someone presses Ctrl-C, no viewer is left,
or it is clear that the stream can not be played. Then viewers drain, the summary is written, and the verdict is the
exit code.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop
from rich.console import Console

from hls_swarm.cluster.local import LocalAgent
from hls_swarm.engine.ffmpeg.fleet import check_machine, checked_binary, command_line, descriptors_for_processes
from hls_swarm.engine.ffmpeg.mix import has_ffmpeg
from hls_swarm.engine.host.facts import raise_descriptor_limit, read_facts
from hls_swarm.engine.host.preflight import Severity, findings, needs_of
from hls_swarm.engine.native.clients import check_clients, scraper_fetcher
from hls_swarm.engine.native.identities import read_lists
from hls_swarm.engine.sessions import plan_of
from hls_swarm.errors import PreflightError, RunError
from hls_swarm.judge.ledger import Ledger
from hls_swarm.judge.summary import to_json
from hls_swarm.judge.thresholds import parse_threshold
from hls_swarm.judge.verdict import Outcome, Verdict, judge
from hls_swarm.origin.config import origin_settings
from hls_swarm.origin.scraper import OriginScraper
from hls_swarm.results.logs import logging_to, logging_to_stderr, masked, secrets_of
from hls_swarm.results.recorder import Recorder, open_recorder
from hls_swarm.settings.network import parse_source_addresses
from hls_swarm.settings.run import Settings
from hls_swarm.stats.p1203 import p1203_file
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.service import serve
from hls_swarm.testorigin.settings import LogTo, OriginAddress, access_log_place
from hls_swarm.testorigin.settings import OriginSettings as OriginOptions
from hls_swarm.views.logbook import Logbook
from hls_swarm.views.narrator import Narrator
from hls_swarm.views.prometheus.endpoint import Endpoint
from hls_swarm.views.terminal import check, text
from hls_swarm.views.terminal.live import LineView

if TYPE_CHECKING:
    from hls_swarm.views.tui.dashboard import Dashboard  # takes 0.3 s to import, for those who see it

from hls_swarm.run.controller import Controller
from hls_swarm.run.signals import Signals


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
    allowed_hosts: tuple[str, ...] = (),
) -> int:
    """Serve the embedded origin until it is stopped; gives the exit code.

    Args:
        port: taken or refused; 0 is any that is free.
    """
    options = OriginOptions(
        listen=listen,
        port=port,
        access_log=LogTo.FOLDER if access_log is None else access_log_place(access_log),
        segment_seconds=segment_seconds,
        window=window,
        dvr_window=dvr_window,
        faults=faults,
        allowed_hosts=allowed_hosts,
    )
    uvloop.run(_origin(options))
    return 0


async def _origin(options: OriginOptions) -> None:
    stop = asyncio.Event()
    with Signals(stop.set, lambda: None):
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
    endpoint = Endpoint(
        settings.metrics,
        time.perf_counter,
        single_viewers=settings.prom_client_metrics,
        names=(socket.gethostname(), *settings.allow_host),
    )
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

    with logbook, Signals(controller.stop, at_once):
        entry, broke_off = await controller.run()
    outcome = judge(entry.moment.snapshot, broke_off, entry.thresholds, interrupted=controller.interrupted)
    found = check.findings(entry.moment.snapshot, outcome) if settings.check else ()
    if outcome.verdict is Verdict.PASS and not all(finding.fit for finding in found):
        outcome = Outcome(Verdict.ERROR, tuple(f"{f.subject}: {f.words}" for f in found if not f.fit))
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
    for finding in found:
        report.print(finding.line, soft_wrap=True, highlight=False, markup=False)
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


def _workers(settings: Settings) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(settings.workers or cores, plan_of(settings).most)
