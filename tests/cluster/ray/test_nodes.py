"""How the engine is started: ports in a row, a token, nothing that a load test must not have."""

import asyncio
import os
import subprocess
from pathlib import Path

import psutil
import pytest
from tests.support.programs import is_alive

from hls_swarm.cluster.ray.nodes import (
    NodeProcess,
    Ports,
    agent_command,
    agent_of_labels,
    environment,
    head_command,
    last_words,
    remove_leftovers,
)
from hls_swarm.errors import RunError


def test_all_ports_are_fixed_different_and_in_one_row() -> None:
    ports = Ports(17100)
    numbers = [ports.first, ports.control, *ports.table.values()]
    assert len(set(numbers)) == len(numbers)
    assert min(numbers) == 17100
    assert max(numbers) == ports.last == 17129


def test_a_head_listens_on_its_address_and_carries_nothing() -> None:
    command = head_command("10.0.0.1", Ports(17100), "/run/x")
    assert {"--head", "--port=17101", "--node-ip-address=10.0.0.1", "--num-cpus=0", "--include-dashboard=false"} <= set(
        command
    )
    assert "--block" in command  # it ends with us


def test_an_agent_is_known_by_its_name() -> None:
    command = agent_command("10.0.0.1:17101", "10.0.0.2", "b", Ports(17140), "/run/x")
    assert {"--address=10.0.0.1:17101", "--labels=hls-swarm-agent=b", "--min-worker-port=17150"} <= set(command)
    assert agent_of_labels({"hls-swarm-agent": "b"}) == "b"
    assert agent_of_labels({"other": "x"}) is None


def test_the_token_is_in_a_file_and_load_has_its_usual_priority() -> None:
    made = environment({"PATH": "/bin", "RAY_worker_niceness": "15"}, "/run/token", "/data")
    assert (made["RAY_AUTH_MODE"], made["RAY_AUTH_TOKEN_PATH"]) == ("token", "/run/token")
    assert (made["RAY_worker_niceness"], made["RAY_worker_oom_score_adjustment"]) == ("0", "0")
    assert (made["PATH"], made["HLS_SWARM_AGENT_FOLDER"]) == ("/bin", "/data")


def test_without_a_file_the_environment_says_what_the_token_is() -> None:
    made = environment({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "x"}, None)
    assert (made["RAY_AUTH_MODE"], made["RAY_AUTH_TOKEN"]) == ("token", "x")
    assert "RAY_AUTH_TOKEN_PATH" not in made


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_owns_is_not(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as ended:
        pass
    owners = {
        "dead": f"{ended.pid} 1.00",
        "alive": f"{psutil.Process().pid} {psutil.Process().create_time():.2f}",
        "odd": "?",
    }
    for name, owner in owners.items():
        (tmp_path / f"hls-swarm-node-{name}").mkdir()
        (tmp_path / f"hls-swarm-node-{name}/owner").write_text(owner)
        (tmp_path / f"hls-swarm-node-{name}/token").write_text("secret")
    (tmp_path / "hls-swarm-other").mkdir()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "hls-swarm-node-alive",
        "hls-swarm-node-odd",
        "hls-swarm-other",
    ]


def test_what_a_node_leaves_to_nobody_ends_with_it() -> None:
    async def run() -> tuple[NodeProcess, psutil.Process]:
        node = NodeProcess()
        left = "sleep 60 >/dev/null 2>&1 & echo $! > left; echo Ray runtime started"
        await node.start(["sh", "-c", left], os.environ)
        orphan = psutil.Process(int((Path(node.folder) / "left").read_text()))
        await node.ended()
        assert is_alive(orphan.pid)
        await node.end()
        return node, orphan

    node, orphan = asyncio.run(run())
    assert not is_alive(orphan.pid)
    assert not Path(node.folder).exists()


def test_of_a_traceback_the_last_line_alone_is_said() -> None:
    said = [
        "Local node IP: 127.0.0.1",
        "Traceback (most recent call last):",
        '  File "/site-packages/ray/scripts/scripts.py", line 1239, in start',
        "    node = ray._private.node.Node(",
        "           ^^^^^^^^^^^^^^^^^^^^^^^",
        "Exception: The current node timed out during startup.",
    ]
    assert last_words(said) == "Local node IP: 127.0.0.1 Exception: The current node timed out during startup."
    assert last_words(said[3:]) == "Exception: The current node timed out during startup."


SLOW = "test -e again && echo Ray runtime started || { touch again; echo 'The current node timed out during startup'; }"


def test_a_node_that_its_own_limit_cut_off_on_a_busy_machine_is_started_again() -> None:
    async def run() -> None:
        node = NodeProcess()
        await node.start(["sh", "-c", SLOW], os.environ)
        await node.end()

    asyncio.run(run())


def test_a_node_that_can_not_start_is_not_started_again_and_says_why() -> None:
    async def run() -> None:
        node = NodeProcess()
        await node.start(["sh", "-c", "echo x >> times; cat times; echo the port is taken"], os.environ)

    with pytest.raises(RunError, match="did not start on this machine: x the port is taken"):
        asyncio.run(run())


def test_a_node_that_was_never_started_leaves_nothing() -> None:
    node = NodeProcess()
    assert Path(node.folder).is_dir()
    asyncio.run(node.end())
    assert not Path(node.folder).exists()
