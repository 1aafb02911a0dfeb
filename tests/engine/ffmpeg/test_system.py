"""Real ffmpeg viewers against a real nginx with a live stream: the truth, faults, and every way to end a run."""

import importlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.programs import nginx, require, running, skip_part
from tests.support.runs import LiveRun, live_run
from tests.support.soundness import assert_sound

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

SEGMENT_SECONDS = 2.0


BINARIES = ("debian", "wheel")


def binary(name: str) -> str:
    """The path of one of the binaries."""
    if name == "debian":
        return require("ffmpeg")
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        skip_part("imageio-ffmpeg is not installed")
    return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())


@pytest.fixture(params=BINARIES)
def ffmpeg(request: pytest.FixtureRequest) -> str:
    """Each of the binaries."""
    return binary(request.param)


def tag_of(name: str) -> str:
    """How the User-Agent of a run's viewers begins: no other run on this machine has it."""
    return f"{name}-{os.getpid()}"


@dataclass(frozen=True)
class Origin:
    """nginx with a live stream of two variants."""

    base: str
    folder: Path

    @property
    def access_log(self) -> Path:
        """One line a request."""
        return self.folder / "nginx/access.log"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    """One for all tests: it takes a while until there is enough of a stream to join."""
    folder = tmp_path_factory.mktemp("origin")
    root = folder / "root"
    (root / "v0").mkdir(parents=True)
    (root / "v1").mkdir()
    command = [
        require("ffmpeg"), "-hide_banner", "-nostdin", "-loglevel", "warning", "-re",
        "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440",
        "-map", "0:v", "-map", "1:a", "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast",
        "-g", "50", "-sc_threshold", "0", "-b:v:0", "200k", "-b:v:1", "600k", "-c:a", "aac", "-b:a", "64k",
        "-f", "hls", "-hls_time", f"{SEGMENT_SECONDS:g}", "-hls_list_size", "6", "-hls_delete_threshold", "20",
        "-hls_flags", "delete_segments+temp_file", "-master_pl_name", "master.m3u8",
        "-var_stream_map", "v:0,a:0 v:1,a:1",
        "-hls_segment_filename", str(root / "v%v/seg-%d.ts"), str(root / "v%v/playlist.m3u8"),
    ]  # fmt: skip
    with nginx(folder / "nginx", root) as base, running(command, folder / "live.out"):
        deadline = time.monotonic() + 40
        playlist = root / "v1/playlist.m3u8"
        while not playlist.exists() or playlist.read_text().count("#EXTINF") < 4:
            assert time.monotonic() < deadline, "ffmpeg did not write a live stream"
            time.sleep(0.1)
        yield Origin(base, folder)


def start(tag: str, *arguments: str) -> subprocess.Popen[str]:
    """The command as a user would run it; its viewers' User-Agent begins with `tag`."""
    command = [sys.executable, "-m", "hls_swarm", "--engine", "ffmpeg", "--user-agent", tag, "--no-output", "--metrics"]
    return subprocess.Popen(
        [*command, "off", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def players(tag: str) -> list[psutil.Process]:
    """ffmpeg processes of viewers with that User-Agent."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if any(word.startswith(f"{tag} (viewer") for word in words) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def finished(process: subprocess.Popen[str], seconds: float) -> tuple[int, dict[str, Any], str]:
    """Exit code, summary and what was printed."""
    out, printed = process.communicate(timeout=seconds)
    return process.returncode, json.loads(out), printed


def logged(lines: list[str]) -> tuple[Counter[str], Counter[str], int]:
    """Requests and bytes by kind, and the size of the largest segment, as nginx saw them."""
    requests, body_bytes, largest = Counter[str](), Counter[str](), 0
    for line in lines:
        _, path, status, size, _ = line.split()
        assert status == "206"
        name = path.rpartition("/")[2]
        kind = "segment" if name.endswith(".ts") else "media_playlist"
        kind = "multivariant_playlist" if name == "master.m3u8" else kind
        requests[kind] += 1
        body_bytes[kind] += int(size)
        largest = max(largest, int(size)) if kind == "segment" else largest
    return requests, body_bytes, largest


def test_viewers_say_what_the_access_log_says(origin: Origin, ffmpeg: str) -> None:
    viewers, tag = 8, tag_of("truth")
    before = len(origin.access_log.read_text().splitlines())
    run = start(
        tag, "--ffmpeg", ffmpeg, "--clients", str(viewers), "--ramp-rate", "8", "--duration", "12s",
        "--json", "-", f"{origin.base}/master.m3u8",
    )  # fmt: skip
    code, summary, printed = finished(run, 60)
    requests, body_bytes, largest = logged(origin.access_log.read_text().splitlines()[before:])
    passed = assert_sound(code, printed)
    # The probe before the run is nobody's viewer: the first playlist, both variants, two segments of each.
    probe = {"multivariant_playlist": 1, "media_playlist": 2, "segment": 4}
    said = summary["requests"]
    assert {kind: said[kind] + probe[kind] for kind in probe} == {kind: requests[kind] for kind in probe}
    for kind in ("multivariant_playlist", "media_playlist"):
        per_request = body_bytes[kind] / requests[kind]
        assert summary["body_bytes"][kind] == pytest.approx(body_bytes[kind] - probe[kind] * per_request, rel=0.01)
    # An answer that was cut counts with what ffmpeg had read of it, in the access log with all that nginx had sent.
    cut = summary["cancelled"]["segment"]
    missing = body_bytes["segment"] - summary["body_bytes"]["segment"]
    assert 0 <= missing <= (probe["segment"] + cut) * largest
    assert summary["viewers"] == {
        "target": viewers, "started": viewers, "peak": viewers, "played": viewers, "ended": 0, "failed": 0,
        "left": 0, "unplayed": 0,
    }  # fmt: skip
    assert summary["players"] == {"processes": viewers, "restarts": 0, "log_lines_dropped": 0}
    assert summary["experience"]["stalls"] == 0 or not passed
    assert summary["experience"]["startup_seconds"]["count"] == viewers
    assert summary["errors"] == []
    assert not any("download" in times for times in summary.get("latency_seconds", {}).values())
    assert players(tag) == []


def test_faults_are_seen_as_what_they_are(origin: Origin, tmp_path: Path) -> None:
    """A run with each of the binaries, at the same time, because the origin that stands still is the same."""
    viewers, paused_seconds = 4, 9.0
    with ExitStack() as stack:
        runs = {}
        for name in BINARIES:
            tag, place = tag_of(f"faults-{name}"), tmp_path / name
            place.mkdir()
            arguments = ("--engine", "ffmpeg", "--ffmpeg", binary(name), "--user-agent", tag, "--clients", str(viewers))
            url = f"{origin.base}/master.m3u8"
            runs[tag] = stack.enter_context(live_run(place, url, *arguments, "--expect", "rebuffering=100%"))
        for run in runs.values():
            run.wait_until_played(viewers)
        for tag in runs:
            players(tag)[0].kill()
        for run in runs.values():
            wait_for_stalls(run, 1)
        (worker,) = psutil.Process(int((origin.folder / "nginx/nginx.pid").read_text())).children()
        worker.suspend()
        try:
            time.sleep(paused_seconds)
        finally:
            worker.resume()
        for run in runs.values():
            wait_for_stalls(run, 1 + viewers)
            run.signal(signal.SIGINT)
        for tag, run in runs.items():
            passed, summary = assert_sound(run.ended(), run.said()), run.summary()
            assert summary["players"]["processes"] == viewers + 1
            assert summary["players"]["restarts"] == 1
            assert summary["viewers"]["failed"] == 0
            # One viewer lost its picture with its process; all did while the origin stood still for longer than their
            # buffers. On a machine that is busy with other things they may do so once more.
            stalls, longest = summary["experience"]["stalls"], summary["experience"]["stall_seconds"]["max"]
            assert longest >= paused_seconds - 3 * SEGMENT_SECONDS - 1
            assert stalls >= viewers + 1
            if passed:
                assert stalls == viewers + 1
                assert longest <= paused_seconds + SEGMENT_SECONDS
            assert players(tag) == []


def wait_for_stalls(run: LiveRun, count: int) -> None:
    """Until so many stalls are over."""
    deadline = time.monotonic() + 60
    while sum(row.get("stall_seconds_count", 0) for row in run.rows()) < count:
        assert run.process.poll() is None, run.said()
        assert time.monotonic() < deadline, "viewers do not play on"
        time.sleep(0.05)


def interrupt(run: LiveRun) -> None:
    """Ctrl-C: the terminal sends it to the whole group."""
    run.signal_group(signal.SIGINT)


def interrupt_twice(run: LiveRun) -> None:
    """And again, not so soon that it is the same request."""
    interrupt(run)
    time.sleep(0.3)
    interrupt(run)


def kill_worker(run: LiveRun) -> None:
    """kill -9 of one worker, after which the run would go on with the other one."""
    os.kill(run.workers()[0], signal.SIGKILL)
    run.wait_until_said(" died: killed by SIGKILL")
    run.signal(signal.SIGTERM)


@pytest.mark.parametrize(
    ("end", "codes"),
    [
        pytest.param(interrupt, {0}, id="Ctrl-C"),
        pytest.param(interrupt_twice, {0, 1}, id="Ctrl-C twice"),
        pytest.param(lambda run: run.signal(signal.SIGTERM), {0}, id="SIGTERM"),
        pytest.param(lambda run: run.signal(signal.SIGKILL), {-9}, id="kill -9 of the controller"),
        pytest.param(kill_worker, {3}, id="kill -9 of a worker"),
    ],
)
def test_no_player_is_left_however_a_run_ends(origin: Origin, end: Any, codes: set[int], tmp_path: Path) -> None:
    tag = tag_of("end")
    arguments = ("--engine", "ffmpeg", "--user-agent", tag, "--clients", "4", "--workers", "2")
    with live_run(tmp_path, f"{origin.base}/master.m3u8", *arguments) as run:
        run.wait_until_played(4)
        assert len(players(tag)) == 4
        end(run)
        code = run.ended()
        if code not in codes:
            assert not assert_sound(code, run.said())
        deadline = time.monotonic() + 15
        while players(tag) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert players(tag) == []


def test_a_url_that_can_not_be_played_ends_the_run_in_the_players_words(origin: Origin, ffmpeg: str) -> None:
    for policy in ("fail", "first"):
        run = start(
            tag_of("nothing"), "--ffmpeg", ffmpeg, "--clients", "6", "--ramp-rate", "50", "--ffmpeg-restarts", "1",
            "--ffmpeg-probe-failure", policy, f"{origin.base}/nothing.m3u8",
        )  # fmt: skip
        _, printed = run.communicate(timeout=60)
        assert run.returncode == 1
        assert "Server returned 404 Not Found" in printed
    assert players(tag_of("nothing")) == []
