"""Whether a run ended as it should on a machine that other programs may keep busy.

A busy machine makes a run invalid, as it should: what viewers report of times then says nothing about the origin. It
miscounts nothing, so counts can be compared whatever the verdict. What makes a run pass or invalid is tested where no
clock is involved, in `tests/snapshot` and `tests/judge`.
"""

import re
from collections.abc import Iterable

from tests.support.programs import skip_busy

_OTHERS = re.compile(
    r"\d+% of the run is void, more than .*|this machine was late: .*|this machine's (processor|link) was full .*"
    r"|viewers that started late: .*|(stalled time of the viewers|time with playlists that are stale or unreadable): .*"
)
"""The reasons for which the other programs of a machine are to blame: its own lateness, and that of an origin on it."""
_CODES = {"invalid": 3, "fail": 99}


def assert_sound(code: int, printed: str) -> bool:
    """The run passed, or nothing was wrong with it but that others keep this machine busy; gives whether it passed.

    Args:
        code: the command's exit code.
        printed: its standard error, where the reasons stand in one line.
    """
    if code == 0:
        return True
    reasons = re.findall(r"^hls-swarm: (invalid|fail): (.*)$", printed, re.MULTILINE)
    assert reasons, f"exit code {code}: {printed}"
    verdict, words = reasons[-1]
    assert code == _CODES[verdict], f"exit code {code}: {printed}"
    assert are_of_others(words.split("; ")), printed
    return False


def are_of_others(reasons: Iterable[str]) -> bool:
    """Whether for each of these reasons the other programs of a machine are to blame."""
    return all(_OTHERS.fullmatch(reason) for reason in reasons)


def skip_if_others_voided_it(code: int, printed: str) -> None:
    """Skip where the run is invalid because of what others do here: it could not come to the verdict in question."""
    if code == _CODES["invalid"]:
        assert_sound(code, printed)
        skip_busy(printed.strip().rpartition("\n")[2])
