"""Random numbers that depend on the seed, a viewer's number and a purpose alone.

So the same seed gives the same run, whatever the number of workers, and one more thing drawn changes no other.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from enum import IntEnum
from itertools import accumulate
from statistics import NormalDist
from typing import Generic, TypeVar, assert_never

from hls_swarm.settings.spellings import Distribution, DistributionKind

_MASK = (1 << 64) - 1
_MOST_EXPONENT = 300.0
"""Of a lognormal draw: a sigma that leads beyond means for ever, or nothing."""
_Item = TypeVar("_Item")


class Purpose(IntEnum):
    """What a number is drawn for; numbers for different purposes are independent."""

    START = 0
    PROFILE = 1
    VARIANT = 2
    JOIN = 3
    URL = 4
    LENGTH = 5
    ARRIVAL = 6
    PAUSE = 7
    SEEK_TIME = 8
    SEEK_PLACE = 9
    ZAP = 10
    PAUSE_LENGTH = 11
    ACCESS_KIND = 12
    ACCESS_RATE = 13
    RETRY = 14
    CMCD_SESSION = 40


def draw(seed: int, nth: int, purpose: Purpose, round_: int = 0) -> float:
    """A uniform number in [0, 1) (the finaliser of SplitMix64).

    Args:
        nth: the viewer's number.
        round_: counts repeated draws of one viewer for one purpose.
    """
    z = (seed * 0x9E3779B97F4A7C15 + (nth + 1) * 0xD1B54A32D192ED03) & _MASK
    if purpose or round_:
        z = (z + purpose * 0x8CB92BA72F3D8DD7 + round_ * 0xABC98388FB8FAC03) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    z ^= z >> 31
    return (z >> 11) / (1 << 53)


class Mix(Generic[_Item]):
    """A choice between weighted items.

    Args:
        weighted: items with weights more than 0.
    """

    def __init__(self, weighted: Sequence[tuple[_Item, float]]) -> None:
        self._items = [item for item, _ in weighted]
        self._ends = list(accumulate(weight for _, weight in weighted))

    def pick(self, drawn: float) -> _Item:
        """The item that a uniform number in [0, 1) stands for."""
        place = bisect_right(self._ends, drawn * self._ends[-1])
        return self._items[min(place, len(self._items) - 1)]


def quantile(distribution: Distribution, drawn: float) -> float:
    """The duration that a uniform number in [0, 1) stands for, in seconds."""
    match distribution.kind:
        case DistributionKind.FIXED:
            return distribution.first
        case DistributionKind.UNIFORM:
            return distribution.first + drawn * (distribution.second - distribution.first)
        case DistributionKind.EXPONENTIAL:
            return -distribution.first * math.log1p(-drawn)
        case DistributionKind.LOGNORMAL:
            inside = min(max(drawn, 1e-12), 1 - 1e-12)
            exponent = distribution.second * NormalDist().inv_cdf(inside)
            return distribution.first * math.exp(min(max(exponent, -_MOST_EXPONENT), _MOST_EXPONENT))
        case _:
            assert_never(distribution.kind)
