"""Metrics pages for tests: captured ones, and changed copies of them."""

from tests.support import places

from hls_swarm.origin.exposition.parser import Page, Parser

DATA = places.DATA / "metrics"
NAMES = tuple(sorted(path.stem for path in DATA.glob("*.txt")))


def page_text(name: str) -> str:
    """A page of tests/data/metrics."""
    return (DATA / f"{name}.txt").read_text()


def changed(text: str, values: dict[str, float | None]) -> str:
    """A page with other values, by series as it stands there; None takes the series away."""
    left = dict(values)
    lines = []
    for line in text.splitlines():
        series = line.rpartition(" ")[0]
        if series in left:
            value = left.pop(series)
            if value is not None:
                lines.append(f"{series} {value!r}")
        else:
            lines.append(line)
    assert not left, f"not on the page: {sorted(left)}"
    return "\n".join(lines) + "\n"


def grown(text: str, increases: dict[str, float]) -> str:
    """A page whose counters grew, by series as it stands there."""
    now = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in text.splitlines()}
    return changed(text, {series: float(now[series]) + by for series, by in increases.items()})


def without(text: str, family: str) -> str:
    """A page without the samples of a family."""
    return "\n".join(line for line in text.splitlines() if not line.startswith((f"{family} ", f"{family}{{"))) + "\n"


def parsed(text: str) -> Page:
    return Parser().parse(text)


def booted_at(text: str) -> float:
    """When the machine of a node_exporter page was booted, Unix seconds."""
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("node_boot_time_seconds "))
