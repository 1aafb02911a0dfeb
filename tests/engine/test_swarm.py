"""Who comes, goes, goes elsewhere and is replaced, with an origin that answers from memory."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import uvloop

from hls_swarm.engine.swarm import Swarm
from hls_swarm.http.fetcher import InFlight, Progress, Request
from hls_swarm.load.shares import Share
from hls_swarm.records import Exchange, Failure, FailureKind, PlaybackStarted, Record, ViewerStarted
from hls_swarm.settings.run import Settings

URL, OTHER = "http://origin/a/live.m3u8", "http://origin/b/live.m3u8"


_GONE = Failure(FailureKind.HTTP_STATUS, "HTTP 410 Gone", 410)


class Fetch:
    """An exchange under way; see `Origin`."""

    body_bytes = 0

    def __init__(self, timer: asyncio.TimerHandle, exchange: Exchange, done: Callable[[Exchange], None]) -> None:
        self._timer, self._exchange, self._done = timer, exchange, done

    def progress(self) -> Progress:
        return Progress(0.0, None, self.body_bytes, None)

    def cancel(self) -> None:
        if not self._timer.cancelled() and self._timer.when() > asyncio.get_running_loop().time():
            self._timer.cancel()
            cancelled = Failure(FailureKind.CANCELLED, "cancelled")
            self._done(msgspec.structs.replace(self._exchange, body=None, failure=cancelled))


class Origin:
    """Answers everything within a millisecond; its playlist ends after 100 segments of 1 s.

    Attributes:
        fails: it answers with a failure.
        holds_from: number of the segment from which on it answers no more.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, fails: bool = False, holds_from: float = math.inf) -> None:
        self._loop = loop
        self.fails, self.holds_from = fails, holds_from
        self.asked = Counter[str]()
        lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1"]
        for number in range(100):
            lines += ["#EXTINF:1.0,", f"{number}.ts"]
        self._playlist = "\n".join([*lines, "#EXT-X-ENDLIST", ""]).encode()

    def fetch(self, request: Request, done: Callable[[Exchange], None]) -> Fetch:
        now = time.perf_counter()
        self.asked[request.url] += 1
        exchange = Exchange(
            request.url,
            request.url,
            request.due_at,
            now,
            now + 0.001,
            sent_at=now,
            first_byte_at=now,
            requests_sent=1,
            status=200,
            body_bytes=100_000,
            body=self._playlist if request.keep_body else None,
            failure=_GONE if self.fails else None,
        )
        name = request.url.rpartition("/")[2]
        held = name.endswith(".ts") and int(name.removesuffix(".ts")) >= self.holds_from
        seconds = 3600.0 if held else 0.001
        return Fetch(self._loop.call_later(seconds, done, exchange), exchange, done)


class Client:
    """One viewer's."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._fetches: list[Fetch] = []

    def fetch(self, request: Request, done: Callable[[Exchange], None]) -> InFlight:
        fetch = self._origin.fetch(request, done)
        self._fetches.append(fetch)
        return fetch

    def close(self) -> None:
        fetches, self._fetches = self._fetches, []
        for fetch in fetches:
            fetch.cancel()


ALL = Share((0,), 1)


def with_swarm(
    test: Callable[[Swarm, Origin], Awaitable[None]],
    new_origin: Callable[..., Origin] = Origin,
    *,
    share: Share = ALL,
    without_client: tuple[int, ...] = (),
    observe: Callable[[Record], None] | None = None,
    **settings: Any,
) -> list[str]:
    """Run a test against a swarm that has just been started, and stop it; gives the exceptions that were told.

    Args:
        share: that it runs.
        without_client: viewers for which there is none.
        observe: is given every record.
    """

    async def run() -> list[str]:
        loop = asyncio.get_running_loop()
        origin = new_origin(loop)
        fields: dict[str, Any] = {"url": URL, "ramp_rate": 1000.0, "ramp_jitter": 0.0} | settings
        made = Settings(**fields)
        told: list[str] = []
        loop.set_exception_handler(lambda _, context: told.append(f"{context['message']}: {context['exception']}"))

        def client(number: int, _: object) -> Client:
            if number in without_client:
                raise ValueError(f"no client for {number}")
            return Client(origin)

        swarm = Swarm(made, 0, share, client, lambda _, url: url, 0.0, loop, None, observe)
        swarm.start(time.perf_counter())
        try:
            await asyncio.wait_for(test(swarm, origin), 20)
        finally:
            await swarm.stop(0.0)
        assert swarm.tally.active == 0
        return told

    return uvloop.run(run())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - a tally has no event to wait for
        await asyncio.sleep(0.005)


def test_the_plan_is_changed_up_and_down_while_viewers_run() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.active == 5)
        swarm.change(time.perf_counter() + 0.02, 3)
        await until(lambda: swarm.tally.active == 8)
        swarm.change(time.perf_counter() + 0.02, -6)
        await until(lambda: swarm.tally.active == 2)
        assert (swarm.tally.started, swarm.tally.quit) == (8, 6)
        assert {detail.viewer for detail in swarm.worst()} == {0, 1}
        swarm.change(time.perf_counter(), 1)
        await until(lambda: swarm.tally.active == 3)
        assert {detail.viewer for detail in swarm.worst()} == {0, 1, 2}

    with_swarm(test, clients=5)


def test_a_change_before_the_ramp_is_over_keeps_what_was_due() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        swarm.change(time.perf_counter() + 0.05, 10)
        await until(lambda: swarm.tally.active == 40)
        await asyncio.sleep(0.05)
        assert (swarm.tally.started, swarm.tally.active) == (40, 40)

    with_swarm(test, clients=30, ramp_rate=200.0)


def test_viewers_of_a_stage_that_falls_go_and_come_again() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.active == 6)
        await until(lambda: swarm.tally.active == 0)
        await until(lambda: swarm.tally.active == 2)
        assert swarm.tally.started == 8

    with_swarm(test, stage=("100ms:6", "200ms:6", "0:0", "100ms:0", "0:2"))


def test_with_a_session_length_the_next_viewer_takes_the_place_of_the_one_that_left() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.left >= 9)
        assert swarm.tally.active in {2, 3}
        assert swarm.tally.started - swarm.tally.left == swarm.tally.active

    with_swarm(test, clients=3, session_length="100ms")


def test_arrivals_end_with_their_sessions() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.left >= 30)
        assert swarm.tally.active < 30

    with_swarm(test, arrival_rate=200.0, session_length="uniform:20ms:60ms")


def test_zapping_goes_to_streams_by_their_weights_and_counts_as_sessions() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.started >= 60)
        assert origin.asked[OTHER] > 1.5 * origin.asked[URL] > 0

    with_swarm(test, clients=5, zap_url=(f"3={OTHER}",), zap_after="30ms")


def test_a_mix_of_profiles_is_counted_apart() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.played == 40)
        profiles = swarm.tally.profiles
        assert set(profiles) == {"hlsjs", "shaka"}
        assert sum(group.started for group in profiles.values()) == 40

    with_swarm(test, clients=40, profile="hlsjs=60,shaka=40")


def test_a_change_may_have_a_rate_of_its_own() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.active == 5)
        began = time.perf_counter()
        swarm.change(began, 10, 20.0)
        await until(lambda: swarm.tally.active == 15)
        assert time.perf_counter() - began >= 0.4

    with_swarm(test, clients=5)


def test_viewers_of_another_share_come_evenly_and_go_as_planned() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.active == 3)
        swarm.take_over(time.perf_counter() + 0.02, Share((1,), 2), 0.1)
        await until(lambda: swarm.tally.active == 6)
        swarm.change(time.perf_counter() + 0.02, -4)
        await until(lambda: swarm.tally.active == 2)
        assert swarm.tally.started == 6

    assert with_swarm(test, share=Share((0,), 2), clients=6) == []


def test_a_change_while_they_come_leaves_nobody_out_and_brings_nobody_twice() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.active == 3)
        swarm.take_over(time.perf_counter() + 0.01, Share((1,), 2), 0.3)
        await until(lambda: swarm.tally.active == 4)
        swarm.change(time.perf_counter() + 0.01, 4)
        await until(lambda: swarm.tally.active == 10)
        assert swarm.tally.started == 10

    assert with_swarm(test, share=Share((0,), 2), clients=6) == []


def test_a_viewer_that_failed_is_followed_by_another_if_the_load_is_to_stay() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.failed == 3)
        assert not swarm.idle
        origin.fails = False
        await until(lambda: swarm.tally.played == 3)
        assert (swarm.tally.active, swarm.tally.started) == (3, 6)

    with_swarm(test, partial(Origin, fails=True), profile="steady", clients=3, replace_ended=True)


def test_a_viewer_that_failed_is_gone_if_nothing_else_was_asked_for() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.failed == 3)
        assert swarm.idle

    with_swarm(test, partial(Origin, fails=True), profile="steady", clients=3)


def test_a_viewer_that_is_to_come_again_stays_away_when_the_plan_wants_fewer() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.failed == 3)
        origin.fails = False
        swarm.change(time.perf_counter(), -2)
        await until(lambda: swarm.tally.played == 1)
        await asyncio.sleep(0.1)
        assert (swarm.tally.active, swarm.tally.started) == (1, 4)

    with_swarm(test, partial(Origin, fails=True), profile="steady", clients=3, replace_ended=True)


def test_stalled_viewers_are_replaced_and_the_others_go_on() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.played == 2)
        swarm.replace_stalled()  # nobody is, yet
        await until(lambda: swarm.tally.stalled.active == 2)
        assert swarm.tally.quit == 0
        origin.holds_from = math.inf
        swarm.change(time.perf_counter(), 1)
        await until(lambda: swarm.tally.played == 3)
        swarm.replace_stalled()
        await until(lambda: swarm.tally.played == 5)
        assert (swarm.tally.quit, swarm.tally.active, swarm.tally.stalled.active) == (2, 3, 0)

    with_swarm(test, partial(Origin, holds_from=2), clients=2)


def test_a_viewer_that_can_not_be_made_costs_no_other_one() -> None:
    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.started == 5)
        assert (swarm.tally.active, swarm.tally.failed, swarm.tally.start_failures) == (3, 2, 2)
        (error,) = swarm.tally.errors.values()
        assert (error.object, error.kind, error.count) == (None, FailureKind.INTERNAL, 2)

    told = with_swarm(test, clients=5, without_client=(1, 2))
    assert told == ["viewer 1: no client for 1", "viewer 2: no client for 2"]


def test_a_record_that_can_not_be_taken_in_costs_no_viewer() -> None:
    def observe(record: Record) -> None:
        if isinstance(record, ViewerStarted):
            raise OSError("the disk is full")

    async def test(swarm: Swarm, origin: Origin) -> None:
        await until(lambda: swarm.tally.playing.active == 3)
        swarm._report(PlaybackStarted(99, 1.0, 1.0))
        assert swarm.tally.active == 3

    told = with_swarm(test, clients=3, observe=observe)
    assert told[:3] == ["a record that was to be written down: the disk is full"] * 3
    assert told[3] == "a record that was to be counted: 99"
