"""How the origin's signals are written: generic over the signals, so that a new one shows without a change here."""

from collections.abc import Iterable
from typing import assert_never

from hls_swarm.snapshot import units
from hls_swarm.snapshot.origin.metrics import (
    Group,
    SignalInfo,
    SourceHealth,
    SourceState,
    Unit,
)
from hls_swarm.snapshot.origin.signals import SIGNALS

DETAILS = frozenset(
    {
        "cpu_cores",
        "cpu_steal_percent",
        "cpu_softirq_percent",
        "tcp_sockets",
        "tcp_time_wait",
        "tcp_orphans",
        "tcp_listen_overflows_per_second",
        "file_descriptors",
        "nginx_up",
        "nginx_connections_reading",
        "nginx_connections_writing",
        "nginx_connections_waiting",
        "nginx_accepts_per_second",
        "nginx_responses_1xx_per_second",
        "nginx_responses_2xx_per_second",
        "nginx_responses_3xx_per_second",
        "nginx_request_seconds_mean",
        "varnish_up",
    }
)
"""Signals that a short text leaves out; a dashboard, the endpoint and the files have them all."""


def value_text(signal: SignalInfo, value: float | None) -> str:
    """One value of a signal, with its unit; network rates as bit rates, as links are sold.

    Less than the step of its clock is written as that: `< 1 ms`.
    """
    if value is not None and signal.is_below_step(value):
        return below_text(signal.step)
    match signal.unit:
        case Unit.PERCENT:
            return units.percent(value)
        case Unit.RATIO:
            return units.ratio(value)
        case Unit.BYTES:
            return units.size(value)
        case Unit.BYTES_PER_SECOND:
            if signal.group is Group.DISK:
                return units.UNKNOWN if value is None else f"{units.size(value)}/s"
            return units.bit_rate(value)
        case Unit.PER_SECOND:
            return units.per_second(value)
        case Unit.SECONDS:
            return units.seconds(value)
        case Unit.COUNT:
            return units.count(value)
        case Unit.MULTIPLE:
            return units.multiple(value)
        case _:
            assert_never(signal.unit)


def below_text(step: float) -> str:
    """What is less than the step of its clock, in seconds: `< 1 ms`."""
    return f"< {1000 * step:g} ms"


GROUP_NAMES = {
    Group.CPU: "CPU",
    Group.MEMORY: "Memory",
    Group.NETWORK: "Network",
    Group.DISK: "Disk",
    Group.TCP: "TCP",
    Group.FILES: "Files",
    Group.PRESSURE: "Pressure",
    Group.NGINX: "nginx",
    Group.HAPROXY: "HAProxy",
    Group.VARNISH: "Varnish",
    Group.OWN: "Own",
}


def name_text(signal: SignalInfo) -> str:
    """Group and title, the group left out where the title says it or is enough by itself."""
    group = GROUP_NAMES[signal.group]
    enough = {Group.CPU, Group.FILES, Group.PRESSURE, Group.OWN}
    if signal.title.lower().startswith(group.lower()) or signal.group in enough:
        return signal.title
    return f"{group} {signal.title}"


def full_name(signal: SignalInfo) -> str:
    """The name beside those of all other signals: a share is told from the amount that it is of."""
    name = name_text(signal)
    if signal.group in {Group.CPU, Group.FILES, Group.PRESSURE}:
        name = name[0].upper() + name[1:]
    is_share = signal.unit is Unit.PERCENT and signal.name.removesuffix("_percent") in _AMOUNTS
    return f"{name}, share" if is_share else name


_AMOUNTS = frozenset(name.removesuffix("_bytes") for name, signal in SIGNALS.items() if signal.unit is not Unit.PERCENT)


def is_idle(figures: Iterable[float | None]) -> bool:
    """Whether a signal was 0 all the time: there may be dozens of these, and one line tells of them."""
    return all(figure == 0 for figure in figures)


def idle_text(names: Iterable[str]) -> str:
    """That line."""
    return f"0 all the time: {', '.join(names)}"


def source_text(source: SourceHealth, now: float) -> str:
    """One line on an exporter: what it is, how it fares, why not."""
    kind = source.dialect or source.role.value
    if source.state is SourceState.UP:
        return f"{kind}: up" + (f", {source.note}" if source.note else "")
    if source.state is SourceState.WAITING:
        return f"{kind}: {source.reason or 'waiting for the first answer'}"
    age = source.age_seconds(now)
    last = "never answered" if age is None else f"last answer {units.seconds(age)} ago"
    return f"{kind}: {source.reason} ({last})"
