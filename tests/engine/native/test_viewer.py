"""What the shell around a viewer does: whatever is raised ends that viewer alone and is told; one timer a reload."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import pytest

from hls_swarm.engine.native.comparisons import Comparisons
from hls_swarm.engine.native.viewer import NativeViewer
from hls_swarm.hls.cache import PlaylistCache
from hls_swarm.http.alarms import Alarmed, Alarms
from hls_swarm.http.fetcher import InFlight, Progress, Request
from hls_swarm.records import (
    Blame,
    EndReason,
    Exchange,
    Failure,
    FailureKind,
    ObjectKind,
    Record,
    SegmentFetched,
    ViewerStarted,
    ViewerStopped,
)
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.viewer.actions import (
    Action,
    Event,
    FetchFailed,
    FetchPlaylist,
    FetchSegment,
    PlaylistLoaded,
    Quit,
    SegmentLoaded,
    Start,
    TimeReached,
    Wait,
)
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import HLSJS

URL = "http://origin/live/a.m3u8"
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n"
SEGMENT = FetchSegment(ObjectKind.SEGMENT, "http://origin/live/a.ts", 0, 0.0, None, None)


class Breaking(Viewer):
    """A viewer that asks for what it is told to, and raises at one kind of event."""

    def __init__(self, at: type[Event], first: Iterable[Action] = ()) -> None:
        super().__init__(7, URL, HLSJS, parse_variant("highest"))
        self._at, self._first = at, list(first)

    def handle(self, event: Event, now: float) -> list[Action]:
        if isinstance(event, self._at):
            raise RuntimeError("boom")
        return self._first if isinstance(event, Start) else super().handle(event, now)


class Fetch:
    body_bytes = 0

    def __init__(self, origin: "Origin", exchange: Exchange, done: Callable[[Exchange], None]) -> None:
        self.origin, self.exchange, self.done = origin, exchange, done

    def progress(self) -> Progress:
        return Progress(0.0, None, self.body_bytes, None)

    def cancel(self) -> None:
        if self in self.origin.under_way:
            self.origin.under_way.remove(self)
            self.done(exchange(self.exchange.url, failure=Failure(FailureKind.CANCELLED, "cancelled")))


class Origin:
    """Holds every request until `answer`."""

    def __init__(self, refuses: bool = False) -> None:
        self.under_way: list[Fetch] = []
        self.closed = 0
        self._refuses = refuses

    def fetch(self, request: Request, done: Callable[[Exchange], None]) -> InFlight:
        if self._refuses:
            raise ValueError("a header field that can not be sent: Bearer c2VjcmV0")
        fetch = Fetch(self, exchange(request.url, body=PLAYLIST if request.keep_body else None), done)
        self.under_way.append(fetch)
        return fetch

    def answer(self, **changes: Any) -> None:
        fetch = self.under_way.pop(0)
        fetch.done(exchange(fetch.exchange.url, **({"body": fetch.exchange.body} | changes)))

    def close(self) -> None:
        self.closed += 1
        for fetch in self.under_way.copy():
            fetch.cancel()


def exchange(url: str, **changes: Any) -> Exchange:
    fields: dict[str, Any] = {"final_url": url, "due_at": 0.0, "started_at": 0.0, "ended_at": 0.1, "requests_sent": 1}
    fields["body_bytes"] = 100_000
    return Exchange(url, **(fields | changes))


class Shell:
    """A viewer at work, and all that comes of it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, machine: Viewer, origin: Origin, alarms: Alarms | None = None
    ) -> None:
        self.loop = loop
        self.told: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.told.append(context))
        self.records: list[Record] = []
        self.finished: list[NativeViewer] = []
        self.origin = origin
        caches = PlaylistCache(), Comparisons()
        tell = self.records.append, self.finished.append
        self.viewer = NativeViewer(machine, origin, *caches, *tell, self.loop, alarms=alarms)

    @property
    def end(self) -> ViewerStopped:
        (end,) = [record for record in self.records if isinstance(record, ViewerStopped)]
        return end

    def turn(self, seconds: float = 0.01) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.mark.parametrize("link_bps", [None, 4e6])
def test_a_viewer_says_whether_it_reads_by_a_link_of_its_own(
    loop: asyncio.AbstractEventLoop, link_bps: float | None
) -> None:
    shell = Shell(loop, Viewer(7, URL, HLSJS, parse_variant("highest"), link_bps=link_bps), Origin())
    shell.viewer.start(0.0)
    (started,) = [record for record in shell.records if isinstance(record, ViewerStarted)]
    assert started.is_paced is (link_bps is not None)


def start(shell: Shell) -> None:
    shell.viewer.start(0.0)


def time_comes(shell: Shell) -> None:
    shell.viewer.start(0.0)
    shell.turn()


def playlist_comes(shell: Shell) -> None:
    shell.viewer.start(0.0)
    shell.origin.answer()


def answer_comes(shell: Shell) -> None:
    shell.viewer.start(0.0)
    shell.origin.answer(body=None)


def fetch_fails(shell: Shell) -> None:
    shell.viewer.start(0.0)
    shell.origin.answer(body=None, failure=Failure(FailureKind.HTTP_STATUS, "status 404", 404))


def quits(shell: Shell) -> None:
    shell.viewer.start(0.0)
    shell.viewer.quit()


PLAYLIST_FETCH = FetchPlaylist(URL, None, 0.0, None, None)


@pytest.mark.parametrize(
    ("at", "first", "happen"),
    [
        pytest.param(Start, [], start, id="start"),
        pytest.param(TimeReached, [Wait(0.0)], time_comes, id="time reached"),
        pytest.param(PlaylistLoaded, [PLAYLIST_FETCH, SEGMENT], playlist_comes, id="playlist loaded"),
        pytest.param(SegmentLoaded, [SEGMENT, PLAYLIST_FETCH], answer_comes, id="segment loaded"),
        pytest.param(FetchFailed, [SEGMENT, PLAYLIST_FETCH], fetch_fails, id="fetch failed"),
        pytest.param(Quit, [SEGMENT, Wait(1e9)], quits, id="quit"),
    ],
)
def test_an_exception_at_any_event_ends_the_viewer_and_is_told(
    loop: asyncio.AbstractEventLoop, at: type[Event], first: list[Action], happen: Callable[[Shell], None]
) -> None:
    shell = Shell(loop, Breaking(at, first), Origin())
    happen(shell)
    assert shell.finished == [shell.viewer]
    assert shell.viewer.over
    assert shell.origin.under_way == []
    end = shell.end
    assert (end.reason, end.played, end.object) == (EndReason.FAILED, False, None)
    assert end.failure is not None
    assert (end.failure.kind, end.failure.blame) == (FailureKind.INTERNAL, Blame.GENERATOR)
    assert end.failure.detail.startswith("RuntimeError (")
    (told,) = shell.told
    assert told["message"] == "viewer 7"
    assert str(told["exception"]) == "boom"
    shell.turn(0.0)
    assert shell.finished == [shell.viewer], "it is told once"


def test_a_client_that_refuses_a_request_ends_the_viewer_without_its_secrets(loop: asyncio.AbstractEventLoop) -> None:
    shell = Shell(loop, Viewer(7, URL, HLSJS, parse_variant("highest")), Origin(refuses=True))
    shell.viewer.start(0.0)
    assert shell.finished == [shell.viewer]
    assert isinstance(shell.records[0], ViewerStarted)
    assert shell.end.failure is not None
    assert shell.end.failure.detail.startswith("ValueError (")
    assert "Bearer" not in shell.end.failure.detail
    shell.viewer.cancel()
    assert len(shell.finished) == 1


def test_an_exception_after_the_end_is_told_and_changes_nothing(loop: asyncio.AbstractEventLoop) -> None:
    class Vain(Origin):
        def close(self) -> None:
            super().close()
            raise RuntimeError("nobody is there")

    shell = Shell(loop, Viewer(7, URL, HLSJS, parse_variant("highest")), Vain())
    shell.viewer.start(0.0)
    shell.viewer.quit()
    shell.viewer.cancel()
    assert shell.end.reason is EndReason.QUIT
    assert {str(told["exception"]) for told in shell.told} == {"nobody is there"}
    assert shell.finished == [shell.viewer]


@pytest.mark.parametrize(
    ("changes", "kind", "event"),
    [
        pytest.param({}, None, SegmentLoaded, id="media"),
        pytest.param({"body_bytes": 0}, FailureKind.EMPTY_MEDIA, FetchFailed, id="nothing"),
        pytest.param({"body_start": b"<html>"}, FailureKind.NOT_MEDIA, FetchFailed, id="a page"),
        pytest.param({"body_bytes": 18_900, "content_length": 18_900}, FailureKind.CUT_MEDIA, SegmentLoaded, id="cut"),
    ],
)
def test_an_answer_is_what_a_parser_makes_of_it(
    loop: asyncio.AbstractEventLoop, changes: dict[str, Any], kind: FailureKind | None, event: type[Event]
) -> None:
    class Asking(Viewer):
        def __init__(self) -> None:
            super().__init__(7, URL, HLSJS, parse_variant("highest"))
            self.given: list[type[Event]] = []

        def handle(self, event: Event, now: float) -> list[Action]:
            self.given.append(type(event))
            return [SEGMENT]

    machine = Asking()
    shell = Shell(loop, machine, Origin())
    shell.viewer.start(0.0)
    for _ in range(4):
        shell.origin.answer(body=None, body_bytes=18_800, content_length=18_800)
    shell.origin.answer(body=None, **changes)
    fetched = [record for record in shell.records if isinstance(record, SegmentFetched)]
    assert [record.failure and record.failure.kind for record in fetched] == [None] * 4 + [kind]
    assert machine.given == [Start, *[SegmentLoaded] * 4, event]


class Timers(asyncio.SelectorEventLoop):
    """Counts the timers that are set."""

    set = 0

    def call_later(  # type: ignore[override]  # typeshed says it with type variables
        self, delay: float, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        self.set += 1
        return super().call_later(delay, callback, *args, context=context)


class Reloading(Viewer):
    """Asks for its playlist each 20 ms, and waits for the end of its buffer while it is on its way."""

    def __init__(self) -> None:
        super().__init__(7, URL, HLSJS, parse_variant("highest"))
        self.reloads: list[float] = []
        self._due_at = 0.0

    def handle(self, event: Event, now: float) -> list[Action]:
        if isinstance(event, Start):
            self._due_at = now + 0.02
            return [Wait(self._due_at)]
        if isinstance(event, TimeReached):
            self.reloads.append(now - self._due_at)
            return [FetchPlaylist(URL, None, now, None, None), Wait(now + 5.0)]
        self._due_at += 0.02
        return [Wait(self._due_at)]


def test_a_steady_reload_takes_one_timer_and_is_never_early() -> None:
    loop = Timers()
    machine, origin = Reloading(), Origin()
    shell = Shell(loop, machine, origin)
    shell.viewer.start(0.0)
    while len(machine.reloads) < 10:
        loop.run_until_complete(asyncio.sleep(0))
        if origin.under_way:
            origin.answer()
    loop.close()
    assert min(machine.reloads) >= 0.0
    # The first two, of which nothing could be expected, take two each; a busy machine may be late and set one more.
    assert loop.set <= 10 + 2 + 6


class Set:
    """Alarms that nobody rings, and when they were set for."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def set(self, client: Alarmed) -> None:
        self.at.append(client.alarm_at)

    def look(self) -> None:
        pass


class Filling(Viewer):
    """Waits for the end of its buffer, which moves on before it comes."""

    def handle(self, event: Event, now: float) -> list[Action]:
        return [Wait(1000.0), Wait(1001.07)] if isinstance(event, Start) else []


def test_what_moves_on_before_it_comes_is_looked_for_together_with_that_of_others() -> None:
    alarms, loop = Set(), asyncio.new_event_loop()
    shell = Shell(loop, Filling(7, URL, HLSJS, parse_variant("highest")), Origin(), cast("Alarms", alarms))
    shell.viewer.start(0.0)
    shell.viewer.ring(1000.0)
    shell.viewer.ring(1001.0)
    loop.close()
    assert alarms.at == [1000.0, 1001.0, 1001.07]
