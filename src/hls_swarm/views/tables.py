"""A run's figures as tables of words: what the terminal, Markdown and HTML show of a report, made once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hls_swarm.capacity.plain import likely_cause
from hls_swarm.judge.comparing.compare import Comparison, Conclusion, Difference, Figures, Judgement, signal_of
from hls_swarm.judge.report import Report, Status
from hls_swarm.judge.thresholds import parse_threshold
from hls_swarm.judge.thresholds import value_text as threshold_value
from hls_swarm.snapshot import units
from hls_swarm.snapshot.origin.metrics import SignalInfo, Unit
from hls_swarm.snapshot.origin.signals import signal_info
from hls_swarm.snapshot.viewers.cmcd import CmcdFigures
from hls_swarm.snapshot.viewers.hosts import VersionFigures, versions_words
from hls_swarm.snapshot.viewers.steering import SteeringFigures
from hls_swarm.views.findings import expectation_rows, finding_rows
from hls_swarm.views.signals import DETAILS, below_text, full_name, idle_text, is_idle, value_text

_MANY_TIMES = 10


@dataclass(frozen=True)
class Table:
    """A table of texts; the first column is on the left, the others on the right where they are figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    figures: bool = True


def headline(report: Report) -> str:
    """What a person must read first."""
    summary = report.summary
    verdict = str(summary["verdict"]).upper()
    if report.status is Status.RUNNING:
        verdict = f"RUNNING, {verdict} so far"
    viewers = summary.get("viewers", {})
    most = max(viewers.get("target", 0), viewers.get("peak", 0))
    return (
        f"{verdict}: {units.played(viewers.get('played'), viewers.get('started'), most)}, "
        f"{units.seconds(summary.get('elapsed_seconds'))}"
    )


def reasons(report: Report) -> list[str]:
    """Why the verdict is what it is."""
    return [str(reason) for reason in report.summary.get("reasons", [])]


def tables(report: Report) -> list[Table]:
    """All of a report but its timeline; what is not known has no row."""
    summary = report.summary
    found = [
        findings(summary),
        None if report.capacity is not None else likeliest_cause(report),
        expectations(summary),
        thresholds(summary),
        _viewers(summary),
        _hosts(summary),
        _latency(summary),
        _errors(summary),
        _violations(summary),
        _generator(summary),
        *origin_tables(summary),
    ]
    return [table for table in found if table is not None and table.rows]


def findings(summary: Mapping[str, Any]) -> Table:
    """What happened, the worst first."""
    return Table("Findings", ("When", "What", "Blame", "Next step"), finding_rows(summary), figures=False)


def likeliest_cause(report: Report) -> Table | None:
    """What gave out first in a run that was not clean, and the evidence; None if nobody is named."""
    cause = likely_cause(report.rows)
    if cause is None or not cause.named:
        return None
    rows = [
        (
            f"{one.title} ({one.where})" if one.where else one.title,
            f"{one.confidence.value} ({one.score})",
            "; ".join([*(line.text for line in one.evidence), *(f"but {line.text}" for line in one.against)]),
            one.look_for,
        )
        for one in cause.named
    ]
    return Table("Likeliest cause", ("What", "How sure", "Evidence", "Look for"), rows, figures=False)


def expectations(summary: Mapping[str, Any]) -> Table:
    """What came of each expectation that applied."""
    return Table("Expectations", ("At most", "Of", "Value", "Verdict"), expectation_rows(summary), figures=False)


def thresholds(summary: Mapping[str, Any]) -> Table | None:
    """What came of each threshold."""
    rows = []
    for result in summary.get("thresholds", []):
        unit = parse_threshold(result["threshold"]).unit
        value = units.UNKNOWN if "value" not in result else threshold_value(result["value"], unit)
        rows.append((result["threshold"], value, result["window"], "held" if result["held"] else "crossed"))
    return Table("Thresholds", ("Threshold", "Value", "Over", "Verdict"), rows) if rows else None


def _viewers(summary: Mapping[str, Any]) -> Table:
    viewers, experience = summary.get("viewers", {}), summary.get("experience", {})
    throughput = summary.get("throughput_bytes_per_second", {})
    requests = summary.get("requests", {})
    rows = [
        (
            "Viewers",
            (
                f"{units.count(viewers.get('started'))} started, {units.count(viewers.get('played'))} played, "
                f"{units.count(viewers.get('failed'))} failed; at most {units.count(viewers.get('peak'))} at a time "
                f"of {units.count(viewers.get('target'))}"
            ),
        ),
        ("Requests", units.count(sum(requests.values()))),
        *((f"  {kind.replace('_', ' ')}", units.count(count)) for kind, count in requests.items() if count),
        ("Body bytes", units.size(sum(summary.get("body_bytes", {}).values()))),
        (
            "Throughput",
            f"{units.bit_rate(throughput.get('mean'))} mean, {units.bit_rate(throughput.get('peak_1s'))} peak",
        ),
        ("Startup", _percentiles(experience.get("startup_seconds"))),
        (
            "Stalls",
            f"{units.count(experience.get('stalls'))}, {units.seconds(experience.get('stalled_seconds'))} in all",
        ),
        ("Rebuffering", units.ratio(experience.get("rebuffering_ratio"))),
        ("Changes of variant", _changes(experience)),
        ("Live latency", _percentiles(experience.get("live_latency_seconds"))),
        ("Edge latency", _percentiles(experience.get("edge_latency_seconds"))),
        ("Steering", _steering(summary.get("steering"))),
        ("Told (CMCD)", _cmcd(summary.get("cmcd"))),
        *(("Note", remark) for remark in summary.get("remarks", [])),
    ]
    return Table("Viewers", ("", ""), [row for row in rows if row[1] != units.UNKNOWN], figures=False)


def _steering(steering: Mapping[str, Any] | None) -> str:
    if steering is None:
        return units.UNKNOWN
    return ", ".join(SteeringFigures(**steering).words)


def _cmcd(told: Mapping[str, Any] | None) -> str:
    return units.UNKNOWN if told is None else ", ".join(CmcdFigures.of_json(told).words)


def _changes(experience: Mapping[str, Any]) -> str:
    names = ("switches_up", "switches_down", "switches_per_minute", "reversals", "abandoned_segments")
    up, down, per_minute, reversals, segments = (experience.get(name) for name in names)
    return units.changes(
        up or 0, down or 0, per_minute, reversals or 0, segments or 0, experience.get("abandoned_bytes", 0)
    )


def _hosts(summary: Mapping[str, Any]) -> Table:
    rows = [
        (
            host["host"],
            units.count(host["requests"]),
            units.count(host.get("errors")),
            units.count(host["connections"]),
            _spoken(host.get("requests_by_version", {})) or units.UNKNOWN,
            ", ".join(host.get("addresses", [])),
        )
        for host in summary.get("hosts", [])
    ]
    return Table("Hosts that got load", ("Host", "Requests", "Errors", "Connections", "Protocol", "Addresses"), rows)


def _spoken(requests_by_version: Mapping[str, int]) -> str:
    return versions_words(tuple(VersionFigures(version, count, 0) for version, count in requests_by_version.items()))


def _latency(summary: Mapping[str, Any]) -> Table:
    rows = []
    for kind, parts in summary.get("latency_seconds", {}).items():
        for key, words in (("ttfb", "first byte"), ("download", "download")):
            d = parts.get(key)
            if d:
                figures = (units.seconds(d[name]) for name in ("p50", "p95", "p99", "max"))
                rows.append((f"{kind.replace('_', ' ')}, {words}", units.count(d["count"]), *figures))
    return Table("Latency", ("Of", "Count", "P50", "P95", "P99", "Max"), rows)


def _errors(summary: Mapping[str, Any]) -> Table:
    rows = [
        (
            f"{error['object'].replace('_', ' ')}, "
            + (f"HTTP {error['status']}" if "status" in error else error["kind"].replace("_", " ")),
            units.count(error["count"]),
            error["blame"],
            f"{error['detail']} {error['example_url']}",
        )
        for error in summary.get("errors", [])
    ]
    return Table("Errors", ("Of", "Count", "Blame", "Newest"), rows, figures=False)


def _violations(summary: Mapping[str, Any]) -> Table:
    """What playlists did against the draft, and were played all the same."""
    rows = []
    for found in summary.get("violations", []):
        where = found.get("example_url", "") + (f" line {found['line']}" if "line" in found else "")
        refused_by = " and ".join(found.get("refused_by", []))
        rows.append((found["reason"], found.get("rule", ""), units.count(found["count"]), refused_by, where))
    columns = ("What", "Section", "Loads", "Refused by", "For example")
    return Table("Violations of the draft (played all the same)", columns, rows, figures=False)


def _generator(summary: Mapping[str, Any]) -> Table:
    generator = summary.get("generator", {})
    trouble = generator.get("trouble", [])
    rows = [
        ("Bottleneck", "; ".join(trouble) if trouble else "no: the generator kept up"),
        ("Workers", units.count(generator.get("workers"))),
        ("CPU", units.seconds(generator.get("cpu_seconds"))),
        ("Memory", units.size(generator.get("resident_bytes"))),
        ("Event-loop lag", _percentiles(generator.get("loop_lag_seconds"))),
        ("Lateness", _percentiles(generator.get("lateness_seconds"))),
        ("Late starts", units.count(generator.get("late_starts"))),
        ("Datagrams dropped", units.count(generator.get("datagrams_dropped"))),
        ("Controller lateness", _percentiles(generator.get("controller_lateness_seconds"))),
        *(("Remark", remark) for remark in generator.get("remarks", [])),
    ]
    return Table("Generator", ("", ""), [row for row in rows if row[1] != units.UNKNOWN], figures=False)


def origin_tables(summary: Mapping[str, Any]) -> list[Table]:
    """The signals of each target, and its request times."""
    found = []
    for target in summary.get("origin", []):
        rows, idle = [], []
        for name, d in target.items():
            signal = signal_info(name)
            if signal is not None and name not in DETAILS:
                if is_idle(d.get(key) for key in ("mean", "p95", "max")):
                    idle.append(full_name(signal))
                    continue
                rows.append((full_name(signal), *(_figure(d, key, signal) for key in ("mean", "p95", "max"))))
            elif isinstance(d, Mapping) and "count" not in d:
                words, quantile = name.removesuffix("_seconds").replace("_", " "), signal_info(f"{name}_p50")
                keys = [key.removesuffix("_below") for key in d]
                rows += [(f"{words} time {key.upper()}", _figure(d, key, quantile), "", "") for key in keys]
        if idle:
            rows.append((idle_text(idle), "", "", ""))
        found.append(Table(f"Origin {target['target']}", ("Signal", "Mean", "P95", "Max"), rows))
    return found


def _figure(figures: Mapping[str, float], key: str, signal: SignalInfo | None) -> str:
    """A figure of a signal, or what it is below; of a histogram that is no signal's, seconds."""
    value, below = figures.get(key), figures.get(f"{key}_below")
    if value is None and below is not None:
        return below_text(below)
    return units.seconds(value) if signal is None else value_text(signal, value)


def differences(comparison: Comparison, *, everything: bool = False) -> Table:
    """What differs between two runs, of what judges; with `everything` what does not differ, too."""
    return _differences(comparison, "Differences (P50 / P95)", everything=everything, judging=True)


def explanations(comparison: Comparison, *, everything: bool = False) -> Table:
    """What else differs: the generator's machine and the origin, which may explain the rest."""
    return _differences(comparison, "What may explain it (P50 / P95)", everything=everything, judging=False)


def change_text(change: float | None) -> str:
    """A relative change; ten times as much and more is no matter of percents."""
    if change is None:
        return units.UNKNOWN
    return f"{100 * change:+.1f}%" if change < _MANY_TIMES - 1 else f"{change + 1:,.0f} times"


def _differences(comparison: Comparison, title: str, *, everything: bool, judging: bool) -> Table:
    shown = comparison.differences
    if not everything:
        shown = comparison.judged(Judgement.WORSE, Judgement.IN_DOUBT, Judgement.BETTER, Judgement.CHANGED)
    order = list(Judgement)
    rows = [
        (
            d.metric,
            _side(d, d.baseline),
            _side(d, d.candidate),
            change_text(d.change),
            d.judgement.value + (f" ({d.reason})" if d.reason else ""),
        )
        for d in sorted(shown, key=lambda d: order.index(d.judgement))
        if d.judges is judging
    ]
    columns = ("Metric", f"{comparison.baseline.name}", f"{comparison.candidate.name}", "Change", "Judgement")
    return Table(title, columns, rows)


def comparison_headline(comparison: Comparison) -> str:
    """What a person must read first."""
    conclusion = comparison.conclusion
    if conclusion is Conclusion.NOT_COMPARABLE:
        return f"NOT COMPARABLE: {'; '.join(_in_the_way(comparison))}"
    judging = [difference for difference in comparison.differences if difference.judges]
    worse, better, same = (
        sum(difference.judgement is kind for difference in judging)
        for kind in (Judgement.WORSE, Judgement.BETTER, Judgement.SAME)
    )
    return f"{conclusion.value.upper()}: {worse} metrics worse, {better} better, {same} the same"


def _in_the_way(comparison: Comparison) -> list[str]:
    """Obstacles, and what is in doubt where nothing is worse for certain."""
    in_doubt = [] if comparison.judged(Judgement.WORSE) else comparison.judged(Judgement.IN_DOUBT)
    names = ", ".join(difference.metric for difference in in_doubt)
    words = [f"longer by no more than the generator's own lateness may have made: {names}"] if names else []
    return [*(obstacle.text for obstacle in comparison.obstacles), *words]


def comparison_remarks(comparison: Comparison) -> list[str]:
    """What a person must know beside: obstacles that were in nobody's way, caveats, other baselines."""
    told = comparison.conclusion is Conclusion.NOT_COMPARABLE
    further = [f"compared with {', '.join(comparison.further)} too"] if comparison.further else []
    return [*([] if told else [obstacle.text for obstacle in comparison.obstacles]), *comparison.caveats, *further]


def _side(difference: Difference, side: Figures | None) -> str:
    if side is None:
        return units.UNKNOWN
    if difference.distance is None:
        return units.ratio(side.mean)
    signal, unit = signal_of(difference.metric), difference.unit
    figures = [quantity(unit, x) if signal is None else value_text(signal, x) for x in (side.p50, side.p95)]
    return " / ".join(figures)


def quantity(unit: Unit, value: float | None) -> str:
    """A value in its unit, for a person."""
    match unit:
        case Unit.SECONDS:
            return units.seconds(value)
        case Unit.PERCENT:
            return units.percent(value)
        case Unit.RATIO:
            return units.ratio(value)
        case Unit.BYTES:
            return units.size(value)
        case Unit.BYTES_PER_SECOND:
            return units.bit_rate(value)
        case Unit.PER_SECOND:
            return units.per_second(value)
        case Unit.COUNT:
            return units.count(value)
        case Unit.MULTIPLE:
            return units.multiple(value)


def _percentiles(distribution: Mapping[str, float] | None) -> str:
    if not distribution:
        return units.UNKNOWN
    named = (("P50", "p50"), ("P95", "p95"), ("P99", "p99"), ("max", "max"))
    return ", ".join(f"{name} {units.seconds(distribution[key])}" for name, key in named)
