"""The workers of this machine: child processes, one pipe each way."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import msgspec

from hls_swarm.cluster.agent import HostFacts, HostNews
from hls_swarm.engine.ffmpeg.fleet import plan_of
from hls_swarm.engine.messages import (
    Configure,
    Drain,
    FrameReader,
    News,
    PlanChange,
    Poll,
    Ready,
    StartAt,
    ToWorker,
    frame,
    from_worker,
)
from hls_swarm.engine.native.identities import read_lists
from hls_swarm.errors import RunError
from hls_swarm.settings.run import Settings

START_SECONDS = 20.0
"""Time in which a worker must have started."""
ANSWER_SECONDS = 0.5
"""Time in which a worker's answer to a poll is waited for; a later one counts for the next poll."""
EXIT_SECONDS = 2.0
"""Time in which a worker must have ended after its input was closed; then it is killed."""


class _Child:
    """One worker process."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, on_lost: Callable[[], None]) -> None:
        self.number = number
        self._on_lost = on_lost
        self.process = process
        self.ready: Ready | None = None
        self.news: News | None = None
        self.lost: str | None = None
        self.changed = asyncio.Event()
        self._ending = False
        self._words: deque[str] = deque(maxlen=20)
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._read_words())]

    def send(self, message: ToWorker) -> None:
        """Say something; a worker that is gone is noticed by `_read`."""
        if self.process.stdin is not None and self.lost is None:
            self.process.stdin.write(frame(message))

    async def wait_for_change(self, seconds: float) -> None:
        """Until the worker said something or died, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()

    async def end(self) -> None:
        """Close its input and wait until it is gone."""
        self._ending = True
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(EXIT_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await asyncio.gather(*self._tasks)

    async def _read(self) -> None:
        frames, stdout = FrameReader(), self.process.stdout
        if stdout is None:
            raise AssertionError("a worker has a pipe as its output")
        while data := await stdout.read(1 << 18):
            try:
                self._hear(frames, data)
            except (ValueError, msgspec.MsgspecError) as error:
                self._lose(f"said something that is no message: {error}")
                self.process.kill()
                break
        code = await self.process.wait()
        if not self._ending and self.lost is None:
            how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            words = f": {self._words[-1]}" if self._words else ""
            self._lose(how + words)
        self.changed.set()

    def _lose(self, how: str) -> None:
        """Its viewers ended with it, at the latest when it said its last; that stays in the totals."""
        self.lost = f"worker {self.number} {how}"
        if self.news is not None:
            self.news.tally.lose(self.news.at)
        self._on_lost()

    def _hear(self, frames: FrameReader, data: bytes) -> None:
        for body in frames.feed(data):
            match from_worker(body):
                case Ready() as ready:
                    self.ready = ready
                case News() as news if self.news is None or news.number > self.news.number:
                    self.news = news
            self.changed.set()

    async def _read_words(self) -> None:
        stderr = self.process.stderr
        if stderr is None:
            raise AssertionError("a worker has a pipe for its errors")
        pending = b""
        while data := await stderr.read(1 << 16):
            *lines, pending = (pending + data).split(b"\n")
            pending = pending[-4096:]
            self._words.extend(line.decode(errors="replace").strip()[:500] for line in lines if line.strip())


class LocalAgent:
    """This machine, as an `Agent`.

    Args:
        workers: processes to start.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._children: list[_Child] = []

    async def hello(self, settings: Settings, lost: Callable[[], None]) -> HostFacts:
        """See `Agent.hello`."""
        lists = read_lists(settings)
        ffmpeg = await plan_of(settings, lists)
        try:
            for number in range(self._workers):
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "hls_swarm.engine.launch", stdin=PIPE, stdout=PIPE, stderr=PIPE
                )
                self._children.append(_Child(number, process, lost))
        except OSError as error:
            raise RunError(f"a worker process could not be started: {error}") from error
        for child in self._children:
            child.send(Configure(settings, child.number, self._workers, lists, ffmpeg))
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
                raise RunError(child.lost)
        limits = [child.ready.descriptors for child in self._children if child.ready is not None]
        return HostFacts(self._workers, min(limits))

    async def apply(self, at: float, change: int | None = None) -> None:
        """The schedule begins, or changes, at this instant of the monotonic clock, which all processes here share."""
        for child in self._children:
            child.send(StartAt(at) if change is None else PlanChange(at, change))

    async def poll(self, lease_seconds: float) -> HostNews:
        """Ask every worker for news and renew the lease; one that is slow to answer is represented by its last."""
        for child in self._children:
            child.changed.clear()
            child.send(Poll(lease_seconds))
        await asyncio.gather(*(child.wait_for_change(ANSWER_SECONDS) for child in self._children if child.lost is None))
        return self._host_news()

    async def stop(self, drain_seconds: float) -> HostNews:
        """End all viewers and workers; what is in flight may finish for `drain_seconds`. Leaves nothing behind."""
        for child in self._children:
            child.changed.clear()
            child.send(Drain(drain_seconds))
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds + 1.0):
                for child in self._children:
                    while child.lost is None and not (child.news is not None and child.news.final):
                        child.changed.clear()
                        await child.changed.wait()
        news = self._host_news()
        await asyncio.gather(*(child.end() for child in self._children))
        return news

    def kill(self) -> None:
        """End the workers at once; for a second Ctrl-C."""
        for child in self._children:
            if child.process.returncode is None:
                child.process.kill()

    def _host_news(self) -> HostNews:
        return HostNews(
            workers=len(self._children),
            news={child.number: child.news for child in self._children if child.news is not None},
            lost={child.number: child.lost for child in self._children if child.lost is not None},
        )
