"""What each reload of a playlist changed, worked out once for all viewers that see the same two versions."""

from collections import OrderedDict

from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.hls.timeline import reload

_CAPACITY = 256


class Comparisons:
    """Remembers how many segments were mutated between two versions of a playlist; the oldest pair goes first.

    Viewers share parsed playlists (`hls.cache`), so two versions are known by identity; both are held, so that an
    identity can not be another playlist's.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, int], tuple[int, MediaPlaylist, MediaPlaylist]] = OrderedDict()

    def mutated(self, held: MediaPlaylist | None, new: MediaPlaylist) -> int:
        """How many media sequence numbers have another URI or byte range than in the version held before."""
        if held is None or held is new or held.url != new.url:
            return 0
        key = id(held), id(new)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = len(reload(held, new).mutated), held, new
            if len(self._known) > _CAPACITY:
                self._known.popitem(last=False)
        return known[0]
