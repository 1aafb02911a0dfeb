import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

import psutil
import pytest

from hls_swarm.cluster.agent import HostNews
from hls_swarm.cluster.local import LocalAgent
from hls_swarm.errors import SettingsError
from hls_swarm.settings.run import Settings
from hls_swarm.testorigin.process import OriginProcess
from hls_swarm.testorigin.settings import OriginSettings

pytestmark = pytest.mark.program


def with_workers(
    settings: Settings, workers: int, use: Callable[[LocalAgent, asyncio.Event], Awaitable[None]]
) -> HostNews:
    """Start the workers, use them, stop them; gives the last news."""

    async def main() -> HostNews:
        lost = asyncio.Event()
        agent = LocalAgent(workers)
        try:
            facts = await agent.hello(settings, lost.set)
            assert facts.workers == workers
            await agent.apply(time.perf_counter())
            await use(agent, lost)
        finally:
            news = await agent.stop(0.2)
        return news

    async def bounded() -> HostNews:
        async with asyncio.timeout(60):
            return await main()

    return asyncio.run(bounded())


async def until(agent: LocalAgent, condition: Callable[[HostNews], bool]) -> HostNews:
    while True:
        news = await agent.poll(5.0)
        if condition(news):
            return news
        await asyncio.sleep(0.05)


def worker_pids() -> list[int]:
    """Children of this process that are workers, in the order of their start."""
    found = [child for child in psutil.Process().children() if "hls_swarm.engine.launch" in child.cmdline()]
    return [child.pid for child in sorted(found, key=lambda child: (child.create_time(), child.pid))]


def test_a_killed_worker_is_noticed_at_once_and_its_viewers_are_reported_lost() -> None:
    async def use(agent: LocalAgent, lost: asyncio.Event) -> None:
        news = await until(agent, lambda news: sum(each.tally.playing.active for each in news.news.values()) == 6)
        assert news.lost == {}
        os.kill(worker_pids()[0], signal.SIGKILL)
        await lost.wait()  # without a poll
        left = await agent.poll(5.0)
        assert left.lost == {0: "killed by SIGKILL (the system does so when memory runs out)"}
        dead, alive = left.news[0].tally, left.news[1].tally
        assert (dead.started, dead.active, dead.lost, dead.playing.active, dead.watching.active) == (3, 0, 3, 0, 0)
        assert dead.playing.seconds(left.news[0].at) == dead.playing.seconds(left.news[0].at + 100.0) > 0
        assert (alive.active, alive.lost) == (3, 0)
        assert not left.idle
        os.kill(worker_pids()[0], signal.SIGKILL)
        assert (await until(agent, lambda news: len(news.lost) == 2)).idle

    async def main() -> HostNews:
        async with OriginProcess(OriginSettings()) as address:
            settings = Settings(url=address.stream_url, clients=6, ramp_rate=100.0)
            return await asyncio.to_thread(with_workers, settings, 2, use)

    news = asyncio.run(main())
    assert set(news.lost) == {0, 1}
    assert worker_pids() == []


def test_a_worker_that_stands_still_to_the_end_is_told_and_its_viewers_are_lost() -> None:
    async def use(agent: LocalAgent, lost: asyncio.Event) -> None:
        await until(agent, lambda news: sum(each.tally.playing.active for each in news.news.values()) == 4)
        os.kill(worker_pids()[1], signal.SIGSTOP)
        assert (await agent.poll(5.0)).lost == {}

    async def main() -> HostNews:
        async with OriginProcess(OriginSettings()) as address:
            settings = Settings(url=address.stream_url, clients=4, ramp_rate=100.0)
            return await asyncio.to_thread(with_workers, settings, 2, use)

    news = asyncio.run(main())
    assert (news.lost, set(news.silent)) == ({}, {1})
    assert news.silent[1] >= 0.5
    assert (news.news[1].tally.active, news.news[1].tally.lost) == (0, 2)
    assert news.news[0].final
    assert worker_pids() == []


def test_files_are_read_before_a_worker_is_started() -> None:
    settings = Settings(url="http://127.0.0.1:9/", token_file="/nonexistent/tokens")

    async def main() -> None:
        await LocalAgent(1).hello(settings, lambda: None)

    with pytest.raises(SettingsError, match="--token-file"):
        asyncio.run(main())
    assert worker_pids() == []


@pytest.mark.parametrize(
    ("workers", "lost", "idle"),
    [pytest.param(0, {}, True, id="none"), pytest.param(1, {}, False, id="one that has not spoken yet"),
     pytest.param(1, {0: "killed"}, True, id="one that died before it spoke"),
     pytest.param(2, {0: "killed"}, False, id="one of two")],
)  # fmt: skip
def test_idle(workers: int, lost: dict[int, str], idle: bool) -> None:
    assert HostNews(workers, {}, lost).idle is idle
