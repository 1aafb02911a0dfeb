"""How findings write a figure."""

from hls_swarm.judge.thresholds import value_text
from hls_swarm.snapshot.origin_metrics import Unit

_BITS = ("bit/s", "kbit/s", "Mbit/s", "Gbit/s")
_BYTES = ("B", "kB", "MB", "GB", "TB")


def figure_text(value: float, unit: Unit) -> str:
    """A figure with its unit: 4 s, 18%, 17.5/s, 1.2 Mbit/s, 100."""
    match unit:
        case Unit.SECONDS:
            return f"{value:.3g} s" if value >= 0.9995 or value == 0 else f"{value * 1e3:.3g} ms"
        case Unit.PER_SECOND:
            return f"{value:,.0f}/s" if value >= 100 else f"{value:.3g}/s"
        case Unit.BYTES_PER_SECOND:
            return _prefixed(8 * value, _BITS)
        case Unit.BYTES:
            return _prefixed(value, _BYTES)
        case Unit.COUNT | Unit.PERCENT | Unit.RATIO:
            return value_text(value, unit)


def clock(seconds: float) -> str:
    """An instant of the run: 0:07, 12:30, 1:02:03."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def _prefixed(value: float, units: tuple[str, ...]) -> str:
    place = 0
    while abs(value) >= 999.5 and place < len(units) - 1:
        value, place = value / 1000, place + 1
    return f"{value:,.0f} {units[place]}" if value >= 100 or not place else f"{value:.3g} {units[place]}"
