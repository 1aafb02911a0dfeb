"""Single viewers in a snapshot: the ones that fare worst."""

import msgspec


class ViewerDetail(msgspec.Struct, frozen=True):
    """One viewer, for a table of the worst ones.

    Attributes:
        state: of its machine, in lower case: starting, playing, stalled.
        buffer_seconds: media ahead of the playhead.
        bitrate_bps: of the variant it plays, if known.
        stalled_seconds: in all, a stall that goes on included.
        last_error: the newest failure in words; None if there was none.
    """

    viewer: int
    worker: int
    state: str
    buffer_seconds: float
    bitrate_bps: int | None
    stalls: int
    stalled_seconds: float
    last_error: str | None


WORST_VIEWERS = 50
"""So many single viewers a snapshot has at most."""


def badness(viewer: ViewerDetail) -> tuple[bool, int, float]:
    """Sorts the worst first: stalled, then most stalls, then least buffer."""
    return viewer.state != "stalled", -viewer.stalls, viewer.buffer_seconds
