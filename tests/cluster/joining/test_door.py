"""Agents at a controller's door: who is let in, who is not and why, what each side learns when the other is gone."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from hls_swarm.cluster.agent import LEASE_SECONDS
from hls_swarm.cluster.joining.door import MOST_DECLINED, Door, Visit
from hls_swarm.cluster.joining.handshake import (
    HERE_SECONDS,
    PROTOCOL,
    SILENT_SECONDS,
    Declined,
    Versions,
    Welcome,
    read_token,
)
from hls_swarm.cluster.member import GRACE_SECONDS
from hls_swarm.errors import RunError, SettingsError

TOKEN, OTHER = "0123456789abcdef-a-token", "fedcba9876543210-another"
SAME = Versions("1.0", "3.11.7", "2.60.0")


class Hall:
    """A door, and those who knocked at it."""

    def __init__(self, door: Door, said: list[str]) -> None:
        self.door, self.said = door, said

    async def visit(self, name: str, token: str = TOKEN, versions: Versions = SAME) -> Visit:
        visit = Visit(token, versions, name)
        await visit.knock("127.0.0.1", self.door.port)
        return visit

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():
                self.door.changed.clear()
                await self.door.changed.wait()


def at_door(test: Callable[[Hall], Awaitable[None]], wanted: int = 2, here_seconds: float = HERE_SECONDS) -> None:
    async def run() -> None:
        said: list[str] = []
        door = Door(TOKEN, SAME, wanted, said.append, here_seconds)
        await door.open("127.0.0.1", 0)
        try:
            await asyncio.wait_for(test(Hall(door, said)), 20)
        finally:
            await door.close()

    asyncio.run(run())


def test_all_who_are_wanted_come_and_are_sent_on_together() -> None:
    async def test(hall: Hall) -> None:
        visits = [await hall.visit("a"), await hall.visit("b")]
        await hall.until(lambda: len(hall.door.guests) == 2)
        hall.door.send_to("127.0.0.1:17101")
        answers = [await visit.answer() for visit in visits]
        assert [answer.controller for answer in answers if isinstance(answer, Welcome)] == ["127.0.0.1:17101"] * 2
        assert hall.said == ["agent a (127.0.0.1) is here, 1 of 2", "agent b (127.0.0.1) is here, 2 of 2"]
        for visit in visits:
            visit.leave()

    at_door(test)


@pytest.mark.parametrize(
    ("token", "versions", "reason"),
    [
        pytest.param(OTHER, SAME, "it has another token", id="token"),
        pytest.param(
            TOKEN, Versions("0.9", "3.11.7", "2.60.0"), "it runs hls-swarm 0.9, and the controller 1.0", id="own"
        ),
        pytest.param(
            TOKEN, Versions("1.0", "3.12.0", "2.60.0"), "it has Python 3.12.0, and the controller", id="python"
        ),
        pytest.param(TOKEN, Versions("1.0", "3.11.7", "2.61.0"), "it has Ray 2.61.0, and the controller", id="engine"),
    ],
)
def test_who_does_not_fit_is_told_why_on_both_sides(token: str, versions: Versions, reason: str) -> None:
    async def test(hall: Hall) -> None:
        visit = await hall.visit("b", token, versions)
        answer = await visit.answer()
        assert isinstance(answer, Declined)
        assert answer.reason.startswith(reason)
        assert not answer.later
        assert hall.door.declined["b (127.0.0.1)"] == answer.reason
        assert hall.said == [f"b (127.0.0.1) was refused: {answer.reason}"]
        assert not hall.door.guests
        visit.leave()

    at_door(test)


def test_who_knocks_under_many_names_is_not_kept_under_all_of_them() -> None:
    async def test(hall: Hall) -> None:
        for number in range(MOST_DECLINED + 20):
            visit = await hall.visit(f"b{number}", OTHER)
            assert isinstance(await visit.answer(), Declined)
            visit.leave()
        assert len(hall.door.declined) == len(hall.said) == MOST_DECLINED

    at_door(test)


def test_a_second_one_of_a_name_and_one_too_many_may_come_later() -> None:
    async def test(hall: Hall) -> None:
        first = await hall.visit("a")
        await hall.until(lambda: "a" in hall.door.guests)
        second = await hall.visit("a")
        assert await second.answer() == Declined(
            "an agent a is here already: give one of them another --name", later=True
        )
        third = await hall.visit("b")
        assert await third.answer() == Declined("the run has its 1 agents: it is for the next one", later=True)
        for visit in (first, second, third):
            visit.leave()

    at_door(test, wanted=1)


def test_one_that_leaves_before_the_run_makes_room() -> None:
    async def test(hall: Hall) -> None:
        first = await hall.visit("a")
        await hall.until(lambda: "a" in hall.door.guests)
        first.leave()
        await hall.until(lambda: not hall.door.guests)
        again = await hall.visit("a")
        await hall.until(lambda: "a" in hall.door.guests)
        again.leave()

    at_door(test, wanted=1)


def test_a_controller_without_the_token_is_found_out() -> None:
    async def run() -> None:
        async def impostor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(json.dumps({"type": "greeting", "protocol": PROTOCOL, "nonce": "00"}).encode() + b"\n")
            await reader.readline()
            welcome = {"type": "welcome", "proof": "00" * 32, "controller": "10.0.0.66:1", "address": "10.0.0.1"}
            writer.write(json.dumps(welcome).encode() + b"\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(impostor, "127.0.0.1", 0)
        async with server:
            visit = Visit(TOKEN, SAME, "a")
            await visit.knock("127.0.0.1", server.sockets[0].getsockname()[1])
            assert await visit.answer() == Declined("the controller has another token")
            visit.leave()

    asyncio.run(run())


def test_each_side_learns_that_the_other_is_gone() -> None:
    async def test(hall: Hall) -> None:
        visits = [await hall.visit("a"), await hall.visit("b")]
        await hall.until(lambda: len(hall.door.guests) == 2)
        guests = dict(hall.door.guests)
        hall.door.send_to("127.0.0.1:17101")
        for visit in visits:
            await visit.answer()
        await visits[0].fail("no memory")
        await hall.until(lambda: guests["a"].failed == "no memory")
        visits[0].leave()
        await hall.until(guests["a"].gone.is_set)
        await hall.door.close()
        assert await asyncio.wait_for(visits[1].over(), 5) == "the run is over"
        visits[1].leave()

    at_door(test)


def test_one_that_waits_hears_that_the_controller_is_there() -> None:
    async def test(hall: Hall) -> None:
        visit = Visit(TOKEN, SAME, "a", silent_seconds=0.5)
        await visit.knock("127.0.0.1", hall.door.port)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(visit.answer(), 1.5)
        assert "a" in hall.door.guests
        visit.leave()

    at_door(test, here_seconds=0.05)


def test_a_controller_that_is_not_heard_any_more_is_gone() -> None:
    async def test(hall: Hall) -> None:
        visit = Visit(TOKEN, SAME, "a", silent_seconds=0.3)
        await visit.knock("127.0.0.1", hall.door.port)
        with pytest.raises(TimeoutError, match="it has not been heard for 0 s"):
            await visit.answer()
        assert await visit.over() == "the controller is gone: it has not been heard for 0 s"
        visit.leave()

    at_door(test, here_seconds=60)


def test_an_agent_gives_up_a_controller_when_its_load_has_ended_by_itself() -> None:
    assert SILENT_SECONDS == LEASE_SECONDS + GRACE_SECONDS
    assert HERE_SECONDS < SILENT_SECONDS / 5


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", b"{}\n", b"x" * 40_000, b""], ids=["http", "json", "long", "eof"]
)
def test_who_does_not_speak_as_an_agent_is_hung_up_on(said: bytes) -> None:
    async def test(hall: Hall) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", hall.door.port)
        writer.write(said)
        if not said:
            writer.write_eof()
        await asyncio.wait_for(reader.read(), 15)
        assert not hall.door.guests
        writer.close()

    at_door(test)


def test_a_port_that_is_taken_is_named() -> None:
    async def test(hall: Hall) -> None:
        door = Door(TOKEN, SAME, 1, lambda _: None)
        with pytest.raises(RunError, match=f"port {hall.door.port}: .*in use.*--cluster-port"):
            await door.open("127.0.0.1", hall.door.port)
        await door.close()

    at_door(test)


@pytest.mark.parametrize("content", [b"", b"short", b"two words of a token", "é".encode() * 20])
def test_what_is_no_token_is_refused(content: bytes) -> None:
    with pytest.raises(SettingsError, match=r"--token-file: FILE holds no token.*openssl rand"):
        read_token("--token-file", "FILE", content)


def test_a_token_is_read_without_the_end_of_its_line() -> None:
    assert read_token("--token-file", "-", TOKEN.encode() + b"\n") == TOKEN
