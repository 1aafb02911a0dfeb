"""A viewer that adapts, at work against the embedded origin that makes it."""

import asyncio
import time

import pytest
import uvloop

from hls_swarm.engine.native.comparisons import Comparisons
from hls_swarm.engine.native.viewer import NativeViewer
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.http import Client, ClientContext
from hls_swarm.records import FailureKind, Record, SegmentFetched, SwitchReason, VariantChosen, ViewerStarted
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.stats.counter import Counter
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginSettings
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import HLSJS

pytestmark = pytest.mark.program


def watched(fault: str, most_seconds: float = 80.0) -> list[Record]:
    """What one viewer reports until a segment after one that it gave up has come."""

    async def main() -> list[Record]:
        loop, records, done, over = asyncio.get_running_loop(), list[Record](), asyncio.Event(), asyncio.Event()

        def report(record: Record) -> None:
            records.append(record)
            given_up = [one for one in records if isinstance(one, SegmentFetched) and one.abandoned]
            if given_up and isinstance(record, SegmentFetched) and record.failure is None:
                over.set()

        async with OriginProcess(OriginSettings(port=0, faults=(fault,))) as address:
            machine = Viewer(0, f"{address.base_url}/vod/master.m3u8", HLSJS, parse_variant("auto"))
            client = Client(ClientContext(loop))
            viewer = NativeViewer(machine, client, PlaylistCache(), Comparisons(), report, lambda _: done.set(), loop)
            viewer.start(time.perf_counter())
            try:
                await asyncio.wait_for(over.wait(), most_seconds)
            finally:
                viewer.quit()
                viewer.cancel()
                await asyncio.wait_for(done.wait(), 30)
        return records

    return uvloop.run(main())


def test_a_segment_that_comes_too_slowly_is_given_up_and_counted() -> None:
    records = watched("slow=30k,path=720p/seg-3.")
    chosen = [record for record in records if isinstance(record, VariantChosen)]
    assert chosen[0].reason is SwitchReason.START
    assert chosen[0].bitrate_bps == 800_128
    assert any(record.reason is SwitchReason.RATE and (record.bitrate_bps or 0) > 800_128 for record in chosen)
    assert [one.bitrate_bps for one in chosen if one.reason is SwitchReason.ABANDONED] == [800_128]
    (given_up,) = [record for record in records if isinstance(record, SegmentFetched) and record.abandoned]
    assert given_up.failure is not None
    assert given_up.failure.kind is FailureKind.CANCELLED
    assert 0 < given_up.exchange.body_bytes < 750_120
    counter = Counter()
    for record in records:
        counter.add(record)
    tally = counter.tally
    assert (tally.abandoned_segments, tally.abandoned_bytes) == (1, given_up.exchange.body_bytes)
    assert (tally.switches_down, tally.switches_up) == (1, len(chosen) - 2)
    assert tally.reversals >= 1
    assert sum(objects.failed for objects in tally.objects.values()) == 0
    assert isinstance(records[0], ViewerStarted)
