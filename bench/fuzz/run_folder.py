"""Damages a run's folder in thousands of ways, and looks at each with every report, comparison and list.

    python -m bench.fuzz.run_folder [COUNT] [FIRST SEED]

Nothing may end in a traceback, act on a terminal, or hide another run. Prints what does, with its seed.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.support.made.folder_fuzz import made, main_of


def run(count: int, first: int) -> int:
    """Try so many seeds; gives the exit code."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        good = Path(place) / "good"
        made(good, "10.0.0.5", "10.0.0.6")
        wrong = main_of(good, Path(place), range(first, first + count))
    seconds = time.perf_counter() - begun
    sys.stdout.write(f"{count} damaged folders, 10 commands each: {wrong} wrong, {seconds:.0f} s\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    sys.exit(run(*numbers, *(5000, 0)[len(numbers) :]))
