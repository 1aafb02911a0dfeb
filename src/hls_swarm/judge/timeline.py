"""The timeline: one flat row a second, every name of which says what it is and in which unit.

Rules:

- A distribution is in it as `_count`, `_p50`, `_p95`, `_p99` and `_max` of the values of that second; a counter as its
  `_total` since the start and its `_per_second` (and `_rate`, its share, where it has one); a gauge and a ratio by
  their names; a signal of the origin as `origin_`, the signal, `@` and the target.
- What is of a part of the run has its part behind `@`: `errors_total@segment http_status 404` is there once there was
  one; so is a status. Groups of viewers and hosts are there where there are two or more of them, agents where the load
  comes from several machines.
- What is not known, or did not happen in that second, is absent.
"""

from collections.abc import Iterator, Mapping

from hls_swarm.judge.metrics.counters import COUNTERS
from hls_swarm.judge.metrics.distributions import DISTRIBUTIONS
from hls_swarm.judge.metrics.gauges import GAUGES
from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.judge.metrics.ratios import RATIOS
from hls_swarm.judge.window import Second
from hls_swarm.settings.own_signals import OWN_PREFIX
from hls_swarm.snapshot.agents import AgentFigures, shown
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin.metrics import SourceState, Unit
from hls_swarm.snapshot.origin.signals import SIGNALS

SCHEMA = "hls-swarm/timeline/1"

Row = Mapping[str, float | str]

FIXED_COLUMNS: Mapping[str, str] = {
    "elapsed_seconds": "since the start of the run",
    "time": "wall clock, Unix seconds",
    "phase": "`starting`, `ramping`, `steady`, `draining` or `finished`",
}

_PART_COLUMNS: tuple[tuple[str, Unit, str], ...] = (
    ("errors_total@OBJECT KIND STATUS", Unit.COUNT, "exchanges that failed so; without a status where none came"),
    ("answers_total@STATUS", Unit.COUNT, "answers with this status, to requests for any kind of object"),
    ("mistyped_total@OBJECT TYPE", Unit.COUNT, "complete answers whose Content-Type says what the object is not"),
    ("group_viewers@SORT NAME", Unit.COUNT, "viewers that watch, of a `profile` or a `variant`"),
    ("group_stalled_seconds_total@SORT NAME", Unit.SECONDS, "stalled time of these viewers since the start"),
    ("group_watched_seconds_total@SORT NAME", Unit.SECONDS, "watched time of these viewers since the start"),
    ("group_failed_total@SORT NAME", Unit.COUNT, "of these viewers, those that a fatal error ended"),
    ("group_errors_total@SORT NAME", Unit.COUNT, "exchanges of these viewers that failed"),
    ("host_requests_total@HOST", Unit.COUNT, "requests sent to a host"),
    ("host_errors_total@HOST", Unit.COUNT, "exchanges with a host that failed"),
    ("exporters_failing@TARGET", Unit.COUNT, "exporters of a machine of the origin that do not answer"),
    ("agent_viewers@AGENT", Unit.COUNT, "viewers running on a load machine, where there are several"),
    ("agent_cpu_percent@AGENT", Unit.PERCENT, "its processor, other programs' use too"),
    ("agent_link_percent@AGENT", Unit.PERCENT, "its link, in the busier direction"),
    ("agent_received_bytes_per_second@AGENT", Unit.BYTES_PER_SECOND, "what came in on that device"),
    ("agent_loop_lag_seconds_p99@AGENT", Unit.SECONDS, "lag of its workers' event loops, 99% of the last second"),
    ("agent_clock_offset_seconds@AGENT", Unit.SECONDS, "what the controller's wall clock shows more than its own"),
    ("agent_poll_age_seconds@AGENT", Unit.SECONDS, "since its last word"),
    ("agent_lost@AGENT", Unit.COUNT, "1: it is lost, and its viewers with it"),
    ("agent_missing@AGENT", Unit.COUNT, "1: it is lost, and its viewers are to come again on others"),
    ("servers_down@TARGET", Unit.COUNT, "servers there that refuse their exporter, which answers"),
)
_MOST_PARTS = 30
"""Kinds of failure, statuses, and groups of a sort, that have columns."""
_NO_ANSWER = frozenset({SourceState.FAILING, SourceState.STALE})

_DIGITS = 6
"""Significant digits of a value: a histogram's own error is 1.1%, a clock's more than a microsecond."""


def row(second: Second, now: Moment) -> Row:
    """The line of the timeline for the second that ends at `now`."""
    snapshot = now.snapshot
    out: dict[str, float | str] = {
        "elapsed_seconds": round(snapshot.elapsed_seconds, 3),
        "time": round(now.wall_at, 3),
        "phase": snapshot.phase.value,
    }
    out.update({name: _rounded(value) for name, value in second.gauges.items()})
    for counter in COUNTERS:
        count, whole = second.counts[counter.name], second.wholes.get(counter.name)
        out[f"{counter.name}_total"] = counter.read(now)
        if second.seconds is not None:
            out[f"{counter.name}_per_second"] = _rounded(count / second.seconds)
        if whole:
            out[f"{counter.name}_rate"] = _rounded(count / whole)
    for name, (part, whole) in second.parts.items():
        if whole > 0:
            out[name] = _rounded(part / whole)
    for name, histogram in second.distributions.items():
        distribution = histogram.distribution()
        if distribution is not None:
            d = distribution
            for end, value in (("p50", d.p50), ("p95", d.p95), ("p99", d.p99), ("max", d.max)):
                out[f"{name}_{end}"] = _rounded(value)
            out[f"{name}_count"] = d.count
    out.update(_parts(now))
    for target in snapshot.origin.targets if snapshot.origin is not None else ():
        states = [source.state for source in target.sources if source.state is not SourceState.WAITING]
        if states:
            out[f"exporters_failing@{target.target}"] = sum(state in _NO_ANSWER for state in states)
            out[f"servers_down@{target.target}"] = states.count(SourceState.DOWN)
        for name, reading in target.readings.items():
            latest = None if reading.stale else reading.value
            if latest is not None and not reading.signal.is_below_step(latest):
                out[f"{ORIGIN_PREFIX}{name}@{target.target}"] = _rounded(latest)
    return out


def _parts(now: Moment) -> Iterator[tuple[str, float]]:
    tally, at = now.tally, now.snapshot.at
    for error in list(tally.errors.values())[:_MOST_PARTS]:
        status = "" if error.status is None else f" {error.status}"
        yield f"errors_total@{error.subject} {error.kind}{status}", error.count
    for kind, objects in tally.objects.items():
        for content_type, count in objects.mistyped.items():
            yield f"mistyped_total@{kind} {content_type}", count
    answers: dict[int, int] = {}
    for objects in tally.objects.values():
        for number, count in objects.statuses.items():
            answers[number] = answers.get(number, 0) + count
    for number, count in list(answers.items())[:_MOST_PARTS]:
        yield f"answers_total@{number}", count
    for sort, groups in (("profile", tally.profiles), ("variant", tally.variants)):
        if len(groups) < 2:
            continue
        for name, group in list(groups.items())[:_MOST_PARTS]:
            part = f"@{sort} {name}"
            yield f"group_viewers{part}", group.watching.active
            yield f"group_stalled_seconds_total{part}", _rounded(group.stalled.seconds(at))
            yield f"group_watched_seconds_total{part}", _rounded(group.watching.seconds(at))
            yield f"group_failed_total{part}", group.failed
            yield f"group_errors_total{part}", group.errors
    for agent in shown(now.snapshot.generator.agents):
        yield from _of_agent(agent)
    if len(tally.hosts) > 1:
        for name, host in list(tally.hosts.items())[:_MOST_PARTS]:
            yield f"host_requests_total@{name}", host.requests
            yield f"host_errors_total@{name}", host.errors


def _of_agent(agent: AgentFigures) -> Iterator[tuple[str, float]]:
    state, machine = agent.state, agent.machine
    figures = (
        ("viewers", agent.viewers),
        ("cpu_percent", machine.cpu_percent),
        ("link_percent", machine.link_percent),
        ("received_bytes_per_second", machine.received_bytes_per_second),
        ("loop_lag_seconds_p99", None if agent.loop_lag is None else agent.loop_lag.p99),
        ("clock_offset_seconds", state.wall_offset_seconds),
        ("poll_age_seconds", state.poll_age_seconds),
        ("lost", float(agent.is_lost and state.replaced is None)),
        ("missing", float(agent.is_lost and state.replaced is False)),
    )
    for name, value in figures:
        if value is not None:
            yield f"agent_{name}@{agent.name}", _rounded(value)


def columns() -> Iterator[tuple[str, Unit | None, str]]:
    """Every column: name, unit, meaning; those of the origin without their target."""
    for name, text in FIXED_COLUMNS.items():
        yield name, Unit.SECONDS if name != "phase" else None, text
    for gauge in GAUGES:
        yield gauge.name, gauge.unit, gauge.help
    for counter in COUNTERS:
        yield f"{counter.name}_total", counter.unit, f"{counter.help}; since the start"
        per_second = Unit.BYTES_PER_SECOND if counter.unit is Unit.BYTES else Unit.PER_SECOND
        yield f"{counter.name}_per_second", per_second, "the same, over the last second"
        if counter.whole is not None:
            yield f"{counter.name}_rate", Unit.RATIO, "their share, over the last second"
    for ratio in RATIOS:
        yield ratio.name, ratio.unit, f"{ratio.help}; over the last second"
    for distribution in DISTRIBUTIONS:
        yield f"{distribution.name}_count", Unit.COUNT, f"{distribution.help}; how many in the last second"
        for end, words in (("p50", "median"), ("p95", "95%"), ("p99", "99%"), ("max", "greatest")):
            yield f"{distribution.name}_{end}", distribution.unit, f"{words} of the last second"
    for name, unit, text in _PART_COLUMNS:
        yield name, unit, text
    for signal in SIGNALS.values():
        yield f"{ORIGIN_PREFIX}{signal.name}@TARGET", signal.unit, signal.help
    yield f"{ORIGIN_PREFIX}{OWN_PREFIX}NAME@TARGET", None, "a signal that the settings add; its name ends in its unit"


def _rounded(value: float) -> float:
    if isinstance(value, int) or value == 0:
        return value
    return float(f"{value:.{_DIGITS}g}") if abs(value) < 10**_DIGITS else round(value)
