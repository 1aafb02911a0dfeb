"""Moments of a run for everything that outlasts the screen, built from records as a run builds them."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from hls_swarm.judge.expectations import Expectation
from hls_swarm.judge.ledger import Entry, Ledger
from hls_swarm.judge.thresholds import parse_threshold
from hls_swarm.records import Record
from hls_swarm.snapshot.agents import AgentState
from hls_swarm.snapshot.builder import SnapshotBuilder
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin.metrics import OriginMetrics, Reading, Role, SourceHealth, SourceState, TargetMetrics
from hls_swarm.snapshot.origin.signals import SIGNALS
from hls_swarm.snapshot.snapshot import Mark, Phase
from hls_swarm.snapshot.workers import MachineFigures, WorkerHealth
from hls_swarm.stats.counter import Counter
from hls_swarm.stats.faults import FaultCount, merge_faults
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.hosts import HostTally, merge_hosts
from hls_swarm.stats.tally import Tally

URL = "http://origin.test/live/master.m3u8"
STARTED_AT = 1_769_868_309.0  # 2026-01-31T14:05:09Z


def origin(at: float, values: dict[str, dict[str, float]], state: SourceState = SourceState.UP) -> OriginMetrics:
    """What the targets of an origin said at `at`: value by signal by target."""
    return OriginMetrics(
        targets=tuple(
            TargetMetrics(
                target=target,
                sources=(SourceHealth(Role.NODE, f"http://{target}:9100/metrics", state, dialect="node_exporter"),),
                readings={name: Reading(SIGNALS[name], value, at) for name, value in signals.items()},
                at=at,
            )
            for target, signals in values.items()
        ),
        at=at,
        interval_seconds=1.0,
        window_seconds=30.0,
    )


class Run:
    """A run whose seconds a test plays one by one; the monotonic clock starts at 0.

    Args:
        thresholds: as a person writes them.
        expected: expectations that apply.
    """

    def __init__(self, *thresholds: str, target: int = 4, expected: Sequence[Expectation] = ()) -> None:
        self.ledger = Ledger([parse_threshold(line) for line in thresholds], expected)
        self.entries: list[Entry] = []
        self._counter = Counter()
        self._faults: dict[str, FaultCount] = {}
        self._builder = SnapshotBuilder(URL, target, 60.0)
        self._lag = Histogram()

    def second(
        self,
        at: float,
        *records: Record,
        phase: Phase = Phase.STEADY,
        of_origin: OriginMetrics | None = None,
        lags: Iterable[float] = (0.001,),
        lost: Mapping[int, str] = MappingProxyType({}),
        marks: Sequence[Mark] = (),
        machine: MachineFigures | None = None,
        faults: Mapping[str, FaultCount] = MappingProxyType({}),
        silent: Mapping[int, float] = MappingProxyType({}),
        agents: Sequence[AgentState] = (),
        hosts: Mapping[str, HostTally] = MappingProxyType({}),
    ) -> Entry:
        """The run at `at`, after these records, and with these hosts asked so far."""
        for record in records:
            self._counter.add(record)
        for value in lags:
            self._lag.add(value)
        tally = Tally()
        tally.merge(self._counter.tally)
        merge_faults(self._faults, faults)
        merge_faults(tally.faults, self._faults)
        merge_hosts(tally.hosts, hosts)
        snapshot = self._builder.build(
            at=at,
            started_at=0.0,
            phase=phase,
            due=4,
            tally=tally,
            workers={0: WorkerHealth(0, at / 10, 40_000_000, self._lag.copy(), 0)},
            lost=lost,
            silent=silent,
            origin=of_origin,
            marks=tuple(marks),
            machine=machine,
            agents=agents,
        )
        entry = self.ledger.add(Moment(snapshot, tally, self._lag.copy(), STARTED_AT + at))
        self.entries.append(entry)
        return entry
