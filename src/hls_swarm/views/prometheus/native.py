"""Our histograms as Prometheus' native ones (pure): the same buckets, told as runs of neighbours.

Bucket `i` of a histogram here is bucket `i` of schema 5 there: nothing is lost. Source: Prometheus, Native Histograms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hls_swarm.stats.histogram import Histogram

SCHEMA = 5
ZERO_THRESHOLD = 0.0
"""Only 0 itself is in the bucket of 0."""
_GAP = 2
"""So many empty buckets between two that are not cost less as zeros than as the end of a run."""


@dataclass(frozen=True)
class Runs:
    """Buckets in the order of their bounds.

    Args:
        spans: of each run of neighbours, how far it begins from the end of the one before (the first: its index), and
            how many buckets it has.
        deltas: count of each bucket less that of the bucket before.
    """

    spans: Sequence[tuple[int, int]]
    deltas: Sequence[int]


def runs(buckets: Mapping[int, int]) -> Runs:
    """Counts by index as runs."""
    spans: list[list[int]] = []
    deltas: list[int] = []
    end, before = 0, 0
    for index, count in sorted(buckets.items()):
        gap = index - end
        if spans and gap <= _GAP:
            for _ in range(gap):
                deltas.append(-before)
                before = 0
            spans[-1][1] += gap + 1
        else:
            spans.append([gap, 1])
        deltas.append(count - before)
        end, before = index + 1, count
    return Runs([(offset, length) for offset, length in spans], deltas)


def positive(histogram: Histogram) -> Runs:
    """Values above 0."""
    return runs(histogram.buckets)


def negative(histogram: Histogram) -> Runs:
    """Values below 0, by their size."""
    return runs(histogram.negatives)
