"""Reads metrics pages, fast: the grammar is in `grammar.py`.

The series of a target hardly change between scrapes, so the text before the number is looked up among those that were
read before (`series_memory.py`). Only what is written in an unusual way goes through the whole grammar (`Scanner`),
which alone decides what is an error.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from hls_swarm.origin.exposition.grammar import (
    FLOAT,
    INTEGER,
    METRIC_NAME,
    PLAIN_COMMENTS,
    TYPE_NAMES,
    Exemplar,
    ExpositionError,
    Family,
    Format,
    MetricType,
    Scanner,
    Series,
    decoded,
    first_error,
    read_comment,
    unix_seconds,
    until_eof,
)
from hls_swarm.origin.exposition.layout import Layout, layout_of
from hls_swarm.origin.exposition.numbers import floats
from hls_swarm.origin.exposition.page import Page
from hls_swarm.origin.exposition.series_memory import SeriesMemory

__all__ = [
    "Exemplar",
    "ExpositionError",
    "Family",
    "Format",
    "MetricType",
    "Page",
    "Parser",
    "Series",
]

CACHED_SERIES = 1 << 17
"""Bound of the cache of one page; when it is full it is emptied, and the next page fills it again."""
_CHARACTERS_OF_A_SERIES = 512
"""The cache is full, too, when the pages that filled it have so many characters to each series of its bound."""


_LONG_RUN = 4
"""With more samples than this to each comment, many series of one family are taken to follow one another."""
_FIRST_CHARACTERS = 8192
"""Characters of a page that are looked at for that."""
_LINE_ENDS = ("", "\n")


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """A page makes many objects that stay and no cycles: to look for some among them takes a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Parser:
    """Reads the pages of one target; it remembers the series it has seen, and nothing else.

    Args:
        cached_series: bound of that memory.
    """

    def __init__(self, cached_series: int = CACHED_SERIES) -> None:
        self._bound = cached_series
        self._memory = SeriesMemory()
        self._comments: set[str] = set()
        self._characters = 0
        self._plain = False  # the page had nothing in it that only the whole grammar can read
        self._usual = True  # so it was with all pages
        self._layout: Layout | None = None

    @property
    def remembered(self) -> int:
        """How many series are in its memory."""
        return len(self._memory.series)

    def parse(self, body: bytes | str, page_format: Format | None = None) -> Page:
        """The samples of a page.

        Args:
            body: UTF-8.
            page_format: as its Content-Type says; by default OpenMetrics if the last line is `# EOF`.

        Raises:
            ExpositionError: the page breaks the format.
        """
        text = body if isinstance(body, str) else decoded(body)
        if page_format is None:
            page_format = Format.OPENMETRICS if text[-16:].strip().endswith("# EOF") else Format.TEXT
        self._forget_if_full()
        entries = self._entries()
        with _without_garbage_collection():
            try:
                return self._read(text, page_format)
            finally:
                if self._entries() != entries:
                    self._characters += len(text)  # more than what is new, but the page is the bound of that

    def _read(self, text: str, page_format: Format) -> Page:
        if self._layout is None and self._usual and page_format is Format.TEXT:
            page = self._page_of_families(text)
            if page is not None:
                return page
        lines = text.split("\n")
        if page_format is Format.OPENMETRICS:
            lines = until_eof(lines)
        try:
            return self._page(lines, page_format)
        except ValueError as wrong:
            error = first_error(lines, page_format)
            if error is not None:
                raise error from wrong
            return self._scanned_page(lines, page_format)

    def _page_of_families(self, text: str) -> Page | None:
        """A new page of families of many series, with no blank but that before the number; None if it is not one."""
        if text.count("\n", 0, _FIRST_CHARACTERS) <= _LONG_RUN * text.count("#", 0, _FIRST_CHARACTERS):
            return None
        first, *rest = (text if text[-1:] == "\n" else text + "\n").split("#")
        if first[-1:] not in _LINE_ENDS or not all(family[-1:] == "\n" for family in rest):
            return None  # not every one of them begins a comment
        parted = [family.partition("\n") for family in rest]
        block = "".join([first, *[samples for _, _, samples in parted]])
        # Each line break goes with the word before it. If there are as many as numbers, and none in what stands before
        # a number, then each line is one series, one blank and one number.
        words = block.replace("\n", "\n ").split(" ")
        words.pop()
        heads, numbers = words[::2], words[1::2]
        if len(heads) != len(numbers) or block.count("\n") != len(numbers) or "\n" in "".join(heads):
            return None
        try:
            comments = [f"#{comment}" for comment, _, _ in parted]
            if not self._comments.issuperset(comments):
                comments = self._checked_comments(comments)
            values = floats(numbers)
        except ValueError:
            return None  # read line by line, it is found what is wrong
        entries = self._entries()
        series = self._memory.read_page(heads)
        if series is None:
            return None
        if self._entries() == entries:
            self._layout = layout_of(text.split("\n"), comments)
        return Page(Format.TEXT, series, values, {}, {}, comments)

    def _page(self, lines: list[str], page_format: Format) -> Page:
        layout = self._layout
        if layout is not None and layout.fits(lines):
            page = self._known_page(layout.samples_of(lines), page_format, layout.comments)
            if page is not None:
                return page
        comments = [line for line in lines if line[:1] == "#"]
        samples = [line for line in lines if line > "$"]  # in ASCII behind "#", as all names are
        if len(comments) + len(samples) < len(lines) - (lines[-1:] == [""]):
            samples = [line for line in lines if line[:1] != "#"]
        remembered = self._entries()
        if not self._comments.issuperset(comments):
            comments = self._checked_comments(comments)
        page = self._plain_page(samples, page_format, comments) if self._usual and samples else None
        if page is None:
            page = self._new_page(samples, page_format, comments)
            self._usual = self._plain
        is_next = self._plain and remembered == self._entries()
        self._layout = layout_of(lines, comments) if is_next else None
        return page

    def _known_page(self, lines: Sequence[str], page_format: Format, comments: Sequence[str]) -> Page | None:
        """A page of series that are all in the memory and have nothing but a number; None if it is not one."""
        series: list[Series | None] = []
        numbers: list[str] = []
        known, add_series, add_number = self._memory.series.get, series.append, numbers.append
        for line in lines:
            head, _, number = line.rpartition(" ")
            add_series(known(head))
            add_number(number)
        if not all(series):
            return None
        return Page(page_format, cast("list[Series]", series), floats(numbers), {}, {}, comments)

    def _plain_page(self, lines: list[str], page_format: Format, comments: list[str]) -> Page | None:
        """A page of series without escapes that have nothing but a number; None if it is not one."""
        heads, _, numbers = zip(*[line.rpartition(" ") for line in lines], strict=True)
        known = self._memory.series
        if not self._memory.read_all([head for head in heads if head not in known] if known else heads):
            return None
        self._plain = True
        return Page(page_format, [known[head] for head in heads], floats(numbers), {}, {}, comments)

    def _new_page(self, lines: list[str], page_format: Format, comments: list[str]) -> Page:
        series: list[Series] = []
        numbers: list[str] = []
        timestamps: dict[int, float] = {}
        exemplars: dict[int, Exemplar] = {}
        known, read = self._memory.series.get, self._memory.read
        self._plain = True
        for line in lines:
            head, _, number = line.rpartition(" ")
            one = known(head) or read(head)
            if one is None:
                self._plain = self._plain and not line
                start = line.lstrip(" \t\r")[:1]
                if not start or start == "#":
                    if start and self._is_family_comment(line):
                        comments.append(line)
                    continue
                one, number, timestamp, exemplar = self._unusual_sample(line, page_format)
                if timestamp is not None:
                    timestamps[len(series)] = timestamp
                if exemplar is not None:
                    exemplars[len(series)] = exemplar
            series.append(one)
            numbers.append(number)
        return Page(page_format, series, floats(numbers), timestamps, exemplars, comments)

    def _scanned_page(self, lines: list[str], page_format: Format) -> Page:
        """A page whose blanks are not where the short cuts look for them, such as a tab before a timestamp."""
        series: list[Series] = []
        numbers: list[str] = []
        comments: list[str] = []
        timestamps: dict[int, float] = {}
        exemplars: dict[int, Exemplar] = {}
        for line in lines:
            start = line.lstrip(" \t\r")[:1]
            if start == "#":
                if self._is_family_comment(line):
                    comments.append(line)
            elif start:
                one, number, timestamp, exemplar = Scanner(line, page_format).sample()
                if timestamp is not None:
                    timestamps[len(series)] = timestamp
                if exemplar is not None:
                    exemplars[len(series)] = exemplar
                series.append(one)
                numbers.append(number)
        return Page(page_format, series, floats(numbers), timestamps, exemplars, comments)

    def _checked_comments(self, comments: list[str]) -> list[str]:
        """Those of the comments that are HELP, TYPE or UNIT lines, all checked.

        The new ones are checked with one expression if all of them are written the usual way, else one by one.
        """
        new = [line for line in comments if line not in self._comments] if self._comments else comments
        block = "\n".join(new) + "\n"
        if not PLAIN_COMMENTS.fullmatch(block):
            return [line for line in comments if line in self._comments or self._is_family_comment(line)]
        self._comments.update(new)
        return comments

    def _unusual_sample(self, line: str, page_format: Format) -> tuple[Series, str, float | None, Exemplar | None]:
        """A sample with a timestamp, or one that only the whole grammar can read."""
        head, _, last = line.rstrip("\r").rpartition(" ")
        head, _, number = head.rpartition(" ")
        pattern = INTEGER if page_format is Format.TEXT else FLOAT
        if head and pattern.fullmatch(last) and FLOAT.fullmatch(number):
            one = self._memory.series.get(head)
            if one is not None:
                return one, number, unix_seconds(last, page_format), None
            one, _, timestamp, exemplar = Scanner(f"{head} {number}", page_format).sample()
            if timestamp is None and exemplar is None:
                self._memory.series[head] = one
                return one, number, unix_seconds(last, page_format), None
        return Scanner(line, page_format).sample()

    def _is_family_comment(self, line: str) -> bool:
        """Whether a comment is a HELP, TYPE or UNIT line. One that is has been checked and is remembered."""
        start = line[:7]
        plain = False
        if start == "# HELP " or start == "# TYPE ":
            name, _, text = line[7:].partition(" ")
            plain = (start == "# HELP " or text in TYPE_NAMES) and METRIC_NAME.fullmatch(name) is not None
        if not plain and read_comment(line) is None:
            return False
        self._comments.add(line)
        return True

    def _entries(self) -> int:
        return len(self._memory) + len(self._comments)

    def _forget_if_full(self) -> None:
        full = len(self._memory) > self._bound or len(self._comments) > self._bound
        if full or self._characters > self._bound * _CHARACTERS_OF_A_SERIES:
            self._memory.clear()
            self._comments.clear()
            self._layout = None
            self._usual = True
            self._characters = 0
