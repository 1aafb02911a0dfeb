import pytest

from hls_swarm.http.asking.target import BadUrl, Route, joined, parse_target


@pytest.mark.parametrize(
    ("url", "route", "asked", "host"),
    [
        ("http://a.example", Route(False, "a.example", 80), "/", "a.example"),
        ("HTTPS://A.Example:443/x", Route(True, "a.example", 443), "/x", "a.example"),
        ("http://a:8080/x?y=1&z", Route(False, "a", 8080), "/x?y=1&z", "a:8080"),
        ("https://a:80/", Route(True, "a", 80), "/", "a:80"),
        ("http://[2001:DB8::1]:81/", Route(False, "2001:db8::1", 81), "/", "[2001:db8::1]:81"),
        ("http://b\u00fccher.example/", Route(False, "xn--bcher-kva.example", 80), "/", "xn--bcher-kva.example"),
        ("http://a/caf\u00e9 au lait", Route(False, "a", 80), "/caf%C3%A9%20au%20lait", "a"),
        ("http://a/%7Ealready?q=%2F", Route(False, "a", 80), "/%7Ealready?q=%2F", "a"),
        ("http://a?x#fragment", Route(False, "a", 80), "/?x", "a"),
        ('http://a/"<>?"{}', Route(False, "a", 80), "/%22%3C%3E?%22{}", "a"),
        ("http://user@a/", Route(False, "a", 80), "/", "a"),
    ],
)
def test_target(url: str, route: Route, asked: str, host: str) -> None:
    target = parse_target(url)
    assert target.route == route
    assert target.request_line == f"GET {asked} HTTP/1.1\r\n".encode()
    assert target.host_line == f"Host: {host}\r\n".encode()
    assert target.url == f"{'https' if route.tls else 'http'}://{host}{asked}"


@pytest.mark.parametrize(
    ("url", "authorization"),
    [
        ("http://a/", None),
        ("http://user@a/", "Basic dXNlcjo="),
        ("http://user:p%40ss@a/", "Basic dXNlcjpwQHNz"),
    ],
)
def test_user_information_is_a_credential_and_no_part_of_the_url(url: str, authorization: str | None) -> None:
    target = parse_target(url)
    assert target.authorization == authorization
    assert target.url == "http://a/"


@pytest.mark.parametrize(
    ("url", "request_line"),
    [("http://a/x", b"GET http://a/x HTTP/1.1\r\n"), ("https://a/x", b"GET /x HTTP/1.1\r\n")],
)
def test_absolute_form_is_for_plain_http(url: str, request_line: bytes) -> None:
    assert parse_target(url, absolute_form=True).request_line == request_line


@pytest.mark.parametrize(
    "url",
    ["", "/path", "a.m3u8", "ftp://a/", "http:///x", "http://a:x/", "http://a:70000/", "http://[::1/", "http://a<b/"],
)
def test_what_is_no_http_url(url: str) -> None:
    with pytest.raises(BadUrl):
        parse_target(url)


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("b", "http://h/x/b"),
        ("/b", "http://h/b"),
        ("//k/b", "http://k/b"),
        ("https://k/b", "https://k/b"),
        ("?q", "http://h/x/a?q"),
        (" b\u00e9", "http://h/x/b%E9"),
    ],
)
def test_joined(reference: str, url: str) -> None:
    assert joined("http://h/x/a", reference) == url
