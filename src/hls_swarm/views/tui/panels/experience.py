"""The viewers' experience: startup, stalls, latency behind live, room to spare, what they watch."""

from collections.abc import Mapping

from hls_swarm.snapshot import units
from hls_swarm.snapshot.quality import GroupFigures, Quality
from hls_swarm.stats.histogram import Distribution
from hls_swarm.views.tui.lines import Line, Part, flow, line, table
from hls_swarm.views.tui.panels.panel import Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import LABEL, STRONG, WARN

_LABEL_WIDTH = 15
_BITS = 8


class ExperiencePanel(Panel):
    """What the viewers live through."""

    def __init__(self) -> None:
        super().__init__("experience", "Experience")

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """One line a measure."""
        e = picture.snapshot.experience
        stalled_now = picture.snapshot.viewers.stalled
        stalls = [
            line((units.count(stalled_now), WARN if stalled_now else STRONG), " now"),
            line(f"{units.count(e.stalls)} in all"),
            line(f"{units.seconds(e.stalled_seconds)} stalled"),
            line(f"rebuffering {units.ratio(e.rebuffering_ratio)}"),
        ]
        if e.expired_segments:
            stalls.append(line((f"{units.count(e.expired_segments)} segments gone before fetched", WARN)))
        rows = [
            *_flow("startup", _percentiles(e.startup), width),
            *_flow("stalls", stalls, width),
        ]
        if e.live_latency is not None or e.edge_latency is None:
            rows += _flow("live latency", _percentiles(e.live_latency), width)
        if e.edge_latency is not None and (detail is not Detail.COMPACT or e.live_latency is None):
            rows += _flow("edge latency", _percentiles(e.edge_latency), width)
        if detail is Detail.COMPACT:
            return rows
        if detail is Detail.FULL:
            rows += _flow("stall length", _percentiles(e.stall), width)
        rows += _flow("download time", _shares(e.relative_download), width)
        rows += _flow("bitrates", _bitrates(e.bitrates), width)
        if detail is Detail.FULL and e.quality is not None:
            rows += _quality(e.quality, width)
        return rows


def _flow(label: str, figures: list[Line], width: int) -> list[Line]:
    return flow((label, LABEL), figures, width, _LABEL_WIDTH)


def _percentiles(d: Distribution | None) -> list[Line]:
    if d is None:
        return [line(units.UNKNOWN)]
    return [
        line(("P50 ", LABEL), (units.seconds(d.p50), STRONG)),
        line(("P95 ", LABEL), units.seconds(d.p95)),
        line(("P99 ", LABEL), units.seconds(d.p99)),
        line(("max ", LABEL), units.seconds(d.max)),
    ]


def _shares(d: Distribution | None) -> list[Line]:
    if d is None:
        return [line(units.UNKNOWN)]
    return [
        line(("P50 ", LABEL), units.ratio(d.p50)),
        line(("P95 ", LABEL), (units.ratio(d.p95), WARN if d.p95 > 1 else "")),
        line(("P99 ", LABEL), (units.ratio(d.p99), WARN if d.p99 > 1 else "")),
        line(("of segment duration", LABEL)),
    ]


def _bitrates(bitrates: Mapping[int, int]) -> list[Line]:
    """Each variant's declared bitrate and its share of the segments fetched."""
    total = sum(bitrates.values())
    if not total:
        return [line(units.UNKNOWN)]
    return [
        line(units.bit_rate(bitrate / _BITS), (f" {units.ratio(segments / total)}", LABEL))
        for bitrate, segments in bitrates.items()
    ]


def _quality(q: Quality, width: int) -> list[Line]:
    """What went wrong of its own kind, and the experience of each profile and each variant."""
    figures = [
        line(("failed before the start ", LABEL), units.ratio(q.start_failure_ratio)),
        line(("left before it ", LABEL), units.ratio(q.exit_before_start_ratio)),
        line(("failovers ", LABEL), units.count(q.failovers)),
        line(("seeks ", LABEL), units.count(q.seeks)),
        line(("pauses ", LABEL), units.count(q.pauses)),
    ]
    playlists = [
        line(("stale ", LABEL), units.count(q.stale_playlists)),
        line(("sequence resets ", LABEL), units.count(q.sequence_resets)),
        line(("older copies ", LABEL), units.count(q.older_playlists)),
        line(("date jumps ", LABEL), units.count(q.date_jumps)),
        line(("changed segments ", LABEL), units.count(q.mutated_segments)),
        line(("gaps ", LABEL), units.count(q.gap_segments)),
        line(("unavailable segments ", LABEL), units.count(q.unavailable_segments)),
    ]
    rows = [*_flow("sessions", figures, width), *_flow("playlists", playlists, width)]
    for what, groups in (("profile", q.profiles), ("variant", q.variants)):
        if groups:
            head = [what, "viewers", "stalls", "rebuffering", "startup P50", "P95", "bitrate"]
            cells = [_group(group) for group in groups]
            rows += [(), *table([[(name, LABEL) for name in head], *cells], "<>>>>>>")]
    return rows


def _group(group: GroupFigures) -> list[Part]:
    startup, bits = group.startup, group.average_bitrate_bps
    return [
        (group.name, ""),
        (units.count(group.started), ""),
        (units.count(group.stalls), WARN if group.stalls else ""),
        (units.ratio(group.rebuffering_ratio), ""),
        (units.seconds(None if startup is None else startup.p50), ""),
        (units.seconds(None if startup is None else startup.p95), ""),
        (units.bit_rate(None if bits is None else bits / _BITS), ""),
    ]
