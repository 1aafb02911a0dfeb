"""How figures are written for a person: one way for every view. Unknown is `-`."""

from hls_swarm.snapshot.origin.metrics import Unit

UNKNOWN = "-"

_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")
_BITS = ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s")


def seconds(value: float | None) -> str:
    """A duration: 430 us, 12.3 ms, 1.25 s, 2m05s, 1h02m."""
    if value is None:
        return UNKNOWN
    if value < 0:
        return "-" + seconds(-value).lstrip("-")
    if value >= 3600:
        minutes = round(value / 60)
        return f"{minutes // 60}h{minutes % 60:02d}m"
    if value >= 99.95:
        whole = round(value)
        return f"{whole // 60}m{whole % 60:02d}s"
    if value >= 0.9995:
        return f"{three(value)} s"
    if value >= 0.0009995:
        return f"{three(value * 1e3)} ms"
    if value == 0:
        return "0 s"
    return f"{value * 1e6:.0f} us"


def clock(value: float | None) -> str:
    """Elapsed time: 0:07, 12:30, 1:02:03."""
    if value is None:
        return UNKNOWN
    whole = int(value)
    if whole >= 3600:
        return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}"


def three(value: float) -> str:
    """Three significant digits without an exponent: 1.25, 12.5, 125, 1250."""
    if value >= 99.95:
        return f"{value:.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}"


def size(value: float | None) -> str:
    """Bytes with a decimal prefix: 512 B, 1.25 MB."""
    return UNKNOWN if value is None else _prefixed(value, _BYTES)


def bit_rate(bytes_per_second: float | None) -> str:
    """Bytes per second as the bit rate that network people read: 3.20 Gbit/s."""
    return UNKNOWN if bytes_per_second is None else _prefixed(8 * bytes_per_second, _BITS)


def changes(up: int, down: int, per_minute: float | None, reversals: int, segments: int, size_bytes: int) -> str:
    """How viewers that adapt changed their variants, in words; unknown if they never did."""
    if not up + down + segments:
        return UNKNOWN
    often = "" if per_minute is None else f" ({per_minute:.2f} in a minute of a viewer)"
    words = f"{count(up)} up, {count(down)} down{often}, {count(reversals)} of them back and forth"
    return words + (f"; {count(segments)} segments given up, {size(size_bytes)} in vain" if segments else "")


def per_second(value: float | None) -> str:
    """A rate: 12.5/s."""
    if value is None:
        return UNKNOWN
    return "0/s" if value == 0 else f"{three(value)}/s"


def percent(value: float | None) -> str:
    """A percent of 0 to 100: 0%, 0.21%, 35.2%."""
    if value is None:
        return UNKNOWN
    return "0%" if value == 0 else f"{three(value)}%"


def ratio(value: float | None) -> str:
    """A ratio of 0 to 1, as percent."""
    return percent(None if value is None else 100 * value)


def count(value: float | None) -> str:
    """A number of things: 1,250."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def multiple(value: float | None) -> str:
    """A number without a unit that need not be whole: 0.61, 3.66."""
    return UNKNOWN if value is None else three(value)


def counted(value: float | None, one: str) -> str:
    """So many things of a name that takes an s: 1 part, 1,250 parts."""
    return f"{count(value)} {one}{'' if value == 1 else 's'}"


def figure(value: float | None, unit: Unit) -> str:
    """A figure with its unit, as a sentence has it: rates of bytes as bit rates, percents of 10 and more whole."""
    match unit:
        case Unit.SECONDS:
            return seconds(value)
        case Unit.PERCENT:
            return percent(value) if value is None or value < 9.95 else f"{value:.0f}%"
        case Unit.RATIO:
            return figure(None if value is None else 100 * value, Unit.PERCENT)
        case Unit.BYTES:
            return size(value)
        case Unit.BYTES_PER_SECOND:
            return bit_rate(value)
        case Unit.PER_SECOND:
            return per_second(value)
        case Unit.COUNT:
            return count(value)
        case Unit.MULTIPLE:
            return multiple(value)


def played(viewers: int | None, started: int | None, most: int) -> str:
    """How many of those that started played; sessions, where more started than the run wants at a time."""
    what = "sessions" if (started or 0) > most else "viewers"
    return f"{count(viewers)} of {count(started)} {what} played"


def _prefixed(value: float, units: tuple[str, ...]) -> str:
    unit = units[0]
    for unit in units:
        if abs(value) < 999.5 or unit == units[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == units[0] else f"{three(value)} {unit}"
