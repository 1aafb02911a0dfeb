"""Our hls.js profile beside hls.js itself on low-latency streams, request for request, query strings included.

As in `tests.fidelity`: each player has an embedded origin of its own, ours begins at the same phase of the stream's
clock, and the same goes wrong at the same time after the first request. Segments are numbered from the one that was
being made at the first request. Compared is, for each track, which reloads and which media were asked for, in order,
and how far behind live the player was at the end. `docs/fidelity.md` says what the tolerances are and why.

    python -m tests.fidelity.low_latency [NAME...]
"""

import asyncio
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import uvloop
from tests.fidelity.__main__ import SEGMENT_SECONDS, Scenario, Tolerance, compare, get, requests_of, set_faults
from tests.support.browser import play_with_hls_js

from hls_swarm.engine.native.comparisons import Comparisons
from hls_swarm.engine.native.viewer import NativeViewer
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.http import Client, ClientContext
from hls_swarm.records import LatencyObserved, PlaybackStarted, Record, StallStarted
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.testorigin.lowlatency.stream import LEAST_WINDOW
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import HLSJS

LATENCY_SECONDS = 0.3
TOLERANCE = Tolerance(hlsjs=0.7)
_PART_SECONDS = 0.333
_MOST_SKIPPED = 3
_NUMBER = re.compile(r"(?<=seg-)\d+|(?<=_HLS_msn=)\d+")
_MEDIA, _MASTER = "/ll/video-540p/playlist.m3u8", "/ll/master.m3u8"

SCENARIOS = (
    Scenario("low latency", _MEDIA, 16.0),
    Scenario("low latency, audio apart", _MASTER, 16.0),
    Scenario("low latency, origin pauses 3 s", _MEDIA, 20.0, ((5.0, "pause=3s"),)),
    Scenario("low latency, playlists stay as they are for 4 s", _MEDIA, 20.0, ((5.0, "frozen,for=4s"),)),
    Scenario("low latency, playlists answer 503 for 2 s", _MEDIA, 20.0, ((5.0, "status=503,on=playlist,for=2s"),)),
    Scenario("low latency, parts half a second late for 3 s", _MEDIA, 20.0, ((5.0, "late=500ms,for=3s"),)),
)


@dataclass
class Played:
    """What the origin saw of a player, and how far behind live that was at the end.

    Attributes:
        phase: of its first request, by the stream's clock.
        reloads, media: by track, in order: when since the first request, and what.
        startup: from the first request to the first picture, in seconds.
    """

    phase: float = 0.0
    reloads: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    media: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    latency: float | None = None
    startup: float = 0.0
    stalls: int = 0

    def comparable_latency(self, *, stalled: bool) -> float | None:
        """How far behind live it chose to be: what it took to show the first picture comes on top of that.

        Args:
            stalled: play went on when media came again: that says how far behind it is, and not how it began.
        """
        return None if self.latency is None else self.latency - (0.0 if stalled else self.startup)


def collect(address: OriginAddress, scenario: Scenario) -> Played:
    """The origin's view of the player."""
    seen = [one for one in requests_of(address) if "/ll/" in one.target]
    if not seen:
        return Played()
    first = seen[0].at
    being_made = LEAST_WINDOW + int(first // SEGMENT_SECONDS)
    out = Played(first % SEGMENT_SECONDS)
    for one in seen:
        if one.at - first > scenario.seconds:
            break
        path, _, query = one.target.partition("?")
        *_, track, name = path.split("/")
        text = _NUMBER.sub(lambda number: f"{int(number[0]) - being_made:+d}", f"{name}?{query}" if query else name)
        (out.reloads if name.endswith(".m3u8") else out.media).setdefault(track, []).append((one.at - first, text))
    return out


async def observe(scenario: Scenario, phase: float | None) -> Played:
    """One player on an origin of its own; hls.js if no phase is given."""
    with tempfile.TemporaryDirectory() as folder:
        async with OriginProcess(OriginSettings(port=0, part_seconds=_PART_SECONDS)) as address:
            over = Event()
            disturber = Thread(target=set_faults, args=(address, scenario, over))
            disturber.start()
            url = address.base_url + scenario.path
            try:
                if phase is None:
                    config = {"startLevel": 1}
                    result: dict[str, Any] = await asyncio.to_thread(
                        play_with_hls_js, url, scenario.seconds + 1.5, Path(folder), None, config
                    )
                    latency, startup, stalls = result["latency"], result["started"] or 0.0, result["waiting"]
                else:
                    latency, startup, stalls = await play_ours(url, scenario.seconds + 0.5, address, phase)
            finally:
                over.set()
                await asyncio.to_thread(disturber.join)
            played = await asyncio.to_thread(collect, address, scenario)
            played.latency, played.startup, played.stalls = latency, startup, stalls
            return played


async def play_ours(url: str, seconds: float, address: OriginAddress, phase: float) -> tuple[float | None, float, int]:
    """Let our viewer play, begun at a phase of the stream's clock; its last latency, its startup and its stalls."""
    loop = asyncio.get_running_loop()
    clock = float(await asyncio.to_thread(get, f"{address.base_url}/control/clock"))
    at = time.perf_counter()
    await asyncio.sleep(max(0.0, at + (phase - clock) % SEGMENT_SECONDS - time.perf_counter()))
    done, records = asyncio.Event(), list[Record]()
    viewer = NativeViewer(
        Viewer(0, url, HLSJS, parse_variant("highest"), time.time() - time.perf_counter()),
        Client(ClientContext(loop)),
        PlaylistCache(),
        Comparisons(),
        records.append,
        lambda _: done.set(),
        loop,
    )
    viewer.start(time.perf_counter())
    await asyncio.sleep(seconds)
    if not viewer.over:
        viewer.quit()
        viewer.cancel()
    await asyncio.wait_for(done.wait(), 5)
    latencies = [record.edge_seconds for record in records if isinstance(record, LatencyObserved)]
    startup = next((record.startup_seconds for record in records if isinstance(record, PlaybackStarted)), 0.0)
    stalls = sum(isinstance(record, StallStarted) for record in records)
    return (latencies[-1] if latencies else None), startup, stalls


def aligned(real: list[tuple[float, str]], ours: list[tuple[float, str]]) -> tuple[list[Any], list[Any], int]:
    """Both from the first request on that they have in common, and how many that leaves out of the longer one.

    A browser takes its time for its first requests; meanwhile a part or two is published.
    """
    for skipped in range(_MOST_SKIPPED + 1):
        for mine, theirs in ((real[skipped:], ours), (real, ours[skipped:])):
            if mine and theirs and mine[0][1] == theirs[0][1]:
                return mine, theirs, skipped
    return real, ours, 0


async def run_one(scenario: Scenario, slots: asyncio.Semaphore) -> tuple[Scenario, Played, Played]:
    """hls.js, then ours."""
    async with slots:
        real = await observe(scenario, None)
        return scenario, real, await observe(scenario, real.phase)


async def main(names: list[str]) -> int:
    """Play all scenarios and print the table; the number of rows out of tolerance."""
    slots = asyncio.Semaphore(2)
    wanted = [scenario for scenario in SCENARIOS if not names or any(name in scenario.name for name in names)]
    tasks = [asyncio.create_task(run_one(scenario, slots)) for scenario in wanted]
    head = (
        "stream, track, late by, reloads, same, median, P95, media, same, median, P95, latency, startup, in tolerance"
    )
    print(f"| {head.replace(', ', ' | ')} |")
    print("|---" * len(head.split(", ")) + "|")
    bad = 0
    for task in tasks:
        scenario, real, ours = await task
        stalled = bool(real.stalls and ours.stalls)
        theirs, mine = real.comparable_latency(stalled=stalled), ours.comparable_latency(stalled=stalled)
        near = theirs is not None and mine is not None and abs(theirs - mine) <= LATENCY_SECONDS
        for track in sorted(real.media):
            # The first reload has no directives, wherever the playlist is.
            reloads_left = aligned(real.reloads.get(track, [])[1:], ours.reloads.get(track, [])[1:])
            media_left = aligned(_parts(real.media[track]), _parts(ours.media.get(track, [])))
            reloads, media = compare(*reloads_left[:2]), compare(*media_left[:2])
            good = near and reloads.same and media.same
            good = good and max(reloads.p95_seconds, media.p95_seconds) <= TOLERANCE.hlsjs
            bad += not good
            latency = f"{_shown(theirs)} / {_shown(mine)}"
            startup = f"{_shown(real.startup)} / {_shown(ours.startup)}"
            cells = [scenario.name, track, str(max(reloads_left[2], media_left[2]))]
            for each in (reloads, media):
                cells += [
                    f"{each.counts[0]} / {each.counts[1]}",
                    "yes" if each.same else "NO",
                    f"{each.median_seconds * 1e3:.0f} ms",
                    f"{each.p95_seconds * 1e3:.0f} ms",
                ]
            print(f"| {' | '.join([*cells, latency, startup, 'yes' if good else 'NO'])} |", flush=True)
            if not good:
                for which in ("reloads", "media"):
                    for title, played in (("hls.js", real), ("ours", ours)):
                        listed = getattr(played, which).get(track, [])
                        line = " ".join(f"{at:.2f}:{name}" for at, name in listed[:60])
                        print(f"    {title:7}{played.stalls} stalls  {line}", file=sys.stderr)
    return bad


def _parts(media: list[tuple[float, str]]) -> list[tuple[float, str]]:
    return [each for each in media if not each[1].startswith("init")]


def _shown(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"


if __name__ == "__main__":
    sys.exit(min(1, uvloop.run(main(sys.argv[1:]))))
