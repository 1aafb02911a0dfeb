"""The summary of a run as one JSON object: a contract. Adding is free, changing raises the version.

Unknown values are left out; they are never 0. Secrets are cut out before they get here.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from hls_swarm.judge.expectations import ExpectationResult
from hls_swarm.judge.proof import unplayed
from hls_swarm.judge.thresholds import ThresholdResult
from hls_swarm.judge.verdict import GENERATOR_LIMIT, Outcome, is_invalid, void_share
from hls_swarm.records import ObjectKind
from hls_swarm.snapshot.agents import AgentFigures
from hls_swarm.snapshot.finding import Finding, Interval, voided
from hls_swarm.snapshot.origin.tally import TargetSummary
from hls_swarm.snapshot.snapshot import Experience, Snapshot
from hls_swarm.snapshot.viewers.quality import json_object as quality_object
from hls_swarm.snapshot.workers import GeneratorFigures
from hls_swarm.stats.histogram import Distribution

SCHEMA = "hls-swarm/summary/1"


def summary(
    snapshot: Snapshot,
    outcome: Outcome,
    *,
    started_at: float,
    version: str,
    origin: Sequence[TargetSummary] = (),
    thresholds: Sequence[ThresholdResult] = (),
    expectations: Sequence[ExpectationResult] = (),
    generator_limit: float = GENERATOR_LIMIT,
    condition_seconds: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The summary of the run whose last snapshot this is.

    Args:
        started_at: wall clock of the start, in Unix seconds.
        version: of hls-swarm.
        origin: each target over the run.
        thresholds, expectations: what came of each.
        generator_limit: share of the run that may be void.
        condition_seconds: how long the run fared so, by the word for it.
    """
    viewers = snapshot.viewers
    out: dict[str, Any] = known(
        {
            "schema": SCHEMA,
            "version": version,
            "url": snapshot.url,
            "started_at": datetime.fromtimestamp(started_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "elapsed_seconds": round(snapshot.elapsed_seconds, 3),
            "verdict": outcome.verdict,
            "exit_code": outcome.exit_code,
            "reasons": list(outcome.reasons),
            "findings": [_finding(finding, snapshot.elapsed_seconds) for finding in snapshot.findings],
            "condition_seconds": {word: round(seconds, 3) for word, seconds in (condition_seconds or {}).items()},
            "thresholds": [_threshold(result) for result in thresholds],
            "expectations": [_expectation(result) for result in expectations],
            "viewers": {
                "target": viewers.target,
                "started": viewers.started,
                "peak": viewers.peak,
                "played": viewers.played,
                "ended": viewers.ended,
                "failed": viewers.failed,
                "left": viewers.left,
                "unplayed": unplayed(viewers),
                "lost": viewers.lost or None,
            },
            "players": None if snapshot.players is None else vars(snapshot.players),
            "requests": _per_kind(snapshot, "requests"),
            "unsettled_requests": snapshot.unsettled_requests,
            "repeated_requests": snapshot.repeated_requests,
            "body_bytes": _per_kind(snapshot, "body_bytes"),
            "cancelled": _per_kind(snapshot, "cancelled"),
            "throughput_bytes_per_second": {
                "mean": snapshot.throughput_mean_bytes_per_second,
                "peak_1s": snapshot.throughput_peak_bytes_per_second,
            },
            "latency_seconds": {
                kind: {
                    "ttfb": _distribution(figures.ttfb),
                    "download": _distribution(figures.download),
                    "dns": _distribution(figures.dns),
                    "connect": _distribution(figures.connect),
                    "tls": _distribution(figures.tls),
                }
                for kind, figures in snapshot.objects.items()
            },
            "object_throughput_bytes_per_second": {
                kind: _distribution(figures.throughput) for kind, figures in snapshot.objects.items()
            },
            "retries": _per_kind(snapshot, "retries"),
            "compressed": None if snapshot.players is not None else _per_kind(snapshot, "compressed"),
            "statuses": {kind: figures.statuses for kind, figures in snapshot.objects.items()},
            "connections": {"opened": snapshot.connections_opened, "connect_seconds": _distribution(snapshot.connect)},
            "http_versions": {
                figures.version: {
                    "requests": figures.requests,
                    "connections": figures.connections,
                    "resumed_connections": figures.resumed,
                }
                for figures in snapshot.http_versions
            },
            "hosts": [
                {
                    "host": host.host,
                    "requests": host.requests,
                    "connections": host.connections,
                    "requests_by_version": {figures.version: figures.requests for figures in host.versions} or None,
                    "http2_connections": host.http2_connections or None,
                    "http3_connections": host.http3_connections or None,
                    "offers_http3": host.offers_http3 or None,
                    "errors": host.errors,
                    "addresses": list(host.addresses) or None,
                }
                for host in snapshot.hosts
            ],
            "experience": _experience(snapshot.experience),
            "steering": None if snapshot.steering is None else vars(snapshot.steering),
            "cmcd": None if snapshot.cmcd is None else snapshot.cmcd.json_object(),
            "low_latency": None if snapshot.low_latency is None else snapshot.low_latency.json_object(),
            "violations": [violation.json_object() for violation in snapshot.violations],
            "remarks": list(snapshot.remarks),
            "errors": [
                {
                    "object": error.subject,
                    "kind": error.kind,
                    "status": error.status,
                    "blame": error.blame,
                    "count": error.count,
                    "detail": error.detail,
                    "example_url": error.example_url,
                }
                for error in snapshot.errors
            ],
            "generator": _generator(snapshot, generator_limit),
            "origin": [target.json_object() for target in origin],
        }
    )
    return out


def known(value: Any) -> Any:
    """The same without what is None, and without what is empty because of that; empty lists stay."""
    if isinstance(value, Mapping):
        kept = {str(key): known(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item != {}}
    if isinstance(value, list | tuple):
        return [known(item) for item in value]
    return value


def to_json(value: Any) -> bytes:
    """As it is written to a file: indented, with a final newline."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _per_kind(snapshot: Snapshot, name: str) -> dict[str, int]:
    """Every kind of object has its count here: a kind that was never asked for was asked for 0 times."""
    objects = snapshot.objects
    return {kind: getattr(objects[kind], name) if kind in objects else 0 for kind in ObjectKind}


def _distribution(distribution: Distribution | None) -> dict[str, float] | None:
    return None if distribution is None else msgspec.to_builtins(distribution)


def _threshold(result: ThresholdResult) -> dict[str, Any]:
    threshold = result.threshold
    return {
        "threshold": threshold.text,
        "metric": threshold.metric,
        "target": result.target or None,
        "aggregation": threshold.aggregation or None,
        "operator": threshold.operator,
        "limit": threshold.limit,
        "window": result.window,
        "value": result.value,
        "held": result.held,
        "reason": result.reason or None,
    }


def _experience(experience: Experience) -> dict[str, Any]:
    return {
        "startup_seconds": _distribution(experience.startup),
        "stalls": experience.stalls,
        "stall_seconds": _distribution(experience.stall),
        "stalled_seconds": experience.stalled_seconds,
        "playing_seconds": experience.playing_seconds,
        "watched_seconds": experience.watched_seconds,
        "rebuffering_ratio": experience.rebuffering_ratio,
        "live_latency_seconds": _distribution(experience.live_latency),
        "edge_latency_seconds": _distribution(experience.edge_latency),
        "expired_segments": experience.expired_segments,
        **({} if experience.quality is None else quality_object(experience.quality)),
    }


def _finding(finding: Finding, elapsed_seconds: float) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "where": finding.where or None,
        "standing": finding.standing,
        "culprit": finding.culprit,
        "severity": finding.severity,
        "what": finding.what,
        "next_step": finding.next_step,
        "seconds": round(finding.seconds(elapsed_seconds), 3),
        "intervals": [_interval(interval) for interval in finding.intervals],
        "evidence": [{**msgspec.to_builtins(each), "text": each.text} for each in finding.evidence],
    }


def _interval(interval: Interval) -> dict[str, Any]:
    return {"from_seconds": interval.from_seconds, "to_seconds": interval.to_seconds}


def _expectation(result: ExpectationResult) -> dict[str, Any]:
    return {
        "expectation": result.expectation.text,
        "name": result.expectation.name,
        "what": result.expectation.what,
        "limit": result.expectation.limit,
        "value": result.value,
        "held": result.held,
        "reason": result.reason or None,
    }


def _generator(snapshot: Snapshot, generator_limit: float) -> dict[str, Any]:
    generator = snapshot.generator
    return {
        "workers": len(generator.workers),
        "worker_cpu_seconds": [worker.cpu_seconds for worker in generator.workers],
        "cpu_seconds": generator.cpu_seconds,
        "resident_bytes": sum(worker.resident_bytes for worker in generator.workers),
        "loop_lag_seconds": _distribution(generator.loop_lag),
        "lateness_seconds": _distribution(generator.lateness),
        "late_starts": generator.late_starts,
        "datagrams_received": generator.datagrams_received or None,
        "datagrams_dropped": generator.datagrams_dropped if generator.datagrams_received else None,
        "saturated": bool(is_invalid(snapshot, generator_limit)),
        "trouble": [f"{finding.what} ({finding.when})" for finding in snapshot.generator_findings],
        "void_share": round(void_share(snapshot.findings, snapshot.elapsed_seconds), 4),
        "void": [_interval(interval) for interval in voided(snapshot.findings)],
        "exceptions": [{"text": f.text, "count": f.count, "whose": f.whose} for f in generator.faults] or None,
        "controller_lateness_seconds": _distribution(generator.controller_lateness),
        "remarks": list(generator.remarks),
        "machine": _machine(generator),
        "agents": [_agent(agent) for agent in generator.agents] or None,
    }


def _agent(agent: AgentFigures) -> dict[str, Any]:
    state = agent.state
    return {
        "agent": agent.name,
        "workers": agent.workers,
        "viewers": agent.viewers,
        "cpu_seconds": agent.cpu_seconds,
        "cpu_percent": _distribution(agent.cpu_percent),
        "network_link_percent": _distribution(agent.link_percent),
        "loop_lag_seconds": _distribution(state.loop_lag.distribution()),
        "clock_offset_seconds": state.wall_offset_seconds,
        "clock_error_seconds": state.clock_error_seconds,
        "lost": state.lost or None,
        "gap_seconds": state.gap_seconds,
        "respread": state.replaced,
    }


def _machine(generator: GeneratorFigures) -> dict[str, Any] | None:
    machine, run = generator.machine, generator.machine_over_run
    if machine is None or run is None:
        return None
    return {
        "cpu_percent": _distribution(run.cpu_percent),
        "network_device": machine.device,
        "network_link_bytes_per_second": machine.link_bytes_per_second,
        "network_link_percent": _distribution(run.link_percent),
        "network_in_bytes_per_second": _distribution(run.received_bytes_per_second),
        "network_out_bytes_per_second": _distribution(run.sent_bytes_per_second),
        "tcp_retransmits_per_second": _distribution(run.tcp_retransmits_per_second),
    }
