"""The generator: whether this machine keeps up with what it is asked to do."""

from collections.abc import Sequence

from hls_swarm.snapshot import units
from hls_swarm.snapshot.agents import AgentFigures, shown
from hls_swarm.snapshot.snapshot import PlayerFigures
from hls_swarm.snapshot.workers import GeneratorFigures, MachineFigures, WorkerFigures
from hls_swarm.views.tui.lines import Line, bar, flow, line, prose, table
from hls_swarm.views.tui.panel import Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import BAD, LABEL, WARN

_LABEL_WIDTH = 9
_BAR = 6
_HIGH_PERCENT = 90.0
_MOST_AGENTS = 12


class Generator(Panel):
    """Processor of each worker, event-loop lag, late starts, network device, descriptors."""

    def __init__(self) -> None:
        super().__init__("generator", "Generator")

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """What is short is in colour and in words."""
        g = picture.snapshot.generator
        players = picture.snapshot.players
        rows = flow(("CPU", LABEL), [_worker(w) for w in g.workers] or [line(units.UNKNOWN)], width, _LABEL_WIDTH)
        if g.agents:
            rows = _agents(g.agents, width)
        rows += flow(("loop lag", LABEL), _lag(g), width, _LABEL_WIDTH)
        if detail is not Detail.COMPACT and not g.agents:
            rows += flow(("machine", LABEL), _machine(g, g.machine), width, _LABEL_WIDTH)
        if players is not None:
            rows += flow(("players", LABEL), _players(players), width, _LABEL_WIDTH)
        for trouble in picture.snapshot.generator_trouble:
            rows += prose(trouble, "$bound", width, ("◆", "$bound"), 2)
        for remark in g.remarks:
            rows += prose(remark, WARN, width, ("▲", WARN), 2)
        if detail is Detail.FULL:
            rows += [(), *(_agent_table(g.agents) if g.agents else _table(g))]
        return rows


def _worker(worker: WorkerFigures) -> Line:
    if worker.lost:
        return line((f"worker {worker.worker} died", BAD))
    percent = worker.cpu_percent
    share = None if percent is None else percent / 100
    style = WARN if percent is not None and percent >= _HIGH_PERCENT else ""
    return line((f"{worker.worker} ", LABEL), (bar(share, _BAR), "$spark"), (f" {units.percent(percent)}", style))


def _agents(agents: Sequence[AgentFigures], width: int) -> list[Line]:
    """Each load machine in short; those in trouble first, as there may be many."""
    ordered = sorted(agents, key=lambda agent: agent.condition == "up")
    words = [_agent(agent) for agent in ordered[:_MOST_AGENTS]]
    if len(ordered) > _MOST_AGENTS:
        words.append(line((f"and {len(ordered) - _MOST_AGENTS} more", LABEL)))
    return flow(("agents", LABEL), words, width, _LABEL_WIDTH)


def _agent(agent: AgentFigures) -> Line:
    if agent.condition != "up":
        return line((f"{agent.name} {agent.condition}", BAD if agent.is_lost else WARN))
    percent = agent.machine.cpu_percent
    share = None if percent is None else percent / 100
    viewers = (f" {units.percent(percent)} {units.count(agent.viewers)} viewers", "")
    return line((f"{agent.name} ", LABEL), (bar(share, _BAR), "$spark"), viewers)


def _agent_table(agents: Sequence[AgentFigures]) -> list[Line]:
    head = [
        (name, LABEL)
        for name in ("agent", "", "viewers", "workers", "CPU", "link", "in", "lag P99", "clock off", "heard")
    ]
    rows = [
        [
            (agent.name, ""),
            (agent.condition, "" if agent.condition == "up" else BAD if agent.is_lost else WARN),
            (units.count(agent.viewers), ""),
            (units.count(agent.workers), ""),
            (units.percent(agent.machine.cpu_percent), ""),
            (units.percent(agent.machine.link_percent), ""),
            (units.bit_rate(agent.machine.received_bytes_per_second), ""),
            (units.seconds(None if agent.loop_lag is None else agent.loop_lag.p99), ""),
            (units.seconds(agent.state.wall_offset_seconds), ""),
            (f"{units.seconds(agent.state.poll_age_seconds)} ago", ""),
        ]
        for agent in shown(agents)
    ]
    return table([head, *rows], "<<>>>>>>>>")


def _players(players: PlayerFigures) -> list[Line]:
    dropped = players.log_lines_dropped
    return [
        line((units.count(players.processes), ""), (" processes started", LABEL)),
        line((units.count(players.restarts), WARN if players.restarts else ""), (" of them again", LABEL)),
        line((units.count(dropped), WARN if dropped else ""), (" log lines not read", LABEL)),
    ]


def _lag(g: GeneratorFigures) -> list[Line]:
    lag, late = g.loop_lag, g.lateness
    return [
        line(("P50 ", LABEL), units.seconds(None if lag is None else lag.p50)),
        line(("P99 ", LABEL), units.seconds(None if lag is None else lag.p99)),
        line(("late starts ", LABEL), (units.count(g.late_starts), WARN if g.late_starts else "")),
        line(("requests late P99 ", LABEL), units.seconds(None if late is None else late.p99)),
        *(
            [line(("datagrams dropped ", LABEL), (units.count(g.datagrams_dropped), WARN))]
            if g.datagrams_dropped
            else ()
        ),
    ]


def _machine(g: GeneratorFigures, machine: MachineFigures | None) -> list[Line]:
    figures = [
        line(("CPU ", LABEL), units.percent(None if machine is None else machine.cpu_percent)),
        line(("memory ", LABEL), units.size(sum(worker.resident_bytes for worker in g.workers))),
        line(("descriptors ", LABEL), _descriptors(g)),
    ]
    if machine is None:
        return figures
    link = machine.link_percent
    figures += [
        line((f"{machine.device} in ", LABEL), units.bit_rate(machine.received_bytes_per_second)),
        line(("out ", LABEL), units.bit_rate(machine.sent_bytes_per_second)),
        line(("link use ", LABEL), (units.percent(link), WARN if link is not None and link >= _HIGH_PERCENT else "")),
    ]
    if machine.tcp_retransmits_per_second is not None:
        figures.append(line(("retransmits ", LABEL), units.per_second(machine.tcp_retransmits_per_second)))
    return figures


def _descriptors(g: GeneratorFigures) -> str:
    """Of the worker that is nearest to its limit."""
    known = [
        (worker.descriptors, worker.descriptors_limit)
        for worker in g.workers
        if worker.descriptors is not None and worker.descriptors_limit
    ]
    if not known:
        return units.UNKNOWN
    used, limit = max(known, key=lambda pair: pair[0] / pair[1])
    return f"{units.count(used)} of {units.count(limit)}"


def _table(g: GeneratorFigures) -> list[Line]:
    head = [(name, LABEL) for name in ("worker", "CPU", "CPU time", "memory", "descriptors", "limit")]
    rows = [
        [
            (str(w.worker), ""),
            (units.percent(w.cpu_percent), ""),
            (units.seconds(w.cpu_seconds), ""),
            (units.size(w.resident_bytes), ""),
            (units.count(w.descriptors), ""),
            (units.count(w.descriptors_limit), ""),
        ]
        for w in g.workers
    ]
    return table([head, *rows], ">>>>>>")
