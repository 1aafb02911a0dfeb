"""When a row counts as right."""

from typing import Any

import pytest
from tests.truth.bed import Embedded
from tests.truth.origins import NOTHING, ROWS, UNSEEN, Row
from tests.truth.pairs import agree
from tests.truth.table import cells, found, table

RATE = Row("thirty", Embedded(), (30, 30), frozenset({"rate-limit"}))


def answer(viewers: int | None, failed_at: int | None, *named: str, verdict: str = "found") -> dict[str, Any]:
    known = {"viewers": viewers, "failed_at": failed_at}
    return {
        "verdict": verdict,
        **{name: value for name, value in known.items() if value is not None},
        "seconds": 90.0,
        "trials": [{"result": "held"}, {"result": "void"}],
        "suspects": [
            *({"name": name, "confidence": "proven", "score": 6, "named": True} for name in named),
            {"name": "cpu", "confidence": "possible", "score": 1, "named": False},
        ],
    }


@pytest.mark.parametrize(
    ("viewers", "failed_at", "is_right"),
    [
        pytest.param(29, 31, True, id="between the bounds"),
        pytest.param(33, 36, True, id="a tenth above"),
        pytest.param(34, 37, False, id="more than a tenth above"),
        pytest.param(25, 27, True, id="a tenth below"),
        pytest.param(24, 26, False, id="more than a tenth below"),
        pytest.param(None, None, False, id="no bounds"),
    ],
)
def test_a_load_is_right_if_the_bounds_hold_what_is_expected(
    viewers: int | None, failed_at: int | None, is_right: bool
) -> None:
    assert found(RATE, (30, 30), answer(viewers, failed_at)).is_load_right is is_right


def test_a_load_of_another_verdict_is_wrong() -> None:
    assert not found(RATE, (30, 30), answer(29, 31, verdict="broke_off")).is_load_right


def test_the_cause_that_is_named_first_counts() -> None:
    assert found(RATE, (30, 30), answer(29, 31, "rate-limit", "cpu")).is_cause_right
    assert not found(RATE, (30, 30), answer(29, 31, "cpu", "rate-limit")).is_cause_right
    assert not found(RATE, (30, 30), answer(29, 31)).is_cause_right


def test_where_nothing_may_be_named_a_name_is_wrong() -> None:
    nothing = Row("faults", Embedded(), None, NOTHING, verdict="none")
    assert found(nothing, None, answer(None, 8, verdict="none")).is_cause_right
    assert not found(nothing, None, answer(None, 8, "cpu", verdict="none")).is_cause_right


def test_a_row_says_what_is_wrong() -> None:
    right = cells(found(RATE, (30, 30), answer(29, 31, "rate-limit")))
    named = "rate-limit (proven 6)"
    assert right == ("thirty", "30", "29", "31", "rate-limit", named, "2, 1 void", "1.5", "yes")
    assert cells(found(RATE, (30, 30), answer(20, 22)))[-1] == "NO: load and cause"


@pytest.mark.parametrize(
    ("after", "is_right", "load"),
    [
        pytest.param({"viewers": 40, "back_to": 29, "recovers_at": 20}, True, "29, does not recover", id="does not"),
        pytest.param({"viewers": 40, "back_to": 29, "recovered_after": 8.0}, False, "29, recovers", id="does"),
        pytest.param(None, False, "29", id="was not tried"),
    ],
)
def test_an_origin_that_does_not_recover_must_be_seen_not_to(
    after: dict[str, Any] | None, is_right: bool, load: str
) -> None:
    row = Row("metastable", Embedded(), (30, 30), frozenset({"upstream"}), overloads=True)
    said = answer(29, 31, "upstream") | ({} if after is None else {"overload": after})
    result = found(row, (30, 30), said)
    assert result.is_load_right is is_right
    assert cells(result)[2] == load


@pytest.mark.parametrize(
    ("one", "other", "is_so"),
    [
        pytest.param(100, 95, True, id="a twentieth"),
        pytest.param(100, 94, False, id="more"),
        pytest.param(10, 9, True, id="one viewer"),
        pytest.param(None, 9, False, id="no answer"),
    ],
)
def test_a_pair_agrees_within_a_twentieth(one: int | None, other: int | None, is_so: bool) -> None:
    assert agree(found(RATE, None, answer(one, 200)), found(RATE, None, answer(other, 200))) is is_so


def test_the_table_is_as_wide_everywhere() -> None:
    lines = table([found(RATE, (30, 30), answer(29, 31)), found(RATE, (20, 40), answer(None, None, verdict="none"))])
    assert len({line.count("|") for line in lines}) == 1


def test_names_of_rows_differ() -> None:
    rows = (*ROWS, *UNSEEN)
    assert len({row.name for row in rows}) == len(rows)
