"""Which viewers are ffmpeg processes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.engine.ffmpeg.mix import ffmpeg_viewers, has_ffmpeg, is_ffmpeg, only_ffmpeg
from hls_swarm.settings.checks import SettingValueError
from hls_swarm.settings.run import Settings


def run(engine: str, clients: int = 1000, seed: int = 1) -> Settings:
    """Settings of a run with these engines."""
    return Settings(url="http://h/a.m3u8", engine=engine, clients=clients, seed=seed)


@pytest.mark.parametrize(
    ("engine", "clients", "expected"),
    [
        pytest.param("native", 10, 0, id="native"),
        pytest.param("ffmpeg", 10, 10, id="ffmpeg"),
        pytest.param("native=950,ffmpeg=50", 1000, 50, id="mix"),
        pytest.param("ffmpeg=50,native=950", 1000, 50, id="any order"),
        pytest.param("native,ffmpeg", 100, 50, id="halves"),
        pytest.param("native=1,ffmpeg=2", 300, 200, id="thirds"),
        pytest.param("native=999999,ffmpeg=1", 10_000, 1, id="scaled down"),
    ],
)
def test_shares_are_exact(engine: str, clients: int, expected: int) -> None:
    settings = run(engine, clients)
    assert sum(is_ffmpeg(settings, number) for number in range(clients)) == expected
    assert ffmpeg_viewers(settings, clients) == expected
    assert has_ffmpeg(settings) is (expected > 0)
    assert only_ffmpeg(settings) is (expected == clients)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 400), st.integers(0, 1000))
def test_what_is_counted_ahead_is_what_comes(native: int, ffmpeg: int, clients: int, seed: int) -> None:
    settings = run(f"native={native},ffmpeg={ffmpeg}", clients, seed)
    assert ffmpeg_viewers(settings, clients) == sum(is_ffmpeg(settings, number) for number in range(clients))


@pytest.mark.parametrize("workers", [2, 4])
def test_no_worker_gets_them_all(workers: int) -> None:
    settings = run("native,ffmpeg", 1000)
    shares = [sum(is_ffmpeg(settings, number) for number in range(worker, 1000, workers)) for worker in range(workers)]
    assert min(shares) > 0.8 * 500 / workers


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        pytest.param("vlc", "'vlc' is not one of native, ffmpeg", id="unknown"),
        pytest.param("ffmpeg,ffmpeg", "ffmpeg is named twice", id="twice"),
        pytest.param("ffmpeg=0", "whole number more than 0", id="nothing"),
        pytest.param("ffmpeg=1.5", "whole number more than 0", id="half a viewer"),
        pytest.param("", "'' is not one of", id="empty"),
    ],
)
def test_what_is_no_mix_is_refused(engine: str, words: str) -> None:
    with pytest.raises(SettingValueError, match=words):
        run(engine)
