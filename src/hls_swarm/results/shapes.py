"""The shapes of a run's files, as far as reports and comparisons read them: what is there, and what may be missing.

A part of the JSON summary that a view reads has its shape here. `summary` in `judge` writes it; see
docs/reference/summary.md.
"""

from typing import Any

from hls_swarm.judge.thresholds import ThresholdError, parse_threshold
from hls_swarm.judge.verdict import Verdict
from hls_swarm.results.salvage import (
    Lost,
    UnusableError,
    amount,
    anything,
    count,
    flag,
    list_of,
    number,
    object_of,
    one_of,
    some_of,
    table_of,
    text,
)

_DISTRIBUTION = object_of({"count": count, "p50": number, "p95": number, "p99": number, "max": number}, mean=number)
_INTERVAL = object_of({"from_seconds": amount}, to_seconds=amount)

_FINDING = object_of(
    {"what": text, "next_step": text, "severity": text, "intervals": some_of(_INTERVAL)},
    rule=text,
    where=text,
    culprit=text,
    standing=text,
    seconds=amount,
    evidence=list_of(object_of({"text": text})),
)


def _threshold(value: Any, name: str, lost: Lost) -> str:
    """A threshold as a person writes it."""
    try:
        parse_threshold(text(value, name, lost))
    except ThresholdError:
        raise UnusableError from None
    return str(value)


_THRESHOLD = object_of({"threshold": _threshold, "window": text, "held": flag}, value=number, reason=text, limit=number)
_EXPECTATION = object_of(
    {"expectation": text, "what": text, "held": flag}, name=text, value=number, reason=text, limit=number
)
_ERROR = object_of(
    {"object": text, "kind": text, "blame": text, "count": count, "detail": text, "example_url": text}, status=count
)
_VIOLATION = object_of(
    {"reason": text, "count": count}, rule=text, example_url=text, line=count, refused_by=list_of(text)
)
_HOST = object_of({"host": text, "requests": count, "connections": count}, errors=count, addresses=list_of(text))
_GROUP = object_of(
    started=count,
    played=count,
    failed=count,
    stalls=count,
    watched_seconds=amount,
    stalled_time_ratio=amount,
    average_bitrate_bps=amount,
    startup_seconds=_DISTRIBUTION,
    live_latency_seconds=_DISTRIBUTION,
)
_EXPERIENCE = object_of(
    startup_seconds=_DISTRIBUTION,
    stalls=count,
    stall_seconds=_DISTRIBUTION,
    stalled_seconds=amount,
    playing_seconds=amount,
    watched_seconds=amount,
    rebuffering_ratio=amount,
    live_latency_seconds=_DISTRIBUTION,
    edge_latency_seconds=_DISTRIBUTION,
    expired_segments=count,
    profiles=table_of(_GROUP),
    variants=table_of(_GROUP),
)
_GENERATOR = object_of(
    workers=count,
    worker_cpu_seconds=list_of(amount),
    cpu_seconds=amount,
    resident_bytes=amount,
    loop_lag_seconds=_DISTRIBUTION,
    lateness_seconds=_DISTRIBUTION,
    late_starts=count,
    saturated=flag,
    trouble=list_of(text),
    void_share=amount,
    void=list_of(_INTERVAL),
    controller_lateness_seconds=_DISTRIBUTION,
    remarks=list_of(text),
)


def _target(value: Any, name: str, lost: Lost) -> dict[str, Any]:
    """A machine of the origin: its name, and figures by signal, or by quantile of a time that it measures."""
    given = object_of({"target": text})(value, name, Lost([]))
    figures = {key: each for key, each in given.items() if key != "target"}
    return {"target": given["target"], **table_of(table_of(number))(figures, name, lost)}


SUMMARY = object_of(
    schema=text,
    version=text,
    url=text,
    started_at=text,
    elapsed_seconds=amount,
    verdict=one_of(*Verdict),
    exit_code=count,
    reasons=list_of(text),
    findings=list_of(_FINDING),
    condition_seconds=table_of(amount),
    thresholds=list_of(_THRESHOLD),
    expectations=list_of(_EXPECTATION),
    viewers=table_of(count),
    players=table_of(count),
    requests=table_of(count),
    body_bytes=table_of(count),
    cancelled=table_of(count),
    throughput_bytes_per_second=table_of(amount),
    latency_seconds=table_of(table_of(_DISTRIBUTION)),
    object_throughput_bytes_per_second=table_of(_DISTRIBUTION),
    retries=table_of(count),
    statuses=table_of(table_of(count)),
    hosts=list_of(_HOST),
    experience=_EXPERIENCE,
    violations=list_of(_VIOLATION),
    remarks=list_of(text),
    errors=list_of(_ERROR),
    generator=_GENERATOR,
    origin=list_of(_target),
)
"""`summary.json`, and `summary` in `state.json`."""

FACTS = object_of(
    name=text,
    url=text,
    command=text,
    started_at=text,
    settings=table_of(anything),
    machine=object_of(host=text, system=text, architecture=text, cores=count, memory_bytes=amount),
    versions=table_of(text),
    pid=count,
    process_started_at=amount,
    boot_id=text,
)
"""`run.json`."""

EVENT = object_of({"time": amount, "elapsed_seconds": amount, "kind": text, "level": text, "text": text})
"""A line of `events.jsonl`."""
