"""Reports, comparisons and lists of runs on a terminal."""

from collections.abc import Sequence

from msgspec import structs
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from hls_swarm.capacity.answer import read_answer
from hls_swarm.judge.comparing.compare import Comparison, Conclusion
from hls_swarm.judge.report import Report, Status
from hls_swarm.views.tables import (
    comparison_headline,
    comparison_remarks,
    differences,
    explanations,
    headline,
    reasons,
    tables,
)
from hls_swarm.views.terminal.capacity import capacity_text
from hls_swarm.views.terminal.grid import STYLES, grid

CONCLUSION_STYLES = {
    Conclusion.WORSE: "bold red",
    Conclusion.NOT_WORSE: "bold green",
    Conclusion.NOT_COMPARABLE: "bold yellow",
}


def report_text(report: Report) -> RenderableType:
    """One run, the verdict first; of a search for capacity its answer before that."""
    if report.capacity is None:
        return _run_text(report)
    try:
        answer = read_answer(report.capacity)
    except ValueError as error:
        return Lines(Text(f"The answer of the search can not be shown: {error}", "yellow"), "", _run_text(report))
    if answer.running and report.status is not Status.RUNNING:
        answer = structs.replace(answer, running=False, reason="its process ended before the search did")
    return Lines(capacity_text(answer), "", _run_text(report))


def _run_text(report: Report) -> RenderableType:
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
