"""The formulas that more than one row of the tables uses."""

from math import isfinite

from hls_swarm.origin.dialects.signals import Formula
from hls_swarm.origin.interval import (
    FIRST_SCRAPE,
    NOT_MERGEABLE,
    NOTHING_HAPPENED,
    Filter,
    Inputs,
    NotKnown,
    label_in,
    label_starts,
    not_exported,
)
from hls_swarm.snapshot.origin.metrics import Unknown, WhyUnknown


def gauge(inputs: Inputs) -> float:
    """Sum of the gauges."""
    return inputs.total()


def sum_of_gauges(inputs: Inputs) -> float:
    """Sum of the gauges of all families."""
    return sum(inputs.total(nth) for nth in range(len(inputs.families)))


def rate(inputs: Inputs) -> float:
    """Increase a second."""
    return inputs.increase() / inputs.seconds


def sum_of_rates(inputs: Inputs) -> float:
    """Increase a second of all families together."""
    return sum(inputs.increase(nth) for nth in range(len(inputs.families))) / inputs.seconds


def rate_of(label: str, prefix: str) -> Formula:
    """Increase a second of the series whose label starts so: `5` for the status class of 503 and of 5xx.

    With the label on the page and no such value of it, nothing of the kind was counted, and the rate is 0. Without the
    label it is not known.
    """
    kind = label_starts(label, prefix)

    def rate_of_kind(inputs: Inputs) -> float:
        labelled = [series for series, _ in inputs.values() if series.label(label)]
        if not labelled:
            raise NotKnown(Unknown(WhyUnknown.NOT_EXPORTED, f"{inputs.families[0].lstrip('*_')} has no label {label}"))
        seconds = inputs.seconds
        if not any(kind(series, inputs.interval) for series in labelled):
            return 0.0
        grown = inputs.increases(where=kind)
        if not grown:
            raise NotKnown(FIRST_SCRAPE)
        return sum(value for _, value in grown) / seconds

    return rate_of_kind


def of_one_family(formula: Formula) -> Formula:
    """A formula that adds up nothing of two families: of those with an ending alike one may count what another does."""

    def checked(inputs: Inputs) -> float:
        names = {series.name for series, _ in inputs.interval.samples(inputs.families[0])}
        if len(names) > 1:
            ending = inputs.families[0].lstrip("*_")
            raise NotKnown(
                Unknown(WhyUnknown.AMBIGUOUS, f"{len(names)} families end with {ending}: which one to take?")
            )
        return formula(inputs)

    return checked


def difference_rate(inputs: Inputs) -> float:
    """Increase a second of the first family less that of the second, not below 0."""
    return max(0.0, inputs.increase(0) - inputs.increase(1)) / inputs.seconds


def label_difference(name: str, more: str, less: str) -> Formula:
    """Increase a second of the series with one value of a label, less that of those with another, not below 0."""
    first, second = label_in(name, more), label_in(name, less)

    def difference(inputs: Inputs) -> float:
        more_grown, less_grown = inputs.increases(where=first), inputs.increases(where=second)
        if not more_grown or not less_grown:
            raise NotKnown(FIRST_SCRAPE)
        return max(0.0, sum(n for _, n in more_grown) - sum(n for _, n in less_grown)) / inputs.seconds

    return difference


def share_of_time(inputs: Inputs) -> float:
    """Percent of the interval that a counter of seconds grew by."""
    return min(100.0, 100 * inputs.increase() / inputs.seconds)


def increase_ratio(inputs: Inputs) -> float:
    """Increase of the first family by that of the second."""
    over = inputs.increase(1)
    if over <= 0:
        raise NotKnown(NOTHING_HAPPENED)
    return inputs.increase(0) / over


def gauge_percent(inputs: Inputs) -> float:
    """First gauge in percent of the second."""
    whole = inputs.total(1)
    if whole <= 0:
        raise NotKnown(NOTHING_HAPPENED)
    return 100 * inputs.total(0) / whole


def share_where(part: Filter) -> Formula:
    """Increase of the series that pass `part`, of the increase of all: 0 to 1."""

    def share(inputs: Inputs) -> float:
        whole = inputs.increase()
        if whole <= 0:
            raise NotKnown(NOTHING_HAPPENED)
        return inputs.increase(where=part) / whole

    return share


def quantile(q: float) -> Formula:
    """`histogram_quantile` of Prometheus over the increase of the buckets."""

    def quantile_of(inputs: Inputs) -> float:
        value = inputs.bucket_increase().quantile(q)
        if value is None:
            raise NotKnown(NOTHING_HAPPENED)
        return value

    return quantile_of


def summary_quantile(q: str) -> Formula:
    """A summary's own quantile, if there is one summary: quantiles of several can not be merged."""

    def quantile_of(inputs: Inputs) -> float:
        values = [(series, value) for series, value in inputs.interval.samples(inputs.families[0])]
        values = [one for one in values if inputs.where(one[0], inputs.interval) and one[0].label("quantile") == q]
        if not values:
            raise NotKnown(not_exported(f'{inputs.families[0]}{{quantile="{q}"}}'))
        if len(values) > 1:
            raise NotKnown(NOT_MERGEABLE)
        if not isfinite(values[0][1]):
            raise NotKnown(NOTHING_HAPPENED)
        return values[0][1]

    return quantile_of
