"""What the stream did to those who follow it."""

from enum import StrEnum

import msgspec


class SegmentsExpired(msgspec.Struct, frozen=True, tag=True):
    """Segments left the playlist before the viewer fetched them."""

    viewer: int
    at: float
    count: int


class PassReason(StrEnum):
    """Why a viewer went past a segment without playing it."""

    GAP = "gap"  # the playlist says that it is absent (EXT-X-GAP)
    UNAVAILABLE = "unavailable"  # every try failed


class SegmentsPassed(msgspec.Struct, frozen=True, tag=True):
    """Segments were passed over: play goes on behind them."""

    viewer: int
    at: float
    count: int
    reason: PassReason


class SequenceReset(msgspec.Struct, frozen=True, tag=True):
    """A reloaded playlist lay wholly behind the window before, or further ahead than the time that had passed.

    The origin began its numbering anew.
    """

    viewer: int
    at: float


class PlaylistOlder(msgspec.Struct, frozen=True, tag=True):
    """A reload brought an older copy of the playlist, as from a cache that is behind (8216bis 6.2.2)."""

    viewer: int
    at: float
    url: str


class DatesMoved(msgspec.Struct, frozen=True, tag=True):
    """A reload dated a segment otherwise than the load before, so many seconds later: live latencies mean little."""

    viewer: int
    at: float
    url: str
    seconds: float


class LicenceUnasked(msgspec.Struct, frozen=True, tag=True):
    """The keys of the stream are a DRM system's (KEYFORMAT, 8216bis 4.4.4.4): its licence is asked of nobody."""

    viewer: int
    at: float


class SegmentsMutated(msgspec.Struct, frozen=True, tag=True):
    """Media sequence numbers got another URI, which RFC 8216 6.2.1 forbids."""

    viewer: int
    at: float
    count: int


class PlaylistStale(msgspec.Struct, frozen=True, tag=True):
    """A live playlist did not change for 1.5 target durations or more (8216bis 6.2.1).

    Attributes:
        stale_seconds: how long it was unchanged, once it has changed; None when it was noticed and goes on.
        added: segments that the change brought at its end.
    """

    viewer: int
    at: float
    stale_seconds: float | None
    added: int = 0
