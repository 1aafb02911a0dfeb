import pytest

from hls_swarm.capacity.confidence import bad_share_at_most
from hls_swarm.capacity.searching.classes import Goal, Length, LoadClass, load_class
from hls_swarm.capacity.searching.lengths import Lengths

FULL = Goal(30.0, 60.0)
CONFIRM = Goal(60.0, 180.0)


def _trials(text: str, seconds: float) -> list[Length]:
    """`+` held, `-` failed; `s` before it: half as long."""
    out, short = [], False
    for letter in text:
        if letter == "s":
            short = True
        else:
            out.append(Length(seconds / 2 if short else seconds, letter == "+"))
            short = False
    return out


@pytest.mark.parametrize(
    ("goal", "seconds", "trials", "expected"),
    [
        pytest.param(FULL, 30.0, "", LoadClass.UNDECIDED, id="no trial says nothing"),
        pytest.param(FULL, 30.0, "+", LoadClass.LOWER, id="one full trial that holds decides"),
        pytest.param(FULL, 30.0, "-", LoadClass.UNDECIDED, id="one that fails is repeated"),
        pytest.param(FULL, 30.0, "--", LoadClass.UPPER, id="two that fail decide"),
        pytest.param(FULL, 30.0, "-+", LoadClass.LOWER, id="the repetition may hold"),
        pytest.param(FULL, 30.0, "s+s+s+s+", LoadClass.UNDECIDED, id="short trials make no lower bound"),
        pytest.param(FULL, 30.0, "s-s-s-", LoadClass.UPPER, id="short trials that fail add up"),
        pytest.param(FULL, 30.0, "s-s+", LoadClass.UNDECIDED, id="a short one that holds balances one that fails"),
        pytest.param(FULL, 30.0, "s-+", LoadClass.LOWER, id="a full one outweighs a short failure"),
        pytest.param(CONFIRM, 60.0, "+", LoadClass.UNDECIDED, id="one of three is not enough"),
        pytest.param(CONFIRM, 60.0, "++", LoadClass.LOWER, id="two of three confirm"),
        pytest.param(CONFIRM, 60.0, "+-", LoadClass.UNDECIDED, id="one each wants a third"),
        pytest.param(CONFIRM, 60.0, "+-+", LoadClass.LOWER, id="the third may confirm"),
        pytest.param(CONFIRM, 60.0, "+--", LoadClass.UPPER, id="the third may not"),
        pytest.param(CONFIRM, 60.0, "--", LoadClass.UPPER, id="two of three refute"),
    ],
)
def test_what_the_trials_of_a_load_say_together(goal: Goal, seconds: float, trials: str, expected: LoadClass) -> None:
    assert load_class(_trials(trials, seconds), goal) is expected


@pytest.mark.parametrize(
    ("bad", "seconds", "share"),
    [
        pytest.param(0, 60, 0.0487, id="a clean minute"),
        pytest.param(1, 120, 0.0389, id="one second of two minutes"),
        pytest.param(2, 120, 0.0516, id="two seconds of two minutes"),
        pytest.param(120, 120, 1.0, id="all of them"),
        pytest.param(0, 0, 1.0, id="nothing was looked at"),
    ],
)
def test_the_share_of_bad_seconds_that_is_not_exceeded(bad: int, seconds: int, share: float) -> None:
    assert bad_share_at_most(bad, seconds) == pytest.approx(share, abs=0.0002)


@pytest.mark.parametrize(
    ("before", "viewers", "segment_seconds", "seconds"),
    [
        pytest.param(100, 100, 2.0, 0.0, id="nothing to move"),
        pytest.param(100, 70, 2.0, 2.0, id="viewers leave within a segment"),
        pytest.param(100, 105, 2.0, 4.0, id="a few come over two segments"),
        pytest.param(100, 200, 2.0, 30.0, id="a doubling over half a minute"),
        pytest.param(0, 100, 2.0, 60.0, id="all of them over a minute"),
        pytest.param(100, 200, 7.0, 35.0, id="always over whole segments"),
        pytest.param(100, 101, 8.0, 16.0, id="long segments"),
    ],
)
def test_viewers_come_evenly_over_whole_segments(
    before: int, viewers: int, segment_seconds: float, seconds: float
) -> None:
    assert Lengths(segment_seconds).ramp(before, viewers) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        pytest.param(Lengths(2.0), (15.0, 30.0, 60.0), id="times rule over short segments"),
        pytest.param(Lengths(6.0), (30.0, 60.0, 120.0), id="ten segments are longer than half a minute"),
        pytest.param(Lengths(6.0, trial_seconds=20.0), (10.0, 20.0, 40.0), id="as asked for"),
    ],
)
def test_trials_are_as_long_as_the_stream_needs(lengths: Lengths, expected: tuple[float, float, float]) -> None:
    assert (lengths.coarse, lengths.full, lengths.confirm) == expected
