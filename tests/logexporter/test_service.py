"""The exporter as a whole: real sockets, a real file, pages read by the project's own parser."""

import asyncio
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from hls_swarm.errors import RunError
from hls_swarm.logexporter.service import LogExporterAddress, serve
from hls_swarm.logexporter.settings import LogExporterOptions
from hls_swarm.logexporter.stub_status import StubStatus, read_stub_status
from hls_swarm.origin.exposition.parser import Page, Parser
from hls_swarm.origin.source import Source
from hls_swarm.settings.checks import SettingValueError
from hls_swarm.snapshot.origin.metrics import Role, SourceState

STUB_PAGE = b"Active connections: 7 \nserver accepts handled requests\n 20 19 300 \nReading: 1 Writing: 2 Waiting: 4 \n"


def line(status: int, size: int, seconds: float, cache: str = "-") -> bytes:
    fields = f"time:1.0 status:{status} bytes:{size} request_time:{seconds:.3f} upstream_time:- cache:{cache}"
    return fields.replace(" ", "\t").encode() + b"\n"


def fetched(url: str, method: str = "GET") -> tuple[int, bytes]:
    request = urllib.request.Request(url, method=method)  # noqa: S310 - a loopback URL of the test's own
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the same
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


async def page_of(url: str) -> bytes:
    status, body = await asyncio.to_thread(fetched, url)
    assert status == 200
    return body


@asynccontextmanager
async def exporting(**options: str) -> AsyncIterator[LogExporterAddress]:
    ready: asyncio.Future[LogExporterAddress] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    settings = LogExporterOptions(listen="127.0.0.1:0", **options)
    task = asyncio.create_task(serve(settings, ready.set_result, stop, niceness=0))
    try:
        yield await asyncio.wait_for(ready, 60)
    finally:
        stop.set()
        async with asyncio.timeout(5):
            await task


def values(page: Page, name: str) -> dict[tuple[str, ...], float]:
    return {series.label_values: value for series, value in page.by_name[name]}


def test_a_log_becomes_a_page(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_bytes(line(200, 1, 1.0))

    async def scenario() -> bytes:
        async with exporting(access_log=str(log)) as address:
            await page_of(address.url)
            with log.open("ab") as file:
                file.write(line(200, 1000, 0.0015, "HIT") + line(404, 50, 0.2, "MISS") + b"nonsense\n")
            return await page_of(address.url)

    body = uvloop.run(scenario())
    page = Parser().parse(body)
    counts = values(page, "nginx_http_response_count_total")
    assert (counts["200",], counts["404",], counts["503",]) == (1, 1, 0)
    assert values(page, "nginx_http_response_size_bytes") == {(): 1050}
    buckets = values(page, "nginx_http_response_time_seconds_hist_bucket")
    assert (buckets["0.001",], buckets["0.002",], buckets["0.15",], buckets["0.2",], buckets["+Inf",]) == (
        0,
        1,
        1,
        2,
        2,
    )
    assert values(page, "nginx_http_response_time_seconds_hist_count") == {(): 2}
    assert values(page, "nginx_http_cache_count_total")["HIT",] == 1
    assert values(page, "nginx_parse_errors_total") == {(): 1}
    assert values(page, "hls_swarm_log_exporter_unread_bytes") == {(): 0}
    assert values(page, "hls_swarm_log_exporter_log_readable") == {(): 1}
    assert "nginx_up" not in page.by_name
    families = {family.name: family.type for family in text_string_to_metric_families(body.decode())}
    assert families["nginx_http_response_time_seconds_hist"] == "histogram"


def test_the_scraper_reads_the_page(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.touch()

    async def scenario() -> tuple[bytes, bytes]:
        async with exporting(access_log=str(log)) as address:
            first = await page_of(address.url)
            with log.open("ab") as file:
                for _ in range(100):
                    file.write(line(200, 1000, 0.004, "HIT") + line(503, 10, 0.9, "MISS"))
            return first, await page_of(address.url)

    first, second = uvloop.run(scenario())
    source = Source(Role.NGINX, "http://a/metrics", interval=2.0, window=30.0)
    source.read(first, 10.0)
    source.read(second, 20.0)
    assert (source.health(20.0).state, source.health(20.0).dialect) == (SourceState.UP, "hls-swarm log-exporter")
    found = {name: reading.value for name, reading in source.readings(20.0).items()}
    assert found["nginx_requests_per_second"] == 20.0
    assert found["nginx_responses_2xx_per_second"] == found["nginx_responses_5xx_per_second"] == 10.0
    assert found["nginx_responses_4xx_per_second"] == 0.0
    assert found["nginx_out_bytes_per_second"] == 10100.0
    assert found["nginx_cache_hit_ratio"] == 0.5
    assert found["nginx_request_seconds_p50"] == 0.005
    assert found["nginx_request_seconds_p99"] is not None
    assert 0.7 < found["nginx_request_seconds_p99"] <= 1.0
    assert found["nginx_connections"] is None
    unknown = source.readings(20.0)["nginx_connections"].unknown
    assert unknown is not None
    assert unknown.how_to_get == "give the log exporter --stub-status"


@pytest.mark.parametrize(
    "header",
    [b"<190>Nov 23 16:31:47 web-1 nginx: ", b"<190>Nov  3 16:31:47 nginx: "],
    ids=["with host", "nohostname"],
)
def test_syslog(header: bytes) -> None:
    async def scenario() -> bytes:
        async with exporting(syslog="127.0.0.1:0") as address:
            assert address.syslog_port is not None
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for datagram in (header + line(200, 5, 0.1), header + line(206, 6, 0.1)[:-1], b"noise"):
                    sender.sendto(datagram, ("127.0.0.1", address.syslog_port))
            return await page_of(address.url)

    page = Parser().parse(uvloop.run(scenario()))
    assert values(page, "nginx_http_response_size_bytes") == {(): 11}
    assert values(page, "nginx_parse_errors_total") == {(): 1}
    assert values(page, "hls_swarm_log_exporter_syslog_received_total") == {(): 3}
    assert values(page, "hls_swarm_log_exporter_syslog_dropped_total") == {(): 0}
    assert values(page, "hls_swarm_log_exporter_syslog_buffer_bytes")[()] > 0
    assert "hls_swarm_log_exporter_unread_bytes" not in page.by_name


@pytest.mark.skipif(sys.platform != "linux", reason="SKIPPED PART: only Linux tells what it dropped")
def test_what_is_lost_is_on_the_page_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    sent = 60_000

    async def scenario() -> tuple[float, float]:
        async with exporting(syslog="127.0.0.1:0") as address:
            assert address.syslog_port is not None
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for _ in range(sent):  # the exporter has no turn meanwhile
                    sender.sendto(b"x", ("127.0.0.1", address.syslog_port))
            while True:
                page = Parser().parse(await page_of(address.url))
                read = values(page, "hls_swarm_log_exporter_syslog_received_total")[()]
                dropped = values(page, "hls_swarm_log_exporter_syslog_dropped_total")[()]
                assert values(page, "nginx_parse_errors_total") == {(): read}
                if read + dropped >= sent and "log lines were dropped" in caplog.text:
                    return read, dropped
                await asyncio.sleep(0.05)

    read, dropped = uvloop.run(scenario())
    assert dropped > 0
    assert read + dropped == sent
    told = [record for record in caplog.records if "log lines were dropped" in record.message]
    assert [f"{dropped:.0f} since the start" in record.message for record in told] == [True]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(STUB_PAGE, StubStatus(7, 20, 19, 300, 1, 2, 4), id="nginx"),
        pytest.param(
            STUB_PAGE.replace(b"requests\n", b"requests request_time\n").replace(b"300 \n", b"300 77\n"),
            StubStatus(7, 20, 19, 300, 1, 2, 4),
            id="tengine",
        ),
        pytest.param(b"<html>", None, id="HTML"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_stub_status_page(body: bytes, expected: StubStatus | None) -> None:
    assert read_stub_status(body) == expected


@pytest.mark.parametrize("alive", [True, False])
def test_connections_come_from_stub_status(tmp_path: Path, alive: bool) -> None:
    log = tmp_path / "access.log"
    log.touch()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + STUB_PAGE)
        await writer.drain()
        writer.close()

    async def scenario() -> bytes:
        nginx = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{nginx.sockets[0].getsockname()[1]}/stub_status"
        if not alive:
            nginx.close()
            await nginx.wait_closed()
        async with exporting(access_log=str(log), stub_status=url) as address:
            page = await page_of(address.url)
        nginx.close()
        return page

    body = uvloop.run(scenario())
    source = Source(Role.NGINX, "http://a/metrics", interval=2.0, window=30.0)
    source.read(body, 10.0)
    assert source.health(10.0).state is (SourceState.UP if alive else SourceState.DOWN)
    readings = source.readings(10.0)
    assert readings["nginx_up"].value == float(alive)
    assert readings["nginx_connections"].value == (7.0 if alive else None)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 200), ("/other", "GET", 404), ("/metrics", "POST", 405), ("/metrics?x=1", "HEAD", 200)],
)
def test_paths(tmp_path: Path, path: str, method: str, status: int) -> None:
    async def scenario() -> tuple[int, bytes]:
        async with exporting(access_log=str(tmp_path / "not-there-yet.log")) as address:
            return await asyncio.to_thread(fetched, address.url.replace("/metrics", path), method)

    answered, body = uvloop.run(scenario())
    assert answered == status
    assert (body == b"") == (method == "HEAD")


def test_a_client_that_never_asks_does_not_hold_it_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with exporting(access_log=str(tmp_path / "a.log")) as address:
            port = int(address.url.split(":")[2].split("/")[0])
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
            held[0][1].write(b"GET /metrics HT")
            assert await page_of(address.url)
        for _, writer in held:
            writer.close()

    uvloop.run(scenario())


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    async def scenario(taken: int) -> None:
        options = LogExporterOptions(access_log=str(tmp_path / "a.log"), listen=f"127.0.0.1:{taken}")
        await serve(options, lambda address: None, asyncio.Event(), niceness=0)

    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(RunError, match="--listen: can not listen"):
        uvloop.run(scenario(listener.getsockname()[1]))


@pytest.mark.parametrize(
    ("make", "field", "words"),
    [
        pytest.param(lambda: LogExporterOptions(), "access_log", "or use --syslog", id="nothing"),
        pytest.param(lambda: LogExporterOptions(access_log="-"), "access_log", "file that grows", id="stdin"),
        pytest.param(
            lambda: LogExporterOptions(access_log="a", listen="9114"), "listen", "is not an address", id="port"
        ),
        pytest.param(lambda: LogExporterOptions(syslog="x"), "syslog", "is not an address", id="syslog"),
        pytest.param(
            lambda: LogExporterOptions(access_log="a", stub_status="127.0.0.1/x"),
            "stub_status",
            "must be a URL",
            id="url",
        ),
    ],
)
def test_options_that_can_not_be_used(make: Callable[[], LogExporterOptions], field: str, words: str) -> None:
    with pytest.raises(SettingValueError, match=words) as raised:
        make()
    assert raised.value.field == field
