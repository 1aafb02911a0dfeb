import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders.wire import field_values

from hls_swarm.http.asking.cookies import CookieJar
from hls_swarm.http.asking.target import parse_target

NOW, WALL = 1000.0, 1_700_000_000.0  # 2023-11-14T22:13:20Z
HERE = "http://www.a.example/live/play"


def sent(fields: list[str], url: str, *, asked: str = HERE, later: float = 0.0) -> str | None:
    jar = CookieJar()
    for field in fields:
        jar.store(field, parse_target(asked), NOW, WALL)
    return jar.header(parse_target(url), NOW + later)


@pytest.mark.parametrize(
    ("field", "url", "cookie"),
    [
        pytest.param("k=v", HERE, "k=v", id="same URL"),
        pytest.param("k=v", "http://www.a.example/live/other", "k=v", id="same folder"),
        pytest.param("k=v", "http://www.a.example/live", "k=v", id="the folder itself"),
        pytest.param("k=v", "http://www.a.example/lively", None, id="another folder"),
        pytest.param("k=v", "http://www.a.example:8080/live/x", "k=v", id="another port"),
        pytest.param("k=v", "http://a.example/live/x", None, id="host only"),
        pytest.param("k=v; Path=/", "http://www.a.example/vod", "k=v", id="path"),
        pytest.param("k=v; Path=/vod", "http://www.a.example/vod/x", "k=v", id="path elsewhere"),
        pytest.param("k=v; Path=vod", "http://www.a.example/vod/x", None, id="path that is none"),
        pytest.param("k=v; Domain=a.example", "http://b.a.example/live/x", "k=v", id="domain"),
        pytest.param("k=v; domain=.A.Example", "http://a.example/live/x", "k=v", id="domain with a dot"),
        pytest.param("k=v; Domain=a.example", "http://ba.example/live/x", None, id="only looks like it"),
        pytest.param("k=v; Domain=b.example", "http://b.example/live/x", None, id="foreign domain"),
        pytest.param("k=v; Domain=example", "http://x.example/live/x", None, id="domain of one label"),
        pytest.param("k=v; Domain=b.www.a.example", "http://b.www.a.example/live/x", None, id="domain below"),
        pytest.param("k=v; Secure", "https://www.a.example/live/x", None, id="secure, set over http"),
        pytest.param("k=a=b", HERE, "k=a=b", id="equals sign in the value"),
        pytest.param(" k = v ;HttpOnly; SameSite=Lax", HERE, "k=v", id="spaces and unknown attributes"),
        pytest.param("=v", HERE, None, id="no name"),
        pytest.param("novalue", HERE, None, id="no equals sign"),
        pytest.param("k=v\x01", HERE, None, id="control character"),
        pytest.param("k=" + "v" * 5000, HERE, None, id="too long"),
    ],
)
def test_where_a_cookie_goes(field: str, url: str, cookie: str | None) -> None:
    assert sent([field], url) == cookie


def test_secure_cookie_goes_over_https_only() -> None:
    asked = "https://www.a.example/live/play"
    assert sent(["k=v; Secure"], asked, asked=asked) == "k=v"
    assert sent(["k=v; Secure"], HERE, asked=asked) is None


def test_addresses_have_no_domains() -> None:
    assert sent(["k=v; Domain=0.0.1"], "http://127.0.0.1/", asked="http://127.0.0.1/") is None
    assert sent(["k=v; Domain=127.0.0.1"], "http://127.0.0.1/", asked="http://127.0.0.1/") == "k=v"


@pytest.mark.parametrize(
    ("attributes", "lasts_seconds"),
    [
        pytest.param("Max-Age=60", 60.0, id="max-age"),
        pytest.param("Max-Age=0", 0.0, id="at once"),
        pytest.param("Max-Age=-1", 0.0, id="past"),
        pytest.param("Expires=Tue, 14 Nov 2023 22:14:20 GMT", 60.0, id="expires"),
        pytest.param("Expires=Tuesday, 14-Nov-23 22:14:20 GMT", 60.0, id="old date"),
        pytest.param("Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0.0, id="long past"),
        pytest.param("Expires=Tue, 14 Nov 2023 22:13:00 GMT; Max-Age=60", 60.0, id="max-age goes first"),
        pytest.param("Expires=someday", 1e9, id="date that is none"),
        pytest.param("Max-Age=soon", 1e9, id="number that is none"),
    ],
)
def test_how_long_a_cookie_lasts(attributes: str, lasts_seconds: float) -> None:
    field = f"k=v; {attributes}"
    assert sent([field], HERE, later=lasts_seconds) == (None if lasts_seconds < 1e9 else "k=v")
    if lasts_seconds:
        assert sent([field], HERE, later=lasts_seconds - 0.5) == "k=v"


@pytest.mark.parametrize(
    ("fields", "cookie"),
    [
        pytest.param(["a=1", "b=2"], "a=1; b=2", id="in the order they came"),
        pytest.param(["a=1; Path=/", "b=2; Path=/live"], "b=2; a=1", id="longer paths first"),
        pytest.param(["a=1", "a=2"], "a=2", id="replaced"),
        pytest.param(["a=1", "b=2", "a=; Max-Age=0"], "b=2", id="removed"),
        pytest.param(["a=1; Path=/", "a=2; Path=/live"], "a=2; a=1", id="same name, two paths"),
    ],
)
def test_cookies_together(fields: list[str], cookie: str) -> None:
    assert sent(fields, HERE) == cookie


def test_jar_is_bounded_and_the_oldest_gives_way() -> None:
    got = sent([f"k{n}=v" for n in range(100)], HERE)
    assert got is not None
    assert got.split("; ") == [f"k{n}=v" for n in range(36, 100)]


def test_jar_is_bounded_in_size_and_a_cookie_that_is_replaced_is_not_counted_twice() -> None:
    got = sent([f"k{n}={'v' * 4000}" for n in range(20)], HERE)
    assert got is not None
    assert [cookie[:3] for cookie in got.split("; ")] == [f"k{n}" for n in range(12, 20)]
    assert sent([f"k={'v' * 4000}"] * 20 + ["a=1"], HERE) == f"k={'v' * 4000}; a=1"
    assert sent([*(f"k{n}={'v' * 4000}; Max-Age=5" for n in range(8)), "a=1"], HERE, later=6) == "a=1"


@given(st.lists(field_values(), max_size=8))
def test_whatever_is_set_leaves_a_field_that_can_be_sent(fields: list[str]) -> None:
    got = sent(fields, HERE)
    assert got is None or (got.isprintable() and len(got) < 40_000)
