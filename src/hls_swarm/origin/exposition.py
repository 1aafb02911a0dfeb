"""Reads metrics pages, fast: the grammar is in `grammar.py`.

The series of a target hardly change between scrapes, so the text before the number is looked up in a cache of parsed
series. What is not there is split at its quotes if it is plainly well-formed, and only what is neither goes through the
whole grammar (`Scanner`), which alone decides what is an error.
"""

from collections.abc import Mapping
from functools import cached_property

from hls_swarm.origin.grammar import (
    FLOAT,
    INTEGER,
    LABEL_PIECE,
    METRIC_NAME,
    NOT_IN_FLOATS,
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


class Page:
    """All samples of a page, in its order: `series[i]` had the value `values[i]`.

    Attributes:
        timestamps: Unix seconds by index of the sample, where the page gives them.
        exemplars: by index of the sample.
    """

    __slots__ = ("__dict__", "_comments", "exemplars", "format", "series", "timestamps", "values")

    def __init__(
        self,
        page_format: Format,
        series: list[Series],
        values: list[float],
        timestamps: dict[int, float],
        exemplars: dict[int, Exemplar],
        comments: list[str],
    ) -> None:
        self.format, self.series, self.values = page_format, series, values
        self.timestamps, self.exemplars, self._comments = timestamps, exemplars, comments

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def families(self) -> Mapping[str, Family]:
        """What HELP, TYPE and UNIT say, by family name; the last of several lines counts."""
        said: dict[str, dict[str, str]] = {}
        for comment in filter(None, map(read_comment, self._comments)):
            said.setdefault(comment.family, {})[comment.kind] = comment.text
        return {
            name: Family(
                MetricType(lines.get("TYPE", "untyped")), lines.get("HELP", ""), lines.get("UNIT", "").strip(" \t")
            )
            for name, lines in said.items()
        }

    @cached_property
    def by_name(self) -> Mapping[str, list[tuple[Series, float]]]:
        """Samples by metric name, each list in the order of the page."""
        index: dict[str, list[tuple[Series, float]]] = {}
        for series, value in zip(self.series, self.values, strict=True):
            samples = index.get(series.name)
            if samples is None:
                index[series.name] = [(series, value)]
            else:
                samples.append((series, value))
        return index


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
            raise first_error(lines, page_format) from wrong
        finally:
            if self._entries() != entries:
                self._characters += len(text)  # more than what is new, but the page is the bound of that

    def _page(self, lines: list[str], page_format: Format) -> Page:
        series: list[Series] = []
        numbers: list[str] = []
        comments: list[str] = []
        timestamps: dict[int, float] = {}
        exemplars: dict[int, Exemplar] = {}
        known, known_names, known_comments = self._series.get, self._names.get, self._comments
        add_series, add_number = series.append, numbers.append
        for line in lines:
            if line[:1] == "#":
                if line in known_comments or self._is_family_comment(line):
                    comments.append(line)
                continue
            head, _, number = line.rpartition(" ")
            one = known(head)
            if one is None:
                pieces = head.split('"')
                if len(pieces) == 1 and head in self._metrics:
                    one = self._series[head] = Series(head)
                else:
                    names = known_names((*pieces[::2],)) or self._checked_names(pieces)
                    if names is not None and len(pieces) == names[2] and "\\" not in head:
                        one = self._series[head] = Series(names[0], names[1], (*pieces[1::2],))
            if one is None:
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
        if NOT_IN_FLOATS.search("".join(numbers)):
            raise GrammarError("not a number")  # `float` takes more than the format does
        return Page(page_format, series, list(map(float, numbers)), timestamps, exemplars, comments)

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
            self._characters = 0
