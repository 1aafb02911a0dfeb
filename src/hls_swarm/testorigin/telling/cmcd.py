"""What players told with the requests that reached the origin (CMCD, CTA-5004), by session: as a CDN would read it.

Rules:

- It stands in the parameter `CMCD` of the query, or in header fields `CMCD-*`; where both are, the fields count.
- Sessions are told apart by `sid`; of more than `MOST_SESSIONS` the further ones are one. A request without a `sid`
  counts, and is of no session.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

import msgspec

MOST_SESSIONS = 10_000
OTHER_SESSIONS = "others"
HEADERS = (b"cmcd-object", b"cmcd-request", b"cmcd-session", b"cmcd-status")
_NONE_OF = frozenset(HEADERS).isdisjoint
_PARAMETER = "CMCD"
_MOST_SHOWN_CHARACTERS = 64
_MEMBER = re.compile(r'([a-z][a-z0-9_.*-]*)(?:=("(?:[^"\\]|\\.)*"|\([^)]*\)|[^,]*))?(?:,|$)')


class SessionTold(msgspec.Struct):
    """What one session told.

    Attributes:
        starved: requests with `bs`: after a stall.
        last: its last request's keys, as they came.
    """

    session: str
    requests: int = 0
    starved: int = 0
    last: str = ""


class CmcdSeen:
    """All of it.

    Attributes:
        by_query, by_headers: requests that had it there.
        starved: of them, with `bs`.
    """

    def __init__(self) -> None:
        self.by_query = self.by_headers = self.starved = 0
        self._sessions: dict[str, SessionTold] = {}

    @property
    def requests(self) -> int:
        """Requests with CMCD."""
        return self.by_query + self.by_headers

    @property
    def sessions(self) -> int:
        """How many there were, as far as they are told apart."""
        return len(self._sessions)

    def add(self, target: str, headers: Mapping[bytes, str]) -> None:
        """Take in a request, if it tells anything."""
        told = "" if _NONE_OF(headers) else ",".join(headers[name] for name in HEADERS if name in headers)
        if told:
            self.by_headers += 1
        else:
            told = in_query(target)
            if not told:
                return
            self.by_query += 1
        keys = members(told)
        starved = "bs" in keys
        self.starved += starved
        name = keys.get("sid", "").strip('"')[:_MOST_SHOWN_CHARACTERS]
        if not name:
            return
        if name not in self._sessions and len(self._sessions) >= MOST_SESSIONS:
            name = OTHER_SESSIONS
        session = self._sessions.setdefault(name, SessionTold(name))
        session.requests += 1
        session.starved += starved
        session.last = told

    def lines(self) -> Iterator[bytes]:
        """One JSON object for each session, in the order of their coming."""
        for session in self._sessions.values():
            yield msgspec.json.encode(session) + b"\n"

    @property
    def words(self) -> str:
        """For a line on a screen; empty where nobody told anything."""
        if not self.requests:
            return ""
        places = ((self.by_query, "queries"), (self.by_headers, "headers"))
        where = " and ".join(f"{count:,} in {place}" for count, place in places if count)
        starved = f", {self.starved:,} after a stall" if self.starved else ""
        return f"{self.requests:,} requests of {self.sessions:,} sessions told of themselves ({where}){starved}"


def in_query(target: str) -> str:
    """What the parameter of a request's target says; empty without one."""
    if f"{_PARAMETER}=" not in target:
        return ""
    query = target.partition("?")[2]
    return next((value for name, value in parse_qsl(query) if name == _PARAMETER), "")


def members(told: str) -> dict[str, str]:
    """Keys and values, the values as they stand; a key alone is true."""
    return {match[1]: match[2] or "" for match in _MEMBER.finditer(told)}
