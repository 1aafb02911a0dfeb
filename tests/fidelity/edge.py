"""One player on a low-latency stream of an embedded origin of its own: what the origin sees, what the player meets.

Time counts from the first request for a media playlist: a browser takes some time from the multivariant playlist to
that, and what a player finds at the edge depends on when it looks. Segments are numbered from the one that was being
made then. Latency is wall clock less EXT-X-PROGRAM-DATE-TIME at the playhead, for all players alike.
"""

import asyncio
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

from tests.fidelity.__main__ import SEGMENT_SECONDS, Scenario, get, requests_of, set_faults
from tests.support.players.browser import play_with_hls_js, play_with_shaka

from hls_swarm.engine.native.comparisons import Comparisons
from hls_swarm.engine.native.viewer import NativeViewer
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.http import Client, ClientContext
from hls_swarm.records import LatencyObserved, PlaybackStarted, Record, StallStarted
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.testorigin.lowlatency.stream import LEAST_WINDOW
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.serving.control import RequestSeen
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import PROFILES, Profile

PART_SECONDS, PART_TARGET_SECONDS = 0.333, 0.36
MASTER = "/ll/master.m3u8"
_NUMBER = re.compile(r"(?<=seg-)\d+|(?<=init-)\d+|(?<=_HLS_msn=)\d+")
_Play = Callable[..., dict[str, Any]]
REAL: Mapping[str, tuple[_Play, Mapping[str, Any]]] = {
    "hlsjs": (play_with_hls_js, {"startLevel": 1}),
    "shaka": (play_with_shaka, {"abr": {"defaultBandwidthEstimate": 50_000_000, "useNetworkInformation": False}}),
}
"""How each is played, and what of its settings is not as by default: both play the highest variant from the start."""


@dataclass
class Played:
    """What came of it.

    Attributes:
        phase: of the first request for a media playlist, by the stream's clock.
        reloads, media: by track, in order: when, and what.
        latencies: when, and seconds behind live.
        started: when the first picture was shown.
    """

    phase: float = 0.0
    reloads: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    media: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    latencies: list[tuple[float, float]] = field(default_factory=list)
    started: float | None = None
    stalls: int = 0
    errors: list[str] = field(default_factory=list)

    def latency(self, begin: float, end: float) -> float | None:
        """Its median between two instants."""
        found = [seconds for at, seconds in self.latencies if begin <= at < end]
        return median(found) if found else None


def is_media_playlist(one: RequestSeen) -> bool:
    """Whether a media playlist of the low-latency stream was asked for."""
    path = one.target.partition("?")[0]
    return path.startswith("/ll/") and path.endswith(".m3u8") and path != MASTER


def collect(address: OriginAddress, seconds: float) -> tuple[Played, float]:
    """The origin's view of a player, and the stream's clock at its first request for a media playlist."""
    seen = [one for one in requests_of(address) if one.target.startswith("/ll/")]
    first = next((one.at for one in seen if is_media_playlist(one)), None)
    if first is None:
        return Played(), 0.0
    being_made = LEAST_WINDOW + int(first // SEGMENT_SECONDS)
    out = Played(first % SEGMENT_SECONDS)
    for one in seen:
        path, _, query = one.target.partition("?")
        if one.at - first > seconds or path == MASTER:
            continue
        *_, track, name = path.split("/")
        text = _NUMBER.sub(lambda number: f"{int(number[0]) - being_made:+d}", f"{name}?{query}" if query else name)
        (out.reloads if name.endswith(".m3u8") else out.media).setdefault(track, []).append((one.at - first, text))
    return out, first


async def observe(player: str, scenario: Scenario, phase: float | None, ready_seconds: float = 0.0) -> Played:
    """One player, disturbed as the scenario says; the real one if no phase is given, else ours begun at that phase.

    Args:
        ready_seconds: see `LowLatencyRules`, of ours.
    """
    with tempfile.TemporaryDirectory() as folder:
        async with OriginProcess(OriginSettings(port=0, part_seconds=PART_SECONDS)) as address:
            over = Event()
            disturber = Thread(target=set_faults, args=(address, scenario, over, is_media_playlist))
            disturber.start()
            try:
                if phase is None:
                    seen = await asyncio.to_thread(_play_real, player, address, scenario, Path(folder))
                else:
                    profile = PROFILES[player]
                    assert profile.low_latency is not None
                    rules = replace(profile.low_latency, ready_seconds=ready_seconds)
                    seen = await _play_ours(replace(profile, low_latency=rules), address, scenario, phase)
            finally:
                over.set()
                await asyncio.to_thread(disturber.join)
            now = time.time if phase is None else time.perf_counter  # what each tells its instants by
            clock = float(await asyncio.to_thread(get, f"{address.base_url}/control/clock"))
            began = now() - clock
            played, first = await asyncio.to_thread(collect, address, scenario.seconds)
            zero = began + first
            played.latencies = [(at - zero, seconds) for at, seconds in seen.latencies if at - zero <= scenario.seconds]
            played.started = None if seen.started is None else seen.started - zero
            played.stalls, played.errors = seen.stalls, seen.errors
            return played


def _play_real(player: str, address: OriginAddress, scenario: Scenario, folder: Path) -> Played:
    play, config = REAL[player]
    result = play(address.base_url + scenario.path, scenario.seconds + 1.5, folder, None, config)
    return Played(
        latencies=[(at, seconds) for at, seconds in result["latencies"]],
        started=result["startedAt"],
        stalls=result["waiting"],
        errors=[_words(error) for error in result["errors"]],
    )


def _words(error: Mapping[str, Any]) -> str:
    """An error of a player; what is thrown within it has neither a code nor a name."""
    return f"{error.get('details') or error['reason']}{' (fatal)' * bool(error['fatal'])}"


async def _play_ours(profile: Profile, address: OriginAddress, scenario: Scenario, phase: float) -> Played:
    loop = asyncio.get_running_loop()
    clock = float(await asyncio.to_thread(get, f"{address.base_url}/control/clock"))
    at = time.perf_counter()
    await asyncio.sleep(max(0.0, at + (phase - clock) % SEGMENT_SECONDS - time.perf_counter()))
    done, records = asyncio.Event(), list[Record]()
    offset = time.time() - time.perf_counter()
    viewer = NativeViewer(
        Viewer(0, address.base_url + scenario.path, profile, parse_variant("highest"), offset),
        Client(ClientContext(loop)),
        PlaylistCache(),
        Comparisons(),
        records.append,
        lambda _: done.set(),
        loop,
    )
    viewer.start(time.perf_counter())
    await asyncio.sleep(scenario.seconds + 0.5)
    if not viewer.over:
        viewer.quit()
        viewer.cancel()
    await asyncio.wait_for(done.wait(), 5)
    observed = [record for record in records if isinstance(record, LatencyObserved)]
    return Played(
        latencies=[(record.at, record.live_seconds) for record in observed if record.live_seconds is not None],
        started=next((record.at for record in records if isinstance(record, PlaybackStarted)), None),
        stalls=sum(isinstance(record, StallStarted) for record in records),
    )
