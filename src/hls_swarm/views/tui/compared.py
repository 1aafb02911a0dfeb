"""A distribution of the last seconds beside that of the whole run, and a mark where they differ clearly."""

from collections.abc import Callable

from hls_swarm.snapshot.lately import change
from hls_swarm.stats.histogram import Distribution
from hls_swarm.views.tui.lines import Part
from hls_swarm.views.tui.themes import LABEL, STRONG, WARN

HEAD: tuple[str, ...] = ("10 s P50", "P95", "", "run P50", "P95", "P99", "max")
ALIGNMENT = ">><>>>>"
DROPPABLE = 4
"""Of the columns: those of the run go, from the maximum on, where there is no room."""
_MARKS = {1: ("▲", WARN), -1: ("▼", LABEL), 0: ("", "")}


def head(*names: str) -> list[Part]:
    """The first row, after the names of what stands before these columns."""
    return [(name, LABEL) for name in (*names, *HEAD)]


def cells(
    now: Distribution | None,
    run: Distribution | None,
    text: Callable[[float | None], str],
    limit: float | None = None,
) -> list[Part]:
    """The row of one figure.

    Args:
        text: how a value is written.
        limit: a value above it is at its limit.
    """
    now_values = (None, None) if now is None else (now.p50, now.p95)
    run_values = (None,) * 4 if run is None else (run.p50, run.p95, run.p99, run.max)
    sign = change(now_values[1], run_values[1])
    rose = WARN if sign > 0 else ""
    return [
        (text(now_values[0]), _over(now_values[0], limit) or STRONG),
        (text(now_values[1]), _over(now_values[1], limit) or rose),
        _MARKS[sign],
        *((text(value), _over(value, limit)) for value in run_values),
    ]


def _over(value: float | None, limit: float | None) -> str:
    return WARN if limit is not None and value is not None and value > limit else ""
