"""The page in a real Chromium: fed, zoomed, cut off, and after hours."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from tests.support.made.moments import STARTED_AT, Run, origin
from tests.support.made.snapshots import failed, stalled, watching
from tests.support.players.chromium import Browser, browser

from hls_swarm.http.serving.page_server import HTML, Answer, PageServer
from hls_swarm.http.serving.publisher import Publisher, event
from hls_swarm.judge.verdict import Outcome, Verdict
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.snapshot import Mark, Phase
from hls_swarm.views.live.feed import Feed
from hls_swarm.views.live.history import MOST_POINTS, History
from hls_swarm.views.live.page import page, security_fields
from hls_swarm.views.prometheus.endpoint import Endpoint

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@contextmanager
def in_the_background() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def within(loop: asyncio.AbstractEventLoop, action: Callable[[], Any]) -> Any:
    async def act() -> Any:
        return action()

    return asyncio.run_coroutine_threadsafe(act(), loop).result(10)


def until(tab: Browser, expression: str, seconds: float = 60.0) -> None:
    begun = time.monotonic()
    while not tab.value(expression):
        assert time.monotonic() - begun < seconds, f"{expression} never held: {tab.problems}"
        time.sleep(0.05)


FITTING = """[...document.querySelectorAll('.chart')].every(
    (box) => box.querySelector('.uplot').offsetWidth < box.clientWidth)"""


def until_heard(feed: Feed) -> None:
    begun = time.monotonic()
    while not feed.events.is_heard:
        assert time.monotonic() - begun < 60, "the page never asked for the stream"
        time.sleep(0.02)


def complaints(tab: Browser) -> list[str]:
    """What the page did wrong; that it asks its own server is no mistake."""
    return [problem for problem in tab.problems if not problem.startswith("a request to http://127.0.0.1:")]


def test_a_run_is_drawn_as_it_goes_on(tmp_path: Path) -> None:
    run = Run("segment_download_seconds:p95 < 1s")

    def one_second(at: int) -> Any:
        of_origin = origin(float(at), {"10.0.0.5": {"cpu_percent": 40.0 + at}})
        marks = [Mark(2.5, "deploy <b>7</b>")] if at > 2 else []
        stalls = (*stalled(1, at - 0.5, 0.3), *failed(50 + at, at - 0.2)) if at > 8 else ()
        return run.second(float(at), *watching(at, at - 0.9), *stalls, of_origin=of_origin, marks=marks)

    with in_the_background() as loop, browser(tmp_path) as tab:
        feed = Feed(Settings(url="http://origin.test/live.m3u8"), run.ledger, STARTED_AT, time.monotonic)
        endpoint = Endpoint("127.0.0.1:0", time.monotonic, feed=feed)
        asyncio.run_coroutine_threadsafe(endpoint.__aenter__(), loop).result(10)
        try:
            tab.open(f"http://127.0.0.1:{endpoint.port}/")
            until_heard(feed)
            assert tab.value("document.getElementById('state').textContent") == "connecting"
            for at in range(1, 6):
                within(loop, partial(lambda second: feed.add(one_second(second)), at))
            until(tab, "document.getElementById('state').textContent === 'live'")
            until(tab, "document.querySelectorAll('#chart-viewers canvas').length === 1")
            tab.open(f"http://127.0.0.1:{endpoint.port}/")
            until(tab, "document.getElementById('state').textContent === 'live'")
            assert "RUNNING" in tab.value("document.getElementById('verdict').textContent")
            assert tab.value("document.querySelectorAll('#chart-viewers canvas').length") == 1
            assert tab.value("document.getElementById('chart-rebuffering')") is None
            assert "deploy <b>7</b>" in tab.value("document.querySelector('[data-part=events]').textContent")
            for at in range(6, 12):
                within(loop, partial(lambda second: feed.add(one_second(second)), at))
            until(tab, "document.getElementById('verdict').textContent.includes('11.0 s')")
            until(tab, "document.querySelector('#chart-viewers .u-legend').textContent.includes('11')")
            assert tab.value("document.getElementById('chart-stalls') !== null"), "it is not always 0 any more"
            until(tab, FITTING)
            order = tab.value("[...document.querySelectorAll('.chart')].map((box) => box.id)")
            assert order.index("chart-viewers") < order.index("chart-stalls") < order.index("chart-segment-download")
            for width, dark in ((1400, True), (390, False)):
                tab.open(f"http://127.0.0.1:{endpoint.port}/", width=width, height=844, dark=dark)
                until(tab, "document.getElementById('chart-viewers') !== null")
                assert tab.value("document.documentElement.scrollWidth") <= width
                assert tab.value("document.documentElement.dataset.theme") == ("dark" if dark else "light")
            last = run.second(12.0, phase=Phase.FINISHED)
            within(loop, lambda: feed.add(last))
            within(loop, lambda: feed.conclude(last, Outcome(Verdict.PASS, ())))
            until(tab, "document.getElementById('state').textContent === 'the run is over'")
            assert tab.value("document.getElementById('page-head').className") == "pass"
            assert complaints(tab) == []
        finally:
            asyncio.run_coroutine_threadsafe(endpoint.__aexit__(None, None, None), loop).result(10)


def test_hours_take_no_more_room_than_the_charts_can_show(tmp_path: Path) -> None:
    history = History()
    columns = [f"column{number}" for number in range(24)]
    chart = {
        "id": "chart-a", "section": "All", "title": "A", "hint": "", "unit": "count", "drawing": "lines", "limits": [],
    }  # fmt: skip
    charts = [{**chart, "lines": [{"name": name, "column": name} for name in columns]}]

    def everything() -> bytes:
        so_far = {"x": history.instants, "first": history.first, "step": history.step}
        points = {name: history.points(name) for name in columns}
        return event("everything", so_far | {"columns": points, "charts": charts, "start": None})

    publisher = Publisher(everything, time.monotonic)

    async def answer(path: str, fields: Sequence[str]) -> Answer | Publisher:
        return publisher if path == "/events" else Answer(HTTPStatus.OK, page(), HTML, security_fields())

    def some(first: int, count: int) -> None:
        for at in range(first, first + count):
            values = {name: 1000.0 if at == 1234 else float(at % 7) for name in columns}
            history.add(float(at), values)
            publisher.publish(
                event(
                    "second",
                    {"at": float(at), "step": history.step, "values": values} | {"parts": {"head": f"<h1>{at}</h1>"}},
                )
            )

    with in_the_background() as loop, browser(tmp_path) as tab:
        server = PageServer(answer, 8)
        asyncio.run_coroutine_threadsafe(server.start("127.0.0.1", 0), loop).result(10)
        try:
            within(loop, lambda: some(0, 10))
            tab.open(f"http://127.0.0.1:{server.port}/")
            until(tab, "document.getElementById('state').textContent === 'live'")
            heaps = []
            for first in range(10, 4324, 719):
                within(loop, partial(some, first, 719))
                until(tab, f"document.querySelector('h1').textContent === '{first + 718}'")
                tab.command("HeapProfiler.collectGarbage")
                heaps.append(tab.value("performance.memory.usedJSHeapSize"))
            tab.value("document.querySelector('#chart-a .csv').click()")
            table = unquote(tab.value("document.querySelector('#chart-a .csv').href").partition(",")[2])
            rows = table.split()[1:]
            assert len(rows) <= MOST_POINTS
            assert len(rows) == len(history)
            assert max(float(row.split(",")[2]) for row in rows) == 1000.0, "the peak stays"
            assert heaps[-1] < 1.5 * max(heaps[1:4])
            assert complaints(tab) == []
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
            until(tab, "document.getElementById('state').className === 'lost'")
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
