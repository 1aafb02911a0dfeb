"""The origin: all that it says of itself, drawn from the readings without knowing the signals by name."""

from collections.abc import Mapping, Sequence

from hls_swarm.judge.findings.rules.table import LIMITS
from hls_swarm.snapshot import units
from hls_swarm.snapshot.finding import Finding, Severity
from hls_swarm.snapshot.origin.metrics import (
    Group,
    OriginMetrics,
    Reading,
    SignalInfo,
    SourceState,
    TargetMetrics,
    Unit,
)
from hls_swarm.views.signals import DETAILS, GROUP_NAMES, name_text, source_text, value_text
from hls_swarm.views.tui.lines import Line, Part, bar, flow, line, prose, sparkline, table, width_of
from hls_swarm.views.tui.panel import Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import BAD, GOOD, LABEL, SPARK, STALE, STRONG, WARN

_LABEL_WIDTH = 10
_BAR = 10
_NAME_WIDTH = 30
_SPARK = 20
_WIDE = 110
"""Width from which the table of signals has all its columns."""
_ESSENTIAL = frozenset({Group.CPU, Group.MEMORY, Group.NETWORK, Group.NGINX, Group.HAPROXY, Group.VARNISH, Group.OWN})
_SIGNAL_PREFIX = "origin_"
_FINE = frozenset({SourceState.UP, SourceState.WAITING})
_NOT_CONFIGURED = "origin metrics not configured: --origin-metrics-host HOST shows them here"


class Origin(Panel):
    """One target by groups of signals, several side by side as a table."""

    def __init__(self) -> None:
        super().__init__("origin", "Origin")

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """Unknown is `-`; what is stale is grey and has its age; an exporter that fails says why."""
        metrics = picture.snapshot.origin
        if metrics is None:
            self.name_it(self.title)
            return prose(_NOT_CONFIGURED, LABEL, width)
        if len(metrics.targets) == 1:
            target = metrics.targets[0]
            self.name_it(f"{self.title} {target.target}")
            body = (
                _everything(target, picture, width)
                if detail is Detail.FULL
                else _groups(target, metrics.at, width, detail, at_limits(picture.snapshot.findings, target))
            )
            return [*_sources([target], metrics.at, width, named=False, all_of_them=detail is Detail.FULL), *body]
        self.name_it(f"{self.title}: {len(metrics.targets)} targets")
        return [
            *_sources(metrics.targets, metrics.at, width, named=True, all_of_them=detail is Detail.FULL),
            *_side_by_side(metrics, width, detail),
        ]


def _sources(targets: Sequence[TargetMetrics], now: float, width: int, *, named: bool, all_of_them: bool) -> list[Line]:
    rows: list[Line] = []
    for target in targets:
        for source in target.sources:
            name = f"{target.target} " if named else ""
            if source.state not in _FINE:
                rows += prose(f"{name}{source_text(source, now)}", WARN, width, ("▲", WARN), 2)
            elif all_of_them:
                rows += prose(f"{name}{source_text(source, now)}  {source.url}", GOOD, width)
    return rows


def at_limits(findings: Sequence[Finding], target: TargetMetrics) -> Mapping[str, str]:
    """Signals of a target at their limits now, and those that a finding is about, to the style of how grave it is."""
    styles: dict[str, str] = {}
    for finding in findings:
        if finding.is_going_on and finding.where == target.target:
            style = BAD if finding.severity is Severity.CRITICAL else WARN
            for evidence in finding.evidence:
                styles.setdefault(evidence.signal.removeprefix(_SIGNAL_PREFIX), style)
    for name in target.readings:
        value, limit = target.fresh_value(name), LIMITS.get(name)
        if value is not None and limit is not None and value >= limit:
            styles.setdefault(name, WARN)
    return styles


def _groups(target: TargetMetrics, now: float, width: int, detail: Detail, styles: Mapping[str, str]) -> list[Line]:
    """A group of signals in a line or two.

    Args:
        styles: of signals at a limit, by name.
    """
    groups: dict[Group, list[Reading]] = {}
    for reading in target.readings.values():
        if reading.signal.name not in DETAILS:
            groups.setdefault(reading.signal.group, []).append(reading)
    if not groups:
        return [line(("waiting for the first answer", LABEL))] if not _failing(target) else []
    rows: list[Line] = []
    for group, readings in groups.items():
        if detail is Detail.COMPACT and group not in _ESSENTIAL:
            continue
        label = (GROUP_NAMES[group], LABEL)
        if all(reading.value is None for reading in readings):
            rows += flow(label, [line(units.UNKNOWN)], width, _LABEL_WIDTH)
            continue
        figures = _age(readings, now)
        for before, reading in zip([None, *readings], readings, strict=False):
            style = styles.get(reading.signal.name, "")
            figures += _figures(reading, before, style, windows=detail is not Detail.COMPACT)
        if group is Group.CPU:
            share = None if readings[0].value is None else readings[0].value / 100
            figures[0] = ((bar(share, _BAR), STALE if readings[0].stale else SPARK), (" ", ""), *figures[0])
        rows += flow(label, figures, width, _LABEL_WIDTH, _lines_of(readings, detail))
    return rows


def _age(readings: Sequence[Reading], now: float) -> list[Line]:
    """How old the stale ones of a group are; nothing if none is. They come from one page, and stand behind it."""
    ages = [age for reading in readings if reading.stale and (age := reading.age_seconds(now)) is not None]
    return [line((f"{units.seconds(max(ages))} old:", STALE))] if ages else []


def _lines_of(readings: Sequence[Reading], detail: Detail) -> int | None:
    """How many lines a group may take: where room is short one, two if it has request times; else all it needs."""
    if detail is not Detail.COMPACT:
        return None
    return 2 if any(reading.signal.quantile_of for reading in readings) else 1


def _failing(target: TargetMetrics) -> bool:
    return any(source.state not in _FINE for source in target.sources)


def _figures(reading: Reading, before: Reading | None, style: str, *, windows: bool) -> list[Line]:
    """Title and value; grey if stale.

    A quantile after one of the same histogram is named by its last word only: `request time P50 4 ms  P95 18 ms`.

    Args:
        style: of the value.
        windows: of network rates also the middle and the greatest of the window.
    """
    signal = reading.signal
    value = value_text(signal, reading.value)
    title = signal.title if signal.title.lower() != GROUP_NAMES[signal.group].lower() else ""
    if signal.quantile_of and before is not None and before.signal.quantile_of == signal.quantile_of:
        title = title.rpartition(" ")[2]
    title += " " if title else ""
    if reading.value is None:
        return [line((f"{title}{value}", LABEL))]
    figures = [line((f"{title}{value}", STALE)) if reading.stale else line((title, LABEL), (value, style))]
    if reading.stale:
        return figures
    if windows and signal.unit is Unit.BYTES_PER_SECOND and signal.group is Group.NETWORK and reading.max is not None:
        figures.append(line((f"P50 {value_text(signal, reading.p50)}", LABEL)))
        figures.append(line((f"max {value_text(signal, reading.max)}", LABEL)))
    return figures


def _everything(target: TargetMetrics, picture: Picture, width: int) -> list[Line]:
    """Each signal with its window and its last minutes, or why it is not known and how to get it."""
    wide = width >= _WIDE
    rows: list[list[Part]] = [
        [(name, LABEL) for name in ("", "now", *(("P50", "P95") if wide else ()), "max", "last minutes")]
    ]
    unknown: list[Line] = []
    for name, reading in target.readings.items():
        if reading.value is None and reading.unknown is not None:
            why = reading.unknown
            words = f"{why.text}: {why.how_to_get}" if why.how_to_get else why.text
            unknown += prose(words, LABEL, width, (f"{name_text(reading.signal)}  {units.UNKNOWN}", ""), _NAME_WIDTH)
            continue
        style = STALE if reading.stale else ""
        window = (reading.p50, reading.p95, reading.max) if wide else (reading.max,)
        values = [value_text(reading.signal, value) for value in (reading.value, *window)]
        trace = sparkline(picture.origin_traces.get((target.target, name), ()), _SPARK)
        note = f"  {reading.note}" if reading.note else ""
        if reading.stale:
            trace = f"{units.seconds(reading.age_seconds(target.at))} old"
        rows.append([(name_text(reading.signal), style), *((value, style) for value in values), (trace + note, SPARK)])
    lines = table(rows, "<" + ">" * (len(rows[0]) - 2) + "<") if len(rows) > 1 else []
    if unknown:
        lines += [(), line(("not known", STRONG)), *unknown]
    return lines


def _side_by_side(metrics: OriginMetrics, width: int, detail: Detail) -> list[Line]:
    """Signals as rows, targets as columns; as many columns as fit, the rest below."""
    signals = {
        name: reading.signal
        for target in metrics.targets
        for name, reading in target.readings.items()
        if detail is Detail.FULL
        or (name not in DETAILS and (detail is not Detail.COMPACT or reading.signal.group in _ESSENTIAL))
    }
    lines: list[Line] = []
    left = list(metrics.targets)
    while left:
        fit = len(left)
        block = _columns(signals, left, metrics.at)
        while fit > 1 and max(width_of(row) for row in block) > width:
            fit -= 1
            block = _columns(signals, left[:fit], metrics.at)
        lines += [*([()] if lines else []), *block]
        left = left[fit:]
    return lines


def _columns(signals: Mapping[str, SignalInfo], targets: Sequence[TargetMetrics], now: float) -> list[Line]:
    rows: list[list[Part]] = [[("", LABEL), *((target.target, STRONG) for target in targets)]]
    for name, signal in signals.items():
        cells = [_cell(target.readings.get(name), now) for target in targets]
        rows.append([(name_text(signal), LABEL), *cells])
    return table(rows, "<" + ">" * len(targets))


def _cell(reading: Reading | None, now: float) -> Part:
    if reading is None or reading.value is None:
        return (units.UNKNOWN, LABEL)
    value = value_text(reading.signal, reading.value)
    return (f"{value} ({units.seconds(reading.age_seconds(now))} old)", STALE) if reading.stale else (value, "")
