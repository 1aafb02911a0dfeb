"""Delta updates completed once for all viewers that held the same copy."""

from collections import OrderedDict

from hls_swarm.hls.delta import RefetchReason, merge_delta
from hls_swarm.hls.playlist import MediaPlaylist

_CAPACITY = 256


class Deltas:
    """Remembers what a delta and the copy held before it make; the oldest goes first.

    Viewers share parsed playlists (`hls.cache`) and what is merged here, so both are known by identity; both are held,
    so that an identity can not be another playlist's.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[
            tuple[int, int], tuple[MediaPlaylist | RefetchReason, MediaPlaylist, MediaPlaylist]
        ] = OrderedDict()

    def complete(self, held: MediaPlaylist | None, delta: MediaPlaylist) -> MediaPlaylist | RefetchReason:
        """The full playlist, or why the delta is of no use."""
        if held is None:
            return RefetchReason.SEGMENTS_MISSING
        key = id(held), id(delta)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _completed(held, delta), held, delta
            if len(self._known) > _CAPACITY:
                self._known.popitem(last=False)
        return known[0]


def _completed(held: MediaPlaylist, delta: MediaPlaylist) -> MediaPlaylist | RefetchReason:
    return merge_delta(held, delta) if _path(held.url) == _path(delta.url) else RefetchReason.SEGMENTS_MISSING


def _path(url: str) -> str:
    """A reload is of the same playlist whatever it asks the server to wait for."""
    return url.partition("?")[0]
