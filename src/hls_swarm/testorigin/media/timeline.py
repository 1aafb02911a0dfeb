"""When each live segment is made, listed, unlisted and deleted.

Rules:

- Segment n covers the media from n * duration to (n + 1) * duration of the stream's clock, and is listed once that
  time has passed: an origin can not list what has not happened yet.
- The stream begins with a full window, so that the first player starts at once.
- A segment that has left the playlist stays available for its duration plus that of the longest playlist that listed
  it (RFC 8216 6.2.2); one more segment duration covers a slow playlist request, and one the download of it.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class LiveTimeline:
    """The arithmetic of one live stream; instants are seconds of the monotonic clock.

    Attributes:
        started_at: when the stream began, with a full window already listed.
        started_wall: the wall clock at that instant, seconds since 1970.
        window: segments in a media playlist.
        first: number of the first segment ever listed.
    """

    started_at: float
    started_wall: float
    segment_seconds: int
    window: int
    first: int = 0

    def paused(self, seconds: float) -> "LiveTimeline":
        """The same stream, so much later; its dates go on without a gap, since no media was lost."""
        return replace(self, started_at=self.started_at + seconds)

    def newest(self, now: float) -> int:
        """Number of the last segment listed."""
        return self.first + self.window - 1 + max(0, int((now - self.started_at) // self.segment_seconds))

    def oldest_listed(self, newest: int) -> int:
        """Number of the first segment in the playlist whose last one is `newest`."""
        return newest - self.window + 1

    def oldest_kept(self, newest: int) -> int:
        """Number of the oldest segment that must still be served while `newest` is the last one listed."""
        return max(self.first, newest - self.kept + 1)

    @property
    def kept(self) -> int:
        """Segments that exist at a time."""
        return self.window + (1 + self.window) + 2

    def listed_at(self, segment: int) -> float:
        """When a segment appears in the playlist."""
        return self.started_at + (segment - self.first - self.window + 1) * self.segment_seconds

    def program_date_time(self, segment: int) -> float:
        """Wall clock of a segment's first frame, seconds since 1970 (EXT-X-PROGRAM-DATE-TIME)."""
        return self.started_wall + self.listed_at(segment) - self.started_at - self.segment_seconds
