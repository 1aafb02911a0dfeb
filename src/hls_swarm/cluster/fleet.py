"""The agents of several machines as one `Agent`: one total, one start, one news a second.

Rules:

- Each machine runs its share of the viewers; the total stays what was asked for.
- All act at one instant: each is told it by its own clock, early enough that the slowest line carries it in time.
- Each tick every agent that owes no answer is asked; who does not answer in time is represented by what it said last.
- What follows from silence and loss is `Member`'s to say. A lost one's viewers are given to the others only on request,
  and no earlier than its own load has ended.
"""

import asyncio
import logging
import platform
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from hls_swarm import __version__
from hls_swarm.cluster.agent import FINAL_SECONDS, HostFacts, HostNews
from hls_swarm.cluster.agent_messages import (
    Adopt,
    Apply,
    Ask,
    Begin,
    Begun,
    End,
    Facts,
    FromAgent,
    Look,
    Reading,
    Refused,
    Replace,
    Report,
    Room,
    Size,
    Time,
    ToAgent,
    from_agent,
    pack,
)
from hls_swarm.cluster.clocks import EXCHANGE_EVERY_SECONDS, FIRST_EXCHANGES
from hls_swarm.cluster.comparing import compared, room_of_all, shared
from hls_swarm.cluster.fetching import Asker, fetch_requests
from hls_swarm.cluster.line import Line, LineLostError
from hls_swarm.cluster.member import Member
from hls_swarm.cluster.questions import asked, asked_of_all
from hls_swarm.engine.native.identities import read_lists
from hls_swarm.errors import PreflightError, RunError
from hls_swarm.foreign import one_line
from hls_swarm.load.shares import Share
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.agents import SILENT_SECONDS

LOOK_SECONDS = 30.0
"""Time in which an agent must say what it is: its process begins with that, on a machine that may be busy."""
BEGIN_SECONDS = 40.0
"""Time in which its workers must stand ready: as long as they may take, and what ffmpeg needs to be asked."""
ANSWER_SECONDS = 0.8
"""Time in which an answer is waited for in a tick: an agent waits half a second for its slowest worker."""
QUIET_SECONDS = 0.95
"""From one question for news to shortly before the next, which comes a second after it."""
AFTER_FINAL_SECONDS = 3.0
"""What a last report may take beyond the time that the workers have for theirs."""
SETTLED_SECONDS = 3.0
"""After the last of the viewers that others take over has come: it has to start."""
NOTICE_SECONDS = 0.5
NOTICE_SECONDS_PER_AGENT = 0.005
"""How long before an instant the agents are told of it."""

_Answer = TypeVar("_Answer")
_log = logging.getLogger(__name__)


@dataclass
class _Post:
    """One agent: what is known of it, and what is under way to it."""

    line: Line
    member: Member
    asking: asyncio.Task[FromAgent] | None = None
    exchanged_at: float = field(default=float("-inf"))


class Fleet:
    """Agents on several machines, as an `Agent`.

    Args:
        lines: to each of them.
        weights: parts of the viewers, by name, of those that are not to have as many as they have cores.
        respread: whether the viewers of a lost one come back on the others.
        clock: our monotonic clock.

    Attributes:
        most: viewers that the run may come to have; None: as many as its settings say.
        warns: whether it is said what a machine may run short of with so many.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        weights: Mapping[str, int] | None = None,
        *,
        respread: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._lines = tuple(lines)
        self._weights = dict(weights or {})
        self._respread = respread
        self._clock = clock
        self.most: int | None = None
        self.warns = True
        self._posts: list[_Post] = []
        self._lost: Callable[[], None] = lambda: None
        self._settings: Settings | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._replaced_at: dict[int, float] = {}

    async def hello(self, settings: Settings, lost: Callable[[], None]) -> HostFacts:
        """See `Agent.hello`. Every complaint of every machine is in the error, with the machine's name.

        Raises:
            SwarmError: the machines do not fit together, or one can not carry its part.
        """
        self._settings, self._lost = settings, lost
        facts, shares = await self._shares(settings)
        firsts = accumulate((len(shares[line.name]) for line in self._lines), initial=0)
        now = self._clock()
        self._posts = [
            _Post(line, Member(line.name, first, shares[line.name], now))
            for line, first in zip(self._lines, firsts, strict=False)
        ]
        await asked_of_all(self._read_clock(post) for post in self._posts)
        offsets = {post.line.name: post.member.wall_offset or 0.0 for post in self._posts}
        found = compared(facts, __version__, platform.python_version(), offsets)
        if found.refused:
            raise PreflightError("; ".join(found.refused))
        lists = read_lists(settings)
        begins = (Begin(settings, lists, post.member.workers[0], post.member.shares, self.most) for post in self._posts)
        begun = await asked_of_all(
            asked(post.line, begin, Begun, BEGIN_SECONDS, "start its workers")
            for post, begin in zip(self._posts, begins, strict=True)
        )
        short = [f"{name}: {text}" for name, one in begun.items() for text in one.warnings] if self.warns else []
        for warning in (*found.warnings, *short):
            _log.warning("%s", warning)
        now = self._clock()
        for post in self._posts:
            post.member.begin(now)
        return HostFacts(
            workers=sum(len(post.member.workers) for post in self._posts),
            descriptors=min(one.descriptors for one in begun.values()),
            notice_seconds=NOTICE_SECONDS + NOTICE_SECONDS_PER_AGENT * len(self._posts),
        )

    async def room(self, settings: Settings, least: int) -> int:
        """How many viewers of this kind all machines carry together, by what each has; before `hello`.

        Args:
            least: is the answer if they can not carry more: who has not enough for its part of that says so in `hello`.

        Raises:
            RunError: one can not tell.
        """
        _, shares = await self._shares(settings)
        rooms = await asked_of_all(
            asked(line, Size(settings, len(shares[line.name])), Room, LOOK_SECONDS, "say what it can carry")
            for line in self._lines
        )
        return max(least, room_of_all({name: room.viewers for name, room in rooms.items()}, shares))

    async def apply(self, at: float, change: int | None = None, per_second: float | None = None) -> None:
        """See `Agent.apply`; `at` is of our clock."""
        await self._tell(lambda member: Apply(member.theirs(at), change, per_second))

    async def replace_stalled(self) -> None:
        """See `Agent.replace_stalled`."""
        await self._tell(lambda _: Replace())

    async def poll(self, lease_seconds: float) -> HostNews:
        """See `Agent.poll`."""
        asking = []
        for post in self._posts:
            if post.asking is None and not post.member.lost:
                self._exchange(post)  # first: an agent answers one after the other, and news takes longer than the time
                post.member.asked(self._clock(), lease_seconds)
                post.asking = self._start(self._ask(post, Ask(lease_seconds), QUIET_SECONDS))
                asking.append(post.asking)
        if asking:
            await asyncio.wait(asking, timeout=ANSWER_SECONDS)
        self._take_in()
        await self._give_to_others()
        return self._news()

    async def stop(self, drain_seconds: float, final_seconds: float = FINAL_SECONDS) -> HostNews:
        """See `Agent.stop`."""
        limit = drain_seconds + final_seconds + AFTER_FINAL_SECONDS
        posts = [post for post in self._posts if not post.member.lost]
        silent = [post for post in posts if post.member.owes and post.member.heard_ago(self._clock()) > SILENT_SECONDS]
        last = {id(post): self._start(self._ask(post, End(drain_seconds, final_seconds))) for post in posts}
        if last:
            waiting = [last[id(post)] for post in posts if post not in silent] or list(last.values())
            await asyncio.wait(waiting, timeout=limit)
        for post in posts:
            task = last[id(post)]
            if not task.done():
                task.cancel()
                self._lose(
                    post, f"did not report to the end: no answer for {post.member.heard_ago(self._clock()):.0f} s"
                )
            else:
                self._hear(post, task)
        news = self._news()
        if self._settings is not None and self._settings.record_requests and self._settings.output is not None:
            folder = Path(self._settings.output) / "requests"
            await fetch_requests({post.line.name: self._asker(post) for post in self._posts}, folder)
        await self._cancel_all()
        return news

    def kill(self) -> None:
        """End the load without waiting for anybody: every agent is told, and who does not hear it has its lease."""
        for post in self._posts:
            if not post.member.lost:
                self._start(self._ask(post, End(0.0, 0.0)))

    # -- what is said ---------------------------------------------------------------------------------------------

    def _asker(self, post: _Post) -> Asker | None:
        return None if post.member.lost else partial(self._ask, post)

    async def _ask(self, post: _Post, message: ToAgent, quiet_seconds: float = 0.0) -> FromAgent:
        return from_agent(await post.line.ask(pack(message), quiet_seconds))

    async def _shares(self, settings: Settings) -> tuple[Mapping[str, Facts], Mapping[str, tuple[Share, ...]]]:
        """What each machine is, and the viewers of each worker of it."""
        unknown = self._weights.keys() - {line.name for line in self._lines}
        if unknown:
            names = ", ".join(line.name for line in self._lines)
            raise RunError(f"--share: {', '.join(sorted(unknown))} is none of the agents: {names}")
        facts = await asked_of_all(asked(line, Look(), Facts, LOOK_SECONDS, "say what it is") for line in self._lines)
        cores = {name: fact.cores for name, fact in facts.items()}
        return facts, shared(cores, self._weights, settings.workers)

    async def _read_clock(self, post: _Post) -> tuple[str, float]:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                for _ in range(FIRST_EXCHANGES):
                    await self._exchange_once(post)
        except TimeoutError:
            raise RunError(f"{post.line.name}: did not tell its time within {LOOK_SECONDS:.0f} s") from None
        except LineLostError as error:
            raise RunError(f"{post.line.name}: {one_line(str(error))}") from None
        return post.line.name, 0.0

    async def _exchange_once(self, post: _Post) -> None:
        asked_at, wall_at = self._clock(), time.time()
        reading = await self._ask(post, Time())
        now, wall_now = self._clock(), time.time()
        if isinstance(reading, Reading):
            before = post.member.clock.best
            post.member.clock.add(asked_at, reading.at, now)
            if post.member.clock.best is not before:
                post.member.wall_offset = (wall_at + wall_now) / 2 - reading.wall_at

    def _exchange(self, post: _Post) -> None:
        """Now and then: clocks drift."""
        now = self._clock()
        if now - post.exchanged_at >= EXCHANGE_EVERY_SECONDS:
            post.exchanged_at = now
            self._start(self._exchange_once(post))

    async def _tell(self, message_for: Callable[[Member], ToAgent]) -> None:
        """Say something to everybody who is not lost; who does not hear it in time is found out by the polls."""
        told = [self._start(self._ask(post, message_for(post.member))) for post in self._posts if not post.member.lost]
        if told:
            await asyncio.wait(told, timeout=ANSWER_SECONDS)

    def _start(self, coroutine: Coroutine[Any, Any, _Answer]) -> "asyncio.Task[_Answer]":
        """A task whose failure is no news: whoever waits for it looks at it, and a lost line shows in the polls."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            error = task.exception()
            if error is not None and not isinstance(error, LineLostError | ValueError):
                asyncio.get_running_loop().call_exception_handler({"message": "a line to an agent", "exception": error})

    async def _cancel_all(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)

    # -- what was heard -------------------------------------------------------------------------------------------

    def _take_in(self) -> None:
        now = self._clock()
        for post in self._posts:
            if post.asking is not None and post.asking.done():
                asking, post.asking = post.asking, None
                self._hear(post, asking)
            if post.member.is_overdue(now):
                ago = post.member.heard_ago(now)
                self._lose(post, f"no answer for {ago:.0f} s; its load has ended by its lease", ended=True)

    def _hear(self, post: _Post, asking: "asyncio.Task[FromAgent]") -> None:
        now = self._clock()
        error = asking.exception()
        if isinstance(error, LineLostError):
            self._lose(post, one_line(str(error)), ended=error.load_has_ended)
            return
        if isinstance(error, ValueError):
            self._lose(post, f"said something that can not be read: {one_line(str(error))}")
            return
        if error is not None:
            raise error
        match asking.result():
            case Report() as report:
                died = report.lost.keys() - post.member.lost_workers.keys()
                post.member.heard(report, now)
                if died:
                    self._lost()
            case Refused(reason=reason):
                self._lose(post, reason)
            case _:
                self._lose(post, "said something else than news")

    def _lose(self, post: _Post, why: str, *, ended: bool = False) -> None:
        if post.member.lost:
            return
        post.member.lose(why, self._clock(), load_has_ended=ended)
        post.member.replaced = False if self._respread else None
        _log.error("agent %s is lost: %s", post.line.name, why)
        self._lost()

    async def _give_to_others(self) -> None:
        """The viewers of those that are lost, once their own load has ended, if that is asked for."""
        now, settings = self._clock(), self._settings
        living = [post for post in self._posts if not post.member.lost]
        if not self._respread or not living or settings is None:
            return
        for post in self._posts:
            member = post.member
            if not member.lost or now < member.load_ends_by:
                continue
            if id(post) in self._replaced_at:
                member.replaced = now >= self._replaced_at[id(post)]
                continue
            parts = [share.parts(len(living)) for share in member.shares]
            viewers = 0 if member.news is None else member.news.tally.lost
            seconds = viewers / settings.ramp_rate
            at = now + NOTICE_SECONDS
            self._replaced_at[id(post)] = at + seconds + SETTLED_SECONDS
            for nth, heir in enumerate(living):
                given = tuple(part[nth] for part in parts)
                heir.member.shares += given
                self._start(self._ask(heir, Adopt(heir.member.theirs(at), given, seconds)))
            _log.warning("the viewers of agent %s come again on the others", member.name)

    def _news(self) -> HostNews:
        members = [post.member for post in self._posts]
        now = self._clock()
        lost: dict[int, str] = {}
        silent: dict[int, float] = {}
        for member in members:
            lost.update({number: f"on {member.name}: {how}" for number, how in member.lost_workers.items()})
            silent.update(member.silent_workers)
            if member.lost:
                lost.update(dict.fromkeys(member.workers, f"on {member.name}: {member.lost}"))
        return HostNews(
            workers=sum(len(member.workers) for member in members),
            news={member.workers[0]: member.news for member in members if member.news is not None},
            lost=lost,
            silent=silent,
            agents=tuple(member.state(now) for member in members),
        )
