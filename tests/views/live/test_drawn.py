"""Rows as charts draw them, made as the run goes on: what a report draws of the same rows."""

from hls_swarm.views.html.series import MOST_PARTS, OTHERS
from hls_swarm.views.live.drawn import Drawn


def test_counters_are_drawn_as_what_happened_in_each_second() -> None:
    drawn = Drawn()
    first = drawn.add({"elapsed_seconds": 1.0, "phase": "steady", "answers_total@200": 10})
    assert first == {"elapsed_seconds": 1.0, "answers_total@200": 10.0, "answers_per_second@200": 10.0}
    second = drawn.add({"elapsed_seconds": 3.0, "answers_total@200": 14, "answers_total@503": 3})
    assert second["answers_per_second@200"] == 2.0
    assert second["answers_per_second@503"] == 1.5


def test_parts_beyond_the_first_are_one_line() -> None:
    drawn = Drawn()
    row = {f"answers_total@{status}": 2.0 for status in range(400, 400 + MOST_PARTS + 2)}
    values = drawn.add({"elapsed_seconds": 1.0, **row})
    assert values[f"answers_per_second@{OTHERS}"] == 4.0
    assert len([name for name in values if name.startswith("answers_per_second@")]) == MOST_PARTS + 1


def test_variants_are_drawn_as_shares() -> None:
    values = Drawn().add({"elapsed_seconds": 1.0, "group_viewers@variant 1080p": 1, "group_viewers@variant 360p": 3})
    assert (values["viewers_share@1080p"], values["viewers_share@360p"]) == (0.25, 0.75)


def test_values_have_four_digits() -> None:
    assert Drawn().add({"elapsed_seconds": 1.0, "x": 1.234567})["x"] == 1.235
