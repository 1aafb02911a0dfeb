"""Offers of HTTP/3: what is read of them, how long they hold, and what is remembered of those that failed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.asking.target import Route
from hls_swarm.http.opening.alternatives import Alternatives, Offer, h3_offer

ORIGIN, HIGH = Route(True, "o.example", 443), Route(True, "o.example", 8443)
DAY = 86400.0
FIELDS = [
    ("as Caddy says it", 'h3=":443"; ma=2592000', Offer(443, 2592000.0)),
    ("without an age", 'h3=":443"', Offer(443, DAY)),
    ("with the host", 'h3="O.example:443";ma=60;persist=1', Offer(443, 60.0)),
    ("the first of several", 'h3-29=":443", h2="x:1", h3=":444"; ma="7" , h3=":445"', Offer(444, 7.0)),
    ("at once over", 'h3=":443"; ma=0', Offer(443, 0.0)),
    ("an age that is none", 'h3=":443"; ma=soon', Offer(443, DAY)),
    ("parameters that nobody knows", 'h3=":443"; x="a;b,c\\"d"; ma=9', Offer(443, 9.0)),
    ("taken back", "clear", None),
    ("nothing", "", None),
    ("another host", 'h3="cdn.example:443"', None),
    ("a draft", 'h3-29=":443"', None),
    ("a port that is not privileged", 'h3=":8443"', None),
    ("no port", 'h3="o.example"', None),
    ("port 0", 'h3=":0"', None),
    ("port 99999", 'h3=":99999"', None),
    ("malformed", "h3=:443", None),
    ("malformed before it", 'h2, h3=":443"', None),
    ("malformed behind it", 'h3=":443"; ma=5, h2', Offer(443, 5.0)),
]


@pytest.mark.parametrize(("field", "offer"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS])
def test_what_is_offered(field: str, offer: Offer | None) -> None:
    assert h3_offer(field, ORIGIN) == offer


def test_from_any_other_port_any_port_will_do() -> None:
    assert h3_offer('h3=":9443"', HIGH) == Offer(9443, DAY)
    assert h3_offer('h3=":443"', HIGH) == Offer(443, DAY)


@given(st.text(max_size=80))
def test_whatever_stands_there_is_read(field: str) -> None:
    h3_offer(field, ORIGIN)


def test_an_offer_holds_until_it_is_over_or_taken_back() -> None:
    known = Alternatives()
    assert known.port(ORIGIN, 0.0) is None
    assert known.keep(ORIGIN, 'h3=":443"; ma=60', 100.0)
    assert (known.port(ORIGIN, 159.9), known.port(ORIGIN, 160.0), known.port(HIGH, 100.0)) == (443, None, None)
    assert not known.keep(ORIGIN, 'h2=":443"', 110.0)
    assert known.port(ORIGIN, 110.0) is None


def test_what_failed_is_left_alone_for_longer_each_time() -> None:
    known, now, waits = Alternatives(), 0.0, []
    known.keep(ORIGIN, 'h3=":443"; ma=100000000', now)
    for _ in range(30):
        known.broke(ORIGIN, now)
        wait = next(seconds for seconds in (300.0 * 2**n for n in range(30)) if known.port(ORIGIN, now + seconds))
        waits.append(wait)
        now += wait
    assert waits[:5] == [300.0, 300.0, 600.0, 1200.0, 2400.0]
    known.broke(ORIGIN, now)
    assert known.port(ORIGIN, now + 2 * DAY - 1) is None
    assert known.port(ORIGIN, now + 2 * DAY) == 443
    assert (known.was_broken(ORIGIN), known.has_worked) == (True, False)
    known.worked(ORIGIN)
    assert (known.was_broken(ORIGIN), known.has_worked, known.port(ORIGIN, now)) == (False, True, 443)


def test_no_list_of_hosts_makes_it_grow() -> None:
    known = Alternatives()
    for number in range(100):
        route = Route(True, f"{number}.example", 443)
        known.keep(route, 'h3=":443"', 0.0)
        known.broke(route, 0.0)
    assert len(known._offers) <= 32
    assert len(known._broken) <= 33
