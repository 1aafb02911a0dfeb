"""Which pages of which machines are scraped, how often, and with what credentials.

Rules:

- A host builds both URLs, `http://HOST:PORT/metrics`; IPv6 literals are bracketed. One host is one target.
- An explicit URL wins over the one built from the host, each for itself. With several hosts it belongs to the one it
  names; without hosts the explicit URLs are one target, named after the first of them.
- `user:password@` in a URL becomes an Authorization header. From then on no URL here has user, password, or any other
  secret in it, and no header is part of a `repr`: neither can reach a log or a report.
- Bad values are refused here, before anything starts, each message naming its flag and never repeating a secret.
"""

import re
from base64 import b64encode
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address
from math import isfinite
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from hls_swarm.errors import SettingsError
from hls_swarm.origin.dialects.matchers import parse_matcher
from hls_swarm.settings.checks import MOST_ORIGIN_HOSTS
from hls_swarm.settings.own_signals import OwnSignal
from hls_swarm.snapshot.origin.metrics import Role

SHORTEST_INTERVAL = 0.25
SHORTEST_WINDOW, LONGEST_WINDOW = 10.0, 300.0
WINDOW_INTERVALS = 2
"""A window holds at least this many intervals, else it has nothing to take a percentile of."""

_NODE_FLAG, _NGINX_FLAG, _HOST_FLAG = "--origin-metrics", "--nginx-metrics", "--origin-metrics-host"
_PROMETHEUS_FLAG, _LABEL_FLAG = "--prometheus", "--prometheus-label"
_HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.1
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 5.5
_DEVICE = re.compile(r"[^\s/]{1,15}")  # IFNAMSIZ of Linux is 16 with the final zero

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class SourceSettings:
    """One page to scrape.

    Attributes:
        url: to ask for; without user and password, but its query may hold a token.
        shown_url: for a person: without the query too.
        headers: to send with it; secret.
        is_one_of_several: places of which those are taken that answer, see `choice`.
    """

    role: Role
    url: str = field(repr=False)
    shown_url: str
    headers: Headers = field(default=(), repr=False)
    is_one_of_several: bool = False


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """One machine of the origin."""

    name: str
    sources: tuple[SourceSettings, ...]


@dataclass(frozen=True, kw_only=True)
class PrometheusSettings:
    """A Prometheus server that scrapes the origin already.

    Attributes:
        name: its host.
        url: of its web page, without user and password.
        shown_url: for a person.
        matchers: label matchers as in PromQL, all of which an origin's series have.
        headers: to send with each query; secret.
    """

    name: str
    url: str = field(repr=False)
    shown_url: str
    matchers: tuple[str, ...]
    headers: Headers = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True)
class OriginSettings:
    """All there is to scrape. Durations are seconds.

    Attributes:
        interval: time between scrapes.
        window: length of the rolling window.
        interfaces: network devices that count; empty is automatic.
        prometheus: asked instead of the exporters; there are no `targets` then.
        own_signals: what the user added to the built-in ones.
    """

    targets: tuple[TargetSettings, ...]
    interval: float = 2.0
    window: float = 30.0
    interfaces: frozenset[str] = frozenset()
    prometheus: PrometheusSettings | None = None
    own_signals: tuple[OwnSignal, ...] = ()


def origin_settings(
    *,
    node_url: str | None = None,
    nginx_url: str | None = None,
    hosts: tuple[str, ...] = (),
    node_port: int = 9100,
    nginx_port: int = 9113,
    log_exporter_port: int | None = None,
    interval: float = 2.0,
    window: float = 30.0,
    interfaces: tuple[str, ...] = (),
    headers: tuple[str, ...] = (),
    prometheus_url: str | None = None,
    prometheus_labels: tuple[str, ...] = (),
    own_signals: tuple[OwnSignal, ...] = (),
) -> OriginSettings | None:
    """What the flags say; None if they name no page, and then nothing is scraped.

    Args:
        node_url: `--origin-metrics`.
        nginx_url: `--nginx-metrics`.
        hosts: `--origin-metrics-host`.
        node_port: `--origin-metrics-node-port`.
        nginx_port: `--origin-metrics-nginx-port`.
        log_exporter_port: where an nginx exporter may be as well, of a host that has no URL of its own for it.
        interval: `--origin-metrics-interval`, seconds.
        window: `--origin-metrics-window`, seconds.
        interfaces: `--origin-metrics-interface`.
        headers: `--origin-metrics-header`, each `Name: value`.
        prometheus_url: `--prometheus`.
        prometheus_labels: `--prometheus-label`.
        own_signals: `--origin-signal`.

    Raises:
        SettingsError: a value is wrong; the message names the flag.
    """
    _check_times(interval, window)
    ports = {
        Role.NODE: _port(node_port, "--origin-metrics-node-port"),
        Role.NGINX: _port(nginx_port, "--origin-metrics-nginx-port"),
    }
    shared = _headers(headers)
    explicit: dict[Role, SourceSettings] = {}
    if node_url is not None:
        explicit[Role.NODE] = _source(Role.NODE, node_url, _NODE_FLAG, shared)
    if nginx_url is not None:
        explicit[Role.NGINX] = _source(Role.NGINX, nginx_url, _NGINX_FLAG, shared)
    names = _host_names(hosts)
    counted = _interfaces(interfaces)
    prometheus = _prometheus(prometheus_url, prometheus_labels, shared)
    if prometheus is not None:
        if names or explicit:
            raise SettingsError(
                f"{_PROMETHEUS_FLAG} takes the place of {_NODE_FLAG}, {_NGINX_FLAG} and {_HOST_FLAG}: name it or them"
            )
        return OriginSettings(
            targets=(),
            interval=interval,
            window=window,
            interfaces=counted,
            prometheus=prometheus,
            own_signals=own_signals,
        )
    if names:
        targets = _targets_of_hosts(names, ports, log_exporter_port, explicit, shared)
    elif explicit:
        first = next(iter(explicit.values()))
        targets = (TargetSettings(name=_host_of(first.url), sources=tuple(explicit.values())),)
    else:
        return None
    return OriginSettings(
        targets=targets, interval=interval, window=window, interfaces=counted, own_signals=own_signals
    )


def _targets_of_hosts(
    names: tuple[str, ...],
    ports: dict[Role, int],
    log_exporter_port: int | None,
    explicit: dict[Role, SourceSettings],
    headers: Headers,
) -> tuple[TargetSettings, ...]:
    owners: dict[Role, str] = {}
    for role, source in explicit.items():
        named = _host_of(source.url)
        if len(names) > 1 and named not in names:
            flag = _NODE_FLAG if role is Role.NODE else _NGINX_FLAG
            raise SettingsError(
                f"{flag} names {named}, which is none of the {len(names)} hosts of {_HOST_FLAG}: "
                f"name it with {_HOST_FLAG} too, or leave one of the two flags out"
            )
        owners[role] = named if named in names else names[0]
    targets = []
    for name in names:
        sources = tuple(
            explicit[role] if owners.get(role) == name else _built_source(role, name, port, headers)
            for role, port in ports.items()
        )
        if log_exporter_port is not None and owners.get(Role.NGINX) != name:
            other = _built_source(Role.NGINX, name, log_exporter_port, headers)
            places = [source for source in (*sources, other) if source.role is Role.NGINX]
            sources = (
                *(source for source in sources if source.role is not Role.NGINX),
                *(replace(place, is_one_of_several=True) for place in places),
            )
        targets.append(TargetSettings(name=name, sources=sources))
    return tuple(targets)


def _built_source(role: Role, host: str, port: int, headers: Headers) -> SourceSettings:
    url = f"http://{_bracketed(host)}:{port}/metrics"
    return SourceSettings(role=role, url=url, shown_url=url, headers=headers)


def _source(role: Role, url: str, flag: str, headers: Headers) -> SourceSettings:
    bare, sent = _without_secrets(url, flag, headers, "http://10.177.0.10:9100/metrics")
    shown = urlunsplit(bare._replace(query=""))
    return SourceSettings(role=role, url=urlunsplit(bare), shown_url=shown, headers=sent)


def _prometheus(url: str | None, labels: tuple[str, ...], headers: Headers) -> PrometheusSettings | None:
    if url is None:
        if labels:
            raise SettingsError(f"{_LABEL_FLAG} needs {_PROMETHEUS_FLAG}")
        return None
    bare, sent = _without_secrets(url, _PROMETHEUS_FLAG, headers, "http://prometheus:9090")
    if bare.query:
        raise SettingsError(f"{_PROMETHEUS_FLAG} is the URL of Prometheus' web page, without a query")
    if not labels:
        raise SettingsError(
            f'{_PROMETHEUS_FLAG} needs {_LABEL_FLAG} to know the origin from others, such as instance=~"10.0.0.5:.*"'
        )
    root = urlunsplit(bare).rstrip("/")
    matchers = tuple(parse_matcher(label) for label in labels)
    return PrometheusSettings(name=_host_of(root), url=root, shown_url=root, matchers=matchers, headers=sent)


def _without_secrets(url: str, flag: str, headers: Headers, example: str) -> tuple[SplitResult, Headers]:
    """A URL without user and password, and the headers with them."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SettingsError(f"{flag} is not a URL: it has a bad host or port") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"{flag} must be a URL such as {example}")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise SettingsError(f"{flag} has a blank or a control character in it")
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        authorization = ("Authorization", f"Basic {b64encode(secret).decode()}")  # RFC 7617 2
        headers = (*(one for one in headers if one[0].lower() != "authorization"), authorization)
    host = _bracketed(parts.hostname) + ("" if port is None else f":{port}")
    return SplitResult(parts.scheme, host, parts.path or "/", parts.query, ""), headers


def _check_times(interval: float, window: float) -> None:
    if not isfinite(interval) or interval < SHORTEST_INTERVAL:
        raise SettingsError(f"--origin-metrics-interval must be at least {SHORTEST_INTERVAL * 1000:.0f}ms")
    if not SHORTEST_WINDOW <= window <= LONGEST_WINDOW:
        raise SettingsError(
            f"--origin-metrics-window must be from {SHORTEST_WINDOW:.0f}s to {LONGEST_WINDOW:.0f}s, not {window:g}s"
        )
    if window < WINDOW_INTERVALS * interval:
        raise SettingsError(
            f"--origin-metrics-window of {window:g}s holds less than {WINDOW_INTERVALS} intervals of "
            f"--origin-metrics-interval {interval:g}s"
        )


def _port(port: int, flag: str) -> int:
    if not 1 <= port <= 65535:
        raise SettingsError(f"{flag} must be from 1 to 65535, not {port}")
    return port


def _host_names(hosts: tuple[str, ...]) -> tuple[str, ...]:
    if len(hosts) > MOST_ORIGIN_HOSTS:
        raise SettingsError(f"{_HOST_FLAG} names {len(hosts)} hosts: at most {MOST_ORIGIN_HOSTS}")
    names = []
    for host in hosts:
        name = host.strip().removeprefix("[").removesuffix("]").lower()
        if not (_is_ipv6(name) or _HOST_NAME.fullmatch(name)):
            hint = "; for a URL use --origin-metrics" if "/" in host else ""
            hint = "; ports have flags of their own" if not hint and ":" in host else hint
            raise SettingsError(f"{_HOST_FLAG} must be a host name or an address{hint}")
        if name in names:
            raise SettingsError(f"{_HOST_FLAG} names {name} twice")
        names.append(name)
    return tuple(names)


def _interfaces(interfaces: tuple[str, ...]) -> frozenset[str]:
    for device in interfaces:
        if not _DEVICE.fullmatch(device):
            raise SettingsError(f"--origin-metrics-interface must be the name of a network device, not {device[:40]!r}")
    return frozenset(interfaces)


def _headers(headers: tuple[str, ...]) -> Headers:
    pairs = []
    for header in headers:
        name, colon, value = header.partition(":")
        value = value.strip(" \t")
        if not colon or not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(value):
            raise SettingsError("--origin-metrics-header must be 'Name: value'")
        pairs.append((name, value))
    return tuple(pairs)


def _host_of(url: str) -> str:
    return urlsplit(url).hostname or url


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
