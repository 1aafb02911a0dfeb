"""Which viewers are whose: a run's viewers in shares, and the shares of a machine that is gone in others (pure).

Rules:

- A share is a set of residues: it has the viewers whose number leaves one of `slots` when divided by `of`. So every
  share has its part of each second of a ramp, whoever else there is.
- The shares of a run are disjoint and together all of it, for any weights and numbers of workers.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """The viewers whose number is one of `slots` modulo `of`.

    Args:
        slots: rising, each below `of`.
    """

    slots: tuple[int, ...]
    of: int

    def has(self, number: int) -> bool:
        """Whether this viewer is in it."""
        return number % self.of in self.slots

    def numbers(self, below: int) -> list[int]:
        """Its viewers with a number less than `below`."""
        return [number for slot in self.slots for number in range(slot, below, self.of)]

    def count(self, viewers: int) -> int:
        """How many of so many viewers it has."""
        whole, rest = divmod(viewers, self.of)
        return whole * len(self.slots) + sum(slot < rest for slot in self.slots)

    def parts(self, number: int) -> tuple["Share", ...]:
        """The same viewers in so many shares of the same size."""
        repeats = 1 if len(self.slots) % number == 0 else number
        slots = [slot + self.of * nth for nth in range(repeats) for slot in self.slots]
        return tuple(Share(tuple(slots[part::number]), self.of * repeats) for part in range(number))


def share_of(worker: int, workers: int) -> Share:
    """That of one of several workers that all have as much."""
    return Share((worker,), workers)


def weighted_shares(weights: Sequence[int]) -> tuple[Share, ...]:
    """Shares as large as their weights, each spread as evenly over the viewers' numbers as can be.

    Args:
        weights: whole numbers, more than 0.
    """
    total = sum(weights)
    slots: list[list[int]] = [[] for _ in weights]
    for slot in range(total):
        # Whoever is furthest behind what it should have by now is next: as in a weighted round robin.
        behind = max(range(len(weights)), key=lambda i: (weights[i] * (slot + 1) - total * len(slots[i]), -i))
        slots[behind].append(slot)
    return tuple(Share(tuple(own), total) for own in slots)
