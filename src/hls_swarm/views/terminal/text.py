"""The run as plain text: a line while it goes on, a summary at its end."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from hls_swarm.judge.expectations import ExpectationResult
from hls_swarm.judge.thresholds import ThresholdResult
from hls_swarm.judge.thresholds import value_text as threshold_value
from hls_swarm.judge.verdict import Outcome, Verdict, lost_words
from hls_swarm.records import ObjectKind
from hls_swarm.snapshot import units
from hls_swarm.snapshot.agents import AgentFigures
from hls_swarm.snapshot.finding import Finding, Severity
from hls_swarm.snapshot.origin.metrics import OriginMetrics, SourceState, TargetMetrics, Unit, WhyUnknown
from hls_swarm.snapshot.origin.signals import signal_info
from hls_swarm.snapshot.origin.tally import TargetSummary
from hls_swarm.snapshot.snapshot import Experience, Snapshot, ViewerFigures
from hls_swarm.snapshot.viewers.lowlatency import LowLatencyFigures
from hls_swarm.snapshot.workers import GeneratorFigures
from hls_swarm.stats.histogram import Distribution
from hls_swarm.views.findings import LEADING
from hls_swarm.views.signals import (
    DETAILS,
    full_name,
    idle_text,
    is_idle,
    name_text,
    source_text,
    value_text,
)

if TYPE_CHECKING:
    from hls_swarm.capacity.verdict.cause import Cause

_VERDICT_STYLES = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INVALID: "bold yellow",
    Verdict.ERROR: "bold red",
    Verdict.NOT_JUDGED: "bold",
}
_KIND_NAMES = {
    ObjectKind.MULTIVARIANT_PLAYLIST: "multivariant playlist",
    ObjectKind.MEDIA_PLAYLIST: "media playlist",
    ObjectKind.SEGMENT: "segment",
    ObjectKind.PART: "part",
    ObjectKind.INIT: "init section",
    ObjectKind.KEY: "key",
    ObjectKind.PREFLIGHT: "preflight",
    ObjectKind.STEERING: "steering manifest",
    ObjectKind.CMCD_REPORT: "CMCD report",
}
_SEVERITY_STYLES = {Severity.NOTE: "", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}
_LABEL_WIDTH = 13
_MOST_HOSTS = 5
_MOST_AGENTS = 20


def status_line(snapshot: Snapshot) -> str:
    """The run in one line, for a log or a screen without a terminal."""
    viewers, experience = snapshot.viewers, snapshot.experience
    parts = [
        units.clock(snapshot.elapsed_seconds),
        snapshot.phase.value,
        f"viewers {viewers.active}/{viewers.target}",
        f"playing {viewers.playing}",
        units.bit_rate(snapshot.throughput_bytes_per_second),
        _media_rate(snapshot),
        f"stalls {experience.stalls}",
        f"errors {_errors(snapshot)}",
    ]
    if viewers.failed:
        parts.append(f"failed viewers {viewers.failed}")
    parts.extend(_origin_words(snapshot.origin))
    if snapshot.generator_trouble:
        parts.append(f"GENERATOR-BOUND: {snapshot.generator_trouble[0]}")
    return "  ".join(parts)


def figures(snapshot: Snapshot) -> list[RenderableType]:
    """The run's figures as labelled lines."""
    viewers = snapshot.viewers
    objects = snapshot.objects.values()
    requests = sum(figures.requests for figures in objects)
    failed = sum(figures.failed for figures in objects)
    cancelled = sum(figures.cancelled for figures in objects)
    kinds = [
        f"{units.count(f.requests)} {_plural(_KIND_NAMES[kind], f.requests)}" for kind, f in snapshot.objects.items()
    ]
    body_bytes = sum(figures.body_bytes for figures in objects)
    e, generator = snapshot.experience, snapshot.generator
    rows = [
        ("Viewers", _viewers(viewers)),
        (
            "Requests",
            f"{units.count(requests)}"
            + (f" ({', '.join(kinds)})" if kinds else "")
            + f", {units.count(failed)} failed"
            + (f", {units.count(cancelled)} cut at the end" if cancelled else "")
            + (
                f"; whether the origin took {units.count(snapshot.unsettled_requests)} of them is not known"
                if snapshot.unsettled_requests
                else ""
            ),
        ),
        *_version_rows(snapshot),
        *_host_rows(snapshot),
        (
            "Throughput",
            (
                f"{units.bit_rate(snapshot.throughput_mean_bytes_per_second)} mean, "
                f"{units.bit_rate(snapshot.throughput_peak_bytes_per_second)} peak; {units.size(body_bytes)} in all"
            ),
        ),
        ("Startup", _percentiles(e.startup)),
        (
            "Stalls",
            f"{units.count(e.stalls)}, {units.seconds(e.stalled_seconds)} in all; "
            f"rebuffering {units.ratio(e.rebuffering_ratio)}"
            + (f"; {e.expired_segments} segments expired" if e.expired_segments else ""),
        ),
        *_change_rows(e),
        ("Live latency", _percentiles(e.live_latency)),
        ("Edge latency", _percentiles(e.edge_latency)),
        *_low_latency_rows(snapshot.low_latency),
        (
            "Generator",
            (
                f"{len(generator.workers)} worker{'s' * (len(generator.workers) != 1)}, "
                f"{units.seconds(generator.cpu_seconds)} CPU, loop lag "
                f"P99 {units.seconds(generator.loop_lag.p99 if generator.loop_lag else None)}, "
                f"{generator.late_starts} late starts"
                + (
                    f", {units.counted(generator.datagrams_dropped, 'datagram')} dropped"
                    if generator.datagrams_dropped
                    else ""
                )
            ),
        ),
        *(() if snapshot.steering is None else (("Steering", ", ".join(snapshot.steering.words)),)),
        *(() if snapshot.cmcd is None else (("CMCD", ", ".join(snapshot.cmcd.words)),)),
        *_player_rows(snapshot),
        *_machine_rows(generator),
        *_agent_rows(generator),
    ]
    renderables: list[RenderableType] = [_labelled(rows)]
    renderables += [
        Text(f"GENERATOR-BOUND {finding.when}: {finding.what}", "bold yellow")
        for finding in snapshot.generator_findings
    ]
    remarks = (*snapshot.remarks, *generator.remarks)
    renderables += [Text(f"Note: {remark}", "yellow") for remark in remarks]
    return renderables


def _low_latency_rows(figures: LowLatencyFigures | None) -> list[tuple[str, str]]:
    """Play by parts: what the server held, what came, what it did wrong."""
    if figures is None:
        return []
    rows = []
    if figures.viewers:
        hints = f"; {units.count(figures.hints_met)} of {units.count(figures.hinted_requests)} hinted parts came"
        rows.append(
            (
                "Low latency",
                (
                    f"{units.counted(figures.viewers, 'viewer')} by parts, {units.counted(figures.parts, 'part')}, age "
                    f"{_percentiles(figures.part_age)}{hints if figures.hinted_requests else ''}"
                ),
            )
        )
    held = f"{units.counted(figures.blocking_reloads, 'playlist request')} held, {_percentiles(figures.blocked)}"
    rows.append(("Blocked", held))
    rows += [("Live edge", fault.words) for fault in figures.faults]
    return rows


def _played(snapshot: Snapshot) -> str:
    viewers = snapshot.viewers
    return units.played(viewers.played, viewers.started, max(viewers.target, viewers.peak))


def _viewers(viewers: ViewerFigures) -> str:
    """What became of them; what they do is told of those that are there."""
    target, peak = units.count(viewers.target), units.count(viewers.peak)
    counts = [
        f"{units.count(viewers.started)} started, {units.count(viewers.played)} played",
        f"{units.count(viewers.failed)} failed",
    ]
    others = ((viewers.ended, "came to the end"), (viewers.left, "left"), (viewers.lost, "lost with their worker"))
    counts += [f"{units.count(number)} {words}" for number, words in others if number]
    if viewers.active:
        counts.append(
            f"{units.count(viewers.active)} running ({units.count(viewers.playing)} playing, "
            f"{units.count(viewers.stalled)} stalled, {units.count(viewers.starting)} starting)"
        )
    return f"{', '.join(counts)}; at most {peak} at a time of {target}"


def latency_table(snapshot: Snapshot) -> Table | None:
    """Times to first byte and download times of each kind of object; None if no answer came."""
    table = _table("Latency", "count", "P50", "P95", "P99", "max")
    for kind, figures in snapshot.objects.items():
        for what, distribution in (("first byte", figures.ttfb), ("download", figures.download)):
            if distribution is not None:
                d = distribution
                table.add_row(
                    f"{_KIND_NAMES[kind]}, {what}",
                    units.count(d.count),
                    *(units.seconds(value) for value in (d.p50, d.p95, d.p99, d.max)),
                )
    return table if table.row_count else None


def error_table(snapshot: Snapshot, most: int = 8) -> Table | None:
    """Errors by kind and blame, newest first; None if there are none."""
    if not snapshot.errors:
        return None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Errors", no_wrap=True)
    table.add_column("count", justify="right")
    table.add_column("blame")
    table.add_column("newest", overflow="fold")
    for error in snapshot.errors[:most]:
        name = f"HTTP {error.status}" if error.status is not None else error.kind.value.replace("_", " ")
        table.add_row(
            f"{'viewer' if error.object is None else _KIND_NAMES[error.object]}, {name}",
            units.count(error.count),
            error.blame.value,
            f"{error.detail} {error.example_url}",
            style="red",
        )
    if len(snapshot.errors) > most:
        table.add_row(f"and {len(snapshot.errors) - most} more kinds", "", "", "")
    return table


def violation_table(snapshot: Snapshot, most: int = 8) -> Table:
    """What playlists did against the draft, the most frequent first."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Violations (played all the same)", overflow="fold")
    table.add_column("loads", justify="right")
    table.add_column("for example", overflow="fold")
    for found in snapshot.violations[:most]:
        table.add_row(found.words, units.count(found.count), found.where, style="yellow")
    if len(snapshot.violations) > most:
        table.add_row(f"and {len(snapshot.violations) - most} more kinds", "", "")
    return table


def threshold_table(results: Sequence[ThresholdResult]) -> Table:
    """Each threshold, its value, and whether it held."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Thresholds", overflow="fold")
    for column in ("value", "verdict"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("over", no_wrap=True)
    for result in results:
        value = units.UNKNOWN if result.value is None else threshold_value(result.value, result.threshold.unit)
        held = Text("held", "green") if result.held else Text("crossed", "bold red")
        table.add_row(result.threshold.text, value, held, result.window.value)
    return table


def origin_table(target: TargetSummary, metrics: TargetMetrics | None, now: float) -> list[RenderableType]:
    """One target's signals over the run, and how its exporters fare at the end."""
    table = _table(f"Origin {target.target}", "mean", "P95", "max")
    idle = []
    for name, d in target.signals.items():
        reading = metrics.readings.get(name) if metrics is not None else None
        signal = reading.signal if reading is not None else signal_info(name)
        if signal is not None and name not in DETAILS:
            if is_idle((d.mean, d.p95, d.max)):
                idle.append(full_name(signal))
                continue
            table.add_row(full_name(signal), *(value_text(signal, value) for value in (d.mean, d.p95, d.max)))
    parts: list[RenderableType] = [table]
    if idle:
        parts.append(Text(idle_text(idle), "dim"))
    for name, quantiles in target.quantiles.items():
        signal = signal_info(f"{name}_p50")
        words = "  ".join(
            f"{q.upper()} {units.seconds(value) if signal is None else value_text(signal, value)}"
            for q, value in quantiles.items()
        )
        parts.append(Text(f"{name.removesuffix('_seconds').replace('_', ' ')} time  {words}"))
    return [*parts, *(_trouble_of(metrics, now) if metrics is not None else ())]


def summary(
    snapshot: Snapshot,
    outcome: Outcome,
    origin: Sequence[TargetSummary],
    *,
    steady: bool = True,
    thresholds: Sequence[ThresholdResult] = (),
    expectations: Sequence[ExpectationResult] = (),
    cause: "Cause | None" = None,
) -> RenderableType:
    """The whole run, to be read at a glance.

    Args:
        origin: each target over the run.
        steady: whether these are of the steady state; else of all the run.
        thresholds, expectations: what came of each.
        cause: what gave out first, if anything did.
    """
    head = Text.assemble(
        (outcome.verdict.value.upper(), _VERDICT_STYLES[outcome.verdict]),
        f"  {units.seconds(snapshot.elapsed_seconds)}, {_played(snapshot)}  {snapshot.url}",
    )
    parts: list[RenderableType] = [head]
    parts.extend(Text(f"  {reason}", _VERDICT_STYLES[outcome.verdict]) for reason in outcome.reasons)
    if snapshot.findings:
        parts += ["", *_found(snapshot.findings)]
    if cause is not None and cause.named:
        from hls_swarm.views.capacity import cause_lines
        from hls_swarm.views.terminal.capacity import Hanging

        parts += ["", *map(Hanging, cause_lines(cause))]
    if thresholds:
        parts += ["", threshold_table(thresholds)]
    if expectations:
        parts += ["", _expected(expectations)]
    elif not thresholds:
        parts += ["", Text("Nothing was expected of this run: it is not judged", "dim")]
    parts += ["", *figures(snapshot)]
    latencies = latency_table(snapshot)
    if latencies is not None:
        parts += ["", latencies]
    errors = error_table(snapshot)
    if errors is not None:
        parts += ["", errors]
    if snapshot.violations:
        parts += ["", violation_table(snapshot)]
    if snapshot.origin is None:
        parts += ["", Text("Origin metrics not configured: --origin-metrics-host HOST shows them here", "dim")]
    else:
        named = {target.target: target for target in snapshot.origin.targets}
        for target in origin:
            parts += ["", *origin_table(target, named.get(target.target), snapshot.origin.at)]
        if not steady:
            parts.append(Text("  (over the whole run: it ended before the steady state)", "dim"))
    return Lines(*parts)


def _found(findings: Sequence[Finding]) -> list[RenderableType]:
    """The worst few, each with what to do next."""
    parts: list[RenderableType] = [Text("Findings", "bold")]
    for finding in findings[:LEADING]:
        blamed = f"  blame: {finding.culprit.value}" if finding.culprit is not None else ""
        parts.append(Text(f"  {finding.when}  {finding.what}{blamed}", _SEVERITY_STYLES[finding.severity]))
        parts.append(Text(f"      next: {finding.next_step}"))
    if len(findings) > LEADING:
        parts.append(Text(f"  and {len(findings) - LEADING} more: --html and hls-swarm report show all", "dim"))
    return parts


def _expected(results: Sequence[ExpectationResult]) -> RenderableType:
    """What was expected, in one line, with what came of it."""
    line = Text.assemble(("Expected     ", "bold"))
    for number, result in enumerate(results):
        value = units.figure(result.value, Unit.RATIO)
        line.append(", at most " if number else "at most ")
        line.append(result.expectation.text, "" if result.held else "bold red")
        line.append(f" ({value})", "green" if result.held else "bold red")
    return line


def _trouble_of(target: TargetMetrics, now: float) -> list[RenderableType]:
    unknown = [reading.unknown for reading in target.readings.values() if reading.unknown is not None]
    hidden = {f"  {why.text}: {why.how_to_get}": None for why in unknown if why.why is WhyUnknown.HIDDEN}
    troubles = [
        f"  {source_text(source, now)}"
        for source in target.sources
        if source.state not in {SourceState.UP, SourceState.WAITING} or source.reason
    ]
    return [Text(words, "yellow") for words in (*hidden, *troubles)]


def _origin_words(metrics: OriginMetrics | None) -> list[str]:
    words = []
    for target in metrics.targets if metrics is not None else ():
        name = f"origin {target.target} " if metrics is not None and len(metrics.targets) > 1 else "origin "
        some = []
        for signal in ("cpu_percent", "network_out_bytes_per_second", "nginx_requests_per_second"):
            reading = target.readings.get(signal)
            is_hidden = reading is not None and reading.unknown is not None and reading.unknown.why is WhyUnknown.HIDDEN
            if reading is not None and (reading.value is not None or is_hidden):
                some.append(f"{name_text(reading.signal)} {value_text(reading.signal, reading.value)}")
        troubles = [
            source_text(s, target.at) for s in target.sources if s.state not in {SourceState.UP, SourceState.WAITING}
        ]
        if some or troubles:
            words.append(name + ", ".join(some + troubles))
    return words


def _change_rows(experience: Experience) -> list[tuple[str, str]]:
    q = experience.quality
    if q is None or not q.switches_up + q.switches_down + q.abandoned_segments:
        return []
    words = units.changes(
        q.switches_up,
        q.switches_down,
        q.switches_per_minute,
        q.reversals,
        q.abandoned_segments,
        q.abandoned_bytes,
    )
    return [("Variants", words)]


def _version_rows(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Requests and connections by version of HTTP."""
    words = [
        f"{figures.name}: {units.count(figures.requests)} {_plural('request', figures.requests)} on "
        f"{units.count(figures.connections)} {_plural('connection', figures.connections)}"
        + (f" ({units.count(figures.resumed)} resumed)" if figures.resumed else "")
        for figures in snapshot.http_versions
    ]
    return [("Protocol", "; ".join(words))] if words else []


def _host_rows(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Every host that got load, the first few by name."""
    hosts = snapshot.hosts
    rows = [
        (
            "Hosts" if number == 0 else "",
            f"{host.words}: {units.count(host.requests)} {_plural('request', host.requests)}"
            + (f", {host.http_words}" if host.http_words else ""),
        )
        for number, host in enumerate(hosts[:_MOST_HOSTS])
    ]
    rest = hosts[_MOST_HOSTS:]
    if rest:
        requests = sum(host.requests for host in rest)
        rows.append(("", f"and {units.count(requests)} {_plural('request', requests)} to others: see the report"))
    return rows


def _player_rows(snapshot: Snapshot) -> list[tuple[str, str]]:
    players = snapshot.players
    if players is None:
        return []
    dropped = f", {units.count(players.log_lines_dropped)} log lines not read" if players.log_lines_dropped else ""
    words = (
        f"{units.count(players.processes)} processes started, {units.count(players.restarts)} of them again{dropped}"
    )
    return [("Players", words)]


def _agent_rows(generator: GeneratorFigures) -> list[tuple[str, str]]:
    """The load machines: the first few, and all that were lost."""
    agents = generator.agents
    told = [*agents[:_MOST_AGENTS], *(agent for agent in agents[_MOST_AGENTS:] if agent.is_lost)]
    rows = [("Agents" if number == 0 else "", _agent_words(agent)) for number, agent in enumerate(told)]
    return rows + ([("", f"and {len(agents) - len(told)} more")] if len(agents) > len(told) else [])


def _agent_words(agent: AgentFigures) -> str:
    state, lag = agent.state, agent.state.loop_lag.distribution()
    parts = [f"{agent.workers} worker{'s' * (agent.workers != 1)}", f"{units.seconds(agent.cpu_seconds)} CPU"]
    if agent.cpu_percent is not None:
        parts.append(f"machine {units.percent(agent.cpu_percent.mean)} (max {units.percent(agent.cpu_percent.max)})")
    if agent.link_percent is not None:
        parts.append(f"link max {units.percent(agent.link_percent.max)}")
    parts.append(f"loop lag P99 {units.seconds(None if lag is None else lag.p99)}")
    parts.append(f"clock {units.seconds(state.wall_offset_seconds)} off")
    if agent.is_lost:
        parts.insert(0, f"LOST: {lost_words(agent)}")
    return f"{agent.name}: {', '.join(parts)}"


def _machine_rows(generator: GeneratorFigures) -> list[tuple[str, str]]:
    """The generator's machine over the run; nothing of what it does not tell."""
    machine, run = generator.machine, generator.machine_over_run
    if machine is None or run is None:
        return []
    parts = []
    if run.cpu_percent is not None:
        parts.append(f"CPU {units.percent(run.cpu_percent.mean)} (max {units.percent(run.cpu_percent.max)})")
    if run.received_bytes_per_second is not None:
        parts.append(f"{machine.device} {units.bit_rate(run.received_bytes_per_second.mean)} in")
    if run.link_percent is not None:
        parts.append(f"link {units.percent(run.link_percent.mean)} (max {units.percent(run.link_percent.max)}) used")
    if run.tcp_retransmits_per_second is not None:
        parts.append(f"{units.per_second(run.tcp_retransmits_per_second.mean)} TCP retransmits")
    return [("This machine", ", ".join(parts))] if parts else []


def _labelled(rows: Sequence[tuple[str, str]], style: str = "bold", width: int = _LABEL_WIDTH) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(style=style, width=width, no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row(label, value)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(title, no_wrap=True, min_width=32)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _percentiles(distribution: Distribution | None) -> str:
    if distribution is None:
        return units.UNKNOWN
    d = distribution
    named = (("P50", d.p50), ("P95", d.p95), ("P99", d.p99), ("max", d.max))
    return "  ".join(f"{name} {units.seconds(value)}" for name, value in named)


def _media_rate(snapshot: Snapshot) -> str:
    """Of segments, or of parts where only those come."""
    objects = snapshot.objects
    by_parts = ObjectKind.PART in objects and ObjectKind.SEGMENT not in objects
    kind, name = (ObjectKind.PART, "parts") if by_parts else (ObjectKind.SEGMENT, "segments")
    return f"{name} {units.per_second(_rate(snapshot, kind))}"


def _rate(snapshot: Snapshot, kind: ObjectKind) -> float | None:
    figures = snapshot.objects.get(kind)
    return None if figures is None else figures.requests_per_second


def _errors(snapshot: Snapshot) -> str:
    return units.count(sum(error.count for error in snapshot.errors))


def _plural(name: str, number: int) -> str:
    return name if number == 1 else f"{name}s"
