"""What is carried out although its task is cancelled meanwhile."""

import asyncio

import pytest

from hls_swarm.run.loop import carried_out


def test_a_cancellation_waits_until_it_is_done() -> None:
    done: list[str] = []

    async def end(go_on: asyncio.Event) -> None:
        await go_on.wait()
        done.append("ended")

    async def run() -> None:
        go_on = asyncio.Event()
        task = asyncio.ensure_future(carried_out(end(go_on)))
        for _ in range(3):
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert done == ["ended"]


def test_what_it_gives_and_raises_is_passed_on() -> None:
    async def give(value: int) -> int:
        if value < 0:
            raise ValueError("below zero")
        return value

    assert asyncio.run(carried_out(give(3))) == 3
    with pytest.raises(ValueError, match="below zero"):
        asyncio.run(carried_out(give(-1)))
