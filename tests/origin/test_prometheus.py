"""A Prometheus server as the source: its answers by hand, and the real server beside real exporters."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import uvloop
from tests.origin.fetching import HeldFetcher
from tests.origin.test_real_exporters import NGINX, fetched
from tests.support.programs import free_port, require, running, wait_for

from hls_swarm.errors import SettingsError
from hls_swarm.http import Client, ClientContext
from hls_swarm.origin.config import OriginSettings, origin_settings
from hls_swarm.origin.dialects.matchers import parse_matcher
from hls_swarm.origin.dialects.recognition import BUILT_IN
from hls_swarm.origin.prometheus import PrometheusFeed
from hls_swarm.origin.promql import AnswerError, Instance, read_answer
from hls_swarm.origin.scraper import OriginScraper
from hls_swarm.records import Failure, FailureKind
from hls_swarm.snapshot.origin.metrics import Role, SourceProblem, SourceState, TargetMetrics

NODE, NGINX_JOB = Instance("10.0.0.5:9100", "node"), Instance("10.0.0.5:9113", "nginx")
Values = list[tuple[float, str]]


def settings() -> OriginSettings:
    found = origin_settings(
        prometheus_url="http://u:p@prom:9090/", prometheus_labels=('instance=~"10.0.0.5:.*"',), interval=2.0
    )
    assert found is not None
    return found


def series(instance: Instance, name: str, values: Values, **labels: str) -> dict[str, object]:
    metric = {"__name__": name, "instance": instance.instance, "job": instance.job, **labels}
    return {"metric": metric, "values": values}


def answer(*result: dict[str, object]) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def stub(instance: Instance, *scrapes: tuple[float, int]) -> list[dict[str, object]]:
    """What stub_status exporters give: time and request count of each scrape."""
    return [
        series(instance, "up", [(at, "1") for at, _ in scrapes]),
        series(instance, "nginx_up", [(at, "1") for at, _ in scrapes]),
        series(instance, "nginx_connections_active", [(at, "3") for at, _ in scrapes]),
        series(instance, "nginx_http_requests_total", [(at, str(count)) for at, count in scrapes]),
    ]


class Asked:
    """A feed whose Prometheus is the test."""

    def __init__(self) -> None:
        self.now, self.wall = 100.0, 5_000.0
        self.fetcher = HeldFetcher()
        given = settings()
        assert given.prometheus is not None
        self.feed = PrometheusFeed(
            given.prometheus,
            given,
            BUILT_IN,
            self.fetcher,
            timeout=1.8,
            clock=lambda: self.now,
            wall=lambda: self.wall,
            changed=lambda: None,
        )

    def answers(self, *bodies: bytes | Failure) -> tuple[TargetMetrics, ...]:
        """What is known after so many answers, an interval apart."""
        for body in bodies:
            self.feed.scrape()
            held = self.fetcher.fetches[-1]
            if isinstance(body, Failure):
                held.fail(body, self.now)
            else:
                held.answer(body, self.now)
            self.now += 2.0
            self.wall += 2.0
        return self.feed.metrics(self.now)


def test_the_last_two_scrapes_give_a_rate_at_once() -> None:
    asked = Asked()
    metrics = asked.answers(answer(*stub(NGINX_JOB, (4_970.0, 1000), (4_985.0, 1300), (4_999.0, 1720))))
    (target,) = metrics
    (source,) = target.sources
    assert target.target == "10.0.0.5"
    assert (source.role, source.state, source.dialect) == (
        Role.PROMETHEUS,
        SourceState.UP,
        "nginx-prometheus-exporter (stub_status)",
    )
    assert target.value("nginx_requests_per_second") == 420 / 14
    assert target.value("nginx_connections") == 3
    assert source.last_success_at == 99.0  # a second before we asked
    assert source.url == "http://prom:9090 nginx 10.0.0.5:9113"


def test_the_same_scrape_counts_once_and_is_not_stale_before_its_time() -> None:
    asked = Asked()
    body = answer(*stub(NGINX_JOB, (4_985.0, 1000), (5_000.0, 1300)))
    metrics = asked.answers(*[body] * 8)
    reading = metrics[0].readings["nginx_requests_per_second"]
    assert (reading.value, reading.window_values, reading.stale) == (20.0, 1, False)
    metrics = asked.answers(*[body] * 16)
    assert metrics[0].sources[0].state is SourceState.STALE
    assert metrics[0].fresh_value("nginx_requests_per_second") is None


def test_rates_are_between_scrapes_of_prometheus() -> None:
    asked = Asked()
    metrics = asked.answers(
        answer(*stub(NGINX_JOB, (4_985.0, 1000), (5_000.0, 1300))),
        answer(*stub(NGINX_JOB, (5_000.0, 1300), (5_015.0, 1900))),
    )
    reading = metrics[0].readings["nginx_requests_per_second"]
    assert (reading.value, reading.window_values) == (40.0, 2)


def test_exporters_of_one_machine_are_one_target() -> None:
    cpu = [
        series(NODE, "node_cpu_seconds_total", [(4_990.0, "10"), (5_000.0, str(10 + spent))], cpu="0", mode=mode)
        for mode, spent in (("idle", 6), ("user", 4))
    ]
    other = Instance("10.0.0.6:9100", "node")
    metrics = Asked().answers(
        answer(
            *cpu,
            *stub(NGINX_JOB, (4_992.0, 0), (5_002.0, 50)),
            series(other, "node_load1", [(5_000.0, "1")]),
            series(Instance("10.0.0.5:9090", "prometheus"), "prometheus_http_requests_total", [(5_000.0, "1")]),
        )
    )
    first, second = metrics
    assert [source.dialect for source in first.sources] == ["node_exporter", "nginx-prometheus-exporter (stub_status)"]
    assert first.value("cpu_percent") == pytest.approx(40.0)
    assert first.value("nginx_requests_per_second") == 5.0
    assert (second.target, second.value("cpu_percent")) == ("10.0.0.6", None)


def test_the_question() -> None:
    asked = Asked()
    asked.answers(answer(*stub(NGINX_JOB, (4_985.0, 0), (5_000.0, 1))), answer())
    first, second = (fetch.request for fetch in asked.fetcher.fetches)
    url = urlsplit(first.url)
    assert (url.netloc, url.path) == ("prom:9090", "/api/v1/query")
    query = parse_qs(url.query)["query"][0]
    assert query.startswith('{__name__=~"')
    assert query.endswith('",instance=~"10.0.0.5:.*"}[300s]')
    assert len(first.url) < 6000
    assert ("Authorization", "Basic dTpw") in first.headers
    assert parse_qs(urlsplit(second.url).query)["query"][0].endswith("[38s]")  # two scrapes of 15 s, and a bit


@pytest.mark.parametrize(
    ("body", "problem", "words"),
    [
        pytest.param(answer(), SourceProblem.NOT_METRICS, "Prometheus has no series of an origin with", id="nothing"),
        pytest.param(b"<html>", SourceProblem.NOT_METRICS, "not an answer of Prometheus", id="HTML"),
        pytest.param(
            b'{"status":"error","error":"bad"}', SourceProblem.NOT_METRICS, "Prometheus says: bad", id="error"
        ),
        pytest.param(
            answer(series(NODE, "x_requests_total", [(5_000.0, "1")])),
            SourceProblem.UNRECOGNISED,
            "is of an exporter that is known",
            id="something else",
        ),
        pytest.param(
            answer(*(series(Instance(f"h{n}:1", "j"), "up", [(1.0, "1")]) for n in range(65))),
            SourceProblem.TOO_LARGE,
            "is 65 instances, more than 64",
            id="too many",
        ),
        pytest.param(
            b'{"status":"success","data":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
            SourceProblem.NOT_METRICS,
            "nested too deep",
            id="nested",
        ),
        pytest.param(
            b'{"status":"success","data":' + b"[" * 100_000, SourceProblem.NOT_METRICS, "not an answer", id="lists"
        ),
        pytest.param(
            b"{" + b",".join(b'"k%d":[]' % n for n in range(200_000)) + b"}",
            SourceProblem.NOT_METRICS,
            "not an answer",
            id="wide",
        ),
        pytest.param(
            lambda: answer(series(NGINX_JOB, "nginx_up", [(float(n), "1") for n in range(250_001)])),
            SourceProblem.TOO_LARGE,
            "an answer of 250,001 samples, more than the 250,000 that are read: narrow --prometheus-label",
            id="samples",
        ),
        pytest.param(
            lambda: answer(*[series(NGINX_JOB, "nginx_up", [], n=str(n)) for n in range(250_001)]),
            SourceProblem.TOO_LARGE,
            "narrow --prometheus-label",
            id="series",
        ),
        pytest.param(
            answer(series(NGINX_JOB, "nginx_up", [(1.0, "one")])),
            SourceProblem.NOT_METRICS,
            "'one' as a number",
            id="text",
        ),
        pytest.param(
            Failure(FailureKind.HTTP_STATUS, "status 400", status=400),
            SourceProblem.STATUS,
            "Prometheus: status 400; Prometheus does not understand --prometheus-label",
            id="400",
        ),
        pytest.param(
            Failure(FailureKind.CONNECT, "connection refused"),
            SourceProblem.REFUSED,
            "Prometheus: connection refused",
            id="refused",
        ),
    ],
)
def test_what_can_go_wrong(body: bytes | Failure | Callable[[], bytes], problem: SourceProblem, words: str) -> None:
    (target,) = Asked().answers(body() if callable(body) else body)
    (source,) = target.sources
    assert (target.target, source.state, source.problem) == ("prom", SourceState.FAILING, problem)
    assert words in source.reason


def test_times_beyond_reason_leave_the_next_question_in_bounds() -> None:
    asked = Asked()
    asked.answers(answer(*stub(NGINX_JOB, (0.0, 1), (1e300, 2))))
    asked.feed.scrape()
    assert parse_qs(urlsplit(asked.fetcher.fetches[-1].request.url).query)["query"][0].endswith("[3600s]")


def test_a_large_answer_is_read_beside_the_loop() -> None:
    async def scenario() -> None:
        asked = Asked()
        scrapes = [(4_000.0 + n / 10, n) for n in range(10_000)]
        asked.feed.scrape()
        asked.fetcher.fetches[-1].answer(answer(*stub(NGINX_JOB, *scrapes)), 100.0)
        assert asked.feed.metrics(100.0)[0].sources[0].state is SourceState.WAITING
        asked.feed.scrape()
        assert len(asked.fetcher.fetches) == 1  # it is still being read
        for _ in range(2000):
            if asked.feed.metrics(100.0)[0].sources[0].state is SourceState.UP:
                break
            await asyncio.sleep(0.01)
        assert asked.feed.metrics(100.0)[0].value("nginx_requests_per_second") == pytest.approx(10.0)

    uvloop.run(scenario())


def test_an_exporter_that_prometheus_can_not_scrape() -> None:
    down = answer(
        series(NGINX_JOB, "up", [(4_985.0, "1"), (5_000.0, "1"), (5_015.0, "0")]), *stub(NGINX_JOB, (5_000.0, 7))[1:]
    )
    (target,) = Asked().answers(down)
    (source,) = target.sources
    assert (source.state, source.reason) == (
        SourceState.FAILING,
        "Prometheus can not scrape nginx 10.0.0.5:9113: its up is 0",
    )
    assert target.value("nginx_connections") == 3


def test_an_instance_that_is_gone_and_a_server_that_fails_leave_the_last_values() -> None:
    asked = Asked()
    good = stub(NGINX_JOB, (4_985.0, 1000), (5_000.0, 1300))
    node = [series(NODE, "node_load1", [(5_000.0, "1")])]
    metrics = asked.answers(answer(*good, *node), answer(*node))
    (target,) = metrics
    assert [source.reason for source in target.sources] == ["", "Prometheus has no more samples of it"]
    metrics = asked.answers(Failure(FailureKind.TOTAL_TIMEOUT, "late"))
    (target,) = metrics
    assert {source.reason for source in target.sources} == {"Prometheus: no whole answer within 1.8s"}
    assert target.value("nginx_requests_per_second") == 20.0


@pytest.mark.parametrize("clock", [-4_000.0, 0.0, 1e6], ids=["behind", "right", "ahead"])
def test_a_clock_that_differs_changes_no_rate(clock: float) -> None:
    asked = Asked()
    asked.wall += clock
    metrics = asked.answers(answer(*stub(NGINX_JOB, (4_985.0, 1000), (5_000.0, 1300))))
    (target,) = metrics
    assert target.value("nginx_requests_per_second") == 20.0
    assert target.sources[0].state is SourceState.UP


def test_numbers_as_prometheus_writes_them() -> None:
    body = answer(series(NODE, "a", [(1.5, "NaN"), (2.5, "+Inf")]), series(NODE, "b", [(1.5, "1e3")], x="y"))
    first, second = read_answer(body)[NODE]
    assert (first.at, first.up, [one.name for one in first.page.series]) == (1.5, None, ["a", "b"])
    assert first.page.series[1].labels == {"x": "y"}
    assert (second.page.values, len(second.page)) == ([float("inf")], 1)
    with pytest.raises(AnswerError, match="as a number"):
        read_answer(answer(series(NODE, "a", [(1.0, "much")])))


@pytest.mark.parametrize(
    ("instance", "host"),
    [("10.0.0.5:9100", "10.0.0.5"), ("[::1]:9100", "::1"), ("web-1", "web-1"), ("", "node"), ("a:b", "a:b")],
)
def test_hosts(instance: str, host: str) -> None:
    assert Instance(instance, "node").host == host


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ('instance="a:9100"', 'instance="a:9100"'),
        ("instance=a:9100", 'instance="a:9100"'),
        (' job =~ "node|nginx" ', 'job=~"node|nginx"'),
        ('env!="a\\"b"', 'env!="a\\"b"'),
    ],
)
def test_matchers(text: str, matcher: str) -> None:
    assert parse_matcher(text) == matcher


@pytest.mark.parametrize(
    "text", ["", "instance", "a b=c", "=x", '__name__="up"', "job=", 'job="a"}[5m] or vector(1) #"']
)
def test_what_is_no_matcher(text: str) -> None:
    with pytest.raises(SettingsError, match="--prometheus-label"):
        parse_matcher(text)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        pytest.param({"prometheus_url": "http://p"}, "needs --prometheus-label", id="no label"),
        pytest.param({"prometheus_labels": ("a=b",)}, "--prometheus-label needs --prometheus", id="no URL"),
        pytest.param(
            {"prometheus_url": "p:9090", "prometheus_labels": ("a=b",)}, "--prometheus must be a URL", id="URL"
        ),
        pytest.param(
            {"prometheus_url": "http://p/graph?g0=x", "prometheus_labels": ("a=b",)}, "without a query", id="query"
        ),
        pytest.param(
            {"prometheus_url": "http://p", "prometheus_labels": ("a=b",), "hosts": ("h",)}, "takes the place", id="both"
        ),
    ],
)
def test_flags_that_can_not_be_used(flags: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        origin_settings(**flags)  # type: ignore[arg-type]  # a table of flags has values of every type


CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 900ms}}
scrape_configs:
  - {{job_name: node, static_configs: [{{targets: ["127.0.0.1:{node}"]}}]}}
  - {{job_name: nginx, static_configs: [{{targets: ["127.0.0.1:{nginx}"]}}]}}
  - {{job_name: gone, static_configs: [{{targets: ["127.0.0.1:{gone}"]}}]}}
"""


async def asked_of(url: str, load: str) -> TargetMetrics:
    """What is known through a server once both exporters gave a rate."""
    loop = asyncio.get_running_loop()
    context = ClientContext(loop)
    scraper = OriginScraper.create(
        origin_settings(prometheus_url=url, prometheus_labels=("instance=~127.0.0.1:.*",), interval=0.5),
        new_fetcher=lambda: Client(context),
    )
    assert scraper is not None
    scraper.start()
    try:
        async with asyncio.timeout(90):
            while True:
                await loop.run_in_executor(None, fetched, load)
                targets = scraper.get_metrics().targets
                if targets[0].value("cpu_percent") is not None and targets[0].value("nginx_requests_per_second"):
                    (target,) = targets
                    return target
                await asyncio.sleep(0.05)
    finally:
        scraper.stop()
        await asyncio.sleep(0.02)


@pytest.mark.system
def test_a_real_prometheus_beside_real_exporters(tmp_path: Path) -> None:
    ports = {name: free_port() for name in ("node", "nginx", "gone", "server", "prometheus")}
    nginx_config, config = tmp_path / "nginx.conf", tmp_path / "prometheus.yml"
    nginx_config.write_text(NGINX.format(folder=tmp_path, port=ports["server"]))
    config.write_text(CONFIG.format(**ports))
    root = f"http://127.0.0.1:{ports['server']}"
    nginx = [require("nginx"), "-c", str(nginx_config), "-e", str(tmp_path / "error.log")]
    exporter = [
        *(require("prometheus-nginx-exporter"), f"--nginx.scrape-uri={root}/stub"),
        f"--web.listen-address=127.0.0.1:{ports['nginx']}",
    ]
    node = [require("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{ports['node']}"]
    server = [
        *(require("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"),
        f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
    ]
    url = f"http://127.0.0.1:{ports['prometheus']}"
    with running(nginx, tmp_path / "nginx.log", stop_signal=signal.SIGQUIT), running(node, tmp_path / "node.log"):
        wait_for(f"{root}/stub")
        with running(exporter, tmp_path / "exporter.log"), running(server, tmp_path / "prometheus.log"):
            wait_for(f"{url}/-/ready")
            target = uvloop.run(asked_of(url, root))
    assert target.target == "127.0.0.1"
    states = {source.dialect: (source.state, source.reason) for source in target.sources}
    assert states["node_exporter"] == (SourceState.UP, "")
    assert states["nginx-prometheus-exporter (stub_status)"] == (SourceState.UP, "")
    state, reason = states[""]
    assert (state, reason) == (
        SourceState.FAILING,
        f"Prometheus can not scrape gone 127.0.0.1:{ports['gone']}: its up is 0",
    )
    values = {name: reading.value for name, reading in target.readings.items()}
    with Path("/proc/meminfo").open() as meminfo:
        assert values["memory_total_bytes"] == int(meminfo.readline().split()[1]) * 1024
    cpu, requests = values["cpu_percent"], values["nginx_requests_per_second"]
    assert cpu is not None
    assert 0 <= cpu <= 100
    assert requests is not None
    assert requests > 1
