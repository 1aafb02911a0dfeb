"""What is drawn for the sessions of a run."""

from hls_swarm.engine.sessions import Sessions
from hls_swarm.settings.run import Settings

URL = "http://origin/stream.m3u8"


def waits(seed: int, number: int, round_: int = 0, profile: str = "shaka") -> list[float]:
    session = Sessions(Settings(url=URL, profile=profile, seed=seed)).session(number, round_, 60.0)
    return [session.retry_draw(nth) for nth in range(1, 6)]


def test_waits_before_another_try_are_drawn_for_each_viewer_and_session_and_repeat_with_the_seed() -> None:
    every = [waits(1, 0), waits(1, 1), waits(1, 0, 1), waits(2, 0)]
    assert all(0 <= each < 1 for drawn in every for each in drawn)
    assert len({each for drawn in every for each in drawn}) == 20
    assert waits(1, 0) == every[0]


def test_players_that_draw_no_waits_have_the_mean() -> None:
    assert waits(1, 0, profile="hlsjs") == [0.5] * 5
    assert waits(1, 0, profile="hlsjs=3,shaka=1") != [0.5] * 5
