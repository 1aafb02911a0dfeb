"""What the origin has only so much of."""

from itertools import count

import pytest

from hls_swarm.errors import SettingsError
from hls_swarm.testorigin.serving.trouble.limits import Limit, LimitKind, Limits, carried, parse_limit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bandwidth=2.5m", Limit(LimitKind.BANDWIDTH, 2.5e6)),
        ("bandwidth=800k", Limit(LimitKind.BANDWIDTH, 8e5)),
        ("requests=40", Limit(LimitKind.REQUESTS, 40.0)),
        ("connections=50", Limit(LimitKind.CONNECTIONS, 50.0)),
        ("cpu=20ms", Limit(LimitKind.CPU, 0.02)),
    ],
)
def test_limits_as_a_person_writes_them(text: str, expected: Limit) -> None:
    assert parse_limit(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("bandwith=2m", "'bandwith' is not one of bandwidth, requests, connections, cpu"),
        ("bandwidth=fast", "'fast' is not a rate"),
        ("requests=4.5", "'4.5' is not a whole number"),
        ("cpu=20", "20 has no unit"),
        ("connections=0", "must be more than 0"),
        ("viewer=1m/20s:0", "must be more than 0"),
        ("viewer=1m/20s:" + "9" * 400, "must be more than 0, in each of its steps, and have an end"),
    ],
)
def test_what_can_not_be_meant_is_refused(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        parse_limit(text)


WHOLE = 10**9
PIECE = 16_384
TEN_PIECES = f"bandwidth={10 * PIECE}"


def turn(limits: Limits, now: float, left_bytes: int = WHOLE) -> tuple[float, int]:
    found = limits.turn(now, left_bytes)
    assert found is not None
    return round(found[0], 6), found[1]


def test_bandwidth_is_given_out_piece_by_piece_to_whoever_asks() -> None:
    limits = Limits((parse_limit(TEN_PIECES),))
    assert [turn(limits, 100.0) for _ in range(4)] == [(wait, PIECE) for wait in (0.0, 0.0, 0.1, 0.2)]
    assert turn(limits, 100.25) == (0.05, PIECE)
    assert turn(limits, 200.0) == (0.0, PIECE)
    assert (limits.bandwidth, limits.sent_bytes) == (10 * PIECE, 6 * PIECE)
    assert Limits(()).turn(1.0, WHOLE) is None


def test_what_is_sent_late_does_not_lower_the_limit_and_what_was_not_used_is_soon_gone() -> None:
    limits = Limits((parse_limit(TEN_PIECES),))
    assert [turn(limits, now) for now in (100.0, 100.08, 100.16, 100.16)] == [(wait, PIECE) for wait in (0, 0, 0, 0.04)]
    assert [turn(limits, 300.0) for _ in range(3)] == [(wait, PIECE) for wait in (0.0, 0.0, 0.1)]


def test_a_small_answer_uses_only_what_it_is() -> None:
    limits = Limits((parse_limit(TEN_PIECES),))
    assert turn(limits, 100.0) == (0.0, PIECE)  # the tenth of a second before
    assert [turn(limits, 100.0, PIECE // 4) for _ in range(3)] == [(wait, PIECE // 4) for wait in (0.0, 0.025, 0.05)]
    assert [turn(limits, 100.0, 0) for _ in range(2)] == [(0.075, 0)] * 2


def test_requests_beyond_the_rate_are_refused_and_refused_ones_use_nothing() -> None:
    limits = Limits((parse_limit("requests=10"),))
    assert [limits.refuses(50.0) for _ in range(12)] == [False] * 10 + [True] * 2
    assert [limits.refuses(50.1), limits.refuses(50.1)] == [False, True]
    answered = sum(not limits.refuses(60.0 + nth / 100) for nth in range(1000))
    assert answered == pytest.approx(100 + 10, abs=2)  # ten seconds, and what had come together before
    assert not Limits(()).refuses(1.0)


def test_a_segment_costs_processor_time() -> None:
    ticks = count()
    limits = Limits((parse_limit("cpu=5ms"),), processor=lambda: next(ticks) / 1000)
    limits.work()
    assert next(ticks) == 6
    Limits(()).work()


def test_of_each_kind_the_last_counts() -> None:
    limits = Limits((parse_limit("connections=5"), parse_limit("connections=7")))
    assert limits.connections == 7
    assert Limits(()).connections is None


@pytest.mark.parametrize(
    ("texts", "viewers"),
    [
        pytest.param(("requests=40",), 40.0, id="requests"),
        pytest.param(("bandwidth=2.5m",), 25.0, id="bandwidth"),
        pytest.param(("connections=50",), 50.0, id="connections"),
        pytest.param(("cpu=40ms",), 50.0, id="cpu"),
        pytest.param(("connections=50", "requests=30"), 30.0, id="the least of them"),
    ],
)
def test_what_they_carry_is_arithmetic(texts: tuple[str, ...], viewers: float) -> None:
    assert carried([parse_limit(text) for text in texts], 2.0, 100_000.0) == pytest.approx(viewers)


def drain(limits: Limits, began: float, size: int, viewer: str) -> float:
    """When the last piece of a body goes out, if each is asked for when the one before went out."""
    now, free_at, left = began, None, size
    while left:
        found = limits.turn(now, left, viewer, free_at)
        assert found is not None
        wait, piece, free_at = found
        now, left = now + wait, left - piece
    return now


def test_each_viewer_has_a_rate_of_its_own() -> None:
    limits = Limits((parse_limit("viewer=100k"),))
    assert drain(limits, 50.0, 200_000, "a") == pytest.approx(52.0, abs=0.03)
    assert drain(limits, 51.0, 100_000, "b") == pytest.approx(52.0, abs=0.03)
    assert drain(limits, 60.0, 100_000, "a") == pytest.approx(61.0, abs=0.03)  # what it did not use is lost


def test_a_viewers_rate_may_change_with_the_time_since_it_came() -> None:
    limits = Limits((parse_limit("viewer=100k/10s:50k/20s:1m"),))
    assert drain(limits, 100.0, 500_000, "a") == pytest.approx(105.0, abs=0.03)
    assert drain(limits, 112.0, 100_000, "a") == pytest.approx(114.0, abs=0.05)
    assert drain(limits, 500.0, 1_000_000, "a") == pytest.approx(501.0, abs=0.03)
    assert drain(limits, 500.0, 100_000, "b") == pytest.approx(501.0, abs=0.03)


def test_each_answer_has_a_rate_of_its_own() -> None:
    limits = Limits((parse_limit("answer=100k"),))
    assert [drain(limits, 10.0, 100_000, viewer) for viewer in "aab"] == pytest.approx([11.0] * 3, abs=0.03)


@pytest.mark.parametrize(
    "text", ["viewer=", "viewer=1m/20s", "viewer=1m/20s:1m/10s:2m", "viewer=1m/x:1m", "answer=1m/2s:1m"]
)
def test_what_is_no_rate_of_a_viewer_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_limit(text)
