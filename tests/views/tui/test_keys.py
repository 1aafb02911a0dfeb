"""The keys at the foot of the screen, at every width."""

import asyncio

import pytest
from tests.views.tui import states
from tests.views.tui.driving import Driven, drive


@pytest.mark.parametrize(
    ("width", "foot"),
    [
        pytest.param(120, "1-9 panel w worst p pause + more - fewer m mark s shot ? help q quit", id="room for all"),
        pytest.param(60, "1-9 panel w worst p pause + more - fewer ? help q quit", id="a narrow terminal"),
        pytest.param(36, "1-9 panel p pause ? help q quit", id="a very narrow one"),
    ],
)
def test_what_does_not_fit_is_left_out_whole(width: int, foot: str) -> None:
    async def look(driven: Driven) -> None:
        await asyncio.sleep(0)
        assert driven.text().splitlines()[-1].strip() == foot

    drive(look, states.steady(), size=(width, 20))
