"""All of them by name."""

from collections.abc import Mapping
from types import MappingProxyType

from hls_swarm.judge.metrics.counters import COUNTERS
from hls_swarm.judge.metrics.distributions import DISTRIBUTIONS
from hls_swarm.judge.metrics.gauges import GAUGES
from hls_swarm.judge.metrics.kinds import Metric
from hls_swarm.judge.metrics.ratios import RATIOS

METRICS: Mapping[str, Metric] = MappingProxyType(
    {metric.name: metric for group in (GAUGES, COUNTERS, DISTRIBUTIONS, RATIOS) for metric in group}
)
"""The viewers' and the generator's metrics by name, in the order of the reference page."""
