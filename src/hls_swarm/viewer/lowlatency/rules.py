"""In what players differ at low latency, as data.

Sources: hls.js 1.7 (`base-playlist-controller`, `base-stream-controller`, `playlist-loader`), Media3 1.11 (class
`DefaultHlsPlaylistTracker`, `HlsChunkSource`), Shaka Player 5 (`hls_parser`, `streaming_engine`); 8216bis for the rest.
"""

from dataclasses import dataclass
from enum import Enum, auto


class PartsRule(Enum):
    """For which segments a player loads parts in place of the whole."""

    NEAR_EDGE = auto()
    """Those that end no earlier than the first listed part and the open segment together last, while the playhead is
    behind the segment before the first listed part (hls.js)."""
    OPEN_SEGMENT = auto()
    """The one that is being made; one that was begun by parts is ended by parts (Media3)."""
    LISTED = auto()
    """All whose parts are listed (Shaka, 8216bis 6.3.3)."""


class StartRule(Enum):
    """With which part a player begins in the segment that holds its join position."""

    INDEPENDENT_BEFORE = auto()
    """The last independent one that begins no later; any part, if none says that it is independent (hls.js)."""
    AT_INDEPENDENT = auto()
    """The last independent one that begins no later, in the segment before if need be, and play begins with its first
    frame (Media3)."""


class LimitRule(Enum):
    """How long a blocking request may take."""

    HLSJS = auto()
    """`min(10, max(3 PART-TARGET, 0.8 target duration))` seconds with a part, first byte and end alike."""
    SERVER = auto()
    """Longer than a server holds it: three target durations and two seconds at least (8216bis 6.2.5.2)."""
    OWN = auto()
    """As any playlist request of the player."""


class AfterRefusal(Enum):
    """What follows 400 or 503 on a reload with directives, or a delta of no use."""

    PLAIN_AT_ONCE = auto()
    """A full plain reload (Media3, 8216bis)."""
    PLAIN_AS_USUAL = auto()
    """What the profile does after any failure, without directives; after a delta the same without skip (hls.js)."""
    AGAIN = auto()
    """The same once more, and so on (Shaka)."""


class ReportsRule(Enum):
    """How a switch begins with what EXT-X-RENDITION-REPORT tells of the playlist that is gone to."""

    IGNORED = auto()
    """Plainly, as any first load."""
    AS_TOLD = auto()
    """With the newest that it is known to have (8216bis 6.3.1)."""
    HLSJS = auto()
    """The same; but a number that is 0 counts as absent, and what is absent is the last part of the playlist that is
    left. One part more, where that is older than two part targets (hls.js)."""


@dataclass(frozen=True)
class CatchUp:
    """Speed that brings a player to its target latency (Media3).

    Args:
        least, most: bounds of the speed.
        gain: speed per second of distance from the target.
        dead_band_seconds: distance that is left alone.
        every_seconds: how often it is looked at.
    """

    least: float = 0.97
    most: float = 1.03
    gain: float = 0.1
    dead_band_seconds: float = 0.02
    every_seconds: float = 1.0

    def rate(self, latency_seconds: float, target_seconds: float) -> float:
        """How fast to play at this live latency."""
        off = latency_seconds - target_seconds
        if abs(off) < self.dead_band_seconds:
            return 1.0
        return min(max(1.0 + self.gain * off, self.least), self.most)


@dataclass(frozen=True)
class LowLatencyRules:
    """What a player does with a live stream that a server can hold requests of.

    Args:
        parts, starts, limit: see there.
        skip_share: a delta is asked for while the held copy is younger than this share of CAN-SKIP-UNTIL; None: always.
        skips_dateranges: whether `_HLS_skip=v2` is asked for where the server can leave date ranges out.
        requests_hints: whether a hinted part is asked for before it is there.
        requests_init_hints: whether an init section is, too (TYPE=MAP).
        sorts_query: whether query parameters are put in the order of their names, as 8216bis 6.3.2 demands.
        plain_after_unchanged: after an answer that brought nothing new, a plain reload after the usual wait for an
            unchanged playlist (hls.js); else a blocking one half a part target later.
        tunes_in: whether the Age of an answer is made up for by asking for what should be there by now (appendix C).
        paces: whether all playlists are reloaded together, and not before what is left of a part target after the mean
            time that this takes, whatever it brings (Shaka).
        ready_seconds: how long it takes to make sense of the first playlists, before its beat begins.
        keeps_hints: whether a hinted part that was asked for is waited for whatever playlists list by then, and asked
            for again where it is not to be had (Shaka).
        retry_seconds: waits before what failed is asked for again, in turns, in place of the profile's; of playlists
            the first alone. None: the profile's.
        catch_up: None: it plays at its speed.
        wants_http2: whether whoever wants low latency takes HTTP/2 over TLS for it, as servers have to have it (8216bis
            appendix B.1).
    """

    parts: PartsRule
    starts: StartRule
    limit: LimitRule
    skip_share: float | None = 0.5
    skips_dateranges: bool = True
    requests_hints: bool = False
    requests_init_hints: bool = False
    sorts_query: bool = False
    plain_after_unchanged: bool = False
    after_refusal: AfterRefusal = AfterRefusal.PLAIN_AT_ONCE
    tunes_in: bool = False
    reports: ReportsRule = ReportsRule.IGNORED
    paces: bool = False
    ready_seconds: float = 0.0
    keeps_hints: bool = False
    retry_seconds: tuple[float, float] | None = None
    catch_up: CatchUp | None = None
    wants_http2: bool = False


HLSJS = LowLatencyRules(
    parts=PartsRule.NEAR_EDGE,
    starts=StartRule.INDEPENDENT_BEFORE,
    limit=LimitRule.HLSJS,
    plain_after_unchanged=True,
    after_refusal=AfterRefusal.PLAIN_AS_USUAL,
    tunes_in=True,
    reports=ReportsRule.HLSJS,
)
MEDIA3 = LowLatencyRules(
    parts=PartsRule.OPEN_SEGMENT,
    starts=StartRule.AT_INDEPENDENT,
    limit=LimitRule.OWN,
    skip_share=None,
    requests_hints=True,
    catch_up=CatchUp(),
)
SHAKA = LowLatencyRules(
    parts=PartsRule.LISTED,
    starts=StartRule.INDEPENDENT_BEFORE,
    limit=LimitRule.OWN,
    skip_share=None,
    requests_hints=True,
    requests_init_hints=True,
    after_refusal=AfterRefusal.AGAIN,
    paces=True,
    ready_seconds=0.04,
    keeps_hints=True,
    retry_seconds=(0.1, 0.2),
)
RECOMMENDED = LowLatencyRules(
    parts=PartsRule.LISTED,
    starts=StartRule.INDEPENDENT_BEFORE,
    limit=LimitRule.SERVER,
    requests_hints=True,
    requests_init_hints=True,
    sorts_query=True,
    tunes_in=True,
    reports=ReportsRule.AS_TOLD,
    wants_http2=True,
)
"""What 8216bis recommends to clients."""
