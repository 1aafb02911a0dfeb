"""What a worker dies of, in words; and what it does not die of."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import psutil
import pytest

from hls_swarm.cluster.agent import HostFacts
from hls_swarm.cluster.child import Child, died_of
from hls_swarm.cluster.local import LocalAgent
from hls_swarm.settings.run import Settings

TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "worker.py", line 7, in main',
    "ValueError: not a \x1b[1mnumber",
)


@pytest.mark.parametrize(
    ("code", "words", "expected"),
    [
        pytest.param(-9, (), "killed by SIGKILL (the system does so when memory runs out)", id="killed"),
        pytest.param(-11, ("Fatal Python error",), "killed by SIGSEGV", id="crashed"),
        pytest.param(-35, (), "killed by signal 35", id="a signal without a name"),
        pytest.param(0, (), "ended with exit code 0", id="without a word"),
        pytest.param(1, TRACEBACK, "ended with exit code 1: ValueError: not a \\x1b[1mnumber", id="an exception"),
        pytest.param(1, (*TRACEBACK, "  more of it", ""), "ended with exit code 1: ValueError: not a \\x1b[1mnumber",
                     id="lines that belong to it"),
    ],
)  # fmt: skip
def test_what_it_died_of(code: int, words: tuple[str, ...], expected: str) -> None:
    assert died_of(code, words) == expected


@pytest.mark.program
def test_its_last_words_are_kept_without_secrets_and_bounded(caplog: pytest.LogCaptureFixture) -> None:
    script = (
        "import sys\n"
        "sys.stderr.write(''.join(f'line {n}\\n' for n in range(200)) + 'x' * 9000 + '\\n')\n"
        "sys.stderr.write('ValueError: of the token s3cret-token')\n"
        "sys.exit(7)\n"
    )

    async def main() -> str | None:
        lost = asyncio.Event()
        child = await Child.start(
            3, lost.set, lambda text: text.replace("s3cret-token", "***"), (sys.executable, "-c", script)
        )
        async with asyncio.timeout(60):
            await lost.wait()
        await child.end(1.0)
        return child.lost

    with caplog.at_level(logging.INFO, "hls_swarm"):
        assert asyncio.run(main()) == "ended with exit code 7: ValueError: of the token ***"
    assert "s3cret" not in caplog.text
    said = [record.message for record in caplog.records if record.message.startswith("worker 3 says: ")]
    assert len(said) == 100
    assert said[-1] == "worker 3 says: line 99 (what else it says is not logged)"
    (died,) = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert died.startswith(
        "worker 3 died: ended with exit code 7: ValueError: of the token ***; the last that it said:\n"
    )
    assert died.endswith("\n    ValueError: of the token ***")
    assert len(died) < 3000


def workers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "hls_swarm.engine.launch" in child.cmdline()]


def with_agent(use: Callable[[LocalAgent, "asyncio.Task[HostFacts]"], Awaitable[None]]) -> None:
    """Start two workers, which have nothing to do, and use them while they start; leaves none behind."""

    async def main() -> None:
        agent = LocalAgent(2)
        starting = asyncio.create_task(agent.hello(Settings(url="http://127.0.0.1:9/", clients=2), lambda: None))
        try:
            async with asyncio.timeout(40):
                await use(agent, starting)
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            await agent.stop(0.0)

    asyncio.run(main())
    assert workers() == []


@pytest.mark.program
def test_no_signal_to_the_group_ends_a_worker_from_its_first_instruction_on() -> None:
    async def use(agent: LocalAgent, starting: "asyncio.Task[HostFacts]") -> None:
        sent = 0
        while not starting.done():
            for worker in workers():
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    os.kill(worker.pid, number)
                    sent += 1
            await asyncio.sleep(0.002)
        await starting
        assert sent > 20
        assert (await agent.poll(5.0)).lost == {}

    with_agent(use)


@pytest.mark.program
def test_a_worker_that_does_not_answer_is_not_waited_for_at_the_end() -> None:
    async def use(agent: LocalAgent, starting: "asyncio.Task[HostFacts]") -> None:
        await starting
        (first, _) = sorted(workers(), key=lambda worker: (worker.create_time(), worker.pid))
        os.kill(first.pid, signal.SIGSTOP)
        loop = asyncio.get_running_loop()
        until = loop.time() + 3.0
        while loop.time() < until:
            await agent.poll(10.0)
        begun = loop.time()
        news = await agent.stop(20.0)
        assert loop.time() - begun < 20.0  # for so long, and more, is one waited for that is there
        assert news.news[1].final
        assert not news.news.get(0) or not news.news[0].final

    with_agent(use)
