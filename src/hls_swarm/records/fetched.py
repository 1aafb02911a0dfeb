"""What viewers asked for, and what it was of use for."""

import msgspec

from hls_swarm.records.asking import Exchange, Failure, ObjectKind


class Violation(msgspec.Struct, frozen=True, gc=False):
    """A rule of the draft that a playlist breaks and that players put up with: a finding, not a failure.

    Attributes:
        rule: the section that says so, such as `8216bis 4.4.3.1`.
        line: line number, counted from 1; 0 where the playlist as a whole is meant.
        refused_by: names of players that do not put up with it.
    """

    reason: str
    rule: str
    line: int
    refused_by: tuple[str, ...] = ()


class PlaylistFetched(msgspec.Struct, frozen=True, tag=True):
    """A multivariant or media playlist was asked for; `failure` is the exchange's or the parser's.

    Attributes:
        changed: False if a media playlist listed what it did at the last load; None if that can not be said.
        retry: whether it was asked for before, in vain.
        violations: what it does against the draft.
        blocking: whether the server was to hold it until there was something new (`_HLS_msn`): the wait for its first
            byte is the stream's time, not the server's.
    """

    viewer: int
    kind: ObjectKind
    exchange: Exchange
    failure: Failure | None
    changed: bool | None = None
    retry: bool = False
    violations: tuple[Violation, ...] = ()
    blocking: bool = False


class SegmentFetched(msgspec.Struct, frozen=True, tag=True):
    """A segment, a part of one, an init section or a key was asked for.

    Attributes:
        media_seconds: the declared duration of a segment or part, the part target for one that was asked for before it
            was listed; None for the other kinds.
        bitrate_bps: declared BANDWIDTH of its variant in bit/s, if the multivariant playlist says one.
        retry: whether it was asked for before, in vain.
        abandoned: whether the player gave it up for one of a lower variant: its bytes were sent in vain.
        hinted: whether it was asked for before it was there (EXT-X-PRELOAD-HINT): the wait for its first byte is the
            stream's time, not the server's.
    """

    viewer: int
    kind: ObjectKind
    exchange: Exchange
    failure: Failure | None
    media_seconds: float | None = None
    bitrate_bps: int | None = None
    retry: bool = False
    abandoned: bool = False
    hinted: bool = False


class AsideFetched(msgspec.Struct, frozen=True, tag=True):
    """Something was asked for that is not of the stream itself: what players and browsers ask besides.

    Attributes:
        retry: whether it was asked for before, in vain.
    """

    viewer: int
    kind: ObjectKind
    exchange: Exchange
    failure: Failure | None
    retry: bool = False
