"""Which engine runs which viewer: a function of the viewer's number, the same for any number of workers.

The weights, by their greatest common divisor, make a block: `native=950,ffmpeg=50` is 20 viewers, one of them ffmpeg.
Every block has exactly these shares, in an order drawn from the seed, so that no worker, which runs every nth viewer,
gets all of one engine.
"""

from functools import lru_cache, reduce
from math import gcd
from random import Random

from hls_swarm.settings.run import Settings
from hls_swarm.settings.spellings import parse_engines

MAX_BLOCK = 10_000
"""Longest block; weights that need a longer one are scaled down to it."""


def has_ffmpeg(settings: Settings) -> bool:
    """Whether some viewers are ffmpeg processes."""
    return any(name == "ffmpeg" for name, _ in parse_engines(settings.engine))


def only_ffmpeg(settings: Settings) -> bool:
    """Whether all are."""
    return all(name == "ffmpeg" for name, _ in parse_engines(settings.engine))


def is_ffmpeg(settings: Settings, number: int) -> bool:
    """Whether the viewer with this number is an ffmpeg process."""
    length, _ = _shares(settings.engine)
    return number % length in _block(settings.engine, settings.seed, number // length)


def ffmpeg_viewers(settings: Settings, viewers: int) -> int:
    """How many of so many viewers are ffmpeg processes."""
    length, ffmpeg = _shares(settings.engine)
    whole, rest = divmod(viewers, length)
    return whole * ffmpeg + sum(place < rest for place in _block(settings.engine, settings.seed, whole))


@lru_cache(maxsize=16)
def _shares(engine: str) -> tuple[int, int]:
    weights = dict(parse_engines(engine))
    divisor = reduce(gcd, weights.values())
    length, ffmpeg = sum(weights.values()) // divisor, weights.get("ffmpeg", 0) // divisor
    if length > MAX_BLOCK:
        length, ffmpeg = MAX_BLOCK, max(1, round(ffmpeg * MAX_BLOCK / length)) if ffmpeg else 0
    return length, min(ffmpeg, length)


@lru_cache(maxsize=64)
def _block(engine: str, seed: int, block: int) -> frozenset[int]:
    """Places of the ffmpeg viewers in a block."""
    length, ffmpeg = _shares(engine)
    return frozenset(Random(f"{seed} {block}").sample(range(length), ffmpeg))
