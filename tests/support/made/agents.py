"""Agents that are made: a line whose other end counts by a script, in virtual time, and can be cut, hung and killed."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hls_swarm import __version__
from hls_swarm.cluster.agent_messages import (
    Adopt,
    Apply,
    Ask,
    Begin,
    Begun,
    Done,
    End,
    Facts,
    FromAgent,
    Look,
    Piece,
    Reading,
    Refused,
    Replace,
    Report,
    Room,
    Size,
    Time,
    ToAgent,
    pack,
    to_agent,
)
from hls_swarm.cluster.line import LineLostError
from hls_swarm.engine.worker_messages import News
from hls_swarm.load.shares import Share
from hls_swarm.records import ObjectKind
from hls_swarm.snapshot.agents import MachineUse
from hls_swarm.snapshot.workers import WorkerHealth
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.tally import ObjectTally, Tally

REQUESTS_PER_SECOND = 10
"""Of one machine while it has load."""


@dataclass
class MadeAgent:
    """The other end of a line: as an agent behaves, without workers. Its load ends by its lease, as that of a real one.

    Attributes:
        clock: its monotonic clock is so much behind ours.
        said: every message, in order, with the instant of its coming.
        requests: what it has really sent, whoever was told.
        cut: whether nothing gets there and back now; what was sent meanwhile comes when that is over.
        dead: whether it is gone, and the line says so.
        known: whether the line knows then that its process has ended.
    """

    name: str
    now: Callable[[], float]
    cores: int = 2
    clock: float = 0.0
    version: str = __version__
    wall_offset: float = 0.0
    refuses: str = ""
    seconds_for_an_answer: float = 0.004
    cpu_percent: float = 30.0
    room: int = 1000
    warnings: tuple[str, ...] = ()
    said: list[tuple[float, ToAgent]] = field(default_factory=list)
    shares: list[Share] = field(default_factory=list)
    cut: bool = False
    dead: bool = False
    hung: bool = False
    known: bool = True

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()
        self._started_at: float | None = None
        self._ended_at: float | None = None
        self._lease_until = float("inf")
        self._first = 0
        self._reports = 0

    # -- the line -------------------------------------------------------------------------------------------------

    async def ask(self, message: bytes, quiet_seconds: float = 0.0) -> bytes:
        await self._carried()
        heard = to_agent(message)
        self.said.append((self.now(), heard))
        answer = pack(self._answer(heard))
        await self._carried()
        return answer

    async def _carried(self) -> None:
        await asyncio.sleep(self.seconds_for_an_answer / 2)
        while self.cut or self.hung:
            if self.dead:
                break
            self._changed.clear()
            await self._changed.wait()
        if self.dead:
            raise LineLostError("its process has ended", load_has_ended=self.known)

    def set(self, **states: bool) -> None:
        """Cut, hang or kill it, or mend that."""
        for state, value in states.items():
            setattr(self, state, value)
        if self.dead and self.known:
            self._end_load()
        self._changed.set()

    # -- what it does ---------------------------------------------------------------------------------------------

    @property
    def requests(self) -> int:
        """What it has sent by now."""
        return round(REQUESTS_PER_SECOND * self._loaded_seconds())

    def _loaded_seconds(self) -> float:
        if self._started_at is None:
            return 0.0
        until = self.now() if self.load_ended_at is None else self.load_ended_at
        return max(0.0, until - self._started_at)

    @property
    def load_ended_at(self) -> float | None:
        """When its load ended, by our clock; None while it goes on."""
        if self._ended_at is None and self.now() >= self._lease_until:
            self._ended_at = self._lease_until
        return self._ended_at

    def _end_load(self) -> None:
        if self._ended_at is None:
            self._ended_at = min(self.now(), self._lease_until)

    def _answer(self, message: ToAgent) -> FromAgent:
        own = self.now() - self.clock
        match message:
            case Look():
                return Facts(name=self.name, version=self.version, python="", cores=self.cores, descriptors=1 << 20)
            case Time():
                return Reading(own, _wall() - self.wall_offset)
            case Size():
                return Refused(self.refuses) if self.refuses else Room(self.room)
            case Begin(first=first, shares=shares):
                self._first, self.shares = first, list(shares)
                return Refused(self.refuses) if self.refuses else Begun(self.warnings, 1 << 20)
            case Apply(at=at, change=None):
                self._started_at = at + self.clock
                self._lease_until = self._started_at + 10.0
            case Apply() | Replace():
                pass
            case Adopt(shares=shares):
                self.shares += shares
            case Ask(lease_seconds=lease):
                if self.load_ended_at is None:
                    self._lease_until = self.now() + lease
                return self._report(own)
            case End():
                self._end_load()
                return self._report(own, final=True)
            case _:
                return Piece()
        return Done()

    def _report(self, own: float, *, final: bool = False) -> Report:
        self._reports += 1
        requests = self.requests
        tally = Tally(started=len(self.shares) * 10, objects={ObjectKind.SEGMENT: ObjectTally(requests=requests)})
        tally.playing.begin(own - 1.0)
        health = tuple(
            WorkerHealth(self._first + nth, 0.1 * self._reports, 1 << 20, Histogram(), 0) for nth in range(self.cores)
        )
        news = News(self._reports, own, tally, health, idle=final, final=final)
        return Report(self._reports, news, machine=MachineUse(self.cpu_percent, 10.0, 1e6))


def _wall() -> float:
    import time

    return time.time()


def requests_of(tallies: Sequence[Tally]) -> int:
    """Segments asked for, in all of them."""
    return sum(tally.objects[ObjectKind.SEGMENT].requests for tally in tallies if tally.objects)
