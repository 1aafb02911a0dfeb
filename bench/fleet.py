"""What several machines cost the controller: made agents that report as full ones do, merged as in a run.

    python -m bench.fleet [AGENTS ...]

Each made agent answers with a report of a busy machine (tallies of a run's size, merged there). Measured is the
processor time of one second of the controller: decoding, shifting clocks, merging, the snapshot, the ledger's row.
"""

import asyncio
import sys
import time
from dataclasses import dataclass
from random import Random
from statistics import median

import psutil

from hls_swarm import __version__
from hls_swarm.cluster.agent import LEASE_SECONDS
from hls_swarm.cluster.agent_messages import (
    Begin,
    Begun,
    Done,
    Facts,
    Look,
    Reading,
    Report,
    Time,
    pack,
    pack_report,
    to_agent,
)
from hls_swarm.cluster.fleet import Fleet
from hls_swarm.engine.worker_messages import News
from hls_swarm.judge.ledger import Ledger
from hls_swarm.records import (
    Exchange,
    ObjectKind,
    PlaybackStarted,
    PlaylistFetched,
    SegmentFetched,
    ViewerStarted,
)
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.agents import MachineUse
from hls_swarm.snapshot.builder import SnapshotBuilder
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.snapshot import Phase
from hls_swarm.snapshot.workers import WorkerHealth
from hls_swarm.stats.counter import Counter
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.tally import Tally

URL = "http://origin/live.m3u8"
SECONDS = 8
_VIEWERS = 200
"""Of each made agent that are counted one by one: the size of a tally does not grow with their number."""


def _exchange(made: Random, at: float, size: int) -> Exchange:
    sent = at + made.lognormvariate(-7, 1)
    first = sent + made.lognormvariate(-4.5, 1)
    return Exchange(URL, URL, at, sent, sent, first, first + made.lognormvariate(-2, 1), 1, 200, 250, size)


def tally(seed: int) -> Tally:
    """What an agent may have counted: every histogram with the spread of a real run."""
    counter, made = Counter(), Random(seed)
    for viewer in range(_VIEWERS):
        at = 10.0 + 0.013 * viewer + seed
        counter.add(ViewerStarted(viewer, at, at))
        counter.add(PlaylistFetched(viewer, ObjectKind.MULTIVARIANT_PLAYLIST, _exchange(made, at, 500), None))
        counter.add(PlaybackStarted(viewer, at + 0.4, made.lognormvariate(-1, 0.7)))
        for nth in range(8):
            counter.add(PlaylistFetched(viewer, ObjectKind.MEDIA_PLAYLIST, _exchange(made, at + nth, 900), None))
            counter.add(
                SegmentFetched(viewer, ObjectKind.SEGMENT, _exchange(made, at + nth, 750_000), None, 2.0, 3_000_000)
            )
    return counter.tally


@dataclass
class MadeLine:
    """An agent that answers at once, with the same report under a new number."""

    name: str
    report: Report
    asked: int = 0
    bytes_sent: int = 0

    async def ask(self, message: bytes, quiet_seconds: float = 0.0) -> bytes:  # noqa: ARG002 - it carries at once
        """See `Line.ask`."""
        match to_agent(message):
            case Look():
                return pack(Facts(name=self.name, version=__version__, cores=2))
            case Time():
                return pack(Reading(time.perf_counter() - 1000.0, time.time()))
            case Begin():
                return pack(Begun((), 1 << 20))
            case _ if not self.asked:
                self.asked = 1
                return pack(Done())
            case _:
                self.asked += 1
                body = pack_report(Report(self.asked, self.report.news, machine=self.report.machine))
                self.bytes_sent += len(body)
                return body


def lines(agents: int) -> list[MadeLine]:
    """So many agents, whose reports differ a little."""
    lag = Histogram()
    lag.add_all([0.0004 * (1 + nth % 9) for nth in range(100)])
    counted = [tally(seed) for seed in range(min(agents, 5))]
    made = []
    for nth in range(agents):
        health = tuple(WorkerHealth(2 * nth + k, 5.0, 10**8, lag if k == 0 else Histogram(), 10) for k in range(2))
        news = News(1, 20.0, counted[nth % len(counted)], health, idle=False)
        made.append(MadeLine(f"m{nth}", Report(1, news, machine=MachineUse(40.0, 20.0, 1e8))))
    return made


async def measure(agents: int) -> None:
    """Print what a second with so many agents costs."""
    process = psutil.Process()
    made = lines(agents)
    answering = await _cost_of_answers(made)
    fleet = Fleet(made)
    await fleet.hello(Settings(url=URL, clients=100 * agents), lambda: None)
    started_at = time.perf_counter()
    await fleet.apply(started_at)
    builder, ledger = SnapshotBuilder(URL, 100 * agents, None), Ledger()
    seconds, sent = [], []
    for _ in range(SECONDS):
        before, bytes_before = time.process_time(), sum(line.bytes_sent for line in made)
        news = await fleet.poll(LEASE_SECONDS)
        whole, lag = Tally(), Histogram()
        for one in news.news.values():
            whole.merge(one.tally)
            for health in one.health:
                lag.merge(health.loop_lag)
        at = time.perf_counter()
        snapshot = builder.build(
            at=at,
            started_at=started_at,
            phase=Phase.STEADY,
            due=100 * agents,
            tally=whole,
            workers={health.worker: health for one in news.news.values() for health in one.health},
            lost=news.lost,
            origin=None,
            agents=news.agents,
        )
        ledger.add(Moment(snapshot, whole, lag, time.time()))
        seconds.append(time.process_time() - before)
        sent.append(sum(line.bytes_sent for line in made) - bytes_before)
        assert whole.started == _VIEWERS * agents
    cost = max(0.0, median(seconds) - answering)
    print(
        f"{agents:5d} agents: {cost * 1e3:8.1f} ms of processor a second ({100 * cost:5.1f}% of a core), "
        f"{median(sent) / 1e3 / agents:5.1f} kB a report, {median(sent) * 8 / 1e6:7.2f} Mbit/s, "
        f"{process.memory_info().rss / 1e6:6.0f} MB"
    )
    await fleet.stop(0.0, 0.0)


async def _cost_of_answers(made: list[MadeLine]) -> float:
    """What the made agents take of the same processor to answer, which real ones do elsewhere."""
    costs = []
    for _ in range(3):
        before = time.process_time()
        for line in made:
            pack_report(line.report)
        costs.append(time.process_time() - before)
    return median(costs)


def main() -> None:
    """Measure each number of agents that was asked for."""
    for agents in [int(text) for text in sys.argv[1:]] or [1, 3, 10, 100, 1000]:
        asyncio.run(measure(agents))


if __name__ == "__main__":
    main()
