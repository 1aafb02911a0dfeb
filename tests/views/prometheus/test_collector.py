import asyncio
import re
from collections.abc import Callable, Coroutine
from math import inf
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.made.moments import Run, origin
from tests.support.made.snapshots import failed, stalled, watching
from tests.support.programs import free_port

from hls_swarm.errors import RunError
from hls_swarm.http.serving.page_server import MOST_HEAD_BYTES
from hls_swarm.snapshot.origin.metrics import OriginMetrics, Reading
from hls_swarm.snapshot.origin.signals import SIGNALS
from hls_swarm.snapshot.snapshot import Phase
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.hosts import HTTP2, HTTP3, HostTally, VersionTally
from hls_swarm.views.prometheus.collector import FAMILIES, Page, exported_buckets
from hls_swarm.views.prometheus.endpoint import DEFAULT_ADDRESS, Endpoint

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(run: Run, **settings: bool) -> Samples:
    page = Page(lambda: run.entries[-1].moment if run.entries else None, **settings)
    body, content_type = page.body("")
    assert content_type.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"hls_swarm_{name}", tuple(sorted(labels.items()))))


def test_requests_and_connections_are_told_apart_by_the_version_of_http() -> None:
    run = Run()
    quic = VersionTally(120, 3, 2)
    hosts = {
        "a:443": HostTally({HTTP2: VersionTally(9, 3), HTTP3: quic}),
        "b:443": HostTally({HTTP2: VersionTally(1, 1)}),
    }
    run.second(2.0, *watching(0, 0.1), hosts=hosts)
    found = samples(run)
    told = [
        [value(found, name, version=version) for name in ("http_requests_total", "http_connections_total")]
        + [value(found, "resumed_connections_total", version=version)]
        for version in ("1.1", "2", "3")
    ]
    assert told == [[None, None, None], [10, 4, 0], [120, 3, 2]]


def test_the_page_has_what_the_snapshot_has() -> None:
    run = Run()
    entry = run.second(2.0, *watching(0, 0.1), *watching(1, 0.2), *stalled(0, 1.2, 0.5), *failed(2, 0.3))
    found = samples(run)
    viewers = entry.moment.snapshot.viewers
    assert (viewers.active, value(found, "active_clients")) == (2, 2)
    assert value(found, "target_clients") == 4
    assert value(found, "segment_requests_total") == value(found, "requests_total", object="segment") == 2
    assert value(found, "manifest_requests_total") == 5
    assert value(found, "bytes_downloaded_total") == 2 * 750_800 + 153
    assert value(found, "http_errors_total", status_code="404") == 1
    labels = {"object": "multivariant_playlist", "kind": "http_status", "blame": "origin", "status_code": "404"}
    assert value(found, "errors_total", **labels) == 1
    assert value(found, "client_exits_total", reason="failed") == 1
    assert value(found, "stalls_total") == 1
    assert value(found, "stall_seconds_sum") == 0.5
    assert value(found, "download_seconds_count", object="segment") == 2
    assert value(found, "download_seconds_sum", object="segment") == pytest.approx(0.040)
    assert value(found, "phase", phase="steady") == 1
    assert value(found, "phase", phase="ramping") == 0


def test_unknown_and_stale_values_are_absent() -> None:
    run = Run()
    metrics = origin(1.0, {"a": {"cpu_percent": 12.5}})
    (target,) = metrics.targets
    stale = {
        "load_per_core": Reading(SIGNALS["load_per_core"], 1.0, 0.0, stale=True),
        "nginx_request_seconds_p95": Reading(SIGNALS["nginx_request_seconds_p95"], 0.0005, 1.0),
        "nginx_request_seconds_p99": Reading(SIGNALS["nginx_request_seconds_p99"], 0.0015, 1.0),
    }
    readings = {**target.readings, **stale}
    target = type(target)(target.target, target.sources, readings, {}, 1.0)
    run.second(1.0, of_origin=OriginMetrics((target,), 1.0, 1.0, 30.0))
    found = samples(run)
    assert value(found, "origin_cpu_percent", target="a") == 12.5
    assert value(found, "origin_source_up", target="a", source="node") == 1
    assert value(found, "origin_load_per_core", target="a") is None
    assert value(found, "origin_nginx_request_seconds_p95", target="a") is None  # below nginx's clock
    assert value(found, "origin_nginx_request_seconds_p99", target="a") == 0.0015
    names = {name for name, _ in found}
    assert not {name for name in names if "startup" in name or "ttfb" in name}
    assert value(found, "throughput_bytes_per_second") == 0  # of the first second, and nothing came in it
    assert samples(Run()) == {}


def test_every_label_and_name_is_of_a_closed_set() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.1), *failed(1, 0.2), of_origin=origin(1.0, {"a": {"cpu_percent": 1.0}}))
    named = {family.full_name for family in FAMILIES}
    labelled = {family.full_name: set(family.labels) for family in FAMILIES}
    for name, labels in samples(run):
        base = re.sub(r"_(bucket|sum|count)$", "", name) if name not in named else name
        assert base in named
        assert {label for label, _ in labels} - {"le"} == labelled[base]
    assert len(named) == len(FAMILIES)


def test_single_viewers_are_there_only_on_request() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.1))
    assert not [name for name, _ in samples(run, single_viewers=False) if "client_buffer" in name]
    assert {family.name for family in FAMILIES if family.on_request} == {
        "client_buffer_seconds",
        "client_stalls",
        "client_stalled_seconds",
    }


def test_exported_buckets_are_exact() -> None:
    histogram = Histogram()
    values = [0.0, 0.0005, 0.001, 0.01, 0.0156, 0.016, 1.0, 1.01, 64.0, 65.0, 1000.0]
    for each in values:
        histogram.add(each)
    buckets = [(inf if bound == "+Inf" else float(bound), count) for bound, count in exported_buckets(histogram)]
    assert buckets[-1] == (inf, float(len(values)))
    for bound, count in buckets:
        assert count == sum(each <= bound * (1 + 1e-6) for each in values)


def served(
    check: Callable[[Endpoint, int], Coroutine[Any, Any, None]],
    run: Run,
    clock: Callable[[], float] = lambda: 1.0,
) -> None:
    async def main() -> None:
        async with Endpoint("127.0.0.1:0", clock) as endpoint:
            for entry in run.entries:
                endpoint.add(entry)
            assert endpoint.port is not None
            await check(endpoint, endpoint.port)

    asyncio.run(main())


async def ask(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    return int(line.split()[1]), dict(field.split(": ", 1) for field in fields), body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def test_the_endpoint_answers_and_refuses() -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.1))

    async def check(_: Endpoint, port: int) -> None:
        status, fields, body = await ask(port, get("/metrics"))
        assert (status, int(fields["Content-Length"])) == (200, len(body))
        assert b"hls_swarm_active_clients 1.0\n" in body
        status, fields, body = await ask(
            port, b"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0\r\n\r\n"
        )
        assert fields["Content-Type"].startswith("application/openmetrics-text")
        assert body.endswith(b"# EOF\n")
        status, fields, body = await ask(port, b"HEAD /metrics HTTP/1.1\r\n\r\n")
        assert (status, body) == (200, b"")
        assert (await ask(port, get("/nothing")))[0] == 404
        assert (await ask(port, b"POST /metrics HTTP/1.1\r\n\r\n"))[0] == 405
        assert (await ask(port, b"hello\r\n\r\n"))[0] == 400

    served(check, run)


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/"])
def test_no_page_of_another_site_gets_anything(path: str) -> None:
    run = Run()
    run.second(1.0, *watching(0, 0.1))

    async def check(_: Endpoint, port: int) -> None:
        own = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        assert (await ask(port, f"{own}\r\n".encode()))[0] == 200
        for foreign in (
            f"GET {path} HTTP/1.1\r\nHost: evil.example\r\n",
            f"{own}HOST: evil.example\r\n",
            f"{own}Origin: http://evil.example\r\n",
            f"{own}Sec-Fetch-Site: cross-site\r\n",
        ):
            status, __, body = await ask(port, f"{foreign}\r\n".encode())
            assert (status, b"hls_swarm" in body) == (403, False)

    served(check, run)


def test_a_name_it_was_told_of_is_its_own() -> None:
    async def main() -> None:
        async with Endpoint("127.0.0.1:0", lambda: 1.0, names=["metrics.example.com"]) as endpoint:
            assert endpoint.port is not None
            request = b"GET /healthz HTTP/1.1\r\nHost: metrics.example.com\r\n\r\n"
            assert (await ask(endpoint.port, request))[0] == 200

    asyncio.run(main())


@pytest.mark.parametrize(
    ("phase", "now", "health", "readiness"),
    [
        pytest.param(None, 1.0, 200, 503, id="before the first second"),
        pytest.param(Phase.RAMPING, 1.5, 200, 200, id="ramping"),
        pytest.param(Phase.STEADY, 1.5, 200, 200, id="steady"),
        pytest.param(Phase.STEADY, 7.0, 503, 503, id="no news for a time"),
        pytest.param(Phase.FINISHED, 60.0, 200, 503, id="finished"),
    ],
)
def test_health_and_readiness_tell_the_truth(phase: Phase | None, now: float, health: int, readiness: int) -> None:
    run = Run()
    if phase is not None:
        run.second(1.0, phase=phase)

    async def check(_: Endpoint, port: int) -> None:
        assert (await ask(port, get("/healthz")))[0] == health
        assert (await ask(port, get("/readyz")))[0] == readiness

    served(check, run, lambda: now)


def test_a_head_without_an_end_is_cut_off() -> None:
    async def check(_: Endpoint, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x" * (4 * MOST_HEAD_BYTES))
        with pytest.raises((ConnectionError, IndexError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 60)
        writer.close()

    served(check, Run())


def test_an_address_that_was_asked_for_and_is_taken_is_an_error_before_the_run() -> None:
    async def main() -> None:
        address = f"127.0.0.1:{free_port()}"
        async with Endpoint(address, lambda: 0.0):
            with pytest.raises(RunError, match=f"--metrics: {address} is taken, by another run perhaps"):
                async with Endpoint(address, lambda: 0.0):
                    pytest.fail("it listens twice")

    asyncio.run(main())


def test_the_default_address_that_is_taken_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Endpoint(None, lambda: 0.0) as first, Endpoint(None, lambda: 0.0) as second:
            assert second.port is None
            assert first.port in {None, 17091}  # another run of this machine may have it already

    asyncio.run(main())
    assert f"no live page and no Prometheus endpoint: {DEFAULT_ADDRESS} is taken" in caplog.text


@pytest.mark.parametrize("address", ["", "off"])
def test_off_is_off(address: str) -> None:
    async def main() -> None:
        async with Endpoint(address, lambda: 0.0) as endpoint:
            assert endpoint.port is None

    asyncio.run(main())
