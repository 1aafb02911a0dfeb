"""The answer of a search for capacity as a part of the page: its words, and two charts over the load.

Rules:

- Across is the number of viewers, not time: each mark is a trial. One chart has every objective as a share of its
  limit, so that 1 is where it breaks; the other what is used of the origin, of the whole.
- The band is between the greatest load that holds and the smallest that does not: the answer is in it.
- A disc held, a cross failed, a ring is void; lines join the trials that count. What is above the chart stands at its
  edge, and its title says the value.
- They are drawn here, as SVG: nothing moves, nothing needs a script, and a printer draws them too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from msgspec import structs

from hls_swarm.capacity.answer import CapacityAnswer, read_answer
from hls_swarm.capacity.objectives import shown_value
from hls_swarm.capacity.steps import Result
from hls_swarm.foreign import visible
from hls_swarm.judge.report import Report, Status
from hls_swarm.judge.thresholds import Threshold, parse_threshold
from hls_swarm.snapshot import units
from hls_swarm.views.capacity import headline, is_evidence, lines

_WIDTH, _HEIGHT = 640, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 12, 30
_MOST_SHARE = 3.0
_COLOURS = 6
_TICKS = 6
_RESOURCES = (
    ("cpu_percent", "processors"),
    ("cpu_busiest_core_percent", "one core"),
    ("network_link_percent", "link"),
)


@dataclass(frozen=True)
class Mark:
    """One trial in a chart.

    Args:
        share: of the limit, or of the whole.
        title: what a person reads of it.
    """

    viewers: int
    share: float
    result: Result
    title: str


@dataclass(frozen=True)
class Line:
    """One objective or resource; its marks in the order of their trials."""

    name: str
    marks: Sequence[Mark]


def capacity_section(report: Report) -> Markup:
    """The part of the page of a run that was a search; empty for one that was none."""
    if report.capacity is None:
        return Markup()
    try:
        answer = read_answer(report.capacity)
    except ValueError as error:
        return Markup('<p class="note">The answer of the search can not be shown: {}</p>').format(visible(str(error)))
    if answer.running and report.status is not Status.RUNNING:
        answer = structs.replace(answer, running=False, reason="its process ended before the search did")
    return capacity_html(answer)


def capacity_html(answer: CapacityAnswer) -> Markup:
    """An answer as a section of a page."""
    # What does not fit hangs below the text of its line; the line breaks are for who copies it.
    words = Markup("\n").join(
        Markup('<span class="{}">{}</span>').format("evidence" if is_evidence(line) else "line", visible(line))
        for line in (headline(answer), *lines(answer))
    )
    charts = [
        _chart("Objectives, as a share of their limits", objective_lines(answer), answer, 1.2),
        _chart("What is used of the origin, of the whole", resource_lines(answer), answer, 1.0),
    ]
    return Markup(
        '<section class="capacity" aria-label="Capacity"><h2>Capacity</h2><pre class="scroll">{}</pre>'
        '<div class="charts">{}</div></section>'
    ).format(words, Markup().join(charts))


def objective_lines(answer: CapacityAnswer) -> list[Line]:
    """Each objective over the load; one that nobody measured has no line."""
    out = []
    for text in answer.slo:
        objective = parse_threshold(text)
        marks = []
        for trial in (each.trial for each in answer.trials):
            value = next((figure.value for figure in trial.objectives if figure.objective == text), None)
            share = None if value is None else _share(objective, value)
            if value is not None and share is not None:
                title = f"{trial.viewers} viewers, {trial.result.value}: {shown_value(objective, value)}"
                marks.append(Mark(trial.viewers, share, trial.result, title))
        out.append(Line(text, marks))
    return [line for line in out if line.marks]


def resource_lines(answer: CapacityAnswer) -> list[Line]:
    """What each machine of the origin used over the load; what nobody measured has no line."""
    out = []
    for where in dict.fromkeys(name for each in answer.trials for name in each.origin):
        for signal, title in _RESOURCES:
            marks = [
                Mark(
                    each.trial.viewers,
                    used / 100,
                    each.trial.result,
                    f"{each.trial.viewers} viewers, {each.trial.result.value}: {units.percent(used)}",
                )
                for each in answer.trials
                if (used := each.origin.get(where, {}).get(signal)) is not None
            ]
            out.append(Line(f"{title} of {where}", marks))
    return [line for line in out if line.marks]


def _share(objective: Threshold, value: float) -> float | None:
    """How much of its limit a value is, so that more than 1 breaks it; None where that is no number."""
    part, whole = (value, objective.limit) if "<" in objective.operator else (objective.limit, value)
    return part / whole if whole > 0 else None


class _Scale:
    """From viewers and shares to places in a chart."""

    def __init__(self, loads: Sequence[int], most_share: float) -> None:
        self.most_viewers = 1.05 * max(loads)
        self.most_share = most_share

    def x(self, viewers: float) -> float:
        """From the left."""
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * min(1.0, viewers / self.most_viewers), 1)

    def y(self, share: float) -> float:
        """From the top; what is above the chart is at its edge."""
        inside = min(self.most_share, max(0.0, share)) / self.most_share
        return round(_HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * inside, 1)


def _chart(title: str, shown: Sequence[Line], answer: CapacityAnswer, least_share: float) -> Markup:
    if not shown:
        return Markup()
    greatest = max(mark.share for line in shown for mark in line.marks)
    loads = [each.trial.viewers for each in answer.trials]
    scale = _Scale(loads, min(_MOST_SHARE, max(least_share, 1.1 * greatest)))
    parts = [*_ground(scale, answer)]
    for number, line in enumerate(shown):
        parts += _drawn(line, f"var(--line-{1 + number % _COLOURS})", scale)
    keys = Markup().join(
        Markup('<li style="color:var(--line-{})"><span>{}</span></li>').format(
            1 + number % _COLOURS, visible(line.name)
        )
        for number, line in enumerate(shown)
    )
    return Markup(
        '<figure class="chart"><h3>{0}</h3>'
        '<svg viewBox="0 0 {1} {2}" role="img" aria-label="{0} over viewers">{3}</svg>'
        '<ul class="keys-of-lines">{4}</ul></figure>'
    ).format(title, _WIDTH, _HEIGHT, Markup().join(parts), keys)


def _ground(scale: _Scale, answer: CapacityAnswer) -> Iterator[Markup]:
    """The band of the answer, the line at the limit, predicted limits, and the axes."""
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    if answer.failed_at is not None:
        low, high = scale.x(answer.viewers or 0), scale.x(answer.failed_at)
        yield Markup(
            '<rect class="knee" x="{}" y="{}" width="{}" height="{}" style="fill:var(--mark);opacity:.2">'
            "<title>between {} and {} viewers</title></rect>"
        ).format(low, _TOP, round(max(1.0, high - low), 1), bottom - _TOP, answer.viewers or 0, answer.failed_at)
    for share in _ticks(scale.most_share):
        at = scale.y(share)
        yield _rule(_LEFT, at, right, at, "var(--grid)")
        yield _label(_LEFT - 6, at + 4, "end", f"{share:g}")
    for viewers in _ticks(scale.most_viewers):
        yield _label(scale.x(viewers), bottom + 16, "middle", f"{viewers:,.0f}")
    yield _label(right, _HEIGHT - 2, "end", "viewers")
    yield _rule(_LEFT, scale.y(1.0), right, scale.y(1.0), "var(--fail)")
    for predicted in answer.cause.predicted:
        if predicted.viewers <= scale.most_viewers:
            at = scale.x(predicted.viewers)
            yield _rule(at, _TOP, at, bottom, "var(--soft)", "4 3")
            yield _label(at + 3, _TOP + 10, "start", predicted.resource)


def _drawn(line: Line, colour: str, scale: _Scale) -> Iterator[Markup]:
    counted: dict[int, Mark] = {mark.viewers: mark for mark in line.marks if mark.result is not Result.VOID}
    places = " ".join(f"{scale.x(viewers)},{scale.y(counted[viewers].share)}" for viewers in sorted(counted))
    yield Markup('<polyline points="{}" style="fill:none;stroke:{};stroke-width:1.5;opacity:.6"/>').format(
        places, colour
    )
    for mark in line.marks:
        x, y = scale.x(mark.viewers), scale.y(mark.share)
        yield Markup('<g class="{}" style="stroke:{};stroke-width:2;fill:{}">{}<title>{}: {}</title></g>').format(
            mark.result.value,
            colour,
            "none" if mark.result is Result.VOID else colour,
            _sign(mark.result, x, y),
            visible(line.name),
            visible(mark.title),
        )


def _sign(result: Result, x: float, y: float) -> Markup:
    if result is Result.FAILED:
        return Markup('<path d="M{} {}l8 8m0 -8l-8 8"/>').format(round(x - 4, 1), round(y - 4, 1))
    return Markup('<circle cx="{}" cy="{}" r="3.5"/>').format(x, y)


def _rule(x1: float, y1: float, x2: float, y2: float, colour: str, dash: str = "none") -> Markup:
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" style="stroke:{};stroke-dasharray:{}"/>').format(
        x1, y1, x2, y2, colour, dash
    )


def _label(x: float, y: float, anchor: str, text: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}" style="fill:var(--soft);font-size:11px">{}</text>').format(
        x, y, anchor, visible(text)
    )


def _ticks(most: float) -> list[float]:
    """Round numbers from 0 up to `most`, of which there are few."""
    steps = (factor * 10.0**power for power in range(-2, 18) for factor in (1, 2, 5))
    step = next(step for step in steps if most / step <= _TICKS)
    return [round(nth * step, 9) for nth in range(int(most / step + 1e-9) + 1)]
