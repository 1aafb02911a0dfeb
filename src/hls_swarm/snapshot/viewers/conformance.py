"""What the stream does against the draft, and what of it was not played, as views show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hls_swarm.settings.checks import flag_name
from hls_swarm.stats.tally import MAX_VIOLATIONS, Tally, ViolationCount

_LOW_LATENCY_UNUSED = (
    "the stream offers low latency (LL-HLS), and viewers played it the ordinary way (--latency normal, or a player "
    "that knows no parts): whole segments, no blocking reloads; what low latency costs the origin was not tried"
)
_LICENCES_UNASKED = (
    "the stream's keys are a DRM system's (KEYFORMAT): viewers load its segments and ask for no licence; what licences "
    "cost, and whether a player gets them, was not tried"
)


@dataclass(frozen=True)
class ViolationFigures:
    """Playlists that broke one rule of the draft in one way, and were played all the same.

    Args:
        rule: the section, such as `8216bis 4.4.3.1`; empty for what the kinds beyond the first are summed up as.
        refused_by: names of players that refuse such a playlist.
        count: loads that brought one.
        example_url, line: one of them, and where in it; None is the playlist as a whole.
    """

    reason: str
    rule: str
    refused_by: tuple[str, ...]
    count: int
    example_url: str
    line: int | None

    @property
    def words(self) -> str:
        """In one line, without where."""
        refuse = f"; {' and '.join(self.refused_by)} refuse{'s' * (len(self.refused_by) == 1)} it"
        rule = f" ({self.rule})" if self.rule else ""
        return f"{self.reason}{rule}{refuse if self.refused_by else ''}"

    @property
    def where(self) -> str:
        """The example, with its line."""
        return self.example_url if self.line is None else f"{self.example_url} line {self.line}"

    def json_object(self) -> Mapping[str, Any]:
        """For the summary."""
        return {
            "reason": self.reason,
            "rule": self.rule or None,
            "refused_by": list(self.refused_by) or None,
            "count": self.count,
            "example_url": self.example_url or None,
            "line": self.line,
        }


def violation_figures(tally: Tally) -> tuple[ViolationFigures, ...]:
    """Every kind, the most frequent first; what is beyond `MAX_VIOLATIONS` as one."""
    kinds = sorted(tally.violations.values(), key=lambda found: (-found.count, found.rule, found.reason))
    named = tuple(map(_figures, kinds))
    if not tally.unnamed_violations:
        return named
    rest = f"of other kinds than these {MAX_VIOLATIONS}"
    return (*named, ViolationFigures(rest, "", (), tally.unnamed_violations, "", None))


def _figures(count: ViolationCount) -> ViolationFigures:
    return ViolationFigures(
        count.reason, count.rule, count.refused_by, count.count, count.example_url, count.line or None
    )


def stream_remarks(tally: Tally) -> tuple[str, ...]:
    """What a person must know of how the stream was played."""
    unmet = tuple(f"{flag_name(setting)}: {words}" for setting, words in sorted(tally.unmet.items()))
    told = ((_LOW_LATENCY_UNUSED, tally.low_latency_unused), (_LICENCES_UNASKED, tally.licences_unasked))
    return tuple(remark for remark, viewers in told if viewers) + unmet
