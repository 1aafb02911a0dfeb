"""Text of others: bounded, in one line, with nothing in it that a terminal acts on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.foreign import cut, is_utf8, one_line, visible

ANYTHING = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("seg[/red]x.ts :smile: 50%", "seg[/red]x.ts :smile: 50%", id="mark-up is text"),
        pytest.param("a\x1b[31mb\x07", "a\\x1b[31mb\\x07", id="escape sequences"),
        pytest.param("\x9b2J", "\\x9b2J", id="the same in eight bits"),
        pytest.param("abc\u202egnp.exe", "abc\\u202egnp.exe", id="the other direction"),
        pytest.param("\udcff", "\\udcff", id="a byte that was no UTF-8"),
        pytest.param("Größe 日本 \U0001f600", "Größe 日本 \U0001f600", id="other scripts"),
        pytest.param("one\ttwo\nthree", "one\ttwo\nthree", id="white space stays"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(ANYTHING)
def test_nothing_acts_on_a_terminal_and_everything_can_be_written(text: str) -> None:
    assert all(c.isprintable() or c in "\n\t" for c in visible(text))
    assert is_utf8(visible(text))
    assert one_line(text).isprintable()


@given(ANYTHING, st.integers(1, 50))
def test_a_cut_text_is_bounded_and_says_so(text: str, most: int) -> None:
    short = cut(text, most)
    assert len(short) <= most + 40
    assert short == text or (short.startswith(text[:most]) and str(len(text)) in short.replace(",", ""))
