"""Real nginx, a live stream by real ffmpeg, real exporters: what the viewers say equals what the access log says."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.environment import clean_environ
from tests.support.programs import free_port, nginx, require, running, wait_for
from tests.support.soundness import assert_sound

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

MARK = "OF_THE_TEST_IN"


@contextmanager
def live_stream(root: Path, log: Path) -> Iterator[None]:
    """Real ffmpeg writes a live stream of 2 s segments in two variants into `root`."""
    command = [
        require("ffmpeg"), "-hide_banner", "-nostdin", "-loglevel", "warning", "-re",
        "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-f", "lavfi", "-i", "sine=frequency=440",
        "-map", "0:v", "-map", "1:a", "-map", "0:v", "-map", "1:a",
        "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0",
        "-b:v:0", "300k", "-maxrate:v:0", "300k", "-bufsize:v:0", "600k",
        "-b:v:1", "900k", "-maxrate:v:1", "900k", "-bufsize:v:1", "1800k", "-c:a", "aac", "-b:a", "64k",
        "-f", "hls", "-hls_time", "2", "-hls_list_size", "6", "-hls_delete_threshold", "20",
        "-hls_flags", "delete_segments+independent_segments+program_date_time+temp_file",
        "-master_pl_name", "master.m3u8", "-var_stream_map", "v:0,a:0 v:1,a:1",
        "-hls_segment_filename", str(root / "v%v/seg-%d.ts"), str(root / "v%v/playlist.m3u8"),
    ]  # fmt: skip
    with running(command, log):
        yield


@contextmanager
def exporters(base: str, folder: Path) -> Iterator[tuple[str, str]]:
    """The real node and nginx exporters; gives the URLs of their pages."""
    node_port, nginx_port = free_port(), free_port()
    node = [require("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{node_port}"]
    stub = [
        require("prometheus-nginx-exporter"),
        f"-nginx.scrape-uri={base}/stub_status",
        f"-web.listen-address=127.0.0.1:{nginx_port}",
    ]
    node_url, nginx_url = f"http://127.0.0.1:{node_port}/metrics", f"http://127.0.0.1:{nginx_port}/metrics"
    with running(node, folder / "node.out"), running(stub, folder / "nginx-exporter.out"):
        wait_for(node_url)
        wait_for(nginx_url)
        yield node_url, nginx_url


def logged(access_log: Path) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Requests, body bytes and statuses by kind of object, as the origin saw them."""
    requests, body_bytes, statuses = Counter[str](), Counter[str](), Counter[str]()
    for line in access_log.read_text().splitlines():
        _, path, status, size, _ = line.split()
        name = path.rpartition("/")[2]
        kind = "segment" if name.endswith(".ts") else "media_playlist"
        if name == "master.m3u8":
            kind = "multivariant_playlist"
        requests[kind] += 1
        body_bytes[kind] += int(size)
        statuses[status] += 1
    return requests, body_bytes, statuses


def swarm(mark: str, *arguments: str, timeout: float) -> tuple[int, dict[str, Any], str]:
    """Run the command as a user would; gives exit code, JSON summary and what it printed.

    Args:
        mark: what its processes can be told from all others of this machine by.
    """
    command = [sys.executable, "-m", "hls_swarm", *arguments, "--json", "-"]
    environ = {**clean_environ(), MARK: mark}
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=environ)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


@pytest.mark.parametrize(("variant", "viewers"), [("highest", 200), ("all", 20)])
def test_two_hundred_viewers_say_what_the_access_log_says(tmp_path: Path, variant: str, viewers: int) -> None:
    root = tmp_path / "root"
    (root / "v0").mkdir(parents=True)
    (root / "v1").mkdir()
    duration = 30 if viewers == 200 else 12
    with nginx(tmp_path / "nginx", root) as base, live_stream(root, tmp_path / "ffmpeg.out"):
        access_log = tmp_path / "nginx/access.log"
        wait_for_window(root / "v1/playlist.m3u8")
        with exporters(base, tmp_path) as (node_url, nginx_url):
            code, summary, printed = swarm(
                str(tmp_path),
                "-clients", str(viewers), "-ramp-rate", "50", "-duration", f"{duration}s", "-variant", variant,
                "-origin-metrics", node_url, "-nginx-metrics", nginx_url, f"{base}/master.m3u8", timeout=90,
            )  # fmt: skip
        requests, body_bytes, statuses = logged(access_log)

    passed = assert_sound(code, printed)
    kinds = ("multivariant_playlist", "media_playlist", "segment")
    assert {kind: summary["requests"][kind] for kind in kinds} == {kind: requests[kind] for kind in kinds}
    for kind in kinds:
        if summary["cancelled"][kind]:  # cut by the end of a run on a busy machine: the log has what was sent of it
            assert summary["body_bytes"][kind] <= body_bytes[kind]
        else:
            assert summary["body_bytes"][kind] == body_bytes[kind]
    assert statuses == {"200": sum(requests.values())}
    assert summary["viewers"] == {
        "target": viewers, "started": viewers, "peak": viewers, "played": viewers, "ended": 0, "failed": 0,
        "left": 0, "unplayed": 0,
    }  # fmt: skip
    assert requests["multivariant_playlist"] == viewers
    assert summary["errors"] == []
    assert summary["experience"]["startup_seconds"]["count"] == viewers
    if passed:  # else how viewers fare is of this machine
        assert (summary["experience"]["stalls"], summary["experience"]["stalled_seconds"]) == (0, 0)
        assert summary["cancelled"]["segment"] == 0
    (origin,) = summary["origin"]
    assert 0 < origin["cpu_percent"]["mean"] <= 100
    assert origin["memory_total_bytes"]["mean"] == pytest.approx(psutil.virtual_memory().total, rel=0.01)
    assert origin["nginx_requests_per_second"]["mean"] > 0.5 * sum(requests.values()) / duration
    assert origin["nginx_connections"]["max"] >= viewers * 0.9  # the mean is of a ramp too, and as long as that took
    assert [pid for pid in psutil.pids() if environment_of(pid).get(MARK) == str(tmp_path)] == []


def wait_for_window(playlist: Path) -> None:
    """Until the live stream lists enough segments for a viewer to join behind the edge."""
    import time

    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if playlist.exists() and playlist.read_text().count("#EXTINF") >= 5:
            return
        time.sleep(0.2)
    raise AssertionError("ffmpeg did not write a live stream")


def environment_of(pid: int) -> dict[str, str]:
    """The environment of a process, empty if it is gone or not ours to see."""
    try:
        return psutil.Process(pid).environ()
    except (psutil.Error, OSError):
        return {}
