"""Reads metrics pages, fast: the grammar is in `grammar.py`.

The series of a target hardly change between scrapes, so the text before the number is looked up in a cache of parsed
series. What is not there is split at its quotes if it is plainly well-formed, and only what is neither goes through the
whole grammar (`Scanner`), which alone decides what is an error.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import NamedTuple, cast

from hls_swarm.origin.grammar import (
    FLOAT,
    INTEGER,
    LABEL_PIECE,
    METRIC_NAME,
    NOT_IN_FLOATS,
    PLAIN_COMMENTS,
    PLAIN_TYPE,
    TYPE_NAMES,
    Exemplar,
    ExpositionError,
    Family,
    Format,
    GrammarError,
    MetricType,
    Scanner,
    Series,
    decoded,
    first_error,
    read_comment,
    unix_seconds,
    until_eof,
)
from hls_swarm.origin.page import Page

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
CACHED_CHARACTERS = 64 << 20
"""Bounds of the cache of one target; when it is full it is emptied, and the next page fills it again."""


def _floats(numbers: Sequence[str]) -> list[float]:
    """The values of numbers as written; Python reads more spellings than the formats have."""
    written = "".join(numbers)
    if "\r" in written:  # lines that end in CRLF
        numbers = [number.rstrip("\r") for number in numbers]
        written = "".join(numbers)
    if NOT_IN_FLOATS.search(written):
        raise GrammarError("not a number")
    return list(map(float, numbers))


class _Layout(NamedTuple):
    """Where comments and samples stood on the last page: the next one hardly ever differs.

    Attributes:
        lines: how many there were.
        comments: all of them, checked.
        comments_of, samples_of: pick those lines out of a page's. The last line is the empty one behind the last break.
    """

    lines: int
    comments: tuple[str, ...]
    comments_of: Callable[[list[str]], tuple[str, ...]]
    samples_of: Callable[[list[str]], tuple[str, ...]]

    def fits(self, lines: list[str]) -> bool:
        """Whether another page has the same comments in the same places, and as many lines."""
        return len(lines) == self.lines and not lines[-1] and self.comments_of(lines) == self.comments


def _layout(lines: list[str], comments: Sequence[str]) -> _Layout | None:
    """The layout of a page; None without samples, or with blank lines or comments that say nothing in between."""
    of_comments = [at for at, line in enumerate(lines) if line[:1] == "#"]
    of_samples = [at for at, line in enumerate(lines) if line and line[:1] != "#"]
    if min(len(of_comments), len(of_samples)) < 2 or len(of_comments) != len(comments):
        return None
    if lines[-1] or len(of_comments) + len(of_samples) + 1 != len(lines):
        return None
    return _Layout(len(lines), tuple(comments), itemgetter(*of_comments), itemgetter(*of_samples))


_Names = tuple[str, tuple[str, ...], int]
"""A metric's name, its labels' names, and the number of pieces that a series with them falls into at its quotes."""


class Parser:
    """Reads the pages of one target; it remembers the series it has seen, and nothing else.

    Args:
        cached_series: bound of that memory.
    """

    def __init__(self, cached_series: int = CACHED_SERIES) -> None:
        self._bound = cached_series
        self._series: dict[str, Series] = {}
        self._names: dict[tuple[str, ...], _Names] = {}
        self._metrics: set[str] = set()
        self._comments: set[str] = set()
        self._characters = 0
        self._plain = False  # the page had nothing in it that only the whole grammar can read
        self._layout: _Layout | None = None

    @property
    def remembered(self) -> int:
        """How many series are in its memory."""
        return len(self._series)

    def parse(self, body: bytes | str, page_format: Format | None = None) -> Page:
        """The samples of a page.

        Args:
            body: UTF-8.
            page_format: as its Content-Type says; by default OpenMetrics if the last line is `# EOF`.

        Raises:
            ExpositionError: the page breaks the format.
        """
        text = body if isinstance(body, str) else decoded(body)
        lines = text.split("\n")
        if page_format is None:
            page_format = Format.OPENMETRICS if text[-16:].strip().endswith("# EOF") else Format.TEXT
        if page_format is Format.OPENMETRICS:
            lines = until_eof(lines)
        self._forget_if_full()
        entries = self._entries()
        try:
            return self._page(lines, page_format)
        except ValueError as wrong:
            error = first_error(lines, page_format)
            if error is not None:
                raise error from wrong
            return self._scanned_page(lines, page_format)
        finally:
            if self._entries() != entries:
                self._characters += len(text)  # more than what is new, but the page is the bound of that

    def _page(self, lines: list[str], page_format: Format) -> Page:
        layout = self._layout
        if layout is not None and layout.fits(lines):
            page = self._known_page(layout.samples_of(lines), page_format, layout.comments)
            if page is not None:
                return page
        comments = [line for line in lines if line[:1] == "#"]
        samples = [line for line in lines if line[:1] != "#"] if comments else lines
        remembered = len(self._comments) + len(self._series)
        if not self._comments.issuperset(comments):
            comments = self._checked_comments(comments)
        page = self._new_page(samples, page_format, comments)
        is_next = self._plain and remembered == len(self._comments) + len(self._series)
        self._layout = _layout(lines, comments) if is_next else None
        return page

    def _known_page(self, lines: Sequence[str], page_format: Format, comments: Sequence[str]) -> Page | None:
        """A page of series that are all in the memory and have nothing but a number; None if it is not one."""
        series: list[Series | None] = []
        numbers: list[str] = []
        known, add_series, add_number = self._series.get, series.append, numbers.append
        for line in lines:
            head, _, number = line.rpartition(" ")
            add_series(known(head))
            add_number(number)
        if not all(series):
            return None
        return Page(page_format, cast("list[Series]", series), _floats(numbers), {}, {}, comments)

    def _new_page(self, lines: list[str], page_format: Format, comments: list[str]) -> Page:
        series: list[Series] = []
        numbers: list[str] = []
        timestamps: dict[int, float] = {}
        exemplars: dict[int, Exemplar] = {}
        metrics, remembered = self._metrics, self._series
        known, known_names = self._series.get, self._names.get
        add_series, add_number = series.append, numbers.append
        self._plain = True
        names: _Names | None = None
        last_between: list[str] = []
        for line in lines:
            head, _, number = line.rpartition(" ")
            one = known(head)
            if one is None:
                if head in metrics:
                    one = remembered[head] = Series(head)
                else:
                    pieces = head.split('"')
                    between = pieces[::2]
                    if between != last_between:  # series of one family follow one another
                        names, last_between = known_names((*between,)) or self._checked_names(pieces), between
                    if names is not None and len(pieces) == names[2] and "\\" not in head:
                        one = remembered[head] = Series(names[0], names[1], (*pieces[1::2],))
                    else:
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
            add_series(one)
            add_number(number)
        return Page(page_format, series, _floats(numbers), timestamps, exemplars, comments)

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
        return Page(page_format, series, _floats(numbers), timestamps, exemplars, comments)

    def _checked_comments(self, comments: list[str]) -> list[str]:
        """Those of the comments that are HELP, TYPE or UNIT lines, all checked.

        The new ones are checked with one expression if all of them are written the usual way, else one by one.
        """
        new = [line for line in comments if line not in self._comments]
        block = "\n".join(new) + "\n"
        if not PLAIN_COMMENTS.fullmatch(block):
            return [line for line in comments if line in self._comments or self._is_family_comment(line)]
        self._metrics.update(PLAIN_TYPE.findall("\n" + block))
        self._comments.update(new)
        return comments

    def _checked_names(self, pieces: list[str]) -> _Names | None:
        """The names in a series split at its quotes, if it is written the usual way; None leaves it to the scanner.

        Without escapes, quotes only delimit, so every second piece is a label's value, and what is left is
        `name{label=`, `,label=`, ..., `}`: the same for all series of a family, which is why it is remembered.
        """
        between = (*pieces[::2],)
        name, brace, first = between[0].partition("{")
        if name not in self._metrics and not METRIC_NAME.fullmatch(name):
            return None
        labels: list[str] = []
        if brace and first != "}":
            if between[-1] not in ("}", ",}"):
                return None
            for piece in ("," + first, *between[1:-1]):
                found = LABEL_PIECE.fullmatch(piece)
                if found is None or found[1] in labels:
                    return None
                labels.append(found[1])
        elif len(between) > 1:
            return None
        names = self._names[between] = (name, (*labels,), 2 * len(labels) + 1)
        return names

    def _unusual_sample(self, line: str, page_format: Format) -> tuple[Series, str, float | None, Exemplar | None]:
        """A sample with a timestamp, or one that only the whole grammar can read."""
        head, _, last = line.rstrip("\r").rpartition(" ")
        head, _, number = head.rpartition(" ")
        pattern = INTEGER if page_format is Format.TEXT else FLOAT
        if head and pattern.fullmatch(last) and FLOAT.fullmatch(number):
            one = self._series.get(head)
            if one is not None:
                return one, number, unix_seconds(last, page_format), None
            one, _, timestamp, exemplar = Scanner(f"{head} {number}", page_format).sample()
            if timestamp is None and exemplar is None:
                self._series[head] = one
                return one, number, unix_seconds(last, page_format), None
        return Scanner(line, page_format).sample()

    def _is_family_comment(self, line: str) -> bool:
        """Whether a comment is a HELP, TYPE or UNIT line. One that is has been checked and is remembered."""
        start = line[:7]
        plain = False
        if start == "# HELP " or start == "# TYPE ":
            name, _, text = line[7:].partition(" ")
            plain = start == "# HELP " or text in TYPE_NAMES
            if plain and name not in self._metrics:
                plain = METRIC_NAME.fullmatch(name) is not None
                if plain:
                    self._metrics.add(name)
        if not plain and read_comment(line) is None:
            return False
        self._comments.add(line)
        return True

    def _entries(self) -> int:
        return len(self._series) + len(self._names) + len(self._metrics) + len(self._comments)

    def _forget_if_full(self) -> None:
        caches = (self._series, self._names, self._metrics, self._comments)
        if self._characters > CACHED_CHARACTERS or any(len(cache) > self._bound for cache in caches):
            for cache in caches:
                cache.clear()
            self._layout = None
            self._characters = 0
