"""What each command starts once its settings stand.

It is imported only when it is called, so that `--help` and a mistake on the command line answer at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hls_swarm.cli import reporting
from hls_swarm.cli.options import AttachOptions, OriginOptions
from hls_swarm.cli.reporting import CompareOptions, ReportOptions, RunsOptions
from hls_swarm.logexporter.settings import LogExporterOptions
from hls_swarm.settings.agent import AgentSettings
from hls_swarm.settings.capacity import CapacitySettings
from hls_swarm.settings.run import Settings


def _run(settings: Settings) -> int:
    from hls_swarm.run.commands.run import run

    return run(settings)


def _demo(settings: Settings, limits: tuple[str, ...]) -> int:
    from hls_swarm.run.commands.run import demo

    return demo(settings, limits)


def _origin(options: OriginOptions) -> int:
    from hls_swarm.run.commands.origin import origin

    return origin(
        port=options.port,
        listen=options.listen,
        access_log=options.access_log,
        segment_seconds=options.segment_seconds,
        window=options.window,
        dvr_window=options.dvr_window,
        faults=options.fault,
        limits=options.limit,
        allowed_hosts=options.allow_host,
        part_seconds=options.part if options.low_latency else None,
        cors="" if options.cors == "any" else options.cors,
        steering=options.steering,
        tls=options.tls,
        certificate=options.certificate or "",
        key=options.key or "",
    )


def _capacity(settings: Settings, options: CapacitySettings) -> int:
    from hls_swarm.run.commands.run import capacity

    return capacity(settings, options)


def _attach(options: AttachOptions) -> int:
    from hls_swarm.run.commands.attach import attach

    return attach(options.url, options.tui)


def _agent(settings: AgentSettings) -> int:
    from hls_swarm.run.commands.agent import agent

    return agent(settings)


def _log_exporter(options: LogExporterOptions) -> int:
    from hls_swarm.logexporter.process import run_log_exporter

    return run_log_exporter(options)


@dataclass(frozen=True, kw_only=True)
class Actions:
    """What the commands start once their settings stand; each gives the exit code."""

    run: Callable[[Settings], int]
    demo: Callable[[Settings, tuple[str, ...]], int]
    origin: Callable[[OriginOptions], int]
    capacity: Callable[[Settings, CapacitySettings], int] = _capacity
    report: Callable[[ReportOptions], int] = reporting.report
    compare: Callable[[CompareOptions], int] = reporting.compare
    runs: Callable[[RunsOptions], int] = reporting.runs
    log_exporter: Callable[[LogExporterOptions], int]
    attach: Callable[[AttachOptions], int] = _attach
    agent: Callable[[AgentSettings], int] = _agent


ACTIONS = Actions(run=_run, demo=_demo, origin=_origin, log_exporter=_log_exporter)
