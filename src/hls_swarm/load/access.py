"""The rate of a viewer's own link: steady, or as a trace of a real one says. Pure: instants in, bytes out.

A trace is lines of seconds and rate, as public bandwidth traces are; each rate holds until the next line, and a trace
that has ended begins again.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import isfinite
from typing import Protocol

from hls_swarm.load.draws import Mix, Purpose, draw, quantile
from hls_swarm.settings.spellings import AccessRate, parse_rate

LEAST_BYTES_PER_SECOND, MOST_BYTES_PER_SECOND = 1_000.0, 1.25e9
"""Bounds of what is drawn: 8 kbit/s and 10 Gbit/s."""
MOST_POINTS = 1_000_000
_BITS = 8
_SEPARATORS = str.maketrans(",;\t", "   ")


class Rate(Protocol):
    """How many bytes a link carries, by an instant in seconds."""

    @property
    def mean(self) -> float:
        """Bytes per second over a long time."""

    def carried(self, since: float, seconds: float) -> float:
        """Bytes in so many seconds from an instant on."""

    def seconds_for(self, since: float, size_bytes: float) -> float:
        """How long so many bytes take from an instant on."""


@dataclass(frozen=True, slots=True)
class SteadyRate:
    """Always the same; `mean` is bytes per second."""

    mean: float

    def carried(self, since: float, seconds: float) -> float:  # noqa: ARG002 - it is the same at any instant
        """See `Rate`."""
        return self.mean * seconds

    def seconds_for(self, since: float, size_bytes: float) -> float:  # noqa: ARG002 - as above
        """See `Rate`."""
        return size_bytes / self.mean


class TraceRate:
    """What a trace says.

    Args:
        points: seconds, from 0 on and rising, and bytes per second from then on; at least one is not 0.
        began_at: the instant that is second 0 of the trace.
        repeats: whether it begins again; else its last rate stays.
    """

    __slots__ = ("_began_at", "_bytes", "_length", "_rates", "_repeats", "_times", "mean")

    def __init__(self, points: Sequence[tuple[float, float]], began_at: float = 0.0, *, repeats: bool = True) -> None:
        self._times = [at for at, _ in points]
        self._rates = [rate for _, rate in points]
        steps = [later - earlier for earlier, later in pairwise(self._times)]
        steps.append(sum(steps) / len(steps) if steps else 1.0)
        self._bytes = [0.0, *accumulate(step * rate for step, rate in zip(steps, self._rates, strict=True))]
        self._length = self._times[-1] + steps[-1]
        self._repeats = repeats
        self._began_at = began_at
        self.mean = self._bytes[-1] / self._length

    def begun_at(self, instant: float) -> "TraceRate":
        """The same trace, of which `instant` is second 0; its points are shared."""
        other = copy(self)
        other._began_at = instant
        return other

    @property
    def length_seconds(self) -> float:
        """How long it is before it begins again."""
        return self._length

    def carried(self, since: float, seconds: float) -> float:
        """See `Rate`."""
        at = max(0.0, since - self._began_at)
        return self._carried_by(at + seconds) - self._carried_by(at)

    def seconds_for(self, since: float, size_bytes: float) -> float:
        """See `Rate`."""
        at = max(0.0, since - self._began_at)
        return self._when(self._carried_by(at) + size_bytes) - at

    def _carried_by(self, at: float) -> float:
        rounds, within = divmod(at, self._length) if self._repeats else (0.0, at)
        place = bisect_right(self._times, within) - 1
        return rounds * self._bytes[-1] + self._bytes[place] + (within - self._times[place]) * self._rates[place]

    def _when(self, carried: float) -> float:
        whole = self._bytes[-1]
        rounds, within = divmod(carried, whole) if self._repeats else (0.0, carried)
        place = min(bisect_right(self._bytes, within) - 1, len(self._rates) - 1)
        rate = self._rates[place]
        step = (within - self._bytes[place]) / rate if rate else 0.0
        return rounds * self._length + self._times[place] + step


def read_trace(lines: Sequence[str]) -> tuple[tuple[float, float], ...]:
    """The points of a trace: seconds since its beginning, and bytes per second.

    A line is a time in seconds and a rate: a number alone is Mbit/s, else it has its unit, as `8M` or `500k`. Columns
    after these two, empty lines and those that begin with `#` or with a word do not count.

    Raises:
        ValueError: in words for a person, with the number of the line.
    """
    points: list[tuple[float, float]] = []
    for number, line in enumerate(lines, 1):
        words = line.translate(_SEPARATORS).split()
        if not words or words[0][0] == "#" or words[0][0].isalpha():
            continue
        try:
            at, rate = float(words[0]), _trace_rate(words[1])
        except (ValueError, IndexError):
            raise ValueError(f"line {number} is no time and rate, such as 12.5 4.2") from None
        if not isfinite(at):
            raise ValueError(f"line {number} has a time that is no number of seconds: {words[0]}")
        if rate < 0 or at < 0:
            raise ValueError(f"line {number} has a time or a rate below 0")
        if rate > MOST_BYTES_PER_SECOND:
            raise ValueError(f"line {number} has a rate above {_BITS * MOST_BYTES_PER_SECOND / 1e9:.0f} Gbit/s")
        if points and at <= points[-1][0]:
            raise ValueError(f"line {number} is not later than the one before")
        points.append((at, rate))
        if len(points) > MOST_POINTS:
            raise ValueError(f"has more than {MOST_POINTS} lines")
    if not any(rate for _, rate in points):
        raise ValueError("has no rate above 0")
    first = points[0][0]
    return tuple((at - first, rate) for at, rate in points)


def _trace_rate(word: str) -> float:
    bits = float(word) * 1e6 if word[-1].isdigit() or word[-1] == "." else parse_rate(word)
    return bits / _BITS


class AccessRates:
    """The links of a run's viewers, drawn from the seed by their numbers.

    Args:
        weighted: kinds of link with their weights.
        traces: points of each trace that is named, by its name.
    """

    def __init__(
        self,
        weighted: Sequence[tuple[AccessRate, float]],
        traces: Mapping[str, Sequence[tuple[float, float]]],
        seed: int,
    ) -> None:
        self._mix = Mix(list(weighted))
        self._traces = {name: TraceRate(points) for name, points in traces.items()}
        self._seed = seed

    def rate(self, viewer: int, now: float) -> Rate:
        """The link of a viewer, which it keeps for all its sessions; a trace is somewhere in its course at `now`."""
        kind = self._mix.pick(draw(self._seed, viewer, Purpose.ACCESS_KIND))
        drawn = draw(self._seed, viewer, Purpose.ACCESS_RATE)
        if kind.distribution is None:
            trace = self._traces[kind.trace]
            return trace.begun_at(now - drawn * trace.length_seconds)
        bytes_per_second = quantile(kind.distribution, drawn) / _BITS
        return SteadyRate(min(max(bytes_per_second, LEAST_BYTES_PER_SECOND), MOST_BYTES_PER_SECOND))
