"""What play at low latency costs and brings, as views show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from hls_swarm.records import EdgeFault, EdgeOffer
from hls_swarm.settings.checks import masked_url
from hls_swarm.snapshot import units
from hls_swarm.stats.histogram import Distribution
from hls_swarm.stats.tally import Tally

RECOMMENDED_PARTS = 3
LONGEST_PART_SECONDS = 1.1
_PARTS_ADVICE = "the draft demands two and recommends three (8216bis 4.4.3.8)"
FAULT_WORDS: Mapping[EdgeFault, str] = MappingProxyType(
    {
        EdgeFault.NOT_HELD: "blocking reloads answered without what they waited for",
        EdgeFault.LATE: "parts that came more than two part targets after the one before",
        EdgeFault.UNAVAILABLE: "blocking reloads answered 503",
        EdgeFault.REFUSED: "blocking reloads refused with 400",
        EdgeFault.HINT_LOST: "hinted parts that did not come",
        EdgeFault.DELTA_MISFIT: "delta updates that did not fit",
    }
)
FAULT_NAMES: Mapping[EdgeFault, str] = MappingProxyType(
    {
        EdgeFault.LATE: "late parts",
        EdgeFault.NOT_HELD: "reloads not held",
        EdgeFault.UNAVAILABLE: "503",
        EdgeFault.REFUSED: "400",
        EdgeFault.HINT_LOST: "hints lost",
        EdgeFault.DELTA_MISFIT: "deltas that do not fit",
    }
)
"""Where there is little room."""
_OF_ONE: Mapping[EdgeFault, str] = MappingProxyType(
    {
        EdgeFault.NOT_HELD: "blocking reload answered without what it waited for",
        EdgeFault.LATE: "part that came more than two part targets after the one before",
        EdgeFault.UNAVAILABLE: "blocking reload answered 503",
        EdgeFault.REFUSED: "blocking reload refused with 400",
        EdgeFault.HINT_LOST: "hinted part that did not come",
        EdgeFault.DELTA_MISFIT: "delta update that did not fit",
    }
)
FAULT_ADVICE: Mapping[EdgeFault, str] = MappingProxyType(
    {
        EdgeFault.NOT_HELD: (
            "the server, or a cache before it, must hold them until there is something new; "
            "both _HLS_msn and _HLS_part belong to a cache's key"
        ),
        EdgeFault.LATE: "a part is to be published once its media is there",
        EdgeFault.UNAVAILABLE: (
            "right after three target durations without anything new (8216bis 6.2.5.2), when the stream stands still; "
            "at once, it is a limit of the server"
        ),
        EdgeFault.REFUSED: (
            "that is for what is too far ahead (8216bis 6.2.5.2): do all servers stand at the same segment, do they "
            "take _HLS_msn and _HLS_part at all?"
        ),
        EdgeFault.HINT_LOST: "the part that EXT-X-PRELOAD-HINT names is to be published, or nothing hinted at",
        EdgeFault.DELTA_MISFIT: "what EXT-X-SKIP leaves out must be what the playlist before had (8216bis 4.4.5.2)",
    }
)
"""What the server is to do instead."""


@dataclass(frozen=True)
class EdgeFaultFigures:
    """What the server did wrong in one way at the live edge.

    Args:
        example_url: the newest, secrets masked.
    """

    kind: EdgeFault
    count: int
    example_url: str

    @property
    def words(self) -> str:
        """For a person."""
        return f"{units.count(self.count)} {_OF_ONE[self.kind] if self.count == 1 else FAULT_WORDS[self.kind]}"


@dataclass(frozen=True)
class LowLatencyFigures:
    """How the viewers played at the live edge.

    Args:
        viewers: that play by parts.
        blocking_reloads: playlist requests that the server was to hold.
        blocked: how long it held those and hinted parts, in seconds; in no other figure.
        parts: that viewers got, `part_age` how long after the date of their end, in seconds.
        hinted_requests: parts that were asked for before they were there, `hints_met` those that came true.
        faults: the most frequent first.
        offer: what the stream offers.
    """

    viewers: int
    blocking_reloads: int
    blocked: Distribution | None
    parts: int
    part_age: Distribution | None
    hinted_requests: int
    hints_met: int
    faults: tuple[EdgeFaultFigures, ...]
    offer: EdgeOffer | None

    @property
    def hints_lost(self) -> int:
        """Hinted parts that did not come."""
        return sum(fault.count for fault in self.faults if fault.kind is EdgeFault.HINT_LOST)

    def json_object(self) -> Mapping[str, Any]:
        """For the summary."""
        return {
            "offer": None if self.offer is None else msgspec.to_builtins(self.offer),
            "viewers": self.viewers,
            "blocking_reloads": self.blocking_reloads,
            "blocked_seconds": None if self.blocked is None else msgspec.to_builtins(self.blocked),
            "parts": self.parts,
            "part_age_seconds": None if self.part_age is None else msgspec.to_builtins(self.part_age),
            "hinted_requests": self.hinted_requests,
            "hints_met": self.hints_met,
            "hints_lost": self.hints_lost,
            "faults": [
                {"kind": fault.kind, "count": fault.count, "example_url": fault.example_url} for fault in self.faults
            ],
        }


def low_latency_figures(tally: Tally) -> LowLatencyFigures | None:
    """The figures of a run; None where nobody asked a server to wait."""
    if not (tally.low_latency_viewers or tally.blocking_reloads or tally.parts):
        return None
    faults = sorted(tally.edge_faults.items(), key=lambda item: (-item[1].count, item[0]))
    return LowLatencyFigures(
        viewers=tally.low_latency_viewers,
        blocking_reloads=tally.blocking_reloads,
        blocked=tally.blocked.distribution(),
        parts=tally.parts,
        part_age=tally.part_age.distribution(),
        hinted_requests=tally.hinted_requests,
        hints_met=tally.hints_met,
        faults=tuple(EdgeFaultFigures(kind, found.count, masked_url(found.example_url)) for kind, found in faults),
        offer=tally.edge_offer,
    )


def offered(offer: EdgeOffer) -> str:
    """What a stream offers, in one line."""
    deltas = "no delta updates"
    if offer.can_skip_until is not None:
        dates = ", of date ranges too" if offer.skips_dateranges else ""
        deltas = f"delta updates beyond {units.seconds(offer.can_skip_until)}{dates}"
    return (
        f"parts of {units.seconds(offer.part_target)}, played {units.seconds(offer.part_hold_back)} from the edge, "
        f"blocking reloads, {'preload hints' if offer.has_hints else 'no preload hints'}, {deltas}"
    )


def wanting(offer: EdgeOffer) -> tuple[str, ...]:
    """What the draft recommends and the stream has not, a line each."""
    lines = (
        (
            offer.part_hold_back < RECOMMENDED_PARTS * offer.part_target,
            f"PART-HOLD-BACK is {offer.part_hold_back / offer.part_target:.1f} part targets: {_PARTS_ADVICE}",
        ),
        (not offer.has_hints, "no EXT-X-PRELOAD-HINT: players ask for each part a round trip late (8216bis B.1)"),
        (offer.can_skip_until is None, "no CAN-SKIP-UNTIL: each reload brings the whole playlist (8216bis B.1)"),
        (not offer.has_reports, "no EXT-X-RENDITION-REPORT: a switch begins with an old playlist (8216bis B.1)"),
        (not offer.has_dates, "no EXT-X-PROGRAM-DATE-TIME: nobody can tell the live latency (8216bis B.1)"),
        (offer.part_target > LONGEST_PART_SECONDS, "parts of more than a second leave little of low latency"),
    )
    return tuple(words for holds, words in lines if holds)
