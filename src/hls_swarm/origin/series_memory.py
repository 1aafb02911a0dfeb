"""Parsed series of one target, by the text that stands before their number.

The series of a target hardly change between scrapes, so their text is looked up here. A text that is new is split at
its quotes if it is plainly well-formed; what is not is left to the whole grammar (`grammar.Scanner`), which alone
decides what is an error.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from hls_swarm.origin.grammar import LABEL_PIECE, METRIC_NAME, PLAIN_NAMES, Series

_BETWEEN = itemgetter(slice(None, None, 2))
"""What is not a label's value, of a series split at its quotes."""
_Names = tuple[str, tuple[str, ...], int]
"""A metric's name, its labels' names, and the number of pieces that a series with them falls into at its quotes."""


class SeriesMemory:
    """Remembers series, and the names in them.

    Attributes:
        series: by their text, as it stands on the page.
    """

    __slots__ = ("_labels", "_names", "series")

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}
        self._names: dict[tuple[str, ...], _Names] = {}
        self._labels: dict[tuple[str, ...], tuple[str, ...]] = {}

    def __len__(self) -> int:
        """How much is remembered."""
        return len(self.series) + len(self._names)

    def clear(self) -> None:
        """Forget everything."""
        for memory in (self.series, self._names, self._labels):
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

    def read_all(self, texts: Sequence[str], *, long_runs: bool) -> bool:
        """Remember new series; False if there is one that only the whole grammar can read, or refuse.

        Args:
            long_runs: whether many series of one family follow one another: those are read together.
        """
        if "\\" in "".join(texts):
            return False  # what is escaped may be a quote
        if long_runs:
            return all(self._read_run(run) or self._read_each(run) for run in _runs(texts))
        bare = [text for text in texts if text[-1:] != "}"]
        if not bare:
            return self._read_each(texts)
        if not PLAIN_NAMES.fullmatch("\n".join(bare)):
            return False
        self.series.update(zip(bare, map(Series, bare), strict=True))
        return self._read_each([text for text in texts if text[-1:] == "}"])

    def _read_run(self, texts: Sequence[str]) -> bool:
        """Series that differ in nothing but their labels' values; False if they do.

        They are split at their quotes together: at equal distances stand the values of one label, or the same text.
        """
        first = texts[0].split('"')
        distance, count = len(first) - 1, len(texts)
        pieces = "\n".join(texts).split('"')
        if not distance or len(pieces) != count * distance + 1 or pieces[-1] != first[-1]:
            return False
        if pieces[distance:-1:distance].count(f"{first[-1]}\n{first[0]}") != count - 1:
            return False
        if any(pieces[at::distance].count(first[at]) != count for at in range(2, distance, 2)):
            return False
        names = self._names_in(first[::2])
        if names is None or names[2] != len(first):
            return False
        name, labels, _ = names
        values = zip(*[pieces[at::distance] for at in range(1, distance, 2)], strict=True)
        self.series.update(zip(texts, [Series(name, labels, one) for one in values], strict=True))
        return True

    def _read_each(self, texts: Sequence[str]) -> bool:
        """Series of any kind; False if there is one that only the whole grammar can read, or refuse."""
        series, at = self.series, 0
        for between, run in groupby([text.split('"') for text in texts], _BETWEEN):
            names = self._names_in(between)
            if names is None:
                return False
            name, labels, count = names
            for pieces in run:
                if len(pieces) != count:
                    return False
                series[texts[at]] = Series(name, labels, (*pieces[1::2],))
                at += 1
        return True

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
