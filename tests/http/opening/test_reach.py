import pytest

from hls_swarm.http.asking.target import parse_target
from hls_swarm.http.opening.reach import HostNotAllowed, Reach

ORIGIN = "https://origin.example/live/m.m3u8"


def is_allowed(reach: Reach, url: str) -> bool:
    try:
        reach.check(parse_target(url).route)
    except HostNotAllowed:
        return False
    return True


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://origin.example/else/where", True),
        ("https://ORIGIN.example:443/", True),
        ("http://origin.example/", False),
        ("https://origin.example:8443/", False),
        ("https://sub.origin.example/", False),
        ("https://cdn.example/", True),
        ("http://cdn.example:8080/", True),
        ("https://one.example:8443/", True),
        ("https://one.example/", False),
        ("http://[2001:db8::1]:99/", True),
        ("http://[2001:db8::2]:8080/", True),
        ("http://[2001:db8::2]/", False),
    ],
)
def test_secrets_are_for_the_origin_and_for_who_is_trusted(url: str, trusted: bool) -> None:
    reach = Reach([ORIGIN], ["CDN.example", "one.example:8443", "[2001:db8::1]", "[2001:db8::2]:8080"])
    assert reach.trusts(parse_target(url).route) is trusted


def test_without_an_origin_everything_may_be_asked_and_told() -> None:
    reach = Reach()
    assert reach.trusts(parse_target("http://anybody.example/").route)
    assert is_allowed(reach, "http://169.254.169.254/")
    assert not reach.confines


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        (ORIGIN, True),
        ("http://origin.example:81/", True),
        ("https://cdn.example/", True),
        ("http://cdn.example:99/", True),
        ("http://one.example:8443/", True),
        ("http://one.example/", False),
        ("http://evil.example/", False),
        ("http://cdn.example.evil.example/", False),
        ("http://127.0.0.1/", False),
    ],
)
def test_only_hosts_that_are_named_are_asked(url: str, allowed: bool) -> None:
    assert is_allowed(Reach([ORIGIN], only=["cdn.example", "one.example:8443"]), url) is allowed


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "169.254.43518",
        "0251.0376.0.1",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "224.0.0.1",
        "239.255.255.250",
        "[ff02::1]",
        "0.0.0.0",
        "0",
        "0.1.2.3",
        "[::]",
        "[::ffff:0.0.0.0]",
        "255.255.255.255",
    ],
)
def test_addresses_that_nobody_may_load(host: str) -> None:
    assert not is_allowed(Reach([ORIGIN]), f"http://{host}/latest/meta-data")
    assert is_allowed(Reach([f"http://{host}:8080/live.m3u8"]), f"http://{host}/seg.ts")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "[::1]", "[fd00::1]", "1.2.3.4", "localhost", "a"]
)
def test_other_addresses_may_be_loaded(host: str) -> None:
    assert is_allowed(Reach([ORIGIN]), f"http://{host}/")


def test_name_may_not_lead_to_such_an_address_either() -> None:
    reach = Reach([ORIGIN])
    assert [reach.may_connect(address) for address in ("169.254.169.254", "fe80::1%2", "10.0.0.1", "::1")] == [
        False,
        False,
        True,
        True,
    ]


def test_more_origins_are_taken_in() -> None:
    reach = Reach([ORIGIN])
    assert reach.give(["http://b.example/"])
    assert not reach.give(["http://b.example/other", "no url"])
    assert reach.trusts(parse_target("http://b.example/x").route)
