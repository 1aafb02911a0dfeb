"""Alert rules for a Prometheus that scrapes runs (pure)."""

import json
from dataclasses import dataclass

from hls_swarm.judge.metrics.kinds import ORIGIN_PREFIX
from hls_swarm.views.prometheus.collector import FamilyType
from hls_swarm.views.prometheus.panels import family_name

_G, _C, _H = FamilyType.GAUGE, FamilyType.COUNTER, FamilyType.HISTOGRAM
_PER_RUN = "by (job, instance)"


@dataclass(frozen=True)
class Alert:
    """One rule.

    Args:
        lasting: for how long it must hold, as Prometheus writes it.
        summary: what happens, with the series' labels and value as templates.
        next_step: what to look at.
    """

    name: str
    expression: str
    lasting: str
    severity: str
    summary: str
    next_step: str


def _rate(name: str, over: str = "30s") -> str:
    return f"sum {_PER_RUN} (rate({family_name(name, _C)}[{over}]))"


_PERCENT = "{{ $value | humanizePercentage }}"

ALERTS = (
    Alert(
        "HlsSwarmViewersStall",
        f"{_rate('stalled_seconds')} / ({_rate('stalled_seconds')} + {_rate('playing_seconds')}) > 0.01",
        "15s",
        "critical",
        f"{_PERCENT} of the watched time is stalled",
        "the findings of the run say whose doing it is",
    ),
    Alert(
        "HlsSwarmRequestsFail",
        f"{_rate('errors')} / {_rate('requests')} > 0.01",
        "15s",
        "critical",
        f"{_PERCENT} of the requests fail",
        "errors by kind and status, and the origin's own log",
    ),
    Alert(
        "HlsSwarmSegmentsAreSlow",
        f"histogram_quantile(0.95, sum by (job, instance, le) "
        f'(rate({family_name("download_seconds", _H)}_bucket{{object="segment"}}[1m]))) > 4',
        "30s",
        "warning",
        "P95 of a segment's download is {{ $value | humanizeDuration }}",
        "the time to first byte beside it: a slow server, or a full link",
    ),
    Alert(
        "HlsSwarmFinding",
        f"max by (job, instance, rule, culprit) ({family_name('finding', _G)}) == 1",
        "10s",
        "warning",
        "{{ $labels.rule }} (blame: {{ $labels.culprit }})",
        "the run's findings say what it means and what to do",
    ),
    Alert(
        "HlsSwarmGeneratorIsTheBottleneck",
        f"max {_PER_RUN} ({family_name('generator_saturated', _G)}) == 1",
        "10s",
        "warning",
        "the load machine is the bottleneck: what is measured now is void",
        "fewer viewers, or more load machines",
    ),
    Alert(
        "HlsSwarmWorkerDied",
        f"{family_name('worker_up', _G)} == 0",
        "0s",
        "critical",
        "worker {{ $labels.worker }} died, its viewers are lost",
        "memory and the kernel's log of the load machine",
    ),
    Alert(
        "HlsSwarmExporterIsSilent",
        f"{family_name('origin_source_up', _G)} == 0",
        "30s",
        "warning",
        "{{ $labels.source }} of {{ $labels.target }} does not answer",
        "does it run, and is the way to it open?",
    ),
    Alert(
        "HlsSwarmOriginCoreIsFull",
        f"{family_name(f'{ORIGIN_PREFIX}cpu_busiest_core_percent', _G)} > 95",
        "1m",
        "warning",
        'the busiest core of {{ $labels.target }} is at {{ $value | printf "%.0f" }}%',
        "which process it is, and whether its work can be spread",
    ),
)
"""All of them; limits as in what is expected of every run, where there is one."""


def alert_rules() -> str:
    """The file of rules, in YAML."""
    lines = [
        "# Alert rules for runs of hls-swarm; made by tools/gen_reference.py",
        "groups:",
        "  - name: hls-swarm",
        "    rules:",
    ]
    for alert in ALERTS:
        lines += [
            f"      - alert: {alert.name}",
            f"        expr: {json.dumps(alert.expression)}",
            f"        for: {alert.lasting}",
            "        labels:",
            f"          severity: {alert.severity}",
            "        annotations:",
            f"          summary: {json.dumps(alert.summary)}",
            f"          description: {json.dumps(alert.next_step)}",
        ]
    return "\n".join(lines) + "\n"
