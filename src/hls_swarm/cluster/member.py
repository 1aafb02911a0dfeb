"""What the controller knows of one agent on another machine, and what it concludes from its silence (pure).

Rules:

- One question at a time, and none is asked twice: a question that waits in a link that is down renews one lease when
  the link is back, not several.
- An agent that owes an answer for `SILENT_SECONDS` is silent, which is shown and costs nothing if it answers later.
- It is lost when what carries the messages says so, or when it has owed an answer for longer than its lease and
  `GRACE_SECONDS`: by then its workers have ended by themselves.
- What it counted last stays. Between that and the end of its load it may have done what nobody was told: its gap.
- An answer that comes after all is taken in, so what it had counted by then is not missing.
"""

from collections.abc import Sequence

from hls_swarm.cluster.agent import LEASE_SECONDS
from hls_swarm.cluster.agent_messages import Report
from hls_swarm.cluster.clocks import ClockOffset
from hls_swarm.engine.worker_messages import News
from hls_swarm.load.shares import Share
from hls_swarm.snapshot.agents import AgentState, MachineUse
from hls_swarm.stats.histogram import Histogram

GRACE_SECONDS = 2.0
"""Between the end of a lease and the conclusion that its load has ended: a worker looks at its lease every second."""


class Member:
    """One agent.

    Args:
        name: of the machine.
        first: number of its first worker.
        shares: the viewers of each of its workers.

    Attributes:
        shares: what it carries; it grows where it adopts what others had.
        workers: their numbers.
        clock: how its monotonic clock stands to ours.
        wall_offset: what our wall clock shows more than its own, in seconds.
        news: what it said last, in our time.
        lost_workers, silent_workers: see `Report`.
        lost: why it is lost, in words; empty while it is not.
        load_ends_by: when its load has ended at the latest, of a lost one.
        replaced: of a lost one, whether others have its viewers now; None: they will not.
    """

    def __init__(self, name: str, first: int, shares: tuple[Share, ...], now: float) -> None:
        self.name = name
        self.shares = shares
        self.workers: Sequence[int] = range(first, first + len(shares))
        self.clock = ClockOffset()
        self.wall_offset: float | None = None
        self.news: News | None = None
        self.lost_workers: dict[int, str] = {}
        self.silent_workers: dict[int, float] = {}
        self.lost = ""
        self.load_ends_by = now
        self.replaced: bool | None = None
        self._machine = MachineUse()
        self._number = -1
        self._asked_at: float | None = None
        self._heard_at = now

    @property
    def owes(self) -> bool:
        """Whether a question waits for its answer."""
        return self._asked_at is not None

    def ours(self, theirs: float) -> float:
        """An instant of its clock by ours."""
        best = self.clock.best
        return theirs if best is None else theirs + best.seconds

    def theirs(self, ours: float) -> float:
        """An instant of our clock by its own."""
        best = self.clock.best
        return ours if best is None else ours - best.seconds

    def begin(self, now: float) -> None:
        """Its workers stand ready."""
        self._heard_at = now

    def asked(self, now: float, lease_seconds: float = LEASE_SECONDS) -> None:
        """It was asked for news, which renews its lease when it hears it: within this instant and its answer."""
        self._asked_at = now
        if not self.lost:
            self.load_ends_by = now + lease_seconds + GRACE_SECONDS

    def heard(self, report: Report, now: float) -> bool:
        """It answered; whether it said anything new."""
        self._asked_at, self._heard_at = None, now
        if report.number <= self._number:
            return False
        self._number, self._machine = report.number, report.machine
        self.lost_workers, self.silent_workers = report.lost, report.silent
        news = report.news
        if news is not None:
            best = self.clock.best
            if best is not None and best.seconds:
                news.tally.shift(best.seconds)
            self.news = News(
                news.number,
                self.ours(news.at),
                news.tally,
                news.health,
                news.idle,
                news.final,
                news.worst,
                news.sessions,
            )
            if self.lost:
                self.news.tally.lose(self.news.at)
        return True

    def is_overdue(self, now: float) -> bool:
        """Whether it has been silent for so long that its load has ended by itself."""
        return not self.lost and self.owes and now >= self.load_ends_by

    def lose(self, why: str, now: float, *, load_has_ended: bool) -> None:
        """It is gone.

        Args:
            load_has_ended: whether that is certain now; else its lease ends it.
        """
        if self.lost:
            return
        self.lost = why
        if load_has_ended:
            self.load_ends_by = min(now, self.load_ends_by)
        if self.news is not None:
            self.news.tally.lose(self.news.at)

    def heard_ago(self, now: float) -> float:
        """Seconds since its last word."""
        return now - self._heard_at

    def state(self, now: float) -> AgentState:
        """What is known of it now."""
        news, best = self.news, self.clock.best
        lag = Histogram()
        for health in news.health if news is not None else ():
            lag.merge(health.loop_lag)
        gap = None
        if self.lost:
            gap = max(0.0, self.load_ends_by - (self._heard_at if news is None else news.at))
        return AgentState(
            name=self.name,
            workers=tuple(self.workers),
            viewers=None if news is None else news.tally.active,
            loop_lag=lag,
            cpu_seconds=0.0 if news is None else sum(health.cpu_seconds for health in news.health),
            machine=MachineUse() if self.lost else self._machine,
            clock_offset_seconds=None if best is None else best.seconds,
            clock_error_seconds=None if best is None else best.error_seconds,
            wall_offset_seconds=self.wall_offset,
            poll_age_seconds=self.heard_ago(now),
            lost=self.lost,
            gap_seconds=gap,
            replaced=self.replaced,
            unrecorded_requests=0 if news is None else news.tally.unrecorded_requests,
        )
