"""What a person writes where one word says more than a number: durations, mixes, stages, distributions.

Rules:

- Each `parse_...` gives a frozen shape, or raises ValueError with a text for the person who wrote it.
- A duration is Go's notation without the units below a millisecond: `500ms`, `30s`, `5m`, `1h30m`.
- Nothing here knows a setting's name: whoever asks does.
"""

import math
import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

_DURATION = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<h>\d+\.?\d*|\.\d+)h)?(?:(?P<m>\d+\.?\d*|\.\d+)m)?"
    r"(?:(?P<s>\d+\.?\d*|\.\d+)s)?(?:(?P<ms>\d+\.?\d*|\.\d+)ms)?",
    re.ASCII,
)


def parse_duration(text: str) -> float:
    """Seconds of a duration such as `500ms`, `30s`, `5m`, `1h30m` or `0`.

    Go's notation without the units below a millisecond, the larger unit first and each at most once.

    Raises:
        ValueError: in words for a person; also for a number without unit, since that reads as seconds to one person
            and as milliseconds to the next.
    """
    if text in {"0", "+0", "-0"}:
        return 0.0
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.group("h", "m", "s", "ms")):
        if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text, re.ASCII):
            raise ValueError(f"{text} has no unit: write {text}s or {text}ms")
        raise ValueError(f"{text!r} is not a duration: write it like 500ms, 30s, 5m or 1h30m")
    seconds = (
        float(match["h"] or 0) * 3600
        + float(match["m"] or 0) * 60
        + float(match["s"] or 0)
        + float(match["ms"] or 0) / 1000
    )
    if math.isinf(seconds):
        raise ValueError("is longer than any run: write it like 500ms, 30s, 5m or 1h30m")
    return -seconds if match["sign"] == "-" else seconds


def format_duration(seconds: float) -> str:
    """A duration as a person writes it, to the millisecond: the inverse of `parse_duration`."""
    if not math.isfinite(seconds):
        return str(seconds)
    milliseconds = round(abs(seconds) * 1000)
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, milliseconds = divmod(milliseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    if not parts:
        return "0"
    return ("-" if seconds < 0 else "") + "".join(parts)


PROFILE_NAMES = ("hlsjs", "media3", "shaka", "ffmpeg", "steady")
BROWSER_PROFILES = frozenset({"hlsjs", "shaka", "steady"})
"""Those that run in a browser, or may."""


def parse_mix(text: str) -> tuple[tuple[str, float], ...]:
    """Profiles and their weights: `hlsjs`, or `hlsjs=70,media3=30`; weights are relative to their sum.

    Raises:
        ValueError: an unknown or repeated profile, or a weight that is none.
    """
    out: list[tuple[str, float]] = []
    for item in text.split(","):
        name, equals, weight = (part.strip() for part in item.partition("="))
        if name not in PROFILE_NAMES:
            raise ValueError(f"{name!r} is not one of {', '.join(PROFILE_NAMES)}")
        if any(name == known for known, _ in out):
            raise ValueError(f"{name} is named twice: name it once")
        out.append((name, _weight(weight, name) if equals else 1.0))
    return tuple(out)


ENGINE_NAMES = ("native", "ffmpeg")


def parse_engines(text: str) -> tuple[tuple[str, int], ...]:
    """Engines and their weights: `ffmpeg`, or `native=950,ffmpeg=50`; weights are relative to their sum.

    Raises:
        ValueError: an unknown or repeated engine, or a weight that is none.
    """
    out: list[tuple[str, int]] = []
    for item in text.split(","):
        name, equals, weight = (part.strip() for part in item.partition("="))
        if name not in ENGINE_NAMES:
            raise ValueError(f"{name!r} is not one of {', '.join(ENGINE_NAMES)}")
        if any(name == known for known, _ in out):
            raise ValueError(f"{name} is named twice: name it once")
        if equals and not re.fullmatch(r"[1-9]\d{0,8}", weight, re.ASCII):
            raise ValueError(f"the weight of {name} is {weight!r}: write a whole number more than 0")
        out.append((name, int(weight) if equals else 1))
    return tuple(out)


def parse_weighted_url(text: str) -> tuple[str, float]:
    """A URL and its weight: `3=http://origin/b.m3u8`; 1 unless given."""
    weight, equals, url = text.partition("=")
    if equals and re.fullmatch(r"\d+\.?\d*|\.\d+", weight.strip(), re.ASCII):
        return url.strip(), _weight(weight, url)
    return text.strip(), 1.0


def _weight(text: str, name: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight) or weight <= 0:
        raise ValueError(f"the weight of {name} is {text!r}: write a number more than 0")
    return weight


class VariantKind(StrEnum):
    """How a viewer chooses its variant; only `auto` changes it within a session."""

    ALL = "all"
    HIGHEST = "highest"
    LOWEST = "lowest"
    FIRST = "first"
    RANDOM = "random"
    AUTO = "auto"
    BITRATE = "bitrate"
    HEIGHT = "height"


@dataclass(frozen=True)
class VariantChoice:
    """Which variant to play; `value` is bit/s of `BITRATE` and lines of `HEIGHT`."""

    kind: VariantKind
    value: int = 0


_NAMED_VARIANTS = tuple(kind.value for kind in VariantKind if kind not in {VariantKind.BITRATE, VariantKind.HEIGHT})
_BITRATE = re.compile(r"(\d+\.?\d*|\.\d+)(k|m|)", re.ASCII | re.IGNORECASE)
_HEIGHT = re.compile(r"(\d{1,5})p", re.ASCII | re.IGNORECASE)


def parse_variant(text: str) -> VariantChoice:
    """`auto`, `highest`, `lowest`, `first`, `random`, `all`, a height (`720p`), or a bitrate (`3M`, `800k`).

    Raises:
        ValueError: none of these.
    """
    if text in _NAMED_VARIANTS:
        return VariantChoice(VariantKind(text))
    if height := _HEIGHT.fullmatch(text):
        return VariantChoice(VariantKind.HEIGHT, int(height[1]))
    if bitrate := _BITRATE.fullmatch(text):
        value = round(float(bitrate[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[bitrate[2].lower()])
        if value > 0:
            return VariantChoice(VariantKind.BITRATE, value)
    near = get_close_matches(text, _NAMED_VARIANTS, n=1, cutoff=0.7)
    hint = f": did you mean {near[0]}?" if near else ""
    raise ValueError(
        f"{text!r} is not one of {', '.join(_NAMED_VARIANTS)}, a height such as 720p, or a bitrate such as 3M{hint}"
    )


@dataclass(frozen=True)
class Stage:
    """A part of a plan: in `seconds`, the number of viewers moves evenly to `viewers`."""

    seconds: float
    viewers: int


def parse_stage(text: str) -> Stage:
    """`2m:500`: move to 500 viewers in two minutes; 0s moves at once.

    Raises:
        ValueError: not of that form.
    """
    duration, colon, viewers = text.partition(":")
    if not colon or not re.fullmatch(r"\d{1,8}", viewers, re.ASCII):
        raise ValueError(f"{text!r} is not a stage: write a duration and a number of viewers, such as 2m:500")
    seconds = parse_duration(duration)
    if seconds < 0:
        raise ValueError(f"{text!r} has a negative duration")
    return Stage(seconds, int(viewers))


class DistributionKind(StrEnum):
    """The shapes of a distribution of durations."""

    FIXED = "fixed"
    UNIFORM = "uniform"
    EXPONENTIAL = "exp"
    LOGNORMAL = "lognormal"


@dataclass(frozen=True)
class Distribution:
    """Durations in seconds.

    Attributes:
        first: the value (`fixed`), the least (`uniform`), the mean (`exp`), the median (`lognormal`).
        second: the greatest (`uniform`), sigma of the logarithm (`lognormal`); else 0.
    """

    kind: DistributionKind
    first: float
    second: float = 0.0


def parse_distribution(text: str) -> Distribution:
    """`5m`, `uniform:1m:10m`, `exp:5m` (its mean), or `lognormal:5m:0.8` (its median and sigma).

    Raises:
        ValueError: none of these.
    """
    name, colon, rest = text.partition(":")
    if not colon:
        return Distribution(DistributionKind.FIXED, _positive(text))
    first, _, second = rest.partition(":")
    match name:
        case "uniform" if second:
            low, high = parse_duration(first), _positive(second)
            if not 0 <= low <= high:
                raise ValueError(f"{text!r} must have the shorter duration first")
            return Distribution(DistributionKind.UNIFORM, low, high)
        case "exp" if not second:
            return Distribution(DistributionKind.EXPONENTIAL, _positive(first))
        case "lognormal" if re.fullmatch(r"\d+\.?\d*|\.\d+", second, re.ASCII):
            return Distribution(DistributionKind.LOGNORMAL, _positive(first), float(second))
    raise ValueError(f"{text!r} is not a distribution: write 5m, uniform:1m:10m, exp:5m or lognormal:5m:0.8")


_RATE = re.compile(r"(\d+\.?\d*|\.\d+)(k|m|g|)", re.ASCII | re.IGNORECASE)


def parse_rate(text: str) -> float:
    """Bits per second: `8M`, `500k`, `1.5g`, or a plain number.

    Raises:
        ValueError: it is none, or 0.
    """
    found = _RATE.fullmatch(text)
    rate = 0.0 if found is None else float(found[1]) * {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9}[found[2].lower()]
    if rate <= 0 or math.isinf(rate):
        raise ValueError(f"{text!r} is no rate: write bits per second such as 8M or 500k")
    return rate


@dataclass(frozen=True)
class AccessRate:
    """A kind of link that a viewer may have.

    Attributes:
        distribution: of bits per second; None: a trace says it.
        trace: name of a trace's file.
    """

    distribution: Distribution | None
    trace: str = ""


_TRACE = "trace:"


def parse_access_rates(text: str) -> tuple[tuple[AccessRate, float], ...]:
    """Links and their weights: `8M`, `lognormal:8M:0.6`, `trace:lte.txt`, or a mix such as `20M=60,exp:4M=40`.

    Raises:
        ValueError: in words for a person.
    """
    out = []
    for item in text.split(","):
        what, equals, weight = (part.strip() for part in item.partition("="))
        if what.startswith(_TRACE) and len(what) > len(_TRACE):
            kind = AccessRate(None, what.removeprefix(_TRACE))
        else:
            kind = AccessRate(_rates(what))
        out.append((kind, _weight(weight, what) if equals else 1.0))
    return tuple(out)


def _rates(text: str) -> Distribution:
    name, colon, rest = text.partition(":")
    if not colon:
        return Distribution(DistributionKind.FIXED, parse_rate(text))
    first, _, second = rest.partition(":")
    match name:
        case "uniform" if second:
            low, high = parse_rate(first), parse_rate(second)
            if low > high:
                raise ValueError(f"{text!r} must have the lower rate first")
            return Distribution(DistributionKind.UNIFORM, low, high)
        case "exp" if not second:
            return Distribution(DistributionKind.EXPONENTIAL, parse_rate(first))
        case "lognormal" if re.fullmatch(r"\d+\.?\d*|\.\d+", second, re.ASCII):
            return Distribution(DistributionKind.LOGNORMAL, parse_rate(first), float(second))
    raise ValueError(
        f"{text!r} is no link: write 8M, uniform:2M:20M, exp:8M, lognormal:8M:0.6 or trace:FILE, or a mix such as "
        "20M=60,4M=40"
    )


_SHARE = re.compile(r"(?P<number>\d+\.?\d*|\.\d+)(?P<percent>%?)", re.ASCII)


def parse_share(text: str) -> float:
    """A share of 0 to 1: `2%` or `0.02`.

    Raises:
        ValueError: it is none.
    """
    found = _SHARE.fullmatch(text)
    share = None if found is None else float(found["number"]) * (0.01 if found["percent"] else 1.0)
    if share is None or share > 1:
        raise ValueError(f"{text!r} is no share: write it like 2%")
    return share


def _positive(text: str) -> float:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError(f"{text!r} must be longer than 0")
    return seconds


class JoinKind(StrEnum):
    """Where a viewer begins."""

    USUAL = "live"
    START = "start"
    RANDOM = "random"
    BEHIND = "behind"


@dataclass(frozen=True)
class JoinPoint:
    """Where a viewer begins; `seconds` is how far behind the usual place, with `BEHIND`."""

    kind: JoinKind = JoinKind.USUAL
    seconds: float = 0.0


def parse_join(text: str) -> JoinPoint:
    """`live` (where the player would), `start`, `random`, or a distance behind the live edge such as `-10m`.

    Raises:
        ValueError: none of these.
    """
    if text in {JoinKind.USUAL, JoinKind.START, JoinKind.RANDOM}:
        return JoinPoint(JoinKind(text))
    if text.startswith("-"):
        return JoinPoint(JoinKind.BEHIND, -parse_duration(text))
    raise ValueError(f"{text!r} is not one of live, start, random, or a distance behind the edge such as -10m")


def parse_seek(text: str) -> float | None:
    """Seconds of a seek such as `-30s` or `2m`; None for `random`: anywhere that can be sought in.

    Raises:
        ValueError: neither.
    """
    return None if text == "random" else parse_duration(text)


_MOST_PARTS = 1000


def parse_part(text: str) -> tuple[str, int]:
    """`NAME=PARTS`, such as `b=3`: of the viewers, so many parts for the agent of this name.

    Raises:
        ValueError: in words for a person.
    """
    name, _, parts = text.rpartition("=")
    if not name or not parts.isdecimal() or not 1 <= int(parts) <= _MOST_PARTS:
        raise ValueError(f"{text!r} is not NAME=PARTS with a whole number from 1 to {_MOST_PARTS}, such as b=3")
    return name, int(parts)
