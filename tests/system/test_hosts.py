"""Agents that a run starts itself, by the real ssh on machines with a real sshd."""

import signal
from pathlib import Path

import psutil
import pytest
from tests.machines.bed import TOKEN, bed, send
from tests.machines.secure_shell import logged_in, over_ssh, reached_by_ssh

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PLAYED = {0, 3}
"""Exit codes of a run that went to its end: on a busy machine it says that it was short of time."""


def test_agents_come_and_go_with_the_run_however_it_ends_and_no_list_of_processes_shows_the_token(
    tmp_path: Path,
) -> None:
    with bed(tmp_path, "ab") as made, reached_by_ssh(made, "ab") as ssh:
        viewers = ("--clients", "30", "--ramp-rate", "30", "--no-expectations")
        made.stream = "short"
        with made.run(*viewers, *over_ssh(made, "ab", ssh), agents=0) as process:
            made.wait_for("0:01", process)
            assert all(logged_in(made.places[name]) for name in "ab")
            commands = [command for place in made.places.values() for command in place.processes()]
            assert any("--token-file -" in command for command in commands)
            assert not [command for command in commands if TOKEN in command]
            assert process.wait(90) in PLAYED, made.said
        assert not any(logged_in(made.places[name]) for name in "ab")
        assert sum(made.summary["requests"].values()) == made.logged[0]
        assert all(made.requests(name) for name in "ab")

        made.stream, before = "long", made.logged[0]
        with made.run(*viewers, *over_ssh(made, "a", ssh), agents=0) as process:
            made.wait_for("playing 30", process)  # who ends a run sooner is told that there was none
            send([psutil.Process(process.pid)], signal.SIGINT)
            assert process.wait(60) in PLAYED, made.said
        assert not any(logged_in(made.places[name]) for name in "ab")
        assert made.logged[0] > before


def test_each_machine_whose_agent_can_not_be_started_is_told_of_by_name_and_what_can_be_done(tmp_path: Path) -> None:
    unlike = {"deaf": "a", "locked": "b", "unknown": "c", "bare": "d", "old": "e", "far": "f"}
    with bed(tmp_path, "abcdef") as made, reached_by_ssh(made, "abcdef", **unlike) as ssh:
        with made.run(*over_ssh(made, "abcdef", ssh), agents=0) as process:
            assert process.wait(150) == 1
        told = made.said.strip().splitlines()[-1]
        assert told.startswith("hls-swarm: 0 of 6 agents came; ")
        for words in (
            "a: ssh: connect to host",
            "Connection refused (no sshd listens there",
            "b: root@",
            "Permission denied (publickey). (it takes no key of ours: ssh-copy-id b",
            "c: Host key verification failed. (connect once with ssh c and look at its key)",
            "d: bash: line 1: hls-swarm: command not found (it is not in the PATH that ssh has there",
            f"e ({made.places['e'].address}) was refused: it runs hls-swarm 9.9.9, and the controller",
            "f: ssh: connect to host",
            "Connection timed out (is it up, and does a firewall let ssh through?)",
        ):
            assert words in told
        assert not any(logged_in(made.places[name]) for name in "abcdef")
