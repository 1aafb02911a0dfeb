"""Connections that are looked at while they wait for much."""

from collections.abc import Callable
from typing import Any, cast

from hls_swarm.http.h2.lookout import LOOK_SECONDS, Lookout


class Loop:
    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_later(self, delay: float, call: Callable[[], None]) -> object:
        assert delay == LOOK_SECONDS
        self.due.append(call)
        return object()

    def ring(self) -> None:
        (call,) = self.due
        self.due = []
        call()


class Connection:
    def __init__(self, awaited: int) -> None:
        self.awaited_stream = awaited
        self.polls = 0

    def poll(self) -> None:
        self.polls += 1


def test_who_waits_for_the_same_body_as_before_is_read() -> None:
    loop = Loop()
    lookout = Lookout(cast("Any", loop))
    slow, quick, idle = Connection(1), Connection(1), Connection(1)
    for connection in (slow, quick, idle):
        lookout.watch(connection)
        lookout.watch(connection)
    idle.awaited_stream = 0
    loop.ring()
    assert [one.polls for one in (slow, quick, idle)] == [0, 0, 0]
    quick.awaited_stream = 3
    loop.ring()
    assert [one.polls for one in (slow, quick, idle)] == [1, 0, 0]
    slow.awaited_stream = quick.awaited_stream = 0
    loop.ring()
    assert loop.due == []
    lookout.watch(idle)
    assert len(loop.due) == 1
