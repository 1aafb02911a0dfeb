"""What each key and click does."""

import asyncio
from typing import Any

import pytest
from tests.views.tui import states
from tests.views.tui.driving import SIZES, Driven, Run, drive, logbook, screen
from textual.screen import Screen

from hls_swarm.views.tui.app import DashboardApp, viewer_step
from hls_swarm.views.tui.dialogs import HelpDialog, NoteDialog, QuitDialog
from hls_swarm.views.tui.screen import PANELS, DashboardScreen
from hls_swarm.views.tui.themes import DARK, LIGHT

pytestmark = pytest.mark.slow

TITLES = {
    "traffic": "Traffic",
    "experience": "Experience",
    "errors": "Errors",
    "origin": "Origin 10.177.0.10",
    "generator": "Generator",
    "latency": "Latency",
    "viewers": "Worst viewers",
    "log": "Log, newest first",
    "findings": "Findings",
}


def screen_is(driven: Driven, kind: type[Screen[Any]]) -> bool:
    """Whether that is what has the keys now."""
    return type(driven.app.screen) is kind


def titles_on(text: str) -> list[str]:
    """Panels whose title line is seen."""
    return [name for name, title in TITLES.items() if f"─ {title}" in text]


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_number_shows_its_panel_alone_and_once_more_all(size: str) -> None:
    async def check(driven: Driven) -> None:
        together = titles_on(driven.text())
        for number, name in enumerate(PANELS, start=1):
            await driven.press(str(number))
            assert titles_on(driven.text()) == [name]
            await driven.press(str(number))
            assert titles_on(driven.text()) == together
        await driven.press("1", "escape")
        assert titles_on(driven.text()) == together

    drive(check, states.stalls(), size=SIZES[size])


def test_tab_goes_through_the_panels_and_back() -> None:
    async def check(driven: Driven) -> None:
        seen = []
        for _ in range(len(PANELS) + 1):
            await driven.press("tab")
            seen += titles_on(driven.text())
        assert seen == [*PANELS, PANELS[0]]
        await driven.press("shift+tab")
        assert titles_on(driven.text()) == [PANELS[-1]]
        await driven.press("0")
        assert len(titles_on(driven.text())) > 1

    drive(check, states.steady())


def test_a_click_shows_a_panel_alone_and_another_all() -> None:
    async def check(driven: Driven) -> None:
        await driven.pilot.click("#generator")
        await driven.settle()
        assert titles_on(driven.text()) == ["generator"]
        await driven.pilot.click("#generator")
        await driven.settle()
        assert "traffic" in titles_on(driven.text())

    drive(check, states.steady())


def test_a_click_in_the_footer_is_its_key() -> None:
    async def check(driven: Driven) -> None:
        column = driven.text().splitlines()[-1].index("p pause")
        await driven.pilot.click(offset=(column, driven.app.size.height - 1))
        await driven.settle()
        assert driven.app.paused

    drive(check, states.steady())


@pytest.mark.parametrize("key", ["p", "space"])
def test_pausing_freezes_the_view_and_not_what_it_will_show(key: str) -> None:
    async def check(driven: Driven) -> None:
        await driven.press(key)
        assert "PAUSED: the run goes on" in driven.text()
        await driven.show(states.snapshot(126.0), states.snapshot(127.0, throughput_bytes_per_second=500e6))
        assert "2:05 of 5:00" in driven.text()
        await driven.press(key)
        assert "PAUSED" not in driven.text()
        assert "2:07 of 5:00" in driven.text()
        assert "peak 4.00 Gbit/s" in driven.text()

    drive(check, states.steady())


@pytest.mark.parametrize(
    ("target", "step"),
    [(1, 1), (10, 1), (99, 1), (100, 10), (999, 10), (1000, 100), (10_000, 1000), (0, 1)],
)
def test_a_key_changes_at_most_a_tenth_of_the_viewers(target: int, step: int) -> None:
    assert viewer_step(target) == step


@pytest.mark.parametrize(
    ("key", "done"), [("plus", "viewers +100"), ("equals_sign", "viewers +100"), ("minus", "viewers -100")]
)
def test_plus_and_minus_change_the_viewers(key: str, done: str) -> None:
    assert drive(nothing, states.steady(), keys=[key]).done == [done]


async def nothing(driven: Driven) -> None:
    """There is no more to check."""


def test_a_mark_has_the_note_that_was_typed() -> None:
    async def check(driven: Driven) -> None:
        await driven.press("m")
        assert screen_is(driven, NoteDialog)
        assert "Mark 2:05" in driven.text()
        await driven.press(*"cache q1", "enter")
        assert screen_is(driven, DashboardScreen)

    assert drive(check, states.steady()).done == ["mark cache q1"]


def test_escape_makes_no_mark() -> None:
    assert drive(nothing, states.steady(), keys=["m", "x", "escape"]).done == []


def test_a_picture_is_saved_under_the_time_of_the_run() -> None:
    async def check(driven: Driven) -> None:
        await driven.settle()
        assert "Saved 2-05.svg" in driven.text()

    assert drive(check, states.steady(), keys=["s"]).done == ["save 2-05"]


def test_a_picture_that_can_not_be_saved_says_so_and_the_run_goes_on() -> None:
    def refuse(name: str, svg: str) -> str:
        raise PermissionError(13, "Permission denied")

    async def driving() -> None:
        run = Run()
        app = DashboardApp(run, logbook(), run.interrupt, refuse)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            await pilot.press("s")
            for _ in range(3):
                await pilot.pause()
            text = "\n".join(strip.text for strip in app.screen._compositor.render_strips())
            assert "Permission denied" in text

    asyncio.run(driving())


def test_quitting_asks_while_the_run_is_on() -> None:
    async def check(driven: Driven) -> None:
        await driven.press("q")
        assert screen_is(driven, QuitDialog)
        await driven.press("n")
        assert screen_is(driven, DashboardScreen)
        assert driven.run.done == []
        await driven.press("q", "escape")
        await driven.press("ctrl+q", "enter")
        assert driven.run.done == [], "Enter is on the safe answer"
        await driven.press("q", "y")
        assert driven.run.done == ["stop"]

    drive(check, states.steady())


def test_the_buttons_of_the_question_can_be_clicked() -> None:
    async def check(driven: Driven) -> None:
        await driven.press("q")
        await driven.pilot.click("#yes")
        await driven.settle()
        assert driven.run.done == ["stop"]

    drive(check, states.steady())


def test_quitting_a_finished_run_asks_nothing() -> None:
    async def check(driven: Driven) -> None:
        await driven.press("q")
        assert not driven.app.is_running

    assert drive(check, states.finished()).done == []


def test_ctrl_c_interrupts_even_over_a_dialog() -> None:
    assert drive(nothing, states.steady(), keys=["m", "ctrl+c"]).done == ["interrupt"]


@pytest.mark.parametrize("key", ["question_mark", "f1", "h"])
def test_help_names_every_key_and_goes_away(key: str) -> None:
    async def check(driven: Driven) -> None:
        await driven.press(key)
        assert screen_is(driven, HelpDialog)
        text = driven.text()
        for word in ("1 to 9", "Tab", "+ and -", "Ctrl-C", "p, Space", "generator-bound"):
            assert word in text
        await driven.press("escape")
        assert screen_is(driven, DashboardScreen)

    drive(check, states.steady())


def test_the_theme_turns_light_and_dark() -> None:
    async def check(driven: Driven) -> None:
        assert driven.app.theme == DARK.name
        await driven.press("t")
        assert driven.app.theme == LIGHT.name
        await driven.press("t")
        assert driven.app.theme == DARK.name

    drive(check, states.steady())


def test_the_level_of_the_log_filters() -> None:
    async def check(driven: Driven) -> None:
        assert [level in driven.text() for level in ("INFO  ", "WARNING", "ERROR")] == [True, True, True]
        await driven.press("l")
        assert [level in driven.text() for level in ("ramping to", "WARNING  seg", "worker 1 died")] == [
            False,
            True,
            True,
        ]
        await driven.press("l")
        assert [level in driven.text() for level in ("ramping to", "WARNING  seg", "worker 1 died")] == [
            False,
            False,
            True,
        ]
        await driven.press("l")
        assert "ramping to" in driven.text()

    drive(check, states.steady(), size=(120, 60))


def test_the_log_alone_is_whole() -> None:
    text = screen(states.steady(), size=(80, 24), keys=["8"])
    assert "12:01:01  WARNING  segment: HTTP 404 Not Found" in text
    assert "1.ts" in text


def rows_of(text: str) -> list[str]:
    """The numbers of the viewers in their order."""
    return [line.split()[0] for line in text.splitlines() if line.strip()[:3].isdigit() and " worker " not in line]


def test_the_worst_viewers_are_sorted_by_key_and_by_click() -> None:
    async def check(driven: Driven) -> None:
        await driven.press("w")
        assert rows_of(driven.text())[:3] == ["100", "101", "102"]
        await driven.press("o", "o", "o")
        assert "by buffer" in driven.text()
        head = next(line for line in driven.text().splitlines() if "last error" in line)
        await driven.pilot.click("#viewers", offset=(head.index("last error") + 1, 1))
        await driven.settle()
        assert "by last error" in driven.text()
        assert rows_of(driven.text())[:3] == ["100", "104", "108"]
        await driven.press("o")
        assert "the worst first" in driven.text()

    drive(check, states.stalls(), size=(80, 40))


def test_what_is_not_known_is_sorted_last() -> None:
    async def check(driven: Driven) -> None:
        await driven.press("w", "o", "o", "o", "o")
        assert "by variant" in driven.text()
        assert rows_of(driven.text())[-1] == "101"

    drive(check, states.stalls(), size=(80, 40))


def test_of_many_pictures_only_the_newest_is_drawn() -> None:
    async def check(driven: Driven) -> None:
        posted = []
        post = driven.app.post_message

        def counted(message: object) -> bool:
            posted.append(type(message).__name__)
            return post(message)  # type: ignore[arg-type] # what is counted is what was posted

        driven.app.post_message = counted  # type: ignore[method-assign] # the seam that is measured
        for second in range(50):
            driven.app.present(driven.history.add(states.snapshot(130.0 + second)))
        assert posted.count("PictureArrived") == 1
        await driven.settle()
        assert "2:59 of 5:00" in driven.text()

    drive(check, states.steady())


def test_keys_before_the_first_snapshot_do_no_harm() -> None:
    run = drive(nothing, keys=["plus", "minus", "m", "escape", "s", "w", "4", "0", "p", "p", "l", "o", "t", "tab"])
    assert run.done == ["save 0-00"]


def test_no_key_acts_on_a_run_that_is_elsewhere() -> None:
    async def check(driven: Driven) -> None:
        footer = driven.text().splitlines()[-1]
        assert "pause" in footer
        assert "more" not in footer
        assert screen_is(driven, DashboardScreen)

    keys = ("plus", "minus", "m", "p")
    assert drive(check, states.steady(), keys=keys, is_elsewhere=True).done == []
    assert drive(check, states.steady(), keys=(*keys, "q"), is_elsewhere=True).done == ["stop"]
