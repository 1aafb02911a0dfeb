import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.snapshot.viewers.hosts import HostFigures, host_figures
from hls_swarm.stats.hosts import MOST_HOSTS, OTHER_HOSTS, Hosts, HostTally, host_of, host_tally, merge_hosts


def hosts(counts: dict[str, int]) -> Hosts:
    return {name: HostTally(count, 1, [f"10.0.0.{count}"]) for name, count in counts.items()}


def merged(*parts: Hosts) -> Hosts:
    out: Hosts = {}
    for part in parts:
        merge_hosts(out, part)
    return out


COUNTS = st.dictionaries(st.sampled_from(["a:80", "b:80", "c:443", OTHER_HOSTS]), st.integers(1, 200))


@given(COUNTS, COUNTS, COUNTS)
def test_merging_is_associative_and_commutative(a: dict[str, int], b: dict[str, int], c: dict[str, int]) -> None:
    one = merged(merged(hosts(a), hosts(b)), hosts(c))
    assert one == merged(hosts(c), merged(hosts(b), hosts(a)))
    assert sum(tally.requests for tally in one.values()) == sum([*a.values(), *b.values(), *c.values()])


def test_hosts_beyond_the_most_are_counted_together() -> None:
    known: Hosts = {}
    for number in range(MOST_HOSTS + 50):
        host_tally(known, f"h{number}:80").requests += 1
    assert len(known) == MOST_HOSTS + 1
    assert known[OTHER_HOSTS].requests == 50
    host_tally(known, "h0:80").requests += 1
    assert known["h0:80"].requests == 2


def test_addresses_are_kept_once_and_bounded() -> None:
    tally = HostTally()
    for number in (3, 1, 3, *range(100)):
        tally.resolved(f"10.0.0.{number:03}")
    assert tally.addresses == [f"10.0.0.{number:03}" for number in range(16)]


def test_figures_have_most_requests_first_and_the_rest_as_one() -> None:
    known = hosts({"a:80": 5, "b:80": 9, "c:80": 5, OTHER_HOSTS: 2}) | {"unreached:80": HostTally()}
    assert [(host.host, host.requests) for host in host_figures(known)] == [
        ("b:80", 9),
        ("a:80", 5),
        ("c:80", 5),
        (OTHER_HOSTS, 2),
    ]
    assert host_figures(known, most=1)[1:] == (HostFigures(OTHER_HOSTS, 12, 3, ()),)


def test_words_name_addresses_that_say_more_than_the_name() -> None:
    assert HostFigures("cdn:80", 1, 1, ("10.0.0.1", "10.0.0.2")).words == "cdn:80 (10.0.0.1, 10.0.0.2)"
    assert HostFigures("[::1]:80", 1, 1, ("::1",)).words == "[::1]:80"


def test_versions_of_a_host_are_added_up_and_put_into_words() -> None:
    one = HostTally(9, 4, http2_connections=2, http3_connections=1)
    known = merged({"a:443": one}, {"a:443": HostTally(1, 2, offers_http3=True, http2_connections=1)})
    assert known == {"a:443": HostTally(10, 6, http2_connections=3, http3_connections=1, offers_http3=True)}
    (figures,) = host_figures(known)
    assert (figures.http2_connections, figures.http3_connections, figures.offers_http3) == (3, 1, True)
    assert figures.http_words == figures.versions == "HTTP/1.1 and HTTP/2 and HTTP/3"


@pytest.mark.parametrize(
    ("http2", "http3", "offers", "versions", "words"),
    [
        pytest.param(0, 0, False, "HTTP/1.1", None, id="1.1"),
        pytest.param(2, 0, False, "HTTP/2", "HTTP/2", id="2"),
        pytest.param(0, 2, True, "HTTP/3", "HTTP/3", id="3"),
        pytest.param(1, 1, True, "HTTP/2 and HTTP/3", "HTTP/2 and HTTP/3", id="both"),
        pytest.param(0, 0, True, "HTTP/1.1", "HTTP/3 offered, not taken", id="1.1, with an offer"),
        pytest.param(2, 0, True, "HTTP/2", "HTTP/2, HTTP/3 offered, not taken", id="2, with an offer"),
    ],
)
def test_words_for_versions(http2: int, http3: int, offers: bool, versions: str, words: str | None) -> None:
    figures = HostFigures("a:443", 1, 2, (), 0, http3, offers, http2)
    assert (figures.versions, figures.http_words) == (versions, words)


def test_a_host_that_no_connection_was_made_to_has_no_version() -> None:
    assert HostFigures("a:443", 1, 0, ()).versions is None


def test_host_of_a_url() -> None:
    assert [host_of(url) for url in ("http://a/x", "https://u:p@B/", "http://[::1]:8/", "x", "http://a:b/")] == [
        "a:80",
        "b:443",
        "[::1]:8",
        None,
        None,
    ]
