"""Thresholds and expectations as lines in the charts of what they are of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hls_swarm.judge.expectations import DEFAULTS
from hls_swarm.judge.thresholds import parse_threshold
from hls_swarm.snapshot.origin.metrics import Unit
from hls_swarm.views.html.plans import ChartPlan

_ENDS = ("_p50", "_p95", "_p99", "_max", "_rate", "_per_second", "_total")
_EXPECTED_OF = {each.name: each.metric for each in DEFAULTS if each.metric}
"""Expectations that a chart can show, and the metric that they are of."""


@dataclass(frozen=True)
class Limit:
    """A value that a metric was not to pass.

    Args:
        target: of a metric of the origin, the machine that it is of; empty for all.
        held: what came of it.
        text: for a person.
    """

    metric: str
    target: str
    unit: Unit
    value: float
    held: bool
    text: str

    def is_of(self, plan: ChartPlan) -> bool:
        """Whether a chart draws its metric, in its unit."""
        return plan.unit is self.unit and any(self._is_of(column) for _, column in plan.lines)

    @property
    def drawn(self) -> Mapping[str, Any]:
        """As the page's script reads it."""
        return {"value": self.value, "held": self.held, "text": self.text}

    def _is_of(self, column: str) -> bool:
        name, _, target = column.partition("@")
        if self.target and target != self.target:
            return False
        return name == self.metric or any(name == self.metric + end for end in _ENDS)


def limits_of(summary: Mapping[str, Any]) -> list[Limit]:
    """All limits of a run."""
    out = []
    for result in summary.get("thresholds", []):
        threshold = parse_threshold(result["threshold"])
        text = f"{result['threshold']}: {'held' if result['held'] else 'crossed'}"
        target = result.get("target", "")
        out.append(Limit(threshold.metric, target, threshold.unit, threshold.limit, result["held"], text))
    for result in summary.get("expectations", []):
        metric, limit = _EXPECTED_OF.get(result.get("name", "")), result.get("limit")
        if metric is not None and limit is not None:
            text = f"expected at most {result['expectation']}: {'held' if result['held'] else 'broken'}"
            out.append(Limit(metric, "", Unit.RATIO, limit, result["held"], text))
    return out
