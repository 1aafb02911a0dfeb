"""What a viewer lived through, from its start to its end."""

from enum import StrEnum

import msgspec

from hls_swarm.records.asking import Failure, ObjectKind

START_SECONDS = 10.0
"""How long a player may take to start, where it has no limit of its own: by then half of the people have left (Krishnan
and Sitaraman, "Video Stream Quality Impacts Viewer Behavior", 2012)."""


class ViewerStarted(msgspec.Struct, frozen=True, tag=True):
    """A viewer asked for its stream; `at` - `due_at` is how late the generator was.

    Attributes:
        profile: name of the player that it behaves like.
        start_seconds: how long its player may take to start; from then on it is due to have played.
        is_paced: it reads more slowly than bytes come, on purpose: by a link of its own, or at the speed of play.
    """

    viewer: int
    at: float
    due_at: float
    profile: str = ""
    start_seconds: float = START_SECONDS
    is_paced: bool = False


class PlaybackStarted(msgspec.Struct, frozen=True, tag=True):
    """The first frame would have been shown: the end of the startup time (CTA-2066)."""

    viewer: int
    at: float
    startup_seconds: float


class StallStarted(msgspec.Struct, frozen=True, tag=True):
    """The buffer ahead of the playhead reached zero while playing."""

    viewer: int
    at: float


class StallEnded(msgspec.Struct, frozen=True, tag=True):
    """Playback went on after a stall."""

    viewer: int
    at: float
    stall_seconds: float


class LatencyObserved(msgspec.Struct, frozen=True, tag=True):
    """Where a live viewer's playhead stood when a changed media playlist arrived.

    Attributes:
        live_seconds: wall clock - EXT-X-PROGRAM-DATE-TIME at the playhead; None without that tag.
        edge_seconds: end of the last listed segment + age of the playlist - playhead (hls.js).
        buffer_seconds: media ahead of the playhead.
    """

    viewer: int
    at: float
    live_seconds: float | None
    edge_seconds: float
    buffer_seconds: float


class SeekStarted(msgspec.Struct, frozen=True, tag=True):
    """The viewer went elsewhere in the stream."""

    viewer: int
    at: float


class SeekEnded(msgspec.Struct, frozen=True, tag=True):
    """Playback went on after a seek; `restart_seconds` is the time between (Conviva)."""

    viewer: int
    at: float
    restart_seconds: float


class PauseStarted(msgspec.Struct, frozen=True, tag=True):
    """The viewer paused: until it ends, no time is watched (CTA-2066)."""

    viewer: int
    at: float


class PauseEnded(msgspec.Struct, frozen=True, tag=True):
    """The viewer goes on after a pause."""

    viewer: int
    at: float


class EndReason(StrEnum):
    """Why a viewer stopped."""

    ENDED = "ended"  # played to the end of the stream
    FAILED = "failed"  # a fatal error, as its player would have shown one
    QUIT = "quit"  # the run ended it
    LEFT = "left"  # its own session was over


class ViewerStopped(msgspec.Struct, frozen=True, tag=True):
    """A viewer is gone; nothing of it follows.

    Attributes:
        failure: the fatal one, with `FAILED`.
        played: whether playback ever started.
        url, object: what could not be had, with `FAILED`, if it was something that is asked for.
        stream: which stream of which multivariant playlist that belongs to, such as `variant 1 of master.m3u8`; empty:
            to none.
    """

    viewer: int
    at: float
    reason: EndReason
    played: bool
    failure: Failure | None = None
    url: str | None = None
    object: ObjectKind | None = None
    stream: str = ""


class PlayerStarted(msgspec.Struct, frozen=True, tag=True):
    """A process that plays for a viewer was started.

    Attributes:
        restart: whether it takes the place of an earlier one of this viewer.
        reason: why that had to be, in words.
    """

    viewer: int
    at: float
    restart: bool = False
    reason: str = ""


class PlayerLogDropped(msgspec.Struct, frozen=True, tag=True):
    """Lines of a player's log were not read, because there were too many: what they said is not counted."""

    viewer: int
    at: float
    lines: int
