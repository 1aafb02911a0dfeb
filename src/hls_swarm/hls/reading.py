"""How a playlist is read: as the draft has it, or as a player does.

Rules:

- A load tester plays what players play. What a server does wrong is a violation, noted on the playlist, and no reason
  to refuse it; refused is what none of hls.js, Media3, Shaka and FFmpeg plays.
- A player that refuses what the others play is named in the violation. Where two or more of the four refuse, the
  player that is imitated decides (docs/reference/playlists.md).
- `STRICT` refuses what the draft says that a client must or should refuse.
- Readings are data, one object each: they are compared by identity, so that one can be the key of a cache.
"""

from dataclasses import dataclass
from enum import StrEnum


class Player(StrEnum):
    """The players whose reading of odd playlists is known."""

    HLSJS = "hls.js"
    MEDIA3 = "Media3"
    SHAKA = "Shaka"
    FFMPEG = "FFmpeg"


@dataclass(frozen=True, eq=False)
class Reading:
    """One way to read playlists.

    Args:
        strict: whether what a client must or should refuse is refused.
        player: who is imitated; None is no one in particular, who refuses nothing that somebody plays.
        backslash_is_slash: whether a backslash in a URI is a slash (WHATWG URL 4.4), not a character to be encoded.
        counts_bare_uris: whether a URI without EXTINF is a segment of 0 s; else it is passed over.
        first_attribute_counts: of two attributes with one name; else the last does.
    """

    strict: bool = False
    player: Player | None = None
    backslash_is_slash: bool = False
    counts_bare_uris: bool = True
    first_attribute_counts: bool = False

    def refuses(self, refused_by: tuple[Player, ...]) -> bool:
        """Whether what these players refuse is refused here: they must be as many as those that play it, or more."""
        return len(refused_by) > 1 and self.player in refused_by


STRICT = Reading(strict=True, counts_bare_uris=False)
LENIENT = Reading()
HLSJS = Reading(player=Player.HLSJS, backslash_is_slash=True)
MEDIA3 = Reading(player=Player.MEDIA3, first_attribute_counts=True)
SHAKA = Reading(player=Player.SHAKA, backslash_is_slash=True)
FFMPEG = Reading(player=Player.FFMPEG, counts_bare_uris=False)
