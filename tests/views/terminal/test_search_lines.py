"""A search where there is no dashboard: a line as each step begins, and one as each trial ends."""

import io
from dataclasses import replace

from tests.views.tui.test_capacity import PROGRESS

from hls_swarm.capacity.searching.progress import Part, Stand
from hls_swarm.capacity.steps import Kind, Step
from hls_swarm.views.terminal.live import LineView
from hls_swarm.views.terminal.output import Output


def test_steps_and_trials_are_told_once() -> None:
    out = io.StringIO()
    view = LineView(Output(out))
    view.search(replace(PROGRESS, trials=PROGRESS.trials[:1]))
    view.search(replace(PROGRESS, at=343.0, trials=PROGRESS.trials[:1]))
    back = Stand(Step(Kind.BACK_OFF, 14, 2.0, 0.0, 0.0, 60.0), Part.MOVING, 0.0, 2.0)
    view.search(replace(PROGRESS, at=360.0, stand=back, left_seconds=None))
    view.search(replace(PROGRESS, at=361.0, stand=None))
    assert out.getvalue().splitlines() == [
        "      10 viewers  short trial  held",
        "5:42  full trial with 24 viewers, measuring  so far: 20 hold, 28 failed once  about 8:00 left",
        "      20 viewers  short trial  void: errors:rate < 0.5%: 0%",
        "      20 viewers  full trial   held",
        "      28 viewers  full trial   failed: errors:rate < 0.5%: 12%",
        "6:00  backing off with 14 viewers, moving  so far: 20 hold, 28 failed once",
    ]
