"""Several machines, as network namespaces: the real engine between them, nginx on one more, and what goes wrong."""

import signal
import time
from pathlib import Path

import pytest
from tests.machines.bed import PORT, Listening, bed, send
from tests.machines.faults import REQUEST_SECONDS, fill
from tests.machines.figures import apart, run_both, unequal
from tests.machines.ports import documented, firewall
from tests.machines.strangers import late, turned_away

from hls_swarm.cluster.agent import LEASE_SECONDS

MACHINES = ("controller", "a", "b", "c")

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


def test_three_machines_count_what_the_origin_wrote_down_and_measure_what_one_does(tmp_path: Path) -> None:
    listening: dict[str, set[Listening]] = {}
    with bed(tmp_path, (*"abc", "one")) as made:
        for name in "abc":
            made.start_agent(name)
        told: dict[tuple[str, int], str] = {}

        def look() -> None:
            listening.update({name: made.listening(name) for name in MACHINES})
            for name in ("controller", "a"):
                ports = [port for _, port in listening[name] if port != PORT]
                told.update({(name, port): made.answer_without_token(name, port) for port in ports})

        one, three = run_both(made, look)
        assert all(made.requests(name) for name in "abc")
        assert not made.requests("controller")
    assert three["viewers"]["started"] == 3000
    agents = {agent["agent"]: agent for agent in three["generator"]["agents"]}
    assert sorted(agents) == ["a", "b", "c"]
    assert not any("lost" in agent for agent in agents.values())
    assert all(agent["clock_error_seconds"] < 0.5 for agent in agents.values())
    for name, found in listening.items():
        assert documented("controller" if name == "controller" else "agent").explains(found, made.places[name].address)
    for (name, port), answer in told.items():
        refused = "Authentication token is missing or incorrect" in answer or " 401 " in answer
        assert refused, f"{name} {port}: {answer}"
    assert unequal(one, three) == []
    if "invalid" not in {one["verdict"], three["verdict"]}:  # else this machine had no time for so many viewers
        assert apart(one, three, loosely=True) == []


def test_one_that_is_killed_is_lost_and_one_that_is_cut_off_for_a_while_is_not(tmp_path: Path) -> None:
    with bed(tmp_path, tls=True) as made:
        for name in "abc":
            made.start_agent(name)
        made.stream = "long"
        with made.run("--clients", "90", "--ramp-rate", "90", "--duration", "22s") as process:
            made.wait_for("0:01", process)
            assert "Verify return code: 0 (ok)" in made.certificate_at(PORT + 1)
            time.sleep(2)
            made.places["c"].cut()
            killed_at = time.time()
            send(made.processes("b"), signal.SIGKILL)
            time.sleep(4)
            made.places["c"].mend()
            assert process.wait(120) == 3, made.said
        summary = made.summary
        agents = {agent["agent"]: agent for agent in summary["generator"]["agents"]}
        assert {name: "lost" in agent for name, agent in agents.items()} == {"a": False, "b": True, "c": False}
        assert any(reason.startswith("agent b is lost") for reason in summary["reasons"])
        counted, (logged, _) = sum(summary["requests"].values()), made.logged
        assert 0 <= logged - counted <= 90 * (agents["b"]["gap_seconds"] + 1)
        assert max(made.requests("b")) < killed_at + 5


def test_behind_a_firewall_strangers_are_turned_away_a_full_disk_is_told_and_viewers_come_again_when_a_lease_has_ended(
    tmp_path: Path,
) -> None:
    with bed(tmp_path) as made:
        made.stream = "long"
        network = made.places["controller"].address.rpartition(".")[0] + ".0/24"
        made.forbid("controller", firewall("controller", network))
        made.places["controller"].have("9.9.9.9")
        made.places["a"].have("9.9.9.10")
        for name in "abc":
            made.forbid(name, firewall("agent", made.places["controller"].address))
        arguments = ("--clients", "90", "--ramp-rate", "90", "--duration", "22s", "--record-requests", "--respread")
        with made.run(*arguments, "--no-expectations") as process:
            made.wait_for("waiting for 3 agents", process)
            made.start_agent("a")
            made.wait_for("agent a (", process)
            turned = turned_away(made)
            made.start_agent("b")
            made.start_agent("c", disk_megabytes=104)
            made.wait_for("playing 90", process)
            cut_at = time.time()
            made.places["b"].lose_way_to(made.places["controller"])
            fill(made.disk_of("c") / "filler")
            turned.append(late(made))
            assert process.wait(120) in {0, 3}, made.said
        summary, agents = made.summary, {agent["agent"]: agent for agent in made.summary["generator"]["agents"]}
        assert [words for seen in turned for words in seen.wrong] == []
        assert "this machine: while a run lasts, what connects the machines listens on 9.9.9.9 too" in made.said
        assert "a: while a run lasts, what connects the machines listens on 9.9.9.10 too" in made.said
        assert f"--join {made.places['controller'].address}:{PORT}" in made.said
        assert {name: "lost" in agent for name, agent in agents.items()} == {"a": False, "b": True, "c": False}

        ended = max(made.requests("b")) - cut_at
        assert LEASE_SECONDS - 1 - REQUEST_SECONDS < ended < LEASE_SECONDS + 3
        came = [at - cut_at for name in "ac" for at in made.requests(name, "vod.m3u8") if at > cut_at + 2]
        assert len(came) == 30
        assert min(came) > max(ended, LEASE_SECONDS - 1)
        assert summary["viewers"]["peak"] == 90
        missing = made.logged[0] - sum(summary["requests"].values())
        assert 0 <= missing <= 30 * (agents["b"]["gap_seconds"] + 1)

        assert [each for each in summary["remarks"] if "could be written down on c " in each]
        assert max(made.requests("c")) > cut_at + 12
