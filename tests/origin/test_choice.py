"""Two exporters of one nginx: which is taken. A scrape every 2 s."""

from collections.abc import Sequence

import uvloop
from tests.origin.fetching import HeldFetcher
from tests.origin.pages import page_text

from hls_swarm.logexporter.counts import LogCounts
from hls_swarm.logexporter.page import metrics_page
from hls_swarm.logexporter.stub_status import StubStatus
from hls_swarm.origin.choice import Choice
from hls_swarm.origin.config import origin_settings
from hls_swarm.origin.scraper import OriginScraper
from hls_swarm.origin.source import Source
from hls_swarm.snapshot.origin.metrics import Role, SourceProblem, SourceState

STUB = page_text("nginx_stub_status").encode()
DOWN = page_text("nginx_stub_status_down").encode()


def log_page(*, connections: bool) -> bytes:
    return metrics_page(
        LogCounts(),
        unread_bytes=0,
        rotations=0,
        readable=True,
        received=None,
        dropped=None,
        buffer_bytes=None,
        cpu_seconds=1.0,
        stub_status=StubStatus(3, 100, 98, 400, 0, 1, 2) if connections else None,
        asks_stub_status=connections,
    )


REFUSED = None


class Places:
    """Port 9113 and port 9114."""

    def __init__(self) -> None:
        self.sources = [
            Source(Role.NGINX, f"http://o:{port}/metrics", interval=2.0, window=30.0) for port in (9113, 9114)
        ]
        self.choice = Choice(self.sources)
        self.now = 10.0

    def answer(self, *bodies: bytes | None) -> None:
        """One scrape of each place that is still asked; None is a connection refused."""
        for source, body in zip(self.sources, bodies, strict=True):
            if source in self.choice.places():
                if body is None:
                    source.fail(SourceProblem.REFUSED, "connection refused")
                else:
                    source.read(body, self.now)
        self.choice.settle(self.now)
        self.now += 2.0

    def taken(self) -> Sequence[tuple[str, str]]:
        return [(health.dialect, health.note) for _, health in self.choice.taken(self.now - 2.0)]


STUB_NAME, LOG_NAME = "nginx-prometheus-exporter (stub_status)", "hls-swarm log-exporter"


def test_the_one_that_tells_more_is_taken_and_the_other_is_left() -> None:
    places = Places()
    places.answer(STUB, log_page(connections=True))
    assert places.taken() == [(LOG_NAME, f"port 9114; beside it port 9113 ({STUB_NAME})")]
    assert places.choice.places() == (places.sources[1],)


def test_both_are_taken_if_each_tells_what_the_other_does_not() -> None:
    places = Places()
    places.answer(STUB, log_page(connections=False))
    assert [dialect for dialect, _ in places.taken()] == [LOG_NAME, STUB_NAME]
    assert places.choice.places() == tuple(places.sources)


def test_the_only_one_that_answers_is_taken_and_the_other_is_let_go() -> None:
    places = Places()
    for _ in range(2):
        places.answer(STUB, REFUSED)
        assert places.choice.places() == tuple(places.sources)
    places.answer(STUB, REFUSED)
    assert places.choice.places() == (places.sources[0],)
    assert places.taken() == [(STUB_NAME, "port 9113; beside it port 9114 (no answer)")]


def test_one_that_answers_later_is_taken_too() -> None:
    places = Places()
    places.answer(STUB, REFUSED)
    places.answer(STUB, log_page(connections=True))
    assert [dialect for dialect, _ in places.taken()] == [LOG_NAME]


def test_while_nobody_answers_it_is_one_source_that_fails() -> None:
    places = Places()
    for _ in range(9):
        places.answer(REFUSED, REFUSED)
    ((_, health),) = places.choice.taken(places.now)
    assert (health.state, health.url) == (SourceState.FAILING, "http://o:9113/metrics")
    assert health.reason == "connection refused; port 9114: connection refused"
    assert places.choice.places() == tuple(places.sources)


def test_an_exporter_whose_server_is_down_is_not_judged_yet() -> None:
    places = Places()
    places.answer(DOWN, log_page(connections=False))
    assert places.choice.places() == tuple(places.sources)
    places.answer(STUB, log_page(connections=False))
    assert places.choice.places() == tuple(places.sources)


def test_a_host_is_asked_on_both_ports_and_published_once() -> None:
    async def scenario() -> None:
        given = origin_settings(hosts=("o",), log_exporter_port=9114, interval=60.0, window=300.0)
        fetchers: list[HeldFetcher] = []

        def fetcher() -> HeldFetcher:
            fetchers.append(HeldFetcher())
            return fetchers[-1]

        scraper = OriginScraper.create(given, new_fetcher=fetcher, clock=lambda: 10.0)
        assert scraper is not None
        scraper.start()
        asked = [one.fetches[0].request.url for one in fetchers]
        assert asked == ["http://o:9100/metrics", "http://o:9113/metrics", "http://o:9114/metrics"]
        assert [source.role for source in scraper.get_metrics().targets[0].sources] == [Role.NODE, Role.NGINX]
        fetchers[1].fetches[0].answer(STUB, 10.0)
        fetchers[2].fetches[0].answer(log_page(connections=False), 10.0)
        (target,) = scraper.get_metrics().targets
        assert [source.dialect for source in target.sources] == ["", LOG_NAME, STUB_NAME]
        assert target.value("nginx_connections") == 1.0
        scraper.stop()

    uvloop.run(scenario())


def test_an_url_of_its_own_stands_alone() -> None:
    given = origin_settings(hosts=("o",), nginx_url="http://o:9999/metrics", log_exporter_port=9114)
    assert given is not None
    (target,) = given.targets
    assert [(source.url, source.is_one_of_several) for source in target.sources] == [
        ("http://o:9100/metrics", False),
        ("http://o:9999/metrics", False),
    ]
