"""What a viewer reports of a scripted origin is what arithmetic says, to 50 ms: from the origin's own log of times."""

import asyncio
import time
import urllib.request
from urllib.parse import quote

import msgspec
import pytest
import uvloop

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
SEGMENT_SECONDS = 2.0


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - a loopback URL of the test's own
        body: bytes = answer.read()
        return body


async def watch(
    address: OriginAddress, seconds: float, profile: Profile = HLSJS, path: str = "/live/360p/playlist.m3u8"
) -> list[Record]:
    """What one viewer reports in so many seconds."""
    loop, records = asyncio.get_running_loop(), list[Record]()
    done = asyncio.Event()
    machine = Viewer(0, address.base_url + path, profile, parse_variant("highest"))
    client = Client(ClientContext(loop))
    viewer = NativeViewer(machine, client, PlaylistCache(), Comparisons(), records.append, lambda _: done.set(), loop)
    viewer.start(time.perf_counter())
    await asyncio.sleep(seconds)
    if not viewer.over:
        viewer.quit()
        viewer.cancel()
    await asyncio.wait_for(done.wait(), 5)
    return records


async def seen(address: OriginAddress) -> list[RequestSeen]:
    lines = (await asyncio.to_thread(fetch, f"{address.base_url}/control/requests")).splitlines()
    return sorted((msgspec.json.decode(line, type=RequestSeen) for line in lines), key=lambda one: one.at)


async def set_fault(address: OriginAddress, fault: str) -> None:
    await asyncio.to_thread(fetch, f"{address.base_url}/control/set/{quote(fault)}")


def one(records: list[Record], kind: type[Record]) -> list[Record]:
    return [record for record in records if isinstance(record, kind)]


@pytest.mark.parametrize("profile", [HLSJS, STEADY], ids=["hlsjs", "steady"])
def test_a_pause_of_the_origin_is_reported_as_the_stall_that_it_is(profile: Profile) -> None:
    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0)) as address:
            watching = asyncio.create_task(watch(address, 17.0, profile))
            await asyncio.sleep(1.0)
            await set_fault(address, "pause=9s")
            records = await watching
            requests = await seen(address)
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
        long = [stall for stall in measured if stall > NEAR_SECONDS]
        assert long == [pytest.approx(stall, abs=NEAR_SECONDS) for stall in expected if stall > NEAR_SECONDS]
        # And in closed form: 6 s were ahead at the join, at most a segment and a reload more or less.
        assert 9.0 - 6.0 - SEGMENT_SECONDS < measured[0] < 9.0 - 6.0 + SEGMENT_SECONDS + 1.0
        assert len(one(records, PlaylistStale)) >= 2

    uvloop.run(run())


def test_the_startup_time_is_that_of_the_answers_it_waits_for() -> None:
    async def run() -> None:
        faults = ("delay=400ms,on=playlist", "delay=700ms,on=segment")
        async with OriginProcess(OriginSettings(port=0, faults=faults)) as address:
            records = await watch(address, 3.0)
            requests = await seen(address)
        (started,) = (record for record in records if isinstance(record, PlaybackStarted))
        first = next(one for one in requests if one.target.endswith(".ts"))
        assert started.startup_seconds == pytest.approx(1.1, abs=NEAR_SECONDS)
        assert started.startup_seconds == pytest.approx(first.at + first.seconds - requests[0].at, abs=NEAR_SECONDS)

    uvloop.run(run())


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
            records = await watch(address, 2.5)
        failures = [record.failure.kind for record in records if isinstance(record, SegmentFetched) and record.failure]
        assert kind in failures
        assert set(failures) <= {kind, FailureKind.CANCELLED}

    uvloop.run(run())


def test_slow_bodies_take_as_long_as_their_rate_says() -> None:
    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0, faults=("slow=200k",))) as address:
            await watch(address, 2.5)
            requests = await seen(address)
        first = next(one for one in requests if one.target.endswith(".ts"))
        assert first.body_bytes == pytest.approx(200_000, rel=0.01)
        assert first.seconds == pytest.approx(1.0, abs=0.15)

    uvloop.run(run())


def test_missing_segments_are_passed_over() -> None:
    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0, faults=("missing,rate=0.4",))) as address:
            records = await watch(address, 6.5)
        assert one(records, SegmentsPassed)

    uvloop.run(run())


@pytest.mark.parametrize("title", ["vod", "dvr", "fmp4", "ranges", "aes", "discontinuity"])
def test_every_title_plays(title: str) -> None:
    async def run() -> None:
        async with OriginProcess(OriginSettings(port=0)) as address:
            records = await watch(address, 1.0, path=f"/{title}/master.m3u8")
        assert one(records, PlaybackStarted)
        kinds = {record.kind.value for record in records if isinstance(record, SegmentFetched)}
        assert kinds == {"segment"} | {"aes": {"key"}, "fmp4": {"init"}}.get(title, set())
        assert not [record for record in records if isinstance(record, SegmentFetched) and record.failure is not None
                    and record.failure.kind is not FailureKind.CANCELLED]  # fmt: skip

    uvloop.run(run())
