"""The signals that a user added, as rows of the tables: they are looked for on every page."""

from dataclasses import replace
from functools import reduce
from typing import assert_never

from hls_swarm.origin.dialects.formulas import gauge, quantile, rate, summary_quantile
from hls_swarm.origin.dialects.recognition import Dialects
from hls_swarm.origin.dialects.signals import Dialect, Formula, HistogramRow, Row
from hls_swarm.origin.interval import Filter, both, every_series, label_in
from hls_swarm.settings.own_signals import OwnKind, OwnSignal
from hls_swarm.snapshot.origin.metrics import SignalInfo
from hls_swarm.snapshot.origin.signals import SIGNALS, signal_info

OWN_DIALECT = "signals of your own"


def with_own(signals: tuple[OwnSignal, ...]) -> Dialects:
    """All dialects with rows for these signals; a page that has nothing but such a family is known by it."""
    if not signals:
        return Dialects()
    rows = tuple(row for signal in signals for row in _rows(signal))
    histograms = tuple(
        HistogramRow(_info(signal).quantile_of, signal.family, _filter(signal))
        for signal in signals
        if signal.kind is OwnKind.QUANTILE
    )
    how = {signal.name: f"no page of this target carries {signal.family}" for signal in signals}
    known = tuple(
        replace(
            dialect,
            rows=(*dialect.rows, *rows),
            histograms=(*dialect.histograms, *histograms),
            how_to_get={**dialect.how_to_get, **how},
        )
        for dialect in Dialects().all
    )
    families = {signal.family for signal in signals}
    own = Dialect(
        name=OWN_DIALECT,
        signs=(*sorted(families), *(f"{family}_bucket" for family in sorted(families))),
        rows=rows,
        histograms=histograms,
        how_to_get=how,
    )
    infos = {signal.name: _info(signal) for signal in signals}
    return Dialects(known, {**SIGNALS, **infos}, (own,))


def _info(signal: OwnSignal) -> SignalInfo:
    info = signal_info(signal.name)
    assert info is not None, "a name of one's own always has a meaning"  # noqa: S101 (what the name's grammar promises)
    said = ",".join(f"{label}={'|'.join(values)}" for label, values in signal.where)
    text = f"{signal.kind.value} of {signal.family}" + (f" with {said}" if said else "")
    return SignalInfo(info.name, info.unit, info.group, signal.title, text, info.windowed, info.quantile_of)


def _rows(signal: OwnSignal) -> tuple[Row, ...]:
    info, where = _info(signal), _filter(signal)
    match signal.kind:
        case OwnKind.GAUGE:
            return (Row(info, (signal.family,), gauge, where),)
        case OwnKind.RATE:
            return (Row(info, (signal.family,), rate, where),)
        case OwnKind.QUANTILE:
            q = signal.quantile or 0.5
            of_summary = Row(info, (signal.family,), summary_quantile(f"{q:g}"), where, "the exporter's own summary")
            return (Row(info, (f"{signal.family}_bucket",), _of_buckets(signal.family, q), where), of_summary)
        case _:
            assert_never(signal.kind)


def _of_buckets(family: str, q: float) -> Formula:
    formula = quantile(q)
    return lambda inputs: formula(replace(inputs, families=(family,)))


def _filter(signal: OwnSignal) -> Filter:
    filters = [label_in(label, *values) for label, values in signal.where]
    return reduce(both, filters) if filters else every_series
