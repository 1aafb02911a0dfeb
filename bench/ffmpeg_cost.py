"""What an ffmpeg viewer and a native viewer cost: both in one run each, one after the other, of the same live stream.

    python -m bench.ffmpeg_cost [--ffmpeg PATH] [--viewers 30] [--native-viewers 300] [--seconds 30]

nginx and an encoder give a live stream of 2 s segments on loopback. One native viewer plays it, which is what
a run costs by itself; then ffmpeg viewers; then native ones. Prints processor time and memory of one viewer of each
kind, of all the processes of the run together and less what a run costs by itself, and their ratios. Memory is the
proportional set size: what processes share counts once.
"""

import argparse
import importlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from bench.servers import find, needed, nginx

RAMP_SECONDS = 4.0


@dataclass(frozen=True)
class Cost:
    """Of all processes of a run, in its steady part: share of a core, bytes."""

    cores: float
    memory_bytes: int

    def per_viewer(self, empty: "Cost", viewers: int) -> "Cost":
        """Of one viewer alone."""
        return Cost((self.cores - empty.cores) / viewers, (self.memory_bytes - empty.memory_bytes) // viewers)


@contextmanager
def live_stream(root: Path) -> Iterator[None]:
    """A live stream at /live.m3u8, about 3 Mbit/s."""
    command = [
        find("ffmpeg") or "ffmpeg", "-v", "error", "-nostdin", "-re",
        "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25",
        "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-sc_threshold", "0", "-b:v", "3M", "-maxrate", "3M",
        "-minrate", "3M", "-bufsize", "3M", "-x264-params", "nal-hrd=cbr", "-f", "hls", "-hls_time", "2",
        "-hls_list_size", "6", "-hls_flags", "delete_segments+temp_file", str(root / "live.m3u8"),
    ]  # fmt: skip
    with subprocess.Popen(command) as encoder:
        try:
            deadline = time.monotonic() + 40
            while not (root / "live.m3u8").exists() or (root / "live.m3u8").read_text().count("#EXTINF") < 4:
                if time.monotonic() > deadline:
                    raise SystemExit("the encoder did not start")
                time.sleep(0.2)
            yield
        finally:
            encoder.terminate()


def processes(run: psutil.Process) -> list[psutil.Process]:
    """A run's processes: the controller, its workers and their players."""
    return [run, *run.children(recursive=True)]


def cpu_seconds(run: psutil.Process) -> float:
    """Processor time of all of them so far."""
    total = 0.0
    for process in processes(run):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def memory_bytes(run: psutil.Process) -> int:
    """Proportional set size of all of them."""
    total = 0
    for process in processes(run):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


def measure(url: str, viewers: int, seconds: float, *arguments: str) -> Cost:
    """Run so many viewers and measure them once all play."""
    command = [
        sys.executable, "-m", "hls_swarm", "--clients", str(viewers), "--ramp-rate", f"{viewers / (RAMP_SECONDS / 2)}",
        "--workers", "1", "--no-output", "--metrics", "off", "--tui=false", *arguments, url,
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            run = psutil.Process(child.pid)
            time.sleep(RAMP_SECONDS + 2.0)
            before, began_at = cpu_seconds(run), time.perf_counter()
            time.sleep(seconds)
            if child.poll() is not None:
                raise SystemExit("the run ended by itself: try it by hand")
            used, took = cpu_seconds(run) - before, time.perf_counter() - began_at
            return Cost(used / took, memory_bytes(run))
        finally:
            child.terminate()
            child.wait(20)


def binaries(named: str | None) -> list[str]:
    """The one that is named, else all that are installed: that in PATH and that of imageio-ffmpeg."""
    if named is not None:
        return [named]
    found = find("ffmpeg")
    wheel: list[str] = []
    with suppress(ImportError, RuntimeError):
        wheel = [str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())]
    return [*([found] if found else []), *wheel]


def version(binary: str) -> str:
    """As it calls itself."""
    said = subprocess.run([binary, "-version"], capture_output=True, text=True, check=True).stdout
    return said.partition(" version ")[2].split()[0]


def main() -> None:
    """Measure, and print figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ffmpeg", help="by default all that are installed")
    parser.add_argument("--viewers", type=int, default=30, help="ffmpeg viewers")
    parser.add_argument("--native-viewers", type=int, default=300, help="more of them, or their cost drowns in noise")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    needed("ffmpeg", "nginx")
    with tempfile.TemporaryDirectory(prefix="ffmpeg-cost-") as folder:
        root = Path(folder)
        www = root / "www"
        www.mkdir()
        with nginx(root) as base, live_stream(www):
            url = f"{base}/live.m3u8"
            empty = measure(url, 1, options.seconds)
            native = measure(url, options.native_viewers, options.seconds).per_viewer(empty, options.native_viewers - 1)
            costs = {
                binary: measure(url, options.viewers, options.seconds, "--engine", "ffmpeg", "--ffmpeg", binary)
                for binary in binaries(options.ffmpeg)
            }
    print(f"a run of one native viewer    {empty.cores * 100:8.3f}% of a core {empty.memory_bytes / 1e6:8.3f} MB")
    print(f"one more native viewer        {native.cores * 100:8.3f}% of a core {native.memory_bytes / 1e6:8.3f} MB")
    for binary, cost in costs.items():
        one = cost.per_viewer(empty, options.viewers)
        name = f"one more ffmpeg {version(binary)[:12]}"
        cpu, memory = one.cores / max(native.cores, 1e-9), one.memory_bytes / max(1, native.memory_bytes)
        print(
            f"{name:<30}{one.cores * 100:8.3f}% of a core {one.memory_bytes / 1e6:8.3f} MB   "
            f"ratio {cpu:.1f} in processor time, {memory:.0f} in memory"
        )


if __name__ == "__main__":
    main()
