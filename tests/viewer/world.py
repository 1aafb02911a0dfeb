"""A scripted origin and a virtual clock for viewers: what a shell would do, without a socket or a second of waiting."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from hls_swarm.hls.playlist import MediaPlaylist, MultivariantPlaylist
from hls_swarm.records import Exchange, Failure, FailureKind, Record
from hls_swarm.viewer.actions import (
    STEERING_TRACK,
    Action,
    Cancel,
    Event,
    FetchFailed,
    FetchPlaylist,
    FetchSegment,
    FetchSteering,
    Look,
    Looked,
    PlaylistLoaded,
    Report,
    SegmentLoaded,
    Start,
    SteeringCame,
    Stop,
    TimeReached,
    Wait,
)
from hls_swarm.viewer.machine import Viewer


@dataclass(frozen=True)
class Answer:
    """What the origin says to a request: after so many seconds a status, and with 200 a playlist if it was asked for.

    Args:
        status: None is a lost connection.
        kind: what is wrong with what came, if something is.
        size_bytes: of a segment; it comes evenly after the time to first byte.
        ttfb_seconds: at most `seconds`.
        body, retry_after_seconds: of a steering server's answer.
        age_seconds: Age of a playlist.
    """

    seconds: float = 0.01
    status: int | None = 200
    playlist: MediaPlaylist | MultivariantPlaylist | None = None
    kind: FailureKind | None = None
    size_bytes: int = 0
    ttfb_seconds: float = 0.0
    body: bytes = b""
    retry_after_seconds: float | None = None
    age_seconds: float | None = None

    def arrived(self, elapsed: float) -> int:
        """Bytes that are there after so long."""
        body = self.seconds - self.ttfb_seconds
        share = 1.0 if body <= 0 else (elapsed - self.ttfb_seconds) / body
        return int(self.size_bytes * min(max(share, 0.0), 1.0))


Origin = Callable[[FetchPlaylist | FetchSegment, float], Answer]


@dataclass
class World:
    """One viewer, and time.

    Attributes:
        asked: every request, with the instant at which it was made; those to a steering server aside.
        steering, steering_asked: the steering server, and what it was asked.
        records: everything reported.
        abandoned: addresses of segments that were given up.
        check: called after each step.
    """

    viewer: Viewer
    origin: Origin
    check: Callable[["World"], None] = lambda world: None
    now: float = 0.0
    asked: list[tuple[float, FetchPlaylist | FetchSegment]] = field(default_factory=list)
    steering: Callable[[FetchSteering, float], Answer] | None = None
    steering_asked: list[tuple[float, str]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    abandoned: list[str] = field(default_factory=list)
    stopped: bool = False
    _events: list[tuple[float, int, Event, tuple[int | None, bool] | None, int]] = field(default_factory=list)
    _live: dict[tuple[int | None, bool], int] = field(default_factory=dict)
    _flying: dict[tuple[int | None, bool], tuple[float, str, Answer]] = field(default_factory=dict)
    _looks: list[int] = field(default_factory=list)
    _until: float | None = None
    _ids: "count[int]" = field(default_factory=count)

    def run(self, until: float) -> "World":
        """Press play at 0, and let time pass."""
        if not self.asked:
            self.give(Start())
        while not self.stopped:
            due = self._events[0][0] if self._events else float("inf")
            timer = self._until if self._until is not None else float("inf")
            at = min(due, max(timer, self.now))
            if at > until:
                break
            self.now = at
            if due <= timer:
                _, _, event, key, fetch = heapq.heappop(self._events)
                if key is None or self._live.get(key) != fetch:
                    continue
                del self._live[key]
                self.give(event)
            else:
                self._until = None
                self.give(TimeReached())
        self.now = max(self.now, until)
        return self

    def give(self, event: Event) -> None:
        """Hand an event to the viewer and carry out what it says."""
        for action in self.viewer.handle(event, self.now):
            self._perform(action)
        self.check(self)
        while self._looks:
            track = self._looks.pop()
            if (track, False) in self._live:
                began, _, answer = self._flying[track, False]
                elapsed = self.now - began
                first = began + answer.ttfb_seconds if elapsed >= answer.ttfb_seconds else None
                arrived = answer.arrived(elapsed)
                self.give(Looked(track, began, first, arrived, None if first is None else answer.size_bytes))

    @property
    def in_flight(self) -> int:
        """Requests that were neither answered nor cancelled."""
        return len(self._live)

    def urls(self) -> list[str]:
        """The last part of every address asked for, in order."""
        return [action.url.rpartition("/")[2] for _, action in self.asked]

    def segments(self) -> list[str]:
        """The same of segments, init sections and keys."""
        return [action.url.rpartition("/")[2] for _, action in self.asked if isinstance(action, FetchSegment)]

    def _perform(self, action: Action) -> None:
        match action:
            case FetchPlaylist() | FetchSegment():
                self.asked.append((self.now, action))
                self._fetch(action, self.origin(action, self.now))
            case FetchSteering():
                assert self.steering is not None
                self.steering_asked.append((self.now, action.url))
                self._steer(action, self.steering(action, self.now))
            case Cancel(track=track, playlist=playlist, abandoned=abandoned):
                was_live = self._live.pop((track, playlist), None)
                if abandoned and was_live is not None:
                    self.abandoned.append(self._flying[track, playlist][1])
            case Look(track=track):
                self._looks.append(track)
            case Wait(until=until):
                self._until = until
            case Report(record=record):
                self.records.append(record)
            case Stop():
                self.stopped = True

    def _steer(self, action: FetchSteering, answer: Answer) -> None:
        key, fetch = (STEERING_TRACK, True), next(self._ids)
        assert key not in self._live
        self._live[key] = fetch
        failure = None
        if answer.kind is not None:
            failure = Failure(answer.kind, answer.kind.value)
        elif answer.status != 200:
            failure = Failure(FailureKind.HTTP_STATUS, f"status {answer.status}", answer.status)
        body = answer.body if failure is None else None
        event = SteeringCame(action.url, body, failure, answer.retry_after_seconds)
        heapq.heappush(self._events, (self.now + answer.seconds, fetch, event, key, fetch))

    def _fetch(self, action: FetchPlaylist | FetchSegment, answer: Answer) -> None:
        is_playlist = isinstance(action, FetchPlaylist)
        key, fetch = (action.track, is_playlist), next(self._ids)
        assert key not in self._live, "one playlist and one media request in flight per track, no more"
        self._live[key] = fetch
        self._flying[key] = (self.now, action.url, answer)
        heapq.heappush(
            self._events, (self.now + answer.seconds, fetch, self._event(action, answer, self.now), key, fetch)
        )

    def _event(self, action: FetchPlaylist | FetchSegment, answer: Answer, started_at: float) -> Event:
        is_playlist = isinstance(action, FetchPlaylist)
        if answer.status != 200:
            failure = (
                Failure(FailureKind.CONNECTION_LOST, "the connection was lost")
                if answer.status is None
                else Failure(FailureKind.HTTP_STATUS, f"HTTP {answer.status}", answer.status)
            )
            return FetchFailed(action.track, is_playlist, failure, action.url, started_at)
        if answer.kind is not None:
            failure = Failure(answer.kind, answer.kind.value)
            return FetchFailed(action.track, is_playlist, failure, action.url, started_at)
        if isinstance(action, FetchSegment):
            first, ended = started_at + answer.ttfb_seconds, started_at + answer.seconds
            exchange = Exchange(
                action.url,
                action.url,
                started_at,
                started_at,
                ended,
                started_at,
                first,
                body_bytes=answer.size_bytes,
            )
            return SegmentLoaded(action.track, exchange)
        assert answer.playlist is not None
        return PlaylistLoaded(action.track, answer.playlist, started_at, age_seconds=answer.age_seconds, url=action.url)
