"""A histogram that merges exactly, laid out like a Prometheus native histogram of schema 5.

Rules:

- Bucket `i` holds the values in `(2**((i - 1) / 32), 2**(i / 32)]`: every bucket is 2.2% wide, so a quantile read as
  the middle of its bucket is within 1.1% of the value that has that rank, and any other value of it within 2.2%.
- Values below 0 (a latency against a clock or dates that are ahead) are in buckets of the same widths, by their size;
  those of 0 are counted in a bucket of their own.
- Merging adds counts. It is exact, associative and commutative, which is why percentiles of many workers or of many
  seconds come from merged histograms and never from averaged percentiles.
- The quantile `q` of `n` values is the value of rank `ceil(q * n)`, never outside what was observed.
- The mean is exact and a quantile is not. Where both are in one bucket, whose middle lies below the mean, the mean is
  the better guess: so a quantile that is at or above the mean is never shown below it, and equal values have equal
  figures.
"""

from collections.abc import Collection
from math import ceil, exp2, log2
from typing import Self

import msgspec

BUCKETS_PER_OCTAVE = 32
"""Schema 5 of Prometheus native histograms: 2 ** 5 buckets from one power of two to the next."""


class Distribution(msgspec.Struct, frozen=True, gc=False):
    """What a view shows of a histogram; the shape of every distribution in the JSON summary."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


class Histogram(msgspec.Struct):
    """Counts by bucket, with the exact count, sum, least and greatest value.

    Attributes:
        buckets: bucket index to number of values in it.
        zeros: values that were 0.
        negatives: bucket index to number of values below 0 whose size is in it.
    """

    buckets: dict[int, int] = {}
    zeros: int = 0
    count: int = 0
    total: float = 0.0
    least: float | None = None
    greatest: float | None = None
    negatives: dict[int, int] = {}

    @property
    def not_positive(self) -> int:
        """Values that were 0 or less."""
        return self.zeros + sum(self.negatives.values())

    def add(self, value: float) -> None:
        """Count one value."""
        self.add_all((value,))

    def add_all(self, values: Collection[float]) -> None:
        """Count values: many at once cost a third of what they cost one by one."""
        if not values:
            return
        self.count += len(values)
        self.total += sum(values)
        least, greatest = min(values), max(values)
        if self.least is None or least < self.least:
            self.least = least
        if self.greatest is None or greatest > self.greatest:
            self.greatest = greatest
        buckets = self.buckets
        if least > 0:  # nearly always; taking the logarithms in one go halves what a value costs
            for logarithm in map(log2, values):
                index = ceil(logarithm * BUCKETS_PER_OCTAVE)
                buckets[index] = buckets.get(index, 0) + 1
            return
        for value in values:
            if value > 0:
                index = ceil(log2(value) * BUCKETS_PER_OCTAVE)
                buckets[index] = buckets.get(index, 0) + 1
            elif value < 0:
                index = ceil(log2(-value) * BUCKETS_PER_OCTAVE)
                self.negatives[index] = self.negatives.get(index, 0) + 1
            else:
                self.zeros += 1

    def merge(self, other: Self) -> None:
        """Add another histogram's values to this one."""
        buckets = self.buckets
        for index, number in other.buckets.items():
            buckets[index] = buckets.get(index, 0) + number
        for index, number in other.negatives.items():
            self.negatives[index] = self.negatives.get(index, 0) + number
        self.zeros += other.zeros
        self.count += other.count
        self.total += other.total
        if other.least is not None and (self.least is None or other.least < self.least):
            self.least = other.least
        if other.greatest is not None and (self.greatest is None or other.greatest > self.greatest):
            self.greatest = other.greatest

    def copy(self) -> "Histogram":
        """The same values, apart from what is added to this one later."""
        return Histogram(
            dict(self.buckets), self.zeros, self.count, self.total, self.least, self.greatest, dict(self.negatives)
        )

    def since(self, earlier: Self) -> "Histogram":
        """The values added after `earlier`, a former state of this histogram.

        The least and greatest of just those values are not known; the bounds of their outermost buckets stand in.
        """
        buckets, negatives = _more(self.buckets, earlier.buckets), _more(self.negatives, earlier.negatives)
        zeros, count = self.zeros - earlier.zeros, self.count - earlier.count
        if not count:
            return Histogram()
        if negatives:
            least = -exp2(max(negatives) / BUCKETS_PER_OCTAVE)
        else:
            least = 0.0 if zeros else exp2((min(buckets) - 1) / BUCKETS_PER_OCTAVE)
        if buckets:
            greatest = exp2(max(buckets) / BUCKETS_PER_OCTAVE)
        else:
            greatest = 0.0 if zeros else -exp2((min(negatives) - 1) / BUCKETS_PER_OCTAVE)
        if self.greatest is not None:
            greatest = min(greatest, self.greatest)
        if self.least is not None:
            least = max(least, self.least)
        return Histogram(buckets, zeros, count, self.total - earlier.total, least, greatest, negatives)

    @property
    def mean(self) -> float | None:
        """The mean, which rounding must not take out of what was observed; None if nothing was counted."""
        if self.least is None or self.greatest is None:
            return None
        return min(max(self.total / self.count, self.least), self.greatest)

    def quantile(self, q: float) -> float | None:
        """The value of rank `ceil(q * count)`, within the width of a bucket; None if nothing was counted."""
        if self.least is None or self.greatest is None:
            return None
        rank = max(1, ceil(q * self.count))
        if rank >= self.count:
            return self.greatest
        seen = 0
        for index in sorted(self.negatives, reverse=True):
            seen += self.negatives[index]
            if seen >= rank:
                return min(max(self._within(index, -1), self.least), self.greatest)
        seen += self.zeros
        if rank <= seen:
            return 0.0
        for index in sorted(self.buckets):
            seen += self.buckets[index]
            if seen >= rank:
                return min(max(self._within(index), self.least), self.greatest)
        return self.greatest

    def _within(self, index: int, sign: int = 1) -> float:
        """What stands for the values of a bucket: its middle, or the mean if that is in it and above the middle.

        Args:
            sign: -1 for a bucket of values below 0.
        """
        middle, mean = sign * exp2((index - 0.5) / BUCKETS_PER_OCTAVE), self.total / self.count
        in_bucket = mean > middle and sign * mean > 0 and ceil(log2(sign * mean) * BUCKETS_PER_OCTAVE) == index
        return mean if in_bucket else middle

    def distribution(self) -> Distribution | None:
        """The figures that views show; None if nothing was counted: unknown is not 0."""
        mean, p50, p95, p99 = self.mean, self.quantile(0.5), self.quantile(0.95), self.quantile(0.99)
        if mean is None or p50 is None or p95 is None or p99 is None or self.greatest is None:
            return None
        return Distribution(self.count, mean, p50, p95, p99, self.greatest)


def _more(now: dict[int, int], before: dict[int, int]) -> dict[int, int]:
    """Buckets in which there are more values than before, and how many more."""
    return {index: number - before.get(index, 0) for index, number in now.items() if number > before.get(index, 0)}
