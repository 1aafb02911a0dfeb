"""How response times are spread: the share of answers by time, on a logarithmic axis.

The buckets of the histograms are 2.2% wide; eight of them are one here, so that the picture has four steps from one
power of two to the next.
"""

from collections.abc import Mapping, Sequence
from math import ceil, exp2
from typing import Any

from hls_swarm.judge.report import Report
from hls_swarm.snapshot import units
from hls_swarm.stats.histogram import BUCKETS_PER_OCTAVE, Histogram
from hls_swarm.views.html.limits import limits_of
from hls_swarm.views.html.plans import LATENCIES

ID = "chart-response-times"
_STEPS_PER_OCTAVE = 4
_WIDTH = BUCKETS_PER_OCTAVE // _STEPS_PER_OCTAVE
MOST_STEPS = 120
"""From a microsecond to a quarter of an hour."""
_LINES = (("segment first byte", "segment_ttfb_seconds"), ("segment download", "segment_download_seconds"))


METRICS = tuple(metric for _, metric in _LINES)
"""What the chart is of."""


def response_times(report: Report) -> Mapping[str, Any] | None:
    """The chart of one run: `edges` of the steps in seconds, one more than there are values; None without answers.

    It is of the whole run; of a folder that does not tell that, of the part that was judged.
    """
    whole = all(metric in report.distributions for metric in METRICS)
    source = report.distributions if whole else report.histograms
    found = [(name, source[metric]) for name, metric in _LINES if metric in source and source[metric].buckets]
    if not found:
        return None
    steps = [_steps(histogram) for _, histogram in found]
    first = min(min(each) for each in steps)
    last = min(max(max(each) for each in steps), first + MOST_STEPS)
    over = "the whole run" if whole or report.window == "run" else "the steady state"
    words = [f"{name} {units.count(histogram.count)} answers" for name, histogram in found]
    return {
        "id": ID,
        "section": LATENCIES,
        "title": "Response times",
        "hint": f"Share of the answers by the time they took, over {over}: {', '.join(words)}.",
        "unit": "ratio",
        "drawing": "distribution",
        "edges": [float(f"{exp2(step / _STEPS_PER_OCTAVE):.4g}") for step in range(first - 1, last + 1)],
        "lines": [
            {"name": name, "values": _shares(each, histogram.count, first, last)}
            for (name, histogram), each in zip(found, steps, strict=True)
        ],
        "limits": [limit.drawn for limit in limits_of(report.summary) if limit.metric in METRICS],
    }


def _steps(histogram: Histogram) -> dict[int, int]:
    """How many values each step has: step `n` ends at 2 ** (n / 4) seconds."""
    out: dict[int, int] = {}
    for index, number in histogram.buckets.items():
        step = ceil(index / _WIDTH)
        out[step] = out.get(step, 0) + number
    return out


def _shares(steps: Mapping[int, int], count: int, first: int, last: int) -> Sequence[float]:
    """The share of each step; what lies beyond the last one is in it."""
    shown = [steps.get(step, 0) for step in range(first, last + 1)]
    shown[-1] += sum(number for step, number in steps.items() if step > last)
    return [float(f"{number / count:.4g}") for number in shown]
