import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.settings.network import parse_override, parse_source_addresses


@pytest.mark.parametrize(
    ("texts", "count", "first", "last"),
    [
        pytest.param(["10.0.0.7"], 1, "10.0.0.7", "10.0.0.7", id="one"),
        pytest.param(["10.0.0.10-10.0.0.20"], 11, "10.0.0.10", "10.0.0.20", id="range"),
        pytest.param(["10.0.0.254 - 10.0.1.1"], 4, "10.0.0.254", "10.0.1.1", id="range over a byte"),
        pytest.param(["10.0.0.0/24"], 254, "10.0.0.1", "10.0.0.254", id="network without its ends"),
        pytest.param(["10.0.0.4/31"], 2, "10.0.0.4", "10.0.0.5", id="point to point"),
        pytest.param(["10.0.0.4/32"], 1, "10.0.0.4", "10.0.0.4", id="network of one"),
        pytest.param(["2001:db8::/120"], 256, "2001:db8::", "2001:db8::ff", id="IPv6"),
        pytest.param(["10.0.0.1", "10.0.1.0-10.0.1.1"], 3, "10.0.0.1", "10.0.1.1", id="several"),
        pytest.param(["2001:db8::/64"], 2**31, "2001:db8::", "2001:db8::7fff:ffff", id="more than anybody needs"),
    ],
)
def test_source_addresses(texts: list[str], count: int, first: str, last: str) -> None:
    pool = parse_source_addresses(texts)
    assert (pool.count, pool.address_of(0), pool.address_of(pool.count - 1)) == (count, first, last)
    assert pool.address_of(pool.count) == first


def test_without_source_addresses_the_kernel_chooses() -> None:
    assert parse_source_addresses([]).address_of(3) is None


@given(st.integers(1, 300), st.integers(1, 5_000))
def test_viewers_are_spread_evenly(addresses: int, viewers: int) -> None:
    pool = parse_source_addresses([f"10.1.0.0-10.1.{(addresses - 1) // 256}.{(addresses - 1) % 256}"])
    used = [pool.address_of(viewer) for viewer in range(viewers)]
    loads = [used.count(address) for address in set(used)]
    assert len(loads) == min(addresses, viewers)
    assert max(loads) - min(loads) <= 1


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        pytest.param(["eth0"], "it is no such thing", id="name"),
        pytest.param(["10.0.0.1/24"], "its host bits are set", id="host bits"),
        pytest.param(["10.0.0.9-10.0.0.1"], "from a lower to a higher", id="backwards"),
        pytest.param(["10.0.0.9-::1"], "of one family", id="two families"),
        pytest.param(["fe80::1%eth0"], "has a zone", id="zone"),
        pytest.param(["10.0.0.0/24", "10.0.0.9"], "10.0.0.9 names addresses that are named already", id="twice"),
    ],
)
def test_what_is_no_source_address(texts: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_source_addresses(texts)


@pytest.mark.parametrize(
    ("text", "host", "override"),
    [
        pytest.param("192.0.2.7", "origin", "origin:*:192.0.2.7", id="address"),
        pytest.param("::1", "origin", "origin:*:::1", id="IPv6 address"),
        pytest.param("[::1]", "origin", "origin:*:::1", id="IPv6 address in brackets"),
        pytest.param("192.0.2.7", "2001:db8::7", "[2001:db8::7]:*:192.0.2.7", id="host is an IPv6 literal"),
        pytest.param("cdn:443:192.0.2.7,::1", "origin", "cdn:443:192.0.2.7,::1", id="host and port"),
        pytest.param("*:*:192.0.2.7", "origin", "*:*:192.0.2.7", id="everything"),
        pytest.param("[::2]:80:[::1]", "origin", "[::2]:80:[::1]", id="IPv6 host"),
    ],
)
def test_overrides(text: str, host: str, override: str) -> None:
    assert parse_override(text, host) == override


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("origin2", "is not an IP address", id="name"),
        pytest.param("origin:80:name", "'name' in 'origin:80:name' is not an IP address", id="to a name"),
        pytest.param("origin:70000:192.0.2.7", "has a bad port", id="port"),
        pytest.param("origin:192.0.2.7", "or host:port:address", id="no port"),
    ],
)
def test_what_is_no_override(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_override(text, "origin")
