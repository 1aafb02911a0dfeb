"""Numbers and dates as peers send them, each read in a bounded way: the one place where text of a wire becomes a value.

Rules:

- Nothing here raises, whatever it is given: what is no such value, or lies outside of its bounds, is None. What None
  means is the reader's to say: unknown, or a malformed answer.
- Digits are those of ASCII. Leading zeros mean nothing, and cost nothing however many there are.
- Python refuses to make a number of more than 4,300 digits: their count is looked at first.
"""

import re
from calendar import monthrange, timegm

MOST_SECONDS = 2**31 - 1
"""The longest time that a field can mean, 68 years: 2**31 says that a cache can count no further (RFC 9111 1.2.2)."""
MOST_BYTES = 2**63 - 1
"""The longest body that a field can mean: what the kernel counts with."""

_MOST_DIGITS = 19
_MOST_DATE_CHARACTERS = 128
_CHUNK_DIGITS = 15
_HEX = frozenset(b"0123456789abcdefABCDEF")
_CONTENT_RANGE = re.compile(r"bytes[ \t]+([0-9]+)-([0-9]+)/([0-9]+|\*)", re.IGNORECASE)
# RFC 6265 5.1.1; it reads the three forms of RFC 9110 5.6.7 too.
_DELIMITERS = re.compile(r"[\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(r"([0-9]{1,2})(?![0-9])")
_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def whole_number(text: str | None, most: int) -> int | None:
    """Digits and nothing else, as a number up to `most`, which has 19 digits at most itself."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    digits = text.lstrip("0")
    if len(digits) > _MOST_DIGITS:
        return None
    number = int(digits or "0")
    return number if number <= most else None


def delta_seconds(text: str | None) -> float | None:
    """A time in whole seconds (RFC 9111 1.2.2), as in Age and Retry-After."""
    number = whole_number(text, MOST_SECONDS)
    return None if number is None else float(number)


def max_age(text: str | None) -> float | None:
    """How long a cookie lasts, in seconds (RFC 6265 5.2.2): below 0 is over; the longest is what a field can mean."""
    if not text:
        return None
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit():
        return None
    seconds = whole_number(digits, MOST_SECONDS)
    seconds = MOST_SECONDS if seconds is None else seconds
    return float(-seconds if text.startswith("-") else seconds)


def content_length(text: str | None) -> int | None:
    """A body's length in bytes (RFC 9110 8.6): one number, or the same number several times."""
    if text is None:
        return None
    numbers = {whole_number(member.strip(" \t"), MOST_BYTES) for member in text.split(",")}
    return numbers.pop() if len(numbers) == 1 else None


def content_range(text: str | None) -> tuple[int, int] | None:
    """First and last byte of a part (RFC 9110 14.4); None for one that says that there is none."""
    match = _CONTENT_RANGE.fullmatch(text or "")
    if match is None:
        return None
    first, last = whole_number(match[1], MOST_BYTES), whole_number(match[2], MOST_BYTES)
    whole = MOST_BYTES if match[3] == "*" else whole_number(match[3], MOST_BYTES)
    if first is None or last is None or whole is None or not first <= last < whole:
        return None
    return first, last


def chunk_size(line: bytes) -> int | None:
    """The size that a chunk's line begins with, in bytes (RFC 9112 7.1); extensions are passed over."""
    digits = line.partition(b";")[0].rstrip(b" \t")
    if not digits or not _HEX.issuperset(digits):
        return None
    digits = digits.lstrip(b"0")
    return int(digits or b"0", 16) if len(digits) <= _CHUNK_DIGITS else None


def http_date(text: str | None) -> float | None:
    """A date and time as seconds since 1970 (RFC 9110 5.6.7), read as leniently as cookies need (RFC 6265 5.1.1)."""
    if text is None or len(text) > _MOST_DATE_CHARACTERS:
        return None
    time = day = month = year = None
    for token in _DELIMITERS.split(text):
        if time is None and (found := _TIME.match(token)) is not None:
            time = int(found[1]), int(found[2]), int(found[3])
        elif day is None and (found := _DAY.match(token)) is not None:
            day = int(found[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (found := _YEAR.match(token)) is not None:
            year = int(found[1])
    if time is None or day is None or month is None or year is None:
        return None
    hour, minute, second = time
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if not (year >= 1601 and 1 <= day <= monthrange(year, month)[1] and hour <= 23 and minute <= 59 and second <= 59):
        return None
    return float(timegm((year, month, day, hour, minute, second)))


def retry_after(text: str | None, made: str | None) -> float | None:
    """Retry-After (RFC 9110 10.2.3) in seconds from when the answer was made.

    Args:
        made: the answer's Date, which a date in `text` counts from.
    """
    seconds = delta_seconds(text)
    if seconds is not None:
        return seconds
    until, since = http_date(text), http_date(made)
    if until is None or since is None or until - since > MOST_SECONDS:
        return None
    return max(0.0, until - since)
