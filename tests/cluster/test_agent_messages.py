"""Messages between machines: what they carry comes back, and a report stays small with everything at its bound."""

import random

import msgspec
import pytest

from hls_swarm.cluster.agent import HostNews
from hls_swarm.cluster.agent_messages import (
    MOST_REPORT_BYTES,
    Adopt,
    Apply,
    Ask,
    Begin,
    Look,
    Report,
    Size,
    from_agent,
    pack,
    pack_report,
    to_agent,
)
from hls_swarm.cluster.station import merged
from hls_swarm.engine.native.identities import Lists
from hls_swarm.engine.worker_messages import News
from hls_swarm.load.shares import Share
from hls_swarm.records import Blame, FailureKind, ObjectKind, Violation
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.workers import WorkerHealth
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.hosts import HTTP1, HTTP2, HTTP3, MOST_HOSTS, HostTally, VersionTally
from hls_swarm.stats.tally import ErrorCount, ObjectTally, Tally
from hls_swarm.stats.worst import WORST_VIEWERS, ViewerDetail

SETTINGS = Settings(url="http://127.0.0.1/live.m3u8", clients=7)


@pytest.mark.parametrize(
    "message",
    [
        Look(),
        Begin(SETTINGS, Lists(("a",), ("b",)), 4, (Share((0, 2), 5), Share((1,), 5))),
        Begin(SETTINGS, Lists((), ()), 0, (Share((0,), 1),), 900),
        Size(SETTINGS, 2),
        Apply(1.5, -3, 2.0),
        Adopt(1.5, (Share((3,), 5),), 2.0),
        Ask(10.0),
    ],
)
def test_what_is_said_is_what_is_heard(message: Look | Begin | Size | Apply | Adopt | Ask) -> None:
    assert to_agent(pack(message)) == message


@pytest.mark.parametrize("body", [b"", b"no", b"\x78\x9c", pack(Look())[:-2]])
def test_what_is_no_message_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="can not be read"):
        to_agent(body)


def wide(random_: random.Random) -> Histogram:
    """Values over six powers of ten."""
    histogram = Histogram()
    histogram.add_all([10 ** random_.uniform(-5, 1) for _ in range(3000)])
    return histogram


def full() -> Report:
    """As much as a run on 64 cores can come to."""
    made = random.Random(1)
    tally = Tally(started=100_000)
    for kind in ObjectKind:
        objects = tally.objects[kind] = ObjectTally(requests=10**9, statuses=dict.fromkeys(range(200, 230), 10**6))
        objects.ttfb, objects.download, objects.dns = wide(made), wide(made), wide(made)
        objects.connect, objects.tls, objects.throughput = wide(made), wide(made), wide(made)
    tally.startup, tally.stall, tally.live_latency, tally.lateness = (wide(made) for _ in range(4))
    for nth in range(MOST_HOSTS):
        addresses = [f"10.{made.randrange(256)}.{made.randrange(256)}.{n}" for n in range(16)]
        versions = {name: VersionTally(made.randrange(10**9), 10**5, 10**4, True) for name in (HTTP1, HTTP2, HTTP3)}
        tally.hosts[f"edge-{nth}.cdn.example.com:443"] = HostTally(versions, addresses)
    for nth in range(40):
        tally.add_violation(
            Violation(f"rule {nth} is broken so", f"8216bis 4.{nth}", nth, ("hls.js",)), f"http://x/{nth}"
        )
        tally.errors[str(nth)] = ErrorCount(
            ObjectKind.SEGMENT,
            FailureKind.HTTP_STATUS,
            400 + nth,
            Blame.ORIGIN,
            "status",
            f"http://x/{nth}.ts",
            1.5,
            nth,
        )
    worst = tuple(
        ViewerDetail(made.randrange(10**6), nth, "stalled", made.random(), 10**6, nth, made.random(), "status 503")
        for nth in range(WORST_VIEWERS)
    )
    news = {nth: News(9, 1.5, Tally(), (WorkerHealth(nth, 10.5, 10**8, wide(made), nth),), False) for nth in range(64)}
    news[0] = msgspec.structs.replace(news[0], tally=tally, worst=worst)
    return Report(9, merged(HostNews(64, news, {})))


def test_a_report_with_everything_at_its_bound_is_small_enough() -> None:
    report = full()
    body = pack_report(report)
    assert len(body) < MOST_REPORT_BYTES
    heard = from_agent(body)
    assert isinstance(heard, Report)
    assert heard.news is not None
    assert report.news is not None
    assert heard.news.tally == report.news.tally
    assert heard.news.health == report.news.health
