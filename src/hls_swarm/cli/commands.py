"""The commands: which flags each has, where else its settings come from, its help, what it starts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from types import MappingProxyType

from hls_swarm.cli.actions import Actions
from hls_swarm.cli.flags import old
from hls_swarm.cli.flags.fields import Flag, Kind, flags_of
from hls_swarm.cli.options import AttachOptions, DemoOptions, OriginOptions
from hls_swarm.cli.reporting import CompareOptions, ReportOptions, RunsOptions
from hls_swarm.cli.sources import Layer, settled
from hls_swarm.cli.surroundings import check_capacity, check_origin_files, check_run
from hls_swarm.logexporter.settings import LogExporterOptions
from hls_swarm.settings.agent import AgentSettings
from hls_swarm.settings.capacity import CapacitySettings
from hls_swarm.settings.run import Settings

VARIABLE_PREFIX = "HLS_SWARM_"

RUN_SECTIONS = {
    "url": "Load",
    "agents": "Machines",
    "variant": "Viewers",
    "connect_timeout": "Connections",
    "engine": "ffmpeg viewers",
    "check": "Check",
    "tui": "Output",
    "origin_metrics": "Origin metrics",
}
"""The first field of each section of the help; a field added beside its kin is in the right one."""

_PLACEHOLDERS = {
    "url": "URL",
    "header": "HEADER",
    "origin_metrics_header": "HEADER",
    "remote_write": "URL",
    "remote_write_header": "HEADER",
    "resolve": "ADDRESS",
    "source_address": "ADDRESS",
    "proxy": "URL",
    "user_agent_file": "FILE",
    "token_file": "FILE",
    "ca_file": "FILE",
    "engine": "ENGINES",
    "ffmpeg": "FILE",
    "client_certificate": "FILE",
    "client_key": "FILE",
    "json": "FILE",
    "output": "FOLDER",
    "folder": "FOLDER",
    "run": "RUN",
    "runs": "RUN",
    "html": "FILE",
    "junit": "FILE",
    "baseline": "RUN",
    "metric": "METRIC",
    "ignore": "METRIC",
    "worse_than": "SHARE",
    "markdown": "FILE",
    "csv": "FILE",
    "name": "NAME",
    "on_end": "COMMAND",
    "threshold": "THRESHOLD",
    "slo": "THRESHOLD",
    "within": "PERCENT",
    "expect": "NAME=SHARE",
    "generator_limit": "SHARE",
    "metrics": "ADDRESS",
    "origin_metrics": "URL",
    "nginx_metrics": "URL",
    "prometheus": "URL",
    "prometheus_label": "LABEL",
    "origin_metrics_host": "HOST",
    "origin_metrics_interface": "DEVICE",
    "access_log": "FILE",
    "certificate": "FILE",
    "key": "FILE",
    "allow_host": "HOST",
    "fault": "FAULT",
    "limit": "LIMIT",
    "cors": "RULE",
    "steering": "SAYS",
    "browser_origin": "ORIGIN",
    "cmcd_content_id": "TEXT",
    "cmcd_collector": "URL",
    "listen": "ADDRESS",
    "syslog": "ADDRESS",
    "stub_status": "URL",
    "join": "HOST",
    "hosts": "HOSTS",
    "cluster": "ADDRESS",
    "cluster_token_file": "FILE",
    "cluster_address": "ADDRESS",
    "share": "NAME=PARTS",
    "ssh": "COMMAND",
    "ssh_program": "COMMAND",
}

CONFIG = Flag(
    field="config",
    kind=Kind.TEXT,
    default=None,
    help="Settings file in TOML; a flag or an environment variable wins over it.",
    section="General",
    placeholder="FILE",
)

_DEMO_DEFAULTS: Mapping[str, object] = {
    "clients": 50,
    "ramp_rate": 10.0,
    "duration": 20.0,
    "variant": "auto",
    "access_rate": "20M=5,4M=4,1.2M=1",
}
_NOT_IN_DEMO = (
    "url",
    "print_cmd",
    "check",
    "token_file",
    "resolve",
    "proxy",
    "ca_file",
    "client_certificate",
    "client_key",
    "insecure",
    "verify_bodies",
    "dangerous",
    "agents",
    "hosts",
    "cluster",
    "cluster_token_file",
    "cluster_address",
    "cluster_port",
    "agents_timeout",
    "share",
    "respread",
    "ssh",
    "ssh_program",
)
_CAPACITY_DEFAULTS = {"session_length": "exp:5m", "origin_metrics_interval": 1.0}
"""Startup needs viewers that come; a trial is short for what scrapes every two seconds."""
_NOT_IN_CAPACITY = (
    "clients",
    "ramp_rate",
    "arrivals",
    "stage",
    "arrival_rate",
    "replace_ended",
    "duration",
    "print_cmd",
    "check",
    "p1203",
    "threshold",
    "expect",
    "no_expectations",
    "generator_limit",
)
_DEMO_URL = "http://127.0.0.1/"  # the demo's own origin has no address before it listens


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command of the program.

    Attributes:
        usage: how its line is written.
        flags: all that it takes, `--config` aside.
        prefix: of its environment variables.
        table: the table of the settings file that holds its keys; empty for the top of the file.
        start: settles what the layers give and starts the action; gives the exit code.
        takes_top: what its own table does not say, the top of the settings file does.
    """

    name: str
    help: str
    usage: str
    flags: tuple[Flag, ...]
    prefix: str
    table: str
    start: Callable[[Actions, tuple[Flag, ...], tuple[Layer, ...]], int]
    takes_top: bool = False

    @property
    def all_flags(self) -> tuple[Flag, ...]:
        """Its flags and `--config`."""
        return (*self.flags, CONFIG)

    def takes_value(self) -> dict[str, bool]:
        """Its long flags without dashes; False for a switch."""
        return {flag.name: flag.kind is not Kind.SWITCH for flag in self.all_flags if not flag.is_argument}


def _start_run(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    return actions.run(settled(Settings, flags, layers, check_run))


def _start_demo(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    *run_flags, limit = flags
    options = settled(DemoOptions, (limit,), layers)
    return actions.demo(settled(partial(Settings, url=_DEMO_URL), run_flags, layers, check_run), options.limit)


def _start_capacity(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    own = {field.name for field in fields(CapacitySettings)}
    options = settled(CapacitySettings, [flag for flag in flags if flag.field in own], layers, check_capacity)
    run_flags = [flag for flag in flags if flag.field not in own]
    return actions.capacity(settled(Settings, run_flags, layers, check_run), options)


def _start_agent(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    return actions.agent(settled(AgentSettings, flags, layers))


def _start_origin(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    return actions.origin(settled(OriginOptions, flags, layers, check_origin_files))


def _start_log_exporter(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    return actions.log_exporter(settled(LogExporterOptions, flags, layers))


_MISSING_PAGE = "name the page of a run that goes on, such as http://10.0.0.7:17091"


def _start_attach(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    return actions.attach(settled(AttachOptions, flags, layers, missing=_MISSING_PAGE))


def _start_report(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    return actions.report(settled(ReportOptions, flags, layers))


def _start_compare(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    return actions.compare(settled(CompareOptions, flags, layers))


def _start_runs(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    return actions.runs(settled(RunsOptions, flags, layers))


def _demo_flags(run_flags: tuple[Flag, ...]) -> tuple[Flag, ...]:
    kept = (flag for flag in run_flags if flag.field not in _NOT_IN_DEMO and flag.section != "Origin metrics")
    return (*_with_defaults(kept, _DEMO_DEFAULTS), *flags_of(DemoOptions, {"limit": "Origin"}, _PLACEHOLDERS))


def _capacity_flags(run_flags: tuple[Flag, ...]) -> tuple[Flag, ...]:
    url, *others = (flag for flag in run_flags if flag.field not in _NOT_IN_CAPACITY)
    of_capacity = flags_of(CapacitySettings, {"slo": "Capacity"}, _PLACEHOLDERS)
    return (url, *of_capacity, *_with_defaults(others, _CAPACITY_DEFAULTS))


def _with_defaults(flags: Iterable[Flag], defaults: Mapping[str, object]) -> tuple[Flag, ...]:
    return tuple(replace(flag, default=defaults.get(flag.field, flag.default)) for flag in flags)


@cache
def commands(*, old_name: bool = False) -> Mapping[str, Command]:
    """All commands by name; `run` is the one that is meant when none is named.

    Args:
        old_name: whether a run has the defaults of the first implementation.
    """
    all_flags = flags_of(Settings, RUN_SECTIONS, _PLACEHOLDERS)
    run_flags = _with_defaults(all_flags, old.DEFAULTS if old_name else {})
    table = (
        Command(
            name="run",
            help="Load an HLS origin with realistic viewers and say how they fared.",
            usage="hls-swarm [run] [flags] URL",
            flags=run_flags,
            prefix=VARIABLE_PREFIX,
            table="",
            start=_start_run,
        ),
        Command(
            name="demo",
            help="Run viewers against an origin of its own, or find what it carries: nothing else is needed.",
            usage="hls-swarm demo [flags]",
            flags=_demo_flags(all_flags),
            prefix=VARIABLE_PREFIX,
            table="",
            start=_start_demo,
        ),
        Command(
            name="capacity",
            help="Search for the number of viewers that an origin carries, and say what gives out first.",
            usage="hls-swarm capacity [flags] URL",
            flags=_capacity_flags(all_flags),
            prefix=VARIABLE_PREFIX,
            table="capacity",
            start=_start_capacity,
            takes_top=True,
        ),
        Command(
            name="agent",
            help="Run viewers on this machine for a controller on another.",
            usage="hls-swarm agent [flags]",
            flags=flags_of(AgentSettings, {"join": "Agent"}, _PLACEHOLDERS),
            prefix=f"{VARIABLE_PREFIX}AGENT_",
            table="agent",
            start=_start_agent,
        ),
        Command(
            name="origin",
            help="Serve a small HLS origin to try things out on.",
            usage="hls-swarm origin [flags]",
            flags=flags_of(OriginOptions, {"port": "Origin"}, _PLACEHOLDERS),
            prefix=f"{VARIABLE_PREFIX}ORIGIN_",
            table="origin",
            start=_start_origin,
        ),
        Command(
            name="log-exporter",
            help="Serve request times, statuses and bytes of nginx's access log as a metrics page.",
            usage="hls-swarm log-exporter [flags]",
            flags=flags_of(LogExporterOptions, {"access_log": "Log exporter"}, _PLACEHOLDERS),
            prefix=f"{VARIABLE_PREFIX}LOG_EXPORTER_",
            table="log-exporter",
            start=_start_log_exporter,
        ),
        Command(
            name="attach",
            help="Show the dashboard of a run that goes on elsewhere.",
            usage="hls-swarm attach [flags] URL",
            flags=flags_of(AttachOptions, {"url": "Attach"}, _PLACEHOLDERS),
            prefix=f"{VARIABLE_PREFIX}ATTACH_",
            table="attach",
            start=_start_attach,
        ),
        Command(
            name="report",
            help="Show what a run left behind, finished or not.",
            usage="hls-swarm report [flags] [RUN]",
            flags=flags_of(ReportOptions, {"run": "Report"}, _PLACEHOLDERS),
            prefix=f"{VARIABLE_PREFIX}REPORT_",
            table="report",
            start=_start_report,
        ),
        Command(
            name="compare",
            help="Say what differs between runs, and what of that is more than noise.",
            usage="hls-swarm compare [flags] BASELINE RUN [RUN ...]",
            flags=flags_of(CompareOptions, {"runs": "Comparison"}, _PLACEHOLDERS),
            prefix=f"{VARIABLE_PREFIX}COMPARE_",
            table="compare",
            start=_start_compare,
        ),
        Command(
            name="runs",
            help="List past runs with their verdicts, the newest first.",
            usage="hls-swarm runs [flags]",
            flags=flags_of(RunsOptions, {"folder": "Runs"}, _PLACEHOLDERS),
            prefix=f"{VARIABLE_PREFIX}RUNS_",
            table="runs",
            start=_start_runs,
        ),
    )
    return MappingProxyType({command.name: command for command in table})
