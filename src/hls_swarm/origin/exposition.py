r"""The text formats that Prometheus exporters speak: text format 0.0.4 and OpenMetrics 1.0.

Rules:

- A page is read whole or not at all: the first line that breaks the grammar raises `ExpositionError`.
- Lines end in LF or CRLF, the last one may lack it. Spaces and tabs may stand between tokens and inside the braces; a
  comma may follow the last label.
- `name{label="value"} number [timestamp]`, or with Prometheus 3's quoted names `{"any name", "any label"="value"}`.
- Numbers are decimal floats, `NaN`, `+Inf`, `-Inf`. Timestamps are whole milliseconds in the text format, seconds in
  OpenMetrics. Exemplars (`# {...} number [timestamp]` after the number) are OpenMetrics only.
- In label values `\\`, `\"` and `\n` are escapes; any other backslash stands for itself, as Prometheus reads it.
- A page whose last line is `# EOF` is OpenMetrics, and nothing may follow that line. A sample without TYPE is untyped.
- What spans lines (a family in one block, a TYPE before its samples, suffixes that fit the type) is not enforced: such
  a page can still be used.

How it is fast: the series of a target hardly change between scrapes, so the text before the number is looked up in a
cache of parsed series. What is not there is split at its quotes if it is plainly well-formed, and only what is neither
goes through the whole grammar (`_Scanner`), which alone decides what is an error.
"""

import re
from collections.abc import Mapping
from enum import Enum, StrEnum
from functools import cached_property

import msgspec

CACHED_SERIES = 1 << 17
"""Bound of the cache of one target; when it is full it is emptied, and the next page fills it again."""

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_LABEL_PIECE = re.compile(r",([a-zA-Z_][a-zA-Z0-9_]*)=")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BLANK = re.compile(r"[ \t]*")
_TOKEN = re.compile(r"[^ \t]+")
_FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN])"
)
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NOT_IN_FLOATS = re.compile(r"[^0-9.eE+\-nNaAiIfFtTyY\r]")
_ESCAPE = re.compile(r'\\(["\\n])')
_COMMENT = re.compile(r'[ \t]*#[ \t]+(HELP|TYPE|UNIT)[ \t]+("(?:[^"\\]|\\.)*"|[^ \t]+)(?:[ \t]+(.*))?')


class ExpositionError(ValueError):
    """A page breaks the format.

    Args:
        reason: the rule in words.
        line: line number, counted from 1.
        text: that line, cut to a readable length.
    """

    def __init__(self, reason: str, line: int, text: str) -> None:
        self.reason, self.line, self.text = reason, line, text[:200]
        super().__init__(f"line {line}: {reason}: {self.text}")


class _GrammarError(ValueError):
    """A line breaks the grammar; which line it is, is found when it matters."""


class Format(Enum):
    """Which of the two formats a page is in."""

    TEXT = "text format 0.0.4"
    OPENMETRICS = "OpenMetrics 1.0"


class MetricType(StrEnum):
    """What a TYPE line can say."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"
    UNTYPED = "untyped"
    UNKNOWN = "unknown"
    INFO = "info"
    STATESET = "stateset"
    GAUGEHISTOGRAM = "gaugehistogram"


_TYPES = frozenset(kind.value for kind in MetricType)


class Series(msgspec.Struct, frozen=True, gc=False):
    """A metric name and its labels; names and values are kept apart, because the series of a family share the names."""

    name: str
    label_names: tuple[str, ...] = ()
    label_values: tuple[str, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """The labels in the order of the page."""
        return dict(zip(self.label_names, self.label_values, strict=True))

    def label(self, name: str) -> str:
        """The value of one label; the empty string without it, which is how Prometheus sees a missing label."""
        names = self.label_names
        return self.label_values[names.index(name)] if name in names else ""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it the same series on another page, in whatever order its labels stand there."""
        pairs = sorted(zip(self.label_names, self.label_values, strict=True))
        return (self.name, *(part for pair in pairs for part in pair))


class Exemplar(msgspec.Struct, frozen=True):
    """One measured value beside a sample; `at` is Unix seconds, None without."""

    labels: Mapping[str, str]
    value: float
    at: float | None = None


class Family(msgspec.Struct, frozen=True):
    """What the comments say of a metric family."""

    type: MetricType = MetricType.UNTYPED
    help: str = ""
    unit: str = ""


class _Comment(msgspec.Struct, frozen=True):
    """A HELP, TYPE or UNIT line."""

    kind: str
    family: str
    text: str


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
        for comment in filter(None, map(_read_comment, self._comments)):
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


class Parser:
    """Reads the pages of one target; it remembers the series it has seen, and nothing else.

    Args:
        cached_series: bound of that memory.
    """

    def __init__(self, cached_series: int = CACHED_SERIES) -> None:
        self._bound = cached_series
        self._series: dict[str, Series] = {}
        self._names: dict[tuple[str, ...], tuple[str, tuple[str, ...]]] = {}
        self._metrics: set[str] = set()
        self._comments: set[str] = set()

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
        text = body if isinstance(body, str) else _decoded(body)
        lines = text.split("\n")
        if page_format is None:
            page_format = Format.OPENMETRICS if text[-16:].strip().endswith("# EOF") else Format.TEXT
        if page_format is Format.OPENMETRICS:
            lines = _until_eof(lines)
        self._forget_if_full()
        try:
            return self._page(lines, page_format)
        except ValueError as wrong:
            raise _first_error(lines, page_format) from wrong

    def _page(self, lines: list[str], page_format: Format) -> Page:
        series: list[Series] = []
        numbers: list[str] = []
        comments: list[str] = []
        timestamps: dict[int, float] = {}
        exemplars: dict[int, Exemplar] = {}
        known, add_series, add_number, known_comments = self._series.get, series.append, numbers.append, self._comments
        for line in lines:
            if line[:1] == "#":
                if line in known_comments or self._is_family_comment(line):
                    comments.append(line)
                continue
            head, _, number = line.rpartition(" ")
            one = known(head) or self._plain_series(head)
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
        if _NOT_IN_FLOATS.search("".join(numbers)):
            raise _GrammarError("not a number")  # `float` takes more than the format does
        return Page(page_format, series, list(map(float, numbers)), timestamps, exemplars, comments)

    def _plain_series(self, text: str) -> Series | None:
        """A series written the usual way, without escapes or blanks; None leaves it to the scanner.

        Without escapes, quotes only delimit, so every second piece between them is a label's value, and what is left is
        `name{label=`, `,label=`, ..., `}`: the same for all series of a family, so its names are remembered.
        """
        if text in self._metrics:
            one = self._series[text] = Series(text)
            return one
        pieces = text.split('"')
        between = (*pieces[::2],)
        names = self._names.get(between)
        if names is None:
            names = self._checked_names(between)
            if names is None:
                return None
        values = (*pieces[1::2],)
        if len(values) != len(names[1]) or "\\" in text:
            return None
        one = self._series[text] = Series(*names, values)
        return one

    def _checked_names(self, between: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        """The metric's name and its labels', out of what stands between the values; None if it is not that plain."""
        name, brace, first = between[0].partition("{")
        if name not in self._metrics and not _METRIC_NAME.fullmatch(name):
            return None
        labels: list[str] = []
        if brace and first != "}":
            if between[-1] not in ("}", ",}"):
                return None
            for piece in ("," + first, *between[1:-1]):
                found = _LABEL_PIECE.fullmatch(piece)
                if found is None or found[1] in labels:
                    return None
                labels.append(found[1])
        elif len(between) > 1:
            return None
        checked = self._names[between] = (name, tuple(labels))
        return checked

    def _unusual_sample(self, line: str, page_format: Format) -> tuple[Series, str, float | None, Exemplar | None]:
        """A sample with a timestamp, or one that only the whole grammar can read."""
        head, _, last = line.rstrip("\r").rpartition(" ")
        head, _, number = head.rpartition(" ")
        pattern = _INTEGER if page_format is Format.TEXT else _FLOAT
        if head and pattern.fullmatch(last) and _FLOAT.fullmatch(number):
            one = self._series.get(head) or self._plain_series(head)
            if one is not None:
                return one, number, _seconds(last, page_format), None
        return _Scanner(line, page_format).sample()

    def _is_family_comment(self, line: str) -> bool:
        """Whether a comment is a HELP, TYPE or UNIT line. One that is has been checked and is remembered."""
        start = line[:7]
        plain = False
        if start == "# HELP " or start == "# TYPE ":
            name, _, text = line[7:].partition(" ")
            plain = start == "# HELP " or text in _TYPES
            if plain and name not in self._metrics:
                plain = _METRIC_NAME.fullmatch(name) is not None
                if plain:
                    self._metrics.add(name)
        if not plain and _read_comment(line) is None:
            return False
        self._comments.add(line)
        return True

    def _forget_if_full(self) -> None:
        for cache in (self._series, self._names, self._metrics, self._comments):
            if len(cache) > self._bound:
                cache.clear()


class _Scanner:
    """The whole grammar of a sample line."""

    def __init__(self, line: str, page_format: Format) -> None:
        self.line, self.format = line.rstrip("\r"), page_format
        self.place = 0

    def sample(self) -> tuple[Series, str, float | None, Exemplar | None]:
        """Series, number as written, timestamp and exemplar."""
        self.blank()
        name = ""
        labels: dict[str, str] = {}
        found = _METRIC_NAME.match(self.line, self.place)
        if found:
            name, self.place = found[0], found.end()
            self.blank()
        if self.take("{"):
            quoted, labels = self.labels(may_name=not name)
            name = name or quoted
        elif found and self.place < len(self.line) and self.line[self.place - 1] not in " \t":
            raise _GrammarError("a blank must stand between the name and the number")
        if not name:
            raise _GrammarError("no metric name")
        number = self.token(_FLOAT, "is not a number")
        timestamp = exemplar = None
        if self.blank() and self.line[self.place] != "#":
            timestamp = self.timestamp()
            self.blank()
        if self.place < len(self.line) and self.format is Format.OPENMETRICS and self.take("#"):
            exemplar = self.exemplar()
        if self.blank():
            raise _GrammarError("something follows the sample")
        return Series(name, tuple(labels), tuple(labels.values())), number, timestamp, exemplar

    def labels(self, *, may_name: bool) -> tuple[str, dict[str, str]]:
        """From behind the opening brace to behind the closing one; a lone quoted string first is the metric's name."""
        name, first = "", True
        labels: dict[str, str] = {}
        while True:
            self.blank()
            if self.take("}"):
                return name, labels
            label, quoted = self.label_name()
            self.blank()
            if self.take("="):
                self.blank()
                found = _QUOTED.match(self.line, self.place)
                if not found:
                    raise _GrammarError(f"the value of label {label} must stand in quotes")
                self.place = found.end()
                if label in labels:
                    raise _GrammarError(f"label {label} stands twice")
                labels[label] = _unescaped(found[1])
            elif quoted and first and may_name:
                name = label
            else:
                raise _GrammarError(f"label {label} has no value")
            first = False
            self.blank()
            if not self.take(",") and self.line[self.place : self.place + 1] != "}":
                raise _GrammarError("a comma or a closing brace must follow a label")

    def label_name(self) -> tuple[str, bool]:
        """A label's name, and whether it stood in quotes."""
        found = _QUOTED.match(self.line, self.place)
        if found:
            self.place = found.end()
            return _unescaped(found[1]), True
        found = _LABEL_NAME.match(self.line, self.place)
        if not found:
            raise _GrammarError("no label name")
        self.place = found.end()
        return found[0], False

    def timestamp(self) -> float:
        pattern = _INTEGER if self.format is Format.TEXT else _FLOAT
        return _seconds(self.token(pattern, "is not a timestamp"), self.format)

    def exemplar(self) -> Exemplar:
        """From behind the hash sign."""
        self.blank()
        if not self.take("{"):
            raise _GrammarError("an exemplar starts with its labels")
        _, labels = self.labels(may_name=False)
        value = float(self.token(_FLOAT, "is not a number"))
        return Exemplar(labels, value, self.timestamp() if self.blank() else None)

    def token(self, pattern: re.Pattern[str], complaint: str) -> str:
        self.blank()
        found = _TOKEN.match(self.line, self.place)
        if not found:
            raise _GrammarError("the number is missing")
        if not pattern.fullmatch(found[0]):
            raise _GrammarError(f"{found[0][:40]} {complaint}")
        self.place = found.end()
        return found[0]

    def take(self, character: str) -> bool:
        if self.line.startswith(character, self.place):
            self.place += 1
            return True
        return False

    def blank(self) -> bool:
        """Step over blanks; whether anything follows."""
        found = _BLANK.match(self.line, self.place)
        self.place = found.end() if found else self.place
        return self.place < len(self.line)


def _first_error(lines: list[str], page_format: Format) -> ExpositionError:
    """The first line that breaks the grammar, found by reading all of them again, slowly."""
    for at, line in enumerate(lines, 1):
        start = line.lstrip(" \t\r")[:1]
        try:
            if start == "#":
                _read_comment(line)
            elif start:
                _Scanner(line, page_format).sample()
        except _GrammarError as wrong:
            return ExpositionError(str(wrong), at, line)
    return ExpositionError("not readable", 1, lines[0])


def _read_comment(line: str) -> _Comment | None:
    found = _COMMENT.fullmatch(line.rstrip("\r"))
    if found is None:
        return None
    kind, name, text = found[1], found[2], found[3] or ""
    if name.startswith('"'):
        name = _unescaped(name[1:-1])
    elif not _METRIC_NAME.fullmatch(name):
        raise _GrammarError(f"{name[:40]} is not a metric name")
    if kind == "TYPE":
        text = text.strip(" \t")
        if text not in _TYPES:
            raise _GrammarError(f"{text[:40] or 'nothing'} is not a metric type")
    return _Comment(kind, name, _unescaped(text))


def _until_eof(lines: list[str]) -> list[str]:
    """The lines before `# EOF`, which must be there and be the last."""
    for at, line in enumerate(lines):
        if line.rstrip("\r") == "# EOF":
            if any(lines[at + 1 :]):
                raise ExpositionError("something follows # EOF", at + 2, lines[at + 1])
            return lines[:at]
    raise ExpositionError("# EOF is missing: the page was cut short", len(lines), lines[-1])


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text)


def _seconds(text: str, page_format: Format) -> float:
    """A timestamp in Unix seconds."""
    return int(text) / 1000 if page_format is Format.TEXT else float(text)


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as wrong:
        line = body.count(b"\n", 0, wrong.start) + 1
        start = body.rfind(b"\n", 0, wrong.start) + 1
        shown = body[start : start + 200].split(b"\n")[0].decode(errors="replace")
        raise ExpositionError("not UTF-8", line, shown) from wrong
