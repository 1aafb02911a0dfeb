"""Quality of experience in figures: of all viewers, of each profile, of each variant.

Rules (CTA-2066 and Conviva where named; docs/reference/summary.md has the definitions for a reader):

- A ratio is a quotient of sums over all viewers, never a mean of ratios; without anything to divide by it is None.
- Video start failures and exits before video start are shares of the sessions that had the chance: those that the end
  of the run cut off before they played are counted apart.
"""

from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from hls_swarm.stats.groups import Experienced, GroupTally
from hls_swarm.stats.histogram import Distribution
from hls_swarm.stats.tally import Tally


@dataclass(frozen=True)
class GroupFigures:
    """The experience of some viewers.

    Args:
        watched_share: of the watched time of all groups of its sort.
        stalled_time_ratio: stalled / watched time (CTA-2066).
        rebuffering_ratio: stalled / (playing + stalled) time (Conviva).
        stalls_per_minute: of watched time.
        failure_ratio: sessions with a fatal error / sessions (CTA-2066).
        average_bitrate_bps: declared bitrate x media time / media time, of the segments fetched (CTA-2066).
        restart: seek to playing.
    """

    name: str
    started: int
    played: int
    failed: int
    stalls: int
    watched_seconds: float
    watched_share: float | None
    stalled_time_ratio: float | None
    rebuffering_ratio: float | None
    stalls_per_minute: float | None
    failure_ratio: float | None
    average_bitrate_bps: float | None
    startup: Distribution | None
    stall: Distribution | None
    restart: Distribution | None
    live_latency: Distribution | None
    edge_latency: Distribution | None


@dataclass(frozen=True)
class Quality:
    """What is known of the viewers' experience beside the basic figures.

    Args:
        whole: of all viewers.
        start_failure_ratio: video start failures: sessions that ended with a fatal error before the first frame.
        exit_before_start_ratio: sessions that ended otherwise before it.
        unstarted_at_end: sessions that the end of the run cut off before it.
        switches_up, switches_down: changes of variant by viewers that adapt.
        switches_per_minute: of watched time.
        reversals: changes against the direction of the one before, soon after it.
        abandoned_segments, abandoned_bytes: given up for a lower variant's, and what had come of them.
        staleness: how long stale playlists had not changed when they did.
    """

    whole: GroupFigures
    profiles: tuple[GroupFigures, ...]
    variants: tuple[GroupFigures, ...]
    start_failure_ratio: float | None
    exit_before_start_ratio: float | None
    unstarted_at_end: int
    left: int
    failovers: int
    switches_up: int
    switches_down: int
    switches_per_minute: float | None
    reversals: int
    abandoned_segments: int
    abandoned_bytes: int
    seeks: int
    pauses: int
    gap_segments: int
    unavailable_segments: int
    mutated_segments: int
    sequence_resets: int
    older_playlists: int
    date_jumps: int
    stale_playlists: int
    staleness: Distribution | None


def quality(tally: Tally, at: float) -> Quality:
    """All figures at the instant `at`."""
    attempts = tally.started - tally.unstarted_at_end
    return Quality(
        whole=group_figures("all", tally, at),
        profiles=_groups(tally.profiles, at),
        variants=_groups(tally.variants, at),
        start_failure_ratio=_ratio(tally.start_failures, attempts),
        exit_before_start_ratio=_ratio(tally.exits_before_start, attempts),
        unstarted_at_end=tally.unstarted_at_end,
        left=tally.left,
        failovers=tally.failovers,
        switches_up=tally.switches_up,
        switches_down=tally.switches_down,
        switches_per_minute=_ratio(60 * (tally.switches_up + tally.switches_down), tally.watching.seconds(at)),
        reversals=tally.reversals,
        abandoned_segments=tally.abandoned_segments,
        abandoned_bytes=tally.abandoned_bytes,
        seeks=tally.seeks,
        pauses=tally.pauses,
        gap_segments=tally.gap_segments,
        unavailable_segments=tally.unavailable_segments,
        mutated_segments=tally.mutated_segments,
        sequence_resets=tally.sequence_resets,
        older_playlists=tally.older_playlists,
        date_jumps=tally.date_jumps,
        stale_playlists=tally.stale_playlists,
        staleness=tally.staleness.distribution(),
    )


def group_figures(name: str, group: Experienced, at: float, all_seconds: float | None = None) -> GroupFigures:
    """The figures of one tally at the instant `at`; `all_seconds` is the watched time of all groups of its sort."""
    stalled, playing, watched = group.stalled.seconds(at), group.playing.seconds(at), group.watching.seconds(at)
    return GroupFigures(
        name=name,
        started=group.started,
        played=group.played,
        failed=group.failed,
        stalls=group.stalls,
        watched_seconds=watched,
        watched_share=None if all_seconds is None else _ratio(watched, all_seconds),
        stalled_time_ratio=_ratio(stalled, watched),
        rebuffering_ratio=_ratio(stalled, playing + stalled),
        stalls_per_minute=_ratio(60 * group.stalls, watched),
        failure_ratio=_ratio(group.failed, group.started),
        average_bitrate_bps=_ratio(group.media_bits, group.media_seconds),
        startup=group.startup.distribution(),
        stall=group.stall.distribution(),
        restart=group.restart.distribution(),
        live_latency=group.live_latency.distribution(),
        edge_latency=group.edge_latency.distribution(),
    )


def json_object(figures: Quality) -> dict[str, Any]:
    """For the summary; the whole's figures are beside the others there, and no name is repeated."""
    out = {name: value for name, value in asdict(figures).items() if name not in {"whole", "profiles", "variants"}}
    out["staleness_seconds"] = _distribution(out.pop("staleness"))
    whole = _group(figures.whole)
    for name in ("restart_seconds", "stalled_time_ratio", "stalls_per_minute", "failure_ratio", "average_bitrate_bps"):
        out[name] = whole[name]
    out["profiles"] = {group.name: _group(group) for group in figures.profiles}
    out["variants"] = {group.name: _group(group) for group in figures.variants}
    return out


_DISTRIBUTIONS = ("startup", "stall", "restart", "live_latency", "edge_latency")


def _group(figures: GroupFigures) -> dict[str, Any]:
    out = {name: getattr(figures, name) for name in figures.__dataclass_fields__ if name != "name"}
    for name in _DISTRIBUTIONS:
        out[f"{name}_seconds"] = _distribution(out.pop(name))
    return out


def _distribution(distribution: Distribution | None) -> Any:
    return None if distribution is None else msgspec.to_builtins(distribution)


def _groups(groups: dict[str, GroupTally], at: float) -> tuple[GroupFigures, ...]:
    whole = sum(group.watching.seconds(at) for group in groups.values())
    return tuple(group_figures(name, group, at, whole) for name, group in sorted(groups.items()))


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
