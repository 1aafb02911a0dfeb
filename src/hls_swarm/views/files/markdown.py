"""Reports and comparisons as GitHub-flavoured Markdown: for a pull request or a job's summary."""

import re
from collections.abc import Sequence

from hls_swarm.foreign import one_line
from hls_swarm.judge.comparing.compare import Comparison, Conclusion
from hls_swarm.judge.report import Report
from hls_swarm.views.tables import (
    Table,
    comparison_headline,
    comparison_remarks,
    differences,
    explanations,
    headline,
    reasons,
    tables,
)

_VERDICT_MARKS = {"pass": "✅", "fail": "❌", "invalid": "⚠️", "error": "❌", "not judged": "⚪"}

_CONCLUSION_MARKS = {Conclusion.WORSE: "❌", Conclusion.NOT_WORSE: "✅", Conclusion.NOT_COMPARABLE: "⚠️"}


def report_markdown(report: Report) -> str:
    """One run, the verdict first."""
    mark = _VERDICT_MARKS[str(report.summary["verdict"])]
    lines = [f"## {mark} {_escaped(headline(report))}", ""]
    lines += [f"- {_escaped(reason)}" for reason in reasons(report)]
    lines += [f"- damaged: {_escaped(text)}" for text in report.damage]
    if lines[-1]:
        lines.append("")
    lines += [f"{_code(report.facts['url'])} · {_escaped(report.name)} · {_escaped(report.facts['started_at'])}", ""]
    for table in tables(report):
        lines += _table(table)
    return "\n".join(lines)


def comparison_markdown(comparisons: Sequence[Comparison], *, everything: bool = False) -> str:
    """Runs against one baseline."""
    lines = []
    for comparison in comparisons:
        mark = _CONCLUSION_MARKS[comparison.conclusion]
        lines += [f"## {mark} {_escaped(comparison_headline(comparison))}", ""]
        lines += [f"{_code(comparison.candidate.name)} against {_code(comparison.baseline.name)}", ""]
        remarks = comparison_remarks(comparison)
        lines += [f"- {_escaped(remark)}" for remark in remarks]
        if remarks:
            lines.append("")
        table = differences(comparison, everything=everything)
        lines += _table(table) if table.rows else ["Nothing differs by more than noise.", ""]
        beside = explanations(comparison, everything=everything)
        if beside.rows and (table.rows or everything):
            lines += _table(beside)
    return "\n".join(lines)


def _table(table: Table) -> list[str]:
    aligned = "--:" if table.figures else "---"
    lines = [f"### {_escaped(table.title)}", ""]
    lines.append("| " + " | ".join(_escaped(column) for column in table.columns) + " |")
    lines.append("|" + "|".join(["---", *(aligned for _ in table.columns[1:])]) + "|")
    lines += ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in table.rows]
    return [*lines, ""]


def _escaped(text: str) -> str:
    """What would be taken for a mark-up, a link or the end of a cell, as it is."""
    text = one_line(text)
    for mark in "\\`*_[]<>|&~#":
        text = text.replace(mark, f"\\{mark}")
    return text


def _code(text: str) -> str:
    """A code span, between more backticks than it has in a row (CommonMark 6.1)."""
    text = one_line(text)
    most = max((len(run) for run in re.findall("`+", text)), default=0)
    space = " " if most else ""
    return f"{'`' * (most + 1)}{space}{text}{space}{'`' * (most + 1)}"
