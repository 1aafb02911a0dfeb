"""What is asked of several machines on the command line, and what is refused before anything starts."""

from pathlib import Path
from typing import Any

import pytest

from hls_swarm.cli import main
from hls_swarm.cli.actions import Actions
from hls_swarm.settings.agent import AgentSettings
from hls_swarm.settings.run import Settings

URL = "http://origin/stream.m3u8"


def asked(*argv: str) -> Any:
    """What the command is started with."""
    taken: list[Any] = []

    def take(settings: Any, *_: Any) -> int:
        taken.append(settings)
        return 0

    names = ("run", "demo", "origin", "report", "compare", "runs", "log_exporter", "capacity", "attach", "agent")
    assert main(argv, {}, Actions(**dict.fromkeys(names, take))) == 0
    return taken[0]


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    assert main(argv, {}) == 2
    return capsys.readouterr().err.strip()


@pytest.mark.parametrize(
    ("join", "controller"),
    [
        ("load.example.com", ("load.example.com", 17100)),
        ("10.0.0.1:17200", ("10.0.0.1", 17200)),
        ("[fd00::1]:17200", ("fd00::1", 17200)),
        ("fd00::1", ("fd00::1", 17100)),
    ],
)
def test_an_agent_knows_its_controller(join: str, controller: tuple[str, int]) -> None:
    settings = asked("agent", "--join", join, "--token-file", "token", "-once")
    assert isinstance(settings, AgentSettings)
    assert (settings.controller, settings.token_file, settings.once) == (controller, "token", True)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        pytest.param("agent", "--join: needs the controller's machine", id="nowhere"),
        pytest.param("agent --join a", "--token-file: needs a file with the controller's token", id="no token"),
        pytest.param("agent --join http://a --token-file t", "--join: 'http://a' is a URL", id="a URL"),
        pytest.param("agent --join a --token-file t --first-port 80", "--first-port: must be at least 1024", id="port"),
        pytest.param(
            "agent --join a --token-file /nowhere/t", "--token-file: /nowhere/t can not be read", id="no file"
        ),
        pytest.param(f"--agents 2 {URL}", "--agents: needs --cluster-token-file FILE", id="run without a token"),
        pytest.param(f"--hosts a,b {URL}", "--hosts: needs --cluster-token-file FILE", id="hosts without a token"),
        pytest.param(f"--hosts a,a --cluster-token-file t {URL}", "--hosts: a is named twice", id="twice"),
        pytest.param(
            f"--hosts a --ssh=ssh'-i --cluster-token-file t {URL}",
            '--ssh: "ssh\'-i" can not be read as a shell would',
            id="a quote left open",
        ),
        pytest.param(f"--hosts=-oX --cluster-token-file t {URL}", "--hosts: '-oX' is no host", id="an option of ssh"),
        pytest.param(
            f"--hosts a --agents 1 --cluster-token-file t {URL}", "--hosts: starts the agents itself", id="both"
        ),
        pytest.param(f"--share a=2 {URL}", "--share: is for agents on several machines", id="share alone"),
        pytest.param(f"--respread {URL}", "--respread: is for agents on several machines", id="respread alone"),
        pytest.param(
            f"--agents 2 --cluster-token-file t --share a=x {URL}", "--share: 'a=x' is not NAME=PARTS", id="part"
        ),
        pytest.param(f"--agents 2 --cluster-token-file t --check {URL}", "--check: runs one viewer here", id="check"),
    ],
)
def test_mistakes(argv: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(capsys, *argv.split()).startswith(f"hls-swarm: {words}")


def test_a_token_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t").write_text("secret\n")
    words = refused(capsys, "agent", "--join", "a", "--token-file", str(tmp_path / "t"))
    assert "holds no token: 16 or more letters and digits" in words
    assert "secret" not in words


def test_a_cluster_that_exists_may_have_its_token_in_the_environment() -> None:
    settings = asked("--cluster", "auto", URL)
    assert isinstance(settings, Settings)
    assert settings.is_spread


def test_hosts_are_as_many_agents() -> None:
    settings = asked("--hosts", "a, root@b,c", "--cluster-token-file", "t", URL)
    assert (settings.ssh_hosts, settings.agents_wanted) == (("a", "root@b", "c"), 3)
