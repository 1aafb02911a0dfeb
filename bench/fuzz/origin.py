"""Throw pages at the metrics parser: it may answer with what the oracle says or an `ExpositionError`, in good time.

    python -m bench.fuzz.origin [--pages 1000000] [--seed 0]

Half of the pages are written from known samples, in every way the format allows: the answer must be these samples, and
for one in twenty prometheus_client's parser is asked too. The other half are such pages, or lines of real ones, broken
at random: the answer must be that of the whole grammar, line by line, without the parser's memory and short cuts. Each
parser reads many pages, so that its memory is full of what may mislead it; each page is read three times, the last time
with a character changed. Stops with the seed and the page at the first other answer.
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import perf_counter

from prometheus_client.parser import text_string_to_metric_families

from hls_swarm.origin.exposition.grammar import GrammarError, Scanner, read_comment
from hls_swarm.origin.exposition.parser import ExpositionError, Family, Format, Page, Parser

Sample = tuple[str, dict[str, str], float]

DATA = Path(__file__).parents[2] / "tests" / "data" / "metrics"
PAGES_A_PARSER = 50
ORACLE_EACH = 20
_NAMES = ("up", "a", "node_cpu_seconds_total", "http_requests_total", "x:y", "_b", "go_gc_duration_seconds_bucket")
_LABELS = ("le", "mode", "cpu", "path", "_x", "code")
_VALUES = ("", "0", "idle", "+Inf", "/live/1.m3u8?a=b&c", "ünï", 'q"q', "back\\slash", "n\nl", "{a,b} # 1", " ", "\\n")
_PLAIN_VALUES = [value for value in _VALUES if not set('"\\\n') & set(value)]
_BROKEN = 'ab{}="\\,# \t1.eN+-_\n\r\0\x0b\xa0٣"'


def number(random: Random) -> tuple[str, float]:
    """A number as written, and its value."""
    value = random.choice((0.0, 1.0, 17.0, 1e9, -4.5, 2.5e-3, random.random() * 10 ** random.randrange(-9, 19)))
    if random.random() < 0.05:
        return random.choice((("+Inf", math.inf), ("-Inf", -math.inf), ("inf", math.inf)))
    return random.choice((repr(value), f"{value:.17e}", f"{value:+.17g}")), value


def row(random: Random, blank: str) -> tuple[str, Sample]:
    """A line and what it says."""
    labels = {random.choice(_LABELS): random.choice(_VALUES) for _ in range(random.choice((0, 0, 1, 2, 3)))}
    name = random.choice(_NAMES)
    text, value = number(random)
    pairs = (
        f'{label}{blank}={blank}"{said}"'
        for label, said in (
            (label, raw.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")) for label, raw in labels.items()
        )
    )
    inner = f"{{{','.join(pairs)}{random.choice(('', ','))}}}" if labels else ""
    timestamp = f" {random.randrange(10**13)}" if random.random() < 0.1 else ""
    return f"{name}{inner} {text}{timestamp}", (name, labels, value)


def written_runs(random: Random) -> tuple[str, list[Sample]]:
    """A page of families with many series each, and what it says."""
    lines, samples = [], []
    for name in random.sample(_NAMES, random.randrange(1, 3)):
        labels = random.sample(_LABELS, random.randrange(1, 4))
        if random.random() < 0.5:
            lines.append(f"# HELP {name} {random.choice(('Words.', 'See #1.', 'a # TYPE b gauge', ''))}")
            lines += [f"# TYPE {name} {random.choice(('gauge', 'counter'))}"] * random.randrange(2)
        for _ in range(random.randrange(1, 24)):
            if random.random() < 0.03:
                line, sample = row(random, "")
                lines.append(line)
                samples.append(sample)
            values = [random.choice(_PLAIN_VALUES) for _ in labels]
            text, value = number(random)
            pairs = ",".join(f'{label}="{said}"' for label, said in zip(labels, values, strict=True))
            lines.append(f"{name}{{{pairs}}} {text}")
            samples.append((name, dict(zip(labels, values, strict=True)), value))
    return "\n".join([*lines, ""]), samples


def written(random: Random) -> tuple[str, list[Sample]]:
    """A page and what it says."""
    if random.random() < 0.3:
        return written_runs(random)
    lines, samples = [], []
    blank = random.choice(("", "", "", " ", "\t"))
    for _ in range(random.randrange(6)):
        if random.random() < 0.4:
            name = random.choice(_NAMES)
            lines.append(random.choice((f"# HELP {name} Some words.", f"# TYPE {name} gauge", "# words", "", "#")))
        line, sample = row(random, blank)
        lines.append(line)
        samples.append(sample)
    end = random.choice(("\n", "\n", "\n", "\r\n"))
    return end.join(lines) + random.choice((end, end, "")), samples


def broken(random: Random, real: list[str]) -> str:
    """A page with something wrong in it, most of the time."""
    text = written(random)[0] if random.random() < 0.6 else "\n".join(random.choices(real, k=random.randrange(1, 5)))
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(text) + 1)
        match random.randrange(4):
            case 0:
                text = text[:at] + random.choice(_BROKEN) + text[at:]
            case 1:
                text = text[:at] + text[at + 1 :]
            case 2:
                text = text[:at] + random.choice(_BROKEN) + text[at + 1 :]
            case _:
                text = text[:at] + text[random.randrange(len(text) + 1) :]
    return text


def changed(random: Random, text: str) -> str:
    """The same page with one character changed, in as many lines."""
    at = random.randrange(len(text) + 1)
    if text[at : at + 1] == "\n":
        return text
    return text[:at] + random.choice(_BROKEN.replace("\n", "")) + text[at + 1 :]


def by_the_grammar(text: str) -> list[Sample] | None:
    """What the whole grammar reads, line by line; None if it refuses a line."""
    samples = []
    try:
        for line in text.split("\n"):
            start = line.lstrip(" \t\r")[:1]
            if start == "#":
                read_comment(line)
            elif start:
                series, value, _, _ = Scanner(line, Format.TEXT).sample()
                samples.append((series.name, series.labels, float(value)))
    except GrammarError:
        return None
    return samples


def of_page(page: Page) -> list[Sample]:
    """A page as plain data."""
    return [(series.name, series.labels, value) for series, value in zip(page.series, page.values, strict=True)]


def comments_of(text: str) -> dict[str, Family]:
    """What the comments say, by the grammar alone."""
    return dict(Page(Format.TEXT, [], [], {}, {}, [line for line in text.split("\n") if "#" in line]).families)


def by_the_oracle(text: str) -> list[Sample]:
    """What prometheus_client reads; it splits lines at more than line feeds, and no page here has others inside."""
    families = text_string_to_metric_families(text)
    return [(sample.name, dict(sample.labels), float(sample.value)) for family in families for sample in family.samples]


def same(one: list[Sample], other: list[Sample]) -> bool:
    """Whether two pages say the same, NaN being itself, in whatever order."""
    return sorted(map(repr, one)) == sorted(map(repr, other))


class WrongAnswerError(AssertionError):
    """The parser said something else than it must."""


def answer(parser: Parser, text: str) -> list[Sample] | None:
    """What the parser reads; None for an `ExpositionError`."""
    try:
        return of_page(parser.parse(text.encode(), Format.TEXT))
    except ExpositionError:
        return None


def tries(random: Random, real: list[str]) -> Iterator[tuple[str, list[Sample] | None, bool]]:
    """Pages without end: text, the right answer, and whether prometheus_client can be asked."""
    nth = 0
    while True:
        nth += 1
        text, samples = written(random)
        untyped = "# TYPE" not in text and "\r" not in text
        yield text, samples, untyped and nth % ORACLE_EACH == 0
        text = broken(random, real)
        yield text, by_the_grammar(text), False


def main() -> None:
    """Run as many pages as asked for."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--pages", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    random = Random(given.seed)
    real = [line for path in sorted(DATA.glob("*.txt")) for line in path.read_text().splitlines()]
    parser = Parser()
    refused = asked = 0
    slowest, begun = 0.0, perf_counter()
    for nth, (text, expected, ask) in enumerate(tries(random, real)):
        if nth == given.pages:
            break
        if nth % PAGES_A_PARSER == 0:
            parser = Parser(cached_series=64)
        if random.random() < 0.1:
            parser = Parser()
        started = perf_counter()
        found = answer(parser, text)
        again = answer(parser, text)
        slowest = max(slowest, perf_counter() - started)
        later = changed(random, text)
        found_later = answer(parser, later)
        if repr(found_later) != repr(by_the_grammar(later)):
            raise WrongAnswerError(f"seed {given.seed}, page {nth} and then {later!r}: {found_later}")
        refused += found is None
        if found is not None and dict(parser.parse(text.encode(), Format.TEXT).families) != comments_of(text):
            raise WrongAnswerError(f"seed {given.seed}, page {nth}: {text!r}: the comments")
        if repr(found) != repr(expected) or repr(again) != repr(expected):
            raise WrongAnswerError(f"seed {given.seed}, page {nth}: {text!r}: {found}, {again}, not {expected}")
        if ask and found is not None:
            asked += 1
            if not same(found, by_the_oracle(text)):
                raise WrongAnswerError(
                    f"seed {given.seed}, page {nth}: {text!r}: {found}, oracle {by_the_oracle(text)}"
                )
    seconds = perf_counter() - begun
    print(
        f"{given.pages:,} pages read three times in {seconds:.0f} s (seed {given.seed}): {refused:,} refused with an "
        f"ExpositionError, {asked:,} checked with prometheus_client too, slowest {slowest * 1000:.1f} ms"
    )


if __name__ == "__main__":
    main()
