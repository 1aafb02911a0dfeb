"""What is asked over the dashboard: whether to end the run, a note for a mark, and the help."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

MOST_OF_A_NOTE = 200

_CSS = """
QuitDialog, NoteDialog, HelpDialog { align: center middle; }
.dialog { width: 60; max-width: 96%; height: auto; max-height: 96%; background: $panel; border: round $title;
          padding: 0 1; }
.dialog Horizontal { height: auto; align-horizontal: right; }
.dialog Button { margin-left: 1; }
#help { width: 76; }
"""


class QuitDialog(ModalScreen[bool]):
    """Asks before a run that goes on is ended: True for yes."""

    DEFAULT_CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "end the run"),
        Binding("n,escape", "answer(False)", "go on"),
    ]
    AUTO_FOCUS = "#no"

    def __init__(self, *, searching: bool = False) -> None:
        self._searching = searching
        super().__init__()

    def compose(self) -> ComposeResult:
        """The question and two buttons."""
        with Vertical(classes="dialog"):
            if self._searching:
                yield Static("End the search? Viewers stop, and its bounds are told.")
            else:
                yield Static("End the run? Its viewers stop, and the summary is written.")
            with Horizontal():
                yield Button("[u]Y[/u]es, end it", id="yes", variant="error", compact=True)
                yield Button("[u]N[/u]o, go on", id="no", variant="primary", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """A click or Enter on a button."""
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """A key."""
        self.dismiss(answer)


class NoteDialog(ModalScreen[str | None]):
    """Asks for the note of a mark; None if it was not meant."""

    DEFAULT_CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel")]
    AUTO_FOCUS = "#note"

    def __init__(self, clock: str) -> None:
        self._clock = clock
        super().__init__()

    def compose(self) -> ComposeResult:
        """One line to write in."""
        with Vertical(classes="dialog"):
            yield Static(f"Mark {self._clock}: what happened? Enter keeps it, Escape does not.")
            yield Input(placeholder="a note for the report", id="note", max_length=MOST_OF_A_NOTE, compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter."""
        self.dismiss(event.value.strip())

    def action_cancel(self) -> None:
        """Escape."""
        self.dismiss(None)


HELP = """\
[b]Panels[/b]
  1 to 9   Traffic, Experience, Errors, Origin, Generator, Latency,
           Viewers, Log, Findings: one alone; a click does the same
  Tab      the next one alone; Shift+Tab the one before
  0, Esc   all of them
  w        the worst viewers
  c        a search for capacity: all its trials
  o        sorts them by the next column; so does a click on its head
  l        log from INFO, from WARNING, from ERROR on
           Arrows, Page Up, Page Down and the mouse wheel scroll.

[b]The run[/b]
  + and -  more and fewer viewers: 1, 10, 100 ... at most a tenth
           (not in a search, which says how many there are)
  m        mark this moment with a note, for the log and the report
  q        end the run, after a question
  Ctrl-C   end it without one; twice: at once

[b]The view[/b]
  p, Space freeze the view; the run and its measurements go on
  s        save a picture of the screen (SVG) in the current folder
  t        light or dark; NO_COLOR=1 in the environment: no colours

[b]Words[/b]
  ● healthy          no viewer and no request fares badly
  ▲ degraded         some do
  ✖ failing          many do
  ◆ generator-bound  this machine is the bottleneck: what is measured
                     says nothing of the origin
  -                  not known; grey with an age: the last value known
  10 s | run         of the last ten seconds | since the start
  ▲ ▼                P95 of the last 10 s is 1.5 times that of the run,
                     or less than two thirds of it
  coloured values    at a limit: a finding (key 9) says which
  TTFB, download     from the request to the first byte, to the last one
  download time      of a segment, as a share of its duration: over 100%
                     the buffer shrinks
  live latency       behind the wall clock, by the playlist's dates
  edge latency       behind the newest segment that the playlist lists
  rebuffering        stalled time of playing and stalled time
  loop lag, lateness how late this program was: small is good
  late starts        viewers that began later than the plan said\
"""


class HelpDialog(ModalScreen[None]):
    """The keys and the words."""

    DEFAULT_CSS = _CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,f1,enter", "close", "close")]

    def compose(self) -> ComposeResult:
        """One text."""
        with VerticalScroll(classes="dialog", id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "Esc closes"
            yield Static(HELP)

    def on_click(self) -> None:
        """A click anywhere closes it."""
        self.dismiss(None)

    def action_close(self) -> None:
        """A key."""
        self.dismiss(None)
