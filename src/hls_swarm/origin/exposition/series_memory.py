"""Parsed series of one target, by the text that stands before their number.

The series of a target hardly change between scrapes, so their text is looked up here. A text that is new is split at
its quotes if it is plainly well-formed; what is not is left to the whole grammar (`grammar.Scanner`), which alone
decides what is an error.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, product, repeat
from operator import itemgetter

from hls_swarm.origin.exposition.grammar import LABEL_PIECE, METRIC_NAME, PLAIN_NAMES, Series
from hls_swarm.origin.exposition.limits import MOST_LABELS

_BETWEEN = itemgetter(slice(None, None, 2))
"""What is not a label's value, of a series split at its quotes."""
_NUMBER_NAMES = frozenset(
    "".join(letters)
    for word in ("nan", "inf", "infinity")
    for letters in product(*[(letter, letter.upper()) for letter in word])
)
"""Numbers that are valid names."""
_Names = tuple[str, tuple[str, ...], int]
"""A metric's name, its labels' names, and the number of pieces that a series with them falls into at its quotes."""


class SeriesMemory:
    """Remembers series, and the names in them."""

    __slots__ = ("_labels", "_names", "_page", "_series")

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._page: tuple[list[str], list[Series]] = [], []  # of the last page read at once, not all in `_series` yet
        self._names: dict[tuple[str, ...], _Names] = {}
        self._labels: dict[tuple[str, ...], tuple[str, ...]] = {}

    @property
    def series(self) -> dict[str, Series]:
        """All that are remembered, by their text as it stands on the page."""
        texts, series = self._page
        if texts:
            self._page = [], []
            self._series.update(zip(texts, series, strict=True))
        return self._series

    def __len__(self) -> int:
        """How much is remembered."""
        return len(self._series) + len(self._page[0]) + len(self._names)

    def clear(self) -> None:
        """Forget everything."""
        self._page = [], []
        for memory in (self._series, self._names, self._labels):
            memory.clear()

    def read(self, text: str) -> Series | None:
        """A new series, remembered from now on; None if only the whole grammar can read it, or refuse it."""
        if text.isidentifier() and text.isascii():
            one = Series(text)
        else:
            pieces = text.split('"')
            names = self._names_in(pieces[::2])
            if names is None or len(pieces) != names[2] or "\\" in text:
                return None
            one = Series(names[0], names[1], (*pieces[1::2],))
        self.series[text] = one
        return one

    def read_page(self, texts: list[str]) -> list[Series] | None:
        """The series of a page on which many of one family follow one another.

        None if there is one that only the whole grammar can read, or refuse, or one that could as well be a number.
        It is quickest for a page that has the same series as the last one, and then for one whose series are all new.
        """
        if texts == self._page[0]:
            return self._page[1]
        known = self.series
        if known and not _NUMBER_NAMES.isdisjoint(texts):
            return None
        new = [text for text in texts if text not in known] if known else texts
        series = self._read_runs(new)
        if series is None:
            return None
        if len(new) < len(texts):
            known.update(zip(new, series, strict=True))
            return [known[text] for text in texts]
        self._page = texts, series
        return series

    def read_all(self, texts: Sequence[str]) -> bool:
        """Remember new series of many families; False if only the whole grammar can read one of them, or refuse it."""
        bare = [text for text in texts if text[-1:] != "}"]
        labelled = [text for text in texts if text[-1:] == "}"] if bare else texts
        if bare and not PLAIN_NAMES.fullmatch("\n".join(bare)):
            return False
        if "\\" in "".join(labelled):
            return False  # what is escaped may be a quote
        series = self._read_each(labelled)
        if series is None:
            return False
        self.series.update(zip(bare, map(Series, bare), strict=True))
        self.series.update(zip(labelled, series, strict=True))
        return True

    def _read_runs(self, texts: Sequence[str]) -> list[Series] | None:
        if "\\" in "".join(texts):
            return None
        series: list[Series] = []
        for run in _runs(texts):
            of_run = self._read_run(run) or self._read_each(run)
            if of_run is None:
                return None
            series += of_run
        return series

    def _read_run(self, texts: Sequence[str]) -> list[Series] | None:
        """Series that differ in nothing but their labels' values; None if they do not.

        They are split at their quotes together: at equal distances stand the values of one label, or the same text.
        """
        first = texts[0].split('"')
        distance, count = len(first) - 1, len(texts)
        pieces = "\n".join(texts).split('"')
        if not distance or len(pieces) != count * distance + 1 or pieces[-1] != first[-1]:
            return None
        if pieces[distance:-1:distance].count(f"{first[-1]}\n{first[0]}") != count - 1:
            return None
        if any(pieces[at::distance].count(first[at]) != count for at in range(2, distance, 2)):
            return None
        names = self._names_in(first[::2])
        if names is None or names[2] != len(first):
            return None
        name, labels, _ = names
        values = zip(*[pieces[at::distance] for at in range(1, distance, 2)], strict=True)
        return list(map(Series, repeat(name), repeat(labels), values))

    def _read_each(self, texts: Sequence[str]) -> list[Series] | None:
        """Series of any kind, without escapes; None if one of them is not written the usual way."""
        series: list[Series] = []
        for between, run in groupby([text.split('"') for text in texts], _BETWEEN):
            names = self._names_in(between)
            if names is None:
                return None
            name, labels, count = names
            if name in _NUMBER_NAMES:
                return None
            for pieces in run:
                if len(pieces) != count:
                    return None
                series.append(Series(name, labels, (*pieces[1::2],)))
        return series

    def _names_in(self, between: Sequence[str]) -> _Names | None:
        """The names in a series split at its quotes, if it is written the usual way; None leaves it to the scanner.

        Without escapes, quotes only delimit, so every second piece is a label's value, and what is left is
        `name{label=`, `,label=`, ..., `}`: the same for all series of a family, which is why it is remembered.
        """
        key = (*between,)
        known = self._names.get(key)
        if known is not None:
            return known
        name, brace, first = between[0].partition("{")
        if not (name.isascii() and name.isidentifier()) and not METRIC_NAME.fullmatch(name):
            return None
        labels: tuple[str, ...] | None = ()
        if brace and first != "}":
            rest = (first, *between[1:])
            labels = self._labels.get(rest) or self._label_names(rest)
        elif len(between) > 1:
            return None
        if labels is None:
            return None
        names = self._names[key] = (name, labels, 2 * len(labels) + 1)
        return names

    def _label_names(self, between: tuple[str, ...]) -> tuple[str, ...] | None:
        """The labels' names in what is left of that without the metric's name: many families have the same."""
        first, *others, last = between if len(between) > 1 else ("", *between)
        if len(between) > MOST_LABELS + 1:
            return None
        if last not in ("}", ",}"):
            return None
        labels: list[str] = []
        for piece in ("," + first, *others):
            found = LABEL_PIECE.fullmatch(piece)
            if found is None or found[1] in labels:
                return None
            labels.append(found[1])
        names = self._labels[between] = (*labels,)
        return names


def _runs(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """The series in groups that begin alike, found by looking at few of them: one in the midst of a group may not."""
    at = 0
    while at < len(texts):
        start = texts[at][: texts[at].find('"') + 1] or texts[at] + "{"
        last, step = at, 1
        while last + step < len(texts) and texts[last + step].startswith(start):
            last, step = last + step, 2 * step
        end = min(last + step, len(texts))
        while end - last > 1:
            middle = (last + end) // 2
            if texts[middle].startswith(start):
                last = middle
            else:
                end = middle
        yield texts[at:end]
        at = end
