"""Thresholds: what a run must keep, written in one line, and whether it did.

    segment_download_seconds:p95 < 1s
    rebuffering_ratio < 0.5%
    errors:rate < 0.1% over run
    origin_cpu_percent:max < 90
    origin_cpu_percent@10.0.0.5:mean < 70
    errors:rate < 5% over run abort after 30s

Rules:

- METRIC[@TARGET][:AGGREGATION] OPERATOR VALUE [over steady|run] [abort [after DURATION]]
- It says what must hold. The steady state is meant unless it says `over run`; a run without a steady state is judged as
  a whole, and the result says so.
- A signal of the origin must hold for every target, unless one is named.
- A metric that was never known has not held: what nobody measured, nobody may call good.
- With `abort`, the run ends when it does not hold, but not before the window is `after` old.
- Pure: parsing needs no run, judging needs the windows only.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType

from hls_swarm.judge.metrics.kinds import (
    ORIGIN_PREFIX,
    CounterMetric,
    DistributionMetric,
    GaugeMetric,
    Metric,
    RatioMetric,
)
from hls_swarm.judge.metrics.table import METRICS
from hls_swarm.judge.window import Window
from hls_swarm.settings.own_signals import OWN_PREFIX, OwnSignal
from hls_swarm.settings.spellings import format_duration, parse_duration
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.origin.signals import SIGNALS, signal_info, step_of
from hls_swarm.snapshot.origin.tally import OriginTally
from hls_swarm.stats.histogram import Histogram

_LINE = re.compile(
    r"\s*(?P<metric>[A-Za-z_][\w]*)(?:@(?P<target>[^\s:<>=]+|\[[^\]\s]+\]))?(?::(?P<aggregation>[A-Za-z_][\w.]*))?"
    r"\s*(?P<operator><=|>=|<|>)\s*(?P<value>[^\s]+)"
    r"(?:\s+over\s+(?P<window>\w+))?(?P<abort>\s+abort(?:\s+after\s+(?P<grace>\S+))?)?\s*"
)
_NUMBER = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?P<unit>[A-Za-z%/]*)")
_QUANTILE = re.compile(r"p(?P<percent>\d{1,2}(?:\.\d+)?)")

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
)
_BIT_RATES = {"bit/s": 0.125, "kbit/s": 125.0, "Mbit/s": 125e3, "Gbit/s": 125e6}
_SIZES = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_UNITS: Mapping[Unit, Mapping[str, float]] = MappingProxyType(
    {
        Unit.SECONDS: {},
        Unit.RATIO: {"": 1.0, "%": 0.01},
        Unit.PERCENT: {"": 1.0, "%": 1.0},
        Unit.COUNT: {"": 1.0},
        Unit.MULTIPLE: {"": 1.0},
        Unit.PER_SECOND: {"": 1.0, "/s": 1.0},
        Unit.BYTES: {"": 1.0, **_SIZES},
        Unit.BYTES_PER_SECOND: {"": 1.0, **{f"{name}/s": size for name, size in _SIZES.items()}, **_BIT_RATES},
    }
)
_OF_VALUES = ("mean", "min", "p50", "p95", "p99", "max")
"""Aggregations of a distribution or a gauge; any other quantile is written p90 or p99.9."""


class WindowName(StrEnum):
    """Over which part of a run something is judged."""

    STEADY = "steady"
    RUN = "run"


class ThresholdError(ValueError):
    """A threshold that can not be read; the text is for a person."""


@dataclass(frozen=True)
class Threshold:
    """One line, read.

    Args:
        text: as written, white space settled.
        metric: name of it, with `origin_` before a signal of the origin.
        target: the one machine of the origin that is meant; empty for all.
        aggregation: `p95`, `max`, `rate`, ...; empty for a ratio, which has none.
        limit: in the unit of the value.
        abort: end the run when it does not hold.
        grace_seconds: age of the window before which it aborts nothing.
    """

    text: str
    metric: str
    target: str
    aggregation: str
    operator: str
    limit: float
    unit: Unit
    window: WindowName
    abort: bool
    grace_seconds: float


@dataclass(frozen=True)
class ThresholdResult:
    """What came of one threshold.

    Args:
        target: which machine of the origin is meant: the one that fares worst; empty for a metric of the viewers.
        window: which part of the run was judged; the whole run where there was no steady state.
        value: None if it was never known.
        held: whether it held.
        reason: why not, or what a person should know; empty for one that held.
    """

    threshold: Threshold
    target: str
    window: WindowName
    value: float | None
    held: bool
    reason: str


def parse_threshold(text: str) -> Threshold:
    """The threshold that this line says.

    Raises:
        ThresholdError: in words for a person, with near names for a name that does not exist.
    """
    line = _LINE.fullmatch(text)
    if line is None:
        raise ThresholdError(
            f"{text!r} is not a threshold: write it like 'segment_download_seconds:p95 < 1s' or 'errors:rate < 0.1%'"
        )
    name, target = line["metric"], line["target"] or ""
    kind = _kind_of(name)
    if target and not name.startswith(ORIGIN_PREFIX):
        raise ThresholdError(f"{name} has no target: only metrics of the origin have one")
    aggregation, unit = _aggregation(name, kind, line["aggregation"] or "")
    window = line["window"] or WindowName.STEADY.value
    if window not in set(WindowName):
        raise ThresholdError(f"over {window}: write 'over steady' or 'over run'")
    return Threshold(
        text=" ".join(text.split()),
        metric=name,
        target=target,
        aggregation=aggregation,
        operator=line["operator"],
        limit=_limit(line["value"], unit),
        unit=unit,
        window=WindowName(window),
        abort=line["abort"] is not None,
        grace_seconds=_grace(line["grace"]),
    )


def judge_thresholds(thresholds: Iterable[Threshold], run: Window, steady: Window) -> tuple[ThresholdResult, ...]:
    """What came of each.

    Args:
        run: all seconds of the run so far.
        steady: those of its steady state; none if it had none.
    """
    return tuple(_judge(threshold, run, steady) for threshold in thresholds)


def crossed_for_good(results: Iterable[ThresholdResult], run: Window, steady: Window) -> ThresholdResult | None:
    """The first that ends the run now; None if none does. A value that is not known yet ends nothing."""
    ages = {WindowName.RUN: run.seconds, WindowName.STEADY: steady.seconds}
    for result in results:
        threshold = result.threshold
        age = ages[threshold.window]
        if threshold.abort and not result.held and result.value is not None and 0 < age >= threshold.grace_seconds:
            return result
    return None


def aggregations(metric: Metric) -> tuple[str, ...]:
    """What may stand after the colon, for a page of reference; the first is meant where nothing stands there."""
    match metric:
        case DistributionMetric():
            return ("", *_OF_VALUES, "count")
        case GaugeMetric():
            return ("", *_OF_VALUES)
        case CounterMetric(whole=None):
            return ("count", "per_second")
        case CounterMetric():
            return ("count", "per_second", "rate")
        case RatioMetric():
            return ("",)


def aggregate(histogram: Histogram, aggregation: str) -> float | None:
    """One figure of many values: `mean`, `min`, `max`, `count` or a quantile such as `p99.9`; None without values."""
    if not histogram.count:
        return None
    match aggregation:
        case "mean":
            return histogram.mean
        case "min":
            return histogram.least
        case "max":
            return histogram.greatest
        case "count":
            return histogram.count
    return histogram.quantile(float(aggregation[1:]) / 100)


def _kind_of(name: str) -> Metric | None:
    """The metric of that name; None for a signal of the origin, or the histogram that some of them are quantiles of."""
    metric = METRICS.get(name)
    if metric is not None:
        return metric
    signal = name.removeprefix(ORIGIN_PREFIX)
    if signal != name and (signal_info(signal) is not None or signal in _origin_histograms()):
        return None
    known = (*METRICS, *(ORIGIN_PREFIX + signal for signal in (*SIGNALS, *_origin_histograms())))
    near = get_close_matches(name, known, n=3)
    raise ThresholdError(
        f"there is no metric {name}"
        + (f": did you mean {' or '.join(near)}?" if near else ": docs/reference/metrics.md lists all")
    )


def check_is_measured(threshold: Threshold, own: Sequence[OwnSignal]) -> None:
    """Refuse a threshold on a signal of the user's own that the settings do not add.

    Raises:
        ThresholdError: naming those that they add.
    """
    name = threshold.metric.removeprefix(ORIGIN_PREFIX)
    if name == threshold.metric or not name.startswith(OWN_PREFIX):
        return
    names = {form for signal in own for form in (signal.name, _histogram_of(signal.name))}
    if name not in names:
        known = ", ".join(f"{ORIGIN_PREFIX}{signal.name}" for signal in own)
        raise ThresholdError(f"there is no origin-signal {name}" + (f": there are {known}" if own else ""))


def _histogram_of(name: str) -> str:
    info = signal_info(name)
    return "" if info is None else info.quantile_of


def _origin_histograms() -> tuple[str, ...]:
    return tuple(dict.fromkeys(signal.quantile_of for signal in SIGNALS.values() if signal.quantile_of))


def _aggregation(name: str, metric: Metric | None, given: str) -> tuple[str, Unit]:
    """The aggregation, settled, and the unit of what it gives."""
    match metric:
        case RatioMetric():
            if given:
                raise ThresholdError(f"{name} is one ratio over the window: write it without :{given}")
            return "", metric.unit
        case CounterMetric():
            known = aggregations(metric)
            if given not in known:
                raise ThresholdError(f"{name} is counted: write {_choices(name, known)}")
            units = {"count": metric.unit, "rate": Unit.RATIO}
            per_second = Unit.BYTES_PER_SECOND if metric.unit is Unit.BYTES else Unit.PER_SECOND
            return given, units.get(given, per_second)
        case DistributionMetric():
            if given == "count":
                return given, Unit.COUNT
            return _of_values(name, given), metric.unit
        case GaugeMetric():
            return _of_values(name, given), metric.unit
        case None:
            return _origin_aggregation(name, given)


def _origin_aggregation(name: str, given: str) -> tuple[str, Unit]:
    signal = signal_info(name.removeprefix(ORIGIN_PREFIX))
    if signal is None:
        if given not in {"p50", "p95", "p99"}:
            raise ThresholdError(f"{name} has quantiles only: write {_choices(name, ('p50', 'p95', 'p99'))}")
        return given, Unit.SECONDS
    if signal.quantile_of and given not in {"max", "min"}:
        raise ThresholdError(
            f"{name} is a quantile of each interval, which has no {given or 'mean'}: write {name}:max, or "
            f"{ORIGIN_PREFIX}{signal.quantile_of}:{signal.name.rpartition('_')[2]} for all requests of the window"
        )
    return _of_values(name, given), signal.unit


def _of_values(name: str, given: str) -> str:
    if given in _OF_VALUES or _QUANTILE.fullmatch(given):
        return given
    if given:
        raise ThresholdError(f"{name} has no :{given}: write {_choices(name, _OF_VALUES)}")
    raise ThresholdError(f"{name} has many values: write which is meant, {_choices(name, _OF_VALUES)}")


def _choices(name: str, known: Iterable[str]) -> str:
    *others, last = (f":{aggregation}" for aggregation in known)
    return f"{name}{' or '.join([', '.join(others), last])}"


def _limit(text: str, unit: Unit) -> float:
    if unit is Unit.SECONDS:
        try:
            return parse_duration(text)
        except ValueError as error:
            raise ThresholdError(str(error)) from None
    number = _NUMBER.fullmatch(text)
    units = _UNITS[unit]
    if number is None or number["unit"] not in units:
        named = [f"{text_unit}" for text_unit in units if text_unit]
        raise ThresholdError(
            f"{text!r} is not a value of this metric: write a number"
            + (f", alone or with {', '.join(named)}" if named else "")
        )
    return float(number["number"]) * units[number["unit"]]


def _grace(text: str | None) -> float:
    if text is None:
        return 0.0
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ThresholdError(f"abort after {text}: {error}") from None


def _judge(threshold: Threshold, run: Window, steady: Window) -> ThresholdResult:
    name = threshold.window
    if name is WindowName.STEADY and not steady.seconds:
        name = WindowName.RUN
    window = run if name is WindowName.RUN else steady
    over = "the whole run" if name is WindowName.RUN else "the steady state"
    if name is not threshold.window:
        over += ", which ended before its steady state"
    values = _values(threshold, window)
    known = {target: value for target, value in values.items() if value is not None}
    if not known or len(known) < len(values):
        unknown = next((target for target in values if target not in known), threshold.target)
        where = f" of {unknown}" if unknown else ""
        hint = "" if name is WindowName.RUN else ": write 'over run' if the ramp is meant too"
        reason = f"{threshold.metric}{where} was never known over {over}{hint}"
        return ThresholdResult(threshold, unknown, name, None, held=False, reason=reason)
    worst = min if threshold.operator in {">", ">="} else max
    target, value = worst(known.items(), key=lambda item: item[1])
    held = _OPERATORS[threshold.operator](value, threshold.limit)
    where = f" of {target}" if target else ""
    shown = f"{threshold.metric}{where} {threshold.aggregation}".rstrip()
    reason = "" if held else f"{shown} is {value_text(value, threshold.unit)} over {over}"
    return ThresholdResult(threshold, target, name, value, held, reason)


def value_text(value: float, unit: Unit) -> str:
    """A value as a threshold is written: with the unit that its limit has."""
    match unit:
        case Unit.SECONDS:
            return format_duration(value) if value >= 0.1 or value == 0 else f"{value * 1e3:.3g}ms"
        case Unit.RATIO:
            return f"{100 * value:.3g}%"
        case Unit.PERCENT:
            return f"{value:.3g}%"
        case Unit.COUNT | Unit.MULTIPLE | Unit.BYTES | Unit.BYTES_PER_SECOND | Unit.PER_SECOND:
            return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _values(threshold: Threshold, window: Window) -> dict[str, float | None]:
    """By target, which is empty for a metric of the viewers."""
    name, aggregation = threshold.metric, threshold.aggregation
    match METRICS.get(name):
        case DistributionMetric():
            histogram = window.distribution(name)
            if aggregation == "count":
                return {"": 0 if histogram is None else histogram.count}
            return {"": _figure(histogram, aggregation)}
        case GaugeMetric():
            return {"": _figure(window.gauge(name), aggregation)}
        case RatioMetric():
            return {"": window.ratio(name)}
        case CounterMetric():
            count = window.count(name)
            if aggregation == "rate":
                return {"": window.rate(name)}
            if aggregation == "per_second" and count is not None:
                return {"": count / window.seconds if window.seconds else None}
            return {"": count}
        case None:
            targets = (threshold.target,) if threshold.target else window.origin.targets()
            signal = name.removeprefix(ORIGIN_PREFIX)
            return {target: _origin_value(window.origin, target, signal, aggregation) for target in targets}


def _figure(histogram: Histogram | None, aggregation: str) -> float | None:
    return None if histogram is None else aggregate(histogram, aggregation)


def _origin_value(origin: OriginTally, target: str, signal: str, aggregation: str) -> float | None:
    """A figure of a signal; what is less than its clock's step counts as the step, which is the most that it can be."""
    values = origin.histograms(target).get(signal)
    if signal in SIGNALS or values is not None:
        value = _figure(values, aggregation)
    else:
        value = (origin.quantiles(target, signal) or {}).get(aggregation)
    return None if value is None else max(value, step_of(signal))
