"""Several load machines in every view: terminal, dashboard, JSON summary, endpoint, charts of the report."""

from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from typing import Any

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from tests.support.made.moments import Run
from tests.support.made.snapshots import lag, watching

from hls_swarm.judge.summary import summary
from hls_swarm.judge.verdict import judge
from hls_swarm.snapshot.agents import MOST_SHOWN, AgentState, MachineUse
from hls_swarm.snapshot.condition import assess
from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.views.html.plans import plans
from hls_swarm.views.live.snapshots import envelope, read_frame
from hls_swarm.views.prometheus.collector import Page
from hls_swarm.views.terminal import text
from hls_swarm.views.tui.panel import Detail
from hls_swarm.views.tui.panels.generator import Generator
from hls_swarm.views.tui.picture import Picture

A = AgentState(
    "a",
    (0, 1),
    viewers=6,
    loop_lag=lag(0.001, 0.002),
    cpu_seconds=1.5,
    machine=MachineUse(40.0, 12.0, 1e6),
    clock_offset_seconds=12.0,
    clock_error_seconds=0.001,
    wall_offset_seconds=0.004,
    poll_age_seconds=0.02,
)
B = replace(A, name="b", workers=(2, 3), lost="its process has ended", gap_seconds=1.25, viewers=0)
SILENT = replace(A, name="c", workers=(4, 5), poll_age_seconds=5.0)


def run(states: Sequence[AgentState]) -> Run:
    made = Run()
    for second in range(1, 4):
        made.second(float(second), *(watching(0, 0.1) if second == 1 else ()), agents=states)
    return made


def snapshot(*states: AgentState) -> Snapshot:
    return run(states).entries[-1].moment.snapshot


def generator_of(made: Run) -> dict[str, Any]:
    now = made.entries[-1].moment.snapshot
    found: dict[str, Any] = summary(now, judge(now), started_at=0.0, version="0.0.0")["generator"]
    return found


def shown(detail: Detail, *states: AgentState, width: int = 110) -> str:
    now = snapshot(*states)
    lines = Generator().draw(Picture(now, assess(now), {}, {}, {}), width, detail)
    return "\n".join("".join(words for words, _ in line) for line in lines)


def test_the_summary_names_each_and_says_what_of_a_lost_one_is_not_known() -> None:
    console = Console(width=250, record=True, file=StringIO())
    console.print(text.summary(snapshot(A, B), judge(snapshot(A, B)), ()))
    said = console.export_text()
    assert (
        "a: 2 workers, 1.50 s CPU, machine 40.0% (max 40.0%), link max 12.0%, loop lag P99 2.00 ms, clock 4.00 ms off"
        in said
    )
    assert (
        "b: LOST: its process has ended; not counted is what it did in the 1.2 s after its last word, 2 workers" in said
    )


def test_the_json_has_an_object_for_each() -> None:
    generator: dict[str, Any] = generator_of(run([A, B]))
    first, second = generator["agents"]
    assert (first["agent"], first["workers"], first["viewers"], first["cpu_seconds"]) == ("a", 2, 6, 1.5)
    assert first["cpu_percent"]["max"] == 40.0
    assert (first["clock_offset_seconds"], first["clock_error_seconds"]) == (0.004, 0.001)
    assert "lost" not in first
    assert (second["lost"], second["gap_seconds"]) == ("its process has ended", 1.25)


def test_a_run_on_one_machine_has_no_agents() -> None:
    made = run([])
    assert "agents" not in generator_of(made)
    assert not [name for name in made.entries[-1].row if name.startswith("agent_")]


def test_the_timeline_has_columns_for_each_and_the_report_a_line() -> None:
    row = run([A, B]).entries[-1].row
    assert (row["agent_viewers@a"], row["agent_cpu_percent@a"], row["agent_link_percent@a"]) == (6, 40.0, 12.0)
    assert (row["agent_lost@a"], row["agent_lost@b"]) == (0, 1)
    charts = {plan.title: plan.lines for plan in plans(set(row))}
    assert charts["Viewers by agent"] == [("a", "agent_viewers@a"), ("b", "agent_viewers@b")]
    assert "Processor by agent" in charts


def test_of_very_many_only_those_in_trouble_have_columns_beyond_the_first() -> None:
    many = [replace(A, name=f"m{number}") for number in range(MOST_SHOWN + 50)]
    many[-1] = replace(many[-1], lost="gone")
    row = run(many).entries[-1].row
    names = {name.partition("@")[2] for name in row if name.startswith("agent_viewers@")}
    assert names == {f"m{number}" for number in range(MOST_SHOWN)} | {f"m{MOST_SHOWN + 49}"}


def test_the_dashboard_says_who_is_lost_and_who_is_silent() -> None:
    line = shown(Detail.COMPACT, A, B, SILENT)
    assert "b lost" in line
    assert "c silent" in line
    assert "a " in line
    assert "6 viewers" in line
    table = shown(Detail.FULL, A, B, SILENT)
    assert "clock off" in table
    assert "5.00 s ago" in table


def test_the_dashboard_of_another_machine_gets_them_too() -> None:
    now = snapshot(A, B)
    sent = msgspec.json.encode(envelope(now, ()))
    assert read_frame(sent).snapshot.generator.agents == now.generator.agents


def test_the_endpoint_has_a_series_for_each() -> None:
    made = run([A, B])
    body, _ = Page(lambda: made.entries[-1].moment).body("")
    values = {
        (sample.name, sample.labels.get("agent")): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }
    assert values["hls_swarm_agent_up", "a"] == 1.0
    assert values["hls_swarm_agent_up", "b"] == 0.0
    assert values["hls_swarm_agent_viewers", "a"] == 6.0
    assert values["hls_swarm_agent_clock_offset_seconds", "a"] == 0.004
