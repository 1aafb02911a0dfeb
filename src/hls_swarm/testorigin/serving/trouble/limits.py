"""Limits on purpose: what the origin has so much of and no more, shared by all its clients.

    bandwidth=2.5m      bytes a second for all bodies together, in turn
    requests=40         answers a second; more get 503 at once
    connections=50      connections at a time; more are closed as soon as they are accepted
    cpu=20ms            processor time that each segment costs, one after the other
    viewer=1m           bytes a second for each viewer, whatever it asks for, as over a link of its own
    viewer=1m/20s:125k  the same, from 20 s after its first request on 125 kB; more steps may follow
    answer=500k         bytes a second for each body

A viewer is known by the cookie that it was given, else by its address and User-Agent.

The bandwidth is on the metrics page as a link of that speed, `limit0`.

A search for capacity (`hls-swarm capacity`) finds them, since what they carry is arithmetic: viewers of 2 s segments at
125 kB ask for one request a second and 62.5 kB.
"""

import math
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from hls_swarm.errors import SettingsError
from hls_swarm.load.access import TraceRate
from hls_swarm.settings.spellings import parse_duration

_SIZE = re.compile(r"(\d+\.?\d*|\.\d+)(k|m|g|)", re.ASCII | re.IGNORECASE)
_COUNT = re.compile(r"\d{1,7}", re.ASCII)
_SMALLEST_PIECE = 16 << 10
_PIECES_A_SECOND = 200
_LATE_SECONDS = 0.1
"""What was not sent in so long may be sent later, so that a busy machine, which wakes us late, leaves the limit as it
is; as a shaper has its burst."""


_LINK_PIECE, _LINK_PIECE_SECONDS = 1448, 0.02
"""The least and the usual length of a piece for one viewer alone."""
_MOST_VIEWERS = 100_000


class LimitKind(StrEnum):
    """What there is only so much of."""

    BANDWIDTH = "bandwidth"
    REQUESTS = "requests"
    CONNECTIONS = "connections"
    CPU = "cpu"
    VIEWER = "viewer"
    ANSWER = "answer"


PER_VIEWER = frozenset({LimitKind.VIEWER, LimitKind.ANSWER})
"""Limits that the number of viewers does not reach."""


@dataclass(frozen=True)
class Limit:
    """One of them: bytes a second, requests a second, connections, or seconds, as the kind says.

    Attributes:
        steps: of a viewer: seconds since its first request, and bytes a second from then on.
    """

    kind: LimitKind
    value: float
    steps: tuple[tuple[float, float], ...] = ()


def parse_limit(text: str) -> Limit:
    """A limit as a person writes it.

    Raises:
        SettingsError: in words for that person.
    """
    name, _, value = text.partition("=")
    try:
        kind = LimitKind(name.strip())
    except ValueError:
        raise SettingsError(f"limit {text!r}: {name!r} is not one of {', '.join(LimitKind)}") from None
    try:
        first, *later = value.strip().split("/") if kind is LimitKind.VIEWER else [value.strip()]
        found = _value(kind, first)
        steps = ((0.0, found), *map(_step, later))
        if any(one[0] >= other[0] for one, other in pairwise(steps)):
            raise ValueError("each step must begin later than the one before")
    except ValueError as error:
        raise SettingsError(f"limit {text!r}: {error}") from None
    if any(rate <= 0 or math.isinf(rate) for _, rate in steps):
        raise SettingsError(f"limit {text!r}: must be more than 0, in each of its steps, and have an end")
    return Limit(kind, found, steps if kind is LimitKind.VIEWER else ())


def _step(text: str) -> tuple[float, float]:
    after, colon, rate = text.partition(":")
    if not colon:
        raise ValueError(f"{text!r} is no step: write when it begins and the rate, such as 20s:125k")
    return parse_duration(after), _value(LimitKind.VIEWER, rate)


def _value(kind: LimitKind, text: str) -> float:
    match kind:
        case LimitKind.BANDWIDTH | LimitKind.VIEWER | LimitKind.ANSWER:
            if (match := _SIZE.fullmatch(text)) is None:
                raise ValueError(f"{text!r} is not a rate: write bytes per second such as 2.5m")
            return float(match[1]) * {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}[match[2].lower()]
        case LimitKind.CPU:
            return parse_duration(text)
        case LimitKind.REQUESTS | LimitKind.CONNECTIONS:
            if not _COUNT.fullmatch(text):
                raise ValueError(f"{text!r} is not a whole number")
            return float(text)


def carried(limits: Sequence[Limit], segment_seconds: float, media_bytes_per_second: float) -> float:
    """Viewers that these limits carry, by arithmetic: one segment and one playlist each in the time of a segment.

    Args:
        media_bytes_per_second: of what each of them plays; its playlists and heads are a hundredth of it at most.
    """

    def of(limit: Limit) -> float:
        match limit.kind:
            case LimitKind.BANDWIDTH:
                return limit.value / media_bytes_per_second
            case LimitKind.REQUESTS:
                return limit.value * segment_seconds / 2
            case LimitKind.CONNECTIONS:
                return limit.value
            case LimitKind.CPU:
                return segment_seconds / limit.value
            case LimitKind.VIEWER | LimitKind.ANSWER:
                return math.inf

    return min(map(of, limits))


@dataclass(slots=True)
class _Link:
    """What a viewer may have, and the instant until which that is used up."""

    rate: TraceRate
    free_at: float = 0.0


class Limits:
    """All of an origin's limits, and what is used of them.

    Args:
        limits: of each kind the last one counts.
        processor: the processor time of this thread, in seconds.

    Attributes:
        connections: how many there may be at a time; None: any number.
        bandwidth: bytes a second of all bodies; None: any number.
        sent_bytes: of what had to wait its turn, by now.
        knows_viewers: whether viewers have limits of their own.
    """

    def __init__(self, limits: tuple[Limit, ...], processor: Callable[[], float] = time.thread_time) -> None:
        values = {limit.kind: limit.value for limit in limits}
        most = values.get(LimitKind.CONNECTIONS)
        self.connections = None if most is None else int(most)
        self.bandwidth = values.get(LimitKind.BANDWIDTH)
        self._requests = values.get(LimitKind.REQUESTS)
        self._cpu = values.get(LimitKind.CPU, 0.0)
        self._processor = processor
        self.sent_bytes = 0
        self._free_at = 0.0
        steps = [limit.steps for limit in limits if limit.kind is LimitKind.VIEWER]
        self.knows_viewers = bool(steps)
        self._steps = steps[-1] if steps else ()
        self._viewers: OrderedDict[str, _Link] = OrderedDict()
        self._answer = values.get(LimitKind.ANSWER)
        self._left, self._left_at = self._requests or 0.0, 0.0

    @property
    def piece(self) -> int:
        """Bytes that one client may send before it is the next one's turn."""
        return max(_SMALLEST_PIECE, int((self.bandwidth or 0.0) / _PIECES_A_SECOND))

    def turn(
        self, now: float, left_bytes: int, viewer: str = "", free_at: float | None = None
    ) -> tuple[float, int, float] | None:
        """What of a body goes out next; it is then reserved. None: there is no limit.

        Args:
            left_bytes: of the body; a piece is no more than that.
            viewer: who gets it.
            free_at: what the turn before gave for this body; None: it is the first.

        Returns:
            Seconds until it may go out, its bytes, and what to give with the next turn of this body.
        """
        link = self._link(viewer, now) if self.knows_viewers else None
        if self.bandwidth is None and link is None and self._answer is None:
            return None
        piece, at = left_bytes, now - _LATE_SECONDS
        is_first = free_at is None
        if self.bandwidth is not None:
            piece, at = min(self.piece, piece), max(at, self._free_at)
        if link is not None:
            # What a link carried while nobody asked is lost; while a body goes out it is not, if we wake late.
            at = max(at, link.free_at, now if is_first else at)
            piece = min(piece, max(_LINK_PIECE, int(link.rate.carried(at, _LINK_PIECE_SECONDS))))
        if self._answer is not None:
            at = max(at, now if free_at is None else free_at)
            piece = min(piece, max(_LINK_PIECE, int(self._answer * _LINK_PIECE_SECONDS)))
        if self.bandwidth is not None:
            self._free_at = at + piece / self.bandwidth
            self.sent_bytes += piece
        if link is not None:
            link.free_at = at + link.rate.seconds_for(at, piece)
        next_at = at if self._answer is None else at + piece / self._answer
        return max(0.0, at - now), piece, next_at

    def _link(self, viewer: str, now: float) -> "_Link":
        link = self._viewers.get(viewer)
        if link is None:
            while len(self._viewers) >= _MOST_VIEWERS:
                self._viewers.popitem(last=False)
            link = self._viewers[viewer] = _Link(TraceRate(self._steps, now, repeats=False))
        return link

    def refuses(self, now: float) -> bool:
        """Whether a request is one too many; one that is not is counted. A second's worth may come at once."""
        if self._requests is None:
            return False
        self._left = min(self._requests, self._left + (now - self._left_at) * self._requests)
        self._left_at = now
        if self._left < 1:
            return True
        self._left -= 1
        return False

    def work(self) -> None:
        """Spend what a segment costs."""
        until = self._processor() + self._cpu
        while self._cpu and self._processor() < until:
            pass
