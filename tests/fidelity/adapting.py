"""Our adaptive viewers beside hls.js and Shaka, each alone behind the same link, by the variant of every segment.

The embedded origin limits the viewer (`--limit viewer=`), in steps that count from its first request, and some rows
have faults, at the same time after it. On demand both play at the same time, each on an origin of its own; live ours
begins at the phase at which the player began. Compared is:

- for each segment that both asked for, the variant of the last request for it; a segment of another variant is told
  apart where the other player changes to or from that variant with its neighbour, since players that do not begin in
  the same instant change one segment sooner or later;
- the changes in order: to which variant, and with which segment;
- which segments were asked for more than once: given up, or loaded again.

    .venv/bin/python -m tests.fidelity.adapting                        all of them, about forty minutes
    .venv/bin/python -m tests.fidelity.adapting shaka "step down" live
"""

import asyncio
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any

import uvloop
from tests.fidelity.__main__ import (
    SEGMENT_SECONDS,
    SHAKA_WAITS_AS_LONG,
    WINDOW,
    Scenario,
    get,
    requests_of,
    set_faults,
)
from tests.support.players.browser import play_with_hls_js, play_with_shaka

from hls_swarm.engine.native.comparisons import Comparisons
from hls_swarm.engine.native.viewer import NativeViewer
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.http import Client, ClientContext, Identity
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import PROFILES

_TRIES = 3
GOOD_SHARE = 0.95
"""Of the segments, those that must be of the same variant."""
MOST_APART = 2
"""How many segments one of them may have asked for that the other did not come to."""
_SEGMENT = re.compile(r"/(?:video-)?(\d+p)/seg-(\d+)\.(?:ts|m4s)")
_PLAYERS: dict[str, Callable[..., dict[str, Any]]] = {"hlsjs": play_with_hls_js, "shaka": play_with_shaka}
_DOWNLINK_BPS = {"hlsjs": None, "shaka": 1.5e6}
"""What a browser says of a link that it has not measured; only Shaka asks it."""
_CONFIG: dict[str, dict[str, Any] | None] = {
    "hlsjs": None,
    # A variant whose pictures a busy machine without a screen can not draw in time would be left for that.
    "shaka": {"abr": {"droppedFrames": False}, **SHAKA_WAITS_AS_LONG},
}


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

    None is near a limit of the ladder at the start: players take the time that they need to parse a segment for time on
    the link, a tenth of a second or more while they start, and ours has none.
    """

    name: str
    steps: tuple[tuple[float, float], ...]
    path: str = "/vod/master.m3u8"
    seconds: float = 40.0
    faults: tuple[tuple[float, str], ...] = ()

    @property
    def scenario(self) -> Scenario:
        """The same, for what sets faults."""
        return Scenario(self.name, self.path, self.seconds, self.faults)


_LIVE, _APART = "/live/master.m3u8", "/fmp4/master.m3u8"
_DIPS = tuple(step for n in range(8) for step in ((6.0 * n, 4.0), (6.0 * n + 4, 0.6)))
_DECAY = tuple((3.0 * n, max(0.9, 6.5 - 0.5 * n)) for n in range(12))
_DOWN, _UP = ((0.0, 6.0), (14.0, 1.0)), ((0.0, 1.2), (14.0, 6.0))
_SMALL_DOWN, _SMALL_UP = ((0.0, 1.0), (8.0, 0.12)), ((0.0, 0.15), (10.0, 1.0))
"""Fragmented MP4 has two variants, of 0.11 and 0.14 Mbit/s, and sound apart."""
_UNAVAILABLE = "status=503,on=segment,for=3s"
_GONE = "status=404,on=segment,path=/720p/"
TRACES = (
    Trace("steady", ((0.0, 2.8),)),
    Trace("step down", ((0.0, 6.0), (8.0, 1.2)), seconds=55.0),
    Trace("step up", ((0.0, 1.2), (12.0, 6.0))),
    Trace("spikes", _DIPS),
    Trace("slow decay", _DECAY, seconds=45.0),
    Trace("below the lowest", ((0.0, 0.6),), seconds=45.0),
    Trace("two variants", ((0.0, 7.0), (6.0, 1.0), (24.0, 7.0)), path="/vod/two.m3u8", seconds=45.0),
    Trace("mobile", tuple(_mobile()), seconds=45.0),
    Trace("live, steady", ((0.0, 2.8),), path=_LIVE),
    Trace("live, step down", _DOWN, path=_LIVE),
    Trace("live, step up", _UP, path=_LIVE),
    Trace("live, mobile", tuple(_mobile()), path=_LIVE),
    Trace("step up, 503 for 3 s", ((0.0, 1.2), (12.0, 6.0)), faults=((6.0, _UNAVAILABLE),)),
    Trace("the highest is gone", ((0.0, 7.0),), seconds=30.0, faults=((5.0, _GONE),)),
    Trace("live, step up, 503 for 3 s", _UP, path=_LIVE, faults=((8.0, _UNAVAILABLE),)),
    Trace("live, the highest is gone", ((0.0, 7.0),), path=_LIVE, seconds=30.0, faults=((12.0, _GONE),)),
    Trace("live, step up, a pause of 5 s", _UP, path=_LIVE, faults=((8.0, "pause=5s"),)),
    Trace("sound apart, step down", _SMALL_DOWN, path=_APART),
    Trace("sound apart, step up", _SMALL_UP, path=_APART),
    Trace("sound apart, 503 for 3 s", ((0.0, 1.0),), path=_APART, seconds=30.0, faults=((3.0, _UNAVAILABLE),)),
)


@dataclass
class Played:
    """What an origin saw of one player.

    Attributes:
        order: variant and number of every segment asked for; live, numbers are relative to the edge at the start.
        sent_bytes: of each of these.
        phase: of the first request, by the stream's clock.
        network: what the player's browser said of its link, each with the seconds since the page began; Shaka forgets
            what it has measured when that changes.
        switches: of Shaka, each with the seconds since the page began, its lines and the estimate in Mbit/s.
        from_cache: segments that the player asked for and the browser had already.
    """

    order: list[tuple[str, int]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    sent_bytes: list[int] = field(default_factory=list)
    phase: float = 0.0
    network: list[tuple[float, float]] = field(default_factory=list)
    switches: list[tuple[float, int, float]] = field(default_factory=list)
    from_cache: list[str] = field(default_factory=list)

    @property
    def variants(self) -> dict[int, str]:
        """The variant of the last request for each segment."""
        return {number: variant for variant, number in self.order}

    @property
    def again(self) -> list[int]:
        """Segments that were asked for more than once: given up, failed, or loaded again after a change."""
        numbers = [number for _, number in self.order]
        return sorted({number for number in numbers if numbers.count(number) > 1})

    @property
    def changes(self) -> list[tuple[int, str]]:
        """With which segment it changed, and to which variant."""
        return [(number, variant) for (before, _), (variant, number) in pairwise(self.order) if before != variant]


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


def _from_cache(address: OriginAddress, asked: list[str]) -> list[str]:
    """Segments that a page asked for more often than the origin was asked for them."""
    in_page = Counter(url.removeprefix(address.base_url) for url in asked if _SEGMENT.search(url))
    at_origin = Counter(one.target for one in requests_of(address))
    return [target for target, count in in_page.items() if count > at_origin[target]]


async def _real(trace: Trace, player: str) -> Played:
    with tempfile.TemporaryDirectory() as folder:
        async with OriginProcess(OriginSettings(port=0, limits=(link(*trace.steps),))) as address:
            over = Event()
            disturber = Thread(target=set_faults, args=(address, trace.scenario, over))
            disturber.start()
            url, play = address.base_url + trace.path, _PLAYERS[player]
            try:
                told = await asyncio.to_thread(play, url, trace.seconds + 1.5, Path(folder), None, _CONFIG[player])
            finally:
                over.set()
                await asyncio.to_thread(disturber.join)
            seen = await asyncio.to_thread(seen_by, address, trace)
            seen.network = [(round(each["at"], 2), each["downlink"]) for each in told.get("network", [])]
            seen.from_cache = await asyncio.to_thread(_from_cache, address, told.get("asked", []))
            seen.switches = [
                (round(each["at"], 2), each["height"], round(each["estimate"] / 1e6, 2))
                for each in told.get("switches", [])
                if "estimate" in each
            ]
            return seen


async def _ours(trace: Trace, profile: str, phase: float | None) -> Played:
    async with OriginProcess(OriginSettings(port=0, limits=(link(*trace.steps),))) as address:
        loop, done, over = asyncio.get_running_loop(), asyncio.Event(), Event()
        disturber = Thread(target=set_faults, args=(address, trace.scenario, over))
        disturber.start()
        if phase is not None:
            clock = float(await asyncio.to_thread(get, f"{address.base_url}/control/clock"))
            await asyncio.sleep((phase - clock) % SEGMENT_SECONDS)
        url, auto, link_bps = address.base_url + trace.path, parse_variant("auto"), _DOWNLINK_BPS[profile]
        machine = Viewer(0, url, PROFILES[profile], auto, time.time(), link_bps=link_bps)
        client = Client(ClientContext(loop), Identity(user_agent="ours"))
        viewer = NativeViewer(
            machine, client, PlaylistCache(), Comparisons(), lambda _: None, lambda _: done.set(), loop
        )
        try:
            viewer.start(time.perf_counter())
            await asyncio.sleep(trace.seconds + 0.5)
            if not viewer.over:
                viewer.quit()
                viewer.cancel()
            await asyncio.wait_for(done.wait(), 5)
        finally:
            over.set()
            await asyncio.to_thread(disturber.join)
        return await asyncio.to_thread(seen_by, address, trace)


async def compare(trace: Trace, player: str) -> tuple[Played, Played, int]:
    """The real player and ours, and how often they played.

    Shaka puts its playhead into place a tenth of a second after its first segment, sometimes so that it asks for that
    segment again. The browser has it, and Shaka takes the milliseconds of that for the link's. It is chance, one time
    in ten, and such a course says nothing of the link: then they play again.
    """
    for tries in range(1, _TRIES + 1):
        if "/live" in trace.path:
            real = await _real(trace, player)
            if real.from_cache and tries < _TRIES:
                continue
            return real, await _ours(trace, player, real.phase), tries
        real, ours = await asyncio.gather(_real(trace, player), _ours(trace, player, None))
        if not real.from_cache or tries == _TRIES:
            return real, ours, tries
    raise AssertionError("the last try counts, however it went")


@dataclass(frozen=True)
class Nearness:
    """How near one player's course is to another's.

    Attributes:
        common: segments that both asked for.
        same: those of the same variant.
        near: those, and those of a variant that the other player has for a neighbour.
        same_changes: whether both made the same changes, each with the same segment or the next.
        same_again: whether both asked for the same segments again, or for their neighbours.
    """

    common: int
    same: int
    near: int
    same_changes: bool
    same_again: bool


def nearness(real: Played, ours: Played) -> Nearness:
    """Compare two courses."""
    theirs, mine = real.variants, ours.variants
    common = sorted(theirs.keys() & mine.keys())
    same = sum(theirs[number] == mine[number] for number in common)
    near = sum(mine[n] in {theirs.get(n - 1), theirs[n], theirs.get(n + 1)} for n in common)
    last = common[-1] if common else 0
    # What one side does with the last segment of the run the other may just not have come to.
    changes = [[change for change in played.changes if change[0] < last] for played in (real, ours)]
    again = [[number for number in played.again if number < last] for played in (real, ours)]
    same_changes = len(changes[0]) == len(changes[1]) and all(
        a[1] == b[1] and abs(a[0] - b[0]) <= 1 for a, b in zip(*changes, strict=True)
    )
    same_again = len(again[0]) == len(again[1]) and all(abs(a - b) <= 1 for a, b in zip(*again, strict=True))
    return Nearness(len(common), same, near, same_changes, same_again)


def _course(played: Played) -> str:
    """Variants in order, each with how many segments of it were asked for in a row."""
    out: list[list[object]] = []
    for variant, _ in played.order:
        if out and out[-1][0] == variant:
            out[-1][1] = int(str(out[-1][1])) + 1
        else:
            out.append([variant, 1])
    return " ".join(f"{variant}x{count}" for variant, count in out)


def _names(word: str, trace: Trace) -> bool:
    """Whether a word of the command line means a trace: its name, or a part of it that is nobody's name."""
    return word == trace.name or (word in trace.name and all(word != each.name for each in TRACES))


async def main(words: list[str]) -> int:
    """Play the traces one after the other and print the table; the number of those that miss."""
    players = [word for word in words if word in _PLAYERS] or list(_PLAYERS)
    names = [word for word in words if word not in _PLAYERS]
    columns = ("link", "player", "load", "tries", "segments", "same variant", "within one", "changes", "the same")
    print(f"| {' | '.join((*columns, 'again', 'the same'))} |")
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    bad, sums = 0, []
    for player in players:
        rows = alike = counted = 0
        for trace in TRACES:
            if names and not any(_names(name, trace) for name in names):
                continue
            load = os.getloadavg()[0]
            real, ours, tries = await compare(trace, player)
            found = nearness(real, ours)
            good = bool(found.common) and found.same >= GOOD_SHARE * found.common
            rows, alike = rows + 1, alike + good
            good = good and found.same_changes and found.same_again
            good = good and abs(len(real.variants) - len(ours.variants)) <= MOST_APART
            bad, counted = bad + (not good), counted + good
            print(
                f"| {trace.name} | {player} | {load:.0f} | {tries} | {len(real.variants)} / {len(ours.variants)} "
                f"| {found.same} of {found.common} | {found.near} | {len(real.changes)} / {len(ours.changes)} "
                f"| {'yes' if found.same_changes else 'NO'} | {len(real.again)} / {len(ours.again)} "
                f"| {'yes' if found.same_again else 'NO'} |",
                flush=True,
            )
            if not good:
                for title, played in ((player, real), ("ours", ours)):
                    print(
                        f"    {title:7}", _course(played), played.network or "", played.switches or "", file=sys.stderr
                    )
                    times = zip(played.times, played.order, played.sent_bytes, strict=True)
                    text = " ".join(f"{at:.2f}:{name}/{number}:{size}" for at, (name, number), size in times)
                    print("           ", text[:2500], file=sys.stderr, flush=True)
        sums.append(
            f"Of {player} {alike} of {rows} rows have the same variant for 95% of segments, and {counted} count."
        )
    print("\n" + "\n".join(sums))
    return bad


if __name__ == "__main__":
    sys.exit(min(1, uvloop.run(main(sys.argv[1:]))))
