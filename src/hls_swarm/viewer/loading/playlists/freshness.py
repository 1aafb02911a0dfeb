"""Whether a live playlist still changes, as a viewer sees it."""

from hls_swarm.records import PlaylistStale
from hls_swarm.viewer.loading.playlists.reload import STALE_TARGETS
from hls_swarm.viewer.profiles import Profile


class Freshness:
    """When a playlist last changed, and how often it was loaded in vain since.

    Attributes:
        stale: whether it was noticed that it did not change in time.
        changed_at: when the load began that brought the newest change.
    """

    __slots__ = ("_fruitless", "changed_at", "stale")

    def __init__(self) -> None:
        self.changed_at = 0.0
        self._fruitless = 0
        self.stale = False

    def loaded(
        self, viewer: int, changed: bool, started_at: float, target_duration: float, now: float, added: int = 0
    ) -> PlaylistStale | None:
        """The load that began then is here; what is to be said of it: stale from now on, or no longer.

        Args:
            added: segments that are new at its end.
        """
        unchanged = started_at - self.changed_at
        if changed:
            was_stale, self.changed_at, self._fruitless, self.stale = self.stale, started_at, 0, False
            return PlaylistStale(viewer, now, unchanged, added) if was_stale else None
        self._fruitless += 1
        if self.stale or unchanged < STALE_TARGETS * target_duration:
            return None
        self.stale = True
        return PlaylistStale(viewer, now, None)

    def gives_up(self, profile: Profile, now: float, target_duration: float) -> float | None:
        """For how long it has not changed, if that is too long for the player; else None."""
        unchanged = now - self.changed_at
        stuck = profile.stale_limit_targets > 0 and unchanged > profile.stale_limit_targets * target_duration
        spent = 0 < profile.stale_limit_reloads <= self._fruitless
        return unchanged if stuck or spent else None
