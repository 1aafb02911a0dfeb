"""Our profiles beside the players they are named after, by what the origin sees of each.

Each scenario is played by a real player (hls.js and Shaka Player in headless Chromium, ffmpeg) on an embedded origin of
its own, then by our viewer with that profile on another one, begun at the same phase of the stream's clock and with the
same faults at the same time after the first request. Compared is the origin's list of requests: which objects, in which
order, and when, relative to the first request. `docs/fidelity.md` says what the tolerances are and why.

    make fidelity                   all of them, about twenty minutes
    .venv/bin/python -m tests.fidelity shaka VOD live
"""

import asyncio
import re
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from threading import Event, Thread

import msgspec
import uvloop
from tests.support.players.browser import play_with_hls_js, play_with_shaka
from tests.support.programs import require, running

from hls_swarm.engine.native.comparisons import Comparisons
from hls_swarm.engine.native.viewer import NativeViewer
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.http import Client, ClientContext
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.serving.control import RequestSeen
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import PROFILES

SEGMENT_SECONDS = 2.0
WINDOW = 6


@dataclass(frozen=True)
class Tolerance:
    """At the 95th percentile of the differences in time, in seconds; `docs/fidelity.md` says why."""

    hlsjs: float
    ffmpeg: float = 0.0
    shaka: float = 0.0

    def of(self, player: str) -> float:
        """That for one player."""
        return {"hlsjs": self.hlsjs, "ffmpeg": self.ffmpeg, "shaka": self.shaka}[player]


LIVE = Tolerance(hlsjs=0.4, ffmpeg=0.15, shaka=1.1)
"""hls.js acts on ticks of 100 ms, and a browser takes its time to start; ffmpeg looks every 100 ms if it is time."""
BURST = Tolerance(hlsjs=0.7, ffmpeg=0.15, shaka=0.7)
"""While a buffer is filled: hls.js takes apart and appends each segment before it asks for the next."""
SLOW = Tolerance(hlsjs=0.5, ffmpeg=2.5, shaka=1.1)
"""With slow bodies: ffmpeg has two segments under way at once, so its requests and reloads fall elsewhere."""
_DRAWS_NOTHING = {"retryParameters": {"fuzzFactor": 0}}
SHAKA_WAITS_AS_LONG = {"manifest": _DRAWS_NOTHING, "streaming": _DRAWS_NOTHING}
"""It draws how long it waits before another try; ours has the mean here, and so has it."""
_PLAYERS = ("hlsjs", "shaka", "ffmpeg")
_AT_ONCE = 2
"""Players at a time: more would disturb each other on two cores."""
_EDGE_SECONDS, _TRIES = 0.3, 4
"""A player that begins when a segment is about to appear finds it or not by chance: then it is tried again."""
_NUMBER = re.compile(r"seg-(\d+)\.")


@dataclass(frozen=True)
class Scenario:
    """What is played, and what goes wrong meanwhile.

    Args:
        faults: seconds after the player's first request, and the fault.
        live: whether segment numbers count from the live edge at that request.
    """

    name: str
    path: str
    seconds: float
    faults: tuple[tuple[float, str], ...] = ()
    live: bool = False
    players: tuple[str, ...] = ("hlsjs", "shaka", "ffmpeg")
    tolerance: Tolerance = LIVE


SCENARIOS = (
    Scenario("live", "/live/360p/playlist.m3u8", 24.0, live=True),
    Scenario("DVR", "/dvr/360p/playlist.m3u8", 20.0, live=True),
    Scenario("VOD", "/vod/360p/playlist.m3u8", 24.0, tolerance=BURST),
    Scenario("VOD, byte ranges", "/ranges/master.m3u8", 12.0, tolerance=BURST),
    Scenario("VOD, AES-128", "/aes/master.m3u8", 12.0, tolerance=BURST),
    Scenario("VOD, discontinuities", "/discontinuity/master.m3u8", 12.0, tolerance=BURST),
    Scenario("live, origin pauses 8 s", "/live/360p/playlist.m3u8", 30.0, ((5.0, "pause=8s"),), live=True),
    Scenario(
        "live, segments answer 503 for 3 s",
        "/live/360p/playlist.m3u8",
        20.0,
        ((5.0, "status=503,on=segment,for=3s"),),
        live=True,
        players=("hlsjs", "shaka"),
    ),
    Scenario(
        "live, playlists answer 503 for 3 s",
        "/live/360p/playlist.m3u8",
        20.0,
        ((5.0, "status=503,on=playlist,for=3s"),),
        live=True,
        players=("hlsjs", "shaka"),
    ),
    Scenario(
        "live, slow bodies",
        "/live/360p/playlist.m3u8",
        20.0,
        ((0.0, "slow=150k,on=segment"),),
        live=True,
        tolerance=SLOW,
    ),
    Scenario("DVR, origin pauses 8 s", "/dvr/360p/playlist.m3u8", 30.0, ((5.0, "pause=8s"),), live=True),
    Scenario("VOD, fragmented MP4", "/fmp4/video-540p/playlist.m3u8", 12.0, tolerance=BURST),
    Scenario("VOD, origin pauses 3 s", "/vod/360p/playlist.m3u8", 24.0, ((0.3, "pause=3s"),), tolerance=BURST),
    Scenario(
        "VOD, segments answer 503 for 3 s",
        "/vod/360p/playlist.m3u8",
        24.0,
        ((0.0, "status=503,on=segment,for=3s"),),
        players=("hlsjs",),  # Shaka tries twice and plays nothing then
        tolerance=BURST,
    ),
)


@dataclass
class Seen:
    """What an origin saw of one player: times since its first request; the phase of that by the stream's clock."""

    phase: float = 0.0
    requests: list[tuple[float, str, int]] = field(default_factory=list)

    def segments(self) -> list[tuple[float, str]]:
        """Segments, init sections and keys."""
        return [(at, name) for at, name, _ in self.requests if not name.endswith(".m3u8")]

    def playlists(self) -> list[tuple[float, str]]:
        """Playlists of both kinds."""
        return [(at, name) for at, name, _ in self.requests if name.endswith(".m3u8")]


def get(url: str) -> str:
    """The text of a control page."""
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - a loopback URL of our own
        text: str = answer.read().decode()
        return text


def requests_of(address: OriginAddress) -> list[RequestSeen]:
    """What was asked for, in order of asking; a browser's preflights aside."""
    lines = get(f"{address.base_url}/control/requests").splitlines()
    seen = [msgspec.json.decode(line, type=RequestSeen) for line in lines]
    return sorted((one for one in seen if one.method == "GET"), key=lambda one: one.at)


def set_faults(
    address: OriginAddress, scenario: Scenario, over: Event, counts: Callable[[RequestSeen], bool] = lambda _: True
) -> None:
    """Set each fault at its time after the first request that counts."""
    began = None
    while began is None and not over.wait(0.02):
        seen = [one for one in requests_of(address) if counts(one)]
        if seen:
            clock = float(get(f"{address.base_url}/control/clock"))
            began = time.perf_counter() - (clock - seen[0].at)
    for after, fault in scenario.faults:
        if after == 0:
            continue  # set before the player came
        if began is None or over.wait(max(0.0, began + after - time.perf_counter())):
            return
        get(f"{address.base_url}/control/set/{urllib.parse.quote(fault)}")


def collect(address: OriginAddress, scenario: Scenario) -> Seen:
    """The origin's view of the player, numbers of a live stream made relative to its edge at the first request."""
    seen = requests_of(address)
    if not seen:
        return Seen()
    first = seen[0].at
    edge = WINDOW - 1 + int(first // SEGMENT_SECONDS) if "/live" in scenario.path else None
    if "/dvr" in scenario.path:
        edge = OriginSettings().dvr_window - 1 + int(first // SEGMENT_SECONDS)
    out = Seen(first % SEGMENT_SECONDS)
    for one in seen:
        at = one.at - first
        if at > scenario.seconds:
            break
        name = one.target.rpartition("/")[2].partition("?")[0]
        number = _NUMBER.search(name)
        if scenario.live and number is not None and edge is not None:
            name = f"edge{int(number[1]) - edge:+d}"
        if one.range and one.range != "bytes=0-":  # what ffmpeg asks for instead of the whole
            name += f" {one.range}"
        out.requests.append((at, name, one.status))
    return out


def play_real(player: str, url: str, seconds: float, folder: Path) -> None:
    """Let a real player play."""
    if player == "hlsjs":
        play_with_hls_js(url, seconds + 1.5, folder)
        return
    if player == "shaka":
        play_with_shaka(url, seconds + 1.5, folder, config=SHAKA_WAITS_AS_LONG)
        return
    command = [require("ffmpeg"), "-nostdin", "-hide_banner", "-i", url, "-map", "0", "-c", "copy", "-f", "null", "-"]
    with running(command, folder / "ffmpeg.log") as process:
        deadline = time.monotonic() + seconds + 1.5
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)


async def play_ours(profile: str, url: str, seconds: float, address: OriginAddress, phase: float | None) -> None:
    """Let our viewer play, begun at a phase of the stream's clock."""
    loop = asyncio.get_running_loop()
    if phase is not None:
        clock = float(await asyncio.to_thread(get, f"{address.base_url}/control/clock"))
        at = time.perf_counter()
        wait = (phase - clock) % SEGMENT_SECONDS
        await asyncio.sleep(max(0.0, at + wait - time.perf_counter()))
    done = asyncio.Event()
    viewer = NativeViewer(
        Viewer(0, url, PROFILES[profile], parse_variant("highest"), time.time() - time.perf_counter()),
        Client(ClientContext(loop)),
        PlaylistCache(),
        Comparisons(),
        lambda _: None,
        lambda _: done.set(),
        loop,
    )
    viewer.start(time.perf_counter())
    await asyncio.sleep(seconds)
    if not viewer.over:
        viewer.quit()
        viewer.cancel()
    await asyncio.wait_for(done.wait(), 5)


async def observe(scenario: Scenario, play: Callable[[OriginAddress, Path], "asyncio.Future[None]"]) -> Seen:
    """One player on an origin of its own, disturbed as the scenario says."""
    with tempfile.TemporaryDirectory() as folder:
        at_once = tuple(fault for after, fault in scenario.faults if after == 0)
        async with OriginProcess(OriginSettings(port=0, faults=at_once)) as address:
            over = Event()
            disturber = Thread(target=set_faults, args=(address, scenario, over))
            disturber.start()
            try:
                await play(address, Path(folder))
            finally:
                over.set()
                await asyncio.to_thread(disturber.join)
            return await asyncio.to_thread(collect, address, scenario)


@dataclass(frozen=True)
class Comparison:
    """How near two sequences of requests are.

    Args:
        same: whether the objects are the same, in the same order, as far as both go.
    """

    counts: tuple[int, int]
    same: bool
    median_seconds: float
    p95_seconds: float


def compare(real: list[tuple[float, str]], ours: list[tuple[float, str]]) -> Comparison:
    """Object by object, in order; the shorter list says how far, and they may differ by one at the end."""
    pairs = list(zip(real, ours, strict=False))
    differences = sorted(abs(a - b) for (a, _), (b, _) in pairs) or [0.0]
    same = bool(pairs) and abs(len(real) - len(ours)) <= 1 and all(a == b for (_, a), (_, b) in pairs)
    p95 = differences[min(len(differences) - 1, int(0.95 * len(differences)))]
    return Comparison((len(real), len(ours)), same, median(differences), p95)


async def run_one(scenario: Scenario, player: str, slots: asyncio.Semaphore) -> tuple[Scenario, str, Seen, Seen]:
    """The real player, then ours."""
    async with slots:

        def real_player(address: OriginAddress, folder: Path) -> "asyncio.Future[None]":
            url = address.base_url + scenario.path
            return asyncio.ensure_future(asyncio.to_thread(play_real, player, url, scenario.seconds, folder))

        real = await observe(scenario, real_player)
        for _ in range(_TRIES - 1):
            if not scenario.live or _EDGE_SECONDS < real.phase < SEGMENT_SECONDS - _EDGE_SECONDS:
                break
            real = await observe(scenario, real_player)

        def our_viewer(address: OriginAddress, _: Path) -> "asyncio.Future[None]":
            url = address.base_url + scenario.path
            phase = real.phase if scenario.live else None
            return asyncio.ensure_future(play_ours(player, url, scenario.seconds + 0.5, address, phase))

        return scenario, player, real, await observe(scenario, our_viewer)


async def main(words: list[str]) -> int:
    """Play the scenarios and print the table; the number of those out of tolerance.

    Args:
        words: players, and what names of scenarios begin with; none: all.
    """
    slots = asyncio.Semaphore(_AT_ONCE)
    players = [word for word in words if word in _PLAYERS] or _PLAYERS
    names = [word for word in words if word not in _PLAYERS]
    wanted = [s for s in SCENARIOS if not names or any(s.name.startswith(name) for name in names)]
    tasks = [
        asyncio.create_task(run_one(scenario, player, slots))
        for scenario in wanted
        for player in scenario.players
        if player in players
    ]
    print("| stream | player | segments | same | median | P95 | playlists | median | P95 | in tolerance |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    bad = 0
    for task in tasks:
        scenario, player, real, ours = await task
        segments, playlists = compare(real.segments(), ours.segments()), compare(real.playlists(), ours.playlists())
        good = (
            segments.same
            and playlists.same
            and max(segments.p95_seconds, playlists.p95_seconds) <= scenario.tolerance.of(player)
        )
        bad += not good
        print(
            f"| {scenario.name} | {player} | {segments.counts[0]} / {segments.counts[1]} "
            f"| {'yes' if segments.same else 'NO'} "
            f"| {segments.median_seconds * 1e3:.0f} ms | {segments.p95_seconds * 1e3:.0f} ms "
            f"| {playlists.counts[0]} / {playlists.counts[1]} "
            f"| {playlists.median_seconds * 1e3:.0f} ms | {playlists.p95_seconds * 1e3:.0f} ms "
            f"| {'yes' if good else 'NO'} |",
            flush=True,
        )
        if not good:
            for which in (Seen.segments, Seen.playlists):
                for title, seen in ((player, real), ("ours", ours)):
                    print(
                        f"    {title:7}", " ".join(f"{at:.2f}:{name}" for at, name in which(seen)[:40]), file=sys.stderr
                    )
    return bad


if __name__ == "__main__":
    sys.exit(min(1, uvloop.run(main(sys.argv[1:]))))
