"""Real runs compared in pairs: of the same origin, in either order, and of one whose segments come slower.

    python -m tests.pairs FOLDER                  all runs, about eight minutes; those that FOLDER has already are kept
    python -m tests.pairs FOLDER --seconds 150    stops before it takes longer; go on with the same command

21 runs are alike, half of them while others take every core of this machine, by turns; each is compared with the one
before it, every second pair the other way round. At most one of these 20 may be worse. Then 5 runs with segments at a
pace, and 10 at four fifths of it (downloads take a quarter longer): each of the 10 must be worse than one of the 5.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.support.environment import clean_environ
from tests.support.programs import free_port, running, wait_for

VIEWERS, SECONDS = 20, 12
ALIKE, PACED, SLOWER = 21, 5, 10
MOST_WORSE = 1
PACE, SLOWER_PACE = "400k", "320k"
_FINISHED = {0, 3, 99}
"""Exit codes of runs that can be looked at: one may be invalid, or fail, for what others do to this machine."""
_CODES = {0: "not worse", 99: "worse", 4: "not comparable"}


@dataclass(frozen=True)
class Made:
    """One run.

    Args:
        pace: at which segments are sent; empty: as fast as it goes.
        busy: whether others take this machine's cores meanwhile.
    """

    name: str
    pace: str = ""
    busy: bool = False


RUNS = (
    *(Made(f"alike-{number:02}", busy=number // 2 % 2 == 1) for number in range(ALIKE)),
    *(Made(f"paced-{number:02}", PACE) for number in range(PACED)),
    *(Made(f"slower-{number:02}", SLOWER_PACE) for number in range(SLOWER)),
)


def main(arguments: Sequence[str]) -> int:
    """Make the runs and compare them; gives the exit code: 75 if time was over before all were made."""
    parser = argparse.ArgumentParser(prog="python -m tests.pairs")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop before it takes longer")
    chosen = parser.parse_args(arguments)
    until = time.monotonic() + chosen.seconds
    for run in RUNS:
        if not (chosen.folder / run.name / "summary.json").exists():
            if time.monotonic() + SECONDS + 8 > until:
                print(f"{run.name} and those after it are still to be made")
                return 75
            _make(run, chosen.folder)
    worse = _alike(chosen.folder)
    found = _slower(chosen.folder)
    print(f"{ALIKE - 1} pairs of the same: {worse} worse (at most {MOST_WORSE})")
    print(f"{SLOWER} pairs of one slower: {found} worse")
    return 0 if worse <= MOST_WORSE and found == SLOWER else 1


def _alike(folder: Path) -> int:
    worse = 0
    for number, (one, other) in enumerate(pairwise(run for run in RUNS if run.name.startswith("alike"))):
        first, second = (other, one) if number % 2 else (one, other)
        said = _compared(folder, first, second)
        worse += said == "worse"
        print(f"{_words(first)} and then {_words(second)}: {said}", flush=True)
    return worse


def _slower(folder: Path) -> int:
    found = 0
    for number in range(SLOWER):
        before, after = (next(run for run in RUNS if run.name == name) for name in _slower_pair(number))
        said = _compared(folder, before, after)
        found += said == "worse"
        print(f"{_words(before)} and then {_words(after)}: {said}", flush=True)
    return found


def _slower_pair(number: int) -> tuple[str, str]:
    return f"paced-{number % PACED:02}", f"slower-{number:02}"


def _words(run: Made) -> str:
    return f"{run.name}{' (busy)' if run.busy else ''}"


def _make(run: Made, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    serve = [*_PROGRAM, "origin", "--port", str(port), *(("--fault", f"slow={run.pace}") if run.pace else ())]
    load = [
        *_PROGRAM, "--clients", str(VIEWERS), "--ramp-rate", str(VIEWERS), "--duration", f"{SECONDS}s", "--no-tui",
        "--metrics", "off", "--no-output=false", "--output", str(folder / run.name), f"{base}/live/master.m3u8",
    ]  # fmt: skip
    with running(serve, folder / f"{run.name}.origin.out"), ExitStack() as stack:
        wait_for(f"{base}/live/master.m3u8")
        if run.busy:
            stack.enter_context(_others())
        done = subprocess.run(
            load, env=clean_environ(), capture_output=True, text=True, timeout=SECONDS + 60, check=False
        )
    if done.returncode not in _FINISHED:
        raise AssertionError(f"{' '.join(load)}: exit code {done.returncode}: {done.stderr}")
    print(f"{_words(run)}: exit code {done.returncode}", flush=True)


@contextmanager
def _others() -> Iterator[None]:
    """Somebody else takes every core."""
    with ExitStack() as stack:
        for _ in os.sched_getaffinity(0):
            hog = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(hog.kill)
        yield


def _compared(folder: Path, before: Made, after: Made) -> str:
    command = [*_PROGRAM, "compare", str(folder / before.name), str(folder / after.name), "--fail-if-worse"]
    done = subprocess.run(command, env=clean_environ(), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode not in _CODES:
        raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}: {done.stderr}")
    (folder / f"{before.name}-{after.name}.txt").write_text(done.stdout + done.stderr)
    return _CODES[done.returncode]


_PROGRAM = (sys.executable, "-m", "hls_swarm")

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
