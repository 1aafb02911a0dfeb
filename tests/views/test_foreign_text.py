"""Whatever an origin, an exporter or a person puts into a name is shown as it is, in every view.

A mark-up of the terminal library in it (`[/red]` ends a colour, and the program if nothing began it), an escape
sequence, a cell that Markdown would end: none of it acts, and none of it is lost.
"""

import logging
import re
from dataclasses import replace
from functools import cache
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree.ElementTree import fromstring

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import escape
from rich.console import RenderableType
from tests.support.made.moments import origin
from tests.support.made.run_folders import long_run
from tests.support.made.snapshots import NOT_FOUND, exchange, snapshot

from hls_swarm.foreign import one_line, visible
from hls_swarm.judge.comparing.compare import compare
from hls_swarm.judge.report import Report
from hls_swarm.judge.verdict import Outcome, Verdict
from hls_swarm.records import ObjectKind, SegmentFetched
from hls_swarm.results.logs import TextFormatter
from hls_swarm.results.reader import read_run
from hls_swarm.snapshot.snapshot import Snapshot
from hls_swarm.views.files.junit import report_junit
from hls_swarm.views.files.markdown import comparison_markdown, report_markdown
from hls_swarm.views.html.page import report_html
from hls_swarm.views.logbook import Logbook
from hls_swarm.views.terminal import text
from hls_swarm.views.terminal.check import Finding
from hls_swarm.views.terminal.output import Output
from hls_swarm.views.terminal.report import comparison_text, report_text
from hls_swarm.views.tui.lines import content, line

BRACKETS = st.one_of(
    st.sampled_from(
        ["[/red]", "[red]", "[/]", "[link=http://x]", "[@click=app.quit]x[/]", ":smile:", "[[", "\\[", "]", "$accent",
         "[bold red on white]", "\x1b[2J", "\x1b]0;title", "`|`", "<b>", "&lt;", "{{x}}", "\u202e"]
    ),
    st.text(st.sampled_from("[]/\\:|`*_<>&{}$@=\x1b abcré日"), max_size=30),
)  # fmt: skip
FOREIGN = st.lists(BRACKETS, min_size=1, max_size=4).map(" ".join)


def flat(shown: str) -> str:
    """Without white space: views fold lines where they must."""
    return re.sub(r"\s", "", shown)


def shown(renderable: RenderableType) -> str:
    out = StringIO()
    output = Output(out, width=10_000)
    output.show(renderable)
    assert output.trouble is None
    return out.getvalue()


def with_error(foreign: str) -> Snapshot:
    made = snapshot(
        SegmentFetched(0, ObjectKind.SEGMENT, exchange(1.0, 0, 0.1, NOT_FOUND), NOT_FOUND), at=2.0,
        origin=origin(2.0, {foreign: {"cpu_percent": 12.0}, "other": {"cpu_percent": 12.0}}),
    )  # fmt: skip
    (error,) = made.errors
    trouble = replace(made.generator, remarks=(foreign,))
    return replace(made, url=foreign, errors=(replace(error, detail=foreign, example_url=foreign),), generator=trouble)


@given(FOREIGN)
@example("seg[/red]x.ts")
@example("[@click=app.bell]a[/]")
@example("\x1b[31m")
@example(":smile:")
def test_the_summary_and_the_status_line(foreign: str) -> None:
    made = with_error(foreign)
    summary = shown(text.summary(made, Outcome(Verdict.ERROR, (foreign,)), ()))
    assert flat(summary).count(flat(visible(foreign))) >= 4
    assert "\x1b" not in summary
    assert flat(visible(foreign)) in flat(shown(text.status_line(made)))
    assert flat(visible(foreign)) in flat(shown(Finding(foreign, False, foreign).line))


@cache
def report() -> Report:
    with TemporaryDirectory() as folder:
        long_run(Path(folder) / "run", seconds=12)
        return read_run(Path(folder) / "run")


def said_by(report: Report, foreign: str) -> Report:
    summary = {
        **report.summary,
        "verdict": "error",
        "reasons": [foreign],
        "errors": [
            {"object": "segment", "kind": "http_status", "blame": "origin", "count": 1, "detail": foreign,
             "example_url": foreign}
        ],
        "generator": {**report.summary["generator"], "trouble": [foreign]},
        "origin": [{**target, "target": foreign} for target in report.summary["origin"]],
    }  # fmt: skip
    events = tuple(msgspec.structs.replace(event, text=foreign) for event in report.events)
    return replace(report, name=foreign, facts={**report.facts, "url": foreign}, summary=summary, events=events)


@pytest.mark.slow
@given(FOREIGN)
@example("seg[/red]x.ts")
@example("[@click=app.bell]a[/]")
@example("\x1b[31m")
@example("a`b|c")
def test_a_report_and_a_comparison_in_every_form(foreign: str) -> None:
    made, as_it_is = said_by(report(), foreign), flat(visible(foreign))
    assert flat(shown(report_text(made))).count(as_it_is) >= 4
    compared = [compare(report(), made)]
    assert as_it_is in flat(shown(comparison_text(compared)))

    for markdown in (report_markdown(made), comparison_markdown(compared)):
        plain = re.sub(r"\\([\\`*_\[\]<>|&~#])", r"\1", markdown)
        assert as_it_is in flat(plain) + flat(markdown)  # in a code span nothing is escaped
        assert "\x1b" not in markdown
        for row in markdown.split("\n"):  # no cell more than the head has
            if row.startswith("| "):
                assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) in {3, 5, 6, 7}

    junit = fromstring(report_junit(made))  # noqa: S314 - our own file
    assert as_it_is in flat("".join(str(each.attrib) for each in junit.iter("error")).replace("\\\\", "\\"))

    page = report_html(made)
    assert flat(str(escape(visible(foreign)))) in flat(page)
    assert "\x1b" not in page


@given(FOREIGN)
def test_the_dashboard(foreign: str) -> None:
    drawn = content([line("before ", (foreign, "$warn")), line(foreign)])
    assert drawn.plain == f"before {visible(foreign)}\n{visible(foreign)}"
    assert len(drawn.spans) <= 1


@given(FOREIGN)
def test_the_log(foreign: str) -> None:
    record = logging.LogRecord("hls_swarm", logging.WARNING, __file__, 1, "%s\nhls-swarm: pass", (foreign,), None)
    first, *more = TextFormatter(()).format(record).split("\n")
    assert first == f"hls-swarm: warning: {visible(foreign)}"
    assert all(row.startswith("    ") for row in more)
    logbook = Logbook()
    logbook.emit(record)
    assert logbook.newest_first()[0].text == one_line(f"{foreign}\nhls-swarm: pass")
