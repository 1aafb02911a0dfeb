"""A search that acts on a run: what it asks of the viewers, what it writes down, and its answer at the end."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.support.made.agents import MadeAgent
from tests.support.made.moments import Run
from tests.support.made.snapshots import exchange, watching
from tests.support.virtual_time import run_virtually

from hls_swarm.capacity.answer import CapacityAnswer
from hls_swarm.capacity.searching.progress import Progress
from hls_swarm.capacity.steps import Verdict
from hls_swarm.cluster.fleet import Fleet
from hls_swarm.judge import verdict
from hls_swarm.records import EndReason, ObjectKind, Record, SegmentFetched, ViewerStopped
from hls_swarm.run.capacity import Searching, most_viewers, outcome_of, run_settings
from hls_swarm.settings.capacity import CapacitySettings
from hls_swarm.settings.checks import SettingValueError
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.snapshot import Phase

pytestmark = pytest.mark.slow

URL = "http://user:secret@origin.test/live/master.m3u8"


class World:
    """A run of a model: an origin that carries so many viewers well, and the viewers on it.

    Args:
        carries: with one more, segments take longer than they play.
    """

    def __init__(self, carries: int, **options: Any) -> None:
        self.carries = carries
        self.seen: list[Progress] = []
        self.kept: list[Mapping[str, Any]] = []
        self.marks: list[str] = []
        self.rates: list[float] = []
        self.target, self.over = 2, False
        self.settings = Settings(url=URL, no_output=True)
        asked = CapacitySettings(**{"from_": 2, "trial": 5.0, "soak": 0.0, "no_overload": True, **options})
        self.searching = Searching(asked, self.settings, asked.most or 1000)
        self.searching.attach(self, [self.seen.append], [self.kept.append])

    # What the search asks for.

    def change_viewers(self, by: int, per_second: float | None = None) -> None:
        self.target += by
        self.rates.append(per_second or 0.0)

    def replace_stalled(self) -> None:
        """Nobody is."""

    def mark(self, note: str) -> None:
        self.marks.append(note)

    def finish(self) -> None:
        self.over = True

    # What goes on meanwhile.

    def run(self, seconds: int = 600) -> CapacityAnswer:
        run, viewers, at = Run(), 0, 0.0
        entry = None
        while not self.over and at < seconds:
            records: list[Record] = []
            while viewers < self.target:
                records += watching(viewers, at)
                viewers += 1
            while viewers > self.target:
                viewers -= 1
                records.append(ViewerStopped(viewers, at, EndReason.QUIT, played=True))
            took = 0.02 if viewers <= self.carries else 4.0
            records += [
                SegmentFetched(n, ObjectKind.SEGMENT, exchange(at, 1000, took), None, 2.0, 4000) for n in range(viewers)
            ]
            at += 1.0
            entry = run.second(at, *records)
            self.searching.add(entry)
        assert entry is not None
        last = run.second(at + 1.0, phase=Phase.FINISHED)
        self.searching.add(last)  # says nothing any more
        return self.searching.conclude(last, None, interrupted=not self.over)


def test_a_search_changes_the_viewers_of_its_run_until_it_has_found() -> None:
    world = World(carries=9)
    answer = world.run()
    assert world.over
    assert (answer.verdict, answer.viewers, answer.failed_at, answer.exit_code) == (Verdict.FOUND, 9, 10, 0)
    assert answer.url == "http://***@origin.test/live/master.m3u8"
    assert answer.broke_first is not None
    assert answer.broke_first.objective == "segment_relative_download:p95 < 0.5"
    assert all(rate > 0 for rate in world.rates)
    assert world.marks[0] == "warm up: 2 viewers"
    assert outcome_of(answer).verdict is verdict.Verdict.PASS


def test_each_trial_is_written_down_as_the_answer_stands_then() -> None:
    world = World(carries=9)
    answer = world.run()
    assert len(world.kept) == len(answer.trials) + 1
    first, last = world.kept[0], world.kept[-1]
    assert (first["running"], first["verdict"], len(first["trials"])) == (True, "broke_off", 1)
    assert (last["running"], last["verdict"]) == (False, "found")
    assert last == answer.json_object()


def test_a_search_that_is_interrupted_says_its_bounds() -> None:
    world = World(carries=9)
    answer = world.run(seconds=60)
    assert not world.over
    assert (answer.verdict, answer.reason, answer.exit_code) == (Verdict.BROKE_OFF, "interrupted", 1)
    outcome = outcome_of(answer)
    assert (outcome.verdict, outcome.reasons) == (verdict.Verdict.ERROR, ("interrupted",))


def test_fewer_than_were_asked_for() -> None:
    answer = World(carries=9, at_least=12).run()
    outcome = outcome_of(answer)
    assert outcome.exit_code == 99
    assert outcome.reasons == ("9 viewers are carried, fewer than --at-least 12",)


def test_never_more_than_the_most() -> None:
    world = World(carries=9, most=4)
    answer = world.run()
    assert (answer.verdict, answer.viewers) == (Verdict.AT_LEAST, 4)
    assert world.target <= 4


def test_the_run_begins_with_the_first_load_and_lets_nobody_be_missing() -> None:
    settings = run_settings(
        CapacitySettings(from_=30), Settings(url=URL, stage=("1m:5",), threshold=("errors:rate < 1%",), duration=9.0)
    )
    assert (settings.clients, settings.ramp_rate, settings.duration) == (30, 0.5, 0.0)
    assert (settings.stage, settings.threshold, settings.replace_ended) == ((), (), True)


@pytest.mark.parametrize(("asked", "most", "told"), [(None, 1600, "up to 1,600 viewers"), (70, 70, "")])
def test_with_agents_the_most_is_what_they_have_room_for_or_what_was_asked_for(
    asked: int | None, most: int, told: str
) -> None:
    said: list[str] = []

    async def run() -> tuple[Searching, Fleet]:
        agents = [MadeAgent(name, asyncio.get_running_loop().time, room=800) for name in ("a", "b")]
        fleet = Fleet(agents)
        settings = run_settings(CapacitySettings(most=asked), Settings(url=URL))
        searching = Searching(CapacitySettings(most=asked), settings, asked)
        await searching.limit_to_agents(fleet, settings, said.append)
        return searching, fleet

    searching, fleet = run_virtually(run())
    assert (searching.most, fleet.most, fleet.warns) == (most, most, asked is not None)
    assert told in "".join(said)


def test_the_most_is_what_was_asked_for_or_what_this_machine_can_make() -> None:
    settings = Settings(url=URL)
    assert most_viewers(CapacitySettings(most=70), settings, 2) == 70
    here = most_viewers(CapacitySettings(), settings, 2)
    assert here is not None
    assert here > 10
    assert most_viewers(CapacitySettings(), replace(settings, agents=3, cluster_token_file="token"), 2) is None
    with pytest.raises(SettingValueError, match="--most"):
        most_viewers(CapacitySettings(), Settings(url=URL, engine="ffmpeg"), 2)
