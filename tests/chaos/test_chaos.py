"""Everything is done to a run at once, for a minute and a half: it plays on, tells all of it, and counts right."""

from pathlib import Path

import pytest
from tests.chaos.faults import DONE
from tests.chaos.plan import planned
from tests.chaos.run import Chaos, chaos
from tests.support.programs import skip_part

SHORT = Chaos(viewers=100, run_seconds=90.0, pause_seconds=(2.0, 3.0), seed=3)


def test_the_short_form_has_every_fault() -> None:
    faults = planned(SHORT.seed, SHORT.run_seconds, SHORT.pause_seconds, DONE)
    assert {fault.kind for fault in faults} == set(DONE)


@pytest.mark.system
@pytest.mark.timeout(300)
def test_chaos(tmp_path: Path) -> None:
    outcome = chaos(tmp_path, SHORT)
    assert list(outcome.wrong) == [], "\n".join(outcome.lines())
    for lack in outcome.lacks:
        skip_part(lack)
