"""What the demo searches for, if its origin has so much and no more; and what comes out if the search is right."""

from collections.abc import Sequence
from dataclasses import replace

from hls_swarm.settings.capacity import CapacitySettings
from hls_swarm.snapshot import units
from hls_swarm.testorigin.media.clip import describe_clip
from hls_swarm.testorigin.serving.trouble.limits import Limit, LimitKind, carried
from hls_swarm.testorigin.settings import OriginSettings
from hls_swarm.testorigin.telling.machine import MADE_LINK

SEARCH = CapacitySettings(from_=20, within="20%", trial=5.0, soak=0.0, no_overload=True, time_limit=180.0)
"""Short trials and wide bounds: an answer within three minutes, for who wants to see what one looks like."""

SEGMENT_SECONDS = float(OriginSettings().segment_seconds)
_BELOW = 0.55
"""Where a search for what a processor carries begins, as a share of what arithmetic says."""


def search_for(limits: Sequence[Limit]) -> CapacitySettings:
    """How to search for what an origin with these limits carries.

    A processor that was asked for too much has a queue to work off, and viewers that ask all at once for long after: a
    search that begins near its answer asks too much less often, and has time to confirm it.
    """
    if not any(limit.kind is LimitKind.CPU for limit in limits):
        return SEARCH
    viewers = carried(limits, SEGMENT_SECONDS, describe_clip().variants[0].bitrate / 8)
    return replace(SEARCH, from_=max(2, round(_BELOW * viewers)))


def smallest_variant(stream_url: str) -> str:
    """Of that stream's multivariant playlist: all viewers play it, so that what they need is arithmetic."""
    return stream_url.replace("master", f"{describe_clip().variants[0].name}/playlist")


def device_of(limits: Sequence[Limit]) -> str:
    """What the origin sends through: the link that stands for its bandwidth, if that is limited."""
    return MADE_LINK if any(limit.kind is LimitKind.BANDWIDTH for limit in limits) else "lo"


def search_text(limits: Sequence[Limit], texts: Sequence[str]) -> str:
    """What is searched for, and what comes out if it is right."""
    seconds, rate = SEGMENT_SECONDS, describe_clip().variants[0].bitrate / 8
    what, limit, viewers = " and ".join(texts), units.clock(SEARCH.time_limit), carried(limits, seconds, rate)
    return (
        f"Searching for what an origin with {what} carries, for up to {limit}. A viewer asks for a segment and a "
        f"playlist every {seconds:.0f} s, at {units.bit_rate(rate)}: by arithmetic about {viewers:.0f} viewers. "
        "Ctrl-C ends it."
    )
