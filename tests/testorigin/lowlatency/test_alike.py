"""Who asks alike gets the same answer until the stream moves on, and nobody else does."""

import pytest

from hls_swarm.testorigin.lowlatency.alike import Alike
from hls_swarm.testorigin.lowlatency.stream import LowLatencyStream
from hls_swarm.testorigin.media.cmaf import load_cmaf
from hls_swarm.testorigin.media.timeline import LiveTimeline
from hls_swarm.testorigin.serving.answers import Answer, Request, refused
from hls_swarm.testorigin.serving.trouble.faults import Faults

ZIPPED = {b"accept-encoding": "gzip"}


def stream() -> LowLatencyStream:
    timeline = LiveTimeline(100.0, 1_769_868_309.0, segment_seconds=2, window=6)
    made = LowLatencyStream(load_cmaf(), timeline, 0.333, Faults())
    made.advance(100.0)
    return made


def request(**other: object) -> Request:
    values = {"method": "GET", "target": "/ll/a?_HLS_msn=5", "version": "1.1", "headers": ZIPPED, "hosts": 1} | other
    return Request(0.0, **values)  # type: ignore[arg-type]  # by name, of any kind


def answer_to(asked: Request) -> tuple[Alike, Answer]:
    alike, made = Alike(stream()), refused(asked)
    alike.keep(asked, made)
    return alike, made


def test_who_asks_alike_gets_the_same_answer_until_something_is_published() -> None:
    alike, made = answer_to(request())
    assert alike.find(request(headers=ZIPPED | {b"user-agent": "another"})) is made
    alike.stream.advance(100.1)
    assert alike.find(request()) is made
    alike.stream.advance(100.4)
    assert alike.find(request()) is None


@pytest.mark.parametrize(
    "other",
    [
        {"target": "/ll/a?_HLS_msn=6"},
        {"method": "HEAD"},
        {"version": "1.0"},
        {"hosts": 2},
        {"headers": {}},
        {"headers": ZIPPED | {b"range": "bytes=0-1"}},
        {"headers": ZIPPED | {b"if-none-match": "*"}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_who_asks_otherwise_does_not(other: dict[str, object]) -> None:
    alike, _ = answer_to(request())
    assert alike.find(request(**other)) is None


@pytest.mark.parametrize("name", [b"range", b"if-none-match"])
def test_what_is_one_by_one_is_not_kept(name: bytes) -> None:
    asked = request(headers=ZIPPED | {name: "x"})
    alike, _ = answer_to(asked)
    assert alike.find(asked) is None
    assert alike.find(request()) is None
