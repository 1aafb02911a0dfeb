"""The page that a player runs in, and what a browser adds to the requests of its script. Pure.

Rules:

- A page is known by its origin alone: to an origin of its own it is `https://player.example/`.
- Sec-Fetch fields and codings beside gzip and deflate go to origins that can be trusted only: https, and this machine
  (Secure Contexts 3.1). A preflight has Sec-Fetch-Mode wherever it goes.
- Sites are told apart by scheme and registrable domain. Without a list of public suffixes the last two labels of a name
  are taken for that, three where the last two are as short as `co.uk`.

As Chromium 156 sends them; codings that can not be read here (br, zstd) are not asked for, and client hints, which name
a version, are left out.
"""

from enum import Enum
from functools import lru_cache

import msgspec

from hls_swarm.http.asking.fields import Fields
from hls_swarm.http.asking.target import Route, literal_address, parse_target
from hls_swarm.http.browsing.cors import NULL_ORIGIN

ACCEPT_LANGUAGE = "en-US,en;q=0.9"
_SHORT_LABEL, _SHORT_COUNTRY = 3, 2


class Relation(Enum):
    """How far what is asked is from the page (Fetch Metadata 2.3); the greatest of all hops counts."""

    SAME_ORIGIN = "same-origin"
    SAME_SITE = "same-site"
    CROSS_SITE = "cross-site"

    @property
    def rank(self) -> int:
        """Greater is farther."""
        return tuple(Relation).index(self)


class Page(msgspec.Struct, frozen=True):
    """The page.

    Attributes:
        origin: scheme and host, with a port that is not the scheme's own: as Origin says it.
        credentials: whether the script asks with cookies (`withCredentials`).
        of_the_browser: names, in lower case, of fields that the browser adds, not the script.
    """

    origin: str
    credentials: bool = False
    of_the_browser: frozenset[str] = frozenset()

    @property
    def route(self) -> Route:
        """Where the page came from."""
        return _route(self.origin)

    def relation(self, route: Route) -> Relation:
        """How far an origin is from the page."""
        own = self.route
        if route == own:
            return Relation.SAME_ORIGIN
        same_site = route.tls == own.tls and _site(route.host) == _site(own.host)
        return Relation.SAME_SITE if same_site else Relation.CROSS_SITE

    def fields(self, route: Route, relation: Relation, *, cors: bool, tainted: bool) -> Fields:
        """What the browser adds to a request of the page's script.

        Args:
            cors: whether it goes, or was redirected, beyond the page's own origin.
            tainted: whether another origin redirected it to one more.
        """
        out: list[tuple[str, str]] = []
        if cors:
            out.append(("Origin", NULL_ORIGIN if tainted else self.origin))
        if is_trustworthy(route):
            out += [("Sec-Fetch-Site", relation.value), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")]
        out += [("Referer", f"{self.origin}/"), ("Accept-Language", ACCEPT_LANGUAGE)]
        return tuple(out)

    def preflight_fields(self, route: Route, relation: Relation, names: tuple[str, ...], *, tainted: bool) -> Fields:
        """What a preflight says, User-Agent and Accept-Encoding aside: of the request's own fields it has none."""
        out = [
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", ",".join(names)),
            ("Origin", NULL_ORIGIN if tainted else self.origin),
            ("Sec-Fetch-Mode", "cors"),
        ]
        if is_trustworthy(route):
            out += [("Sec-Fetch-Site", relation.value), ("Sec-Fetch-Dest", "empty")]
        return (*out, ("Referer", f"{self.origin}/"), ("Accept-Language", ACCEPT_LANGUAGE))


def is_trustworthy(route: Route) -> bool:
    """Whether an origin can be trusted as browsers see it (Secure Contexts 3.1)."""
    address = literal_address(route.host)
    if address is not None:
        return route.tls or address.is_loopback
    return route.tls or route.host == "localhost" or route.host.endswith(".localhost")


@lru_cache(maxsize=64)
def _route(origin: str) -> Route:
    return parse_target(origin).route


@lru_cache(maxsize=1024)
def _site(host: str) -> str:
    if literal_address(host) is not None:
        return host
    labels = host.lower().split(".")
    is_short = len(labels) > 2 and len(labels[-1]) == _SHORT_COUNTRY and len(labels[-2]) <= _SHORT_LABEL
    return ".".join(labels[-3 if is_short else -2 :])
