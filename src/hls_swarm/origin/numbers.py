"""The numbers of a metrics page: many of them at once, as written."""

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from hls_swarm.origin.grammar import NOT_IN_FLOATS, GrammarError

_JSON_NUMBERS = msgspec.json.Decoder(list[float])


def floats(numbers: Sequence[str]) -> list[float]:
    """Their values.

    Nearly all are numbers of JSON too, which msgspec reads in a fifth of Python's time, and as exactly. JSON has no NaN
    and no +Inf, takes a carriage return or a tab for a blank, and msgspec reads -0 as 0. Python reads more spellings
    than the formats have.

    Raises:
        ValueError: one of them is not a number.
    """
    written = ",".join(numbers)
    if "\r" in written:  # lines that end in CRLF
        numbers = [number.rstrip("\r") for number in numbers]
        written = ",".join(numbers)
    if "\t" not in written and "\r" not in written and "-0," not in written and written[-2:] != "-0":
        with suppress(msgspec.DecodeError):
            values = _JSON_NUMBERS.decode(f"[{written}]")
            if len(values) == len(numbers):
                return values
    if NOT_IN_FLOATS.search("".join(numbers)):
        raise GrammarError("not a number")
    return list(map(float, numbers))
