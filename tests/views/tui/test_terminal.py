"""The dashboard on a real terminal: the command in a pseudo-terminal, against the embedded origin."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.environment import clean_environ

pytestmark = pytest.mark.program

ENTERED, LEFT = "\x1b[?1049h", "\x1b[?1049l"
DRAWN = "Traffic"
"""On every screen of the dashboard, and drawn once."""
ENDED = {0, 3, 99}
SUMMARISED = ("PASS", "INVALID", "FAIL")
"""On a machine that is busy with other things a run is invalid, or its viewers stall, and it ends as it should."""
SIGNALLED = re.compile(r"\x1b\[[0-9;?<>=]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>]")


@dataclass
class Terminal:
    """A program and the terminal it believes to have."""

    process: subprocess.Popen[bytes]
    descriptor: int
    seen: str = ""

    def wait_for(self, text: str, seconds: float = 60.0) -> None:
        """Read until this has been written."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0, f"{text!r} was not written: {self.seen[-2000:]!r}"
            if select.select([self.descriptor], [], [], left)[0] and not self._read():
                break
        assert text in self.seen, self.seen[-2000:]

    def wait_until_played(self, folder: Path, seconds: float = 60.0) -> None:
        """Read until the dashboard is there and the run, whose files are `recorded` there, has viewers that play.

        Who ends a run sooner is told that there was none.
        """
        self.wait_for(DRAWN, seconds)
        timeline, end = folder / "run/timeline.jsonl", time.monotonic() + seconds
        while not timeline.exists() or '"viewers_played_total":5' not in timeline.read_text():
            assert time.monotonic() < end, "nobody played"
            if select.select([self.descriptor], [], [], 0.05)[0]:
                assert self._read(), "the run ended"

    def press(self, keys: str) -> None:
        os.write(self.descriptor, keys.encode())

    def end(self, seconds: float = 60.0) -> int:
        """Read to the end, and the exit code."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.descriptor], [], [], left)[0] and not self._read():
                break
        return self.process.wait(timeout=10)

    def after(self) -> str:
        """What was written after the dashboard had left, without escape sequences."""
        return SIGNALLED.sub("", self.seen.rpartition(LEFT)[2]).replace("\r", "")

    def _read(self) -> bool:
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # the program has closed its end
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


@contextmanager
def terminal(
    folder: Path, *arguments: str, size: tuple[int, int] = (100, 30), term: str = "xterm-256color", **environ: str
) -> Iterator[Terminal]:
    """`hls-swarm demo` in a terminal of this size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    inherited = clean_environ("NO_COLOR")
    command = [sys.executable, "-m", "hls_swarm", "demo", "--clients", "5", "--ramp-rate", "20", *arguments]
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        start_new_session=True,
        env={**inherited, "TERM": term, **environ},
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)
        os.close(ours)


def recorded(folder: Path) -> tuple[str, ...]:
    """Arguments of a run that leaves its files there."""
    return ("--no-output=false", "--output", str(folder / "run"))


def attributes(descriptor: int) -> list[object]:
    """Of the terminal, without the control characters."""
    return list(termios.tcgetattr(descriptor)[:4])


def test_the_dashboard_comes_by_itself_and_leaves_the_summary(tmp_path: Path) -> None:
    with terminal(tmp_path, "--duration", "4s") as shown:
        before = attributes(shown.descriptor)
        assert shown.end() in ENDED
        assert shown.seen.count(ENTERED) == shown.seen.count(LEFT) == 1
        screen = shown.seen.partition(ENTERED)[2].partition(LEFT)[0]
        assert DRAWN in screen
        assert shown.after().lstrip().startswith(SUMMARISED)
        assert attributes(shown.descriptor) == before


def test_q_and_y_end_the_run_with_a_summary(tmp_path: Path) -> None:
    with terminal(tmp_path, "--duration", "300s", *recorded(tmp_path)) as shown:
        shown.wait_until_played(tmp_path)
        shown.press("q")
        shown.wait_for("End the run?")
        shown.press("y")
        assert shown.end() in ENDED
        assert shown.after().lstrip().startswith(SUMMARISED)


def test_ctrl_c_ends_the_run_with_a_summary(tmp_path: Path) -> None:
    with terminal(tmp_path, "--duration", "300s", *recorded(tmp_path)) as shown:
        shown.wait_until_played(tmp_path)
        shown.press("\x03")
        assert shown.end() in ENDED
        assert shown.after().lstrip().startswith(SUMMARISED)


def test_twice_ctrl_c_ends_at_once_and_puts_the_terminal_right(tmp_path: Path) -> None:
    with terminal(tmp_path, "--duration", "300s") as shown:
        before = attributes(shown.descriptor)
        shown.wait_for(DRAWN)
        shown.press("\x03\x03")
        shown.end()
        assert shown.seen.count(LEFT) >= 1
        assert attributes(shown.descriptor) == before


def test_a_resized_terminal_is_filled_anew(tmp_path: Path) -> None:
    with terminal(tmp_path, "--duration", "300s", *recorded(tmp_path), size=(80, 24)) as shown:
        shown.wait_until_played(tmp_path)
        assert "segment P95, 10 s" not in shown.seen
        fcntl.ioctl(shown.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        os.kill(shown.process.pid, 28)
        shown.wait_for("segment P95, 10 s")
        shown.press("\x03")
        assert shown.end() in ENDED


def test_a_terminal_that_is_closed_costs_the_run_only_its_dashboard(tmp_path: Path) -> None:
    with terminal(tmp_path, "--duration", "8s", *recorded(tmp_path)) as shown:
        shown.wait_for(DRAWN)
        os.close(shown.descriptor)
        shown.descriptor = os.open(os.devnull, os.O_RDONLY)  # for the end of the block
        assert shown.process.wait(80) in {*ENDED, 1}  # 1: nobody could be shown the summary of a pass
    log = (tmp_path / "run/log.jsonl").read_text()
    assert "the terminal has gone; the run goes on without the dashboard" in log
    assert "Traceback" not in log
    summary = json.loads((tmp_path / "run/summary.json").read_bytes())
    assert summary["elapsed_seconds"] >= 8


def test_a_terminal_that_hangs_up_ends_the_run_in_order(tmp_path: Path) -> None:
    with terminal(tmp_path, "--duration", "300s", *recorded(tmp_path)) as shown:
        shown.wait_for(DRAWN)
        os.close(shown.descriptor)
        shown.descriptor = os.open(os.devnull, os.O_RDONLY)
        shown.process.send_signal(signal.SIGHUP)
        assert shown.process.wait(60) in {*ENDED, 1, 129}  # 129: before anybody had played
    assert json.loads((tmp_path / "run/summary.json").read_bytes())["elapsed_seconds"] < 300


def test_a_terminal_that_stands_still_holds_no_run(tmp_path: Path) -> None:
    """As one whose connection hangs: nothing reads what is written, until it goes on."""
    with terminal(tmp_path, "--duration", "300s", *recorded(tmp_path)) as shown:
        shown.wait_for(DRAWN)
        timeline, end = tmp_path / "run/timeline.jsonl", time.monotonic() + 90
        while len(rows := timeline.read_text().splitlines()) < 12:
            assert time.monotonic() < end, rows[-1]
            time.sleep(0.2)
        shown.press("\x03")
        assert shown.end() in ENDED
        assert shown.after().lstrip().startswith(SUMMARISED)
    assert [json.loads(row)["phase"] for row in rows[-2:]] == ["steady", "steady"]


@pytest.mark.parametrize(
    ("arguments", "term"),
    [
        pytest.param(["--no-tui"], "xterm", id="turned off"),
        pytest.param(["-tui=false"], "xterm", id="turned off the Go way"),
        pytest.param(["--tui"], "dumb", id="a terminal that can not move its cursor"),
    ],
)
def test_plain_lines_instead(tmp_path: Path, arguments: list[str], term: str) -> None:
    with terminal(tmp_path, "--duration", "3s", *arguments, term=term) as shown:
        assert shown.end() in ENDED
        assert ENTERED not in shown.seen
        assert "viewers 5/5" in shown.seen
        assert any(word in shown.seen for word in SUMMARISED)


def test_without_a_terminal_the_run_goes_on_with_plain_lines(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hls_swarm", "demo", "--clients", "5", "--tui", "--duration", "3s"]
    environ = clean_environ()
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env=environ,
        check=False,
    )
    assert done.returncode in ENDED
    assert ENTERED not in done.stdout + done.stderr
    assert "playing 5" in done.stderr
    assert done.stdout.startswith(SUMMARISED)


def test_no_colour_is_respected(tmp_path: Path) -> None:
    with terminal(tmp_path, "--duration", "3s", NO_COLOR="1", COLORTERM="truecolor") as shown:
        assert shown.end() in ENDED
        screen = shown.seen.partition(ENTERED)[2].partition(LEFT)[0]
        colours = {tuple(part.split(";")) for part in re.findall(r"[34]8;2;(\d+;\d+;\d+)", screen)}
        assert {colour for colour in colours if len(set(colour)) > 1} == set(), "only greys"
