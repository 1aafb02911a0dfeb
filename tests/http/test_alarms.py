"""One timer for the time limits of all clients: nobody early, nobody forgotten, few wake-ups."""

import asyncio
import threading
from collections.abc import Callable
from math import inf
from typing import Any, cast

import pytest
import uvloop
from tests.http.running import request
from tests.http.scripted import ScriptedOrigin, Turn, response, scripted

from hls_swarm.http import Client, ClientContext, Timeouts, fetch
from hls_swarm.http.alarms import Alarms

TICK = 0.001
APART_SECONDS = 0.02
NEVER_EARLY_SECONDS = 0.0015
LIMITED = Timeouts(connect=5.0, first_byte=2.0, total=4.0)
"""Shorter than those of what was asked before, as the limits of a blocked reload are."""


class _Timer:
    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at, self.callback, self.cancelled = at, callback, False

    def cancel(self) -> None:
        self.cancelled = True


class _Loop:
    """Timers of a loop whose clock a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[_Timer] = []
        self.wake_ups = 0

    def call_later(self, delay: float, callback: Callable[[], None]) -> _Timer:
        timer = _Timer(self.now + delay, callback)
        self.timers.append(timer)
        return timer

    def run(self, until: float) -> None:
        while True:
            self.timers = sorted((one for one in self.timers if not one.cancelled), key=lambda one: one.at)
            if not self.timers or self.timers[0].at > until:
                self.now = until
                return
            timer = self.timers.pop(0)
            self.now = max(self.now, timer.at)
            self.wake_ups += 1
            timer.callback()


class _CountedLoop:
    """A loop that counts the timers that are set."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.timers = 0
        self._loop = loop

    def call_later(self, delay: float, callback: Callable[..., None], *arguments: object) -> asyncio.TimerHandle:
        self.timers += 1
        return self._loop.call_later(delay, callback, *arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


class _Client:
    def __init__(self, alarms: Alarms, again: tuple[float, ...] = ()) -> None:
        self.alarm_at = inf
        self.rang: list[float] = []
        self._alarms, self._again = alarms, list(again)

    def watch(self, at: float) -> None:
        self.alarm_at = at
        self._alarms.set(self)

    def ring(self, now: float) -> None:
        self.alarm_at = inf
        self.rang.append(now)
        if self._again:
            self.watch(self._again.pop(0))


@pytest.fixture
def loop() -> _Loop:
    return _Loop()


@pytest.fixture
def alarms(loop: _Loop) -> Alarms:
    return Alarms(cast("asyncio.AbstractEventLoop", loop), clock=lambda: loop.now)


@pytest.fixture
def together(loop: _Loop) -> Alarms:
    return Alarms(cast("asyncio.AbstractEventLoop", loop), APART_SECONDS, clock=lambda: loop.now)


def test_one_alone_rings_at_its_time(loop: _Loop, alarms: Alarms) -> None:
    client = _Client(alarms)
    client.watch(101.0)
    loop.run(102.0)
    assert client.rang == [pytest.approx(101.0, abs=3 * TICK)]
    assert client.rang[0] >= 101.0


def test_an_earlier_one_takes_the_place_of_the_timer(loop: _Loop, alarms: Alarms) -> None:
    late, early = _Client(alarms), _Client(alarms)
    late.watch(105.0)
    early.watch(101.0)
    loop.run(102.0)
    assert (len(early.rang), late.rang) == (1, [])
    loop.run(106.0)
    assert late.rang == [pytest.approx(105.0, abs=3 * TICK)]


def test_many_are_told_together_and_none_early(loop: _Loop, together: Alarms) -> None:
    clients = [_Client(together) for _ in range(1000)]
    for nth, client in enumerate(clients):
        client.watch(101.0 + nth / 1000)
    loop.run(103.0)
    assert all(len(client.rang) == 1 for client in clients)
    lateness = [client.rang[0] - (101.0 + nth / 1000) for nth, client in enumerate(clients)]
    assert min(lateness) >= 0
    assert max(lateness) <= APART_SECONDS + 3 * TICK
    assert loop.wake_ups <= 1.0 / APART_SECONDS + 2


@pytest.mark.parametrize(
    ("per_second", "apart_seconds"),
    [
        pytest.param(100, APART_SECONDS, id="few wait for one another as long as they may"),
        pytest.param(1000, 8 / 1000, id="of many, no longer than it takes until enough are due"),
        pytest.param(5000, 8 / 5000, id="of very many hardly at all"),
    ],
)
def test_as_many_as_are_enough_are_told_together(loop: _Loop, per_second: int, apart_seconds: float) -> None:
    alarms = Alarms(cast("asyncio.AbstractEventLoop", loop), APART_SECONDS, 8, clock=lambda: loop.now)
    clients = [_Client(alarms) for _ in range(4 * per_second)]
    due = [101.0 + nth / per_second for nth in range(len(clients))]
    for client, at in zip(clients, due, strict=True):
        client.watch(at)
    loop.run(103.0)  # by then it is known how many there are
    before = loop.wake_ups
    loop.run(104.0)
    assert loop.wake_ups - before == pytest.approx(1 / (apart_seconds + NEVER_EARLY_SECONDS), rel=0.1)
    loop.run(106.0)
    lateness = [client.rang[0] - at for client, at in zip(clients, due, strict=True)]
    assert all(len(client.rang) == 1 for client in clients)
    assert min(lateness) >= 0
    assert max(lateness) <= APART_SECONDS + 3 * TICK
    assert max(late for late, at in zip(lateness, due, strict=True) if at > 103.0) <= apart_seconds + 3 * TICK


def test_what_was_taken_back_wakes_nobody(loop: _Loop, alarms: Alarms) -> None:
    first, moved, last = _Client(alarms), _Client(alarms), _Client(alarms)
    first.watch(101.0)
    moved.watch(102.0)
    last.watch(103.0)
    moved.alarm_at = inf
    loop.run(104.0)
    assert (loop.wake_ups, moved.rang, len(last.rang)) == (2, [], 1)


def test_what_was_taken_back_does_not_does_not_ring(loop: _Loop, alarms: Alarms) -> None:
    closed, moved = _Client(alarms), _Client(alarms)
    closed.watch(101.0)
    closed.alarm_at = inf
    moved.watch(102.0)
    moved.watch(101.0)
    loop.run(104.0)
    assert closed.rang == []
    assert moved.rang == [pytest.approx(101.0, abs=3 * TICK)]


def test_an_alarm_can_be_set_while_it_rings(loop: _Loop, alarms: Alarms) -> None:
    client = _Client(alarms, again=(100.5, 103.0))  # the first one is past by then
    client.watch(101.0)
    loop.run(102.0)
    assert len(client.rang) == 2
    loop.run(104.0)
    assert client.rang[2:] == [pytest.approx(103.0, abs=3 * TICK)]


def test_a_client_that_breaks_costs_no_other_one_its_alarm(loop: _Loop, alarms: Alarms) -> None:
    class _Broken(_Client):
        def ring(self, now: float) -> None:
            super().ring(now)
            raise RuntimeError("a bug")

    broken, same_time, later = _Broken(alarms), _Client(alarms), _Client(alarms)
    broken.watch(101.0)
    same_time.watch(101.0)
    later.watch(102.0)
    with pytest.raises(RuntimeError):
        loop.run(101.5)
    loop.run(103.0)
    assert (len(same_time.rang), len(later.rang)) == (1, 1)


def test_requests_that_a_server_holds_set_no_timer_each() -> None:
    """A blocked reload is answered by the server's clock: what is due here is a limit that is seldom reached."""
    held = threading.Event()

    def script(turn: Turn) -> None:
        if turn.path == "/held":
            held.wait(10)
        turn.send(response(b"a body"))

    async def main(origin: ScriptedOrigin) -> int:
        running = asyncio.get_running_loop()
        counted = _CountedLoop(running)
        context = ClientContext(cast("asyncio.AbstractEventLoop", counted))
        clients = [Client(context) for _ in range(20)]
        await asyncio.gather(*(fetch(client, request(origin.url("/first"))) for client in clients))
        counted.timers = 0
        waits = [
            asyncio.ensure_future(fetch(client, request(origin.url("/held"), timeouts=LIMITED))) for client in clients
        ]
        await asyncio.sleep(0.05)
        timers = counted.timers
        held.set()
        assert all(exchange.failure is None for exchange in await asyncio.gather(*waits))
        for client in clients:
            client.close()
        return timers

    with scripted(script) as origin:
        assert uvloop.run(main(origin)) <= 2
