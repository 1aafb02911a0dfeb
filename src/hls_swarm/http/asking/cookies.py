"""One viewer's cookies (RFC 6265): what Set-Cookie stores, and what Cookie says.

Rules:

- A cookie without Domain goes back to its very host; with Domain, to that domain and below it, if the host that set it
  is of that domain. Addresses and domains of one label take no Domain (5.3: a user agent may refuse more).
- Secure cookies go over https only, and only https may set them.
- Max-Age goes before Expires; what is past removes the cookie.
- Longer paths come first, then older cookies (5.4).
- An own jar and not `http.cookiejar`: that one wants urllib's request and response objects and holds a lock and a
  policy per jar, too much for thousands of viewers.
"""

from math import inf

import msgspec

from hls_swarm.http.asking.target import Target, literal_address
from hls_swarm.http.readings import http_date, max_age

_MAX_COOKIES = 64
_MAX_COOKIE_BYTES = 4096
_MAX_JAR_BYTES = 32 << 10


class Cookie(msgspec.Struct, frozen=True, gc=False):
    """One stored cookie.

    Attributes:
        host_only: set without Domain.
        expires_at: monotonic; None lasts as long as the viewer.
    """

    name: str
    value: str
    domain: str
    path: str
    host_only: bool
    secure: bool
    expires_at: float | None


class CookieJar:
    """The cookies of one viewer, bounded in number and size; the oldest gives way."""

    __slots__ = ("_bytes", "_cookies")

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], Cookie] = {}
        self._bytes = 0

    def store(self, field: str, target: Target, now: float, wall_clock: float) -> None:
        """Take in one Set-Cookie field; one that breaks a rule is ignored, as the RFC says.

        Args:
            target: what was asked for.
            now: monotonic.
            wall_clock: seconds since 1970, which Expires is compared with.
        """
        cookie = parse_cookie(field, target, now, wall_clock)
        if cookie is None:
            return
        key = (cookie.domain, cookie.path, cookie.name)
        if _is_past(cookie, now):
            self._forget(key)
            return
        before = self._cookies.get(key)
        self._cookies[key] = cookie  # in the place of the one before: its age counts (5.3)
        self._bytes += _size(cookie) - (0 if before is None else _size(before))
        while len(self._cookies) > _MAX_COOKIES or self._bytes > _MAX_JAR_BYTES:
            self._forget(next(iter(self._cookies)))

    def header(self, target: Target, now: float) -> str | None:
        """The Cookie field for a request; None if there is nothing to send."""
        for key in [key for key, cookie in self._cookies.items() if _is_past(cookie, now)]:
            self._forget(key)
        fitting = [cookie for cookie in self._cookies.values() if _fits(cookie, target)]
        fitting.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in fitting) or None

    def _forget(self, key: tuple[str, str, str]) -> None:
        cookie = self._cookies.pop(key, None)
        if cookie is not None:
            self._bytes -= _size(cookie)


def parse_cookie(field: str, target: Target, now: float, wall_clock: float) -> Cookie | None:
    """One Set-Cookie field (RFC 6265 5.2, 5.3); None if it is to be ignored."""
    pair, *rest = field.split(";")
    name, equals, value = pair.partition("=")
    name, value = name.strip(), value.strip()
    if not equals or not name or len(field) > _MAX_COOKIE_BYTES or not (name + value).isprintable():
        return None
    attributes: dict[str, str] = {}
    for attribute in rest:
        key, _, text = attribute.partition("=")
        attributes[key.strip().lower()] = text.strip()
    host = target.route.host.lower()
    domain = attributes.get("domain", "").lower().removeprefix(".")
    if domain and domain != host and ("." not in domain or not _is_below(host, domain)):
        return None
    secure = "secure" in attributes
    if secure and not target.route.tls:
        return None
    path = attributes.get("path", "")
    return Cookie(
        name=name,
        value=value,
        domain=domain or host,
        path=path if path.startswith("/") else _default_path(target.path),
        host_only=not domain,
        secure=secure,
        expires_at=_expires_at(attributes, now, wall_clock),
    )


def _expires_at(attributes: dict[str, str], now: float, wall_clock: float) -> float | None:
    lasts = max_age(attributes.get("max-age"))
    if lasts is not None:
        return now + lasts if lasts > 0 else -inf
    until = http_date(attributes.get("expires"))
    return None if until is None else now + until - wall_clock  # without a date it is kept while the viewer lives


def _size(cookie: Cookie) -> int:
    return len(cookie.name) + len(cookie.value) + len(cookie.path)


def _default_path(path: str) -> str:
    """RFC 6265 5.1.4."""
    return path[: path.rfind("/")] or "/"


def _is_below(host: str, domain: str) -> bool:
    """RFC 6265 5.1.3."""
    return host.endswith("." + domain) and literal_address(host) is None


def _is_past(cookie: Cookie, now: float) -> bool:
    return cookie.expires_at is not None and cookie.expires_at <= now


def _fits(cookie: Cookie, target: Target) -> bool:
    host, path = target.route.host.lower(), target.path
    if cookie.secure and not target.route.tls:
        return False
    if host != cookie.domain and (cookie.host_only or not _is_below(host, cookie.domain)):
        return False
    if not path.startswith(cookie.path):
        return False
    return len(path) == len(cookie.path) or cookie.path.endswith("/") or path[len(cookie.path)] == "/"
