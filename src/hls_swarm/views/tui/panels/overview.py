"""The overview: what is loaded, how it fares and why, how far the run is, where its viewers are."""

from textwrap import wrap

from hls_swarm.capacity.searching.progress import Progress
from hls_swarm.snapshot import units
from hls_swarm.snapshot.snapshot import Phase, Snapshot, ViewerFigures
from hls_swarm.views.tui.lines import Line, bar, cut, flow, line
from hls_swarm.views.tui.panel import Detail, Panel
from hls_swarm.views.tui.picture import Picture
from hls_swarm.views.tui.themes import BAD, CONDITION_SIGNS, CONDITION_STYLES, LABEL, SPARK, STRONG, WARN

_NAME = "hls-swarm"
_LABEL_WIDTH = 9
_LEAST_BAR, _MOST_BAR = 10, 60
_MOST_REASONS = {Detail.COMPACT: 2, Detail.NORMAL: 3, Detail.ROOMY: 3, Detail.FULL: 3}
"""Lines for how it fares and why: what was found stands in a panel of its own."""
_STARTING = frozenset({Phase.STARTING, Phase.RAMPING})


class Overview(Panel):
    """Four lines that say whether it goes well."""

    paused = False
    """Whether the view is frozen while the run goes on."""

    def __init__(self) -> None:
        super().__init__("overview", "")

    def draw(self, picture: Picture, width: int, detail: Detail) -> list[Line]:
        """Stream, condition, time, viewers."""
        note = "PAUSED: the run goes on" if self.paused else ""
        url_width = width - len(_NAME) - 2 - (len(note) + 2 if note else 0)
        url = cut(picture.snapshot.url, url_width)
        head = [(_NAME, STRONG), ("  " + (url.ljust(url_width) if note else url), LABEL)]
        if note:
            head.append(("  " + note, "bold $warn"))
        return [
            tuple(head),
            *_condition(picture, width, _MOST_REASONS[detail]),
            _time(picture, width),
            *_viewers(picture, width),
        ]


def _condition(picture: Picture, width: int, most: int) -> list[Line]:
    """The word, and why, on so many lines at most; in a search, which makes trouble on purpose, on one."""
    condition = picture.assessment.condition
    word = f"{CONDITION_SIGNS[condition]} {condition.value.upper()}"
    text = f"{word}  {picture.assessment.text}"
    rows = wrap(text, max(10, width), break_on_hyphens=False)
    most = 1 if picture.search is not None else most
    if len(rows) > most:
        rows = [*rows[: most - 1], cut(" ".join(rows[most - 1 :]), width)]
    first, *others = rows
    style = CONDITION_STYLES[condition]
    return [line((first[: len(word)], style), first[len(word) :]), *(line(row) for row in others)]


def _search(search: Progress) -> Line:
    """How long a search goes on instead of how much of a ramp is over."""
    words = f"{units.clock(search.at)}"
    if search.left_seconds is not None:
        words += f", about {units.clock(search.left_seconds)} left"
    most = units.clock(max(0.0, search.time_limit_seconds - search.at))
    return line(("searching".ljust(_LABEL_WIDTH), STRONG), f" {words}, at most {most}")


def _time(picture: Picture, width: int) -> Line:
    snapshot = picture.snapshot
    if picture.search is not None and snapshot.phase is not Phase.FINISHED:
        return _search(picture.search)
    elapsed, duration = snapshot.elapsed_seconds, snapshot.duration_seconds
    words = units.clock(elapsed)
    if duration is not None:
        words += f" of {units.clock(duration)}, {units.clock(max(0.0, duration - int(elapsed)))} left"
    share, done = _progress(snapshot)
    phase = snapshot.phase.value.ljust(_LABEL_WIDTH)
    room = width - len(phase) - len(words) - len(done) - 4
    parts = [(phase, STRONG if snapshot.phase is not Phase.FINISHED else "bold $spark"), (words, "")]
    if share is not None and room >= _LEAST_BAR:
        parts += [("  ", ""), (bar(share, min(room, _MOST_BAR)), SPARK)]
    return (*parts, (f"  {done}", ""))


def _progress(snapshot: Snapshot) -> tuple[float | None, str]:
    """How far it is, as a share and in words: of the viewers that start, and once all have, of the time."""
    viewers, duration = snapshot.viewers, snapshot.duration_seconds
    started = min(1.0, viewers.started / viewers.target) if viewers.target else None
    if snapshot.phase in _STARTING or started is None:
        return started, f"{units.ratio(started)} started"
    if not duration:
        return None, "until you end it"
    share = min(1.0, snapshot.elapsed_seconds / duration)
    return share, f"{units.ratio(share)} done"


def _viewers(picture: Picture, width: int) -> list[Line]:
    viewers = picture.snapshot.viewers
    if picture.snapshot.phase is Phase.FINISHED:
        return flow(("viewers", LABEL), _what_became_of(viewers), width, _LABEL_WIDTH)
    figures = [
        line((units.count(viewers.active), STRONG), _wanted(viewers)),
        line(f"{units.count(viewers.playing)} playing"),
        line((f"{units.count(viewers.stalled)} stalled", WARN if viewers.stalled else "")),
        line(f"{units.count(viewers.starting)} starting"),
        line((f"{units.count(viewers.failed)} failed", BAD if viewers.failed else "")),
    ]
    if viewers.lost:
        figures.append(line((f"{units.count(viewers.lost)} lost", BAD)))
    if viewers.ended:
        figures.append(line(f"{units.count(viewers.ended)} ended"))
    return flow(("viewers", LABEL), figures, width, _LABEL_WIDTH)


def _wanted(viewers: ViewerFigures) -> str:
    """While some that are not wanted any more still leave, there are more than that."""
    target = units.count(viewers.target)
    return f" of {target}" if viewers.active <= viewers.target else f", {target} wanted"


def _what_became_of(viewers: ViewerFigures) -> list[Line]:
    """At the end of a run nobody runs any more."""
    figures = [
        line((units.count(viewers.started), STRONG), " started"),
        line(f"{units.count(viewers.played)} played"),
        line((f"{units.count(viewers.failed)} failed", BAD if viewers.failed else "")),
    ]
    if viewers.lost:
        figures.append(line((f"{units.count(viewers.lost)} lost", BAD)))
    others = ((viewers.ended, "came to the end"), (viewers.left, "left"))
    return [*figures, *(line(f"{units.count(number)} {words}") for number, words in others if number)]
