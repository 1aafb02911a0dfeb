"""From a URL to what a request needs: whom to connect to and what to ask for (RFC 3986, RFC 9112 3.2)."""

import base64
import ipaddress
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, unquote_to_bytes, urlencode, urljoin, urlsplit

import msgspec

from hls_swarm.http.failures import authority
from hls_swarm.http.fetcher import Query
from hls_swarm.records import FailureKind
from hls_swarm.settings.checks import masked_url

MOST_URL_CHARACTERS = 64 << 10
"""Servers take 8 to 64 KiB of a request line."""
CACHED_URL_CHARACTERS = 2048
"""Longer URLs are rare, and would let a peer fill memory: they are neither remembered nor shown whole."""

_SHOWN_CHARACTERS = 400
_DEFAULT_PORT = {"http": 80, "https": 443}
# What browsers leave as it is (WHATWG URL, percent-encode sets of path and query); "%" marks what is encoded already.
_PATH_SAFE = "%/:?[]@!$&'()*+,;=-._~|^"
_QUERY_SAFE = _PATH_SAFE + "{}`\\"
_COMPONENT_SAFE = "!'()*-._~"  # what encodeURIComponent leaves as it is
_MOST_HOST_CHARACTERS = 255  # RFC 1035 2.3.4
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


class BadUrl(ValueError):  # noqa: N818 - it says what the value is
    """Not a URL that can be fetched over HTTP; the text says why."""

    kind = FailureKind.MALFORMED


class UrlTooLong(BadUrl):
    """A URL that no server takes."""

    kind = FailureKind.URL_TOO_LONG


class Route(NamedTuple):
    """Where a connection leads; requests with equal routes can share one."""

    tls: bool
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port, as CONNECT names them."""
        return authority(self.host, self.port)


class Target(msgspec.Struct, frozen=True, gc=False):
    """One URL, taken apart once.

    Attributes:
        url: absolute, without fragment and user information.
        path: without the query, for cookies.
        request_line: `GET ... HTTP/1.1` and its line end.
        host_line: the Host field and its line end.
        shown: for a person, see `shown_url`.
        authorization: value of the Authorization field that the URL's user information asks for.
        trusted: whether the secrets of the run's origins may be told there, as its context says.
    """

    url: str
    route: Route
    path: str
    request_line: bytes
    host_line: bytes
    shown: str
    authorization: str | None = None
    trusted: bool = True


def parse_target(url: str, *, absolute_form: bool = False) -> Target:
    """Take a URL apart.

    Args:
        absolute_form: ask as a proxy wants to be asked (RFC 9112 3.2.2), for http only.

    Raises:
        BadUrl: it is not an absolute http or https URL.
    """
    if len(url) > MOST_URL_CHARACTERS:
        raise UrlTooLong(f"a URL of {len(url)} characters")
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise BadUrl(f"not a URL: {error}") from None
    default_port = _DEFAULT_PORT.get(parts.scheme)
    if default_port is None:
        raise BadUrl(f"not an http or https URL: {_scheme_of(url)}")
    host = _host(parts)
    port = default_port if port is None else port
    shown = f"[{host}]" if ":" in host else host
    field = shown if port == default_port else f"{shown}:{port}"
    try:
        path = quote(parts.path or "/", safe=_PATH_SAFE)
        query = "?" + quote(parts.query, safe=_QUERY_SAFE) if parts.query else ""
        authorization = basic_authorization(parts)
    except UnicodeError:
        raise BadUrl("a URL with characters that can not be encoded") from None
    if not path.startswith("/"):
        path = "/" + path
    if len(path) + len(query) > MOST_URL_CHARACTERS:
        raise UrlTooLong(f"a URL of {len(path) + len(query)} characters")
    tls = parts.scheme == "https"
    absolute = f"{parts.scheme}://{field}{path}{query}"
    asked = absolute if absolute_form and not tls else path + query
    return Target(
        url=url if url == absolute else absolute,  # the same text need not be held twice
        route=_route(tls, host, port),
        path=path,
        request_line=f"GET {asked} HTTP/1.1\r\n".encode("ascii"),
        host_line=_host_line(field),
        shown=shown_url(url),
        authorization=authorization,
    )


_route = lru_cache(maxsize=256)(Route)
"""One for all targets that have it: thousands of URLs are remembered."""


@lru_cache(maxsize=256)
def _host_line(field: str) -> bytes:
    return f"Host: {field}\r\n".encode("ascii")


def queried(target: Target, query: Query) -> bytes:
    """The request line of a target with one more parameter in its query."""
    path, _, before = target.request_line[4:-11].decode("ascii").partition("?")
    if query.anew:
        pairs = parse_qsl(before, keep_blank_values=True)
        named = [at for at, (name, _) in enumerate(pairs) if name == query.name]
        if named:
            pairs[named[0]] = (query.name, query.value)
            pairs = [pair for at, pair in enumerate(pairs) if at not in named[1:]]
        else:
            pairs.append((query.name, query.value))
        asked = urlencode(pairs, safe="*").replace("~", "%7E")  # application/x-www-form-urlencoded (WHATWG URL 5)
    else:
        added = f"{query.name}={quote(query.value, safe=_COMPONENT_SAFE)}"
        asked = f"{before}&{added}" if before else added
    return f"GET {path}?{asked} HTTP/1.1\r\n".encode("ascii")


def shown_url(url: str) -> str:
    """The URL as asked for, without user information; of a long one the beginning, and how long it is."""
    if len(url) <= CACHED_URL_CHARACTERS:
        return masked_url(url)
    return f"{masked_url(url[:MOST_URL_CHARACTERS])[:_SHOWN_CHARACTERS]}... ({len(url)} characters)"


def joined(base: str, reference: str) -> str:
    """A redirect's location as an absolute URL (RFC 9110 10.2.2, RFC 3986 5).

    Args:
        reference: as ISO 8859-1, as fields are read; bytes beyond ASCII are percent-encoded as they came.
    """
    try:
        return urljoin(base, quote(reference.strip().encode("latin-1"), safe=_ASCII))
    except ValueError as error:
        raise BadUrl(f"not a URL: {error}") from None


def literal_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, if the host is one; it needs no lookup."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def basic_authorization(parts: SplitResult) -> str | None:
    """What a URL's user information means as a credential (RFC 7617)."""
    if parts.username is None:
        return None
    pair = unquote_to_bytes(parts.username) + b":" + unquote_to_bytes(parts.password or "")
    return "Basic " + base64.b64encode(pair).decode("ascii")


def _host(parts: SplitResult) -> str:
    host = parts.hostname
    if not host:
        raise BadUrl("a URL without a host")
    if len(host) > _MOST_HOST_CHARACTERS:
        raise BadUrl(f"a host of {len(host)} characters")
    if host.isascii():
        if any(ch <= " " or ch in '\x7f/\\<>"' for ch in host):
            raise BadUrl("a host with characters that none has")
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise BadUrl("a host that is not a domain name") from None


def _scheme_of(url: str) -> str:
    scheme, colon, _ = url.strip().partition(":")
    return repr(scheme[:24]) if colon else "no scheme"
