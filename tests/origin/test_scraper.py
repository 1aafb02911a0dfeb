"""The scraper with a fetcher held in the hand, and with the project's client against what a network can do."""

import asyncio
import gzip
import logging
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from tests.origin.fetching import HeldFetch, HeldFetcher, response, serving
from tests.origin.pages import booted_at, changed, page_text
from tests.support.programs import free_port, require

from hls_swarm.http import Client, ClientContext, ClientOptions
from hls_swarm.http.fetcher import Request
from hls_swarm.origin.config import OriginSettings, origin_settings
from hls_swarm.origin.dialects.devices import LocalLoad
from hls_swarm.origin.scraper import OriginScraper
from hls_swarm.records import Exchange, Failure, FailureKind
from hls_swarm.snapshot.origin.metrics import OriginMetrics, SourceHealth, SourceProblem, SourceState, WhyUnknown

STUB = page_text("nginx_stub_status")
NODE = page_text("node_exporter")
PAGE = STUB.encode()
LONG = 3600.0


def settings(
    *, node: str | None = None, nginx: str | None = None, interval: float = LONG, headers: tuple[str, ...] = ()
) -> OriginSettings:
    found = origin_settings(node_url=node, nginx_url=nginx, headers=headers)
    assert found is not None
    return replace(found, interval=interval)  # shorter or longer than a flag may say, so that tests are quick


def stub(requests: float) -> bytes:
    return changed(STUB, {"nginx_http_requests_total": requests}).encode()


class Held:
    """A scraper with one fetcher a source, all held."""

    def __init__(self, given: OriginSettings) -> None:
        self.fetchers: list[HeldFetcher] = []
        self.now = 100.0
        scraper = OriginScraper.create(given, new_fetcher=self._fetcher, clock=lambda: self.now)
        assert scraper is not None
        self.scraper = scraper

    def _fetcher(self) -> HeldFetcher:
        self.fetchers.append(HeldFetcher())
        return self.fetchers[-1]

    def health(self, nth: int = 0) -> SourceHealth:
        return self.scraper.get_metrics().targets[0].sources[nth]


def test_without_a_source_there_is_no_scraper() -> None:
    assert OriginScraper.create(None, new_fetcher=HeldFetcher) is None


def test_metrics_are_there_before_the_first_scrape() -> None:
    held = Held(settings(node="http://a:9100/metrics", nginx="http://a:9113/metrics"))
    metrics = held.scraper.get_metrics()
    assert [source.state for source in metrics.targets[0].sources] == [SourceState.WAITING] * 2
    assert metrics.targets[0].target == "a"
    assert metrics.targets[0].value("cpu_percent") is None
    assert (metrics.interval_seconds, metrics.window_seconds, metrics.at) == (LONG, 30.0, 100.0)


def test_all_sources_are_asked_at_the_same_time_and_each_answer_is_published() -> None:
    async def scenario() -> None:
        held = Held(settings(node="http://a:9100/metrics", nginx="http://a:9113/metrics"))
        held.scraper.start()
        node, nginx = held.fetchers
        assert [len(node.fetches), len(nginx.fetches)] == [1, 1]
        before = held.scraper.get_metrics()
        nginx.fetches[0].answer(PAGE, 100.5)
        after = held.scraper.get_metrics()
        assert before.targets[0].value("nginx_connections") is None
        assert after.targets[0].value("nginx_connections") == 1.0
        assert [source.state for source in after.targets[0].sources] == [SourceState.WAITING, SourceState.UP]
        node.fetches[0].fail(Failure(FailureKind.CONNECT, "connection refused by a:9100"))
        states = [source.state for source in held.scraper.get_metrics().targets[0].sources]
        assert states == [SourceState.FAILING, SourceState.UP]  # one exporter that fails does not hide the other
        assert held.scraper.get_metrics().targets[0].value("nginx_connections") == 1.0
        held.scraper.stop()

    uvloop.run(scenario())


def test_which_targets_are_of_the_machine_that_loads_them() -> None:
    async def scenario() -> None:
        given = origin_settings(hosts=("here", "there"))
        assert given is not None
        held = Held(replace(given, interval=LONG))
        assert held.scraper.hosts == ("here", "there")
        held.scraper.loaded_from_here(LocalLoad("lo", booted_at(NODE)), frozenset({"here", "localhost"}))
        held.scraper.start()
        for fetcher in held.fetchers[::2]:
            fetcher.fetches[0].answer(NODE.encode(), 100.0)
        here, there = (target.readings["network_in_bytes_per_second"] for target in held.scraper.get_metrics().targets)
        assert here.unknown is not None
        assert here.unknown.why is WhyUnknown.HIDDEN  # Debian's exporter leaves lo out
        assert there.unknown is not None
        assert there.unknown.why is WhyUnknown.FIRST_SCRAPE
        held.scraper.stop()

    uvloop.run(scenario())


def test_what_is_asked_for() -> None:
    async def scenario() -> None:
        held = Held(settings(nginx="http://user:word@a:9113/metrics", interval=2.0, headers=("X-Scope: 1",)))
        held.scraper.start()
        request = held.fetchers[0].fetches[0].request
        assert request.url == "http://a:9113/metrics"
        assert request.keep_body
        assert request.max_body_bytes == 16 << 20
        assert (request.timeouts.total, request.timeouts.first_byte, request.timeouts.connect) == (1.8, 1.8, 1.8)
        names = dict(request.headers)
        assert names["Accept"].startswith("text/plain;version=0.0.4")
        assert (names["X-Scope"], names["Authorization"]) == ("1", "Basic dXNlcjp3b3Jk")
        assert "word" not in repr(held.scraper.get_metrics())
        held.scraper.stop()

    uvloop.run(scenario())


async def ticks(held: Held, late: int) -> None:
    """Until so many scrapes were late."""
    for _ in range(2000):
        if held.health().late >= late:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("no tick came")


def test_a_scrape_that_still_runs_is_late_and_not_doubled() -> None:
    async def scenario() -> None:
        held = Held(settings(nginx="http://a/metrics", interval=0.02))
        held.scraper.start()
        await ticks(held, 2)
        (fetcher,) = held.fetchers
        assert len(fetcher.fetches) == 1
        assert held.health().scrapes == 1
        fetcher.fetches[0].answer(PAGE, 100.0)
        assert held.health().state is SourceState.UP
        while len(fetcher.fetches) < 2:  # noqa: ASYNC110 (a poll bounded by the test's time limit)
            await asyncio.sleep(0.005)
        held.scraper.stop()

    uvloop.run(scenario())


def test_what_a_callback_raises_is_told_and_scraping_goes_on() -> None:
    async def scenario() -> list[str]:
        told: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(str(context["exception"])))
        broken = False

        def clock() -> float:
            if broken:
                raise OverflowError("the clock went back")
            return time.monotonic()

        async with serving(response(PAGE)) as server:
            context = ClientContext(loop)
            scraper = OriginScraper.create(
                settings(nginx=server.url, interval=0.1),
                new_fetcher=lambda: Client(context),
                clock=clock,
            )
            assert scraper is not None
            scraper.start()
            async with asyncio.timeout(10):
                broken = True
                while not told:  # noqa: ASYNC110 (a poll bounded by the test's time limit)
                    await asyncio.sleep(0.005)
                broken = False
                while scraper.get_metrics().targets[0].sources[0].state is not SourceState.UP:  # noqa: ASYNC110 (as above)
                    await asyncio.sleep(0.005)
            scraper.stop()
        return told

    assert set(uvloop.run(scenario())) == {"the clock went back"}


def test_age_and_staleness_go_on_when_nothing_answers() -> None:
    async def scenario() -> None:
        held = Held(settings(nginx="http://a/metrics", interval=0.02))
        held.scraper.start()
        held.fetchers[0].fetches[0].answer(PAGE, 100.0)
        assert held.scraper.get_metrics().targets[0].fresh_value("nginx_connections") == 1.0
        held.now = 100.07
        await ticks(held, 2)
        target = held.scraper.get_metrics().targets[0]
        assert target.sources[0].state is SourceState.STALE
        assert (target.value("nginx_connections"), target.fresh_value("nginx_connections")) == (1.0, None)
        held.scraper.stop()

    uvloop.run(scenario())


def test_stopping_cancels_at_once_and_keeps_what_is_known() -> None:
    async def scenario() -> None:
        held = Held(settings(nginx="http://a/metrics", interval=0.02))
        held.scraper.start()
        held.fetchers[0].fetches[0].answer(PAGE, 100.0)
        while len(held.fetchers[0].fetches) < 2:  # noqa: ASYNC110 (a poll bounded by the test's time limit)
            await asyncio.sleep(0.005)
        last = held.scraper.get_metrics()
        held.scraper.stop()
        assert held.fetchers[0].fetches[1].cancelled
        assert held.fetchers[0].closed
        count = len(held.fetchers[0].fetches)
        held.scraper.stop()
        await asyncio.sleep(0.06)
        assert len(held.fetchers[0].fetches) == count
        assert held.scraper.get_metrics().targets[0].readings == last.targets[0].readings
        assert held.health().failures == 0

    uvloop.run(scenario())


def test_a_rate_is_by_arrival_times() -> None:
    async def scenario() -> None:
        held = Held(settings(nginx="http://a/metrics", interval=0.02))
        held.scraper.start()
        held.fetchers[0].fetches[0].answer(stub(1000.0), 100.0)
        while len(held.fetchers[0].fetches) < 2:  # noqa: ASYNC110 (a poll bounded by the test's time limit)
            await asyncio.sleep(0.005)
        held.fetchers[0].fetches[1].answer(stub(1300.0), 103.0)
        assert held.scraper.get_metrics().targets[0].value("nginx_requests_per_second") == 100.0
        held.scraper.stop()

    uvloop.run(scenario())


def test_a_bug_in_reading_is_that_sources_problem(caplog: pytest.LogCaptureFixture) -> None:
    class NoBytes(bytes):
        def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
            raise RuntimeError("a bug")

    async def scenario() -> None:
        held = Held(settings(nginx="http://a/metrics"))
        held.scraper.start()
        with caplog.at_level(logging.ERROR):
            held.fetchers[0].fetches[0].answer(NoBytes(b"a 1"), 100.0)
        health = held.health()
        assert (health.problem, health.reason) == (SourceProblem.INTERNAL, "not understood: RuntimeError")
        assert "a bug" in caplog.text
        held.scraper.stop()

    uvloop.run(scenario())


def test_a_bug_in_asking_is_that_sources_problem(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(HeldFetcher):
        def fetch(self, request: Request, done: Callable[[Exchange], None]) -> HeldFetch:
            raise RuntimeError("no way to ask")

    async def scenario() -> None:
        scraper = OriginScraper.create(settings(node="http://a:1/m", nginx="http://a:2/m"), new_fetcher=Broken)
        assert scraper is not None
        scraper.start()
        for health in scraper.get_metrics().targets[0].sources:
            assert (health.problem, health.reason) == (SourceProblem.INTERNAL, "not asked: no way to ask")
        scraper.stop()

    uvloop.run(scenario())


def test_a_large_page_is_read_beside_the_loop_and_its_source_not_asked_meanwhile() -> None:
    page = PAGE + b"".join(b'a{b="%d"} 1\n' % n for n in range(60_000))

    async def scenario() -> None:
        held = Held(settings(nginx="http://a/metrics", interval=0.05))
        held.scraper.start()
        (fetcher,) = held.fetchers
        fetcher.fetches[0].answer(page, 100.0)
        assert held.health().state is SourceState.WAITING
        async with asyncio.timeout(20):
            while held.health().state is not SourceState.UP:
                assert len(fetcher.fetches) == 1
                await asyncio.sleep(0.001)
        assert held.health().samples == 60_000 + PAGE.count(b"\nnginx") + PAGE.count(b"\ngo_")
        held.scraper.stop()

    uvloop.run(scenario())


def test_stopping_does_not_wait_for_a_page_that_is_being_read() -> None:
    page = PAGE + b"".join(b'a{b="%d"} 1\n' % n for n in range(60_000))

    async def scenario() -> OriginMetrics:
        held = Held(settings(nginx="http://a/metrics"))
        held.scraper.start()
        held.fetchers[0].fetches[0].answer(page, 100.0)
        held.scraper.stop()
        assert held.fetchers[0].closed
        return held.scraper.get_metrics()

    assert uvloop.run(scenario()).targets[0].value("nginx_connections") is None


def test_readers_in_other_threads_always_see_a_whole() -> None:
    async def scenario() -> None:
        held = Held(settings(nginx="http://a/metrics", interval=0.01))
        done = threading.Event()
        torn: list[OriginMetrics] = []

        def read() -> None:
            while not done.is_set():
                seen = held.scraper.get_metrics()
                target = seen.targets[0]
                connections, requests = target.value("nginx_connections"), target.value("nginx_connections_waiting")
                if connections != requests:
                    torn.append(seen)

        threads = [threading.Thread(target=read) for _ in range(4)]
        held.scraper.start()
        for thread in threads:
            thread.start()
        for value in range(20):
            while held.fetchers[0].fetches[-1].ended:  # noqa: ASYNC110 (a poll bounded by the test's time limit)
                await asyncio.sleep(0.002)
            page = changed(STUB, {"nginx_connections_active": float(value), "nginx_connections_waiting": float(value)})
            held.fetchers[0].fetches[-1].answer(page.encode(), 100.0 + value)
        done.set()
        for thread in threads:
            thread.join()
        held.scraper.stop()
        assert torn == []

    uvloop.run(scenario())


# With the project's own client and real sockets.


async def health_of(
    url: str, *, scrapes: int = 1, interval: float = 0.6, headers: tuple[str, ...] = ()
) -> SourceHealth:
    """How a source fares after so many scrapes."""
    client = ClientContext(asyncio.get_running_loop(), ClientOptions())
    scraper = OriginScraper.create(
        settings(nginx=url, interval=interval, headers=headers), new_fetcher=lambda: Client(client)
    )
    assert scraper is not None
    scraper.start()
    try:
        async with asyncio.timeout(20):
            while True:
                (health,) = scraper.get_metrics().targets[0].sources
                ended = health.scrapes if health.scrape_seconds is not None else 0
                if ended >= scrapes and (health.failures or health.last_success_at is not None):
                    return health
                await asyncio.sleep(0.01)
    finally:
        scraper.stop()
        await asyncio.sleep(0.02)


BOMB = gzip.compress(b"a 1\n" * (5 << 20))  # 20 MiB unpacked, 20 KiB on the wire
HUGE = f"HTTP/1.1 200 OK\r\nContent-Length: {17 << 20}\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("answer", "problem", "reason"),
    [
        pytest.param(
            response(b"", status="401 Unauthorized"),
            SourceProblem.STATUS,
            "status 401: are user and password, or the token, right?",
            id="401",
        ),
        pytest.param(
            response(b"", status="404 Not Found"),
            SourceProblem.STATUS,
            "status 404: is the path of the URL right?",
            id="404",
        ),
        pytest.param(response(b"", status="500 Oops"), SourceProblem.STATUS, "status 500", id="500"),
        pytest.param(
            response(b"<html><body>hello</body></html>"),
            SourceProblem.NOT_METRICS,
            "an HTML page, not metrics: is the path of the URL right?",
            id="HTML",
        ),
        pytest.param(
            response(b"a 1\nb{ 2\n"),
            SourceProblem.MALFORMED,
            "malformed page: line 2: no label name: 'b{ 2'",
            id="malformed",
        ),
        pytest.param(
            response(BOMB, headers="Content-Encoding: gzip\r\n"),
            SourceProblem.TOO_LARGE,
            "body over 16777216 bytes",
            id="gzip bomb",
        ),
        pytest.param(HUGE, SourceProblem.TOO_LARGE, "body over 16777216 bytes", id="declared too large"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", SourceProblem.CONNECTION, "not HTTP: ", id="not HTTP"),
        pytest.param(None, SourceProblem.TIMEOUT, "no whole answer within 0.54s", id="hangs"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na 1\n",
            SourceProblem.TIMEOUT,
            "no whole answer within 0.54s",
            id="stops in the body",
        ),
    ],
)
def test_what_goes_wrong_is_said_in_a_few_words(answer: bytes | None, problem: SourceProblem, reason: str) -> None:
    async def scenario() -> SourceHealth:
        async with serving(answer) as server:
            return await health_of(server.url)

    health = uvloop.run(scenario())
    assert (health.state, health.problem) == (SourceState.FAILING, problem)
    assert health.reason.startswith(reason)
    assert len(health.reason) < 150


def test_an_endless_body_ends_at_the_limit() -> None:
    async def scenario() -> SourceHealth:
        head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        async with serving(head, endless=b"a 1\n" * 65536) as server:
            return await health_of(server.url, interval=15.0)

    health = uvloop.run(scenario())
    assert (health.problem, health.reason) == (SourceProblem.TOO_LARGE, "body over 16777216 bytes")


def test_refused() -> None:
    port = free_port()
    health = uvloop.run(health_of(f"http://127.0.0.1:{port}/metrics"))
    assert (health.problem, health.reason) == (SourceProblem.REFUSED, f"connection refused by 127.0.0.1:{port}")


def test_no_such_host() -> None:
    host = "a" * 64 + ".example"  # a label of 64 octets: refused here, without a question to anyone
    health = uvloop.run(health_of(f"http://{host}/metrics", interval=10.0))
    assert health.problem is SourceProblem.DNS
    assert host in health.reason


def test_a_certificate_nobody_vouches_for(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *(
                require("openssl"),
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-days", "2", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def scenario() -> SourceHealth:
        server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        async with server:
            return await health_of(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics", interval=5.0)

    health = asyncio.run(scenario())
    assert health.problem is SourceProblem.TLS
    assert "certificate" in health.reason


def test_a_page_arrives_zipped_over_one_connection_with_the_headers_asked_for() -> None:
    zipped = response(gzip.compress(PAGE), headers="Content-Encoding: gzip\r\n")

    async def scenario() -> None:
        async with serving(zipped) as server:
            url = server.url.replace("http://", "http://user:word@")
            health = await health_of(url, scrapes=3, interval=0.05, headers=("X-Scope: tenant",))
            assert (health.state, health.samples, health.failures) == (SourceState.UP, 9, 0)
            head = server.heads[0].decode()
            assert head.startswith("GET /metrics HTTP/1.1\r\n")
            for line in ("Accept-Encoding: gzip", "X-Scope: tenant", "Authorization: Basic dXNlcjp3b3Jk"):
                assert line in head
            assert "word" not in repr(health)

    uvloop.run(scenario())


def test_a_slow_target_does_not_hold_up_the_other() -> None:
    async def scenario() -> None:
        async with serving(None) as slow, serving(response(PAGE)) as quick:
            client = ClientContext(asyncio.get_running_loop(), ClientOptions())
            scraper = OriginScraper.create(
                settings(node=slow.url, nginx=quick.url, interval=1.0), new_fetcher=lambda: Client(client)
            )
            assert scraper is not None
            scraper.start()
            begun = time.monotonic()
            async with asyncio.timeout(10):
                while scraper.get_metrics().targets[0].value("nginx_connections") is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            node, nginx = scraper.get_metrics().targets[0].sources
            assert (node.state, nginx.state) == (SourceState.WAITING, SourceState.UP)
            assert nginx.last_success_at is not None
            assert nginx.last_success_at >= begun
            scraper.stop()
            await asyncio.sleep(0.02)

    uvloop.run(scenario())


def test_a_source_recovers() -> None:
    async def scenario() -> None:
        async with serving(response(b"", status="503 Busy"), response(PAGE)) as server:
            client = ClientContext(asyncio.get_running_loop(), ClientOptions())
            scraper = OriginScraper.create(
                settings(nginx=server.url, interval=0.05), new_fetcher=lambda: Client(client)
            )
            assert scraper is not None
            scraper.start()
            async with asyncio.timeout(10):
                while scraper.get_metrics().targets[0].sources[0].state is not SourceState.UP:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            health = scraper.get_metrics().targets[0].sources[0]
            assert (health.failures, health.problem, health.reason) == (1, None, "")
            scraper.stop()
            await asyncio.sleep(0.02)

    uvloop.run(scenario())


def test_an_answer_that_ends_with_its_connection_counts_once_the_next_ends_alike() -> None:
    async def scenario() -> tuple[SourceHealth, SourceHealth]:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + PAGE)
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/metrics"
        client = ClientContext(asyncio.get_running_loop(), ClientOptions())
        scraper = OriginScraper.create(settings(nginx=url, interval=0.3), new_fetcher=lambda: Client(client))
        assert scraper is not None
        scraper.start()
        seen: list[SourceHealth] = []
        for _ in range(1000):
            (health,) = scraper.get_metrics().targets[0].sources
            if health.reason and not seen:
                seen.append(health)
            if health.state is SourceState.UP:
                break
            await asyncio.sleep(0.01)
        scraper.stop()
        server.close()
        await server.wait_closed()
        return seen[0], health

    first, later = uvloop.run(scenario())
    assert (first.state, first.failures) == (SourceState.WAITING, 0)
    assert first.reason == "nothing tells where the page ends: it counts from the next one on that ends alike"
    assert (later.state, later.reason) == (SourceState.UP, "")
