"""An agent that was started by its controller: it lives as long as what started it."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.support.environment import clean_environ
from tests.support.programs import free_port, owned, skip_part

pytestmark = pytest.mark.program

AGENT = (sys.executable, "-m", "hls_swarm", "agent", "--once", "--end-with-input", "--token-file", "-", "--name", "a")


@pytest.fixture(autouse=True)
def _engine() -> None:
    if find_spec("ray") is None:
        skip_part("ray is not installed: pip install -r requirements/cluster.lock")


def test_it_ends_when_its_input_closes() -> None:
    command = [*AGENT, "--join", f"127.0.0.1:{free_port()}"]
    with owned(
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environ(), text=True)
    ) as agent:
        assert agent.stdin is not None
        assert agent.stderr is not None
        agent.stdin.write("0123456789abcdef-a-token\n")
        agent.stdin.flush()
        assert "no controller at 127.0.0.1:" in agent.stderr.readline()
        agent.stdin.close()
        assert agent.wait(60) == 0


def test_an_input_that_never_closes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef-a-token\n")
    command = [*AGENT, "--join", "127.0.0.1:1"]
    with (tmp_path / "token").open() as file:
        done = subprocess.run(command, stdin=file, capture_output=True, env=clean_environ(), text=True, check=False)
    assert done.returncode == 2
    assert "--end-with-input: standard input must be a pipe" in done.stderr
