"""What people get wrong gives one clear line and the right exit code; nothing is left behind."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from tests.support.environment import clean_environ
from tests.support.origins import PLAYLIST_TYPE, serving, vod
from tests.support.programs import free_port, is_alive, owned
from tests.support.soundness import assert_sound

pytestmark = pytest.mark.program

EMPTY_LIVE = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:7\n"
VIEWERS = 4
EARLY = "hls-swarm: warning: nothing came from the origin yet: "
"""Before viewers give up; why they did is said when they have."""
PATIENT = ("--profile", "steady")
"""It gives up after four seconds, most others after one, which is when a run speaks for the first time."""
HTML = b"<!DOCTYPE html><html><body>Welcome</body></html>"


def hls_swarm(
    *arguments: str, limits: Callable[[], None] | None = None, timeout: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run the command without a terminal, as a script would."""
    command = [sys.executable, "-m", "hls_swarm", *arguments]
    environ = clean_environ()
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, preexec_fn=limits, env=environ
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what is wrong."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("hls-swarm: ") and EARLY not in line]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param([], "URL", id="no URL"),
        pytest.param(["ftp://127.0.0.1/live.m3u8"], "http", id="bad scheme"),
        pytest.param(["--duration", "5 minutes", "http://127.0.0.1/a.m3u8"], "--duration", id="bad duration"),
        pytest.param(["-clients", "0", "http://127.0.0.1/a.m3u8"], "--clients", id="no clients"),
        pytest.param(["-client", "5", "http://127.0.0.1/a.m3u8"], "clients", id="unknown flag"),
    ],
)
def test_mistakes_of_usage_are_found_before_anything_starts(arguments: list[str], words: str) -> None:
    done = hls_swarm(*arguments)
    assert done.returncode == 2
    assert words in said(done)


def test_a_host_that_is_not_found() -> None:
    done = hls_swarm("--clients", "2", *PATIENT, "http://no-such-host.invalid/live.m3u8")
    assert done.returncode == 1
    assert "no-such-host.invalid" in said(done)
    assert "host" in said(done)
    assert EARLY in done.stderr


def test_a_port_that_nobody_listens_on() -> None:
    port = free_port()
    done = hls_swarm("--clients", "2", *PATIENT, f"http://127.0.0.1:{port}/live.m3u8")
    assert done.returncode == 1
    assert "connection refused" in said(done)
    assert f"127.0.0.1:{port}" in said(done)
    assert f"{EARLY}connection refused by 127.0.0.1:{port}" in done.stderr
    assert "is the port right" in said(done)


def test_wishes_that_the_stream_can_not_meet_are_said_and_the_run_goes_on() -> None:
    with serving(vod(segments=2, seconds=1.0)) as base:
        done = hls_swarm("--clients", "2", "--join", "-10m", f"{base}/vod.m3u8")
    assert_sound(done.returncode, done.stderr)
    words = "--join: the stream is 2 s long, 600 s back is beyond it: viewers begin at its start"
    assert done.stderr.count(f"hls-swarm: warning: {words}\n") == 1
    assert "Note: --join: the stream is 2 s long" in done.stdout


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param((404, "text/plain", b"no\n"), "404", id="404"),
        pytest.param((200, "text/html", HTML), "HTML", id="an HTML page"),
        pytest.param((200, PLAYLIST_TYPE, EMPTY_LIVE), "no segments", id="an empty live playlist"),
        pytest.param((200, PLAYLIST_TYPE, b""), "empty", id="an empty body"),
    ],
)
def test_an_answer_that_can_not_be_played_ends_the_run(answer: tuple[int, str, bytes], words: str) -> None:
    with serving({"/live.m3u8": answer}) as base:
        done = hls_swarm("--clients", "50", "--ramp-rate", "20", f"{base}/live.m3u8")
    assert done.returncode == 1
    assert words in said(done)
    assert "ERROR" in done.stdout  # the summary is there all the same


def test_an_exporter_that_is_down_does_not_touch_the_run() -> None:
    port = free_port()
    with serving(vod(segments=2, seconds=1.0)) as base:
        done = hls_swarm(
            "--clients", "2", "--json", "-", "--origin-metrics", f"http://127.0.0.1:{port}/metrics", f"{base}/vod.m3u8"
        )  # fmt: skip
    assert_sound(done.returncode, done.stderr)
    summary = json.loads(done.stdout)
    assert summary["viewers"]["ended"] == 2
    assert "cpu_percent" not in summary["origin"][0]
    assert "refused" in done.stderr


def test_descriptors_are_raised_to_the_hard_limit_by_itself() -> None:
    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (50, 1000))

    with serving(vod(segments=1, seconds=1.0)) as base:
        done = hls_swarm("--clients", "40", "--ramp-rate", "200", "--workers", "1", f"{base}/vod.m3u8", limits=limits)
    assert_sound(done.returncode, done.stderr)


def test_too_few_descriptors_are_refused_with_the_number_needed() -> None:
    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (50, 100))

    done = hls_swarm("--clients", "40", "--workers", "1", "http://127.0.0.1:1/live.m3u8", limits=limits)
    assert done.returncode == 1
    assert "144" in said(done)  # 40 viewers with 2 connections each, and 64 of the worker's own
    assert "ulimit" in said(done)


def test_the_summary_can_not_be_written_into_a_folder_that_is_not_there(tmp_path: Path) -> None:
    done = hls_swarm("--json", str(tmp_path / "missing/summary.json"), "http://127.0.0.1:1/live.m3u8")
    assert done.returncode == 2
    assert "--json" in said(done)


def live_swarm(base: str, *arguments: str) -> subprocess.Popen[str]:
    """A run that goes on until it is stopped."""
    flags = ["--clients", str(VIEWERS), "--ramp-rate", "20", *arguments]
    command = [sys.executable, "-m", "hls_swarm", *flags, f"{base}/vod.m3u8"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def workers_at_play(process: subprocess.Popen[str], asked: list[str]) -> list[int]:
    """The worker processes of a run, once all its viewers play: they have what they asked for and ask for more."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if asked.count("/seg-2.ts") >= VIEWERS:
            return [child.pid for child in psutil.Process(process.pid).children() if "launch" in str(child.cmdline())]
        time.sleep(0.05)
    raise AssertionError(f"the viewers do not play; they asked for {asked}")


def gone(pids: list[int], seconds: float) -> bool:
    """Whether none of these processes is left within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(is_alive(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def test_no_worker_outlives_a_controller_that_was_killed() -> None:
    asked: list[str] = []
    with serving(vod(segments=60), asked) as base, owned(live_swarm(base)) as process:
        workers = workers_at_play(process, asked)
        process.kill()
        process.communicate(timeout=60)
        assert gone(workers, 20.0)


def test_a_worker_that_dies_is_told_and_makes_the_run_invalid() -> None:
    asked: list[str] = []
    with serving(vod(segments=60), asked) as base, owned(live_swarm(base, "--workers", "2")) as process:
        workers = workers_at_play(process, asked)
        os.kill(workers[0], signal.SIGKILL)
        assert process.stderr is not None
        told = next(line for line in process.stderr if "worker" in line and "died" in line)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 3, told + stderr
    assert "INVALID" in stdout
    assert "workers died: 1" in stderr
