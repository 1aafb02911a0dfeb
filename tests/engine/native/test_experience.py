"""What a viewer reports of a scripted origin is what arithmetic says, from the origin's own log of times: to 50 ms, and
as much more as this process was late itself, which is measured beside it."""

import asyncio
import time
import urllib.request
from collections.abc import Callable
from urllib.parse import quote

import msgspec
import pytest
import uvloop
from tests.support.lateness import lateness

from hls_swarm.engine.native.comparisons import Comparisons
from hls_swarm.engine.native.viewer import NativeViewer
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.http import Client, ClientContext
from hls_swarm.records import (
    FailureKind,
    PlaybackStarted,
    PlaylistStale,
    Record,
    SegmentFetched,
    SegmentsPassed,
    StallEnded,
)
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.serving.control import RequestSeen
from hls_swarm.testorigin.settings import OriginAddress, OriginSettings
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import HLSJS, STEADY, Profile

pytestmark = pytest.mark.program

NEAR_SECONDS = 0.05
MOST_SECONDS = 60.0
"""What a busy machine may take for what takes a second otherwise."""
SEGMENT_SECONDS = 2.0


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - a loopback URL of the test's own
        body: bytes = answer.read()
        return body


async def watch(
    address: OriginAddress,
    enough: Callable[[list[Record]], bool],
    profile: Profile = HLSJS,
    path: str = "/live/360p/playlist.m3u8",
) -> list[Record]:
    """What one viewer reports until it is enough; then it quits."""
    loop, records = asyncio.get_running_loop(), list[Record]()
    done, over = asyncio.Event(), asyncio.Event()

    def report(record: Record) -> None:
        records.append(record)
        if enough(records):
            over.set()

    def ended(_: object) -> None:
        over.set()
        done.set()

    machine = Viewer(0, address.base_url + path, profile, parse_variant("highest"))
    client = Client(ClientContext(loop))
    viewer = NativeViewer(machine, client, PlaylistCache(), Comparisons(), report, ended, loop)
    viewer.start(time.perf_counter())
    await asyncio.wait_for(over.wait(), MOST_SECONDS)
    if not viewer.over:
        viewer.quit()
        viewer.cancel()
    await asyncio.wait_for(done.wait(), MOST_SECONDS)
    return records


async def seen(address: OriginAddress) -> list[RequestSeen]:
    lines = (await asyncio.to_thread(fetch, f"{address.base_url}/control/requests")).splitlines()
    return sorted((msgspec.json.decode(line, type=RequestSeen) for line in lines), key=lambda one: one.at)


async def set_fault(address: OriginAddress, fault: str) -> None:
    await asyncio.to_thread(fetch, f"{address.base_url}/control/set/{quote(fault)}")


def has(kind: type[Record]) -> Callable[[list[Record]], bool]:
    """Enough when there is one of these."""
    return lambda records: any(isinstance(record, kind) for record in records)


def one(records: list[Record], kind: type[Record]) -> list[Record]:
    return [record for record in records if isinstance(record, kind)]


@pytest.mark.parametrize("profile", [HLSJS, STEADY], ids=["hlsjs", "steady"])
def test_a_pause_of_the_origin_is_reported_as_the_stall_that_it_is(profile: Profile) -> None:
    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0)) as address, lateness() as late:
            watching = asyncio.create_task(watch(address, has(StallEnded), profile))
            await asyncio.sleep(1.0)
            await set_fault(address, "pause=9s")
            records = await watching
            requests = await seen(address)
        near = NEAR_SECONDS + late.worst_seconds
        arrivals = [one.at + one.seconds for one in requests if one.target.endswith(".ts")]
        # Play begins with the first segment, joined at its start; each brings 2 s. The buffer is empty when all that
        # has arrived is played, and play goes on with the next arrival.
        runs_out = arrivals[0] + SEGMENT_SECONDS
        expected = []
        for arrival in arrivals[1:]:
            if arrival > runs_out:
                expected.append(arrival - runs_out)
                runs_out = arrival
            runs_out += SEGMENT_SECONDS
        measured = [record.stall_seconds for record in records if isinstance(record, StallEnded)]
        # A segment that comes in the very moment in which the buffer is empty is a stall or not by chance.
        long = [stall for stall in measured if stall > near]
        assert long == [pytest.approx(stall, abs=near) for stall in expected if stall > near]
        # And in closed form: 6 s were ahead at the join, at most a segment and a reload more or less.
        assert 9.0 - 6.0 - SEGMENT_SECONDS < measured[-1] < 9.0 - 6.0 + SEGMENT_SECONDS + 1.0 + near
        assert len(one(records, PlaylistStale)) >= 2

    uvloop.run(run())


def test_the_startup_time_is_that_of_the_answers_it_waits_for() -> None:
    async def run() -> None:
        faults = ("delay=400ms,on=playlist", "delay=700ms,on=segment")
        async with OriginProcess(OriginSettings(port=0, faults=faults)) as address, lateness() as late:
            records = await watch(address, has(PlaybackStarted))
            requests = await seen(address)
        (started,) = (record for record in records if isinstance(record, PlaybackStarted))
        first = next(one for one in requests if one.target.endswith(".ts"))
        near = NEAR_SECONDS + late.worst_seconds
        assert started.startup_seconds > 1.1 - near
        assert started.startup_seconds == pytest.approx(first.at + first.seconds - requests[0].at, abs=near)

    uvloop.run(run())


def failures(records: list[Record]) -> list[FailureKind]:
    return [record.failure.kind for record in records if isinstance(record, SegmentFetched) and record.failure]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        pytest.param("status=503,on=segment,rate=0.5", FailureKind.HTTP_STATUS, id="status"),
        pytest.param("cut=0.5", FailureKind.TRUNCATED, id="cut"),
        pytest.param("reset,on=segment", FailureKind.CONNECTION_LOST, id="reset"),
    ],
)
def test_faults_are_seen_as_what_they_are(fault: str, kind: FailureKind) -> None:
    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0, faults=(fault,))) as address:
            records = await watch(address, lambda so_far: kind in failures(so_far))
        assert set(failures(records)) <= {kind, FailureKind.CANCELLED}

    uvloop.run(run())


def test_slow_bodies_take_as_long_as_their_rate_says() -> None:
    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0, faults=("slow=200k",))) as address:
            await watch(address, has(SegmentFetched))
            requests = await seen(address)
        first = next(one for one in requests if one.target.endswith(".ts"))
        assert first.body_bytes == pytest.approx(200_000, rel=0.01)
        assert 0.85 < first.seconds < 1.15 + 5.0  # the origin is on this machine, and late when it is busy

    uvloop.run(run())


def test_missing_segments_are_passed_over() -> None:
    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0, faults=("missing,rate=0.4",))) as address:
            assert one(await watch(address, has(SegmentsPassed)), SegmentsPassed)

    uvloop.run(run())


@pytest.mark.parametrize("title", ["vod", "dvr", "fmp4", "ranges", "aes", "discontinuity"])
def test_every_title_plays(title: str) -> None:
    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0)) as address:
            records = await watch(address, has(PlaybackStarted), path=f"/{title}/master.m3u8")
        kinds = {record.kind.value for record in records if isinstance(record, SegmentFetched)}
        assert kinds == {"segment"} | {"aes": {"key"}, "fmp4": {"init"}}.get(title, set())
        assert not [record for record in records if isinstance(record, SegmentFetched) and record.failure is not None
                    and record.failure.kind is not FailureKind.CANCELLED]  # fmt: skip

    uvloop.run(run())
