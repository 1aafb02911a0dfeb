"""Which charts a report may have, in the order of its story: viewers, latencies, errors, throughput, origin, generator.

A plan says which columns of the timeline a chart draws, and what they mean for somebody who sees the word for the first
time. Every signal of the origin that a person looks at has a plan, a line a target.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.settings.own_signals import OWN_PREFIX
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.origin.signals import SIGNALS, signal_info
from hls_swarm.snapshot.viewers.lowlatency import FAULT_NAMES
from hls_swarm.views.signals import DETAILS, GROUP_NAMES, full_name

VIEWERS, LATENCIES, ERRORS = "Viewers and their experience", "Latencies", "Errors"
THROUGHPUT, GENERATOR = "Throughput", "Generator"
_ORIGIN = "Origin: "

ANSWERS, FAILURES, SHARES = "answers_per_second", "errors_per_second", "viewers_share"
"""What columns that are made of others begin with; see `series`."""


class Drawing(StrEnum):
    """How a chart's lines are drawn."""

    LINES = "lines"
    STACKED = "stacked"  # areas on each other


@dataclass(frozen=True)
class ChartPlan:
    """One chart, before its points.

    Args:
        lines: name of the line and column of the timeline.
        hint: what is drawn, and which way is good, in plain words.
    """

    section: str
    title: str
    unit: Unit
    lines: Sequence[tuple[str, str]]
    hint: str = ""
    drawing: Drawing = Drawing.LINES

    @property
    def is_of_origin(self) -> bool:
        """Whether it draws what the origin says of itself."""
        return self.section.startswith(_ORIGIN)


def _percentiles(section: str, title: str, metric: str, hint: str) -> ChartPlan:
    lines = [(name, f"{metric}_{name.lower()}") for name in ("P50", "P95", "P99")]
    return ChartPlan(section, title, Unit.SECONDS, lines, hint)


_BEFORE_ORIGIN = (
    ChartPlan(
        VIEWERS,
        "Viewers",
        Unit.COUNT,
        (("running", "viewers_active"), ("playing", "viewers_playing"), ("stalled", "viewers_stalled")),
        "Playing should follow running; stalled viewers wait for media with an empty buffer.",
    ),
    ChartPlan(
        VIEWERS,
        "Rebuffering",
        Unit.RATIO,
        (("stalled time", "rebuffering_ratio"),),
        "Share of the time that viewers wait in the middle of playback. Good is next to nothing.",
    ),
    ChartPlan(VIEWERS, "Stalls", Unit.PER_SECOND, (("began", "stalls_per_second"),), "Pictures that froze."),
    _percentiles(VIEWERS, "Startup", "startup_seconds", "From the wish to watch to the first picture."),
    ChartPlan(
        VIEWERS,
        "Latency to live",
        Unit.SECONDS,
        (
            ("live P50", "live_latency_seconds_p50"),
            ("live P95", "live_latency_seconds_p95"),
            ("edge P50", "edge_latency_seconds_p50"),
            ("edge P95", "edge_latency_seconds_p95"),
        ),
        "How far viewers are behind: live, behind the camera's clock; edge, behind the newest media listed.",
    ),
    ChartPlan(
        VIEWERS,
        "Part age",
        Unit.SECONDS,
        (("P50", "part_age_seconds_p50"), ("P95", "part_age_seconds_p95")),
        "How long after its end, by the stream's dates, a part arrives. Good is next to nothing.",
    ),
    ChartPlan(
        LATENCIES,
        "Blocked",
        Unit.SECONDS,
        (("P50", "blocked_seconds_p50"), ("P95", "blocked_seconds_p95")),
        "How long servers held blocking reloads and hinted parts. Good is about the duration of a part.",
    ),
    ChartPlan(
        VIEWERS,
        "Bitrate",
        Unit.BYTES_PER_SECOND,
        (("of the media fetched", "bitrate_bytes_per_second"),),
        "Declared bitrate of what viewers watch: it falls when players choose a lower quality.",
    ),
    ChartPlan(
        VIEWERS,
        "Changes of variant",
        Unit.PER_SECOND,
        (("up", "variant_switches_up_per_second"), ("down", "variant_switches_down_per_second")),
        "Viewers that adapt go up and down with their links; many of both at once are viewers that can not settle.",
    ),
    _percentiles(
        LATENCIES,
        "Segment download",
        "segment_download_seconds",
        "From asking for a segment to its last byte. Viewers stall when it takes longer than the segment plays.",
    ),
    _percentiles(
        LATENCIES, "Segment first byte", "segment_ttfb_seconds", "From the request to the first byte of the answer."
    ),
    _percentiles(
        LATENCIES,
        "Part download",
        "part_download_seconds",
        "From asking for a part that is there to its last byte; the wait for one that is not is under Blocked.",
    ),
    _percentiles(
        LATENCIES, "Media playlist download", "media_playlist_download_seconds", "Late playlists make late viewers."
    ),
    ChartPlan(
        ERRORS,
        "Failed requests",
        Unit.RATIO,
        (("of the requests that ended", "errors_rate"),),
        "Share of requests that brought no usable answer.",
    ),
    ChartPlan(
        ERRORS,
        "Errors by blame",
        Unit.PER_SECOND,
        (("origin's", "errors_origin_per_second"), ("generator's", "errors_generator_per_second")),
        "Whose fault a failure is: the origin's, or that of the machine that makes the load.",
    ),
    ChartPlan(
        ERRORS,
        "At the live edge",
        Unit.PER_SECOND,
        [(name, f"edge_{kind.value}_per_second") for kind, name in FAULT_NAMES.items()],
        "What servers of low-latency streams do wrong, of which a status need say nothing.",
    ),
    ChartPlan(THROUGHPUT, "Throughput", Unit.BYTES_PER_SECOND, (("received", "throughput_bytes_per_second"),)),
    ChartPlan(
        THROUGHPUT,
        "Requests",
        Unit.PER_SECOND,
        (
            ("segments", "segment_requests_per_second"),
            ("parts", "part_requests_per_second"),
            ("media playlists", "media_playlist_requests_per_second"),
        ),
    ),
)
_AFTER_ORIGIN = (
    ChartPlan(
        GENERATOR,
        "CPU of the busiest worker",
        Unit.PERCENT,
        (("of a core", "generator_cpu_percent"),),
        "Near 100% this machine is the limit, not the origin.",
    ),
    ChartPlan(
        GENERATOR,
        "Delay of its own",
        Unit.SECONDS,
        (("event loop P99", "loop_lag_seconds_p99"), ("requests P99", "lateness_seconds_p99")),
        "How late this program was itself. Good is a few milliseconds.",
    ),
    ChartPlan(
        GENERATOR,
        "Its machine",
        Unit.PERCENT,
        (("CPU of all cores", "machine_cpu_percent"), ("network link", "machine_link_percent")),
        "All programs of this machine together.",
    ),
    ChartPlan(GENERATOR, "Memory", Unit.BYTES, (("all workers", "generator_resident_bytes"),)),
)


def plans(columns: AbstractSet[str]) -> list[ChartPlan]:
    """Every plan, those with no column that is known too; of the origin, only what it told."""
    return [*_with_parts(columns), *_origin_plans(columns), *_AFTER_ORIGIN, *_agent_plans(columns)]


def known(plan: ChartPlan, columns: AbstractSet[str]) -> ChartPlan:
    """The plan without the lines that no row knows."""
    lines = [line for line in plan.lines if line[1] in columns]
    return ChartPlan(plan.section, plan.title, plan.unit, lines, plan.hint, plan.drawing)


def _with_parts(columns: AbstractSet[str]) -> list[ChartPlan]:
    """The viewers' plans, each section with what is of parts of the run at its end."""
    answers = ChartPlan(
        ERRORS, "Answers by status", Unit.PER_SECOND, _parts(ANSWERS, columns), "HTTP status of every answer."
    )
    failures = ChartPlan(
        ERRORS,
        "Errors by kind",
        Unit.PER_SECOND,
        _parts(FAILURES, columns),
        "What failed and how; without an answer there is no status.",
    )
    shares = ChartPlan(
        VIEWERS,
        "Viewers by variant",
        Unit.RATIO,
        _parts(SHARES, columns),
        "Which share of the viewers watches which quality.",
        Drawing.STACKED,
    )
    out = list(_BEFORE_ORIGIN)
    for plan in (shares, failures, answers):
        if plan.lines:
            last = max(at for at, each in enumerate(out) if each.section == plan.section)
            out.insert(last + 1, plan)
    return out


def _parts(prefix: str, columns: AbstractSet[str]) -> list[tuple[str, str]]:
    """A line for each part, in the order of their names: numbers first, what is left over last."""
    found = sorted(column.partition("@")[2] for column in columns if column.startswith(f"{prefix}@"))
    found.sort(key=lambda part: part == "others")
    return [(part.replace("_", " "), f"{prefix}@{part}") for part in found]


def _origin_plans(columns: AbstractSet[str]) -> list[ChartPlan]:
    of_origin = {column for column in columns if column.startswith(ORIGIN_PREFIX) and "@" in column}
    targets = sorted({column.partition("@")[2] for column in of_origin})
    own = sorted({name for column in of_origin if (name := _signal_of(column)).startswith(OWN_PREFIX)})
    out = []
    for name in (*SIGNALS, *own):
        signal = signal_info(name)
        if signal is None or name in DETAILS:
            continue
        lines = [(target, f"{ORIGIN_PREFIX}{name}@{target}") for target in targets]
        section = f"{_ORIGIN}{GROUP_NAMES[signal.group]}"
        plan = known(ChartPlan(section, full_name(signal), signal.unit, lines, f"{signal.help}."), columns)
        if plan.lines:
            out.append(plan)
    return out


_OF_AGENTS: tuple[tuple[str, str, Unit, str], ...] = (
    ("Viewers by agent", "agent_viewers", Unit.COUNT, "Which load machine carries how many."),
    ("Processor by agent", "agent_cpu_percent", Unit.PERCENT, "All programs of each load machine together."),
    ("Link by agent", "agent_link_percent", Unit.PERCENT, "Near 100% that machine is the limit, not the origin."),
    ("Delay by agent", "agent_loop_lag_seconds_p99", Unit.SECONDS, "How late each was itself (event loop P99)."),
    ("Silence by agent", "agent_poll_age_seconds", Unit.SECONDS, "Since each was heard last: good is below 1 s."),
)


def _agent_plans(columns: AbstractSet[str]) -> list[ChartPlan]:
    """A line for each load machine, where there are several."""
    made = [ChartPlan(GENERATOR, title, unit, _parts(name, columns), hint) for title, name, unit, hint in _OF_AGENTS]
    return [plan for plan in made if plan.lines]


def _signal_of(column: str) -> str:
    return column.partition("@")[0].removeprefix(ORIGIN_PREFIX)
