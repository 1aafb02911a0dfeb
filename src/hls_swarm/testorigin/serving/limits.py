"""Limits on purpose: what the origin has so much of and no more, shared by all its clients.

    bandwidth=2.5m      bytes a second for all bodies together, in turn
    requests=40         answers a second; more get 503 at once
    connections=50      connections at a time; more are closed as soon as they are accepted
    cpu=20ms            processor time that each segment costs, one after the other

The bandwidth is on the metrics page as a link of that speed, `limit0`.

A search for capacity (`hls-swarm capacity`) finds them, since what they carry is arithmetic: viewers of 2 s segments at
125 kB ask for one request a second and 62.5 kB.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hls_swarm.errors import SettingsError
from hls_swarm.settings.run import parse_duration

_SIZE = re.compile(r"(\d+\.?\d*|\.\d+)(k|m|g|)", re.ASCII | re.IGNORECASE)
_COUNT = re.compile(r"\d{1,7}", re.ASCII)
_SMALLEST_PIECE = 16 << 10
_PIECES_A_SECOND = 200
_LATE_SECONDS = 0.1
"""What was not sent in so long may be sent later, so that a busy machine, which wakes us late, leaves the limit as it
is; as a shaper has its burst."""


class LimitKind(StrEnum):
    """What there is only so much of."""

    BANDWIDTH = "bandwidth"
    REQUESTS = "requests"
    CONNECTIONS = "connections"
    CPU = "cpu"


@dataclass(frozen=True)
class Limit:
    """One of them: bytes a second, requests a second, connections, or seconds, as the kind says."""

    kind: LimitKind
    value: float


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
        found = _value(kind, value.strip())
    except ValueError as error:
        raise SettingsError(f"limit {text!r}: {error}") from None
    if found <= 0:
        raise SettingsError(f"limit {text!r}: must be more than 0")
    return Limit(kind, found)


def _value(kind: LimitKind, text: str) -> float:
    match kind:
        case LimitKind.BANDWIDTH:
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

    return min(map(of, limits))


class Limits:
    """All of an origin's limits, and what is used of them.

    Args:
        limits: of each kind the last one counts.
        processor: the processor time of this thread, in seconds.

    Attributes:
        connections: how many there may be at a time; None: any number.
        bandwidth: bytes a second of all bodies; None: any number.
        sent_bytes: of what had to wait its turn, by now.
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
        self._left, self._left_at = self._requests or 0.0, 0.0

    @property
    def piece(self) -> int:
        """Bytes that one client may send before it is the next one's turn."""
        return max(_SMALLEST_PIECE, int((self.bandwidth or 0.0) / _PIECES_A_SECOND))

    def turn(self, now: float, left_bytes: int) -> tuple[float, int] | None:
        """Seconds until the next piece may go out, and its bytes, which are then reserved; None: there is no limit.

        Args:
            left_bytes: of the body; a piece is no more than that.
        """
        if self.bandwidth is None:
            return None
        piece = min(self.piece, left_bytes)
        at = max(now - _LATE_SECONDS, self._free_at)
        self._free_at = at + piece / self.bandwidth
        self.sent_bytes += piece
        return max(0.0, at - now), piece

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
