"""Agents started over ssh: what goes over, what comes back, and that nothing of it is left. A script stands for ssh."""

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.support.programs import is_alive

from hls_swarm.cluster.joining.ssh import RemoteAgent, agent_words, remedy, way_to
from hls_swarm.errors import RunError

pytestmark = pytest.mark.program

TOKEN = "0123456789abcdef-token"


def script(folder: Path, body: str) -> str:
    """A command that is called as ssh is: with a host and what a shell there shall run."""
    return f"{shlex.quote(program(folder / 'reach', body))} -v"


def program(file: Path, body: str) -> str:
    """A script; gives its name."""
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return str(file)


def with_remote(ssh: str, test: Callable[[RemoteAgent], Awaitable[None]]) -> None:
    async def run() -> None:
        remote = RemoteAgent("admin@load1")
        way = await way_to(ssh, remote.host)
        await remote.start(way, agent_words("10.0.0.1:17100", "load1", "hls-swarm"), TOKEN)
        try:
            await asyncio.wait_for(test(remote), 60)
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
    assert words.startswith("-v admin@load1 hls-swarm agent --once")
    assert TOKEN not in words


def test_one_that_can_not_be_reached_says_why(tmp_path: Path) -> None:
    ssh = script(
        tmp_path,
        "exec 3>&2 2>/dev/null\n"
        "(sleep 0.2; echo 'ssh: connect to host load1 port 22: Connection refused' >&3) & exit 255",
    )

    async def test(remote: RemoteAgent) -> None:
        await until(lambda: remote.failed)
        assert remote.failed == (
            "ssh: connect to host load1 port 22: Connection refused "
            "(no sshd listens there: is it another port, --ssh 'ssh -p PORT'?)"
        )

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

    with pytest.raises(RunError, match="--hosts: /nowhere/reach can not be run: No such file"):
        with_remote("/nowhere/reach", test)


CONFIGURATION = """
echo "user admin"
echo "hostname 10.0.0.7"
echo "connecttimeout {seconds}"
"""


def test_ssh_asks_nothing_gives_up_in_time_and_knows_the_address(tmp_path: Path) -> None:
    ssh = program(tmp_path / "ssh", CONFIGURATION.format(seconds="none"))
    way = asyncio.run(way_to(f"{shlex.quote(ssh)} -p 2222", "admin@load1"))
    assert way.words == (ssh, "-p", "2222", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "admin@load1")
    assert way.address == "10.0.0.7"


def test_a_limit_of_the_users_own_holds(tmp_path: Path) -> None:
    ssh = program(tmp_path / "ssh", CONFIGURATION.format(seconds="60"))
    way = asyncio.run(way_to(ssh, "load1"))
    assert way.words == (ssh, "-T", "-o", "BatchMode=yes", "load1")


@pytest.mark.parametrize(
    "ssh", ["/nowhere/ssh -p 2222", "/nowhere/reach -p 2222"], ids=["there is no ssh", "it is not ssh"]
)
def test_where_ssh_can_not_say_the_address_is_the_name(ssh: str) -> None:
    way = asyncio.run(way_to(ssh, "admin@load1"))
    assert way.address == "load1"
    assert way.words[:3] == tuple(ssh.split())
    assert ("BatchMode=yes" in way.words) is ("/ssh" in ssh)


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ("Host key verification failed.", 255, "connect once with ssh admin@load1 and look at its key"),
        ("admin@load1: Permission denied (publickey).", 255, "it takes no key of ours: ssh-copy-id admin@load1"),
        ("ssh: Could not resolve hostname load1: Name or service not known", 255, "nobody knows the name load1"),
        ("ssh: connect to host load1 port 22: Connection timed out", 255, "is it up, and does a firewall"),
        ("ssh: connect to host load1 port 22: No route to host", 255, "is it up, and in this network?"),
        ("bash: line 1: hls-swarm: command not found", 127, "it is not in the PATH that ssh has there"),
        ("hls-swarm: several machines need the extra cluster: pip install 'hls-swarm[cluster]'", 1, ""),
    ],
    ids=["unknown key", "refused key", "no name", "no answer", "no route", "no program", "says it itself"],
)
def test_what_can_be_done_is_said(said: str, code: int, told: str) -> None:
    found = remedy(said, code, "admin@load1")
    assert found.startswith(told)
    assert bool(found) is bool(told)
