"""What a page and a dashboard elsewhere are told of a run: everything on connect, then each second."""

import asyncio
import json
import re
from dataclasses import replace
from math import inf
from typing import Any

import msgspec
import pytest
from tests.support.made.moments import STARTED_AT, Run, origin
from tests.support.made.snapshots import failed, watching

from hls_swarm.capacity.searching.progress import Progress
from hls_swarm.judge.verdict import Outcome, Verdict
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.origin.metrics import BucketCounts, OriginMetrics
from hls_swarm.snapshot.snapshot import Mark, Phase
from hls_swarm.views.live.feed import Feed
from hls_swarm.views.live.snapshots import OtherVersionError, envelope, read_frame
from hls_swarm.views.prometheus.endpoint import Endpoint

EVIL = "<script>alert(1)</script>"


def feed_of(run: Run) -> Feed:
    feed = Feed(Settings(url="http://origin.test/live.m3u8"), run.ledger, STARTED_AT, lambda: 0.0)
    for entry in run.entries:
        feed.add(entry)
    return feed


def a_run(seconds: int = 4) -> Run:
    run = Run("segment_download_seconds:p95 < 1s")
    for at in range(1, seconds + 1):
        of_origin = origin(float(at), {"10.0.0.5": {"cpu_percent": 40.0 + at}})
        marks = [Mark(2.5, f"deploy {EVIL}")] if at > 2 else []
        run.second(float(at), *watching(at, at - 0.5), of_origin=of_origin, marks=marks)
    return run


def asked(feed: Feed, path: str, count: int, act: Any = None) -> list[tuple[str, Any]]:
    """So many messages of a stream; `act` is called when it is heard."""

    async def main() -> list[tuple[str, Any]]:
        async with Endpoint("127.0.0.1:0", lambda: 0.0, feed=feed) as endpoint:
            reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            await reader.readuntil(b"retry: 2000\n\n")
            out: list[tuple[str, Any]] = []
            while len(out) < count:
                text = (await asyncio.wait_for(reader.readuntil(b"\n\n"), 60)).decode()
                name, data = text.removeprefix("event: ").split("\ndata: ")
                out.append((name, json.loads(data)))
                if act is not None and len(out) == 1:
                    act()
            writer.close()
            return out

    return asyncio.run(main())


def test_who_comes_gets_the_history_and_the_words() -> None:
    ((name, told),) = asked(feed_of(a_run()), "/events", 1)
    assert name == "everything"
    assert told["x"] == [1.0, 2.0, 3.0, 4.0]
    assert told["columns"]["origin_cpu_percent@10.0.0.5"] == [41.0, 42.0, 43.0, 44.0]
    assert told["columns"]["viewers_active"] == [1.0, 2.0, 3.0, 4.0]
    assert told["start"] == STARTED_AT
    assert "RUNNING" in told["parts"]["head"]
    assert "steady" in told["parts"]["head"]
    titles = [chart["title"] for chart in told["charts"]]
    assert {"Viewers", "Segment download", "Response times"} <= set(titles)
    assert "Rebuffering" not in titles, "always 0 so far"
    drawn = {line["column"] for chart in told["charts"] for line in chart["lines"] if "column" in line}
    assert drawn <= told["columns"].keys()


def test_each_second_says_what_is_new() -> None:
    run = a_run()
    feed = feed_of(run)
    before = run.entries[-1]

    def one_more() -> None:
        feed.add(run.second(5.0, *failed(9, 4.5), of_origin=before.moment.snapshot.origin))

    _, (name, told) = asked(feed, "/events", 2, one_more)
    assert name == "second"
    assert (told["at"], told["step"]) == (5.0, 1.0)
    assert told["values"]["viewers_active"] == 4.0
    assert "404" in told["parts"]["first"], "the errors"
    assert any(chart["title"] == "Errors by kind" for chart in told["charts"])


def test_what_stays_as_it_was_is_not_sent_again() -> None:
    run = a_run()
    feed = feed_of(run)

    def two_more() -> None:
        for at in (5.0, 6.0):
            feed.add(run.second(at, *watching(int(at), at - 0.5)))

    _, _, (_, told) = asked(feed, "/events", 3, two_more)
    assert "start" not in told
    assert "marks" not in told
    assert "tables" not in told["parts"], "every few seconds"
    assert "head" in told["parts"]


def test_the_run_outlives_a_bug_in_what_makes_the_page() -> None:
    run = a_run()
    bugs: list[Exception] = []
    feed = Feed(Settings(url="http://origin.test/live.m3u8"), run.ledger, STARTED_AT, lambda: 0.0, bugs.append)
    for entry in run.entries:
        feed.add(entry)
    broken = replace(run.second(5.0), thresholds=("no threshold",))  # type: ignore[arg-type] # a bug

    def three_more() -> None:
        feed.add(broken)
        feed.add(run.second(6.0))  # what is new since the broken one can not be told
        feed.add(run.second(7.0))

    _, (_, told) = asked(feed, "/events", 2, three_more)
    assert told["at"] == 7.0
    assert [type(error) for error in bugs] == [AttributeError, AttributeError]


def test_nothing_of_the_run_becomes_a_script() -> None:
    ((_, told),) = asked(feed_of(a_run()), "/events", 1)
    assert told["marks"] == [{"at": 2.5, "name": f"deploy {EVIL}"}], "drawn as a text"
    assert EVIL not in "".join(told["parts"].values())
    assert "deploy &lt;script&gt;" in told["parts"]["events"]


def test_the_answer_of_a_search_is_told() -> None:
    feed = feed_of(a_run())
    feed.keep_answer({"no": "answer"})
    ((_, told),) = asked(feed, "/events", 1)
    assert "can not be shown" in told["parts"]["capacity"]


def test_how_far_a_search_is_is_told() -> None:
    feed = feed_of(a_run())
    feed.search(Progress(None, 3.0, 60.0, None, 200, False, None, 400, False, (), ()))
    ((_, told),) = asked(feed, "/events", 1)
    assert "200" in told["parts"]["head"]


def test_the_end_says_what_the_run_came_to() -> None:
    run = a_run()
    feed = feed_of(run)

    def ended() -> None:
        last = run.second(5.0, phase=Phase.FINISHED)
        feed.add(last)
        feed.conclude(last, Outcome(Verdict.FAIL, ("too slow",)))

    _, (_, last), (name, told) = asked(feed, "/events", 3, ended)
    assert last["values"] == {}, "the moment after the run is not drawn"
    assert (name, told["verdict"]) == ("over", "fail")
    assert "too slow" in told["parts"]["head"]
    assert "RUNNING" not in told["parts"]["head"]


def test_who_comes_after_the_end_gets_what_the_run_came_to() -> None:
    run = a_run()
    feed = feed_of(run)
    last = run.second(5.0, phase=Phase.FINISHED)
    feed.add(last)
    feed.conclude(last, Outcome(Verdict.FAIL, ("too slow",)))
    (_, told), (name, over) = asked(feed, "/events", 2)
    assert "too slow" in told["parts"]["head"]
    assert (name, over) == ("over", {})


def test_a_dashboard_elsewhere_gets_the_snapshot_as_it_is() -> None:
    run = a_run()
    entry = run.entries[-1]
    ((name, told),) = asked(feed_of(run), "/snapshots", 1)
    assert name == "snapshot"
    got = read_frame(msgspec.json.encode(told))
    assert got.snapshot == entry.moment.snapshot
    assert [each.text for each in got.events if each.kind == "mark"] == [f"deploy {EVIL}"]


def test_secrets_in_addresses_are_not_sent_and_what_has_no_end_is() -> None:
    of_origin = origin(1.0, {"10.0.0.5": {"cpu_percent": 1.0}})
    (target,) = of_origin.targets
    (source,) = target.sources
    named = msgspec.structs.replace(source, url="http://user:secret@10.0.0.5:9100/metrics")
    buckets = {"seconds": BucketCounts(bounds=(0.1, inf), counts=(1.0, 2.0))}
    targets = (msgspec.structs.replace(target, sources=(named,), histograms=buckets),)
    snapshot = Run().second(1.0, of_origin=OriginMetrics(targets, 1.0, 1.0, 30.0)).moment.snapshot
    got = read_frame(msgspec.json.encode(envelope(snapshot, ()))).snapshot.origin
    assert got is not None
    assert got.targets[0].sources[0].url == "http://***@10.0.0.5:9100/metrics"
    assert got.targets[0].histograms == buckets


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b'{"version": "9.9", "frame": "AAAA"}', "9.9"),
        (b'{"version": "9.9", "frame": "?"}', "9.9"),
        (b"[]", ""),
        (b"no JSON", ""),
    ],
)
def test_what_another_version_sends_is_told_as_that(data: bytes, version: str) -> None:
    with pytest.raises(OtherVersionError) as error:
        read_frame(data)
    assert error.value.theirs == version


async def answer(port: int, path: str, *fields: str) -> tuple[str, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("\r\n".join([f"GET {path} HTTP/1.1", *fields, "", ""]).encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 60)).decode().partition("\r\n\r\n")
    writer.close()
    return head, body


def test_the_page_runs_no_script_but_its_own_and_needs_nothing_else() -> None:
    async def main() -> tuple[str, str]:
        async with Endpoint("127.0.0.1:0", lambda: 0.0, feed=feed_of(a_run())) as endpoint:
            assert endpoint.url == f"http://127.0.0.1:{endpoint.port}/"
            assert endpoint.port is not None
            return await answer(endpoint.port, "/", "Host: localhost")

    head, body = asyncio.run(main())
    policy = next(line for line in head.split("\r\n") if line.startswith("Content-Security-Policy: "))
    assert "default-src 'none'" in policy
    assert len(re.findall("'sha256-", policy)) == body.count("<script>")
    assert "frame-ancestors 'none'" in policy
    assert re.findall(r"(?:src|href)=\"(?!data:|/metrics|#)[^\"]*", body) == []


@pytest.mark.parametrize("path", ["/", "/events", "/snapshots"])
@pytest.mark.parametrize("fields", [("Host: stranger.example",), ("Host: localhost", "Sec-Fetch-Site: cross-site")])
def test_a_page_of_another_site_gets_nothing(path: str, fields: tuple[str, ...]) -> None:
    async def main() -> str:
        async with Endpoint("127.0.0.1:0", lambda: 0.0, feed=feed_of(a_run())) as endpoint:
            assert endpoint.port is not None
            return (await answer(endpoint.port, path, *fields))[0]

    assert asyncio.run(main()).startswith("HTTP/1.1 403 ")
