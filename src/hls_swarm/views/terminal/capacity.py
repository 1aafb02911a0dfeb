"""The answer of a search for capacity on a terminal: its lines hang, its table fits."""

from dataclasses import dataclass
from textwrap import wrap

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.console import Group as Lines
from rich.text import Text

from hls_swarm.capacity.answer import CapacityAnswer
from hls_swarm.capacity.steps import Verdict
from hls_swarm.views.capacity import LABEL_WIDTH, headline, is_evidence, lines, trials_table
from hls_swarm.views.terminal.grid import FittingGrid

_EVIDENCE_WIDTH = 4
_STYLES = {
    Verdict.FOUND: "bold green",
    Verdict.AT_LEAST: "bold yellow",
    Verdict.NONE: "bold red",
    Verdict.BROKE_OFF: "bold red",
}


def capacity_text(answer: CapacityAnswer) -> RenderableType:
    """The answer, the most important line first."""
    parts: list[RenderableType] = [Text(headline(answer), _STYLES[answer.verdict])]
    parts += [Hanging(line) for line in lines(answer)]
    if answer.trials:
        parts += ["", FittingGrid(trials_table(answer), least=3)]
    return Lines(*parts)


@dataclass(frozen=True)
class Hanging:
    """A line of an answer; what does not fit stands below its text, not below its label."""

    line: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See `rich.protocol`."""
        indent = _EVIDENCE_WIDTH if is_evidence(self.line) else LABEL_WIDTH
        width = max(options.max_width, 2 * LABEL_WIDTH)
        rows = wrap(self.line, width, subsequent_indent=" " * indent, break_on_hyphens=False)
        yield Text("\n".join(rows))
