"""Frozen, validated settings: what the command line, the environment and the settings file all end in.

Rules:

- Each field's docstring is its help text, and the order of the fields is the order of the help.
- A field's name with dashes is its flag and its key in the settings file; in capitals after `HLS_SWARM_`, its
  variable. Whoever reports a mistake knows where the value came from, so a mistake names the field.
- Every value is checked when the object is made, before anything starts. What needs the file system or the network to
  be checked is not checked here: this module is pure.
- Durations are float seconds, marked `Seconds`; only what a person writes and reads has units.
- Headers and the `user:password@` of a URL are secrets: no message, `repr` or copy for a report carries them.
"""

import ipaddress
import math
import re
from dataclasses import dataclass, replace
from typing import Annotated, Literal, get_args
from urllib.parse import SplitResult, urlsplit

from hls_swarm.errors import SettingsError

SECONDS = "seconds"
Seconds = Annotated[float, SECONDS]
"""A duration in seconds; a person writes it as `parse_duration` reads it."""

LINES = "lines"
Lines = Annotated[tuple[str, ...], LINES]
"""Texts that have spaces of their own: several of them in one environment variable are one a line."""

VariantChoice = Literal["all", "highest", "lowest", "first"]

_MASK = "***"
_MAX_SEED = 2**63 - 1
_DURATION = re.compile(
    r"(?P<sign>[+-]?)(?:(?P<h>\d+\.?\d*|\.\d+)h)?(?:(?P<m>\d+\.?\d*|\.\d+)m)?"
    r"(?:(?P<s>\d+\.?\d*|\.\d+)s)?(?:(?P<ms>\d+\.?\d*|\.\d+)ms)?",
    re.ASCII,
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110 5.5; a tab is allowed in a field value
_SPACE_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f]")
_USERINFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://|//)?.*@", re.DOTALL)
_CLIENTS_OWN_FIELDS = frozenset({"connection", "content-length", "host", "transfer-encoding"})


class SettingValueError(SettingsError):
    """One setting has a value that can not be used.

    Args:
        field: name of the field of the settings, such as `ramp_rate`.
        reason: what is wrong with it and what to do, without secrets.
    """

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(f"{flag_name(field)}: {reason}")


def flag_name(field: str) -> str:
    """What a person calls a setting: its flag; the URL is an argument without one."""
    return "URL" if field == "url" else f"--{field.replace('_', '-')}"


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


def masked_url(url: str) -> str:
    """The URL without its user and password; of a text that is no URL, all up to the last `@` is masked."""
    if "@" not in url:
        return url
    try:
        netloc = urlsplit(url).netloc
    except ValueError:
        netloc = ""
    if netloc and "@" not in netloc:
        return url if _port_is_readable(url) else _USERINFO.sub(rf"\1{_MASK}@", url)
    if netloc:
        return url.replace(netloc, f"{_MASK}@{netloc.rpartition('@')[2]}", 1)
    return _USERINFO.sub(rf"\1{_MASK}@", url)


def _port_is_readable(url: str) -> bool:
    # "http://user:pass/word@host/" splits at the slash: what looks like its port is the start of the password.
    try:
        _ = urlsplit(url).port
    except ValueError:
        return False
    return True


def masked_header(line: str) -> str:
    """A `Name: value` line with its value masked; all of a line without a colon."""
    name, colon, _ = line.partition(":")
    return f"{name}: {_MASK}" if colon else _MASK


def header_field(line: str) -> tuple[str, str]:
    """Name and value of a `Name: value` line (RFC 9110 5.1, 5.5).

    Raises:
        ValueError: in words for a person, without the value.
    """
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError("has no colon: write it as 'Name: value'")
    if _CONTROL.search(line):
        raise ValueError("has a line break or control character in it: give one header per flag")
    name, value = name.rstrip(" \t"), value.strip(" \t")
    if not name:
        raise ValueError("has no name before the colon: write it as 'Name: value'")
    if not _TOKEN.fullmatch(name):
        raise ValueError("has a name with other characters than letters, digits and -_.!#$%&'*+^`|~")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"the value of {name} has characters outside ISO-8859-1: encode them") from None
    if name.lower() in _CLIENTS_OWN_FIELDS:
        hint = ": put the name in the URL and the address in --resolve" if name.lower() == "host" else ""
        raise ValueError(f"{name} is the client's own to send{hint}")
    return name, value


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """Everything one load test needs to know. Durations are seconds."""

    url: str
    """Multivariant or media playlist to load, http or https."""

    clients: int = 10
    """Number of viewers."""

    ramp_rate: float = 5.0
    """Viewers started per second."""

    ramp_jitter: Seconds = 0.2
    """Each start is moved by a random time up to this, drawn from the seed."""

    duration: Seconds = 0.0
    """How long to run, ramp included; 0 runs until stopped."""

    seed: int = 1
    """Seed of everything random: the same seed gives the same schedule."""

    workers: int = 0
    """Worker processes; 0 is one per core."""

    variant: VariantChoice = "highest"
    """Which variant a viewer plays; "all" downloads every variant at once."""

    user_agent: str = ""
    """User-Agent of the viewers; by default hls-swarm and its version."""

    header: Lines = ()
    """One more request header, as 'Name: value'; repeatable."""

    timeout: Seconds | None = None
    """Time limit of a whole playlist or segment request; by default the player's own limits."""

    no_cache: bool = False
    """Ask caches on the way for fresh answers (Cache-Control and Pragma: no-cache)."""

    resolve: str | None = None
    """Connect to this address instead of what DNS says for the URL's host; needs --dangerous."""

    dangerous: bool = False
    """Allow settings that can send load to somewhere other than the URL says."""

    tui: bool | None = None
    """Live display; by default on a terminal only."""

    json: str | None = None
    """Write the summary as JSON to this file; - is standard output."""

    origin_metrics: str | None = None
    """URL of the origin's node_exporter page."""

    nginx_metrics: str | None = None
    """URL of the origin's nginx exporter page."""

    origin_metrics_host: tuple[str, ...] = ()
    """Host of the origin's exporters: builds both URLs; repeatable."""

    origin_metrics_node_port: int = 9100
    """Port of node_exporter, used with --origin-metrics-host."""

    origin_metrics_nginx_port: int = 9113
    """Port of the nginx exporter, used with --origin-metrics-host."""

    origin_metrics_interval: Seconds = 2.0
    """Time between two scrapes of the origin's exporters, at least 250ms."""

    origin_metrics_window: Seconds = 30.0
    """Rolling window for P50, P95 and max of the origin's rates: 10s to 5m, at least 2 intervals."""

    origin_metrics_interface: tuple[str, ...] = ()
    """Network device that counts, by default the physical or primary ones; repeatable."""

    origin_metrics_header: Lines = ()
    """Header for the exporters, as 'Name: value', such as a bearer token; repeatable."""

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            SettingValueError: for the first that can not be used.
        """
        _check_url("url", self.url)
        self._check_load()
        self._check_viewers()
        if self.json is not None:
            check_file_name("json", self.json)
        self._check_origin_metrics()

    def __repr__(self) -> str:
        """All fields, secrets masked."""
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in vars(self.without_secrets()).items())})"

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The viewers' extra header fields as name and value."""
        return tuple(header_field(line) for line in self.header)

    @property
    def origin_metrics_headers(self) -> tuple[tuple[str, str], ...]:
        """The scraper's extra header fields as name and value."""
        return tuple(header_field(line) for line in self.origin_metrics_header)

    def without_secrets(self) -> "Settings":
        """The same settings for files, logs and reports: header values and `user:password@` of URLs masked."""
        return replace(
            self,
            url=masked_url(self.url),
            origin_metrics=None if self.origin_metrics is None else masked_url(self.origin_metrics),
            nginx_metrics=None if self.nginx_metrics is None else masked_url(self.nginx_metrics),
            header=tuple(masked_header(line) for line in self.header),
            origin_metrics_header=tuple(masked_header(line) for line in self.origin_metrics_header),
        )

    def _check_load(self) -> None:
        _check_whole("clients", self.clients, 1, 10_000_000)
        _check_more_than_zero("ramp_rate", self.ramp_rate, " viewers per second")
        _check_not_negative("ramp_jitter", self.ramp_jitter)
        _check_not_negative("duration", self.duration)
        _check_whole("seed", self.seed, 0, _MAX_SEED)
        _check_whole("workers", self.workers, 0, 1024)

    def _check_viewers(self) -> None:
        _check_choice("variant", self.variant, get_args(VariantChoice))
        if _CONTROL.search(self.user_agent):
            raise SettingValueError("user_agent", "has a line break or control character in it: take it out")
        if not self.user_agent.isascii():
            raise SettingValueError("user_agent", "has characters outside ASCII: take them out")
        _check_headers("header", self.header)
        if self.timeout is not None:
            _check_more_than_zero("timeout", self.timeout, " (leave it out for the player's own limits)")
        if self.resolve is not None:
            _check_resolve(self.resolve, dangerous=self.dangerous)

    def _check_origin_metrics(self) -> None:
        if self.origin_metrics is not None:
            _check_url("origin_metrics", self.origin_metrics)
        if self.nginx_metrics is not None:
            _check_url("nginx_metrics", self.nginx_metrics)
        for host in self.origin_metrics_host:
            _check_host(host)
        _check_no_repeats("origin_metrics_host", self.origin_metrics_host)
        check_port("origin_metrics_node_port", self.origin_metrics_node_port)
        check_port("origin_metrics_nginx_port", self.origin_metrics_nginx_port)
        interval, window = self.origin_metrics_interval, self.origin_metrics_window
        _check_finite("origin_metrics_interval", interval)
        if interval < 0.25:
            raise SettingValueError(
                "origin_metrics_interval", f"must be at least 250ms, not {format_duration(interval)}"
            )
        if not 10.0 <= window <= 300.0:
            raise SettingValueError("origin_metrics_window", f"must be from 10s to 5m, not {format_duration(window)}")
        if window < 2 * interval:
            raise SettingValueError(
                "origin_metrics_window",
                f"{format_duration(window)} must hold at least 2 scrapes, which are {format_duration(interval)} apart: "
                "lengthen it or shorten --origin-metrics-interval",
            )
        for name in self.origin_metrics_interface:
            if not name or "/" in name or _SPACE_OR_CONTROL.search(name):
                raise SettingValueError("origin_metrics_interface", f"{name!r} is not the name of a network device")
        _check_no_repeats("origin_metrics_interface", self.origin_metrics_interface)
        _check_headers("origin_metrics_header", self.origin_metrics_header)


def check_file_name(field: str, name: str) -> None:
    """Refuse what can not be meant as a file name, a swallowed flag above all.

    Raises:
        SettingValueError: naming the field.
    """
    if not name or "\0" in name:
        raise SettingValueError(field, "needs the name of a file")
    if name.startswith("-") and name != "-":
        raise SettingValueError(
            field, f"{name!r} looks like a flag, not a file: write ./{name} if such a file is meant"
        )


def check_port(field: str, port: int, *, lowest: int = 1) -> None:
    """Refuse what is not a TCP port; `lowest` is 0 where that stands for any free one.

    Raises:
        SettingValueError: naming the field.
    """
    _check_whole(field, port, lowest, 65535)


def _check_whole(field: str, value: int, low: int, high: int) -> None:
    if value < low:
        raise SettingValueError(field, f"must be at least {low}, not {value}")
    if value > high:
        raise SettingValueError(field, f"must be at most {high}, not {value}")


def _check_more_than_zero(field: str, value: float, what: str) -> None:
    _check_finite(field, value)
    if value <= 0:
        raise SettingValueError(field, f"must be more than 0{what}, not {value:g}")


def _check_not_negative(field: str, seconds: float) -> None:
    _check_finite(field, seconds)
    if seconds < 0:
        raise SettingValueError(field, f"must not be negative, which {format_duration(seconds)} is")


def _check_finite(field: str, value: float) -> None:
    if not math.isfinite(value):
        raise SettingValueError(field, f"must be a finite number, not {value}")


def _check_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingValueError(field, f"{value!r} is not one of {', '.join(choices)}")


def _check_no_repeats(field: str, values: tuple[str, ...]) -> None:
    for number, value in enumerate(values):
        if value in values[:number]:
            raise SettingValueError(field, f"{value} is named twice: name it once")


def _check_headers(field: str, lines: tuple[str, ...]) -> None:
    for line in lines:
        try:
            header_field(line)
        except ValueError as error:
            raise SettingValueError(field, str(error)) from None


def _check_resolve(address: str, *, dangerous: bool) -> None:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise SettingValueError("resolve", f"{address!r} is not an IP address: write one such as 192.0.2.7") from None
    if not dangerous:
        raise SettingValueError(
            "resolve", "sends the load elsewhere than the URL says: add --dangerous if that is meant"
        )


def _check_host(host: str) -> None:
    field = "origin_metrics_host"
    if "://" in host:
        raise SettingValueError(field, f"{masked_url(host)!r} is a URL: name the host only, or use --origin-metrics")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare:
        try:
            ipaddress.IPv6Address(bare)
        except ValueError:
            raise SettingValueError(
                field,
                f"{masked_url(host)!r} is not a host: name it without a port, which is --origin-metrics-node-port "
                "and --origin-metrics-nginx-port",
            ) from None
        return
    if bare is not host or bare.startswith("-") or not re.fullmatch(r"[\w.-]+", bare):
        raise SettingValueError(
            field, f"{masked_url(host)!r} is not a host: name it like 10.0.0.5 or origin.example.com"
        )


def _check_url(field: str, url: str) -> None:
    shown = repr(masked_url(url))
    if not url:
        raise SettingValueError(field, "is empty: write one such as http://origin/stream.m3u8")
    if _SPACE_OR_CONTROL.search(url):
        raise SettingValueError(field, f"{shown} has a space or control character in it: write it as %20 and the like")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise SettingValueError(
            field, f"{shown} has a host that can not be read: IPv6 is written [2001:db8::7]"
        ) from None
    if parts.scheme not in {"http", "https"} or not url[len(parts.scheme) :].startswith("://"):
        raise SettingValueError(field, f"{shown} must start with http:// or https://")
    if not parts.hostname:
        raise SettingValueError(field, f"{shown} has no host: write it like {parts.scheme}://origin/stream.m3u8")
    _check_url_port(field, parts, shown)


def _check_url_port(field: str, parts: SplitResult, shown: str) -> None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    # An empty port ("http://host:/") is the scheme's own (RFC 3986 6.2.3).
    if port == 0:
        raise SettingValueError(field, f"{shown} has a bad port: it must be from 1 to 65535")
