"""Shaka at the live edge, as it was seen beside hls.js and the draft: its beat, its tries, what it takes for there."""

import itertools
from dataclasses import replace

import pytest
from tests.viewer.conftest import multivariant
from tests.viewer.lowlatency.edge import PART, URL, Edge, playlist
from tests.viewer.world import Answer, World

from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.records import EdgeFault, EdgeFaultSeen, LatencyObserved
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.viewer.actions import FetchPlaylist, FetchSegment
from hls_swarm.viewer.lowlatency.place import Pace
from hls_swarm.viewer.machine import Viewer
from hls_swarm.viewer.profiles import SHAKA

READY = 0.04
MASTER = "http://origin/live/master.m3u8"


def world(edge: Edge, url: str = URL) -> World:
    return World(Viewer(7, url, SHAKA, parse_variant("highest"), 1_000_000_000.0), edge)


def asked(made: World, ending: str) -> list[float]:
    return [at for at, action in made.asked if action.url.endswith(ending)]


def reloads(made: World) -> list[tuple[float, str]]:
    return [(at, a.url.partition("?")[2]) for at, a in made.asked if isinstance(a, FetchPlaylist)]


def test_it_begins_a_part_nearer_than_part_hold_back_for_the_hinted_part_counts() -> None:
    made = world(Edge(fetch_seconds=0.001)).run(10.0)
    seen = [record.live_seconds for record in made.records if isinstance(record, LatencyObserved)]
    assert seen[-1] == pytest.approx(1.5 - PART, abs=0.01)


def test_its_first_reload_comes_a_part_target_after_it_made_sense_of_the_first_playlist() -> None:
    (_, (at, query), *_) = reloads(world(Edge()).run(3.0))
    assert at == pytest.approx(0.005 + READY + PART)
    assert query == "_HLS_msn=10&_HLS_part=2&_HLS_skip=YES"


@pytest.mark.parametrize(
    ("loads", "due"),
    [
        pytest.param([(1.0, 1.1)], 1.1 + 0.4, id="what is left after the first"),
        pytest.param([(1.0, 1.1), (1.5, 1.8)], 1.8 + 0.5 - (0.1 * 0.5**0.2 + 0.3) / (1 + 0.5**0.2), id="the mean"),
        pytest.param([(1.0, 1.7)], 1.7, id="at once after one that took longer"),
        pytest.param([(1.004, 1.104)], 1.1 + 0.4, id="late timers do not add up"),
    ],
)
def test_its_beat_is_a_part_target_less_what_reloads_take(loads: list[tuple[float, float]], due: float) -> None:
    pace = Pace(0.0)
    assert pace.next_at(0.4, 0.5, PART) == 1.0
    assert [pace.next_at(started, ended, PART) for started, ended in loads][-1] == pytest.approx(due)


def test_all_playlists_are_reloaded_together_when_the_last_of_them_is_here() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        if action.url == MASTER:
            return Answer(0.01, playlist=multivariant(800_000, audio=True))
        return replace(answer, seconds=answer.seconds + 0.1) if "audio" in action.url else answer

    made = world(Edge(alters), MASTER).run(4.0)
    video, audio = (
        [at for at, action in made.asked if isinstance(action, FetchPlaylist) and name in action.url]
        for name in ("800000", "audio")
    )
    assert len(video) > 6
    assert video == audio


def test_a_reload_that_is_refused_is_made_again_and_again_as_it_was() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        return Answer(0.005, 503) if isinstance(action, FetchPlaylist) and 3.0 < now < 3.9 else answer

    made = world(Edge(alters)).run(6.0)
    tries = [(at, query) for at, query in reloads(made) if 3.0 < at < 4.0]
    assert len(tries) == 10
    assert len({query for _, query in tries}) == 1
    assert "_HLS_msn" in tries[0][1]
    assert [b - a for (a, _), (b, _) in itertools.pairwise(tries)] == pytest.approx([0.105] * 9)
    assert {r.kind for r in made.records if isinstance(r, EdgeFaultSeen)} == {EdgeFault.UNAVAILABLE}
    assert not made.stopped


def test_a_stuck_playlist_is_reloaded_on_the_beat() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        stuck = isinstance(action, FetchPlaylist) and now > 3.0
        return replace(answer, seconds=0.005, playlist=playlist(48)) if stuck else answer

    tries = [at for at, _ in reloads(world(Edge(alters)).run(16.0)) if at > 12.0]
    assert [b - a for a, b in itertools.pairwise(tries)] == pytest.approx([PART] * (len(tries) - 1), abs=0.02)


def test_a_part_that_can_not_be_had_is_tried_twice_and_again_until_it_is() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        return Answer(0.005, 503) if action.url.endswith("12.1.mp4") and now < 4.5 else answer

    made = world(Edge(alters)).run(8.0)
    tries = asked(made, "12.1.mp4")
    waits = [b - a - 0.005 for a, b in itertools.pairwise(tries)]
    assert waits == pytest.approx([(0.1, 0.2)[nth % 2] for nth in range(len(waits))])
    assert made.segments()[made.segments().index("12.1.mp4") + len(tries)] == "12.2.mp4"


def test_a_hint_that_does_not_come_true_is_tried_twice_whatever_is_listed_by_then() -> None:
    def alters(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        listed = answer.playlist
        if isinstance(listed, MediaPlaylist):
            parts = listed.next_sequence * 4 + len(listed.open_parts)
            return replace(answer, playlist=playlist(parts, hint="lost.mp4")) if parts == 48 else answer
        return Answer(answer.seconds, 404) if action.url.endswith("lost.mp4") else answer

    def lost_is_held(action: FetchPlaylist | FetchSegment, now: float, answer: Answer) -> Answer:
        # The server holds the request for what it hinted at until it publishes something else.
        return Answer(max(0.0, 3.5 - now), 404) if action.url.endswith("lost.mp4") else alters(action, now, answer)

    made = world(Edge(lost_is_held)).run(6.0)
    tries = asked(made, "lost.mp4")
    assert tries[1:] == [pytest.approx(3.6)]
    assert asked(made, "12.0.mp4") == [pytest.approx(3.6 + 0.2)]
    assert [r.kind for r in made.records if isinstance(r, EdgeFaultSeen)] == [EdgeFault.HINT_LOST]
