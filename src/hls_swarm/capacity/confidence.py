"""How sure an answer is: of so many seconds so many were bad, so at most this share of all seconds is.

A second counts as one value, however many requests it holds: requests of one second share the origin's weather (see the
decision on comparing runs).
"""

from math import comb

CONFIDENCE = 0.95


def bad_share_at_most(bad_seconds: int, seconds: int, confidence: float = CONFIDENCE) -> float:
    """The share of bad seconds that is not exceeded with this confidence (Clopper and Pearson, one-sided).

    Args:
        bad_seconds: 0 to `seconds`.
        seconds: that were looked at; 0 says nothing, so the share may be 1.
    """
    if bad_seconds >= seconds:
        return 1.0
    low, high = bad_seconds / seconds, 1.0
    for _ in range(50):  # each step halves what is left of at most 1
        middle = (low + high) / 2
        if _at_most(bad_seconds, seconds, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(bad: int, seconds: int, share: float) -> float:
    """The probability of no more bad seconds than that, if that share of all is bad."""
    return sum(comb(seconds, k) * share**k * (1 - share) ** (seconds - k) for k in range(bad + 1))
