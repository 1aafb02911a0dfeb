"""The viewers' experience: startup, stalls, latency behind live, room to spare, what they watch."""

from collections.abc import Mapping

from hls_swarm.snapshot import units
from hls_swarm.snapshot.lately import Lately
from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.snapshot.viewers.lowlatency import FAULT_NAMES, LowLatencyFigures
from hls_swarm.snapshot.viewers.quality import GroupFigures, Quality
from hls_swarm.stats.histogram import Distribution
from hls_swarm.views.tui import compared
from hls_swarm.views.tui.lines import Line, Part, fitting, flow, line, table
from hls_swarm.views.tui.panel import Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import LABEL, STRONG, WARN

_LABEL_WIDTH = 15
_BITS = 8


_NOTHING = Lately(0.0, {}, None, None, None, None, 0, 0.0, None)


class ExperiencePanel(Panel):
    """What the viewers live through."""

    def __init__(self) -> None:
        super().__init__("experience", "Experience")

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """One line a measure: the last seconds, then the whole run."""
        e, now = picture.snapshot.experience, picture.snapshot.lately or _NOTHING
        rows = [_row("startup", now.startup, e.startup)]
        if e.live_latency is not None or e.edge_latency is None:
            rows.append(_row("live latency", now.live_latency, e.live_latency))
        if e.edge_latency is not None and (detail is not Detail.COMPACT or e.live_latency is None):
            rows.append(_row("edge latency", now.edge_latency, e.edge_latency))
        if detail is Detail.FULL:
            rows.append(_row("stall length", None, e.stall))
        if detail is not Detail.COMPACT:
            shares = compared.cells(now.relative_download, e.relative_download, units.ratio, 1.0)
            rows.append([("download time", LABEL), *shares])
        lines = [
            *_stalls(picture.snapshot, width),
            *fitting([compared.head(""), *rows], "<" + compared.ALIGNMENT, width, compared.DROPPABLE),
        ]
        if detail is Detail.COMPACT:
            low_latency = picture.snapshot.low_latency
            return lines if low_latency is None else [*lines, *_flow("low latency", _in_short(low_latency), width)]
        if picture.snapshot.low_latency is not None:
            lines += _flow("low latency", _low_latency(picture.snapshot.low_latency), width)
        lines += _flow("bitrates", _bitrates(e.bitrates), width)
        if detail is Detail.FULL and e.quality is not None:
            lines += _quality(e.quality, width)
        return lines


def _row(name: str, now: Distribution | None, run: Distribution | None) -> list[Part]:
    return [(name, LABEL), *compared.cells(now, run, units.seconds)]


def _stalls(snapshot: Snapshot, width: int) -> list[Line]:
    e, lately, stalled_now = snapshot.experience, snapshot.lately, snapshot.viewers.stalled
    stalls = [line((units.count(stalled_now), WARN if stalled_now else STRONG), " now")]
    rebuffering = [line((f"rebuffering {units.ratio(e.rebuffering_ratio)}", ""), " of the run")]
    if lately is not None:
        stalls.append(line((f"{units.count(lately.stalls)} in 10 s", WARN if lately.stalls else "")))
        ratio = lately.rebuffering_ratio
        rebuffering.insert(0, line((f"rebuffering {units.ratio(ratio)}", WARN if ratio else STRONG), " of 10 s"))
    stalls += [line(f"{units.count(e.stalls)} in all"), line(f"{units.seconds(e.stalled_seconds)} stalled")]
    stalls += rebuffering
    if e.expired_segments:
        stalls.append(line((f"{units.count(e.expired_segments)} segments gone before fetched", WARN)))
    return _flow("stalls", stalls, width)


def _in_short(figures: LowLatencyFigures) -> list[Line]:
    """What of it fits one line: how long the server held, and how old parts come."""
    out = []
    for name, found in (("held P50 ", figures.blocked), ("part age P50 ", figures.part_age)):
        if found is not None:
            out.append(line((name, LABEL), units.seconds(found.p50), (" P95 ", LABEL), units.seconds(found.p95)))
    return out or [line(f"{units.count(figures.parts)} parts")]


def _low_latency(figures: LowLatencyFigures) -> list[Line]:
    """What the server held, what came by parts, what went wrong."""
    blocked, age = figures.blocked, figures.part_age
    out = [line(f"{units.count(figures.blocking_reloads)} reloads held")]
    if blocked is not None:
        out.append(line(("P50 ", LABEL), units.seconds(blocked.p50), (" P95 ", LABEL), units.seconds(blocked.p95)))
    out.append(line(f"{units.count(figures.parts)} parts"))
    if age is not None:
        out.append(line(("age P50 ", LABEL), units.seconds(age.p50), (" P95 ", LABEL), units.seconds(age.p95)))
    if figures.hinted_requests:
        out.append(line(f"{units.count(figures.hints_met)} of {units.count(figures.hinted_requests)} hints met"))
    return out + [line((f"{FAULT_NAMES[fault.kind]} {units.count(fault.count)}", WARN)) for fault in figures.faults]


def _flow(label: str, figures: list[Line], width: int) -> list[Line]:
    return flow((label, LABEL), figures, width, _LABEL_WIDTH)


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
        *_changes(q),
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


def _changes(q: Quality) -> list[Line]:
    """How viewers that adapt changed their variants; nothing of others."""
    if not q.switches_up + q.switches_down:
        return []
    per_minute = "-" if q.switches_per_minute is None else f"{q.switches_per_minute:.1f}"
    given_up = f"{units.count(q.abandoned_segments)} ({units.size(q.abandoned_bytes)})"
    return [
        line(("variants up ", LABEL), units.count(q.switches_up)),
        line(("down ", LABEL), units.count(q.switches_down)),
        line(("a viewer's minute ", LABEL), per_minute),
        line(("back and forth ", LABEL), units.count(q.reversals)),
        line(("segments given up ", LABEL), given_up),
    ]


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
