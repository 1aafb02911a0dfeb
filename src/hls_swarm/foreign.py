"""Text that others wrote, such as an origin's URLs or a worker's last words: bounded, and shown as it is.

Rules:

- An origin may put anything into a name: mark-up of a terminal library, escape sequences, a line break and a line that
  looks like ours, ten megabytes. None of it may act on a terminal, end a line, or make a file grow.
- What a terminal would act on is written as Python writes it: `\\x1b`, `\\u202e`.
"""

from collections.abc import Sequence

MOST_CHARACTERS = 1000
"""Of one text in a file, a row or a message; a URL that people use is shorter (browsers and caches bound them to some
thousands)."""
_CUT = "... ("
_MASK = "***"
_SHORTEST_BEGINNING = 4
"""Of a secret, to be known by: where a text was cut within it."""
_KEPT = "\n\t"


def cut(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text, or its beginning and how long it was."""
    if len(text) <= most:
        return text
    return f"{text[:most]}{_CUT}{len(text):,} characters)"


def masked(text: str, secrets: Sequence[str]) -> str:
    """The text with every secret in it replaced, and the beginning of one where the text was cut within it."""
    for secret in secrets:
        text = text.replace(secret, _MASK)
    if _CUT not in text:
        return text
    pieces = text.split(_CUT)
    return _CUT.join([*(_without_beginning(piece, secrets) for piece in pieces[:-1]), pieces[-1]])


def _without_beginning(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        start = text.find(secret[:_SHORTEST_BEGINNING], -len(secret))
        while start != -1:
            if secret.startswith(text[start:]):
                return text[:start] + _MASK
            start = text.find(secret[:_SHORTEST_BEGINNING], start + 1)
    return text


def visible(text: str) -> str:
    """The text with what is no printable character spelled out; line feeds and tabs stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _KEPT else _spelled(ord(c)) for c in text)


def one_line(text: str) -> str:
    """The same in one line, with one blank where there was any white space."""
    return visible(" ".join(text.split()))


def is_utf8(text: str) -> bool:
    """Whether every character can be written: a name or an argument may have come with bytes that are no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _spelled(number: int) -> str:
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
