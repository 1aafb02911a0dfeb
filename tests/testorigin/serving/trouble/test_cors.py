"""Which pages' scripts may read the origin's answers, in every way that can be set."""

from http import HTTPStatus

import pytest

from hls_swarm.errors import SettingsError
from hls_swarm.testorigin.resources import Caching, Resource
from hls_swarm.testorigin.serving.answers import Answer, Request, answer
from hls_swarm.testorigin.serving.trouble.cors import CorsRule, parse_cors

PAGE = "https://player.example"


class Site:
    def find(self, path: str) -> Resource | None:
        return Resource("text/plain", b"here", Caching.LONG) if path == "/a" else None


def answered(rule: str, method: str = "GET", path: str = "/a") -> Answer:
    headers = {b"access-control-request-headers": "x-a,x-b"}
    request = Request(0.0, method, path, headers=headers, hosts=1)
    return parse_cors(rule).answer(request, answer(request, Site()))


def fields(made: Answer) -> list[str]:
    return [line for line in made.fields.decode().split("\r\n") if line.startswith(("Access-Control", "Vary"))]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("any", ["Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: *"]),
        ("none", []),
        (
            PAGE,
            [f"Access-Control-Allow-Origin: {PAGE}", "Vary: Origin", "Access-Control-Expose-Headers: *"],
        ),
        ("any,no-expose,twice", ["Access-Control-Allow-Origin: *"] * 2),
        (
            "any,credentials",
            [
                "Access-Control-Allow-Origin: *",
                "Access-Control-Allow-Credentials: true",
                "Access-Control-Expose-Headers: Age, Date, Retry-After",
            ],
        ),
    ],
)
@pytest.mark.parametrize("path", ["/a", "/missing"])
def test_what_every_answer_says(rule: str, path: str, expected: list[str]) -> None:
    assert fields(answered(rule, path=path)) == expected


@pytest.mark.parametrize(
    ("rule", "status", "headers", "max_age"),
    [
        ("any", 204, "*", "86400"),
        ("none", 405, None, None),
        ("any,no-preflight", 405, None, None),
        ("any,no-headers,max-age=10s", 204, None, "10"),
        (f"{PAGE},credentials,no-max-age", 204, "x-a,x-b", None),
    ],
)
def test_what_a_preflight_is_told(rule: str, status: int, headers: str | None, max_age: str | None) -> None:
    made = answered(rule, "OPTIONS")
    told = dict(line.split(": ", 1) for line in fields(made))
    assert made.status is HTTPStatus(status)
    assert told.get("Access-Control-Allow-Headers") == headers
    assert told.get("Access-Control-Max-Age") == max_age


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("all", "cors 'all': write any, none or an origin: "),
        ("https://a.example/path", "is more than an origin: write https://a.example"),
        ("any,sometimes", "cors 'any,sometimes': 'sometimes' is not one of credentials, max-age=DURATION"),
        ("any,max-age=soon", "cors 'any,max-age=soon': max-age: "),
    ],
)
def test_a_rule_that_is_none_is_named(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse_cors(text)
    assert words in str(error.value)


def test_the_usual_rule_is_the_one_without_any() -> None:
    assert parse_cors("any") == CorsRule()
