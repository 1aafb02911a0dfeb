"""What is asked of a Prometheus server, and its answers as the pages that its exporters once gave.

Rules:

- One query an interval, a range selector: `{__name__=~"...", instance="..."}[5m]`. It gives the raw samples with the
  times at which Prometheus scraped them, so that rates are between its scrapes and not between our questions, which
  may be far more frequent.
- All samples of one scrape have one time. So the samples of an instance and job at one time are the page that its
  exporter gave then, as far as it was asked for, and every signal's formula works on it as on the page itself.
- `up` says how Prometheus fares with an exporter: 0 is a scrape that failed.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from hls_swarm.origin.dialects.devices import DEVICE_FAMILIES
from hls_swarm.origin.dialects.signals import Dialect
from hls_swarm.origin.exposition.grammar import Format, Series
from hls_swarm.origin.exposition.page import Page

MOST_SAMPLES = 250_000
"""Of one answer: 16 exporters of 500 series each, scraped every 10 s, in the five minutes of the first question."""
_NOT_OF_THE_PAGE = frozenset({"__name__", "instance", "job"})


def families_of(dialects: Iterable[Dialect]) -> frozenset[str]:
    """Every family that one of these dialects looks at; `*` in front stands for any beginning."""
    names = {"up", *DEVICE_FAMILIES}
    for dialect in dialects:
        names.update(dialect.signs, {dialect.up, dialect.always} - {""})
        names.update(f"{histogram.family}_bucket" for histogram in dialect.histograms)
        for row in dialect.rows:
            names.update(row.families)
    return frozenset(names)


def range_query(families: Iterable[str], matchers: Sequence[str], seconds: int) -> str:
    """The query, ready to stand in a URL."""
    selector = ",".join((f'__name__=~"{_alternatives(families)}"', *matchers))
    return quote(f"{{{selector}}}[{seconds}s]", safe="")


def _alternatives(families: Iterable[str]) -> str:
    """One expression for all names, those of one beginning in a group: a URL should not be longer than it must."""
    groups: dict[str, list[str]] = {}
    for family in sorted(families):
        first, _, rest = (".+" + family[1:] if family.startswith("*") else family).partition("_")
        groups.setdefault(first, []).append(rest)
    return "|".join(f"{first}_({'|'.join(rests)})" if any(rests) else first for first, rests in groups.items())


class Instance(NamedTuple):
    """What Prometheus scrapes: one page of one exporter."""

    instance: str
    job: str

    @property
    def host(self) -> str:
        """Its machine: the instance without the port."""
        host, colon, port = self.instance.rpartition(":")
        name = host if colon and port.isdecimal() and host else self.instance
        return name.removeprefix("[").removesuffix("]") or self.job or "prometheus"

    def __str__(self) -> str:
        return f"{self.job} {self.instance}".strip()


class Scraped(NamedTuple):
    """One scrape of Prometheus.

    Attributes:
        at: Unix seconds.
        up: whether it gave a page; None if Prometheus does not say.
    """

    at: float
    up: bool | None
    page: Page


class AnswerError(ValueError):
    """An answer that is no result of a range selector, in words for a person."""


class AnswerTooLargeError(ValueError):
    """An answer of more samples than are read, in words for a person."""


class _RawSeries(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Result(msgspec.Struct):
    result: list[_RawSeries]


class _Answer(msgspec.Struct):
    status: str
    data: _Result | None = None
    error: str = ""


_DECODER = msgspec.json.Decoder(_Answer)


def read_answer(body: bytes) -> dict[Instance, list[Scraped]]:
    """The scrapes that an answer tells of, by instance, the oldest first.

    Raises:
        AnswerError: it is not the answer of a Prometheus server, or tells of an error.
        AnswerTooLargeError: it has more than `MOST_SAMPLES`.
    """
    try:
        answer = _DECODER.decode(body)
    except RecursionError as error:
        raise AnswerError("not an answer of Prometheus: it is nested too deep") from error
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise AnswerError("not an answer of Prometheus: is the URL that of its web page?") from error
    if answer.status != "success" or answer.data is None:
        raise AnswerError(f"Prometheus says: {answer.error[:200] or answer.status}")
    number = sum(len(raw.values) for raw in answer.data.result)
    if number + len(answer.data.result) > MOST_SAMPLES:
        raise AnswerTooLargeError(f"an answer of {number:,} samples, more than the {MOST_SAMPLES:,} that are read")
    found: dict[Instance, dict[float, tuple[list[Series], list[float]]]] = {}
    ups: dict[tuple[Instance, float], bool] = {}
    for raw in answer.data.result:
        labels = raw.metric
        name = labels.get("__name__", "")
        instance = Instance(labels.get("instance", ""), labels.get("job", ""))
        series = _series(name, labels)
        pages = found.setdefault(instance, {})
        for at, text in raw.values:
            try:
                value = float(text)
            except ValueError:
                raise AnswerError(f"Prometheus gives {text[:40]!r} as a number") from None
            if name == "up":
                ups[instance, at] = value != 0
                pages.setdefault(at, ([], []))
                continue
            samples = pages.get(at)
            if samples is None:
                samples = pages[at] = ([], [])
            samples[0].append(series)
            samples[1].append(value)
    return {
        instance: [
            Scraped(at, ups.get((instance, at)), Page(Format.TEXT, *pages[at], {}, {}, ())) for at in sorted(pages)
        ]
        for instance, pages in found.items()
    }


def _series(name: str, labels: dict[str, str]) -> Series:
    names = tuple(label for label in labels if label not in _NOT_OF_THE_PAGE)
    return Series(name, names, tuple(labels[label] for label in names))
