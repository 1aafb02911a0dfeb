"""A search for capacity: what is known by now, what is tried, and the trials with what viewers had in them."""

from collections.abc import Sequence

from hls_swarm.capacity.objectives import shown_value
from hls_swarm.capacity.searching.progress import WORDS, Part, Progress, Stand, bounds_text
from hls_swarm.capacity.steps import EVIDENCE, Kind, Result
from hls_swarm.capacity.trial import ObjectiveFigure, Trial
from hls_swarm.judge.thresholds import parse_threshold
from hls_swarm.snapshot import units
from hls_swarm.views.capacity import short_name
from hls_swarm.views.tui.lines import Line, bar, fitting, line, prose
from hls_swarm.views.tui.lines import Part as Cell
from hls_swarm.views.tui.panel import EMPTY, Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import BAD, GOOD, LABEL, SPARK, STRONG, WARN

_MOST = {Detail.COMPACT: 5, Detail.NORMAL: 8, Detail.ROOMY: 14, Detail.FULL: 1000}
_STYLES = {Result.HELD: GOOD, Result.FAILED: BAD, Result.VOID: WARN, Result.CUT: LABEL}
_LABEL_WIDTH = 8
_LEAST_BAR, _MOST_BAR = 6, 30
_INDENT = 2


class Capacity(Panel):
    """Takes no room in a run that is no search."""

    def __init__(self) -> None:
        super().__init__("capacity", "Capacity")
        self.add_class(EMPTY)

    def show(self, picture: Picture, detail: Detail) -> None:
        """Draw this picture, if there is something to draw."""
        self.set_class(picture.search is None, EMPTY)
        super().show(picture, detail)

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """Bounds, step, and a row for each trial, the newest first."""
        search = picture.search
        if search is None:
            return [line(("no search for capacity", LABEL))]
        known = search.holds is not None or search.seems_to_hold is not None or search.fails is not None
        lines = [line(("so far".ljust(_LABEL_WIDTH), LABEL), (bounds_text(search), STRONG if known else ""))]
        lines.append(_step(search.stand, width))
        shown = search.trials[::-1][: _MOST[detail]]
        broken = {text for trial in search.trials for text in trial.broken}
        # What has no room is left out from the right: never what a load failed by.
        order = sorted(range(len(search.objectives)), key=lambda nth: search.objectives[nth].text not in broken)
        rows = [_head(search, order), *_now(search, order), *(_cells(trial, order) for trial in shown)]
        if len(rows) == 1:
            return lines
        table = fitting(rows, "><<" + ">" * len(search.objectives), width, len(search.objectives))
        past = len(table) - len(shown)
        lines += table[:past]
        for trial, row in zip(shown, table[past:], strict=True):
            lines.append(row)
            if detail is Detail.FULL:
                lines += [each for why in trial.why for each in prose(why, LABEL, width, ("", ""), _INDENT)]
        if len(search.trials) > len(shown):
            lines.append(line((f"and {len(search.trials) - len(shown)} before: key c shows all", LABEL)))
        return lines


def _step(stand: Stand | None, width: int) -> Line:
    if stand is None:
        return line(("now".ljust(_LABEL_WIDTH), LABEL), "the search is over")
    step = stand.step
    of = "" if step.kind in EVIDENCE and stand.part is Part.SETTLING else f" of {units.clock(stand.of_seconds)}"
    what = f"{WORDS[step.kind]}, {units.count(step.viewers)} viewers"
    words = f"{what}: {stand.part.value} {units.clock(round(stand.seconds))}{of}"
    parts = [("now".ljust(_LABEL_WIDTH), LABEL), (words, "")]
    room = width - _LABEL_WIDTH - len(words) - 2
    if of and stand.of_seconds and room >= _LEAST_BAR:
        parts += [("  ", ""), (bar(stand.seconds / stand.of_seconds, min(room, _MOST_BAR)), SPARK)]
    return tuple(parts)


def _head(search: Progress, order: Sequence[int]) -> list[Cell]:
    names = ("viewers", "trial", "result", *(short_name(search.objectives[nth]) for nth in order))
    return [(name, LABEL) for name in names]


def _now(search: Progress, order: Sequence[int]) -> list[list[Cell]]:
    """The trial that goes on, as it stands."""
    stand = search.stand
    if stand is None or stand.part is not Part.MEASURING or stand.step.kind not in EVIDENCE or not search.figures:
        return []
    first: list[Cell] = [(units.count(stand.step.viewers), STRONG), (WORDS[stand.step.kind], ""), ("now", STRONG)]
    return [[*first, *(_value(search.figures[nth]) for nth in order)]]


def _cells(trial: Trial, order: Sequence[int]) -> list[Cell]:
    style = _STYLES[trial.result]
    because = f": {trial.because.value}" if trial.because is not None else ""
    result = "-" if trial.kind is Kind.OVERLOAD else f"{trial.result.value}{because}"
    return [
        (units.count(trial.viewers), ""),
        (WORDS[trial.kind], ""),
        (result, style if trial.kind is not Kind.OVERLOAD else LABEL),
        *(_value(trial.objectives[nth]) for nth in order),
    ]


def _value(figure: ObjectiveFigure) -> Cell:
    text = units.UNKNOWN if figure.value is None else shown_value(parse_threshold(figure.objective), figure.value)
    return (text, BAD if figure.held is False else "")
