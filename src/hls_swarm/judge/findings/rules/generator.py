"""Whether this machine was the bottleneck, and when: what was measured then says nothing of the origin.

Rules:

- An event loop that ran late by more than `LOOP_LAG_LIMIT_SECONDS` distorts the second it did so in.
- A processor that is full for `FULL_SECONDS` in a row is trouble if the event loops feel it: with a lag of less than
  `FELT_LAG_SECONDS` the viewers got their share of it, whoever had the rest.
- A link that is full for so long delays every answer.
- A failure for want of a descriptor or a port, and viewers that start late, are trouble while they happen. So are
  datagrams that the kernel had no room for, more than `DROPPED_LIMIT` of them: over HTTP/3 they look like a network
  that loses packets, and the origin sends less.
- The same holds of each load machine where there are several, and the finding names it. One that is lost voids the run,
  as its last counts are not known, or, if its viewers come again on others, the time until they have.
- A worker that died, or did not report to the end, took its counts with it, one that stood still left its viewers
  behind, and lines of a player's log that nobody read are missing in all counts: these void the whole run. So does an
  exception in this program that nobody expected: what it spoiled is not known.
"""

from collections.abc import Sequence

from hls_swarm.judge.findings.measures import Places, errors_of, everywhere, now_of, rise_of, share_of
from hls_swarm.judge.findings.recent import Recent
from hls_swarm.judge.findings.rule import Condition, Rule, at_least
from hls_swarm.records import FailureKind, ObjectKind
from hls_swarm.snapshot.finding import Culprit, Severity, Standing, Voids
from hls_swarm.snapshot.generator import (
    DROPPED_LIMIT,
    LATE_STARTS_LIMIT,
    LEAST_DROPPED,
    LOOP_LAG_LIMIT_SECONDS,
    STANDSTILL_LIMIT_SECONDS,
)
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.saturation import FULL_SECONDS, LINK_LIMIT_PERCENT, MACHINE_CPU_LIMIT_PERCENT

FELT_LAG_SECONDS = 0.02
AGENT_LOST = "generator-agent-lost"
WORKER_LOST, WORKER_SILENT = "generator-worker-lost", "generator-worker-silent"
INTERNAL = "generator-internal"


def _trouble(
    name: str,
    what: str,
    next_step: str,
    *conditions: Condition,
    for_seconds: float = 0.0,
    voids: Voids = Voids.ITS_TIME,
    places: Places = everywhere,
) -> Rule:
    return Rule(
        name=name,
        # A second that is void is told and left out; what else is found leads, unless all of the run is void.
        standing=Standing.CAUSE if voids is Voids.THE_RUN else Standing.LIMIT,
        culprit=Culprit.GENERATOR,
        severity=Severity.CRITICAL if voids is Voids.THE_RUN else Severity.NOTE,
        what=what,
        next_step=next_step,
        conditions=conditions,
        for_seconds=for_seconds,
        clear_seconds=2.0,
        voids=voids,
        places=places,
    )


def _agents(column: str, limit: float) -> Places:
    """Agents that reach a limit: of hundreds, those that a rule has to look at."""

    def places(recent: Recent) -> Sequence[str]:
        measure = now_of(column, Unit.COUNT)
        return [name for name in recent.places(column) if (measure.read(recent, name) or 0.0) >= limit]

    return places


GENERATOR_RULES = (
    _trouble(
        "generator-lag",
        "this machine was late: event-loop lag P99 {0}",
        "fewer viewers here, more --workers, or another machine beside it",
        at_least(now_of("loop_lag_seconds_p99", Unit.SECONDS), LOOP_LAG_LIMIT_SECONDS),
    ),
    _trouble(
        "generator-cpu",
        "this machine's processor was full ({0}), and its viewers felt it: event-loop lag P99 {1}",
        "stop what else runs here, or take another machine",
        at_least(now_of("machine_cpu_percent", Unit.PERCENT), MACHINE_CPU_LIMIT_PERCENT),
        at_least(now_of("loop_lag_seconds_p99", Unit.SECONDS), FELT_LAG_SECONDS),
        for_seconds=FULL_SECONDS,
    ),
    _trouble(
        "generator-link",
        "this machine's link was full ({0})",
        "a faster link, or more machines",
        at_least(now_of("machine_link_percent", Unit.PERCENT), LINK_LIMIT_PERCENT),
        for_seconds=FULL_SECONDS,
    ),
    _trouble(
        "generator-agent-lag",
        "agent {where} was late: event-loop lag P99 {0}",
        "fewer viewers there (--share), or one more agent",
        at_least(now_of("agent_loop_lag_seconds_p99", Unit.SECONDS), LOOP_LAG_LIMIT_SECONDS),
        places=_agents("agent_loop_lag_seconds_p99", LOOP_LAG_LIMIT_SECONDS),
    ),
    _trouble(
        "generator-agent-cpu",
        "the processor of agent {where} was full ({0}), and its viewers felt it: event-loop lag P99 {1}",
        "stop what else runs there, give it fewer viewers (--share), or one more agent",
        at_least(now_of("agent_cpu_percent", Unit.PERCENT), MACHINE_CPU_LIMIT_PERCENT),
        at_least(now_of("agent_loop_lag_seconds_p99", Unit.SECONDS), FELT_LAG_SECONDS),
        for_seconds=FULL_SECONDS,
        places=_agents("agent_cpu_percent", MACHINE_CPU_LIMIT_PERCENT),
    ),
    _trouble(
        "generator-agent-link",
        "the link of agent {where} was full ({0})",
        "a faster link, fewer viewers there (--share), or one more agent",
        at_least(now_of("agent_link_percent", Unit.PERCENT), LINK_LIMIT_PERCENT),
        for_seconds=FULL_SECONDS,
        places=_agents("agent_link_percent", LINK_LIMIT_PERCENT),
    ),
    _trouble(
        AGENT_LOST,
        "agent {where} is lost, and what it did last is not counted",
        "the log says why; --respread gives its viewers to the others",
        at_least(now_of("agent_lost", Unit.COUNT), 1),
        voids=Voids.THE_RUN,
        places=_agents("agent_lost", 1),
    ),
    _trouble(
        "generator-agent-missing",
        "agent {where} is lost, and its viewers were missing until they came again on the others",
        "the log says why",
        at_least(now_of("agent_missing", Unit.COUNT), 1),
        places=_agents("agent_missing", 1),
    ),
    _trouble(
        "generator-late-starts",
        "viewers that started late: {0} in a second",
        "a slower ramp, or more --workers",
        at_least(rise_of("late_starts", 1.0), 2),
        at_least(share_of("late_starts", "viewers_started", 1.0), LATE_STARTS_LIMIT),
    ),
    _trouble(
        "generator-datagrams",
        "datagrams found no room in this machine's socket buffers: {0} in a second, {1} of those that came",
        "fewer viewers here, more --workers, or a higher net.core.rmem_max",
        at_least(rise_of("datagrams_dropped", 1.0), LEAST_DROPPED),
        at_least(share_of("datagrams_dropped", "datagrams_received", 1.0), DROPPED_LIMIT),
    ),
    _trouble(
        "generator-descriptors",
        "requests failed for want of a file descriptor: {0} in a second",
        "raise the limit of open files (ulimit -Hn), or use more --workers",
        at_least(errors_of(tuple(ObjectKind), (FailureKind.DESCRIPTORS,), seconds=1.0), 1),
    ),
    _trouble(
        "generator-ports",
        "requests failed for want of a local port: {0} in a second",
        "name more addresses with --source-address, or widen net.ipv4.ip_local_port_range",
        at_least(errors_of(tuple(ObjectKind), (FailureKind.PORTS,), seconds=1.0), 1),
    ),
    _trouble(
        "generator-players",
        "requests failed for a reason that lies in this machine's players: {0} in a second",
        "see the errors for what the processes said",
        at_least(errors_of(tuple(ObjectKind), (FailureKind.PLAYER,), seconds=1.0), 1),
    ),
    _trouble(
        INTERNAL,
        "exceptions in hls-swarm itself: {0}",
        "please report it with the lines of log.jsonl",
        at_least(now_of("generator_exceptions", Unit.COUNT), 1),
        voids=Voids.THE_RUN,
    ),
    _trouble(
        WORKER_SILENT,
        "workers that did not report to the end: {0}; the viewers there are lost",
        "they were stopped, or had no processor: start the run anew",
        at_least(now_of("generator_workers_silent", Unit.COUNT), 1),
        voids=Voids.THE_RUN,
    ),
    _trouble(
        "generator-viewers",
        "{0} of the viewers failed for what this machine lacks: from then on the load is not what was asked for",
        "see the errors that blame the generator",
        at_least(share_of("viewers_failed_generator", "viewers_started", None), 0.01),
    ),
    _trouble(
        WORKER_LOST,
        "workers died: {0}; the viewers there are lost",
        "the log says what killed them: memory mostly",
        at_least(now_of("generator_workers_lost", Unit.COUNT), 1),
        voids=Voids.THE_RUN,
    ),
    _trouble(
        "generator-standstill",
        "a worker stood still for {0}",
        "it was stopped, or the machine was: start the run anew",
        at_least(now_of("loop_lag_seconds_max", Unit.SECONDS), STANDSTILL_LIMIT_SECONDS),
        voids=Voids.THE_RUN,
    ),
    _trouble(
        "generator-lines-lost",
        "{0} log lines of players were not read, so counts are too low",
        "raise --ffmpeg-log-lines",
        at_least(rise_of("player_log_lines_dropped", 1.0), 1),
        voids=Voids.THE_RUN,
    ),
)
