"""The workers of this machine: child processes, one pipe each way."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import MappingProxyType

from hls_swarm.cluster.agent import FINAL_SECONDS, HostFacts, HostNews, Part
from hls_swarm.cluster.child import Child
from hls_swarm.engine.ffmpeg.mix import has_ffmpeg
from hls_swarm.engine.native.identities import read_lists
from hls_swarm.engine.worker_messages import Configure, Drain, PlanChange, Poll, ReplaceStalled, StartAt, TakeOver
from hls_swarm.errors import RunError
from hls_swarm.foreign import masked
from hls_swarm.load.shares import Share
from hls_swarm.results.logs import secrets_of
from hls_swarm.settings.run import Settings

START_SECONDS = 20.0
"""Time in which a worker must have started."""
ANSWER_SECONDS = 0.5
"""Time in which a worker's answer to a poll is waited for; a later one counts for the next poll."""
SILENT_SECONDS = 2.0
"""A worker that said nothing for this long, although it is asked each second, is not waited for at the end."""
SILENT_GRACE_SECONDS = 0.1
"""But for this long: if it was this process that stood still, the answer waits in the pipe."""
EXIT_SECONDS = 0.5
"""Time in which a worker must have ended after its input was closed; then it is killed."""


class LocalAgent:
    """This machine, as an `Agent`.

    Args:
        workers: processes to start.
        part: what of the run they do; None: all of it.
    """

    def __init__(self, workers: int, part: Part | None = None) -> None:
        self._part = Part.whole(workers) if part is None else part
        self._children: list[Child] = []

    async def hello(self, settings: Settings, lost: Callable[[], None]) -> HostFacts:
        """See `Agent.hello`."""
        part = self._part
        lists = read_lists(settings) if part.lists is None else part.lists
        mask = partial(masked, secrets=(*secrets_of(settings), *lists.tokens))
        ffmpeg = None
        if has_ffmpeg(settings):
            from hls_swarm.engine.ffmpeg.fleet import plan_of

            ffmpeg = await plan_of(settings, lists)
        try:
            for nth in range(len(part.shares)):
                self._children.append(await Child.start(part.first + nth, lost, mask))
        except OSError as error:
            raise RunError(f"a worker process could not be started: {error}") from error
        for child, share in zip(self._children, part.shares, strict=True):
            child.send(Configure(settings, child.number, share, lists, ffmpeg))
        try:
            async with asyncio.timeout(START_SECONDS):
                for child in self._children:
                    while child.ready is None and child.lost is None:
                        child.changed.clear()
                        await child.changed.wait()
        except TimeoutError:
            raise RunError(f"a worker process did not start within {START_SECONDS:.0f} s") from None
        for child in self._children:
            if child.lost is not None:
                raise RunError(f"worker {child.number} {child.lost}")
        limits = [child.ready.descriptors for child in self._children if child.ready is not None]
        return HostFacts(len(self._children), min(limits))

    async def apply(self, at: float, change: int | None = None, per_second: float | None = None) -> None:
        """The schedule begins, or changes, at this instant of the monotonic clock, which all processes here share."""
        for child in self._children:
            child.send(StartAt(at) if change is None else PlanChange(at, change, per_second))

    def adopt(self, at: float, shares: Sequence[Share], seconds: float) -> None:
        """From the instant `at` on, the viewers of these shares are the workers' too; see `Swarm.take_over`."""
        living = [child for child in self._children if child.lost is None]
        if not living:
            return
        for share in shares:
            for child, part in zip(living, share.parts(len(living)), strict=True):
                child.send(TakeOver(at, part, seconds))

    async def replace_stalled(self) -> None:
        """See `Agent.replace_stalled`."""
        for child in self._children:
            child.send(ReplaceStalled())

    async def poll(self, lease_seconds: float) -> HostNews:
        """Ask every worker for news and renew the lease; one that is slow to answer is represented by its last."""
        for child in self._children:
            child.changed.clear()
            child.send(Poll(lease_seconds))
        await asyncio.gather(*(child.wait_for_change(ANSWER_SECONDS) for child in self._children if child.lost is None))
        return self._host_news()

    async def stop(self, drain_seconds: float, final_seconds: float = FINAL_SECONDS) -> HostNews:
        """See `Agent.stop`."""
        for child in self._children:
            child.changed.clear()
            child.send(Drain(drain_seconds))
        late = [child for child in self._children if child.silent_for() >= SILENT_SECONDS]
        await asyncio.gather(*(child.wait_for_change(SILENT_GRACE_SECONDS) for child in late))
        answering = [child for child in self._children if child.silent_for() < SILENT_SECONDS]
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds + final_seconds):
                for child in answering:
                    while child.lost is None and not (child.news is not None and child.news.final):
                        child.changed.clear()
                        await child.changed.wait()
        news = self._host_news({child.number: child.give_up() for child in self._children if child.is_unfinished})
        await asyncio.gather(*(child.end(EXIT_SECONDS) for child in self._children))
        return news

    def kill(self) -> None:
        """End the workers at once; for a second Ctrl-C."""
        for child in self._children:
            child.kill()

    def _host_news(self, silent: Mapping[int, float] = MappingProxyType({})) -> HostNews:
        return HostNews(
            workers=len(self._children),
            first=self._part.first,
            news={child.number: child.news for child in self._children if child.news is not None},
            lost={child.number: child.lost for child in self._children if child.lost is not None},
            silent=silent,
        )
