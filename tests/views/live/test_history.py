"""What is kept of a run of any length: bounded, with every peak."""

from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.judge.events import Event, EventKind, Level
from hls_swarm.views.live.history import LEAST_POINTS, MOST_EVENTS, MOST_NUMBERS, EventLog, History


def test_a_second_is_a_point() -> None:
    history = History()
    for at in (1.001, 2.0, 2.998, 5.002):
        history.add(at, {"a": at})
    assert history.instants == [1.001, 2.001, 3.001, 4.001, 5.001]
    assert history.points("a") == [1.001, 2.0, 2.998, None, 5.002]
    assert history.points("b") == [None] * 5


def test_a_column_that_comes_later_is_unknown_before() -> None:
    history = History()
    history.add(1.0, {"a": 1.0})
    history.add(2.0, {"b": 2.0})
    assert history.points("b") == [None, 2.0]


def test_when_it_is_full_two_steps_become_one_with_the_greater_value() -> None:
    history = History(most=LEAST_POINTS)
    for at in range(LEAST_POINTS + 1):
        history.add(float(at), {"a": float(at % 2)})
    assert history.step == 2.0
    assert history.points("a") == [1.0] * (LEAST_POINTS // 2) + [0.0]
    assert history.instants[:3] == [0.0, 2.0, 4.0]


@given(
    steps=st.lists(st.floats(0.5, 40), min_size=1, max_size=300),
    values=st.lists(st.floats(0, 9), min_size=1, max_size=5),
)
def test_it_is_bounded_and_keeps_the_peak(steps: list[float], values: list[float]) -> None:
    history, at, peak = History(most=LEAST_POINTS), 0.0, 0.0
    for number, step in enumerate(steps):
        at += step
        value = values[number % len(values)]
        peak = max(peak, value)
        history.add(at, {"a": value})
        assert len(history) <= LEAST_POINTS
    known = [value for value in history.points("a") if value is not None]
    assert max(known) == peak
    assert len(history.instants) == len(history.points("a"))


def test_the_more_columns_the_fewer_points() -> None:
    history = History()
    columns = {f"origin_{number}": 1.0 for number in range(500)}
    for at in range(2000):
        history.add(float(at), columns if at == 100 else {"a": 1.0})
    assert len(history) * (len(columns) + 1) <= MOST_NUMBERS


def test_phases_are_kept_however_much_else_happens() -> None:
    log = EventLog()
    log.add([Event(0.0, 0.5, EventKind.PHASE, Level.INFO, "ramping")])
    log.add([Event(float(at), float(at), EventKind.MARK, Level.INFO, str(at)) for at in range(2 * MOST_EVENTS)])
    texts = [event.text for event in log.all]
    assert texts[0] == "ramping"
    assert texts[1:] == [str(at) for at in range(MOST_EVENTS, 2 * MOST_EVENTS)]


def test_the_last_minutes_have_a_value_a_second() -> None:
    history = History(most=LEAST_POINTS)
    for at in range(1, LEAST_POINTS + 11):
        history.add(float(at), {"a": float(at)})
    assert history.step == 2.0
    assert history.recent("a", 5) == [66.0, 68.0, 68.0, 70.0, 70.0]
    assert history.recent("a", 1000)[-2:] == [70.0, 70.0]
