"""What a page says in words and figures: tiles, findings, groups of viewers, events, settings, the words themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hls_swarm.judge.report import Report
from hls_swarm.records import EdgeFault
from hls_swarm.snapshot import units
from hls_swarm.snapshot.viewers.lowlatency import FAULT_WORDS
from hls_swarm.views.findings import LEADING, blame, when
from hls_swarm.views.html.annotations import wall_start
from hls_swarm.views.html.charts import Charts
from hls_swarm.views.tables import Table

MOST_EVENTS = 500
MOST_EVIDENCE = 4


@dataclass(frozen=True)
class Tile:
    """A figure that decides, large.

    Args:
        place: anchor of the chart that shows it over time; None if there is none.
    """

    name: str
    value: str
    words: str
    place: str | None


@dataclass(frozen=True)
class FindingCard:
    """One finding as the page shows it.

    Args:
        when, clock: the time of the run, and the wall clock at its beginning.
        evidence: the figures that it stands on, in words.
    """

    number: int
    severity: str
    blame: str
    when: str
    clock: str
    what: str
    evidence: Sequence[str]
    next_step: str


WORDS: Sequence[tuple[str, str]] = (
    ("P50, P95, P99", "Half, 95% and 99% of the values are at most this much. P95 is what an unlucky viewer sees."),
    (
        "First byte, download",
        "Until the answer begins, and until its last byte. Good is far below a segment's duration.",
    ),
    ("Startup", "From the wish to watch to the first picture. Good is under 2 seconds."),
    (
        "Stall, rebuffering",
        "A picture that freezes for want of media, and the share of time lost so. Good is under 1%.",
    ),
    ("Live latency", "How far a viewer is behind the camera, by the dates in the playlist. A matter of the player."),
    ("Edge latency", "How far a viewer is behind the newest media that the playlist lists. It grows with each stall."),
    ("Blame", "Who caused a failure: the origin, or the generator, the machine that makes the load."),
    (
        "Blocked, part age",
        (
            "Of low-latency streams: how long servers held requests for what was not there yet, good is about a part; "
            "and how long after its end a part arrived, good is next to nothing."
        ),
    ),
    (
        "Lateness, late starts",
        "How late the generator itself was. Above some 100 ms its figures say nothing of the origin.",
    ),
    ("Loop lag", "How long the generator's event loop was busy with something else. Good is a few milliseconds."),
    (
        "Steady state",
        "The part of the run after all viewers had started: what is judged unless a threshold says otherwise.",
    ),
)


def tiles(summary: Mapping[str, Any], charts: Charts) -> list[Tile]:
    """The figures that decide."""
    experience, viewers = summary.get("experience", {}), summary.get("viewers", {})
    latency = summary.get("latency_seconds", {})
    media = "Part" if "part" in latency and "segment" not in latency else "Segment"
    download = latency.get(media.lower(), {}).get("download", {})
    startup = experience.get("startup_seconds", {})
    failures = sum(error["count"] for error in summary.get("errors", []))
    requests = sum(summary.get("requests", {}).values())
    throughput = summary.get("throughput_bytes_per_second", {})
    stalls = units.count(experience.get("stalls"))
    return [
        Tile(
            "Viewers played",
            units.count(viewers.get("played")),
            f"of {units.count(viewers.get('started'))} started",
            charts.place("Viewers"),
        ),
        Tile("Errors", units.count(failures), f"of {units.count(requests)} requests", charts.place("Failed requests")),
        Tile(
            "Rebuffering",
            units.ratio(experience.get("rebuffering_ratio")),
            f"{stalls} {'stall' if stalls == '1' else 'stalls'}",
            charts.place("Rebuffering"),
        ),
        Tile(
            f"{media} P95",
            units.seconds(download.get("p95")),
            f"P99 {units.seconds(download.get('p99'))}",
            charts.place(f"{media} download"),
        ),
        Tile(
            "Startup P95",
            units.seconds(startup.get("p95")),
            f"median {units.seconds(startup.get('p50'))}",
            charts.place("Startup"),
        ),
        Tile(
            "Throughput",
            units.bit_rate(throughput.get("mean")),
            f"peak {units.bit_rate(throughput.get('peak_1s'))}",
            charts.place("Throughput"),
        ),
    ]


def finding_cards(report: Report) -> tuple[Sequence[FindingCard], Sequence[FindingCard]]:
    """The findings that lead, the worst first, and the rest."""
    start = wall_start(report)
    cards = [
        FindingCard(
            number=number,
            severity=str(finding["severity"]),
            blame=blame(finding),
            when=when(finding),
            clock=_wall(start, finding["intervals"][0]["from_seconds"]),
            what=str(finding["what"]),
            evidence=[str(each["text"]) for each in finding.get("evidence", [])[:MOST_EVIDENCE]],
            next_step=str(finding["next_step"]),
        )
        for number, finding in enumerate(report.summary.get("findings", []), 1)
    ]
    return cards[:LEADING], cards[LEADING:]


def group_tables(summary: Mapping[str, Any]) -> list[Table]:
    """What the viewers of each variant, and of each profile, lived through.

    A viewer that changes its variant has watched several, and began to play in one.
    """
    experience = summary.get("experience", {})
    return [
        _groups("Variants", ("Variant", "Watched by", "Time", "Began there"), experience.get("variants", {})),
        _groups("Profiles", ("Profile", "Viewers", "Time", "Played"), experience.get("profiles", {})),
    ]


def low_latency_table(summary: Mapping[str, Any]) -> Table:
    """What play by parts cost and brought; without rows where no server was asked to wait."""
    found = summary.get("low_latency")
    if found is None:
        return Table("Low latency", ("", ""), [])
    blocked, age = found.get("blocked_seconds", {}), found.get("part_age_seconds", {})
    rows = [
        ("Viewers by parts", units.count(found["viewers"])),
        ("Playlist requests held", units.count(found["blocking_reloads"])),
        ("Blocked", f"P50 {units.seconds(blocked.get('p50'))}, P95 {units.seconds(blocked.get('p95'))}"),
        ("Parts", units.count(found["parts"])),
        ("Part age", f"P50 {units.seconds(age.get('p50'))}, P95 {units.seconds(age.get('p95'))}"),
        ("Hinted parts", f"{units.count(found['hints_met'])} of {units.count(found['hinted_requests'])} came"),
        *((FAULT_WORDS[EdgeFault(fault["kind"])], units.count(fault["count"])) for fault in found["faults"]),
    ]
    return Table("Low latency", ("", ""), rows)


def _groups(title: str, first: tuple[str, str, str, str], groups: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = []
    for name, group in groups.items():
        startup, bitrate = group.get("startup_seconds", {}), group.get("average_bitrate_bps")
        rows.append(
            (
                name,
                units.count(group.get("started")),
                units.ratio(group.get("watched_share")),
                units.count(group.get("played")),
                units.count(group.get("failed")),
                units.count(group.get("stalls")),
                units.ratio(group.get("stalled_time_ratio")),
                units.bit_rate(None if bitrate is None else bitrate / 8),
                units.seconds(startup.get("p50")),
                units.seconds(startup.get("p95")),
                units.seconds(group.get("live_latency_seconds", {}).get("p50")),
            )
        )
    columns = (
        *first, "Failed", "Stalls", "Stalled time", "Bitrate",
        "Startup P50", "Startup P95", "Live latency P50",
    )  # fmt: skip
    return Table(title, columns, rows)


def events(report: Report) -> Table:
    """What happened, in the order of time."""
    start = wall_start(report)
    shown = report.events[:MOST_EVENTS]
    rows = [
        (
            units.clock(event.elapsed_seconds),
            _wall(start, event.elapsed_seconds),
            event.kind.value.replace("_", " "),
            event.text,
        )
        for event in shown
    ]
    if len(report.events) > MOST_EVENTS:
        rows.append(("", "", "", f"and {len(report.events) - MOST_EVENTS} more in events.jsonl"))
    return Table("Events", ("At", "UTC", "What", ""), rows, figures=False)


def settings(report: Report) -> Table:
    """What was asked for, by what, on what."""
    facts = report.facts
    machine = facts["machine"]
    rows = [
        ("Command", str(facts["command"])),
        ("Started", str(facts["started_at"])),
        *((f"{name}", str(version)) for name, version in facts["versions"].items()),
        (
            "Generator",
            (
                f"{machine.get('host', '')}, {machine.get('system', '')} {machine.get('architecture', '')}, "
                f"{machine.get('cores', '-')} cores, {units.size(machine.get('memory_bytes'))}"
            ),
        ),
        *(
            (f"--{name.replace('_', '-')}", text)
            for name, value in facts["settings"].items()
            if (text := _setting(value))
        ),
    ]
    return Table("Settings", ("", ""), rows, figures=False)


def _setting(value: object) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _wall(start: float | None, elapsed_seconds: float) -> str:
    """The wall clock of an instant of the run."""
    return units.UNKNOWN if start is None else datetime.fromtimestamp(start + elapsed_seconds, UTC).strftime("%H:%M:%S")
