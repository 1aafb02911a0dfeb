"""Whether two searches of one quiet origin agree: pairs of them, one after the other on the same shaper.

python -m tests.truth.pairs 5      so many pairs, each on a shaper of its own, all of them at a time
"""

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tests.truth.bed import Nginx, bed
from tests.truth.origins import Row
from tests.truth.search import search_of
from tests.truth.table import Found

AGREE_WITHIN = 0.05
_SHAPER = Row("shaper, 8 Mbit/s", Nginx(shaped_bits_per_second=8_000_000), None, frozenset(), first=26, most=33)
"""It begins near the answer, so that a search takes three minutes."""


def pair(folder: Path) -> tuple[Found, Found]:
    """Two searches of one origin."""
    folder.mkdir()
    with bed(_SHAPER.origin, folder) as place:
        found = []
        for nth in range(2):
            files = folder / f"search-{nth}"
            files.mkdir()
            found.append(search_of(replace(_SHAPER, name=f"{_SHAPER.name}, {nth}"), place, files, within="5%"))
        return found[0], found[1]


def agree(one: Found, other: Found) -> bool:
    """Whether their answers are within a twentieth of each other, or one viewer."""
    if one.viewers is None or other.viewers is None:
        return False
    return abs(one.viewers - other.viewers) <= max(1.0, AGREE_WITHIN * max(one.viewers, other.viewers))


def main() -> int:
    """Search; gives 1 if more than a fifth of the pairs do not agree."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    root = Path(tempfile.mkdtemp(prefix="hls-swarm-pairs-"))
    root.chmod(0o755)
    print(f"{wanted} pairs at a time, files in {root}", flush=True)
    with ThreadPoolExecutor(wanted) as pool:
        pairs = list(pool.map(pair, (root / f"pair-{nth}" for nth in range(wanted))))
    print("| first | second | agree | minutes |\n| --- | --- | --- | --- |", flush=True)
    for one, other in pairs:
        shown = " | ".join(f"{each.viewers} hold, {each.failed_at} do not" for each in (one, other))
        print(f"| {shown} | {'yes' if agree(one, other) else 'NO'} | {(one.seconds + other.seconds) / 60:.1f} |")
    return 0 if sum(agree(*each) for each in pairs) >= 0.8 * len(pairs) else 1


if __name__ == "__main__":
    sys.exit(main())
