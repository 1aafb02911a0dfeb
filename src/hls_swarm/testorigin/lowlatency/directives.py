"""Delivery directives: what a playlist request asks the server to wait for or to leave out (8216bis 6.2.5).

Rules:

- `_HLS_msn=N` waits until segment N is complete, with `_HLS_part=M` until its part M is there, or whatever comes after.
- A part behind the last of its segment is the first of the next one.
- 400: `_HLS_part` without `_HLS_msn`, what is no number, a segment more than two ahead of the last one, a part more
  than the Advance Part Limit ahead of the last one: three, or as many as make three seconds if parts are shorter.
- `_HLS_skip=YES` or `v2` asks for a delta update; another value is ignored.
"""

import math
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from urllib.parse import parse_qsl

_LONGEST_NUMBER = 18


class Skip(Enum):
    """Which delta update is asked for."""

    NONE = auto()
    SEGMENTS = auto()  # YES
    DATERANGES = auto()  # v2


@dataclass(frozen=True, slots=True)
class Directives:
    """What a request asks for.

    Attributes:
        sequence: `_HLS_msn`.
        part: `_HLS_part`.
    """

    sequence: int | None = None
    part: int | None = None
    skip: Skip = Skip.NONE


@dataclass(frozen=True, slots=True)
class Edge:
    """How far a playlist is.

    Attributes:
        complete: number of the last complete segment.
        parts: how many parts of the segment after it are there.
        per_segment: parts that a whole segment has.
    """

    complete: int
    parts: int
    per_segment: int

    @property
    def next_part(self) -> tuple[int, int]:
        """The part that will come next: its segment and its index."""
        return self.complete + 1, self.parts

    def has(self, sequence: int, part: int | None) -> bool:
        """Whether the playlist has a segment, or a part of it, or what comes after."""
        if part is not None and part >= self.per_segment:
            sequence, part = sequence + 1, 0
        if sequence <= self.complete:
            return True
        return part is not None and sequence == self.complete + 1 and part < self.parts


class Verdict(Enum):
    """What becomes of a request."""

    ANSWER = auto()
    HOLD = auto()
    REFUSE = auto()


@lru_cache(maxsize=256)
def parse_directives(query: str) -> Directives:
    """The directives in a query; whoever waits for the same part asks with the same one.

    Raises:
        ValueError: one that must be a number is none, or a part of no segment.
    """
    fields = dict(parse_qsl(query, keep_blank_values=True)) if "_HLS_" in query else {}
    sequence, part = _number(fields.get("_HLS_msn")), _number(fields.get("_HLS_part"))
    if part is not None and sequence is None:
        raise ValueError("_HLS_part needs _HLS_msn")
    skip = {"YES": Skip.SEGMENTS, "v2": Skip.DATERANGES}.get(fields.get("_HLS_skip", ""), Skip.NONE)
    return Directives(sequence, part, skip)


def verdict(directives: Directives, edge: Edge, part_target: float) -> Verdict:
    """Whether a request is answered now, held, or refused."""
    sequence, part = directives.sequence, directives.part
    if sequence is None or edge.has(sequence, part):
        return Verdict.ANSWER
    if sequence > edge.complete + 2:
        return Verdict.REFUSE
    if part is not None:
        limit = math.ceil(3 / part_target) if part_target < 1 else 3
        ahead = (sequence - edge.complete - 1) * edge.per_segment + part - (edge.parts - 1)
        if ahead > limit:
            return Verdict.REFUSE
    return Verdict.HOLD


def _number(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise ValueError(f"{text!r} is no media sequence number or part index")
    return int(text)
