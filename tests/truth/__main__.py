"""Whether a search for capacity finds what is known: origins with a limit by construction, and a table of the answers.

    make truth                                          all rows, each of them two to six minutes; as root, else not all
    python -m tests.truth requests limit_req            the rows whose names have one of these words
    TRUTH_AT_ONCE=2 python -m tests.truth nginx         two at a time, on a machine with cores for it

The answers of each row stay in a folder, which is named at the start. `docs/capacity-truth.md` has such a table.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.truth.groups import CanNotError
from tests.truth.origins import ROWS, UNSEEN, Row
from tests.truth.search import search
from tests.truth.table import Found, cells, table


def main() -> int:
    """Try the rows, print the table; gives 1 if one of them is not right."""
    words = sys.argv[1:]
    known = (*ROWS, *UNSEEN)
    rows = [row for row in known if not words or any(word in row.name for word in words)]
    if not rows:
        print(f"no row has any of {', '.join(words)} in its name: {'; '.join(row.name for row in known)}")
        return 2
    folder = Path(tempfile.mkdtemp(prefix="hls-swarm-truth-"))
    folder.chmod(0o755)
    at_once = int(os.environ.get("TRUTH_AT_ONCE", "1"))
    print(f"{len(rows)} rows, {at_once} at a time, {_load()}, files in {folder}", flush=True)
    with ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(lambda nth: _try(rows[nth], folder / f"row-{nth:02}"), range(len(rows))))
    print("\n".join(["", *table(results), "", f"At the end: {_load()}"]))
    return 0 if all(each.skipped or (each.is_load_right and each.is_cause_right) for each in results) else 1


def _try(row: Row, folder: Path) -> Found:
    """One row, told as soon as it is there."""
    folder.mkdir()
    try:
        result = search(row, folder)
    except CanNotError as error:
        result = Found(row, row.expected, why_not=str(error), skipped=True)
        print(f"SKIPPED: {row.name}: {error}", flush=True)
    except AssertionError as error:
        result = Found(row, row.expected, why_not=f"the origin did not start: {error}")
    print(f"{time.strftime('%H:%M:%S')} {' | '.join(cells(result))}  [{_load()}] {result.reason}", flush=True)
    return result


def _load() -> str:
    load = " ".join(f"{figure:.1f}" for figure in os.getloadavg())
    return f"load average {load} on {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main())
