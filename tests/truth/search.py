"""One search of one row's origin, as short as a search can be and still be sound."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.support.environment import clean_environ
from tests.truth.bed import Bed, bed, bytes_a_second
from tests.truth.groups import cpu_quota
from tests.truth.origins import Row
from tests.truth.table import Found, found

_LIMIT_SECONDS = 420
_SEARCH = ("--trial", "6s", "--no-tui", "--time-limit", f"{_LIMIT_SECONDS}s")
_END_SECONDS = 120.0


def search(row: Row, folder: Path, within: str = "10%") -> Found:
    """What a search says of that origin; its files are in the folder, which is empty.

    Args:
        within: how close its bounds are to come.

    Raises:
        CanNotError: it needs what this machine does not give.
    """
    with bed(row.origin, folder) as place:
        return search_of(row, place, folder, within)


def search_of(row: Row, place: Bed, folder: Path, within: str = "10%") -> Found:
    """The same of an origin that serves already.

    Raises:
        CanNotError: as above.
    """
    with ExitStack() as stack:
        expected = row.expected
        if row.expected_bytes_per_second is not None:
            viewers = row.expected_bytes_per_second / bytes_a_second(place.url)
            expected = (viewers, viewers)
        quota = () if row.generator_share is None else stack.enter_context(cpu_quota(row.generator_share))
        status = _run([*place.entrance, *quota, *_command(row, place, folder, within)], folder)
    file = folder / "answer.json"
    if not file.exists():
        last = (folder / "search.out").read_text(errors="replace").strip().rpartition("\n")[2]
        return Found(row, expected, why_not=f"it ended with {status}: {last}")
    return found(row, expected, json.loads(file.read_text()))


def _command(row: Row, place: Bed, folder: Path, within: str) -> list[str]:
    search = [sys.executable, "-m", "hls_swarm", "capacity", "--from", str(row.first), "--most", str(row.most)]
    files = ["--json", str(folder / "answer.json"), "--output", str(folder / "run")]
    after = ["--soak", f"{row.soak_seconds:g}s", *([] if row.overloads else ["--no-overload"])]
    return [*search, *_SEARCH, *after, "--within", within, *row.flags, *files, *place.flags, place.url]


def _run(command: list[str], folder: Path) -> int:
    """Gives its exit code; one that does not end is ended."""
    environ = clean_environ()
    environ.pop("HLS_SWARM_NO_OUTPUT", None)
    with (
        (folder / "search.out").open("wb") as output,
        subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            return process.wait(_LIMIT_SECONDS + _END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
