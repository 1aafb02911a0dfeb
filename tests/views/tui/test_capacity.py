"""A search for capacity on the dashboard: bounds, step, trials, and keys that would spoil it."""

from dataclasses import replace

import pytest
from tests.views.tui import states
from tests.views.tui.driving import SIZES, Driven, drive

from hls_swarm.capacity.objectives import DEFAULT_OBJECTIVES, parse_objectives
from hls_swarm.capacity.searching.progress import Part, Progress, Stand
from hls_swarm.capacity.steps import Kind, Result, Step, VoidBecause
from hls_swarm.capacity.trial import ObjectiveFigure, Trial

pytestmark = pytest.mark.slow

OBJECTIVES = parse_objectives(DEFAULT_OBJECTIVES)


def _figures(relative: float, errors: float = 0.0) -> tuple[ObjectiveFigure, ...]:
    values = (relative, 0.001, 0.0, None, errors)
    return tuple(
        ObjectiveFigure(one.text, one.limit, value, None if value is None else value < one.limit)
        for one, value in zip(OBJECTIVES, values, strict=True)
    )


def _trial(viewers: int, kind: Kind, result: Result, relative: float, errors: float = 0.0) -> Trial:
    why = () if result is Result.HELD else (f"errors:rate < 0.5%: {errors:.0%}",)
    because = VoidBecause.GENERATOR if result is Result.VOID else None
    return Trial(viewers, kind, result, 0.0, 30.0, 30.0, because, why, 0, _figures(relative, errors))


PROGRESS = Progress(
    stand=Stand(Step(Kind.FULL, 24, 8.0, 10.0, 60.0, 30.0), Part.MEASURING, 12.0, 30.0),
    at=342.0,
    time_limit_seconds=3600.0,
    left_seconds=480.0,
    holds=20,
    confirmed=False,
    seems_to_hold=20,
    fails=28,
    failed_once=True,
    objectives=OBJECTIVES,
    trials=(
        _trial(10, Kind.COARSE, Result.HELD, 0.02),
        _trial(20, Kind.COARSE, Result.VOID, 0.02),
        _trial(20, Kind.FULL, Result.HELD, 0.11),
        _trial(28, Kind.FULL, Result.FAILED, 1.28, 0.12),
    ),
    figures=_figures(0.3),
)


def _screen(progress: Progress | None, size: str, *keys: str) -> list[str]:
    texts: list[str] = []

    async def look(driven: Driven) -> None:
        driven.history.search = progress
        await driven.show(states.stalls())
        await driven.press(*keys)
        texts.append(driven.text())

    drive(look, size=SIZES[size])
    return texts[0].splitlines()


@pytest.mark.parametrize("size", ["small", "middle"])
def test_it_says_how_far_it_is_and_what_is_known(size: str) -> None:
    text = "\n".join(_screen(PROGRESS, size))
    for words in (
        "searching 5:42, about 8:00 left, at most 54:18",
        "so far  20 hold, 28 failed once",
        "now     full trial, 24 viewers: measuring 0:12 of 0:30",
        "viewers  trial        result",
        "24  full trial   now",
        "28  full trial   failed",
        "20  short trial  void: generator",
    ):
        assert words in text


def test_what_a_load_failed_by_has_room_before_what_held() -> None:
    head = next(line for line in _screen(PROGRESS, "small") if "trial " in line)
    assert head.split("result")[1].split()[:3] == ["rel.", "P95", "errors"]


def test_alone_each_trial_says_why() -> None:
    lines = _screen(PROGRESS, "middle", "c")
    failed = next(nth for nth, line in enumerate(lines) if "28  full trial" in line)
    assert lines[failed + 1].strip() == "errors:rate < 0.5%: 12%"
    assert not any("Traffic" in line for line in lines)


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        pytest.param(replace(PROGRESS, stand=None), "the search is over", id="over"),
        pytest.param(
            replace(PROGRESS, holds=None, seems_to_hold=None, fails=None, trials=()),
            "so far  nothing is known yet",
            id="nothing yet",
        ),
        pytest.param(replace(PROGRESS, confirmed=True, failed_once=False), "20 hold (confirmed), 28 do not", id="end"),
        pytest.param(replace(PROGRESS, holds=None), "20 seem to hold", id="short trials"),
    ],
)
def test_each_state_of_it(progress: Progress, words: str) -> None:
    assert any(words in line for line in _screen(progress, "middle"))


def test_a_plain_run_shows_nothing_of_it() -> None:
    assert not any("Capacity" in line for line in _screen(None, "middle"))


def test_keys_change_no_viewers_of_a_search_and_ending_it_gives_the_bounds() -> None:
    async def look(driven: Driven) -> None:
        driven.history.search = PROGRESS
        await driven.show(states.steady())
        await driven.press("plus")
        assert driven.run.done == []
        assert "The search says how many viewers there are" in driven.text()
        await driven.press("q")
        assert "and its bounds are told" in driven.text()

    drive(look, size=SIZES["middle"])
