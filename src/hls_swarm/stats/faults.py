"""Exceptions that nobody expected: a bug in this program, counted by its words, its first traceback kept.

They are counted where they are caught and merge like everything that a tally holds. What one of them spoiled is not
known, so a run with one is invalid.
"""

from collections.abc import Callable, Mapping
from typing import Self

import msgspec

MAX_FAULTS = 20
"""Different ones that are kept apart; further ones are counted as `other`."""
OTHER = "other exceptions"


class FaultCount(msgspec.Struct):
    """One exception, however often it was raised.

    Attributes:
        whose: what it happened to first, such as `viewer 7`.
        traceback: of the first.
    """

    count: int
    whose: str
    traceback: str

    def merge(self, other: Self) -> None:
        """Add another count of the same."""
        self.count += other.count


def masked_faults(faults: Mapping[str, FaultCount], mask: Callable[[str], str]) -> dict[str, FaultCount]:
    """The same without secrets, which the text of an exception may hold."""
    return {mask(text): FaultCount(fault.count, fault.whose, mask(fault.traceback)) for text, fault in faults.items()}


def merge_faults(mine: dict[str, FaultCount], others: Mapping[str, FaultCount]) -> None:
    """Add faults to others, by their words."""
    for text, fault in others.items():
        known = text in mine or len(mine) < MAX_FAULTS
        held = mine.get(text if known else OTHER)
        if held is None:
            mine[text if known else OTHER] = msgspec.structs.replace(fault)
        else:
            held.merge(fault)
