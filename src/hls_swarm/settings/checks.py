"""What the value of a setting must be, whichever setting it is; and how secrets are masked.

Rules:

- A mistake is a `SettingValueError`, which names the field; whoever reports it knows where the value came from.
- No message carries a secret: header values and the `user:password@` of a URL are masked.
"""

import ipaddress
import math
import re
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from hls_swarm.errors import SettingsError
from hls_swarm.settings.spellings import format_duration

_Spelled = TypeVar("_Spelled")

MASK = "***"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110 5.5; a tab is allowed in a field value
SPACE_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f]")
_USERINFO = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://|//)?.*@", re.DOTALL)
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?")
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


MOST_ORIGIN_HOSTS = 64
"""Machines of an origin whose exporters one run scrapes."""

ARGUMENTS = {"url": "URL", "run": "RUN", "runs": "RUN"}
"""What is given by its place on the command line, and what a person calls it there."""


def flag_name(field: str) -> str:
    """What a person calls a setting: its flag, or the argument that it is."""
    return ARGUMENTS.get(field) or f"--{field.rstrip('_').replace('_', '-')}"


def masked_url(url: str) -> str:
    """The URL without its user and password; of a text that is no URL, all up to the last `@` is masked."""
    if "@" not in url:
        return url
    try:
        netloc = urlsplit(url).netloc
    except ValueError:
        netloc = ""
    if netloc and "@" not in netloc:
        return url if _port_is_readable(url) else _USERINFO.sub(rf"\1{MASK}@", url)
    if netloc:
        return url.replace(netloc, f"{MASK}@{netloc.rpartition('@')[2]}", 1)
    return _USERINFO.sub(rf"\1{MASK}@", url)


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
    return f"{name}: {MASK}" if colon else MASK


def header_field(line: str) -> tuple[str, str]:
    """Name and value of a `Name: value` line (RFC 9110 5.1, 5.5).

    Raises:
        ValueError: in words for a person, without the value.
    """
    name, colon, value = line.partition(":")
    if not colon:
        raise ValueError("has no colon: write it as 'Name: value'")
    if CONTROL.search(line):
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


def listen_address(text: str) -> tuple[str, int]:
    """Host and port of an address to listen on, such as `127.0.0.1:17091`, `[::1]:17091` or `:17091`.

    Raises:
        SettingValueError: for `metrics`, in words for a person.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:
        raise SettingValueError("metrics", f"{text!r} is not an address: write it like 127.0.0.1:17091")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if (":" in bare) != (bare is not host and bool(host)) or SPACE_OR_CONTROL.search(bare):
        raise SettingValueError("metrics", f"{text!r} is not an address: IPv6 is written [::1]:17091")
    return bare or "0.0.0.0", int(port)


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
    check_whole(field, port, lowest, 65535)


def check_whole(field: str, value: int, low: int, high: int) -> None:
    """Refuse a whole number below `low` or above `high`."""
    if value < low:
        raise SettingValueError(field, f"must be at least {low}, not {value}")
    if value > high:
        raise SettingValueError(field, f"must be at most {high}, not {value}")


def check_more_than_zero(field: str, value: float, what: str) -> None:
    """Refuse what is not finite or not above 0; `what` is the unit, for the message."""
    check_finite(field, value)
    if value <= 0:
        raise SettingValueError(field, f"must be more than 0{what}, not {value:g}")


def check_not_negative(field: str, seconds: float) -> None:
    """Refuse a duration in seconds that is not finite or below 0."""
    check_finite(field, seconds)
    if seconds < 0:
        raise SettingValueError(field, f"must not be negative, which {format_duration(seconds)} is")


def check_finite(field: str, value: float) -> None:
    """Refuse infinity and what is no number."""
    if not math.isfinite(value):
        raise SettingValueError(field, f"must be a finite number, not {value}")


def check_spelling(field: str, parse: Callable[[_Spelled], object], text: _Spelled) -> None:
    """Refuse what `parse` refuses with a ValueError, in its words."""
    try:
        parse(text)
    except ValueError as error:
        raise SettingValueError(field, str(error)) from None


def check_choice(field: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse what is not one of `choices`."""
    if value not in choices:
        raise SettingValueError(field, f"{value!r} is not one of {', '.join(choices)}")


def check_no_repeats(field: str, values: tuple[str, ...]) -> None:
    """Refuse a value that is named twice."""
    for number, value in enumerate(values):
        if value in values[:number]:
            raise SettingValueError(field, f"{value} is named twice: name it once")


def check_headers(field: str, lines: tuple[str, ...]) -> None:
    """Refuse a line that is no `Name: value` header field that can be sent; see `header_field`."""
    for line in lines:
        try:
            header_field(line)
        except ValueError as error:
            raise SettingValueError(field, str(error)) from None


def check_host(host: str) -> None:
    """Refuse what is no host for `--origin-metrics-host`: a URL, a port with it, an empty name."""
    field = "origin_metrics_host"
    if "://" in host:
        raise SettingValueError(field, f"{masked_url(host)!r} is a URL: name the host only, or use --origin-metrics")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in bare:
        if not _is_ipv6(bare):
            raise SettingValueError(
                field,
                f"{masked_url(host)!r} is not a host: name it without a port, which is --origin-metrics-node-port "
                "and --origin-metrics-nginx-port",
            )
        return
    if bare is not host or bare.startswith("-") or not re.fullmatch(r"[\w.-]+", bare):
        raise SettingValueError(
            field, f"{masked_url(host)!r} is not a host: name it like 10.0.0.5 or origin.example.com"
        )


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def check_host_names(field: str, names: tuple[str, ...]) -> None:
    """Refuse what no client can call a server in its Host field: a URL, a port with it, blanks, twice the same."""
    for name in names:
        bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
        if not re.fullmatch(r"[\w.-]+", name) and not _is_ipv6(bare):
            raise SettingValueError(field, f"{masked_url(name)!r} is not a host: name it without scheme and port")
    check_no_repeats(field, names)


def check_host_and_port(field: str, text: str) -> None:
    """Refuse what is no `host`, `host:port` or `[IPv6]:port`; an IPv6 address alone may stand without brackets."""
    if "://" in text or "/" in text or "@" in text:
        raise SettingValueError(field, f"{masked_url(text)!r} is a URL: name the host only, or host:port")
    if _is_ipv6(text):
        return
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or (match[2] is not None and not 1 <= int(match[2]) <= 65535):
        raise SettingValueError(field, f"{text!r} is not a host: name it like cdn.example.com or 10.0.0.5:8080")


def check_field_name(field: str, name: str) -> None:
    """Refuse what can not be the name of a header field (RFC 9110 5.1)."""
    if not _TOKEN.fullmatch(name):
        raise SettingValueError(field, f"{masked_header(name)!r} is not the name of a header, such as X-Playback-Token")


def check_url(field: str, url: str) -> None:
    """Refuse what is no http or https URL with a host."""
    shown = repr(masked_url(url))
    if not url:
        raise SettingValueError(field, "is empty: write one such as http://origin/stream.m3u8")
    if SPACE_OR_CONTROL.search(url):
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


def check_origin(field: str, text: str) -> None:
    """Refuse what is no origin: scheme, host and perhaps a port, without anything after it (RFC 6454)."""
    check_url(field, text)
    parts = urlsplit(text)
    if parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        host = parts.netloc.rpartition("@")[2]
        raise SettingValueError(field, f"{masked_url(text)!r} is more than an origin: write {parts.scheme}://{host}")


def _check_url_port(field: str, parts: SplitResult, shown: str) -> None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    # An empty port ("http://host:/") is the scheme's own (RFC 3986 6.2.3).
    if port == 0:
        raise SettingValueError(field, f"{shown} has a bad port: it must be from 1 to 65535")
