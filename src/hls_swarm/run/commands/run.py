"""What the command line starts: a run, the demo, the origin.

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
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import uvloop

from hls_swarm.cluster.agent import Agent
from hls_swarm.cluster.local import LocalAgent
from hls_swarm.engine.ffmpeg.mix import has_ffmpeg
from hls_swarm.engine.host.facts import raise_descriptor_limit, read_facts
from hls_swarm.engine.host.preflight import Severity, findings, needs_of
from hls_swarm.engine.native.identities import read_lists
from hls_swarm.engine.native.options import check_clients
from hls_swarm.engine.sessions import check_sessions, plan_of
from hls_swarm.errors import Interrupted, PreflightError
from hls_swarm.foreign import masked, one_line
from hls_swarm.judge.expectations import expectations
from hls_swarm.judge.ledger import Ledger
from hls_swarm.judge.summary import to_json
from hls_swarm.judge.thresholds import parse_threshold
from hls_swarm.judge.verdict import EXIT_CODES, Verdict, judge
from hls_swarm.results.logs import logging_to, logging_to_stderr, secrets_of
from hls_swarm.results.recorder import Recorder, open_recorder
from hls_swarm.settings.capacity import CapacitySettings
from hls_swarm.settings.network import parse_source_addresses
from hls_swarm.settings.run import Settings
from hls_swarm.settings.spellings import parse_part, parse_share
from hls_swarm.stats.p1203 import p1203_file
from hls_swarm.views.live.feed import Feed
from hls_swarm.views.logbook import Logbook
from hls_swarm.views.prometheus.endpoint import Endpoint
from hls_swarm.views.terminal import check, text
from hls_swarm.views.terminal.beside import BesideStream
from hls_swarm.views.terminal.live import LineView
from hls_swarm.views.terminal.output import WIDE, Output

if TYPE_CHECKING:  # what a run does not need takes a quarter of the time in which it starts: each imports its own
    from rich.console import RenderableType

    from hls_swarm.origin.scraper import OriginScraper
    from hls_swarm.run.capacity import Searching
    from hls_swarm.run.pushing import Pusher

from hls_swarm.run.cause import LastRows
from hls_swarm.run.controller import Controller
from hls_swarm.run.end_hook import hook_environment, run_hook
from hls_swarm.run.files import write_file, write_reports
from hls_swarm.run.loop import run_to_the_end
from hls_swarm.run.screen import dashboard_on
from hls_swarm.run.signals import Signals

_log = logging.getLogger(__name__)

SETTLE_SECONDS = 1.0
"""How long the end of a run waits for whoever reads its status lines."""
_NGINX_PORT, _LOG_EXPORTER_PORT = 9113, 9114
"""The usual ports of the two exporters of nginx: who names neither has both looked at."""


def run(settings: Settings) -> int:
    """Run the load test that these settings ask for; gives the exit code.

    Raises:
        SwarmError: the run could not start.
    """
    if settings.print_cmd:
        from hls_swarm.engine.ffmpeg.fleet import command_line

        print(uvloop.run(command_line(settings, read_lists(settings))))  # noqa: T201 - what was asked for
        return 0
    if settings.check:
        settings = _for_check(settings)
    with Signals() as signals:
        return run_to_the_end(_interruptible(_run(settings, _prepared(settings), signals), signals))


def capacity(settings: Settings, options: CapacitySettings) -> int:
    """Search for the number of viewers that an origin carries; gives the exit code.

    Raises:
        SwarmError: the run could not start.
    """
    from hls_swarm.run.capacity import Searching, most_viewers, run_settings

    settings = run_settings(options, settings)
    most = most_viewers(options, settings, settings.workers or _cores())
    with Signals() as signals:
        asked = settings if most is None else replace(settings, clients=most)
        workers = _prepared(asked, warns=options.most is not None)
        searching = Searching(options, settings, most)
        return run_to_the_end(_interruptible(_search(settings, workers, signals, searching), signals))


async def _search(settings: Settings, workers: int, signals: Signals, searching: "Searching") -> int:
    from hls_swarm.run.capacity import GRACE_SECONDS

    screen = Output(sys.stderr)
    host = urlsplit(settings.url).hostname
    most = "as many viewers as the agents can make" if searching.most is None else f"{searching.most:,} viewers"
    screen.show(f"Searching for what {host} carries: up to {most}. Ctrl-C ends it.", wrap=False)
    if screen.console.is_terminal and host not in {"localhost", "127.0.0.1", "::1"}:
        await asyncio.sleep(GRACE_SECONDS)
    return await _run(settings, workers, signals, searching)


def demo(settings: Settings, limits: tuple[str, ...] = ()) -> int:
    """The same against an origin of its own, whose URLs take the place of those in the settings.

    Args:
        limits: what that origin has so much of and no more; with one, what it carries is searched for.

    Raises:
        SettingsError: a limit that can not be read.
    """
    if limits and not _are_per_viewer(limits):
        # What a limit carries is arithmetic for viewers that take the same each.
        return _demo_search(replace(settings, variant="highest", access_rate=None), limits)
    with Signals() as signals:
        return run_to_the_end(_interruptible(_demo(settings, _prepared(settings), signals, limits), signals))


def _are_per_viewer(limits: tuple[str, ...]) -> bool:
    from hls_swarm.testorigin.serving.trouble.limits import PER_VIEWER, parse_limit

    return all(parse_limit(text).kind in PER_VIEWER for text in limits)


def _demo_search(settings: Settings, limits: tuple[str, ...]) -> int:
    from hls_swarm.run.capacity import Searching, most_viewers, run_settings
    from hls_swarm.run.commands.demo import SEGMENT_SECONDS, search_for, search_text
    from hls_swarm.testorigin.serving.trouble.limits import parse_limit

    parsed = [parse_limit(each) for each in limits]
    search = search_for(parsed)
    settings = run_settings(search, settings, SEGMENT_SECONDS)
    most = most_viewers(search, settings, settings.workers or _cores())
    with Signals() as signals:
        workers = _prepared(settings if most is None else replace(settings, clients=most), warns=False)
        Output(sys.stderr).show(search_text(parsed, limits))
        searching = Searching(search, settings, most, SEGMENT_SECONDS)
        return run_to_the_end(_interruptible(_demo(settings, workers, signals, limits, searching), signals))


async def _interruptible(command: Coroutine[Any, Any, int], signals: Signals) -> int:
    """The command; a signal that comes before it has taken over ends it, and it cleans up.

    Raises:
        Interrupted: by a signal.
    """
    task = asyncio.ensure_future(command)
    signals.end_with(asyncio.get_running_loop(), task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        if signals.first is None:
            raise
        raise Interrupted(signals.first) from None


async def _demo(
    settings: Settings,
    workers: int,
    signals: Signals,
    limits: tuple[str, ...] = (),
    searching: "Searching | None" = None,
) -> int:
    from hls_swarm.testorigin.process import OriginProcess
    from hls_swarm.testorigin.settings import OriginSettings as OriginOptions

    async with OriginProcess(OriginOptions(limits=limits)) as address:
        stream, device = address.stream_url, "lo"
        if searching is not None:
            from hls_swarm.run.commands.demo import device_of, smallest_variant
            from hls_swarm.testorigin.serving.trouble.limits import parse_limit

            stream, device = smallest_variant(stream), device_of([parse_limit(each) for each in limits])
            searching.url = stream
        settings = replace(
            settings,
            url=stream,
            origin_metrics=address.node_metrics_url,
            nginx_metrics=address.nginx_metrics_url,
            origin_metrics_interface=(device,),
        )
        return await _run(settings, workers, signals, searching)


async def _run(settings: Settings, workers: int, signals: Signals, searching: "Searching | None" = None) -> int:
    started_at = time.time()
    thresholds = [parse_threshold(line) for line in settings.threshold]
    judged = {threshold.metric for threshold in thresholds}
    expected = expectations(settings.expect, thresholds=judged, none=settings.no_expectations)
    ledger = Ledger(thresholds, expected)
    feed = Feed(settings, ledger, started_at, time.perf_counter, _bug_of_page)
    endpoint = Endpoint(
        settings.metrics,
        time.perf_counter,
        single_viewers=settings.prom_client_metrics,
        names=(socket.gethostname(), *settings.allow_host),
        feed=feed,
    )
    beside = BesideStream(sys.stderr)
    with ExitStack() as stack:
        stack.enter_context(logging_to_stderr(settings, beside.write))
        recorder = open_recorder(settings, ledger, started_at, sys.argv[1:])
        stack.callback(recorder.close)
        stack.enter_context(logging_to(recorder.log, settings))
        # Workers write their requests beside the other files; without a folder they can not. They are in this folder
        # too, and the name of a folder above may have bytes that no message carries.
        settings = replace(
            settings,
            output=None if recorder.folder is None else str(recorder.folder),
            record_requests=settings.record_requests and recorder.folder is not None,
        )
        try:
            async with endpoint:
                return await _recorded(settings, workers, ledger, recorder, endpoint, feed, signals, beside, searching)
        except (asyncio.CancelledError, Interrupted):
            recorder.discard()  # there was no run
            raise


async def _recorded(
    settings: Settings,
    workers: int,
    ledger: Ledger,
    recorder: Recorder,
    endpoint: Endpoint,
    feed: Feed,
    signals: Signals,
    beside: BesideStream,
    searching: "Searching | None",
) -> int:
    if not settings.is_spread:
        agent: Agent = LocalAgent(workers)
        return await _followed(settings, agent, ledger, recorder, endpoint, feed, signals, beside, searching)
    from hls_swarm.cluster.fleet import Fleet
    from hls_swarm.run.gathering import gathered

    def say(text: str) -> None:
        beside.write(f"hls-swarm: {text}\n")

    async with gathered(settings, say) as lines:
        agent = Fleet(lines, dict(map(parse_part, settings.share)), respread=settings.respread)
        if searching is not None:
            await searching.limit_to_agents(agent, settings, say)
        return await _followed(settings, agent, ledger, recorder, endpoint, feed, signals, beside, searching)


async def _followed(
    settings: Settings,
    agent: Agent,
    ledger: Ledger,
    recorder: Recorder,
    endpoint: Endpoint,
    feed: Feed,
    signals: Signals,
    beside: BesideStream,
    searching: "Searching | None",
) -> int:
    scraper = _scraper(settings)
    sending = _pushers(settings)
    logbook = Logbook(partial(masked, secrets=secrets_of(settings)))
    lines = LineView(Output(beside))
    dashboard = dashboard_on(settings.tui, lines, logbook)
    view = lines if dashboard is None else dashboard
    rows = LastRows()
    sinks = (
        recorder,
        endpoint,
        *((feed,) if endpoint.url is not None else ()),
        *sending,
        rows if searching is None else searching,
    )
    controller = Controller(settings, agent, scraper, view, ledger, sinks)
    if searching is not None:
        keepers = (recorder.keep_answer, feed.keep_answer)
        searching.attach(controller, (view.search, feed.search), keepers)

    def at_once() -> None:
        agent.kill()
        if dashboard is not None:
            dashboard.leave_at_once()

    task = asyncio.current_task()

    def gently() -> None:
        if controller.begun or task is None:
            controller.stop()
        else:
            task.cancel()

    signals.end_with(asyncio.get_running_loop(), gently, at_once)
    with logbook:
        if endpoint.url is not None:
            _log.info("live page: %s", endpoint.url)
            if dashboard is None and sys.stderr.isatty():
                lines.say(f"Live page: {endpoint.url}")
        entry, broke_off = await controller.run()
    ended_by = (signals.first or signal.SIGINT) if controller.interrupted else None
    outcome = judge(
        entry.moment.snapshot,
        broke_off,
        entry.thresholds,
        entry.expectations,
        generator_limit=parse_share(settings.generator_limit),
        interrupted_by=ended_by,
    )
    found = check.findings(entry.moment.snapshot, outcome) if settings.check else ()
    outcome = check.judged(found, outcome)
    answer = None
    if searching is not None:
        answer = searching.conclude(entry, broke_off, interrupted=controller.interrupted)
        from hls_swarm.run.capacity import outcome_of

        outcome = outcome_of(answer)
    if endpoint.url is not None:
        feed.conclude(entry, outcome)
    cause = rows.likely_cause(settings.origin_metrics_interval) if searching is None else None
    made = recorder.finish(entry, outcome, rows.json_objects(cause))
    recorder.close()
    # What a program reads comes first: a screen may be gone by now.
    troubles = [
        write_file("json", settings.json, to_json(made if answer is None else answer.json_object())),
        write_file("p1203", settings.p1203, to_json(p1203_file(controller.sessions))),
        *write_reports(settings, recorder.folder),
        *[await each.close() for each in sending],
    ]
    signals.settle(outcome.exit_code)
    beside.settle(SETTLE_SECONDS)
    screen = Output(sys.stderr)
    wide = WIDE if answer is not None and not sys.stdout.isatty() else None
    report = screen if settings.printed else Output(sys.stdout, wide)
    origin_figures, steady = ledger.origin_summary()
    if answer is not None:
        from hls_swarm.views.terminal.capacity import capacity_text

        shown: RenderableType = capacity_text(answer)
    else:
        shown = text.summary(
            entry.moment.snapshot,
            outcome,
            origin_figures,
            steady=steady,
            thresholds=entry.thresholds,
            expectations=entry.expectations,
            cause=cause,
        )
    report.show(shown)
    if recorder.folder is not None:
        words = recorder.trouble or f"{recorder.folder}  (hls-swarm report shows it)"
        report.show(f"\nRun folder    {words}", wrap=False)
    if outcome.reasons:
        screen.write(f"hls-swarm: {outcome.verdict.value}: {one_line('; '.join(outcome.reasons))}\n")  # for scripts
    for finding in found:
        report.show(finding.line, wrap=False)
    if report.trouble_text is not None:
        troubles.append(f"standard output can not be written: {report.trouble_text}")
    for trouble in filter(None, troubles):
        screen.write(f"hls-swarm: {trouble}\n")
    environ = hook_environment(os.environ, recorder.folder, outcome.verdict.value, outcome.exit_code)
    failed = await run_hook(settings.on_end, environ, to_json(made if answer is None else answer.json_object()))
    if failed is not None:
        screen.write(f"hls-swarm: {failed}\n")
    lost = report.trouble is not None or any(troubles) or failed is not None
    return outcome.exit_code or (EXIT_CODES[Verdict.ERROR] if lost else 0)


def _scraper(settings: Settings) -> "OriginScraper | None":
    """What reads the origin's exporters; None if none is named."""
    if not settings.asks_the_origin:
        return None
    from hls_swarm.engine.native.clients import scraper_fetcher
    from hls_swarm.origin.config import origin_settings
    from hls_swarm.origin.scraper import OriginScraper

    return OriginScraper.create(
        origin_settings(
            node_url=settings.origin_metrics,
            nginx_url=settings.nginx_metrics,
            hosts=settings.origin_metrics_host,
            node_port=settings.origin_metrics_node_port,
            nginx_port=settings.origin_metrics_nginx_port,
            log_exporter_port=_LOG_EXPORTER_PORT if settings.origin_metrics_nginx_port == _NGINX_PORT else None,
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


def _bug_of_page(error: Exception) -> None:
    """A bug in what makes the live page: counted and told as any other, and the run goes on."""
    context = {"message": "the live page", "exception": error}
    asyncio.get_running_loop().call_exception_handler(context)


def _pushers(settings: Settings) -> "list[Pusher]":
    if settings.remote_write is None and not settings.otlp:
        return []
    from hls_swarm.run.pushing import pushers

    return pushers(settings, time.time(), socket.gethostname(), os.environ)


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
        on_end=None,
        html=None,
        junit=None,
        markdown=None,
        csv=None,
    )


def _prepared(settings: Settings, *, warns: bool = True) -> int:
    """The number of workers, once this machine can carry them; what it may run short of is said on standard error.

    Args:
        warns: say what it may run short of.

    Raises:
        SwarmError: a file can not be used, or the machine has too little of something.
    """
    check_sessions(settings)
    if settings.is_spread:  # each agent judges its own machine
        read_lists(settings)
        return 0
    check_clients(settings)
    workers = _workers(settings)
    needs = needs_of(settings, workers)
    descriptors = needs.descriptors
    if has_ffmpeg(settings):
        from hls_swarm.engine.ffmpeg.fleet import check_machine, checked_binary, descriptors_for_processes

        asyncio.run(checked_binary(settings))
        check_machine(settings, needs.viewers)
        descriptors += descriptors_for_processes(settings, needs.viewers, workers)
    raise_descriptor_limit(descriptors)
    sources = parse_source_addresses(settings.source_address)
    found = findings(needs, read_facts(sources, handshakes=needs.handshakes_matter))
    refused = [finding.text for finding in found if finding.severity is Severity.REFUSES]
    if refused:
        raise PreflightError("; ".join(refused))
    screen = Output(sys.stderr)
    for finding in found if warns else ():
        screen.write(f"hls-swarm: warning: {finding.text}\n")
    return workers


def _workers(settings: Settings) -> int:
    return min(settings.workers or _cores(), plan_of(settings).most)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
