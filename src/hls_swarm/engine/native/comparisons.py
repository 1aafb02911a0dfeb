"""What each reload of a playlist changed, worked out once for all viewers that see the same two versions."""

from collections import OrderedDict
from math import inf

import msgspec

from hls_swarm.engine.native.deltas import Deltas
from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.hls.timeline import Movement, date_moved, movement, reload

_CAPACITY = 256
DATE_SECONDS = 1.0
"""A date that moves by less between two loads may be a packager's rounding."""


class Comparison(msgspec.Struct, frozen=True, gc=False):
    """What two versions of a playlist say otherwise of the segments that both list.

    Attributes:
        changed: whether the new one lists anything else than the one held.
        mutated: media sequence numbers with another URI or byte range.
        dates_moved: seconds by which the dates are later; 0: by no more than `DATE_SECONDS`.
    """

    changed: bool = False
    mutated: int = 0
    dates_moved: float = 0.0


ALIKE, FIRST = Comparison(), Comparison(changed=True)


class Comparisons:
    """Remembers what differed between two versions of a playlist; the oldest pair goes first.

    Viewers share parsed playlists (`hls.cache`), so two versions are known by identity; both are held, so that an
    identity can not be another playlist's.

    Attributes:
        deltas: what delta updates make with the copy held before.
    """

    def __init__(self) -> None:
        self.deltas = Deltas()
        self._known: OrderedDict[tuple[int, int], tuple[Comparison, MediaPlaylist, MediaPlaylist]] = OrderedDict()

    def compare(self, held: MediaPlaylist | None, new: MediaPlaylist) -> Comparison:
        """What differs from the version held before."""
        if held is new:
            return ALIKE
        if held is None:
            return FIRST
        key = id(held), id(new)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _compared(held, new), held, new
            if len(self._known) > _CAPACITY:
                self._known.popitem(last=False)
        return known[0]


def _compared(held: MediaPlaylist, new: MediaPlaylist) -> Comparison:
    changed = movement(held, new, elapsed=inf) is not Movement.NONE
    if held.url.partition("?")[0] != new.url.partition("?")[0]:
        return Comparison(changed)
    mutated, moved = len(reload(held, new).mutated), date_moved(held, new)
    return Comparison(changed, mutated, moved if abs(moved) > DATE_SECONDS else 0.0)
