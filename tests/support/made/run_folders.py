"""Run folders as a run writes them, of runs that a test makes up."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.made.moments import STARTED_AT, URL, Run, origin
from tests.support.made.snapshots import NOT_FOUND, exchange

from hls_swarm.judge.verdict import Outcome, judge
from hls_swarm.records import (
    LatencyObserved,
    ObjectKind,
    PlaybackStarted,
    PlaylistFetched,
    Record,
    SegmentFetched,
    StallEnded,
    StallStarted,
    ViewerStarted,
)
from hls_swarm.results.layout import TIMELINE
from hls_swarm.results.recorder import Recorder
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.snapshot import Mark, Phase
from hls_swarm.snapshot.workers import MachineFigures


@contextmanager
def recording(folder: Path, run: Run, **settings: object) -> Iterator[Recorder]:
    """A recorder of this run into that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Settings(**{"url": URL, "clients": 4, **settings})  # type: ignore[arg-type]  # a test's own choice of fields
    recorder = Recorder(folder, made, run.ledger, STARTED_AT, "hls-swarm --clients 4 " + URL)
    try:
        yield recorder
    finally:
        recorder.close()


def written_up_to(folder: Path, rows: int) -> None:
    """Wait until so many rows are on the disk: a test is faster than a run, and what waits is bounded."""
    deadline = time.monotonic() + 60
    while (folder / TIMELINE).read_bytes().count(b"\n") < rows:
        assert time.monotonic() < deadline, "the disk does not keep up"
        time.sleep(0.02)


def long_run(
    folder: Path,
    *,
    seconds: int = 120,
    targets: tuple[str, ...] = ("10.0.0.5", "10.0.0.6", "10.0.0.7"),
    viewers: int = 40,
    slower: float = 1.0,
    busy: float = 0.0,
    failures: bool = True,
    finish: bool = True,
    seed: int = 1,
    thresholds: tuple[str, ...] = ("segment_download_seconds:p95 < 1s", "origin_cpu_percent:max < 90"),
    name: str = "made up",
) -> Outcome:
    """A run with a ramp, a daily-looking wave of load, some stalls and failures, and origins that work under it.

    Args:
        slower: factor of all download times.
        busy: share of the time, in bursts of some ten seconds, in which others take this machine's processor and double
            all times.
    """
    chance = random.Random(seed)
    run = Run(*thresholds, target=viewers)
    signals = (
        "cpu_percent", "cpu_busiest_core_percent", "load_per_core", "memory_used_bytes", "memory_used_percent",
        "network_in_bytes_per_second", "network_out_bytes_per_second", "network_link_percent", "disk_busy_percent",
        "tcp_connections", "tcp_retransmit_ratio", "nginx_connections", "nginx_requests_per_second",
        "nginx_out_bytes_per_second", "nginx_responses_4xx_per_second", "nginx_responses_5xx_per_second",
        "nginx_request_seconds_p50", "nginx_request_seconds_p95", "nginx_request_seconds_p99", "nginx_cache_hit_ratio",
    )  # fmt: skip
    ramp, bursting = max(1, seconds // 6), False
    with recording(folder, run, name=name, clients=viewers, threshold=thresholds) as recorder:
        for second in range(1, seconds + 1):
            at, records = float(second), list[Record]()
            if second <= ramp:
                for viewer in range(viewers * (second - 1) // ramp, viewers * second // ramp):
                    begun = at - 0.9
                    records += [
                        ViewerStarted(viewer, begun, begun),
                        PlaybackStarted(viewer, begun + 0.4, 0.4 + chance.random() / 5),
                    ]
            watching = viewers * min(second, ramp) // ramp
            if second % 10 == 1:
                bursting = chance.random() < busy
            for _ in range(max(1, watching // 2)):
                slow = (
                    slower * (2 if bursting else 1) * (0.02 + chance.expovariate(60)) * (6 if second % 97 == 0 else 1)
                )
                records.append(
                    SegmentFetched(0, ObjectKind.SEGMENT, exchange(at - 0.5, 750_000, slow), None, 2.0, 3_000_000)
                )
                records.append(PlaylistFetched(0, ObjectKind.MEDIA_PLAYLIST, exchange(at - 0.7, 600, slow / 9), None))
            if failures and second % 53 == 0:
                records.append(SegmentFetched(0, ObjectKind.SEGMENT, exchange(at - 0.5, 0, 0.1, NOT_FOUND), NOT_FOUND))
            if second % 41 == 0 and watching:
                records += [StallStarted(0, at - 0.8), StallEnded(0, at - 0.3, 0.5)]
            if watching:
                records.append(LatencyObserved(0, at, 6.0 + chance.random(), 5.0 + chance.random(), 4.0))
            load = watching / viewers
            said = {
                target: {
                    name: (20 + 40 * load + 5 * number + 4 * chance.random()) * (1e6 if "bytes" in name else 1)
                    / (1000 if "seconds" in name or "ratio" in name else 1)
                    for name in signals
                }
                for number, target in enumerate(targets)
            }  # fmt: skip
            marks = (Mark(seconds / 2, "cache purged"),) if second > seconds / 2 else ()
            phase = Phase.RAMPING if second <= ramp else Phase.STEADY
            entry = run.second(
                at,
                *records,
                phase=phase,
                of_origin=origin(at, said),
                lags=[0.001 + chance.expovariate(900)],
                machine=MachineFigures(99.5 if bursting else 40 + 5 * chance.random(), "eth0", 1e6, 1e6, None),
                marks=marks,
            )
            recorder.add(entry)
            if second % 500 == 0:
                written_up_to(folder, second)
        outcome = judge(run.entries[-1].moment.snapshot, thresholds=run.entries[-1].thresholds)
        if finish:
            last = run.second(float(seconds) + 0.5, phase=Phase.FINISHED, marks=marks)
            recorder.add(last)
            outcome = judge(last.moment.snapshot, thresholds=last.thresholds)
            recorder.finish(last, outcome)
    return outcome
