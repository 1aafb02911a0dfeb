from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.builders.wire import dates, field_values

from hls_swarm.http.readings import (
    MOST_BYTES,
    MOST_SECONDS,
    chunk_size,
    content_length,
    content_range,
    delta_seconds,
    http_date,
    max_age,
    retry_after,
)

ONCE = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("007", 7.0),
        ("0" * 10_000 + "7", 7.0),
        (str(2**31 - 1), 2.0**31 - 1),
        (str(2**31), None),
        ("9" * 400, None),
        ("9" * 5000, None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1 ", None),
        ("nan", None),
        ("", None),
        ("\u0667", None),
        ("\u00b2", None),
        (None, None),
    ],
)
def test_delta_seconds(text: str | None, seconds: float | None) -> None:
    assert delta_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60", 60.0),
        ("-1", -1.0),
        ("9" * 400, float(MOST_SECONDS)),
        ("-" + "9" * 5000, -float(MOST_SECONDS)),
        ("", None),
        ("-", None),
        ("--1", None),
        ("soon", None),
        ("+60", None),
        (None, None),
    ],
)
def test_max_age(text: str | None, seconds: float | None) -> None:
    assert max_age(text) == seconds


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("5", 5),
        ("5,5", 5),
        ("5, 005 ,\t5", 5),
        ("5,6", None),
        ("5,", None),
        (str(MOST_BYTES), MOST_BYTES),
        (str(MOST_BYTES + 1), None),
        ("0" * 9999 + "5", 5),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_content_length(text: str | None, length: int | None) -> None:
    assert content_length(text) == length


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("bytes 0-4/9", (0, 4)),
        ("bytes 5-5/*", (5, 5)),
        ("Bytes  1-2/3", (1, 2)),
        ("bytes 4-0/9", None),
        ("bytes 0-9/9", None),
        ("bytes */9", None),
        ("bytes 0-" + "9" * 5000 + "/*", None),
        ("bytes \u0660-\u0661/9", None),
        ("items 0-4/9", None),
        ("", None),
        (None, None),
    ],
)
def test_content_range(text: str | None, part: tuple[int, int] | None) -> None:
    assert content_range(text) == part


@pytest.mark.parametrize(
    ("line", "size"),
    [
        (b"0", 0),
        (b"1f", 31),
        (b"1F ;name=value", 31),
        (b"0" * 4000 + b"a", 10),
        (b"f" * 15, 16**15 - 1),
        (b"f" * 16, None),
        (b"", None),
        (b"-1", None),
        (b"0x1", None),
        (b"1_0", None),
        (b" 1", None),
    ],
)
def test_chunk_size(line: bytes, size: int | None) -> None:
    assert chunk_size(line) == size


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", ONCE, id="the form of today"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", ONCE, id="RFC 850"),
        pytest.param("Sun Nov  6 08:49:37 1994", ONCE, id="asctime"),
        pytest.param("06 Nov 1994 8:49:37", ONCE, id="as cookies have it"),
        pytest.param("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800.0, id="leap day"),
        pytest.param("Wed, 29 Feb 2023 00:00:00 GMT", None, id="day that is not"),
        pytest.param("Sun, 06 Nov 1994", None, id="no time"),
        pytest.param("Sun, 06 Nov 1994 24:00:00 GMT", None, id="hour that is not"),
        pytest.param("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None, id="year of twenty digits"),
        pytest.param("Mon, 01 Jan 1600 00:00:00 GMT", None, id="year before the calendar"),
        pytest.param("x" * 200 + " 06 Nov 1994 08:49:37", None, id="long"),
        pytest.param("", None, id="empty"),
        pytest.param("someday", None, id="words"),
        pytest.param(None, None, id="none"),
    ],
)
def test_http_date(text: str | None, at: float | None) -> None:
    assert http_date(text) == at


@given(st.datetimes(min_value=datetime(1601, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_date_is_read_as_it_was_written(at: datetime) -> None:
    at = at.replace(microsecond=0)
    assert http_date(format_datetime(at, usegmt=True)) == at.timestamp()


@pytest.mark.parametrize(
    ("text", "made", "seconds"),
    [
        ("120", None, 120.0),
        ("Sun, 06 Nov 1994 08:50:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 60.0),
        ("Sun, 06 Nov 1994 08:48:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:48:37 GMT", None, None),
        ("Fri, 06 Nov 9994 08:48:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("9" * 400, "Sun, 06 Nov 1994 08:49:37 GMT", None),
        (None, None, None),
    ],
)
def test_retry_after(text: str | None, made: str | None, seconds: float | None) -> None:
    assert retry_after(text, made) == seconds


@given(field_values() | dates(), field_values() | dates())
def test_nothing_is_raised_and_what_is_read_is_in_bounds(text: str, other: str) -> None:
    for seconds in (delta_seconds(text), retry_after(text, other)):
        assert seconds is None or 0 <= seconds <= MOST_SECONDS
    lasts = max_age(text)
    assert lasts is None or abs(lasts) <= MOST_SECONDS
    length = content_length(text)
    assert length is None or 0 <= length <= MOST_BYTES
    part = content_range(text)
    assert part is None or 0 <= part[0] <= part[1] < MOST_BYTES
    at = http_date(text)
    assert at is None or abs(at) < 1e12


@given(st.binary(max_size=40) | st.from_regex(rb"[0-9a-fA-F]{0,400}(;.{0,9})?", fullmatch=True))
def test_chunk_size_is_in_bounds_or_none(line: bytes) -> None:
    size = chunk_size(line)
    assert size is None or 0 <= size < 16**15


@given(st.integers(0, MOST_SECONDS))
def test_every_number_of_seconds_is_read_back(seconds: int) -> None:
    assert delta_seconds(str(seconds)) == seconds
