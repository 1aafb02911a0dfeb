"""Which answer a request gets: HTTP semantics without a socket (RFC 9110).

Rules:

- GET and HEAD answer alike but for the body (9.3.2); OPTIONS answers a browser's preflight; other methods get 405 with
  Allow (15.5.6).
- One byte range is honoured with 206, one outside the resource gets 416; several ranges, other units and what is not
  understood are ignored, which 14.2 allows. If-Range must match the entity tag exactly (13.1.5).
- If-None-Match comes before Range (13.2.2).
- Playlists are gzipped for who accepts that (8216bis appendix B.1 wants it), but for ranges of them.
- HTTP/1.1 requests need one Host (RFC 9112 3.2).
- Every answer may be read by scripts of any site, since players run in browsers on other ports. The
  control pages, which change the origin and tell of others' requests, are for no page of another site.
- 204, 205 and 304 have no body (RFC 9110 15.3.5, 15.3.6, 15.4.5): what followed their head would be taken for the next
  answer. Only 205 has to say so (RFC 9112 6.3).
"""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import unquote

from hls_swarm.http.serving.visitors import Visitors
from hls_swarm.testorigin.resources import PLAYLIST_TYPE, TEXT_TYPE, Resource, Site, StoredFile
from hls_swarm.testorigin.serving.trouble.faults import NOTHING, Faults, Target, Treatment
from hls_swarm.testorigin.settings import CONTROL_PREFIX
from hls_swarm.testorigin.telling.cmcd import HEADERS as CMCD_HEADERS

_GUARDED = f"{CONTROL_PREFIX}/"
ALLOWED_METHODS = "GET, HEAD, OPTIONS"
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)
_NO_WEIGHT = re.compile(r"q=0(\.0{0,3})?")
_LONGEST_NUMBER = 18
CORS_FOR_ALL = b"Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: *\r\n"
_PREFLIGHT = (
    f"Allow: {ALLOWED_METHODS}\r\n"
    f"Access-Control-Allow-Methods: {ALLOWED_METHODS}\r\n"
    "Access-Control-Allow-Headers: *\r\n"
    "Access-Control-Max-Age: 86400\r\n"
).encode("ascii")


@dataclass(slots=True)
class Request:
    """One request as it was read.

    Attributes:
        target: request target as sent (RFC 9112 3.2).
        version: `1.0`, `1.1` or `2.0`.
        headers: the fields in `KEPT_HEADERS`, by lower-case name, the last of each.
        hosts: how many Host fields there were.
        keep_alive: whether the client lets the connection stay.
        refusal: what is wrong with it, if it can not be answered otherwise.
        began_at: when its first byte was read, by the performance counter.
    """

    began_at: float
    method: str = ""
    target: str = ""
    version: str = "1.1"
    headers: dict[bytes, str] = field(default_factory=dict)
    hosts: int = 0
    keep_alive: bool = False
    refusal: HTTPStatus | None = None


KEPT_HEADERS = frozenset(
    {b"range", b"if-range", b"if-none-match", b"user-agent", b"referer", b"host", b"origin", b"sec-fetch-site"}
    | {b"access-control-request-headers", b"cookie", b"accept-encoding", *CMCD_HEADERS}
)
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED})


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, but for what depends on the connection and the time of day.

    Attributes:
        fields: header lines, each with its line end.
        content: where the body comes from; None is an answer without a body.
        offset, length: which bytes of the content are the body.
        metered: whether it belongs to the stream's log and counters.
        treatment: what goes wrong with it on purpose.
    """

    status: HTTPStatus
    fields: bytes
    content: bytes | StoredFile | None = None
    offset: int = 0
    length: int = 0
    metered: bool = True
    treatment: Treatment = NOTHING


def answer(
    request: Request, site: Site, faults: Faults | None = None, now: float = 0.0, visitors: Visitors | None = None
) -> Answer:
    """What to say to a request.

    Args:
        faults: what goes wrong on purpose, at the instant `now`.
        visitors: who may ask for the control pages; None: anybody.
    """
    if request.refusal is not None:
        return message(request, request.refusal)
    if request.version == "1.1" and request.hosts != 1:
        return message(request, HTTPStatus.BAD_REQUEST)
    path = target_path(request.target)
    if visitors is not None and path.startswith(_GUARDED):
        refusal = _refused(request, visitors)
        if refusal:
            return _unreadable(message(request, HTTPStatus.FORBIDDEN, words=refusal))
        return _unreadable(answer(request, site, faults, now))
    if request.method == "OPTIONS":
        return Answer(HTTPStatus.NO_CONTENT, _PREFLIGHT + CORS_FOR_ALL)
    if request.method not in {"GET", "HEAD"}:
        return message(request, HTTPStatus.METHOD_NOT_ALLOWED, f"Allow: {ALLOWED_METHODS}\r\n".encode("ascii"))
    resource = site.find(path)
    if resource is None:
        return message(request, HTTPStatus.NOT_FOUND)
    if faults is None or not resource.metered or not faults.any_set:
        return _represent(request, resource)
    return _treated(request, resource, faults, now)


def refused(request: Request) -> Answer:
    """What a request gets that is one too many: 503."""
    return message(request, HTTPStatus.SERVICE_UNAVAILABLE)


def _refused(request: Request, visitors: Visitors) -> str:
    fields = request.headers
    host, referer = fields.get(b"host"), fields.get(b"referer")
    hosts = [] if host is None else [host]
    origin = fields.get(b"origin", None if referer is None else referer)
    return visitors.refusal(hosts, origin, fields.get(b"sec-fetch-site"))


def _unreadable(made: Answer) -> Answer:
    """The same, but for no script of another site."""
    return replace(made, fields=made.fields.replace(CORS_FOR_ALL, b""))


def _treated(request: Request, resource: Resource, faults: Faults, now: float) -> Answer:
    """The answer with what goes wrong with it."""
    path = target_path(request.target)
    is_playlist = resource.content_type == PLAYLIST_TYPE
    if is_playlist and isinstance(resource.content, bytes):
        body = faults.playlist(path, resource.content, now)
        if body is not resource.content:
            # It is not what a request with directives waited for, and kept no longer than any other playlist.
            resource = replace(resource, content=body, etag=None, max_age=None)
    treatment = faults.treatment(path, Target.PLAYLIST if is_playlist else Target.SEGMENT, now)
    made = _represent(request, resource) if treatment.status is None else message(request, treatment.status)
    return replace(made, treatment=treatment)


def target_path(target: str) -> str:
    """The decoded path of a request target, without its query: of any form (RFC 9112 3.2), and it begins with /."""
    if not target.startswith("/"):
        _, scheme_ends, rest = target.partition("://")
        target = "/" + (rest.partition("/")[2] if scheme_ends else target)
    path = target.partition("?")[0].partition("#")[0]
    return unquote(path) if "%" in path else path


def target_query(target: str) -> str:
    """The query of a request target, as sent; empty without one."""
    return target.partition("?")[2].partition("#")[0]


def _represent(request: Request, resource: Resource) -> Answer:
    if resource.content_type == PLAYLIST_TYPE and b"range" not in request.headers:
        accepted = request.headers.get(b"accept-encoding")
        if accepted is not None and accepts_gzip(accepted):
            resource = resource.zipped
    wanted = request.headers.get(b"if-none-match")
    if wanted is not None and resource.etag is not None and _matches(wanted, resource.etag):
        return Answer(HTTPStatus.NOT_MODIFIED, resource.fields + CORS_FOR_ALL, metered=resource.metered)
    status, offset, length, more = HTTPStatus.OK, 0, resource.size, b""
    ranged = request.headers.get(b"range")
    if ranged is not None and request.method == "GET":
        condition = request.headers.get(b"if-range")
        if condition is None or condition == resource.etag:
            asked = byte_range(ranged, resource.size)
            if asked is not None:
                offset, length = asked
                if length == 0:
                    refused = f"Content-Range: bytes */{resource.size}\r\n".encode("ascii")
                    return message(request, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, refused, resource.metered)
                status = HTTPStatus.PARTIAL_CONTENT
                more = f"Content-Range: bytes {offset}-{offset + length - 1}/{resource.size}\r\n".encode("ascii")
    return Answer(
        status,
        resource.fields + more + b"Content-Length: %d\r\n" % length + CORS_FOR_ALL,
        resource.content if request.method == "GET" else None,
        offset,
        length if request.method == "GET" else 0,
        resource.metered,
    )


def byte_range(value: str, size: int) -> tuple[int, int] | None:
    """Offset and length that a Range field asks for (RFC 9110 14.1.2).

    Length 0 is a range that can not be satisfied; None is one that is to be ignored.
    """
    match = _RANGE.fullmatch(value.strip())
    if match is None:
        return None
    first, last = match.groups()
    if max(len(first), len(last)) > _LONGEST_NUMBER or not first + last:
        return None
    if not first:
        length = min(int(last), size)
        return size - length, length
    begin, end = int(first), int(last) if last else size - 1
    if last and end < begin:
        return None
    return begin, max(0, min(end, size - 1) - begin + 1)


@lru_cache(maxsize=256)
def accepts_gzip(value: str) -> bool:
    """Whether an Accept-Encoding field lets an answer be gzipped (RFC 9110 12.5.3)."""
    weights = {}
    for each in value.lower().split(","):
        name, _, weight = each.partition(";")
        weights[name.strip()] = weight.replace(" ", "")
    named = next((weights[name] for name in ("gzip", "x-gzip", "*") if name in weights), "q=0")
    return not _NO_WEIGHT.fullmatch(named)


def _matches(field_value: str, etag: str) -> bool:
    """Weak comparison of a list of entity tags, or `*` (RFC 9110 13.1.2)."""
    tags = {tag.strip().removeprefix("W/") for tag in field_value.split(",")}
    return "*" in tags or etag in tags


def unanswered(request: Request) -> Answer:
    """What the log says of a request whose client went away before there was an answer: 408, and nothing was sent."""
    return Answer(HTTPStatus.REQUEST_TIMEOUT, b"", metered=request.method != "OPTIONS")


def message(request: Request, status: HTTPStatus, more: bytes = b"", metered: bool = True, words: str = "") -> Answer:
    """An answer whose body is its own reason, if its status lets it have one."""
    if status in _BODILESS:
        nothing = b"Content-Length: 0\r\n" if status is HTTPStatus.RESET_CONTENT else b""
        return Answer(status, b"Cache-Control: no-store\r\n" + nothing + more + CORS_FOR_ALL, metered=metered)
    body = f"{status.value} {status.phrase}{words and ': '}{words}\n".encode("ascii", "backslashreplace")
    fields = f"Content-Type: {TEXT_TYPE}\r\nContent-Length: {len(body)}\r\nCache-Control: no-store\r\n".encode("ascii")
    has_body = request.method != "HEAD"
    fields += more + CORS_FOR_ALL
    return Answer(status, fields, body if has_body else None, 0, len(body) if has_body else 0, metered)
