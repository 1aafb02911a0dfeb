"""What a dashboard elsewhere shows of a run: queries over the endpoint's families, as data (pure).

Rules:

- A query names families through `family_name`, which knows only those that there are: none can be mistyped or gone.
- The origin's panels are made of the table of signals, one for each group and unit: a new signal shows by itself.
- Every query is of the runs that the viewer of the dashboard chose: `{job=~"$job", instance=~"$instance"}`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.snapshot.origin.metrics import SignalInfo, Unit
from hls_swarm.snapshot.origin.signals import SIGNALS
from hls_swarm.views.prometheus.collector import FAMILIES, FamilyType
from hls_swarm.views.signals import GROUP_NAMES

CHOSEN = 'job=~"$job", instance=~"$instance"'
_BY_NAME = {family.name: family for family in FAMILIES}
_GRAFANA_UNITS = {
    Unit.PERCENT: "percent",
    Unit.BYTES: "bytes",
    Unit.BYTES_PER_SECOND: "Bps",
    Unit.PER_SECOND: "cps",
    Unit.SECONDS: "s",
    Unit.COUNT: "short",
    Unit.RATIO: "percentunit",
    Unit.MULTIPLE: "short",
}


@dataclass(frozen=True)
class Query:
    """One line of a panel.

    Args:
        expression: in PromQL, with the dashboard's variables.
        legend: what the line is called, with the series' labels in double braces.
    """

    expression: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """One chart.

    Args:
        unit: by Grafana's name.
        always: whether every run of native viewers that play a live stream has it.
    """

    title: str
    unit: str
    queries: tuple[Query, ...]
    help: str = ""
    always: bool = True


@dataclass(frozen=True)
class Row:
    """Charts under one heading."""

    title: str
    panels: tuple[Panel, ...]


def family_name(name: str, kind: FamilyType) -> str:
    """A family as a query names it.

    Raises:
        KeyError: there is no such family.
        ValueError: it is of another type.
    """
    family = _BY_NAME[name]
    if family.type is not kind:
        raise ValueError(f"{name} is a {family.type.value}, not a {kind.value}")
    return family.full_name


def gauge(name: str, more: str = "") -> str:
    """The series of a gauge."""
    return f"{family_name(name, FamilyType.GAUGE)}{{{_selected(more)}}}"


def rate(name: str, more: str = "") -> str:
    """How fast a counter rises."""
    return f"rate({family_name(name, FamilyType.COUNTER)}{{{_selected(more)}}}[$__rate_interval])"


def quantile(share: float, name: str, more: str = "", *, native: bool = False) -> str:
    """A quantile of what a histogram counted lately.

    Args:
        native: of a native histogram; else of the buckets of a classic one.
    """
    family = family_name(name, FamilyType.HISTOGRAM)
    if native:
        return f"histogram_quantile({share:g}, sum(rate({family}{{{_selected(more)}}}[$__rate_interval])))"
    return f"histogram_quantile({share:g}, sum by (le) (rate({family}_bucket{{{_selected(more)}}}[$__rate_interval])))"


def _selected(more: str) -> str:
    return f"{CHOSEN}, {more}" if more else CHOSEN


STALLED_SHARE = f"sum({rate('stalled_seconds')}) / (sum({rate('stalled_seconds')}) + sum({rate('playing_seconds')}))"
ERROR_SHARE = f"(sum({rate('errors')}) or vector(0)) / sum({rate('requests')})"
"""A kind of error has no series before the first of it."""


def _origin_panels() -> Iterator[Panel]:
    ordered = sorted(SIGNALS.values(), key=lambda signal: (list(GROUP_NAMES).index(signal.group), signal.unit.value))
    for (group, unit), signals in groupby(ordered, key=lambda signal: (signal.group, signal.unit)):
        what = unit.value.replace("_", " ")
        queries = tuple(map(_signal_query, signals))
        yield Panel(f"{GROUP_NAMES[group]}, {what}", _GRAFANA_UNITS[unit], queries, always=False)


def _signal_query(signal: SignalInfo) -> Query:
    words = signal.name.removesuffix(f"_{signal.unit.value}").replace("_", " ")
    return Query(gauge(f"{ORIGIN_PREFIX}{signal.name}", 'target=~"$target"'), f"{{{{target}}}} {words}")


def rows(*, native: bool = False) -> tuple[Row, ...]:
    """The whole dashboard.

    Args:
        native: of native histograms; else of classic ones.
    """

    def quantiles(name: str, more: str = "") -> tuple[Query, ...]:
        return tuple(
            Query(quantile(share, name, more, native=native), f"P{100 * share:g}") for share in (0.5, 0.95, 0.99)
        )

    def of_segment(name: str) -> tuple[Query, ...]:
        return quantiles(name, 'object="segment"')

    return (
        Row(
            "Viewers",
            (
                Panel(
                    "Viewers",
                    "short",
                    (
                        Query(f"sum({gauge('target_clients')})", "wanted"),
                        Query(f"sum({gauge('active_clients')})", "running"),
                        Query(f"sum({gauge('playing_clients')})", "playing"),
                        Query(f"sum({gauge('stalled_clients')})", "stalled"),
                        Query(f"sum({gauge('starting_clients')})", "starting"),
                    ),
                ),
                Panel("Rebuffering", "percentunit", (Query(STALLED_SHARE, "stalled of watched time"),)),
                Panel("Failed requests", "percentunit", (Query(ERROR_SHARE, "of all requests"),)),
                Panel("Startup", "s", quantiles("startup_seconds"), "From the request to play to the first picture."),
                Panel("Stalls", "cps", (Query(f"sum({rate('stalls')})", "stalls"),)),
                Panel(
                    "Live latency", "s", quantiles("live_latency_seconds"), "Wall clock less the time at the playhead."
                ),
                Panel(
                    "Viewers that are gone",
                    "cps",
                    (Query(f"sum by (reason) ({rate('client_exits')})", "{{reason}}"),),
                ),
                Panel(
                    "Findings",
                    "bool",
                    (Query(f"max by (rule, culprit) ({gauge('finding')})", "{{rule}} ({{culprit}})"),),
                    "1 while something that was found out goes on.",
                    always=False,
                ),
            ),
        ),
        Row(
            "Traffic",
            (
                Panel("Throughput", "Bps", (Query(f"sum({gauge('throughput_bytes_per_second')})", "body bytes"),)),
                Panel("Requests", "reqps", (Query(f"sum by (object) ({rate('requests')})", "{{object}}"),)),
                Panel("Segment: time to first byte", "s", of_segment("ttfb_seconds")),
                Panel("Segment: download", "s", of_segment("download_seconds")),
                Panel("Playlist: time to first byte", "s", quantiles("ttfb_seconds", 'object="media_playlist"')),
                Panel("Connecting", "s", quantiles("connect_seconds"), "DNS, TCP and TLS of new connections."),
                Panel(
                    "Errors",
                    "cps",
                    (
                        Query(
                            f"sum by (object, kind, blame, status_code) ({rate('errors')})",
                            "{{object}} {{kind}} {{status_code}} ({{blame}})",
                        ),
                    ),
                    always=False,
                ),
                Panel(
                    "Playlists out of order",
                    "cps",
                    (
                        Query(f"sum({rate('stale_playlists')})", "stale"),
                        Query(f"sum({rate('older_playlists')})", "older copies"),
                        Query(f"sum({rate('violations')})", "against the draft"),
                        Query(f"sum({rate('expired_segments')})", "segments gone before they were fetched"),
                    ),
                ),
            ),
        ),
        Row(
            "Generator",
            (
                Panel(
                    "Bottleneck",
                    "bool",
                    (Query(f"max by (instance) ({gauge('generator_saturated')})", "{{instance}}"),),
                ),
                Panel("CPU of the machine", "percent", (Query(gauge("machine_cpu_percent"), "{{instance}}"),)),
                Panel(
                    "CPU of the workers", "percentunit", (Query(rate("worker_cpu_seconds"), "{{instance}} {{worker}}"),)
                ),
                Panel("Event loops' lag", "s", quantiles("loop_lag_seconds")),
                Panel("Requests after they were due", "s", quantiles("lateness_seconds")),
                Panel(
                    "Memory of the workers",
                    "bytes",
                    (Query(gauge("worker_resident_bytes"), "{{instance}} {{worker}}"),),
                ),
            ),
        ),
        Row("Origin", tuple(_origin_panels())),
    )


ROWS = rows()
"""The dashboard of classic histograms."""
