from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.snapshot.viewers.hosts import HostFigures, VersionFigures, host_figures, version_figures
from hls_swarm.stats.hosts import (
    HTTP1,
    HTTP2,
    HTTP3,
    MOST_HOSTS,
    OTHER_HOSTS,
    Hosts,
    HostTally,
    VersionTally,
    host_of,
    host_tally,
    merge_hosts,
)


def hosts(counts: dict[str, int]) -> Hosts:
    return {
        name: HostTally({(HTTP1, HTTP2, HTTP3)[count % 3]: VersionTally(count, 1)}, [f"10.0.0.{count}"])
        for name, count in counts.items()
    }


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
        host_tally(known, f"h{number}:80").over(HTTP1).requests += 1
    assert len(known) == MOST_HOSTS + 1
    assert known[OTHER_HOSTS].requests == 50
    host_tally(known, "h0:80").over(HTTP2).requests += 1
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
    (rest,) = host_figures(known, most=1)[1:]
    assert rest == HostFigures(OTHER_HOSTS, 12, 3, (), 0, (VersionFigures("3", 12, 3),))


def test_words_name_addresses_that_say_more_than_the_name() -> None:
    assert HostFigures("cdn:80", 1, 1, ("10.0.0.1", "10.0.0.2")).words == "cdn:80 (10.0.0.1, 10.0.0.2)"
    assert HostFigures("[::1]:80", 1, 1, ("::1",)).words == "[::1]:80"


def test_versions_of_http_are_added_up_and_put_into_words() -> None:
    known = merged(
        {"a:443": HostTally({HTTP2: VersionTally(9, 4, 1), HTTP3: VersionTally(20, 2)})},
        {"a:443": HostTally({HTTP2: VersionTally(1, 2, 1, offers_http3=True)}), "b:80": HostTally()},
        {"c:80": HostTally({HTTP1: VersionTally(3, 1)})},
    )
    assert known["a:443"] == HostTally({HTTP2: VersionTally(10, 6, 2, True), HTTP3: VersionTally(20, 2)})
    assert (known["a:443"].requests, known["a:443"].connections) == (30, 8)
    assert version_figures(known) == (
        VersionFigures("1.1", 3, 1),
        VersionFigures("2", 10, 6, 2),
        VersionFigures("3", 20, 2),
    )
    first, second = host_figures(known)
    assert (first.http_words, first.offers_http3) == ("HTTP/2 and HTTP/3", True)
    assert (first.http2_connections, first.http3_connections) == (6, 2)
    assert second.http_words == "HTTP/1.1"


def test_an_offer_that_is_not_taken_is_said() -> None:
    offering = HostTally({HTTP2: VersionTally(9, 4, offers_http3=True)})
    assert host_figures({"a:443": offering})[0].http_words == "HTTP/2, HTTP/3 offered, not taken"
    unasked = HostTally({HTTP2: VersionTally(0, 1)})
    assert host_figures({"a:443": unasked})[0].http_words == "HTTP/2"
    assert HostFigures("a:443", 1, 0, ()).http_words == ""


def test_host_of_a_url() -> None:
    assert [host_of(url) for url in ("http://a/x", "https://u:p@B/", "http://[::1]:8/", "x", "http://a:b/")] == [
        "a:80",
        "b:443",
        "[::1]:8",
        None,
        None,
    ]
