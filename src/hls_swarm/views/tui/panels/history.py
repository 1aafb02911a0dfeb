"""The last minutes of viewers and origin, one below the other on one time axis: what moved when what else did."""

from collections.abc import Callable
from typing import NamedTuple

from hls_swarm.snapshot import units
from hls_swarm.snapshot.origin.metrics import Reading, TargetMetrics
from hls_swarm.views.signals import name_text, value_text
from hls_swarm.views.tui.lines import Line, chart, line
from hls_swarm.views.tui.panel import Detail, Panel
from hls_swarm.views.tui.panels.origin import at_limits
from hls_swarm.views.tui.picture import (
    DOWNLOAD,
    FAILED,
    LIVE_LATENCY,
    PART_DOWNLOAD,
    STALLED,
    THROUGHPUT,
    Picture,
    Trace,
    is_by_parts,
)
from hls_swarm.views.tui.themes import LABEL, SPARK, STRONG, WARN

_LABEL_WIDTH, _VALUE_WIDTH = 20, 13
_LEAST_AXIS = 12
_HEIGHTS = {Detail.ROOMY: 2}
"""Lines of a chart."""
_ORIGIN = (
    "cpu_percent",
    "network_out_bytes_per_second",
    "nginx_connections",
    "nginx_requests_per_second",
    "haproxy_sessions",
    "varnish_requests_per_second",
)
"""Signals that stand for an origin's load; those that are known are shown."""
_MOST_ORIGIN = 4


class _Row(NamedTuple):
    name: str
    trace: Trace
    value: str
    style: str


class HistoryPanel(Panel):
    """Viewers' figures first, then the origin's."""

    def __init__(self) -> None:
        super().__init__("history", "")

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """A line a figure, on a large screen two, and the axis below them."""
        rows = [*_viewers(picture), *_origin(picture)]
        room = width - _LABEL_WIDTH - _VALUE_WIDTH
        length = max((len(row.trace) for row in rows), default=0)
        height = _HEIGHTS.get(detail, 1)
        lines = [one for row in rows for one in _lines(row, length, room, height)]
        elapsed = picture.snapshot.elapsed_seconds
        began = max(0.0, elapsed - max(0, length - 1))
        self.name_it(f"The last {units.clock(elapsed - began)}")
        return [*lines, line((" " * _LABEL_WIDTH + _axis(began, elapsed, length, room), LABEL))]


def _axis(began: float, elapsed: float, length: int, room: int) -> str:
    """When the oldest value and the newest are of, below their cells."""
    share = max(1, -(-length // room)) if room > 0 else 1
    end = units.clock(elapsed)
    cells = max(-(-length // share), _LEAST_AXIS)
    return (units.clock(began).ljust(max(0, cells - len(end))) + end).rjust(max(0, room))


def _lines(row: _Row, length: int, room: int, height: int) -> list[Line]:
    """The name, the chart and the newest value, which stands beside the lowest line."""
    padded = (*(None,) * (length - len(row.trace)), *row.trace)
    *upper, lowest = chart(padded, room, height)
    words = line(
        (row.name[: _LABEL_WIDTH - 1].ljust(_LABEL_WIDTH), LABEL),
        (lowest, SPARK),
        (row.value.rjust(_VALUE_WIDTH), row.style),
    )
    return [*(line(" " * _LABEL_WIDTH, (one, SPARK)) for one in upper), words]


def _viewers(picture: Picture) -> list[_Row]:
    traces = picture.traces
    rows: list[tuple[str, str, Callable[[float | None], str], bool]] = [
        ("throughput", THROUGHPUT, units.bit_rate, False),
        ("viewers stalled", STALLED, _count, True),
        *([("live latency", LIVE_LATENCY, units.seconds, False)] if picture.snapshot.low_latency is not None else []),
        ("part P95, 10 s", PART_DOWNLOAD, units.seconds, False)
        if is_by_parts(picture.snapshot)
        else ("segment P95, 10 s", DOWNLOAD, units.seconds, False),
        ("failed requests", FAILED, units.per_second, True),
    ]
    made = []
    for name, trace_name, text, is_trouble in rows:
        trace = traces.get(trace_name, ())
        value = trace[-1] if trace else None
        made.append(_Row(name, trace, text(value), WARN if is_trouble and value else STRONG))
    return made


def _origin(picture: Picture) -> list[_Row]:
    """Of several targets, the one whose processors are busiest."""
    metrics = picture.snapshot.origin
    if metrics is None or not metrics.targets:
        return []
    target = max(metrics.targets, key=_busy)
    known = [target.readings[name] for name in _ORIGIN if name in target.readings]
    return [_signal(target, reading, picture) for reading in known if reading.value is not None][:_MOST_ORIGIN]


def _busy(target: TargetMetrics) -> float:
    return target.fresh_value("cpu_percent") or 0.0


def _signal(target: TargetMetrics, reading: Reading, picture: Picture) -> _Row:
    trace = picture.origin_traces.get((target.target, reading.signal.name), ())
    style = at_limits(picture.snapshot.findings, target).get(reading.signal.name, STRONG)
    return _Row(name_text(reading.signal), trace, value_text(reading.signal, reading.value), style)


def _count(value: float | None) -> str:
    return units.count(None if value is None else int(value))
