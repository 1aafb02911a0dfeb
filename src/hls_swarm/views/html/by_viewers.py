"""Response times by how many viewers ran: whether an origin gets slower with its load, and from which load on.

Each point is a step of the time axis, so that the picture has nothing that the charts over time do not have; where the
cloud bends upwards is the load that was too much.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hls_swarm.views.html.charts import Chart, Charts
from hls_swarm.views.html.plans import LATENCIES

ID = "chart-segment-download-by-viewers"
LEAST_LOADS = 5
"""Different numbers of viewers below which there is nothing to see."""


def by_viewers(charts: Charts) -> Mapping[str, Any] | None:
    """The chart of one run: `loads`, rising, and a value of each line for each; None of a run with one load."""
    running = _values(charts, "Viewers", "running")
    lines = {name: _values(charts, "Segment download", name) for name in ("P50", "P95")}
    if not running or not all(lines.values()):
        return None
    steps = [at for at, load in enumerate(running) if load and any(line[at] is not None for line in lines.values())]
    steps.sort(key=lambda at: running[at] or 0.0)
    loads = [running[at] for at in steps]
    if len(set(loads)) < LEAST_LOADS:
        return None
    return {
        "id": ID,
        "section": LATENCIES,
        "title": "Segment download by viewers",
        "hint": "A point for each moment. Where the cloud bends upwards, the origin has more viewers than it carries.",
        "unit": "seconds",
        "drawing": "cloud",
        "loads": loads,
        "lines": [{"name": name, "values": [line[at] for at in steps]} for name, line in lines.items()],
        "limits": [],
    }


def _values(charts: Charts, title: str, name: str) -> Sequence[float | None]:
    found: list[Chart] = [chart for chart in charts.charts if chart["title"] == title]
    return next((line["values"] for chart in found for line in chart["lines"] if line["name"] == name), [])
