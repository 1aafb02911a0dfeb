"""The numbers of a metrics page: many of them at once, as written."""

from collections.abc import Sequence
from contextlib import suppress

import msgspec

from hls_swarm.origin.exposition.grammar import NOT_IN_FLOATS, GrammarError

_NEGATIVE_ZERO = ("-0,", "-0\n")
_JSON_NUMBERS = msgspec.json.Decoder(list[float])


def floats(numbers: Sequence[str]) -> list[float]:
    """Their values; a line break may stand behind each.

    Nearly all are numbers of JSON too, which msgspec reads in a fifth of Python's time, and as exactly. JSON has no NaN
    and no +Inf, takes a carriage return or a tab for a blank, and msgspec reads -0 as 0. Python reads more spellings
    than the formats have.

    Raises:
        ValueError: one of them is not a number.
    """
    written = f"{','.join(numbers)},"
    if "\t" not in written and "\r" not in written and not any(zero in written for zero in _NEGATIVE_ZERO):
        with suppress(msgspec.DecodeError):
            values = _JSON_NUMBERS.decode(f"[{written[:-1]}]")
            if len(values) == len(numbers):
                return values
    if "\n" in written or "\r" in written:
        numbers = [number.removesuffix("\n").rstrip("\r") for number in numbers]
    if NOT_IN_FLOATS.search("".join(numbers)):
        raise GrammarError("not a number")
    return list(map(float, numbers))
