"""Agents started over ssh: what goes over, what comes back, and that nothing of it is left. A script stands for ssh."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.programs import is_alive

from hls_swarm.cluster.joining.ssh import RemoteAgent, agent_words
from hls_swarm.errors import RunError

pytestmark = pytest.mark.program

TOKEN = "0123456789abcdef-token"


def script(folder: Path, body: str) -> str:
    """A command that is called as ssh is: with a host and what a shell there shall run."""
    file = folder / "ssh"
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return f"{shlex.quote(str(file))} -o BatchMode=yes"


def with_remote(ssh: str, test: Callable[[RemoteAgent], Awaitable[None]]) -> None:
    async def run() -> None:
        remote = RemoteAgent("admin@load1")
        await remote.start(ssh, agent_words("10.0.0.1:17100", "load1", "hls-swarm"), TOKEN)
        try:
            await asyncio.wait_for(test(remote), 20)
        finally:
            await remote.end()

    asyncio.run(run())


async def until(holds: Callable[[], object]) -> None:
    while not holds():  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(0.02)


def test_the_words_are_a_command_of_ours_with_everything_quoted() -> None:
    words = shlex.split(agent_words("10.0.0.1:17100", "a b", "sudo /opt/hls-swarm"))
    assert words[:2] == ["sudo", "/opt/hls-swarm"]
    assert words[2:7] == ["agent", "--once", "--end-with-input", "--join", "10.0.0.1:17100"]
    assert words[7:] == ["--token-file", "-", "--name", "a b"]


def test_the_token_goes_over_standard_input_and_nowhere_else(tmp_path: Path) -> None:
    ssh = script(tmp_path, f'echo "$@" > {tmp_path}/words; cat > {tmp_path}/input; echo closed >> {tmp_path}/input')

    async def test(remote: RemoteAgent) -> None:
        await until((tmp_path / "input").exists)
        await until((tmp_path / "input").read_text)
        assert (tmp_path / "input").read_text() == f"{TOKEN}\n"  # it stays open, or the agent would end

    with_remote(ssh, test)
    assert (tmp_path / "input").read_text() == f"{TOKEN}\nclosed\n"
    words = (tmp_path / "words").read_text()
    assert words.startswith("-o BatchMode=yes admin@load1 hls-swarm agent --once")
    assert TOKEN not in words


def test_one_that_can_not_be_reached_says_why(tmp_path: Path) -> None:
    ssh = script(
        tmp_path,
        "exec 3>&2 2>/dev/null\n"
        "(sleep 0.2; echo 'ssh: connect to host load1 port 22: Connection refused' >&3) & exit 255",
    )

    async def test(remote: RemoteAgent) -> None:
        await until(lambda: remote.failed)
        assert remote.failed == "ssh: connect to host load1 port 22: Connection refused"

    with_remote(ssh, test)


def test_one_that_does_not_end_by_itself_is_ended(tmp_path: Path) -> None:
    ssh = script(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 60")

    async def test(remote: RemoteAgent) -> None:
        await until((tmp_path / "pid").exists)
        await until((tmp_path / "pid").read_text)
        assert remote.failed == ""

    with_remote(ssh, test)
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_one_that_does_not_heed_its_end_is_killed(tmp_path: Path) -> None:
    ssh = script(tmp_path, f"trap '' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.2 < /dev/null; done")

    async def test(remote: RemoteAgent) -> None:
        await until((tmp_path / "pid").exists)
        await until((tmp_path / "pid").read_text)

    with_remote(ssh, test)
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_without_ssh_it_is_said() -> None:
    async def test(remote: RemoteAgent) -> None:
        raise AssertionError

    with pytest.raises(RunError, match="--hosts: /nowhere/ssh can not be run: No such file"):
        with_remote("/nowhere/ssh", test)
