"""What an adaptive player is asked, whichever it is: one object of it for each viewer, without clock or I/O.

An algorithm sees levels as numbers, lowest first. It is told what was loaded and how, and asked which level comes next;
whoever asks carries it out.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple, Protocol

from hls_swarm.viewer.adapting.hlsjs import Progress


class Adaptation(Enum):
    """Whose algorithm a player has."""

    HLSJS = auto()
    MEDIA3 = auto()
    SHAKA = auto()


class View(NamedTuple):
    """What a choice depends on beside what the player has measured.

    Attributes:
        live: whether the playlist is.
        buffer_seconds: media ahead of the playhead in the main track.
        edge_seconds: from the playhead to the end of a live playlist; None on demand.
        chunk_seconds: duration of the segment that comes next.
    """

    now: float
    live: bool
    buffer_seconds: float
    edge_seconds: float | None = None
    chunk_seconds: float = 0.0


class Transfer(NamedTuple):
    """How a segment came, in seconds since it was asked for; `ttfb_seconds` is None if nothing came."""

    seconds: float
    ttfb_seconds: float | None
    size_bytes: int


class GivingUp(NamedTuple):
    """A segment on its way is not waited for.

    Attributes:
        level: which one to load instead.
        ends_at_once: the request is ended now and not when the other level can be asked for.
        end_after_seconds: the request is ended after so long if it still goes on; None: never for its own sake.
    """

    level: int
    ends_at_once: bool
    end_after_seconds: float | None = None


class Algorithm(Protocol):
    """One viewer's."""

    @property
    def estimate_bps(self) -> float:
        """What it takes its link for, in bits per second."""

    def first(self) -> int:
        """The level whose playlist is loaded first."""

    def choose(self, view: View) -> int:
        """The level of the next segment."""

    def waits_for_room(self) -> bool:
        """Whether it chooses only when there is room for a segment."""

    def changes_with_the_last_bytes(self) -> bool:
        """Whether a segment that leads to another level by its last bytes is given up with them."""

    def mark(self, view: View) -> float | None:
        """Buffer in seconds below which it may choose otherwise though nothing is loaded; None: there is none."""

    def began(self, segment_seconds: float) -> None:
        """A segment is asked for."""

    def playlist_loaded(self, level: int, segment_seconds: float, body_seconds: float) -> None:
        """A level's playlist is here, with segments of so long in the mean."""

    def loaded(self, level: int, transfer: Transfer, *, is_media: bool) -> None:
        """A segment is here, or an init section."""

    def loaded_beside(self, transfer: Transfer) -> None:
        """A segment or init section of another track is here."""

    def timed_out(self, transfer: Transfer) -> None:
        """A segment ran into a time limit."""

    def failed(self, level: int, instead: int, *, of_media: bool) -> None:
        """A level can not be had, and another is loaded for it; `of_media`: a segment, and not its playlist."""

    def instead(self, usable: Sequence[int], now: float) -> int | None:
        """Which of these levels to load in place of one that can not be had; None: the player has an order for that."""

    def returns_after(self, excluded_seconds: float) -> float | None:
        """When it chooses anew though nothing came: so long after a level was excluded; None: it does not."""

    def returned(self, usable: Sequence[int], now: float) -> int:
        """What it chooses when a level that was excluded can be had again."""

    def look_after(self, view: View, level: int) -> float | None:
        """Seconds after which a segment that is asked for now is to be looked at; None: not at all."""

    def looked(self, view: View, progress: Progress) -> GivingUp | float | None:
        """What is to be done about a segment on its way: give it up, look again after so long, or no more."""

    def dropped(self, view: View, level: int) -> int:
        """The request was ended to load this level: which one is really loaded."""
