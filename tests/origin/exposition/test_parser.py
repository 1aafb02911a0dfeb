import contextlib
import math
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_oracle
from prometheus_client.parser import text_string_to_metric_families as text_oracle
from tests.origin.pages import NAMES, page_text

from hls_swarm.origin.exposition.parser import (
    Exemplar,
    ExpositionError,
    Family,
    Format,
    MetricType,
    Page,
    Parser,
    Series,
)

Sample = tuple[str, dict[str, str], float]


def samples(page: Page) -> list[Sample]:
    return [(series.name, series.labels, value) for series, value in zip(page.series, page.values, strict=True)]


def one(text: str, page_format: Format | None = None) -> Sample:
    (sample,) = samples(Parser().parse(text, page_format))
    return sample


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param("up 1", ("up", {}, 1.0), id="bare"),
        pytest.param("up{} 1", ("up", {}, 1.0), id="empty braces"),
        pytest.param("up{ } 1", ("up", {}, 1.0), id="blank braces"),
        pytest.param('a:b_c{x="1"} 2.5e-3', ("a:b_c", {"x": "1"}, 0.0025), id="colon and exponent"),
        pytest.param('a{x="1",y="2"} -4', ("a", {"x": "1", "y": "2"}, -4.0), id="two labels"),
        pytest.param('a{x="1",} 3', ("a", {"x": "1"}, 3.0), id="comma at the end"),
        pytest.param('a{x=""} 3', ("a", {"x": ""}, 3.0), id="empty value"),
        pytest.param('a{x="b c, d=\'{}#"} 3', ("a", {"x": "b c, d='{}#"}, 3.0), id="blanks and braces in a value"),
        pytest.param('a { x = "1" , y="2" , } 3', ("a", {"x": "1", "y": "2"}, 3.0), id="blanks between tokens"),
        pytest.param('\t a{x="1"}\t3 \t', ("a", {"x": "1"}, 3.0), id="tabs and outer blanks"),
        pytest.param('a{x="1"}3', ("a", {"x": "1"}, 3.0), id="no blank after the brace"),
        pytest.param("a\t3", ("a", {}, 3.0), id="tab before the number"),
        pytest.param("a 3\t1000", ("a", {}, 3.0), id="tab before the timestamp"),
        pytest.param(r'a{x="q\"b\\n\n."} 3', ("a", {"x": 'q"b\\n\n.'}, 3.0), id="escapes"),
        pytest.param(r'a{x="C:\dir"} 3', ("a", {"x": r"C:\dir"}, 3.0), id="backslash that escapes nothing"),
        pytest.param('a{x="ünïcödé → 1"} 3', ("a", {"x": "ünïcödé → 1"}, 3.0), id="UTF-8"),
        pytest.param("a +Inf", ("a", {}, math.inf), id="plus infinity"),
        pytest.param("a -Inf", ("a", {}, -math.inf), id="minus infinity"),
        pytest.param("a 1e+09", ("a", {}, 1e9), id="exponent with a sign"),
        pytest.param("a .5", ("a", {}, 0.5), id="no digit before the point"),
        pytest.param("a 000", ("a", {}, 0.0), id="leading zeros, as nginx-module-vts writes them"),
        pytest.param('{"my.metric"} 3', ("my.metric", {}, 3.0), id="quoted name"),
        pytest.param('{"my.metric","a b"="c"} 3', ("my.metric", {"a b": "c"}, 3.0), id="quoted name and label"),
        pytest.param('{"my.metric",x="1"} 3', ("my.metric", {"x": "1"}, 3.0), id="quoted name, plain label"),
        pytest.param('a{"l.1"="c"} 3', ("a", {"l.1": "c"}, 3.0), id="quoted label"),
    ],
)
def test_a_sample(line: str, expected: Sample) -> None:
    assert one(line) == expected
    assert one(line + "\n") == expected
    assert one(line + "\r\n") == expected
    parser = Parser()
    assert samples(parser.parse(f"{line}\n")) == samples(parser.parse(f"{line}\n")) == [expected]


def test_nan_is_a_number() -> None:
    assert math.isnan(one("a NaN")[2])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("a", "the number is missing", id="no number"),
        pytest.param('a{x="1"}', "the number is missing", id="no number after labels"),
        pytest.param("a b", "b is not a number", id="a word"),
        pytest.param("a 1_000", "1_000 is not a number", id="underscore that Python would take"),
        pytest.param("a \u0661", "\u0661 is not a number", id="digit of another script"),
        pytest.param("a 0x1p-2", "0x1p-2 is not a number", id="hexadecimal float"),
        pytest.param("a 1 2 3", "something follows the sample", id="too many numbers"),
        pytest.param("a 1 2.5", "2.5 is not a timestamp", id="fraction of a millisecond"),
        pytest.param('a 1 # {x="1"} 2', "something follows the sample", id="exemplar in the text format"),
        pytest.param("1a 1", "no metric name", id="name starts with a digit"),
        pytest.param("a-b 1", "a blank must stand between the name and the number", id="bad character in the name"),
        pytest.param('{x="1"} 1', "no metric name", id="labels only"),
        pytest.param('a{x="1" 1', "a comma or a closing brace must follow a label", id="no closing brace"),
        pytest.param('a{x="1"y="2"} 1', "a comma or a closing brace must follow a label", id="no comma"),
        pytest.param('a{,x="1"} 1', "no label name", id="comma first"),
        pytest.param('a{x="1",,} 1', "no label name", id="two commas"),
        pytest.param("a{x=1} 1", "the value of label x must stand in quotes", id="no quotes"),
        pytest.param('a{x="1} 1', "the value of label x must stand in quotes", id="quote not closed"),
        pytest.param("a{x} 1", "label x has no value", id="no value"),
        pytest.param('a{"n"} 1', "label n has no value", id="two names"),
        pytest.param('a{x="1",x="2"} 1', "label x stands twice", id="label twice"),
        pytest.param('a{1x="1"} 1', "no label name", id="label starts with a digit"),
        pytest.param('a{x:y="1"} 1', "label x has no value", id="colon in a label name"),
        pytest.param("# TYPE a sometimes", "sometimes is not a metric type", id="unknown type"),
        pytest.param("# TYPE a-b counter", "a-b is not a metric name", id="type of no metric"),
        pytest.param("<html>", "no metric name", id="HTML"),
    ],
)
def test_a_line_that_breaks_the_grammar_names_line_and_text(line: str, reason: str) -> None:
    parser = Parser()
    parser.parse("good 1\n")
    for text in (f"good 1\n\n{line}\ngood 2\n", f"good 1\r\n\r\n{line}\r\n", f"good 1\n# a comment\n{line}"):
        with pytest.raises(ExpositionError) as caught:
            parser.parse(text)
        assert (caught.value.line, caught.value.text.rstrip("\r"), caught.value.reason) == (3, line, reason)


def test_bytes_that_are_not_utf8_name_their_line() -> None:
    with pytest.raises(ExpositionError, match="line 2: not UTF-8: b"):
        Parser().parse(b'a 1\nb{x="\xff"} 2\nc 3\n')


def test_a_long_line_is_cut_in_the_message() -> None:
    with pytest.raises(ExpositionError) as caught:
        Parser().parse("a " + "x" * 10_000)
    assert len(str(caught.value)) < 400


def test_comments_say_what_a_family_is() -> None:
    page = Parser().parse(
        "# HELP a What it is,\\nin two lines with a \\\\.\n# TYPE a counter\na 1\n"
        "#TYPE b counter\n# any comment\n#\n \t\n"
        '  # \tTYPE \t "my.metric" \t gauge  \n{"my.metric"} 1\n# HELP c\nc 1\n'
    )
    assert page.families == {
        "a": Family(MetricType.COUNTER, "What it is,\nin two lines with a \\."),
        "my.metric": Family(MetricType.GAUGE),
        "c": Family(),
    }
    assert samples(page) == [("a", {}, 1.0), ("my.metric", {}, 1.0), ("c", {}, 1.0)]


def test_a_sample_without_a_type_is_usable() -> None:
    page = Parser().parse("a 1\n")
    assert page.families == {}
    assert page.by_name["a"] == [(Series("a"), 1.0)]


def test_timestamps_are_milliseconds_in_the_text_format() -> None:
    page = Parser().parse('a 1\nb{x="y z"} 2 1395066363000\nc{x="\\""} 3 -1500\n')
    assert page.values == [1.0, 2.0, 3.0]
    assert page.timestamps == {1: 1395066363.0, 2: -1.5}


OPENMETRICS = """\
# HELP http_seconds Time of \\"requests\\".
# TYPE http_seconds histogram
# UNIT http_seconds seconds
http_seconds_bucket{le="0.1"} 5 # {trace_id="KOO5S4vxi0o"} 0.067
http_seconds_bucket{le="+Inf"} 7 # {trace_id="a b",x="\\"#"} 9.8 1520879607.7
http_seconds_sum 3.5
http_seconds_count 7
# TYPE jobs counter
jobs_total 17 1520879607.25
jobs_created 1520430000.123 1520879607.25
# EOF
"""


def test_openmetrics_with_units_timestamps_and_exemplars() -> None:
    page = Parser().parse(OPENMETRICS)
    assert page.format is Format.OPENMETRICS
    assert page.families["http_seconds"] == Family(MetricType.HISTOGRAM, 'Time of "requests".', "seconds")
    assert page.values == [5.0, 7.0, 3.5, 7.0, 17.0, 1520430000.123]
    assert page.timestamps == {4: 1520879607.25, 5: 1520879607.25}
    assert page.exemplars == {
        0: Exemplar({"trace_id": "KOO5S4vxi0o"}, 0.067),
        1: Exemplar({"trace_id": "a b", "x": '"#'}, 9.8, 1520879607.7),
    }


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        pytest.param("a 1\n", 2, "# EOF is missing: the page was cut short", id="no EOF"),
        pytest.param("a 1\n# EOF\nb 2\n", 3, "something follows # EOF", id="after EOF"),
        pytest.param("a 1 # 0.5\n# EOF\n", 1, "an exemplar starts with its labels", id="bare exemplar"),
        pytest.param("a 1 # {} x\n# EOF\n", 1, "x is not a number", id="exemplar without a number"),
    ],
)
def test_openmetrics_that_breaks_the_grammar(text: str, line: int, reason: str) -> None:
    with pytest.raises(ExpositionError) as caught:
        Parser().parse(text, Format.OPENMETRICS)
    assert (caught.value.line, caught.value.reason) == (line, reason)


def test_eof_is_a_comment_in_the_text_format() -> None:
    assert one("# EOF\na 1\n") == ("a", {}, 1.0)


def test_an_empty_page_has_no_samples() -> None:
    assert len(Parser().parse("")) == 0


def test_labels_are_found_by_name() -> None:
    series = Parser().parse('a{x="1",y="2"} 3').series[0]
    assert (series.label("x"), series.label("y"), series.label("z")) == ("1", "2", "")


def test_a_series_is_the_same_in_any_order_of_labels() -> None:
    page = Parser().parse('a{x="1",y="2"} 3\na{ y="2",x="1"} 3\na{x="2",y="1"} 3\n')
    assert page.series[0].key == page.series[1].key != page.series[2].key


def test_the_memory_of_a_parser_is_bounded() -> None:
    parser = Parser(cached_series=10)
    for start in range(0, 200, 5):
        text = "".join(f'# HELP m{n} h\nm{n}{{l{n}="{n}"}} {n}\n' for n in range(start, start + 5))
        assert samples(parser.parse(text)) == [(f"m{n}", {f"l{n}": f"{n}"}, n) for n in range(start, start + 5)]
        assert parser.remembered <= 15


def test_the_memory_is_bounded_in_characters_too() -> None:
    parser = Parser()
    for nth in range(8):
        parser.parse(f'a{{x="{nth}{"y" * (16 << 20)}"}} 1\n')
        assert parser.remembered <= 5


def test_a_page_larger_than_the_memory_is_read_whole() -> None:
    text = "".join(f"m{n} {n}\n" for n in range(100))
    parser = Parser(cached_series=10)
    assert parser.parse(text).values == parser.parse(text).values == [float(n) for n in range(100)]


# The oracle: prometheus_client's parsers.

Oracle = Callable[[str], Iterable[Metric]]


def comparable(found: Iterable[Sample]) -> list[tuple[str, tuple[tuple[str, str], ...], str]]:
    return sorted((name, tuple(sorted(labels.items())), repr(value)) for name, labels, value in found)


def of_oracle(oracle: Oracle, text: str) -> list[Sample]:
    return [
        (sample.name, dict(sample.labels), float(sample.value)) for family in oracle(text) for sample in family.samples
    ]


@pytest.mark.parametrize("name", NAMES)
def test_real_pages_read_as_the_oracle_reads_them(name: str) -> None:
    text = page_text(name)
    parser = Parser()
    # Without its TYPE the oracle leaves the name of a counter as it is.
    untyped = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("# TYPE"))
    expected = comparable(of_oracle(text_oracle, untyped))
    assert comparable(samples(parser.parse(text))) == expected
    assert comparable(samples(parser.parse(text.replace("\n", "\r\n")))) == expected
    assert comparable(samples(parser.parse(text.rstrip("\n").encode()))) == expected


@pytest.mark.parametrize("name", [name for name in NAMES if name != "nginx_vts"])  # which has all comments first
def test_types_and_help_are_those_the_oracle_reads(name: str) -> None:
    text = page_text(name)
    expected = {family.name: (family.type, family.documentation) for family in text_oracle(text)}
    found = {
        name.removesuffix("_total") if family.type is MetricType.COUNTER else name: (family.type, family.help)
        for name, family in Parser().parse(text).families.items()
    }
    said = {name: ("unknown" if kind is MetricType.UNTYPED else kind, words) for name, (kind, words) in found.items()}
    assert {name: words for name, words in said.items() if name in expected} == expected


def test_openmetrics_reads_as_the_oracle_reads_it() -> None:
    text = OPENMETRICS.replace(r',x="\"#"', "")  # the oracle trips over an escaped quote in an exemplar
    assert comparable(samples(Parser().parse(text))) == comparable(of_oracle(openmetrics_oracle, text))


NAME = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,8}", fullmatch=True)
LABEL = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,8}", fullmatch=True).filter(lambda name: not name.startswith("__"))
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)
LABELS = st.dictionaries(LABEL, TEXT, max_size=4)
NUMBER = st.floats(allow_nan=False) | st.integers(-(10**18), 10**18).map(float)


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def written(name: str, labels: dict[str, str], value: float, blank: str, comma: str) -> str:
    inner = ",".join(f'{label}{blank}={blank}"{escaped(text)}"' for label, text in labels.items())
    braces = f"{{{inner}{comma if labels else ''}}}" if labels else ""
    number = {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, repr(value))
    return f"{name}{braces} {number}\n"


@pytest.mark.slow
@given(st.lists(st.tuples(NAME, LABELS, NUMBER), max_size=12), st.sampled_from(["", " "]), st.sampled_from(["", ","]))
def test_what_was_written_is_read(rows: list[Sample], blank: str, comma: str) -> None:
    text = "".join(written(*row, blank, comma) for row in rows)
    parser = Parser()
    assert samples(parser.parse(text)) == rows
    assert samples(parser.parse(text)) == rows


@pytest.mark.slow
@given(
    st.lists(NAME, min_size=1, max_size=3),
    st.lists(NAME.filter(lambda name: ":" not in name), unique=True, min_size=1, max_size=3),
    st.data(),
)
def test_families_of_many_series_are_read_as_line_by_line(
    names: list[str], labels: list[str], data: st.DataObject
) -> None:
    text_of_label = st.text('ab {}=,#\\"\n', max_size=4)
    rows: list[Sample] = []
    for name in names:
        values = data.draw(st.lists(st.tuples(*[text_of_label] * len(labels)), min_size=1, max_size=12))
        rows += [(name, dict(zip(labels, row, strict=True)), 1.0) for row in values]
    odd = data.draw(st.lists(st.tuples(st.integers(0, len(rows)), NAME, LABELS), max_size=2))
    for at, name, others in odd:
        rows.insert(at, (name, others, 2.0))
    text = "".join(written(*row, "", "") for row in rows)
    assert samples(Parser().parse(text)) == rows


@pytest.mark.parametrize(
    "odd",
    [
        'up{a="1"}"} 1',
        'up{a="1",b="}  1',
        'up{a="1"b="2"} 1',
        'up{a="1",b="2",} 1 2 3',
        'up{a="1",,b="2"} 1',
        'up{b="1",b="2"} 1',
    ],
)
def test_one_wrong_series_in_a_family_of_many_is_found(odd: str) -> None:
    lines = [f'up{{a="{nth}",b="{nth}"}} {nth}' for nth in range(12)]
    for at in (0, 5, 11):
        with pytest.raises(ExpositionError) as caught:
            Parser().parse("\n".join([*lines[:at], odd, *lines[at:], ""]))
        assert (caught.value.line, caught.value.text) == (at + 1, odd)


@pytest.mark.slow
@given(st.lists(st.tuples(NAME, LABELS, NUMBER), max_size=8))
def test_generated_pages_read_as_the_oracle_reads_them(rows: list[Sample]) -> None:
    # The oracle splits a page as `str.splitlines` does; the format knows one line end only.
    rows = [row for row in rows if all(len(value.splitlines()) <= 1 for value in row[1].values())]
    text = "".join(written(*row, "", "") for row in rows)
    assert comparable(samples(Parser().parse(text))) == comparable(of_oracle(text_oracle, text))


@given(st.lists(st.text('ab{}="\\,# \t1.eN+-_\n', max_size=30), max_size=4))
def test_a_page_is_read_whole_or_not_at_all_and_warm_as_cold(lines: list[str]) -> None:
    text = "\n".join(lines)
    parser = Parser()
    outcomes: list[object] = []
    for _ in range(2):
        try:
            outcomes.append(repr(samples(parser.parse(text, Format.TEXT))))
        except ExpositionError as error:
            outcomes.append((error.line, error.reason))
    assert outcomes[0] == outcomes[1]
    assert isinstance(outcomes[0], str) or 1 <= outcomes[0][0] <= text.count("\n") + 1  # type: ignore[index]  # a tuple


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_an_error_of_the_format(body: bytes) -> None:
    with contextlib.suppress(ExpositionError):
        assert len(Parser().parse(body)) <= body.count(b"\n") + 1


@pytest.mark.parametrize("name", ["NaN", "Inf", "infinity"])
def test_a_name_that_could_be_a_number_does_not_hide_a_line_without_one(name: str) -> None:
    # Without regard to the line ends, these words are two samples: `up`, and one of the name that is a number too.
    wrong = f"up\n{name} {name} 5\n" + "".join(f"fine{nth} 1\n" for nth in range(20))
    right = f"up 1\n{name} 2\n" + "".join(f"fine{nth} 1\n" for nth in range(20))
    parser = Parser()
    for _ in range(3):
        with pytest.raises(ExpositionError) as caught:
            parser.parse(wrong)
        assert caught.value.line == 1
        assert samples(parser.parse(right))[:2] == [("up", {}, 1.0), (name, {}, 2.0)]


MANY = "".join(f'fine{{nth="{nth}"}} {nth}\n' for nth in range(30))


@pytest.mark.parametrize(
    ("page", "line"),
    [
        pytest.param("a\n1 b 2\n" + MANY, 1, id="a number on the next line"),
        pytest.param('up{a="1"}\n1 up{a="2"} 2\n' + MANY, 1, id="with labels"),
        pytest.param(MANY + "a 1 b 2\n", 31, id="two on a line"),
        pytest.param(MANY + "a 1\nb", 32, id="cut short"),
    ],
)
def test_lines_are_not_taken_for_one_another(page: str, line: int) -> None:
    with pytest.raises(ExpositionError) as caught:
        Parser().parse(page)
    assert caught.value.line == line


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n"])
def test_a_page_of_one_family_may_end_in_any_way(end: str) -> None:
    assert len(Parser().parse(MANY.removesuffix("\n") + end)) == 30


def test_a_hash_sign_in_a_help_text_begins_no_comment() -> None:
    text = f"# HELP fine see # 123 # TYPE other gauge\n# TYPE fine counter\n{MANY}"
    parser = Parser()
    for _ in range(3):
        families = parser.parse(text).families
        assert {name: (family.type, family.help) for name, family in families.items()} == {
            "fine": (MetricType.COUNTER, "see # 123 # TYPE other gauge")
        }


@pytest.mark.parametrize("number", ["NaN", "+Inf", "-0", "1e400", ".5"])
def test_numbers_that_json_does_not_know_in_a_large_family(number: str) -> None:
    page = Parser().parse(MANY + f"last {number}\n")
    assert repr(page.values[-1]) == repr(float(number))
    assert page.values[:30] == [float(nth) for nth in range(30)]


def test_openmetrics_with_nothing_but_its_end() -> None:
    assert len(Parser().parse("# EOF\n")) == 0
    assert len(Parser().parse("# EOF")) == 0
