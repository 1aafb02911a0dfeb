"""The table of cAdvisor, which a kubelet has inside too: what the quota of a container holds back."""

from hls_swarm.origin.dialects.signals import Dialect, row
from hls_swarm.origin.interval import NOTHING_HAPPENED, Inputs, NotKnown

_PERIODS, _THROTTLED = "container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"


def _most_throttled(inputs: Inputs) -> float:
    """Periods that were cut short of all periods, of the container of which most were."""
    periods = {series.key[1:]: grown for series, grown in inputs.increases(0)}
    shares = [
        throttled / periods[container]
        for series, throttled in inputs.increases(1)
        if periods.get(container := series.key[1:], 0.0) > 0
    ]
    if not shares:
        raise NotKnown(NOTHING_HAPPENED)
    return min(100.0, 100 * max(shares))


CADVISOR = Dialect(
    name="cAdvisor",
    signs=("cadvisor_version_info", _PERIODS),
    rows=(row("cpu_throttled_percent", _PERIODS, _THROTTLED, by=_most_throttled),),
    how_to_get={"cpu_throttled_percent": "a container without a CPU limit has no periods"},
)
