"""Our adaptive viewer beside hls.js, each alone behind the same link, by the variant of every segment.

The embedded origin limits the viewer (`--limit viewer=`), in steps that count from its first request. On demand both
play at the same time, each on an origin of its own; live ours begins at the phase at which the player began. Compared
is, for each segment that both asked for, the variant of the last request for it. A segment of another variant counts as
one of the same where the other player changes to or from that variant with its neighbour: a change may come one segment
sooner or later, since the players do not begin in the same instant. Both shares are told.

    .venv/bin/python -m tests.fidelity.adapting                 all of them, about six minutes
    .venv/bin/python -m tests.fidelity.adapting step live
"""

import asyncio
import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from tests.fidelity.__main__ import SEGMENT_SECONDS, WINDOW, get, requests_of
from tests.support.browser import play_with_hls_js

from hls_swarm.engine.native.comparisons import Comparisons
from hls_swarm.engine.native.viewer import NativeViewer
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.http import Client, ClientContext, Identity
from hls_swarm.records import Record, VariantChosen
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import PROFILES

GOOD_SHARE = 0.95
"""Of the segments, those that must be of the same variant."""
_AT_ONCE = 2
_SEGMENT = re.compile(r"/(\d+p)/seg-(\d+)\.ts")


def link(*steps: tuple[float, float]) -> str:
    """A limit: seconds since the first request, and Mbit/s from then on."""
    first, *later = [(after, round(megabits * 1e6 / 8)) for after, megabits in steps]
    return "/".join([f"viewer={first[1]}", *(f"{after * 1000:.0f}ms:{rate}" for after, rate in later)])


def _mobile() -> list[tuple[float, float]]:
    """Every two seconds another rate, each not far from the one before, as on the way through a town."""
    drawn, rate, out = random.Random(5), 2.5, []
    for second in range(0, 60, 2):
        rate = min(max(rate * drawn.uniform(0.6, 1.6), 0.5), 7.0)
        out.append((float(second), round(rate, 2)))
    return out


@dataclass(frozen=True)
class Trace:
    """A link's course, in steps of seconds and Mbit/s.

    None is near a limit of the ladder at the start: hls.js takes the time that it needs to parse a segment for time on
    the link, a tenth of a second or more while it starts, and ours has none.
    """

    name: str
    steps: tuple[tuple[float, float], ...]
    path: str = "/vod/master.m3u8"
    seconds: float = 40.0


_DIPS = tuple(step for n in range(8) for step in ((6.0 * n, 4.0), (6.0 * n + 4, 0.6)))
_DECAY = tuple((3.0 * n, max(0.9, 6.5 - 0.5 * n)) for n in range(12))
TRACES = (
    Trace("steady", ((0.0, 2.8),)),
    Trace("step down", ((0.0, 6.0), (8.0, 1.2)), seconds=55.0),
    Trace("step up", ((0.0, 1.2), (12.0, 6.0))),
    Trace("spikes", _DIPS),
    Trace("slow decay", _DECAY, seconds=45.0),
    Trace("below the lowest", ((0.0, 0.6),), seconds=45.0),
    Trace("two variants", ((0.0, 7.0), (6.0, 1.0), (24.0, 7.0)), path="/vod/two.m3u8", seconds=45.0),
    Trace("mobile", tuple(_mobile()), seconds=45.0),
    Trace("live, steady", ((0.0, 2.8),), path="/live/master.m3u8"),
    Trace("live, step down", ((0.0, 6.0), (14.0, 1.0)), path="/live/master.m3u8"),
    Trace("live, step up", ((0.0, 1.2), (14.0, 6.0)), path="/live/master.m3u8"),
    Trace("live, mobile", tuple(_mobile()), path="/live/master.m3u8"),
)


@dataclass
class Played:
    """What an origin saw of one player.

    Attributes:
        order: variant and number of every segment asked for; live, numbers are relative to the edge at the start.
        sent_bytes: of each of these.
        phase: of the first request, by the stream's clock.
    """

    order: list[tuple[str, int]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    sent_bytes: list[int] = field(default_factory=list)
    phase: float = 0.0

    @property
    def variants(self) -> dict[int, str]:
        """The variant of the last request for each segment."""
        return {number: variant for variant, number in self.order}

    @property
    def again(self) -> list[int]:
        """Segments that were asked for more than once: given up, or loaded again after a change."""
        numbers = [number for _, number in self.order]
        return sorted({number for number in numbers if numbers.count(number) > 1})


def seen_by(address: OriginAddress, trace: Trace) -> Played:
    """What the origin saw, so far as the trace goes."""
    requests = requests_of(address)
    if not requests:
        return Played()
    first = requests[0].at
    edge = WINDOW - 1 + int(first // SEGMENT_SECONDS) if "/live" in trace.path else 0
    out = Played(phase=first % SEGMENT_SECONDS)
    for one in requests:
        found = _SEGMENT.search(one.target)
        if found is not None and one.at - first <= trace.seconds:
            out.order.append((found[1], int(found[2]) - edge))
            out.times.append(one.at - first)
            out.sent_bytes.append(one.body_bytes)
    return out


async def _real(trace: Trace) -> Played:
    with tempfile.TemporaryDirectory() as folder:
        async with OriginProcess(OriginSettings(port=0, limits=(link(*trace.steps),))) as address:
            url = address.base_url + trace.path
            await asyncio.to_thread(play_with_hls_js, url, trace.seconds + 1.5, Path(folder))
            return await asyncio.to_thread(seen_by, address, trace)


async def _ours(trace: Trace, phase: float | None) -> tuple[Played, list[VariantChosen]]:
    changes: list[VariantChosen] = []

    def report(record: Record) -> None:
        if isinstance(record, VariantChosen):
            changes.append(record)

    async with OriginProcess(OriginSettings(port=0, limits=(link(*trace.steps),))) as address:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        if phase is not None:
            clock = float(await asyncio.to_thread(get, f"{address.base_url}/control/clock"))
            await asyncio.sleep((phase - clock) % SEGMENT_SECONDS)
        machine = Viewer(0, address.base_url + trace.path, PROFILES["hlsjs"], parse_variant("auto"), time.time())
        client = Client(ClientContext(loop), Identity(user_agent="ours"))
        viewer = NativeViewer(machine, client, PlaylistCache(), Comparisons(), report, lambda _: done.set(), loop)
        viewer.start(time.perf_counter())
        await asyncio.sleep(trace.seconds + 0.5)
        if not viewer.over:
            viewer.quit()
            viewer.cancel()
        await asyncio.wait_for(done.wait(), 5)
        return await asyncio.to_thread(seen_by, address, trace), changes


async def compare(trace: Trace, slots: asyncio.Semaphore) -> tuple[Trace, Played, Played]:
    """The real player and ours."""
    async with slots:
        if "/live" in trace.path:
            real = await _real(trace)
            ours, _ = await _ours(trace, real.phase)
        else:
            real, (ours, _) = await asyncio.gather(_real(trace), _ours(trace, None))
        return trace, real, ours


def _course(played: Played) -> str:
    """Variants in order, each with how many segments of it were asked for in a row."""
    out: list[list[object]] = []
    for variant, _ in played.order:
        if out and out[-1][0] == variant:
            out[-1][1] = int(str(out[-1][1])) + 1
        else:
            out.append([variant, 1])
    return " ".join(f"{variant}x{count}" for variant, count in out)


async def main(names: list[str]) -> int:
    """Play all traces and print the table; the number of those that miss."""
    slots = asyncio.Semaphore(_AT_ONCE)
    wanted = [trace for trace in TRACES if not names or any(name in trace.name for name in names)]
    tasks = [asyncio.create_task(compare(trace, slots)) for trace in wanted]
    print("| link | segments | same variant | within one segment | asked for again | changes | same |")
    print("|---|---|---|---|---|---|---|", flush=True)
    bad = 0
    for task in tasks:
        trace, real, ours = await task
        theirs, mine = real.variants, ours.variants
        common = sorted(theirs.keys() & mine.keys())
        same = sum(theirs[number] == mine[number] for number in common)
        near = sum(mine[n] in {theirs.get(n - 1), theirs[n], theirs.get(n + 1)} for n in common)
        share = near / len(common) if common else 0.0
        good = share >= GOOD_SHARE
        bad += not good
        changes = [sum(a[0] != b[0] for a, b in zip(p.order, p.order[1:], strict=False)) for p in (real, ours)]
        print(
            f"| {trace.name} | {len(theirs)} / {len(mine)} | {same} of {len(common)} | {near} "
            f"| {len(real.again)} / {len(ours.again)} | {changes[0]} / {changes[1]} "
            f"| {'yes' if good else 'NO'} |",
            flush=True,
        )
        if not good:
            for title, played in (("hls.js", real), ("ours", ours)):
                print(f"    {title:7}", _course(played), file=sys.stderr)
                times = zip(played.times, played.order, played.sent_bytes, strict=True)
                text = " ".join(f"{at:.2f}:{name}/{number}:{size}" for at, (name, number), size in times)
                print("           ", text[:1500], file=sys.stderr, flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(min(1, uvloop.run(main(sys.argv[1:]))))
