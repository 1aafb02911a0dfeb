"""hls.js and Shaka on the embedded origin's low-latency stream for as long as wanted: latency, stalls, errors.

Both play at the same time, each on an origin of its own.

python -m tests.fidelity.low_latency_long [SECONDS] [hlsjs|shaka]     five minutes each if nothing is said
"""

import asyncio
import itertools
import sys
from statistics import median, quantiles

import uvloop
from tests.fidelity.__main__ import Scenario
from tests.fidelity.edge import MASTER, REAL, observe

_JOINED_SECONDS, _MINUTE_SECONDS = 3.0, 60.0
_STILL_SECONDS = 0.05
"""A player whose latency grows by more between two looks, a tenth of a second apart, stands still."""


async def main(seconds: float, players: list[str]) -> int:
    """Play, and print a row for each; how many of them met an error or stood still."""
    print("| player | seconds | first picture | latency P5 | median | P95 | drift | stalls | errors |")
    print("|---" * 9 + "|", flush=True)
    bad = 0
    seen = await asyncio.gather(*(observe(player, Scenario("long", MASTER, seconds), None) for player in players))
    for player, played in zip(players, seen, strict=True):
        joined = [latency for at, latency in played.latencies if at >= _JOINED_SECONDS]
        first, last = played.latency(0.0, _MINUTE_SECONDS), played.latency(seconds - _MINUTE_SECONDS, seconds)
        if len(joined) < 2 or first is None or last is None or played.started is None:
            print(f"{player} did not play: {played.errors}", file=sys.stderr)
            bad += 1
            continue
        still = [after - before > _STILL_SECONDS for before, after in itertools.pairwise(joined)]
        stalls = sum(1 for stands, _ in itertools.groupby(still) if stands)
        low, *_, high = quantiles(joined, n=20)
        figures = (f"{value:.3f} s" for value in (played.started, low, median(joined), high, last - first))
        errors = ", ".join(played.errors) or "none"
        print(f"| {player} | {seconds:g} | {' | '.join(figures)} | {stalls} | {errors} |", flush=True)
        bad += bool(stalls or played.errors)
    return bad


if __name__ == "__main__":
    wanted = [name for name in sys.argv[1:] if name in REAL]
    numbers = [float(word) for word in sys.argv[1:] if word not in REAL]
    sys.exit(min(1, uvloop.run(main(numbers[0] if numbers else 300.0, wanted or list(REAL)))))
