import pytest

from hls_swarm.engine.worker_messages import (
    MAX_FRAME_BYTES,
    Configure,
    Drain,
    FrameReader,
    News,
    Poll,
    Ready,
    StartAt,
    frame,
    from_worker,
    to_worker,
)
from hls_swarm.load.shares import Share
from hls_swarm.records import ObjectKind
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.workers import WorkerHealth
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.tally import ObjectTally, Tally

SETTINGS = Settings(url="http://origin/live.m3u8", clients=3, header=("X-Token: secret",), timeout=4.5)


@pytest.mark.parametrize("message", [Configure(SETTINGS, 1, Share((1, 5), 8)), StartAt(12.25), Poll(10.0), Drain(1.0)])
def test_what_a_controller_says_arrives_as_it_was(message: Configure | StartAt | Poll | Drain) -> None:
    (body,) = FrameReader().feed(frame(message))
    assert to_worker(body) == message


def test_what_a_worker_says_arrives_as_it_was() -> None:
    lag = Histogram()
    lag.add(0.001)
    tally = Tally(started=3, objects={ObjectKind.SEGMENT: ObjectTally(requests=5, body_bytes=500)})
    news = News(7, 99.5, tally, (WorkerHealth(1, 0.5, 1 << 20, lag, 2),), idle=False)
    bodies = list(FrameReader().feed(frame(Ready(123, 20000)) + frame(news)))
    assert [from_worker(body) for body in bodies] == [Ready(123, 20000), news]


def test_frames_are_cut_whatever_the_pieces_are() -> None:
    data = frame(StartAt(1.0)) + frame(Poll(2.0)) + frame(Drain(3.0))
    for size in (1, 2, 3, 5, len(data)):
        reader = FrameReader()
        bodies = [body for at in range(0, len(data), size) for body in reader.feed(data[at : at + size])]
        assert [to_worker(body) for body in bodies] == [StartAt(1.0), Poll(2.0), Drain(3.0)]


def test_a_length_that_no_frame_has_is_refused() -> None:
    with pytest.raises(ValueError, match="a frame of"):
        list(FrameReader().feed((MAX_FRAME_BYTES + 1).to_bytes(4, "big")))
