"""How figures become lines: nothing is cut, nothing is wider than it may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.views.tui.lines import bar, chart, content, cut, flow, line, sparkline, table, width_of

FIGURES = st.lists(st.text("abc 123", min_size=1, max_size=12), max_size=12)


def written(rows: list[tuple[tuple[str, str], ...]]) -> list[str]:
    return ["".join(text for text, _ in row) for row in rows]


@given(FIGURES, st.integers(20, 60))
def test_a_flow_keeps_every_figure_whole_and_within_the_width(figures: list[str], width: int) -> None:
    rows = flow(("label", ""), [line(figure) for figure in figures], width, 8)
    assert all(width_of(row) <= width for row in rows)
    parts = [text for row in rows for text, _ in row[1:] if text.strip() or text not in {"  ", " " * 8}]
    assert [part for part in parts if part in figures and part.strip()] == [f for f in figures if f.strip()]


def test_a_flow_breaks_between_figures() -> None:
    rows = flow(("x", ""), [line("one two"), line("three"), line("four")], 16, 4)
    assert written(rows) == ["x   one two", "    three  four"]


def test_a_flow_with_too_few_lines_says_that_there_is_more() -> None:
    rows = flow(("x", ""), [line("one"), line("two"), line("three")], 15, 4, most_lines=1)
    assert written(rows) == ["x   one  two  …"]


def test_a_table_has_columns_as_wide_as_their_widest_cell() -> None:
    rows = table([[("", ""), ("P50", "")], [("segment", ""), ("1.25 s", "")], [("key", ""), ("9 s", "")]], "<>")
    assert written(rows) == ["            P50", "segment  1.25 s", "key         9 s"]


@pytest.mark.parametrize(
    ("share", "drawn"),
    [
        pytest.param(None, "····", id="not known"),
        pytest.param(0.0, "░░░░", id="nothing"),
        pytest.param(0.5, "██░░", id="half"),
        pytest.param(0.53125, "██▏░", id="an eighth of a cell"),
        pytest.param(1.0, "████", id="all"),
        pytest.param(1.7, "████", id="more than all"),
        pytest.param(-1.0, "░░░░", id="less than nothing"),
    ],
)
def test_bar(share: float | None, drawn: str) -> None:
    assert bar(share, 4) == drawn


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        pytest.param([], 4, "    ", id="nothing yet"),
        pytest.param([0, 0], 4, "  ▁▁", id="zero"),
        pytest.param([1, 2, 4, 8], 4, "▁▂▄▇", id="stands on zero"),
        pytest.param([5, None, 5], 3, "▇ ▇", id="a gap"),
        pytest.param([1, 8, 1, 1, 1, 1], 3, "▇▁▁", id="no peak is lost"),
        pytest.param([8, 1, 1], 2, "▇▁", id="the oldest share may be short"),
        pytest.param([1], 0, "", id="no room"),
    ],
)
def test_sparkline(values: list[float | None], width: int, drawn: str) -> None:
    assert sparkline(values, width) == drawn


def test_a_chart_is_a_sparkline_of_several_lines() -> None:
    assert chart([0, 1, 2, 3, 4, None], 7, 2) == ["    ▄▇ ", " ▁▄███ "]
    assert chart([], 3, 2) == ["   ", "   "]


@given(st.lists(st.none() | st.floats(0, 1e12), max_size=400), st.integers(1, 200))
def test_a_sparkline_is_as_wide_as_it_should_be(values: list[float | None], width: int) -> None:
    assert len(sparkline(values, width)) == width


@pytest.mark.parametrize(
    ("text", "width", "shown"), [("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("abcdef", 1, "…"), ("abc", 0, "")]
)
def test_cut(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown


def test_lines_become_one_text_with_their_styles() -> None:
    made = content([line(("a", "bold"), "b"), (), line("c")])
    assert made.plain == "ab\n\nc"
    assert [(span.start, span.end, span.style) for span in made.spans] == [(0, 1, "bold")]
