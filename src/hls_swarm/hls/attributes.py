"""Attribute lists (8216bis 4.2): `NAME=value,NAME="value"`, and the types of their values.

Rules:

- White space around commas, and quotes where there should be none or none where there should be some, are put up with,
  with a violation: players do.
- A strict reading refuses a malformed list, a name that comes twice and a value that is not of its type. Any other
  takes what can be read: what can not is passed over up to the next comma, a value of another type counts as absent,
  and of a number its leading digits count.
- Time is linear in the length of the list, however broken it is.
"""

import re
from enum import StrEnum
from functools import cache
from typing import Protocol, TypeVar

from hls_swarm.errors import PlaylistError
from hls_swarm.hls.reading import Player, Reading

# One attribute with the comma after it. The repetitions are possessive: without backtracking a match, or a failure,
# costs time linear in its length.
_ATTRIBUTE = re.compile(r'[ \t]*+([^=,"\s]++)[ \t]*+=[ \t]*+("[^"]*+"|[^",]*+)[ \t]*+(?:,|$)')
# The same where that does not match: any separators, a name with spaces, text behind a quoted value, a quote left open;
# or else something without a name. It always matches, and takes in all that it looked at.
_BROKEN = re.compile(r"""[ \t,;]*+(?:([^=,"]++)=[ \t]*+(?:"([^"]*+)"[^,;]*+|"?([^,]*+))|[^,]*+)(?:[,;]|$)""")
_INTEGER = re.compile(r"[0-9]{1,20}").fullmatch
_LEADING_DIGITS = re.compile(r"[ \t]*+\+?([0-9]{1,20})(?![0-9])").match
_DECIMAL = re.compile(r"(?:[0-9]{1,20}(?:\.[0-9]*)?|\.[0-9]+)").fullmatch
_SIGNED = re.compile(r"[+-]?(?:[0-9]{1,20}(?:\.[0-9]*)?|\.[0-9]+)").fullmatch
_HEXADECIMAL = re.compile(r"0[xX]([0-9A-Fa-f]+)").fullmatch
_RESOLUTION = re.compile(r"([0-9]{1,10})[xX]([0-9]{1,10})").fullmatch
_FRACTIONAL_RESOLUTION = re.compile(r"([0-9]{1,10})(?:\.[0-9]*)?[xX]([0-9]{1,10})(?:\.[0-9]*)?").fullmatch
_BYTE_RANGE = re.compile(r"([0-9]{1,20})(?:@([0-9]{1,20}))?").fullmatch

RULE = "8216bis 4.2"

E = TypeVar("E", bound=StrEnum)


class TagError(PlaylistError):
    """A tag lacks what it must have, or a value is not of its type.

    Args:
        refused_by: players that refuse the playlist for it.
    """

    def __init__(self, reason: str, *, rule: str = "", refused_by: tuple[Player, ...] = ()) -> None:
        super().__init__(reason, rule=rule)
        self.refused_by = refused_by


class UnplayableError(TagError):
    """A tag lacks what no player can do without: it fails the playlist, however that is read."""


class UnrecognizedValue(Exception):  # noqa: N818 not an error: the RFC says to ignore such a tag
    """An enumerated string that is not known: the tag is to be ignored (8216bis 6.3.1)."""


class Notebook(Protocol):
    """What reading an attribute needs of the playlist around it."""

    reading: Reading

    def substitute(self, text: str) -> str:
        """`text` with its variable references replaced (8216bis 4.3)."""

    def tolerate(self, reason: str, rule: str) -> None:
        """Note a violation."""


@cache
def _members(type_: type[E]) -> dict[str, E]:
    """The members by their values; in Python 3.11 it is faster than to call the type."""
    return {member.value: member for member in type_}


def decimal_integer(text: str, what: str) -> int:
    """A decimal-integer from 0 to 2^64 - 1."""
    if _INTEGER(text) is None or (number := int(text)) >= 1 << 64:
        raise TagError(f"{what} is not a decimal integer", rule=RULE)
    return number


def leading_integer(text: str) -> int | None:
    """The number that a text begins with, from 0 to 2^64 - 1: `4` of `4.5`, `4,` and `4 s`; None if there is none."""
    match = _LEADING_DIGITS(text)
    return None if match is None or (number := int(match[1])) >= 1 << 64 else number


def byte_range(text: str, what: str) -> tuple[int, int | None]:
    """`<n>[@<o>]` (8216bis 4.4.4.2): length, and first byte if it is given."""
    match = _BYTE_RANGE(text)
    if match is None:
        raise TagError(f"{what} is not <length>[@<first byte>]", rule="8216bis 4.4.4.2")
    return int(match[1]), None if match[2] is None else int(match[2])


class Attributes:
    """One attribute list, read by name and type; each reader returns None where the attribute is absent.

    Raises:
        TagError: in a strict reading, the list is malformed, has a name twice, or a value is not of the type asked for.
    """

    __slots__ = ("_notebook", "_values")

    def __init__(self, text: str, notebook: Notebook) -> None:
        values: dict[str, str] = {}
        position, end = 0, len(text)
        match_at = _ATTRIBUTE.match
        self._notebook = notebook
        while position < end:
            match = match_at(text, position)
            if match is None:
                if not text[position:].strip(" \t,"):
                    break
                position = self._salvage(text, position, values)
                continue
            name, value = match.groups()
            if name in values:
                self._twice(name, value, values)
            else:
                values[name] = value
            position = match.end()
        if text[-1:] == ",":
            notebook.tolerate("an attribute list ends in a comma", RULE)
        self._values = values

    def _salvage(self, text: str, position: int, values: dict[str, str]) -> int:
        """Read on where the list is malformed; gives where the next attribute begins."""
        self._odd("malformed attribute list")
        match = _BROKEN.match(text, position)
        assert match is not None, "the pattern matches every text"  # noqa: S101 a fact about the pattern, for the checker
        name, quoted, bare = match.groups()
        if name is not None:
            value = f'"{quoted}"' if quoted is not None else bare
            self._twice(name.strip(), value, values)
        return match.end()

    def _twice(self, name: str, value: str, values: dict[str, str]) -> None:
        """Keep a value of a name that there may be already."""
        if name in values:
            self._odd(f"attribute {name[:64]} appears twice")
            if self._notebook.reading.first_attribute_counts:
                return
        values[name] = value

    def _odd(self, reason: str) -> None:
        """Something that a strict reading refuses."""
        if self._notebook.reading.strict:
            raise TagError(reason, rule=RULE)
        self._notebook.tolerate(reason, RULE)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def names(self) -> tuple[str, ...]:
        """Every name, in order."""
        return tuple(self._values)

    def quoted(self, name: str) -> str | None:
        """A quoted-string, variables replaced."""
        value = self._values.get(name)
        if value is None:
            return None
        if value[:1] == '"':
            value = value[1:-1]
        else:
            value = value.rstrip(" \t")
            self._notebook.tolerate(f"{name} is not quoted", RULE)
        return self._notebook.substitute(value) if "{$" in value else value

    def required(self, name: str) -> str:
        """A quoted-string that must be there and not be empty."""
        value = self.quoted(name)
        if not value:
            raise TagError(f"{name} is missing" if value is None else f"{name} is empty")
        return value

    def verbatim(self, name: str) -> str | None:
        """A value of whatever type, without quotes, variables replaced where the RFC allows them."""
        value = self._values.get(name)
        if value is None:
            return None
        value = value[1:-1] if value[:1] == '"' else value.rstrip(" \t")
        return self._notebook.substitute(value) if "{$" in value else value

    def is_quoted(self, name: str) -> bool:
        """Whether the value is written as a quoted-string."""
        return self._values.get(name, "")[:1] == '"'

    def _bare(self, name: str) -> str | None:
        value = self._values.get(name)
        if value is None:
            return None
        if value[:1] == '"':
            self._notebook.tolerate(f"{name} is quoted", RULE)
            value = value[1:-1]
        return value.strip(" \t")

    def integer(self, name: str) -> int | None:
        """A decimal-integer, or the digits that the value begins with."""
        value = self._bare(name)
        if value is None:
            return None
        if _INTEGER(value) is None or (number := int(value)) >= 1 << 64:
            self._odd(f"{name} is not a decimal integer")
            return leading_integer(value)
        return number

    def decimal(self, name: str) -> float | None:
        """A decimal-floating-point."""
        value = self._bare(name)
        if value is None:
            return None
        if _DECIMAL(value) is None:
            self._odd(f"{name} is not a decimal number")
            return None
        return float(value)

    def signed(self, name: str) -> float | None:
        """A signed-decimal-floating-point."""
        value = self._bare(name)
        if value is None:
            return None
        if _SIGNED(value) is None:
            self._odd(f"{name} is not a signed decimal number")
            return None
        return float(value)

    def hexadecimal(self, name: str, size_bytes: int) -> bytes | None:
        """A hexadecimal-sequence of at most `size_bytes`, padded on the left."""
        value = self._bare(name)
        if value is None:
            return None
        if "{$" in value:
            value = self._notebook.substitute(value)
        match = _HEXADECIMAL(value)
        if match is None or len(match[1]) > 2 * size_bytes:
            self._odd(f"{name} is not a hexadecimal sequence of {8 * size_bytes} bits")
            return None
        if len(match[1]) < 2 * size_bytes:
            self._notebook.tolerate(f"{name} has less than {8 * size_bytes} bits", RULE)
        return bytes.fromhex(match[1].zfill(2 * size_bytes))

    def enumerated(self, name: str, type_: type[E], *, essential: bool = False) -> E | None:
        """An enumerated-string.

        Args:
            essential: whether the tag means nothing without it.

        Raises:
            UnrecognizedValue: it is none of them, and it is essential or the reading is strict.
        """
        value = self._bare(name)
        if value is None:
            return None
        member: E | None = _members(type_).get(value)
        if member is None:
            self._unrecognized(f"{name}={value[:64]} is not recognized", essential=essential)
        return member

    def _unrecognized(self, reason: str, *, essential: bool = False) -> None:
        """A value that is none of those that there are: the draft ignores the tag, players the value."""
        if essential or self._notebook.reading.strict:
            raise UnrecognizedValue(reason)
        self._notebook.tolerate(reason, "8216bis 6.3.1")

    def flag(self, name: str) -> bool | None:
        """YES or NO.

        Raises:
            UnrecognizedValue: it is neither, and the reading is strict.
        """
        value = self._bare(name)
        if value is None:
            return None
        if value == "YES":
            return True
        if value == "NO":
            return False
        self._unrecognized(f"{name}={value[:64]} is neither YES nor NO")
        return None

    def resolution(self, name: str) -> tuple[int, int] | None:
        """A decimal-resolution: width and height."""
        value = self._bare(name)
        if value is None:
            return None
        match = _RESOLUTION(value)
        if match is None:
            self._odd(f"{name} is not <width>x<height>")
            match = _FRACTIONAL_RESOLUTION(value)
        return None if match is None else (int(match[1]), int(match[2]))

    def strings(self, name: str, separator: str = ",") -> tuple[str, ...]:
        """A quoted-string that is a list; empty where it is absent."""
        value = self.quoted(name)
        return () if not value else tuple(part.strip() for part in value.split(separator) if part.strip())
