"""What goes in and out of the viewer: events that happened to it, and actions that the shell performs for it.

The shell performs each action and feeds its result back as an event; it adds nothing of its own.
"""

import msgspec

from hls_swarm.hls.playlist import KeyMethod, MediaPlaylist, MultivariantPlaylist
from hls_swarm.records import Exchange, Failure, ObjectKind, Record


class FetchPlaylist(msgspec.Struct, frozen=True, gc=False):
    """Fetch and parse a playlist; comes back as `PlaylistLoaded` or `FetchFailed`.

    Attributes:
        track: index of the viewer's track that it is for; None for the first playlist of all, of either kind.
        due_at: when it should go out, by the monotonic clock; a time already past is lateness.
        first_byte_seconds, total_seconds, no_progress_seconds: the player's time limits.
        retry: whether it was asked for before, in vain.
        blocking: whether the server is to hold it until there is something new.
    """

    url: str
    track: int | None
    due_at: float
    first_byte_seconds: float | None
    total_seconds: float | None
    no_progress_seconds: float | None = None
    retry: bool = False
    blocking: bool = False


class FetchSegment(msgspec.Struct, frozen=True, gc=False):
    """Fetch a segment or part, init section or key and drop its bytes; comes back as `SegmentLoaded` or `FetchFailed`.

    Attributes:
        byte_range: first byte and length, or None for the whole resource.
        media_seconds: duration of a segment; None for the other kinds.
        bitrate_bps: of the variant, if known.
        retry: whether it was asked for before, in vain.
        key_method: how the segment is encrypted, or what the key is for.
        hinted: whether it is a part or an init section that is not there yet.
        has_init: whether it follows an init section, as fragmented MP4 does.
    """

    kind: ObjectKind
    url: str
    track: int
    due_at: float
    first_byte_seconds: float | None
    total_seconds: float | None
    byte_range: tuple[int, int] | None = None
    media_seconds: float | None = None
    bitrate_bps: int | None = None
    no_progress_seconds: float | None = None
    retry: bool = False
    key_method: KeyMethod = KeyMethod.NONE
    hinted: bool = False
    has_init: bool = False


STEERING_TRACK = -1
"""Stands for the steering manifest where a track is named."""


class FetchSteering(msgspec.Struct, frozen=True, gc=False):
    """Fetch a steering manifest; comes back as `SteeringCame`.

    Attributes:
        retry: whether it was asked for before, in vain.
    """

    url: str
    due_at: float
    first_byte_seconds: float | None
    total_seconds: float | None
    retry: bool = False


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """End the track's playlist fetch, or its media fetch; no event comes of it any more. None: the first of all.

    Attributes:
        abandoned: whether it is given up for a lower variant's.
    """

    track: int | None
    playlist: bool
    abandoned: bool = False


class Look(msgspec.Struct, frozen=True, gc=False):
    """Say how far the track's media fetch has come: comes back as `Looked`, unless it has ended by then."""

    track: int


class Wait(msgspec.Struct, frozen=True, gc=False):
    """Say `TimeReached` at this instant; takes the place of an earlier `Wait`. None: nothing to wait for."""

    until: float | None


class Report(msgspec.Struct, frozen=True):
    """Pass this record on."""

    record: Record


class Stop(msgspec.Struct, frozen=True, gc=False):
    """The viewer is over: no action follows, and further events are ignored."""


Action = FetchPlaylist | FetchSegment | FetchSteering | Cancel | Look | Wait | Report | Stop


class Start(msgspec.Struct, frozen=True, gc=False):
    """The viewer pressed play."""


class TimeReached(msgspec.Struct, frozen=True, gc=False):
    """The instant of the newest `Wait` has come, or is past."""


class PlaylistLoaded(msgspec.Struct, frozen=True):
    """A playlist is here and parsed.

    Attributes:
        started_at: when its load began: reloads are timed from there (8216bis 6.3.4).
        age_seconds: the answer's Age header.
        mutated: how many sequence numbers have another URI than in the last load.
        url: as asked for, secrets masked.
        dates_moved: by how many seconds the dates of its segments are later than in the last load; 0: by next to none.
        body_seconds: from the first byte of the answer to its last.
    """

    track: int | None
    playlist: MultivariantPlaylist | MediaPlaylist
    started_at: float
    age_seconds: float | None = None
    mutated: int = 0
    url: str = ""
    dates_moved: float = 0.0
    body_seconds: float = 0.0


class SegmentLoaded(msgspec.Struct, frozen=True, gc=False):
    """The object of the track's last `FetchSegment` is here whole.

    Attributes:
        exchange: how it came, for players that measure their link; None where nobody asks.
    """

    track: int
    exchange: Exchange | None = None


class Looked(msgspec.Struct, frozen=True, gc=False):
    """How far a media fetch has come.

    Attributes:
        started_at, first_byte_at: when it began, and when the first byte of the answer came; None: not yet.
        loaded_bytes, size_bytes: of the body; its size is None until it is known.
    """

    track: int
    started_at: float
    first_byte_at: float | None
    loaded_bytes: int
    size_bytes: int | None


class FetchFailed(msgspec.Struct, frozen=True, gc=False):
    """The fetch failed, or what came is of no use.

    Attributes:
        playlist: whether it was the playlist or the media fetch of the track; both can be in flight at once.
        started_at: when the load began.
        exchange: how it came, if it was media.
    """

    track: int | None
    playlist: bool
    failure: Failure
    url: str
    started_at: float
    exchange: Exchange | None = None


class SteeringCame(msgspec.Struct, frozen=True, gc=False):
    """A steering manifest is here, or will not come.

    Attributes:
        url: where it came from, what its RELOAD-URI is relative to.
        body: None if the fetch failed.
        retry_after_seconds: the answer's Retry-After.
    """

    url: str
    body: bytes | None = None
    failure: Failure | None = None
    retry_after_seconds: float | None = None


class Quit(msgspec.Struct, frozen=True, gc=False):
    """The viewer, or the run, wants to end."""


Event = Start | TimeReached | PlaylistLoaded | SegmentLoaded | Looked | FetchFailed | SteeringCame | Quit
