"""What no history of a viewer may break, whatever an origin and a person do."""

from collections import Counter
from functools import lru_cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders.playlists import Playlist, Segment
from tests.viewer.world import Answer, World

from hls_swarm.hls.parser import parse_playlist
from hls_swarm.hls.playlist import MediaPlaylist
from hls_swarm.records import (
    PauseEnded,
    PauseStarted,
    PlaybackStarted,
    SeekEnded,
    SeekStarted,
    SequenceReset,
    StallEnded,
    StallStarted,
    ViewerStopped,
)
from hls_swarm.settings.spellings import parse_variant
from hls_swarm.viewer.actions import FetchPlaylist, FetchSegment, Quit
from hls_swarm.viewer.machine import State, Viewer
from hls_swarm.viewer.profiles import PROFILES, ReloadRule
from hls_swarm.viewer.session import Intent, Pause, Seek, Session

pytestmark = pytest.mark.slow

URL = "http://origin/live/720p.m3u8"


@lru_cache(4096)
def window(first: int, segments: int, gaps: int, end: bool) -> MediaPlaylist:
    """Equal segments of 2 s, every `gaps`th a gap."""
    listed = [Segment(n, gap=gaps > 0 and n % gaps == 0) for n in range(first, first + segments)]
    playlist = parse_playlist(Playlist(first, listed, end=end).body, URL)
    assert isinstance(playlist, MediaPlaylist)
    return playlist


worlds = st.fixed_dictionaries(
    {
        "profile": st.sampled_from(sorted(PROFILES)),
        "segments": st.integers(3, 12),
        "gaps": st.sampled_from([0, 0, 5, 7]),
        "ends_at": st.sampled_from([None, 30.0, 61.0]),
        "resets_at": st.sampled_from([None, None, 40.0]),
        "pauses_at": st.sampled_from([None, 25.0]),
        "delays": st.lists(st.floats(0.0, 5.0), min_size=1, max_size=8),
        "statuses": st.lists(st.sampled_from([200] * 8 + [404, 503, None]), min_size=1, max_size=9),
        "intents": st.lists(
            st.builds(
                Intent,
                st.floats(0.0, 20.0),
                st.one_of(
                    st.builds(Pause, st.floats(0.1, 30.0)),
                    st.builds(Seek, st.one_of(st.none(), st.floats(-20.0, 20.0)), st.floats(0.0, 0.99)),
                ),
            ),
            max_size=4,
        ),
        "quits_at": st.floats(1.0, 120.0),
    }
)


def world_of(drawn: dict[str, object]) -> World:
    turn = Counter[str]()
    delays, statuses = drawn["delays"], drawn["statuses"]
    assert isinstance(delays, list)
    assert isinstance(statuses, list)

    def origin(action: FetchPlaylist | FetchSegment, now: float) -> Answer:
        turn["n"] += 1
        seconds, status = delays[turn["n"] % len(delays)], statuses[turn["n"] % len(statuses)]
        if isinstance(action, FetchSegment):
            return Answer(seconds, status)
        at = now
        pauses_at = drawn["pauses_at"]
        if isinstance(pauses_at, float) and at > pauses_at:
            at = max(at - 30.0, pauses_at)
        ends_at, resets_at = drawn["ends_at"], drawn["resets_at"]
        ended = isinstance(ends_at, float) and at >= ends_at
        first = 100 + int((ends_at if ended and isinstance(ends_at, float) else at) // 2)
        if isinstance(resets_at, float) and at >= resets_at:
            first -= 90
        return Answer(seconds, status, window(first, drawn["segments"], drawn["gaps"], ended))

    intents = drawn["intents"]
    assert isinstance(intents, list)
    session = Session(intents=iter(intents))
    viewer = Viewer(3, URL, PROFILES[str(drawn["profile"])], parse_variant("highest"), session=session)
    return World(viewer, origin, check=check)


def check(world: World) -> None:
    assert world.viewer.buffer_seconds(world.now) >= 0.0


def run(drawn: dict[str, object]) -> World:
    world = world_of(drawn)
    quits_at = drawn["quits_at"]
    assert isinstance(quits_at, float)
    world.run(quits_at)
    if not world.stopped:
        world.give(Quit())
    return world


@given(worlds)
@settings(max_examples=250, deadline=None)
def test_the_buffer_is_never_negative_and_every_history_ends(drawn: dict[str, object]) -> None:
    world = run(drawn)
    assert world.viewer.state in {State.QUIT, State.ENDED, State.FAILED}
    assert sum(isinstance(record, ViewerStopped) for record in world.records) == 1


@given(worlds)
@settings(max_examples=250, deadline=None)
def test_no_segment_is_loaded_twice_within_a_sequence(drawn: dict[str, object]) -> None:
    drawn = drawn | {"intents": []}  # a seek backwards loads again what was cleared
    world = world_of(drawn)
    loaded: list[str] = []
    answer_of = world.origin

    def origin(action: FetchPlaylist | FetchSegment, now: float) -> Answer:
        answer = answer_of(action, now)
        if isinstance(action, FetchSegment) and answer.status == 200:
            loaded.append(action.url)
        return answer

    world.origin = origin
    quits_at = drawn["quits_at"]
    assert isinstance(quits_at, float)
    world.run(quits_at)
    if not any(isinstance(record, SequenceReset) for record in world.records):
        assert len(loaded) == len(set(loaded))
        numbers = [int(url.rpartition("segment")[2].removesuffix(".ts")) for url in loaded]
        looked_into = 1 if drawn["profile"] == "shaka" else 0  # what it looks into first is not where it begins
        assert numbers[looked_into:] == sorted(numbers[looked_into:])


@given(worlds)
@settings(max_examples=250, deadline=None)
def test_no_reload_is_faster_than_the_rule(drawn: dict[str, object]) -> None:
    drawn = drawn | {"statuses": [200]}  # a retry after a failure has a rule of its own
    world = run(drawn)
    loads = [now for now, action in world.asked if isinstance(action, FetchPlaylist)]
    # Half of the target duration of 2 s is the fastest that any rule allows; Shaka counts on from the end of a load,
    # less what loads take on average, and may come at once after a slow one.
    least = 0.0 if drawn["profile"] == "shaka" else 1.0
    assert all(later - earlier >= least - 1e-6 for earlier, later in pairwise(loads)), loads


def test_the_rule_that_is_slowest_to_start_is_still_a_rule() -> None:
    assert {profile.reload_rule for profile in PROFILES.values()} == set(ReloadRule)


@given(worlds)
@settings(max_examples=250, deadline=None)
def test_startup_play_stalls_and_seeks_add_up_to_the_watched_time(drawn: dict[str, object]) -> None:
    world = run(drawn)
    spent = Counter[str]()
    doing, since, ended = "startup", 0.0, 0.0
    begins = {
        PlaybackStarted: "play",
        StallStarted: "stall",
        StallEnded: "play",
        SeekStarted: "seek",
        SeekEnded: "play",
        PauseStarted: "pause",
        PauseEnded: "play",
    }
    for record in world.records:
        if isinstance(record, ViewerStopped):
            ended = record.at
        elif type(record) not in begins:
            continue
        at: float = record.at  # type: ignore[union-attr] # every record above has an instant
        assert at >= since - 1e-9, "records come in the order of their instants"
        spent[doing] += at - since  # type: ignore[assignment] # a Counter counts fractions, too
        doing, since = begins.get(type(record), "over"), at
    assert sum(spent.values()) == pytest.approx(ended)
    stalled = sum(record.stall_seconds for record in world.records if isinstance(record, StallEnded))
    assert stalled <= spent["stall"] + 1e-6
    assert world.viewer.stalled_seconds(ended) == pytest.approx(stalled)
