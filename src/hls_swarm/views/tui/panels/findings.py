"""What was found: when, what, whom it blames, what to do next; the worst first."""

from hls_swarm.snapshot.finding import Finding, Severity
from hls_swarm.views.tui.lines import Line, line, prose
from hls_swarm.views.tui.panel import EMPTY, Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import BAD, GOOD, LABEL, WARN

_MOST = {Detail.COMPACT: 1, Detail.NORMAL: 3, Detail.ROOMY: 3, Detail.FULL: 1000}
_STYLES = {Severity.NOTE: "", Severity.WARNING: WARN, Severity.CRITICAL: BAD}
_INDENT = 2


class Findings(Panel):
    """Takes no room while there are none."""

    def __init__(self) -> None:
        super().__init__("findings", "Findings")
        self.add_class(EMPTY)

    def show(self, picture: Picture, detail: Detail) -> None:
        """Draw this picture, if there is something to draw."""
        self.set_class(not picture.snapshot.findings, EMPTY)
        super().show(picture, detail)

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """A line of what and when, and one of what to do, unless nobody suffers; alone with their evidence."""
        findings = picture.snapshot.findings
        if not findings:
            return [line(("nothing", GOOD))]
        shown = findings[: _MOST[detail]]
        lines = [row for finding in shown for row in _lines(finding, width, detail)]
        if len(findings) > len(shown):
            lines.append(line((f"and {len(findings) - len(shown)} more: key 9 shows all", LABEL)))
        return lines


def _lines(finding: Finding, width: int, detail: Detail) -> list[Line]:
    blame = f", {finding.culprit.value}" if finding.culprit is not None else ""
    style = _STYLES[finding.severity] if finding.is_going_on else LABEL
    rows = prose(f"{finding.what} ({finding.when}{blame})", style, width)
    if detail is Detail.FULL or (detail is not Detail.COMPACT and finding.severity is not Severity.NOTE):
        rows += prose(f"next: {finding.next_step}", LABEL, width, ("", ""), _INDENT)
    if detail is Detail.FULL:
        rows += [row for each in finding.evidence for row in prose(each.text, LABEL, width, ("", ""), _INDENT)]
    return rows
