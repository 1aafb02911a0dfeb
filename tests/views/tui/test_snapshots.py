"""What the screens look like. UPDATE_SNAPSHOTS=1 keeps what they look like now: look at it before you commit it."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.views.tui import states
from tests.views.tui.driving import SIZES, Driven, before, drive

from hls_swarm.snapshot.snapshot import Snapshot

KEPT = Path(__file__).parent / "snapshots"
UPDATE = bool(os.environ.get("UPDATE_SNAPSHOTS"))

ROWS: list[tuple[str, Callable[[], Snapshot], str, tuple[str, ...]]] = [
    ("steady-small", states.steady, "small", ()),
    ("steady-middle", states.steady, "middle", ()),
    ("stalls-large", states.stalls, "large", ()),
    ("ramping-small", states.ramping, "small", ()),
    ("errors-middle", states.errors, "middle", ()),
    ("stale-origin-middle", states.stale_origin, "middle", ()),
    ("generator-bound-small", states.generator_bound, "small", ()),
    ("two-origins-middle", states.two_origins, "middle", ()),
    ("light-middle", states.stalls, "middle", ("t",)),
    ("viewers-small", states.stalls, "small", ("w",)),
    ("quit-small", states.steady, "small", ("q",)),
]


def normalised(svg: str) -> str:
    """Without the number that Rich makes of the content, and without the fonts that it would fetch."""
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    return re.sub(r"@font-face\s*{.*?}\s*", "", svg, flags=re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "state", "size", "keys"), [pytest.param(*row, id=row[0]) for row in ROWS])
def test_the_screen_looks_as_it_did(
    name: str, state: Callable[[], Snapshot], size: str, keys: tuple[str, ...], tmp_path: Path
) -> None:
    pictures: list[str] = []

    async def take(driven: Driven) -> None:
        pictures.append(normalised(driven.app.export_screenshot(simplify=True)))

    last = state()
    drive(take, *before(last), last, size=SIZES[size], keys=keys)
    kept = KEPT / f"{name}.svg"
    if UPDATE:
        KEPT.mkdir(exist_ok=True)
        kept.write_text(pictures[0], encoding="utf-8")
    assert kept.exists(), f"no picture is kept of {name}: UPDATE_SNAPSHOTS=1 keeps it"
    if pictures[0] != kept.read_text(encoding="utf-8"):
        now = tmp_path / kept.name
        now.write_text(pictures[0], encoding="utf-8")
        pytest.fail(f"{name} looks different now: compare {now} with {kept}; UPDATE_SNAPSHOTS=1 keeps the new one")
