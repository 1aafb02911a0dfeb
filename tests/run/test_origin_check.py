"""Exporters before a run begins."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import uvloop
from tests.origin.fetching import HeldFetcher
from tests.origin.pages import page_text
from tests.support.environment import clean_environ
from tests.support.programs import free_port

from hls_swarm.origin.config import origin_settings
from hls_swarm.origin.scraper import OriginScraper
from hls_swarm.records import Failure, FailureKind
from hls_swarm.run.origin_check import device_of_host, tell_of_load, unanswered
from hls_swarm.snapshot.origin.metrics import WhyUnknown

NODE = page_text("node_exporter").encode()
STUB = page_text("nginx_stub_status").encode()


def held() -> tuple[OriginScraper, list[HeldFetcher]]:
    fetchers: list[HeldFetcher] = []

    def fetcher() -> HeldFetcher:
        fetchers.append(HeldFetcher())
        return fetchers[-1]

    scraper = OriginScraper.create(
        origin_settings(node_url="http://localhost:1/m", nginx_url="http://localhost:2/m", interval=60.0, window=300.0),
        new_fetcher=fetcher,
        clock=lambda: 10.0,
    )
    assert scraper is not None
    return scraper, fetchers


def test_all_have_answered() -> None:
    async def scenario() -> str | None:
        scraper, (node, nginx) = held()
        scraper.start()
        node.fetches[0].answer(NODE, 10.0)
        nginx.fetches[0].answer(STUB, 10.0)
        found = await unanswered(scraper, 0.1)
        scraper.stop()
        return found

    assert uvloop.run(scenario()) is None


def test_who_did_not_answer_is_named_with_the_reason() -> None:
    async def scenario() -> str | None:
        scraper, (node, nginx) = held()
        scraper.start()
        node.fetches[0].answer(NODE, 10.0)
        nginx.fetches[0].fail(Failure(FailureKind.CONNECT, "connection refused"))
        found = await unanswered(scraper, 0.1)
        scraper.stop()
        return found

    assert uvloop.run(scenario()) == (
        "--require-origin-metrics: no figures after 0.1 s from http://localhost:2/m: connection refused"
    )


@pytest.mark.parametrize("device", ["lo", "eth9", None])
def test_a_page_of_another_machine_is_read_as_ever(device: str | None) -> None:
    async def scenario() -> None:
        scraper, (node, _) = held()
        await tell_of_load(scraper, device)
        scraper.start()
        node.fetches[0].answer(NODE, 10.0)  # booted at another time than this machine
        reading = scraper.get_metrics().targets[0].readings["network_in_bytes_per_second"]
        assert reading.unknown is not None
        assert reading.unknown.why is WhyUnknown.FIRST_SCRAPE
        scraper.stop()

    uvloop.run(scenario())


def test_the_way_to_a_host() -> None:
    async def devices() -> tuple[str | None, str | None]:
        return await device_of_host("localhost", None), await device_of_host("no-such-host.invalid", 80)

    assert uvloop.run(devices()) == ("lo", None)


@pytest.mark.program
def test_a_run_does_not_begin_without_the_exporters_that_it_requires(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody_asks:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "hls_swarm", "--clients", "1", "--duration", "5s", "--metrics", "off"),
                *("--no-output", "--json", str(tmp_path / "summary.json"), "--require-origin-metrics"),
                *("--origin-metrics", f"http://127.0.0.1:{free_port()}/metrics", "--origin-metrics-interval", "250ms"),
                f"http://127.0.0.1:{nobody_asks.getsockname()[1]}/live.m3u8",
            ],
            capture_output=True, text=True, timeout=60, check=False, env=clean_environ(),
        )  # fmt: skip
        nobody_asks.settimeout(0.1)
        with pytest.raises(TimeoutError):
            nobody_asks.accept()
    assert done.returncode == 1
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["verdict"], summary["viewers"]["started"]) == ("error", 0)
    (reason,) = summary["reasons"]
    assert reason.startswith("--require-origin-metrics: no figures after 5.25 s from http://127.0.0.1:")
    assert "connection refused" in reason
    assert reason in done.stderr
