"""Figures of the last seconds that rules hold against limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hls_swarm.judge.findings.recent import Recent
from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.records import ASKED_OF_THE_ORIGIN, FailureKind, ObjectKind
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.snapshot.origin.signals import signal_info

Places = Callable[[Recent], Sequence[str]]
"""What a rule looks at one by one."""


@dataclass(frozen=True)
class Measure:
    """One figure of the last seconds.

    Args:
        signal: what it is called in evidence and in the table of rules.
        over_seconds: the time it is of.
        read: gives it, at a place; None if it is not known.
        compared: the column whose past is compared with; empty if there is none.
    """

    signal: str
    unit: Unit
    over_seconds: float
    read: Callable[[Recent, str], float | None]
    compared: str = ""


def everywhere(recent: Recent) -> Sequence[str]:  # noqa: ARG001 - it is the same at all times
    """The run as a whole."""
    return ("",)


def places_of(column: str) -> Places:
    """What stands behind the `@` of a column."""
    return lambda recent: recent.places(column)


def targets_with(signal: str) -> Places:
    """The machines of the origin that tell a signal."""
    return places_of(ORIGIN_PREFIX + signal)


def now_of(column: str, unit: Unit) -> Measure:
    """A gauge as it is now."""
    return Measure(column, unit, 1.0, lambda recent, where: recent.last(_at(column, where)), column)


def mean_of(column: str, unit: Unit, seconds: float) -> Measure:
    """The mean of a gauge over the last seconds."""
    return Measure(column, unit, seconds, lambda recent, where: recent.mean(_at(column, where), seconds), column)


def median_of(column: str, unit: Unit, seconds: float) -> Measure:
    """The median of what the last seconds say, also where some say nothing."""
    return Measure(column, unit, seconds, lambda recent, where: recent.median(_at(column, where), seconds), column)


def most_of(column: str, unit: Unit, seconds: float) -> Measure:
    """The greatest of the last seconds."""
    return Measure(column, unit, seconds, lambda recent, where: recent.most(_at(column, where), seconds), column)


def origin_mean(signal: str, seconds: float) -> Measure:
    """The mean of a signal of the origin over the last seconds, at one machine."""
    info = signal_info(signal)
    if info is None:
        raise ValueError(f"the origin has no signal {signal}")
    return mean_of(ORIGIN_PREFIX + signal, info.unit, seconds)


def rise_of(counter: str, seconds: float) -> Measure:
    """How much a counter rose in the last seconds."""
    return Measure(counter, Unit.COUNT, seconds, lambda recent, where: recent.rise(counter, seconds, where))


def share_of(part: str, whole: str, seconds: float | None) -> Measure:
    """How much a counter rose in the last seconds, as a share of another; not known where that is nothing.

    Args:
        seconds: None for the whole run so far.
    """

    def read(recent: Recent, where: str) -> float | None:  # noqa: ARG001 - both are of the whole run
        parts, wholes = (
            (recent.last(f"{name}_total") if seconds is None else recent.rise(name, seconds)) for name in (part, whole)
        )
        return None if parts is None or not wholes else parts / wholes

    return Measure(f"{part} of {whole}", Unit.RATIO, seconds or 0.0, read)


def per_viewer(counter: str, seconds: float) -> Measure:
    """How much a counter rose in the last seconds, by the number of viewers that run."""

    def read(recent: Recent, where: str) -> float | None:  # noqa: ARG001 - both are of the whole run
        rise, viewers = recent.rise(counter, seconds), recent.last("viewers_active")
        return None if rise is None or not viewers else rise / viewers

    return Measure(f"{counter} of viewers_active", Unit.RATIO, seconds, read)


def ratio_of(part: str, whole: str) -> Measure:
    """One gauge as a share of another, now; not known where that is nothing."""

    def read(recent: Recent, where: str) -> float | None:
        parts, wholes = recent.last(_at(part, where)), recent.last(_at(whole, where))
        return None if parts is None or not wholes else parts / wholes

    return Measure(f"{part} of {whole}", Unit.RATIO, 1.0, read)


def difference_of(one: str, other: str, unit: Unit, seconds: float) -> Measure:
    """The median of one, less the median of the other, of the last seconds."""

    def read(recent: Recent, where: str) -> float | None:
        first, second = recent.median(_at(one, where), seconds), recent.median(_at(other, where), seconds)
        return None if first is None or second is None else first - second

    return Measure(f"{one} less {other}", unit, seconds, read)


def share_of_rest(part: str, whole: str, rest: str, seconds: float) -> Measure:
    """How much a counter rose in the last seconds, as a share of what another rose beyond a third one."""

    def read(recent: Recent, where: str) -> float | None:  # noqa: ARG001 - all are of the whole run
        parts, wholes, rests = (recent.rise(name, seconds) for name in (part, whole, rest))
        if parts is None or wholes is None or rests is None or wholes <= rests:
            return None
        return min(1.0, parts / (wholes - rests))

    return Measure(f"{part} of {whole} without {rest}", Unit.RATIO, seconds, read)


def quotient_of(part: str, whole: str, seconds: float) -> Measure:
    """The median of one by another, of the last seconds that say both."""

    def read(recent: Recent, where: str) -> float | None:
        return recent.median_quotient(_at(part, where), _at(whole, where), seconds)

    return Measure(f"{part} by {whole}", Unit.RATIO, seconds, read)


_OBJECTS = frozenset(each.value for each in ObjectKind)


def errors_of(
    objects: Sequence[ObjectKind], kinds: Sequence[FailureKind], statuses: Sequence[int] = (), *, seconds: float
) -> Measure:
    """Failures of some kinds on some kinds of objects, in the last seconds.

    Args:
        statuses: of failures that have one, those that count; empty for all.
    """

    def read(recent: Recent, where: str) -> float | None:  # noqa: ARG001 - they are of the whole run
        if recent.last("errors_total") is None:
            return None
        parts = [part for part in recent.places("errors_total") if _is_of(part, objects, kinds, statuses)]
        return sum(recent.rise("errors", seconds, part) or 0.0 for part in parts)

    return Measure(_errors_name(objects, kinds, statuses), Unit.COUNT, seconds, read)


def share_of_errors(
    objects: Sequence[ObjectKind], kinds: Sequence[FailureKind], statuses: Sequence[int] = (), *, seconds: float
) -> Measure:
    """The same as a share of the requests for these objects; not known where there were none."""
    failures = errors_of(objects, kinds, statuses, seconds=seconds)

    def read(recent: Recent, where: str) -> float | None:
        failed = failures.read(recent, where)
        if set(objects).issuperset(ASKED_OF_THE_ORIGIN):
            requests = recent.rise("requests", seconds)
        else:
            requests = sum(recent.rise(f"{kind.value}_requests", seconds) or 0.0 for kind in objects)
        # Many connections that fail carry no request: a share is at most the whole.
        return None if failed is None or not (requests or failed) else min(1.0, failed / max(requests or 0.0, failed))

    return Measure(f"{failures.signal}, of the requests", Unit.RATIO, seconds, read)


def _is_of(part: str, objects: Sequence[ObjectKind], kinds: Sequence[FailureKind], statuses: Sequence[int]) -> bool:
    """Whether a column of errors, `segment http_status 404`, is of what is meant."""
    kind_of_object, kind, *status = part.split(" ")
    of_all = set(objects).issuperset(ASKED_OF_THE_ORIGIN)  # what a viewer ended for is then meant too
    known = {each.value for each in objects}
    if kind not in {each.value for each in kinds}:
        return False
    # What is of no object is what a viewer ended for.
    if kind_of_object not in known and not (of_all and kind_of_object not in _OBJECTS):
        return False
    return not statuses or (bool(status) and status[0] in {str(each) for each in statuses})


def _errors_name(objects: Sequence[ObjectKind], kinds: Sequence[FailureKind], statuses: Sequence[int]) -> str:
    what = "/".join(each.value for each in kinds) if not statuses else "/".join(map(str, statuses))
    if len(set(kinds)) == len(FailureKind):
        what = "of any kind"
    whose = "" if set(objects).issuperset(ASKED_OF_THE_ORIGIN) else f" on {'/'.join(each.value for each in objects)}"
    return f"errors {what}{whose}"


def _at(column: str, where: str) -> str:
    return f"{column}@{where}" if where else column
