"""CORS: whether a page's script may ask, and read the answer. Pure.

Rules:

- A request to another origin than the page's names that in Origin; its answer must allow it (Fetch 4.10, CORS check).
- One with a field that a form could not send is asked about first: a preflight (Fetch 4.8). Fields that a browser sets
  itself are its own; what is left, of names in lower case, is what a preflight asks for.
- What a preflight allowed is remembered for each URL: 5 s, or as long as Access-Control-Max-Age says, two hours at most
  (Chromium: `preflight_result.cc`, `preflight_cache.cc`).
- After a redirect from one foreign origin to another, the page's origin is not told any more: it is `null`.

Sources: the Fetch standard, and Chromium 156 as observed on a loopback server.
"""

import re
from collections.abc import Iterable
from math import inf

import msgspec

NULL_ORIGIN = "null"
DEFAULT_AGE_SECONDS, MOST_AGE_SECONDS = 5.0, 7200.0
_MOST_ENTRIES, _MOST_URL_CHARACTERS = 1024, 512
_MOST_SAFE_CHARACTERS = 128
_SAFE = frozenset({"accept", "accept-language", "content-language", "range"})
_WORDS = (
    "accept-charset accept-encoding connection content-length cookie cookie2 date dnt expect host keep-alive origin "
    "referer te trailer transfer-encoding upgrade user-agent via"
)
_OF_THE_BROWSER = frozenset(_WORDS.split())
_OF_THE_BROWSER_TOO = ("access-control-", "proxy-", "sec-")
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)


class CorsFields(msgspec.Struct, frozen=True, gc=False):
    """The Access-Control fields of an answer, several of one name joined by commas; None: it has none of that name."""

    allow_origin: str | None = None
    allow_credentials: str | None = None
    allow_headers: str | None = None
    expose_headers: str | None = None
    max_age: str | None = None


CORS_NAMES = {
    b"access-control-allow-origin": "allow_origin",
    b"access-control-allow-credentials": "allow_credentials",
    b"access-control-allow-headers": "allow_headers",
    b"access-control-expose-headers": "expose_headers",
    b"access-control-max-age": "max_age",
}
"""Field names to attributes of `CorsFields`."""


def asked_for(fields: Iterable[tuple[str, str]], of_the_browser: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Names in lower case, sorted, that a script's fields need leave for.

    Args:
        of_the_browser: names, in lower case, that the browser sets itself, besides those that it always does.
    """
    names = set()
    for name, value in fields:
        name = name.lower()
        if name in _OF_THE_BROWSER or name.startswith(_OF_THE_BROWSER_TOO) or name in of_the_browser:
            continue
        if name not in _SAFE or len(value) > _MOST_SAFE_CHARACTERS:
            names.add(name)
    return tuple(sorted(names))


def refusal(cors: CorsFields | None, origin: str, *, credentials: bool) -> str | None:
    """Why a browser withholds an answer from the page of this origin, in words; None if it does not (Fetch 4.10)."""
    allowed = None if cors is None else cors.allow_origin
    if cors is None or allowed is None:
        return "no Access-Control-Allow-Origin"
    if allowed == "*" and not credentials:
        return None
    if allowed == "*":
        return "Access-Control-Allow-Origin is *, which does not do for a request with credentials"
    if "," in allowed:
        return f"Access-Control-Allow-Origin has several values: {allowed[:80]}"
    if allowed != origin:
        return f"Access-Control-Allow-Origin is {allowed[:80]}, not {origin}"
    if credentials and cors.allow_credentials != "true":
        return "no Access-Control-Allow-Credentials: true"
    return None


def preflight_refusal(
    status: int, cors: CorsFields | None, origin: str, names: Iterable[str], *, credentials: bool
) -> str | None:
    """Why the answer to a preflight does not allow a GET with these fields, in words; None if it does."""
    reason = refusal(cors, origin, credentials=credentials)
    if reason is not None or cors is None:
        return reason
    if not 200 <= status < 300:
        return f"status {status}"
    missing = sorted(set(names) - _allowed(cors, names, credentials=credentials))
    return f"Access-Control-Allow-Headers lacks {', '.join(missing)}" if missing else None


def remembered_seconds(max_age: str | None) -> float:
    """How long Chromium remembers what a preflight allowed."""
    text = None if max_age is None else max_age.strip()
    if text is None or _INTEGER.fullmatch(text) is None:
        return DEFAULT_AGE_SECONDS
    return float(min(max(int(text), 0), MOST_AGE_SECONDS))


def exposes(cors: CorsFields | None, name: str, *, credentials: bool) -> bool:
    """Whether a script may see a field of an answer that is not one of the few which it always may (Fetch 4.10)."""
    exposed = "" if cors is None else cors.expose_headers or ""
    names = {each.strip().lower() for each in exposed.split(",")}
    return name in names or ("*" in names and not credentials)


class PreflightCache:
    """What preflights have allowed one viewer, by URL; a new answer takes the place of the one before."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, frozenset[str] | None]] = {}

    def covers(self, url: str, names: Iterable[str], now: float) -> bool:
        """Whether fields of these names may be sent to the URL without asking."""
        until, allowed = self._known.get(url, (-inf, None))
        if until <= now:
            self._known.pop(url, None)
            return False
        return allowed is None or allowed.issuperset(names)

    def keep(self, url: str, cors: CorsFields, now: float, *, credentials: bool) -> None:
        """Remember an answer that allowed a request."""
        seconds = remembered_seconds(cors.max_age)
        self._known.pop(url, None)
        if seconds <= 0 or len(url) >= _MOST_URL_CHARACTERS:
            return
        while len(self._known) >= _MOST_ENTRIES:
            del self._known[next(iter(self._known))]
        names = _names(cors)
        self._known[url] = now + seconds, None if "*" in names and not credentials else names


def _allowed(cors: CorsFields, names: Iterable[str], *, credentials: bool) -> frozenset[str]:
    allowed = _names(cors)
    # Chromium takes the wildcard for Authorization too, which the standard does not.
    return frozenset(names) if "*" in allowed and not credentials else allowed


def _names(cors: CorsFields) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in (cors.allow_headers or "").split(","))
