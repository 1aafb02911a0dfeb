"""A crowd that adapts behind one link: whether it fills it, how it fares, and whether everybody gets the like.

    python -m bench.adaptive_crowd [--viewers 300] [--megabits 480] [--seconds 60] [--ramp-seconds 15]
                                   [--profile hlsjs] [--variant auto] [--players 0]    (Linux, root)

The real command and the embedded origin are on two sides of a link that nobody else sees (network namespaces), which
`tc tbf` holds at a rate. The ladder is 0.8, 1.6 and 3 Mbit/s, live, 2 s segments. Printed, of the time after the ramp:
use of the link by body bytes, rebuffering, shares of time by variant, changes, bytes in vain, and Jain's index of what
each viewer got of it, by the origin's access log: 1 is the same for all, 1/n is all for one. With `--players` so many
real hls.js in headless Chromium join the crowd after the ramp, and what they got is told beside the spread of the
crowd's own.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

from tests.support import places
from tests.support.networks.link import ORIGIN_ADDRESS, NoNamespacesError, link

_PORT = 17080
_LINE = re.compile(r'" (?P<status>\d{3}) (?P<size>\d+) "[^"]*" "v(?P<viewer>\d+)"')
_SEGMENT = re.compile(r'/(?P<lines>\d+)p/seg-(?P<number>\d+)\.ts HTTP[^"]*" 200 .* "v(?P<viewer>\d+)"')
_BITRATES = {360: 800_128, 540: 1_600_256, 720: 3_000_480}


def jain(shares: list[float]) -> float:
    """Jain, Chiu and Hawe's index of fairness: the square of the sum by n times the sum of the squares."""
    squares = sum(share * share for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0


def _bytes_by_viewer(log: Path, skip_lines: int) -> Counter[int]:
    got: Counter[int] = Counter()
    for line in log.read_text().splitlines()[skip_lines:]:
        found = _LINE.search(line)
        if found is not None:
            got[int(found["viewer"])] += int(found["size"])
    return got


def _courses(log: Path, skip_lines: int, seconds: float) -> tuple[list[float], list[float]]:
    """Mean bitrate and changes a minute of each viewer, by the segments that it asked for last."""
    variants: dict[int, dict[int, int]] = {}
    for line in log.read_text().splitlines()[skip_lines:]:
        found = _SEGMENT.search(line)
        if found is not None:
            variants.setdefault(int(found["viewer"]), {})[int(found["number"])] = _BITRATES[int(found["lines"])]
    orders = [[course[number] for number in sorted(course)] for course in variants.values()]
    changes = [60 * sum(a != b for a, b in pairwise(order)) / seconds for order in orders]
    return [mean(order) for order in orders], changes


def _spread(values: list[float], factor: float = 1.0) -> str:
    ordered = sorted(value * factor for value in values)
    least, middle, most = (ordered[min(int(share * len(ordered)), len(ordered) - 1)] for share in (0.05, 0.5, 0.95))
    return f"P5 {least:.2f}, median {middle:.2f}, P95 {most:.2f}"


def _tell_players(players: list[dict[str, float]], bitrates: list[float], changes: list[float]) -> None:
    print(f"  Mbit/s of each viewer: {_spread(bitrates, 1e-6)}; of each hls.js:", end=" ")
    print(", ".join(f"{each['bitrate_bps'] / 1e6:.2f}" for each in players))
    print(f"  changes a minute of each viewer: {_spread(changes)}; of each hls.js:", end=" ")
    print(", ".join(f"{each['changes_per_minute']:.1f}" for each in players))
    print("  rebuffering of each hls.js:", ", ".join(f"{each['rebuffering_ratio']:.1%}" for each in players))


def _summary_words(experience: dict[str, Any]) -> str:
    variants = experience.get("variants", {})
    shares = ", ".join(f"{name} {100 * group.get('watched_share', 0):.0f}%" for name, group in variants.items())
    bitrate = experience.get("average_bitrate_bps", 0) / 1e6
    return (
        f"rebuffering {100 * experience.get('rebuffering_ratio', 0):.2f}%, stalls {experience['stalls']}, "
        f"average {bitrate:.2f} Mbit/s; {shares}; "
        f"{experience.get('switches_per_minute') or 0:.2f} changes in a viewer's minute, "
        f"{experience['reversals']} back and forth, {experience['abandoned_bytes'] / 1e6:.1f} MB in vain"
    )


def main() -> int:
    """Run and print; 1 if this machine gives no namespaces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=300)
    parser.add_argument("--megabits", type=float, default=480.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--ramp-seconds", type=float, default=15.0)
    parser.add_argument("--profile", default="hlsjs")
    parser.add_argument("--variant", default="auto")
    parser.add_argument("--players", type=int, default=0)
    asked = parser.parse_args()
    program = str(Path(sys.executable).with_name("hls-swarm"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with link(folder) as way:
                way.slow(int(asked.megabits * 1e6), credit_bytes=256_000)
                return _run(asked, program, folder, way.origin.entrance, way.viewers.entrance)
        except NoNamespacesError as error:
            print(f"no network namespaces: {error}", file=sys.stderr)
            return 1


def _run(
    asked: argparse.Namespace, program: str, folder: Path, origin_side: tuple[str, ...], viewers_side: tuple[str, ...]
) -> int:
    log, summary = folder / "access.log", folder / "summary.json"
    serve = [program, "origin", "--listen", ORIGIN_ADDRESS, "--port", str(_PORT), "--access-log", str(log)]
    url = f"http://{ORIGIN_ADDRESS}:{_PORT}/live/master.m3u8"
    load = [program, "--clients", str(asked.viewers), "--ramp-rate", str(asked.viewers / asked.ramp_seconds)]
    load += ["--variant", asked.variant, "--profile", asked.profile, "--user-agent", "v{viewer}", "--tui=false"]
    load += ["--duration", f"{asked.ramp_seconds + asked.seconds:g}s", "--no-output", "--metrics", "off"]
    load += ["--json", str(summary), "--no-expectations", url]
    with subprocess.Popen([*origin_side, *serve], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as origin:
        try:
            time.sleep(3)
            with subprocess.Popen([*viewers_side, *load], stdout=subprocess.DEVNULL) as viewers:
                time.sleep(asked.ramp_seconds + 5)
                ramped_at, skip_lines = time.monotonic(), len(log.read_text().splitlines())
                if asked.players:
                    # They begin to play within a few seconds, and end before the crowd does.
                    joined = [sys.executable, "-m", "bench.crowd_players", url, f"{asked.seconds - 15:g}"]
                    joined += [str(asked.players), str(folder / "players.json")]
                    env = os.environ | {"PYTHONPATH": str(places.ROOT)}  # there the working directory is another
                    subprocess.run([*viewers_side, *joined], timeout=asked.seconds + 60, check=True, env=env)
                viewers.wait(timeout=asked.seconds + 60)
                seconds = time.monotonic() - ramped_at
        finally:
            origin.terminate()
    got = _bytes_by_viewer(log, skip_lines)
    figures = json.loads(summary.read_text())
    used = sum(got.values()) * 8 / seconds / (asked.megabits * 1e6)
    generator = figures["generator"]
    print(
        f"{asked.viewers} viewers ({asked.profile}, {asked.variant}) behind {asked.megabits:g} Mbit/s, {seconds:.0f} s:"
    )
    print(
        f"  link used {100 * used:.0f}% by bodies; fairness (Jain) {jain([float(size) for size in got.values()]):.3f}"
    )
    print(f"  {_summary_words(figures['experience'])}")
    print(
        f"  viewers that played {figures['viewers']['played']} of {figures['viewers']['started']}; "
        f"generator {generator['cpu_seconds']:.1f} CPU seconds, verdict {figures['verdict']}"
    )
    if asked.players:
        _tell_players(json.loads((folder / "players.json").read_text()), *_courses(log, skip_lines, seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
