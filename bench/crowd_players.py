"""Real players in a crowd: hls.js, several in one headless Chromium, and what each of them got of the link, as JSON.

    python -m bench.crowd_players URL SECONDS PLAYERS FILE

`bench.adaptive_crowd --players` starts it on the viewers' side of its link.
"""

import json
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.support.players.browser import play_at_once


def figures(seen: dict[str, Any]) -> dict[str, float]:
    """Mean bitrate of what was played (bit/s), changes of variant a minute, and the share of time that play stalled."""
    levels: dict[int, int] = {}
    for one in seen["loaded"]:
        if one["type"] == "main":
            levels[one["sn"]] = one["level"]
    order = [levels[number] for number in sorted(levels)]
    watched = sum(end - begin for begin, end in seen["played"]) + seen["stalled"]
    return {
        "bitrate_bps": sum(seen["bitrates"][level] for level in order) / len(order) if order else 0.0,
        "changes_per_minute": 60 * sum(a != b for a, b in pairwise(order)) / watched if watched else 0.0,
        "rebuffering_ratio": seen["stalled"] / watched if watched else 1.0,
    }


def main() -> int:
    """Play, and write what came of it."""
    url, seconds, count, file = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    with tempfile.TemporaryDirectory() as folder:
        # Each has an address of its own, by which its result is told from the others'.
        urls = [f"{url}?player={nth}" for nth in range(count)]
        file.write_text(json.dumps([figures(one) for one in play_at_once(urls, seconds, Path(folder))]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
