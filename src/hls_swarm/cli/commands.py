"""The commands: which flags each has, where else its settings come from, its help, what it calls.

What a command calls is imported only when it is called, so that `--help` and a mistake on the command line answer at
once.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from importlib.util import find_spec
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import urlsplit

from cyclopts import App, Parameter

from hls_swarm.cli import oldflags, reporting
from hls_swarm.cli.flags import Flag, Kind, flags_of
from hls_swarm.cli.reporting import CompareOptions, ReportOptions, RunsOptions
from hls_swarm.cli.sources import (
    Layer,
    check_can_fill,
    check_can_write,
    file_layer,
    flag_layer,
    read_settings_file,
    settled,
    variable_layer,
)
from hls_swarm.errors import SettingsError
from hls_swarm.logexporter.settings import LogExporterOptions
from hls_swarm.settings.agent import AgentSettings
from hls_swarm.settings.capacity import CapacitySettings
from hls_swarm.settings.checks import SettingValueError, check_file_name, check_host_names, check_port
from hls_swarm.settings.kinds import Seconds
from hls_swarm.settings.run import Settings
from hls_swarm.settings.sections.outputs import REPORTS
from hls_swarm.settings.spellings import format_duration

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
class DemoOptions:
    """What the demo needs to know beside a run."""

    limit: tuple[str, ...] = ()
    """Search for the capacity of an origin that has only so much of something, for up to three minutes: bandwidth=2.5m
    (bytes a second), requests=40 (a second), connections=50, cpu=40ms (for each segment); repeatable. With viewer=400k
    or answer=500k (bytes a second for each viewer, or each body) alone there is no search."""


@dataclass(frozen=True, kw_only=True)
class OriginOptions:
    """What the embedded origin needs to know."""

    port: int = 17080
    """Port to listen on; 0 takes any free one."""

    listen: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 lets other machines in."""

    access_log: str | None = None
    """Write one line per request to this file; - is standard output."""

    allow_host: tuple[str, ...] = ()
    """Further name under which the control pages may be asked for, beside the address and localhost; repeatable."""

    segment_seconds: int = 2
    """Length of a segment in seconds: 2, 4 or 8."""

    window: int = 6
    """Segments in the live playlists."""

    dvr_window: int = 150
    """Segments in the live playlists of /dvr."""

    low_latency: bool = False
    """Also serve a low-latency stream, /ll: parts, blocking reloads, preload hints, delta updates."""

    part: Seconds = 0.333
    """Length of its parts, 200ms to 1s: what fits into a segment and into whole frames, and is nearest."""

    limit: tuple[str, ...] = ()
    """Something that there is only so much of: bandwidth=2.5m (bytes a second), requests=40 (a second), connections=50,
    cpu=20ms (for each segment), viewer=400k (bytes a second for each viewer; viewer=1m/20s:125k changes after 20 s),
    answer=500k (for each body); repeatable."""

    fault: tuple[str, ...] = ()
    """Something that goes wrong on purpose, such as status=503,rate=0.1 or pause=10s,after=1m; repeatable. While the
    origin runs: /control/set/FAULT, /control/clear."""

    cors: str = "any"
    """Which pages' scripts may read answers: any, none or an origin, and with commas credentials, max-age=10s,
    no-max-age, and what is wrong: no-preflight, no-headers, no-expose, twice."""

    steering: str = "CDN-A,CDN-B"
    """What the steering manifest of /steered says: pathways in the order in which they are preferred, and with commas
    ttl=10s, clone=NEW:BASE[:HOST], version=2. While the origin runs: /control/steer/SAYS."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        check_port("port", self.port, lowest=0)
        if not self.listen:
            raise SettingValueError("listen", "needs an address such as 127.0.0.1")
        if self.access_log is not None:
            check_file_name("access_log", self.access_log)
        check_host_names("allow_host", self.allow_host)
        if self.segment_seconds not in {2, 4, 8}:
            raise SettingValueError("segment_seconds", f"must be 2, 4 or 8, not {self.segment_seconds}")
        for field, most in (("window", 1000), ("dvr_window", 10_000)):
            if not 3 <= getattr(self, field) <= most:
                raise SettingValueError(field, f"must be from 3 to {most}, not {getattr(self, field)}")
        if not 0.2 <= self.part <= 1.0:
            raise SettingValueError("part", f"must be from 200ms to 1s, not {format_duration(self.part)}")


@dataclass(frozen=True, kw_only=True)
class AttachOptions:
    """What is needed to look at a run elsewhere."""

    url: str
    """Page of the run, such as http://10.0.0.7:17091; without a port, 17091."""

    tui: bool | None = None
    """Show the dashboard; by default where there is a terminal for it."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        try:
            parts = urlsplit(self.url if "://" in self.url else f"http://{self.url}")
            usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or any(not each.isprintable() or each.isspace() for each in self.url):
            raise SettingValueError("url", "must be an http or https URL, such as http://10.0.0.7:17091")


def _agent(settings: AgentSettings) -> int:
    from hls_swarm.run.commands.agent import agent

    return agent(settings)


def _capacity(settings: Settings, options: CapacitySettings) -> int:
    from hls_swarm.run.commands.run import capacity

    return capacity(settings, options)


def _attach(options: AttachOptions) -> int:
    from hls_swarm.run.commands.attach import attach

    return attach(options.url, options.tui)


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
    )


def _log_exporter(options: LogExporterOptions) -> int:
    from hls_swarm.logexporter.process import run_log_exporter

    return run_log_exporter(options)


ACTIONS = Actions(run=_run, demo=_demo, origin=_origin, log_exporter=_log_exporter)


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
    return actions.run(settled(Settings, flags, layers, _check_files))


def _start_demo(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    *run_flags, limit = flags
    options = settled(DemoOptions, (limit,), layers)
    return actions.demo(settled(partial(Settings, url=_DEMO_URL), run_flags, layers, _check_files), options.limit)


def _start_capacity(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    own = {field.name for field in fields(CapacitySettings)}
    options = settled(CapacitySettings, [flag for flag in flags if flag.field in own], layers, _check_slo)
    run_flags = [flag for flag in flags if flag.field not in own]
    return actions.capacity(settled(Settings, run_flags, layers, _check_files), options)


def _start_agent(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    return actions.agent(settled(AgentSettings, flags, layers))


def _start_origin(actions: Actions, flags: tuple[Flag, ...], layers: tuple[Layer, ...]) -> int:
    return actions.origin(settled(OriginOptions, flags, layers, _check_access_log))


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


def _check_files(settings: Settings) -> None:
    for field in ("json", *REPORTS):
        if (name := getattr(settings, field)) is not None:
            check_can_write(field, name)
    if settings.p1203 is not None:
        check_can_write("p1203", settings.p1203)
    if settings.output is not None:
        check_can_fill("output", settings.output)
    if settings.record_requests and find_spec("pyarrow") is None:
        raise SettingValueError("record_requests", "needs pyarrow: pip install 'hls-swarm[parquet]'")
    if settings.otlp and find_spec("opentelemetry") is None:
        raise SettingValueError("otlp", "needs OpenTelemetry's SDK: pip install 'hls-swarm[otlp]'")
    if settings.threshold:
        from hls_swarm.judge.thresholds import ThresholdError, check_is_measured, parse_threshold

        for line in settings.threshold:
            try:
                check_is_measured(parse_threshold(line), settings.own_signals)
            except ThresholdError as error:
                raise SettingValueError("threshold", str(error)) from None
    if settings.expect:
        from hls_swarm.judge.expectations import ExpectationError, expectations

        try:
            expectations(settings.expect)
        except ExpectationError as error:
            raise SettingValueError("expect", str(error)) from None


def _check_slo(options: CapacitySettings) -> None:
    from hls_swarm.capacity.objectives import parse_objectives
    from hls_swarm.judge.thresholds import ThresholdError

    try:
        parse_objectives(options.slo)
    except ThresholdError as error:
        raise SettingValueError("slo", str(error)) from None


def _check_access_log(options: OriginOptions) -> None:
    if options.access_log is not None:
        check_can_write("access_log", options.access_log)


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
    run_flags = _with_defaults(all_flags, oldflags.DEFAULTS if old_name else {})
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


def build_app(table: Mapping[str, Command], environ: Mapping[str, str], actions: Actions, meant: Command) -> App:
    """The command line as cyclopts reads it.

    Args:
        meant: the command whose flags are read; of the others only the name is there. The flags of all of them would
            take longer to lay out than the rest of the start.
    """
    app = App(name="hls-swarm", help_flags=[], version_flags=[], result_action="return_value")
    for command in table.values():
        action = _action(command, table, environ, actions) if command is meant else _not_meant
        if command is meant is table["run"]:
            app.default(action)
        app.command(action, name=command.name, help_flags=[], version_flags=[])
    return app


def _not_meant() -> int:
    raise AssertionError("the first argument names the command")


def _action(
    command: Command, table: Mapping[str, Command], environ: Mapping[str, str], actions: Actions
) -> Callable[..., int]:
    """What cyclopts calls; its signature, made of the command's flags, is what cyclopts reads."""

    def action(*given_by_place: str | None, **texts: list[str] | list[bool] | None) -> int:
        uses = {field: [str(use) for use in given] for field, given in texts.items() if given}
        values = [value for value in given_by_place if value is not None]
        if values:
            uses[argument] = values
        return command.start(actions, command.flags, _layers(command, table, environ, uses))

    argument = next((flag.field for flag in command.flags if flag.is_argument), "")
    parameters = [_parameter(flag) for flag in command.all_flags]
    # cyclopts reads both, the annotations first; no annotation written here could carry a table of flags.
    vars(action)["__signature__"] = inspect.Signature(parameters)
    action.__annotations__ = {}
    return action


def _parameter(flag: Flag) -> inspect.Parameter:
    settings = Parameter(
        name=None if flag.is_argument else f"--{flag.name}",
        negative=(f"--no-{flag.name}",) if flag.kind is Kind.SWITCH and flag.default is None else (),
    )
    hint: Any = str if flag.is_argument else list[bool] if flag.kind is Kind.SWITCH else list[str]
    if flag.is_argument and flag.is_repeatable:
        return inspect.Parameter(flag.field, inspect.Parameter.VAR_POSITIONAL, annotation=Annotated[hint, settings])
    return inspect.Parameter(
        flag.field,
        inspect.Parameter.POSITIONAL_ONLY if flag.is_argument else inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[hint | None, settings],
    )


def _layers(
    command: Command, table: Mapping[str, Command], environ: Mapping[str, str], uses: Mapping[str, list[str]]
) -> tuple[Layer, ...]:
    typed = flag_layer(command.all_flags, uses)
    variables = variable_layer(command.flags, environ, command.prefix)
    config = typed.get(CONFIG.field) or variable_layer((CONFIG,), environ, VARIABLE_PREFIX).get(CONFIG.field)
    if config is None:
        return typed, variables
    path = str(config.value)
    if not path or path == "-":
        raise SettingsError(f"{config.origin}: needs the name of a file")
    content = read_settings_file(path, config.origin)
    of_file = _file_layers(table, content, path)
    return (typed, variables, of_file[command.table], *((of_file[""],) if command.takes_top else ()))


def _file_layers(table: Mapping[str, Command], content: Mapping[str, object], path: str) -> dict[str, Layer]:
    """Each table of the settings file, all of it checked, whichever command reads it."""
    out: dict[str, Layer] = {}
    tables = {command.table for command in table.values()} - {""}
    top = {key: value for key, value in content.items() if key not in tables}
    out[""] = file_layer(table["run"].flags, top, path)
    for command in table.values():
        if not command.table:
            continue
        inner = content.get(command.table, {})
        if not isinstance(inner, dict):
            raise SettingsError(
                f"{path}: {command.table}: must be a table: write [{command.table}] on a line of its own"
            )
        out[command.table] = file_layer(command.flags, inner, f"{path}: [{command.table}]")
    return out
