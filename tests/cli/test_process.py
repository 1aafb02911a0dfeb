"""The process that a person starts: its standard streams, signals before there is a run, its end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.environment import clean_environ
from tests.support.programs import owned, wait_until_signals_are_caught

pytestmark = pytest.mark.program

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def shell(line: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """A line for bash, in which `P` is the program."""
    environ = {**clean_environ(), "PYTHON": sys.executable}
    command = ["bash", "-c", f'P() {{ "$PYTHON" -m hls_swarm "$@"; }}; {line}']
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=environ)


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        pytest.param("P --version <&-", 0, "", id="no standard input"),
        pytest.param("P --version 2>&-", 0, "", id="no standard error"),
        pytest.param("P --version >&-", 1, "can not be written: bad file descriptor", id="no standard output"),
        pytest.param("P --nonsense 2>&-", 2, "", id="a complaint that nobody can read"),
        pytest.param("P --help >/dev/full", 1, "can not be written: no space left on device", id="help, full disk"),
        pytest.param("P runs >/dev/full", 1, "can not be written: no space left on device", id="list, full disk"),
        pytest.param("P --help | true; exit ${PIPESTATUS[0]}", 1, "", id="no reader"),
        pytest.param("P --nonsense 2>/dev/full", 2, "", id="a complaint on a full disk"),
        pytest.param("PYTHONIOENCODING=ascii P runs --folder ä", 0, "", id="an encoding that lacks a character"),
    ],
)
def test_a_standard_stream_that_is_closed_or_full(line: str, code: int, words: str) -> None:
    done = shell(line)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == bool(words)


@pytest.mark.parametrize("number", CODES)
def test_a_signal_before_there_is_a_run(tmp_path: Path, number: signal.Signals) -> None:
    """At instants over the start of the program: it waits for a settings file that nobody writes."""
    pipe = tmp_path / "settings.toml"
    os.mkfifo(pipe)
    for delay in (0.0, 0.1, 0.3):
        command = [sys.executable, "-m", "hls_swarm", "--config", str(pipe)]
        with owned(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=clean_environ())) as process:
            wait_until_signals_are_caught(process.pid)
            time.sleep(delay)
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        assert process.returncode == CODES[number], said
        assert said == f"hls-swarm: {'interrupted' if number == signal.SIGINT else f'ended by {number.name}'}\n"


@pytest.mark.parametrize(
    ("arguments", "variables", "place"),
    [
        pytest.param([b"--name=\xff\xfe", b"http://127.0.0.1:9/a.m3u8"], {}, "argument 1", id="flag"),
        pytest.param([b"report", b"\xe4"], {}, "argument 2", id="argument"),
        pytest.param([], {b"HLS_SWARM_URL": b"http://127.0.0.1:9/\x80"}, "HLS_SWARM_URL", id="variable"),
    ],
)
def test_bytes_that_are_no_utf8_are_refused(arguments: list[bytes], variables: dict[bytes, bytes], place: str) -> None:
    command = [os.fsencode(sys.executable), b"-m", b"hls_swarm", *arguments]
    environ = {**{os.fsencode(name): os.fsencode(value) for name, value in clean_environ().items()}, **variables}
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=environ)
    assert (done.returncode, done.stderr) == (2, f"hls-swarm: {place}: has bytes that are not UTF-8\n".encode())


def test_a_folder_whose_name_is_no_utf8_is_no_hindrance(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(folder)  # noqa: PTH102 - a name in bytes
    done = subprocess.run(
        [sys.executable, "-m", "hls_swarm", "runs"], capture_output=True, cwd=folder, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"No runs in runs.\n", b"")
