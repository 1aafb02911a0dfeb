"""Play by parts: what a low-latency stream offers and what its server did (8216bis)."""

from enum import StrEnum

import msgspec


class PartLoaded(msgspec.Struct, frozen=True, tag=True, gc=False):
    """A part of a segment is here, and listed.

    Attributes:
        age_seconds: wall clock at its arrival - date of its end: since when it could have been there; None without
            EXT-X-PROGRAM-DATE-TIME, and for parts that were there before the viewer joined.
        hinted: whether it was asked for when it was only hinted at.
    """

    viewer: int
    at: float
    age_seconds: float | None
    hinted: bool = False


class EdgeFault(StrEnum):
    """What a server of a low-latency stream did wrong, as a viewer sees it."""

    NOT_HELD = "not_held"  # a blocking reload was answered without what it waited for (8216bis 6.2.5.2)
    LATE = "late"  # the next part came more than two part targets after the one before (8216bis 4.4.3.7)
    UNAVAILABLE = "unavailable"  # 503 for a blocking reload: nothing new for so long
    REFUSED = "refused"  # 400 for a blocking reload
    HINT_LOST = "hint_lost"  # what was hinted at did not come (8216bis 6.2.6)
    DELTA_MISFIT = "delta_misfit"  # a delta update does not fit what was held


class EdgeFaultSeen(msgspec.Struct, frozen=True, tag=True):
    """The server of a low-latency stream did not do what it offers.

    Attributes:
        url: the playlist or part, secrets masked.
    """

    viewer: int
    at: float
    kind: EdgeFault
    url: str


class EdgeOffer(msgspec.Struct, frozen=True, gc=False):
    """What a low-latency media playlist offers.

    Attributes:
        part_target, part_hold_back: seconds.
        can_skip_until: seconds; None: there are no delta updates.
        skips_dateranges: whether deltas leave out date ranges, too (`_HLS_skip=v2`).
        has_hints, has_reports, has_dates: whether it names the next part, how far other playlists are, and dates.
    """

    part_target: float
    part_hold_back: float
    can_skip_until: float | None
    skips_dateranges: bool
    has_hints: bool
    has_reports: bool
    has_dates: bool


class LowLatencyPlayed(msgspec.Struct, frozen=True, tag=True):
    """The viewer plays the stream by parts from here on (8216bis 4.4.3.7)."""

    viewer: int
    at: float
    offer: EdgeOffer


class LowLatencyUnused(msgspec.Struct, frozen=True, tag=True):
    """The stream can be played by parts (8216bis 4.4.3.7), and the viewer plays it by whole segments."""

    viewer: int
    at: float
