"""Reports, comparisons and lists of runs on a terminal."""

from collections.abc import Sequence

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table as Grid
from rich.text import Text

from hls_swarm.judge.compare import Comparison, Conclusion
from hls_swarm.judge.report import Report
from hls_swarm.views.terminal.tables import (
    Table,
    comparison_headline,
    comparison_remarks,
    differences,
    explanations,
    headline,
    reasons,
    tables,
)

CONCLUSION_STYLES = {
    Conclusion.WORSE: "bold red",
    Conclusion.NOT_WORSE: "bold green",
    Conclusion.NOT_COMPARABLE: "bold yellow",
}
STYLES = {
    "pass": "green",
    "held": "green",
    "better": "green",
    "fail": "bold red",
    "crossed": "bold red",
    "error": "bold red",
    "worse": "bold red",
    "invalid": "bold yellow",
    "broken off": "bold red",
    "running": "bold",
}


def report_text(report: Report) -> RenderableType:
    """One run, the verdict first."""
    style = STYLES.get(str(report.summary["verdict"]), "")
    parts: list[RenderableType] = [Text(headline(report), f"bold {style}")]
    parts += [Text(f"  {reason}", style) for reason in reasons(report)]
    parts += [Text(f"  damaged: {text}", "yellow") for text in report.damage]
    parts.append(Text(f"{report.facts['url']}  {report.facts['started_at']}  {report.folder}", "dim"))
    for table in tables(report):
        parts += ["", grid(table)]
    return Lines(*parts)


def comparison_text(comparisons: Sequence[Comparison], *, everything: bool = False) -> RenderableType:
    """Runs against one baseline."""
    parts: list[RenderableType] = []
    for comparison in comparisons:
        style = CONCLUSION_STYLES[comparison.conclusion]
        parts.append(Text(comparison_headline(comparison), style))
        parts.append(Text(f"{comparison.candidate.name} against {comparison.baseline.name}"))
        parts += [Text(f"  {remark}", "yellow") for remark in comparison_remarks(comparison)]
        table = differences(comparison, everything=everything)
        parts += ["", grid(table) if table.rows else Text("Nothing differs by more than noise."), ""]
        beside = explanations(comparison, everything=everything)
        if beside.rows and (table.rows or everything):
            parts += [grid(beside), ""]
    return Lines(*parts)


def grid(table: Table) -> Grid:
    """A table of words on a terminal."""
    out = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, column in enumerate(table.columns):
        name = table.title if number == 0 else column
        right = bool(number) and table.figures
        out.add_column(name, justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in table.rows:
        out.add_row(*(Text(cell, STYLES.get(cell, "")) for cell in row))
    return out
