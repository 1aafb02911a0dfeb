r"""The text formats that Prometheus exporters speak: text format 0.0.4 and OpenMetrics 1.0.

Rules:

- A page is read whole or not at all: the first line that breaks the grammar raises `ExpositionError`.
- Lines end in LF or CRLF, the last one may lack it (whether the page was cut there is its reader's to decide). Spaces
  and tabs may stand between tokens and inside the braces; a comma may follow the last label.
- `name{label="value"} number [timestamp]`, or with Prometheus 3's quoted names `{"any name", "any label"="value"}`.
- Numbers are decimal floats, `NaN`, `+Inf`, `-Inf`. Timestamps are whole milliseconds in the text format, seconds in
  OpenMetrics. Exemplars (`# {...} number [timestamp]` after the number) are OpenMetrics only.
- In label values `\\`, `\"` and `\n` are escapes; any other backslash stands for itself, as Prometheus reads it.
- A page whose last line is `# EOF` is OpenMetrics, and nothing may follow that line. A sample without TYPE is untyped.
- What spans lines (a family in one block, a TYPE before its samples, suffixes that fit the type) is not enforced: such
  a page can still be used.
"""

import re
from collections.abc import Mapping
from enum import Enum, StrEnum

import msgspec

from hls_swarm.origin.exposition.limits import MOST_LABELS

METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
LABEL_PIECE = re.compile(r",([a-zA-Z_][a-zA-Z0-9_]*)=")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BLANK = re.compile(r"[ \t]*")
_TOKEN = re.compile(r"[^ \t]+")
FLOAT = re.compile(
    r"[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN])"
)
INTEGER = re.compile(r"[+-]?[0-9]{1,19}")  # 64 bits
NOT_IN_FLOATS = re.compile(r"[^0-9.eE+\-nNaAiIfFtTyY]")
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


class GrammarError(ValueError):
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


TYPE_NAMES = frozenset(kind.value for kind in MetricType)

_ANY_TYPE = "|".join(sorted(TYPE_NAMES, key=len, reverse=True))
PLAIN_COMMENTS = re.compile(
    rf"(?:# HELP [a-zA-Z_:][a-zA-Z0-9_:]*+(?: [^\n]*+)?+\n|# TYPE [a-zA-Z_:][a-zA-Z0-9_:]*+ (?:{_ANY_TYPE})\n)*+"
)
"""HELP and TYPE lines as every exporter writes them, each with its line break."""
PLAIN_NAMES = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*+(?:\n[a-zA-Z_:][a-zA-Z0-9_:]*+)*+")
"""Metric names, a line each."""


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


class Comment(msgspec.Struct, frozen=True):
    """A HELP, TYPE or UNIT line."""

    kind: str
    family: str
    text: str


class Scanner:
    """The whole grammar of a sample line."""

    def __init__(self, line: str, page_format: Format) -> None:
        self.line, self.format = line.rstrip("\r"), page_format
        self.place = 0

    def sample(self) -> tuple[Series, str, float | None, Exemplar | None]:
        """Series, number as written, timestamp and exemplar."""
        self.blank()
        name = ""
        labels: dict[str, str] = {}
        found = METRIC_NAME.match(self.line, self.place)
        if found:
            name, self.place = found[0], found.end()
            self.blank()
        if self.take("{"):
            quoted, labels = self.labels(may_name=not name)
            name = name or quoted
        elif found and self.place < len(self.line) and self.line[self.place - 1] not in " \t":
            raise GrammarError("a blank must stand between the name and the number")
        if not name:
            raise GrammarError("no metric name")
        number = self.token(FLOAT, "is not a number")
        timestamp = exemplar = None
        if self.blank() and self.line[self.place] != "#":
            timestamp = self.timestamp()
            self.blank()
        if self.place < len(self.line) and self.format is Format.OPENMETRICS and self.take("#"):
            exemplar = self.exemplar()
        if self.blank():
            raise GrammarError("something follows the sample")
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
                    raise GrammarError(f"the value of label {label} must stand in quotes")
                self.place = found.end()
                if label in labels:
                    raise GrammarError(f"label {label} stands twice")
                if len(labels) == MOST_LABELS:
                    raise GrammarError(f"more than {MOST_LABELS} labels")
                labels[label] = _unescaped(found[1])
            elif quoted and first and may_name:
                name = label
            else:
                raise GrammarError(f"label {label} has no value")
            first = False
            self.blank()
            if not self.take(",") and self.line[self.place : self.place + 1] != "}":
                raise GrammarError("a comma or a closing brace must follow a label")

    def label_name(self) -> tuple[str, bool]:
        """A label's name, and whether it stood in quotes."""
        found = _QUOTED.match(self.line, self.place)
        if found:
            self.place = found.end()
            return _unescaped(found[1]), True
        found = _LABEL_NAME.match(self.line, self.place)
        if not found:
            raise GrammarError("no label name")
        self.place = found.end()
        return found[0], False

    def timestamp(self) -> float:
        """A timestamp, in Unix seconds."""
        pattern = INTEGER if self.format is Format.TEXT else FLOAT
        return unix_seconds(self.token(pattern, "is not a timestamp"), self.format)

    def exemplar(self) -> Exemplar:
        """From behind the hash sign."""
        self.blank()
        if not self.take("{"):
            raise GrammarError("an exemplar starts with its labels")
        _, labels = self.labels(may_name=False)
        value = float(self.token(FLOAT, "is not a number"))
        return Exemplar(labels, value, self.timestamp() if self.blank() else None)

    def token(self, pattern: re.Pattern[str], complaint: str) -> str:
        """What stands up to the next blank, if it is what the pattern says."""
        self.blank()
        found = _TOKEN.match(self.line, self.place)
        if not found:
            raise GrammarError("the number is missing")
        if not pattern.fullmatch(found[0]):
            raise GrammarError(f"{found[0][:40]} {complaint}")
        self.place = found.end()
        return found[0]

    def take(self, character: str) -> bool:
        """Step over one character if it is there."""
        if self.line.startswith(character, self.place):
            self.place += 1
            return True
        return False

    def blank(self) -> bool:
        """Step over blanks; whether anything follows."""
        found = _BLANK.match(self.line, self.place)
        self.place = found.end() if found else self.place
        return self.place < len(self.line)


def first_error(lines: list[str], page_format: Format) -> ExpositionError | None:
    """The first line that breaks the grammar, found by reading all of them again, slowly; None if none does."""
    for at, line in enumerate(lines, 1):
        start = line.lstrip(" \t\r")[:1]
        try:
            if start == "#":
                read_comment(line)
            elif start:
                Scanner(line, page_format).sample()
        except GrammarError as wrong:
            return ExpositionError(str(wrong), at, line)
    return None


def read_comment(line: str) -> Comment | None:
    """A HELP, TYPE or UNIT line; None for any other comment.

    Raises:
        GrammarError: it names no metric or no type.
    """
    found = _COMMENT.fullmatch(line.rstrip("\r"))
    if found is None:
        return None
    kind, name, text = found[1], found[2], found[3] or ""
    if name.startswith('"'):
        name = _unescaped(name[1:-1])
    elif not METRIC_NAME.fullmatch(name):
        raise GrammarError(f"{name[:40]} is not a metric name")
    if kind == "TYPE":
        text = text.strip(" \t")
        if text not in TYPE_NAMES:
            raise GrammarError(f"{text[:40] or 'nothing'} is not a metric type")
    return Comment(kind, name, _unescaped(text))


def until_eof(lines: list[str]) -> list[str]:
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


def unix_seconds(text: str, page_format: Format) -> float:
    """A timestamp in Unix seconds."""
    return int(text) / 1000 if page_format is Format.TEXT else float(text)


def decoded(body: bytes) -> str:
    """A page as text.

    Raises:
        ExpositionError: it is not UTF-8.
    """
    try:
        return body.decode()
    except UnicodeDecodeError as wrong:
        line = body.count(b"\n", 0, wrong.start) + 1
        start = body.rfind(b"\n", 0, wrong.start) + 1
        shown = body[start : start + 200].split(b"\n")[0].decode(errors="replace")
        raise ExpositionError("not UTF-8", line, shown) from wrong
