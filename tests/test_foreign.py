"""Text of others: bounded, in one line, with nothing in it that a terminal acts on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.foreign import cut, is_utf8, masked, one_line, visible

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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a s3cret-word of s3cret-word", "a *** of ***", id="whole"),
        pytest.param("/?t=s3cret... (90 characters); s3cret", "/?t=***... (90 characters); s3cret", id="cut within it"),
        pytest.param(
            "s3cre... (9 characters) s3cret-wor... (9 characters)", "***... (9 characters) ***... (9 characters)"
        ),
        pytest.param("s3cs3cs3cret... (90 characters)", "s3cs3c***... (90 characters)", id="begun before"),
        pytest.param("s3cret-x... (90 characters)", "s3cret-x... (90 characters)", id="another word"),
        pytest.param("s3c... (90 characters)", "s3c... (90 characters)", id="too little of it"),
    ],
)
def test_no_secret_is_shown(text: str, shown: str) -> None:
    assert masked(text, ["s3cret-word"]) == shown


@given(st.text("cdx", min_size=1), st.text("ab", min_size=4, max_size=300), st.integers(0, 400))
def test_nothing_of_a_secret_is_left_where_a_text_was_cut(before: str, secret: str, most: int) -> None:
    text = before + "x" + secret
    shown = masked(cut(text, most), [secret])
    assert secret[:4] not in shown.removeprefix(before[:most])
