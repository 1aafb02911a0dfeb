"""What of a difference chance alone would make.

Rules:

- Two histograms differ if the largest distance between their cumulative shares (Kolmogorov-Smirnov) is one that chance
  gives in less than one of a thousand pairs: dozens of metrics are looked at at once.
- Values that follow each other are alike: they share the machine's and the origin's weather. A series counts as no more
  values than as many independent ones would tell as much (Bayley and Hammersley's effective number, from the
  correlations of values one, two, three apart and so on until there is none; of ranks, so that a single outlier
  decides nothing).
- Few values that follow each other can never differ by ranks, however far they lie apart. Two series that have nothing
  in common differ too if the room between them is `APART_TIMES` as wide as either of them: weather that moves one by so
  little does not move the next by so much.
"""

from collections.abc import Iterator, Sequence
from math import log, sqrt

from hls_swarm.stats.histogram import Histogram

ALPHA = 0.001
LEAST_APART, APART_TIMES = 8, 2.0
"""Values that each of two series must have to be told apart by the room between them, and how wide that must be."""
_CRITICAL = sqrt(-log(ALPHA / 2) / 2)
_NO_CORRELATION = 0.02
_MOST_APART = 60
"""Values further apart than this are not compared: weather changes within a minute."""


def distance(a: Histogram, b: Histogram) -> float:
    """Kolmogorov and Smirnov's: the largest difference of the cumulative shares, exact to a bucket."""
    share_a = share_b = most = 0.0
    for here, there in _in_order(a, b):
        share_a += here / a.count
        share_b += there / b.count
        most = max(most, abs(share_a - share_b))
    return most


def _in_order(a: Histogram, b: Histogram) -> Iterator[tuple[int, int]]:
    """How many values of each are in each bucket, the least values first."""
    for index in sorted({*a.negatives, *b.negatives}, reverse=True):
        yield a.negatives.get(index, 0), b.negatives.get(index, 0)
    yield a.zeros, b.zeros
    for index in sorted({*a.buckets, *b.buckets}):
        yield a.buckets.get(index, 0), b.buckets.get(index, 0)


def critical_distance(values_a: float, values_b: float) -> float:
    """The distance that chance exceeds with probability `ALPHA`, of so many independent values."""
    return _CRITICAL * sqrt((values_a + values_b) / (values_a * values_b))


def differ(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether two series differ by more than chance makes of values that follow each other."""
    if not a or not b:
        return False
    if are_apart(a, b):
        return True
    one, other = Histogram(), Histogram()
    one.add_all(a)
    other.add_all(b)
    return distance(one, other) > critical_distance(independent_values(a), independent_values(b))


def are_apart(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether all of one is above all of the other, by much more than either varies."""
    if min(len(a), len(b)) < LEAST_APART:
        return False
    gap = max(min(a) - max(b), min(b) - max(a))
    return gap > 0 and gap >= APART_TIMES * max(max(a) - min(a), max(b) - min(b))


def independent_values(series: Sequence[float]) -> float:
    """How many independent values would tell as much; at least 1."""
    count = len(series)
    if count < 3:
        return float(max(1, count))
    ranks = _ranks(series)
    mean = (count - 1) / 2
    spread = sum((rank - mean) ** 2 for rank in ranks)
    if not spread:
        return float(count)
    alike, off = 0.0, [rank - mean for rank in ranks]
    for apart in range(1, min(_MOST_APART, count // 2) + 1):
        correlation = sum(a * b for a, b in zip(off, off[apart:], strict=False)) / spread
        if correlation < _NO_CORRELATION:
            break
        alike += correlation
    return max(1.0, count / (1 + 2 * alike))


def _ranks(series: Sequence[float]) -> list[float]:
    """Each value's place in their order, equal ones sharing theirs."""
    order = sorted(range(len(series)), key=series.__getitem__)
    ranks, start = [0.0] * len(series), 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and series[order[end + 1]] == series[order[start]]:
            end += 1
        for place in order[start : end + 1]:
            ranks[place] = (start + end) / 2
        start = end + 1
    return ranks
