"""How Media3 and Shaka choose a variant: `AdaptiveTrackSelection` and `SimpleAbrManager`. Pure.

Variants are bitrates in rising order; the answer is an index.
"""

from collections.abc import Sequence

MEDIA3_FRACTION = 0.7
MEDIA3_UP_SECONDS, MEDIA3_DOWN_SECONDS = 10.0, 25.0
"""Buffer needed before a higher variant is taken, and from which on a lower one is not."""
MEDIA3_EDGE_FRACTION = 0.75
SHAKA_FRACTION = 0.95
SHAKA_SWITCH_SECONDS = 8.0


def media3_choice(
    bitrates: Sequence[float],
    estimate_bps: float,
    *,
    current: int | None,
    buffer_seconds: float,
    edge_seconds: float | None = None,
    chunk_seconds: float = 0.0,
    speed: float = 1.0,
) -> int:
    """The variant of the next segment.

    Args:
        bitrates: BANDWIDTH of each, rising.
        current: what is played; None at the start.
        edge_seconds: time to the live edge; None on demand.
    """
    usable = MEDIA3_FRACTION * estimate_bps / speed
    ideal = max((index for index, bitrate in enumerate(bitrates) if bitrate <= usable), default=0)
    if current is None or ideal == current:
        return ideal
    if ideal > current:
        needed = MEDIA3_UP_SECONDS
        if edge_seconds is not None:
            needed = min(needed, MEDIA3_EDGE_FRACTION * (edge_seconds - chunk_seconds))
        return ideal if buffer_seconds >= needed else current
    return current if buffer_seconds >= MEDIA3_DOWN_SECONDS else ideal


def shaka_choice(usable: Sequence[int], bitrates: Sequence[float], estimate_bps: float) -> int:
    """The highest of the variants that have not failed that 95% of the estimate carries, else the lowest of them."""
    return best_of(usable, bitrates, SHAKA_FRACTION * estimate_bps) or 0


def shaka_may_switch(switched_at: float | None, now: float) -> bool:
    """Whether a switch is allowed: none within 8 s of the last, the first one whenever."""
    return switched_at is None or now - switched_at >= SHAKA_SWITCH_SECONDS


def best_of(usable: Sequence[int], bitrates: Sequence[float], bps: float) -> int | None:
    """The highest of some variants within a rate, else the lowest of them; None if there are none."""
    return max((index for index in usable if bitrates[index] <= bps), default=min(usable, default=None))
