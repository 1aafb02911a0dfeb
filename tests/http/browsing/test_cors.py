"""CORS as pure rules, as Chromium has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.asking.target import parse_target
from hls_swarm.http.browsing.cors import (
    CorsFields,
    PreflightCache,
    asked_for,
    preflight_refusal,
    refusal,
    remembered_seconds,
)
from hls_swarm.http.browsing.page import Page, Relation, is_trustworthy

NAMES = st.sets(st.sampled_from(["x-a", "x-b", "cmcd-object", "authorization"]), min_size=1)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, 5.0), ("", 5.0), ("soon", 5.0), ("-1", 0.0), ("0", 0.0), ("60", 60.0), ("7200", 7200.0), ("86400", 7200.0)],
)
def test_how_long_a_preflight_is_remembered(text: str | None, seconds: float) -> None:
    assert remembered_seconds(text) == seconds


def test_what_a_browser_sets_itself_needs_no_leave() -> None:
    fields = [
        ("User-Agent", "x"),
        ("Accept", "*/*"),
        ("Range", "bytes=0-1"),
        ("Sec-Fetch-Mode", "cors"),
        ("Cookie", "a"),
    ]
    assert asked_for([*fields, ("X-B", "1"), ("CMCD-Object", "ot=v"), ("Pragma", "no-cache")]) == (
        "cmcd-object",
        "pragma",
        "x-b",
    )
    assert asked_for([("Pragma", "no-cache")], frozenset({"pragma"})) == ()
    assert asked_for([("Accept", "x" * 129)]) == ("accept",)


@given(names=NAMES, allowed=NAMES)
def test_leave_is_given_for_the_names_that_are_allowed(names: set[str], allowed: set[str]) -> None:
    cors = CorsFields(allow_origin="*", allow_headers=", ".join(name.upper() for name in allowed))
    missing = sorted(names - allowed)
    expected = f"Access-Control-Allow-Headers lacks {', '.join(missing)}" if missing else None
    assert preflight_refusal(204, cors, "https://a.example", names, credentials=False) == expected


@given(names=NAMES)
def test_a_wildcard_allows_all_names_but_with_credentials(names: set[str]) -> None:
    cors = CorsFields(allow_origin="https://a.example", allow_credentials="true", allow_headers="*")
    assert preflight_refusal(200, cors, "https://a.example", names, credentials=False) is None
    assert preflight_refusal(200, cors, "https://a.example", names, credentials=True) is not None


@pytest.mark.parametrize("origin", ["null", "https://a.example"])
def test_an_origin_is_allowed_by_its_name_to_the_letter(origin: str) -> None:
    assert refusal(CorsFields(allow_origin=origin), origin, credentials=False) is None
    assert refusal(CorsFields(allow_origin=f"{origin}/"), origin, credentials=False) is not None


def test_the_cache_forgets_in_time_and_keeps_no_long_urls() -> None:
    cache, cors = PreflightCache(), CorsFields(allow_origin="*", allow_headers="x-a")
    cache.keep("http://a/1", cors, 100.0, credentials=False)
    cache.keep("http://a/" + "x" * 600, cors, 100.0, credentials=False)
    assert cache.covers("http://a/1", ("x-a",), 104.9)
    assert not cache.covers("http://a/1", ("x-a", "x-b"), 104.9)
    assert not cache.covers("http://a/1", ("x-a",), 105.0)
    assert not cache.covers("http://a/" + "x" * 600, ("x-a",), 100.0)


@pytest.mark.parametrize(
    ("url", "relation"),
    [
        ("https://player.example.com/", Relation.SAME_ORIGIN),
        ("https://player.example.com:8443/", Relation.SAME_SITE),
        ("https://cdn.example.com/", Relation.SAME_SITE),
        ("http://cdn.example.com/", Relation.CROSS_SITE),
        ("https://example.org/", Relation.CROSS_SITE),
        ("https://127.0.0.1/", Relation.CROSS_SITE),
    ],
)
def test_how_far_an_origin_is_from_the_page(url: str, relation: Relation) -> None:
    assert Page("https://player.example.com").relation(parse_target(url).route) is relation


def test_names_below_short_country_names_are_sites_of_their_own() -> None:
    page = Page("https://a.one.co.uk")
    assert page.relation(parse_target("https://b.one.co.uk/").route) is Relation.SAME_SITE
    assert page.relation(parse_target("https://b.two.co.uk/").route) is Relation.CROSS_SITE


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("http://127.0.0.1/", True),
        ("http://[::1]/", True),
        ("http://localhost/", True),
        ("http://10.0.0.1/", False),
        ("http://cdn.example/", False),
        ("https://cdn.example/", True),
    ],
)
def test_which_origins_can_be_trusted(url: str, trusted: bool) -> None:
    route = parse_target(url).route
    names = [name for name, _ in Page("https://p.example").fields(route, Relation.CROSS_SITE, cors=True, tainted=False)]
    assert is_trustworthy(route) is trusted
    assert ("Sec-Fetch-Mode" in names) is trusted
    asked = Page("https://p.example").preflight_fields(route, Relation.CROSS_SITE, ("x-a",), tainted=False)
    assert ("Sec-Fetch-Mode", "cors") in asked
