"""Which scripts may read the origin's answers: right, and wrong in the ways that are met.

A rule is written `any`, `none` or an origin, and after it, with commas, what is special:

    any                      every page, as without a rule
    none                     nobody is told anything; preflights get 405
    https://player.example   this page alone
    credentials              with cookies; with `any` that is wrong (Fetch 3.3.5)
    max-age=10s              how long a preflight is remembered; no-max-age says nothing of it
    no-preflight             preflights get 405, as where only GET was thought of
    no-headers               preflights allow no field
    no-expose                scripts see no field that is not exposed, such as Age
    twice                    two Access-Control-Allow-Origin fields, as where server and application both add one
"""

from dataclasses import dataclass, replace
from http import HTTPStatus

from hls_swarm.errors import SettingsError
from hls_swarm.settings.checks import SettingValueError, check_origin
from hls_swarm.settings.spellings import parse_duration
from hls_swarm.testorigin.serving.answers import ALLOWED_METHODS, CORS_FOR_ALL, Answer, Request, message

_USUAL_MAX_AGE_SECONDS = 86_400
_SPECIALS = ("credentials", "max-age=DURATION", "no-max-age", "no-preflight", "no-headers", "no-expose", "twice")


@dataclass(frozen=True)
class CorsRule:
    """What the origin says of scripts of other origins.

    Attributes:
        allow: `*` or an origin; None: nothing is said.
        max_age_seconds: how long preflights are remembered; None: nothing is said of it.
        preflights, headers, exposes: whether preflights are answered, allow fields, and fields are exposed.
        twice: whether the allowed origin is named twice.
    """

    allow: str | None = "*"
    credentials: bool = False
    max_age_seconds: int | None = _USUAL_MAX_AGE_SECONDS
    preflights: bool = True
    headers: bool = True
    exposes: bool = True
    twice: bool = False

    @property
    def fields(self) -> bytes:
        """Of every answer."""
        if self.allow is None:
            return b""
        out = [f"Access-Control-Allow-Origin: {self.allow}\r\n"] * (1 + self.twice)
        if self.allow != "*":
            out.append("Vary: Origin\r\n")
        if self.credentials:
            out.append("Access-Control-Allow-Credentials: true\r\n")
        if self.exposes:
            # With credentials, * is no wildcard.
            exposed = "Age, Date, Retry-After" if self.credentials else "*"
            out.append(f"Access-Control-Expose-Headers: {exposed}\r\n")
        return "".join(out).encode("ascii")

    def answer(self, request: Request, made: Answer) -> Answer:
        """What is said instead of an answer to everybody."""
        if request.method == "OPTIONS" and made.status is HTTPStatus.NO_CONTENT:
            made = self._preflight_answer(request)
        return replace(made, fields=self.of(made.fields))

    def of(self, fields: bytes) -> bytes:
        """Fields of an answer that were to let everybody read it, with what this rule says."""
        return fields.replace(CORS_FOR_ALL, self.fields)

    def _preflight_answer(self, request: Request) -> Answer:
        if self.allow is None or not self.preflights:
            return message(request, HTTPStatus.METHOD_NOT_ALLOWED, b"Allow: GET, HEAD\r\n")
        out = [f"Allow: {ALLOWED_METHODS}\r\nAccess-Control-Allow-Methods: {ALLOWED_METHODS}\r\n"]
        if self.headers:
            asked = request.headers.get(b"access-control-request-headers", "")
            allowed = asked if self.credentials and asked else "*"
            out.append(f"Access-Control-Allow-Headers: {allowed}\r\n")
        if self.max_age_seconds is not None:
            out.append(f"Access-Control-Max-Age: {self.max_age_seconds}\r\n")
        return Answer(HTTPStatus.NO_CONTENT, "".join(out).encode("latin-1") + CORS_FOR_ALL)


def parse_cors(text: str) -> CorsRule:
    """A rule as a person writes it.

    Raises:
        SettingsError: in words for that person.
    """
    first, *specials = (part.strip() for part in text.split(","))
    rule = CorsRule(allow=_allowed(first, text))
    for special in specials:
        name, _, value = special.partition("=")
        match name:
            case "credentials":
                rule = replace(rule, credentials=True)
            case "max-age" if value:
                try:
                    rule = replace(rule, max_age_seconds=int(parse_duration(value)))
                except ValueError as error:
                    raise SettingsError(f"cors {text!r}: max-age: {error}") from None
            case "no-max-age":
                rule = replace(rule, max_age_seconds=None)
            case "no-preflight":
                rule = replace(rule, preflights=False)
            case "no-headers":
                rule = replace(rule, headers=False)
            case "no-expose":
                rule = replace(rule, exposes=False)
            case "twice":
                rule = replace(rule, twice=True)
            case _:
                raise SettingsError(f"cors {text!r}: {special!r} is not one of {', '.join(_SPECIALS)}")
    return rule


def _allowed(first: str, text: str) -> str | None:
    if first in {"any", "none"}:
        return "*" if first == "any" else None
    try:
        check_origin("cors", first)
    except SettingValueError as error:
        raise SettingsError(f"cors {text!r}: write any, none or an origin: {error.reason}") from None
    return first.rstrip("/")
