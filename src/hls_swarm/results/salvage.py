"""What of a damaged value can still be used: the parts that have the shape that they should have.

A run's folder lives for years on disks that others write to: a byte turns over, a file is cut, somebody mends it by
hand. One bad part must cost no more than itself. Rules:

- A part of an object that has another shape is left out, as if it were not known; one that the object is nothing
  without takes the object with it. Of a list and of a table each entry stands for itself.
- What the shape does not name is kept as it is: a newer version may know more.
- Everything that is left out is named, such as `errors[2].count`.
- Numbers are finite and below 1e18: nothing that a run counts is larger, and views can write it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_NAMED = 5
_LARGEST = 1e18


class UnusableError(ValueError):
    """The value as a whole has another shape."""


@dataclass(frozen=True)
class Lost:
    """Collects the names of what is left out."""

    names: list[str]

    def add(self, name: str) -> None:
        """One more."""
        self.names.append(name)

    @property
    def text(self) -> str:
        """The first of them, and how many more there are."""
        more = len(self.names) - MOST_NAMED
        return ", ".join(self.names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


Shape = Callable[[Any, str, Lost], Any]
"""Gives what of a value can be used, told its name; raises UnusableError if that is nothing."""


def text(value: Any, name: str, lost: Lost) -> str:  # noqa: ARG001 - as all shapes
    """A text."""
    if not isinstance(value, str):
        raise UnusableError
    return value


def number(value: Any, name: str, lost: Lost) -> float:  # noqa: ARG001 - as all shapes
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LARGEST < value < _LARGEST:
        raise UnusableError  # nothing that is not finite is within these bounds
    return value


def count(value: Any, name: str, lost: Lost) -> int:
    """A whole number that is not negative."""
    if not isinstance(value, int) or number(value, name, lost) < 0:
        raise UnusableError
    return value


def amount(value: Any, name: str, lost: Lost) -> float:
    """A number that is not negative."""
    if number(value, name, lost) < 0:
        raise UnusableError
    return float(value) if isinstance(value, float) else value


def flag(value: Any, name: str, lost: Lost) -> bool:  # noqa: ARG001 - as all shapes
    """True or false."""
    if not isinstance(value, bool):
        raise UnusableError
    return value


def anything(value: Any, name: str, lost: Lost) -> Any:  # noqa: ARG001 - as all shapes
    """Whatever it is."""
    return value


def one_of(*values: str) -> Shape:
    """One of these texts."""

    def shape(value: Any, name: str, lost: Lost) -> str:
        if text(value, name, lost) not in values:
            raise UnusableError
        return str(value)

    return shape


def table_of(inner: Shape) -> Shape:
    """An object whose keys are names, and whose values are alike."""

    def shape(value: Any, name: str, lost: Lost) -> dict[str, Any]:
        return _kept(_object(value), lambda _: inner, name, lost)

    return shape


def list_of(inner: Shape) -> Shape:
    """A list whose entries are alike."""

    def shape(value: Any, name: str, lost: Lost) -> list[Any]:
        if not isinstance(value, list):
            raise UnusableError
        kept = []
        for index, each in enumerate(value):
            try:
                kept.append(inner(each, f"{name}[{index}]", lost))
            except UnusableError:
                lost.add(f"{name}[{index}]")
        return kept

    return shape


def some_of(inner: Shape) -> Shape:
    """The same, which is nothing without an entry."""

    def shape(value: Any, name: str, lost: Lost) -> list[Any]:
        kept: list[Any] = list_of(inner)(value, name, lost)
        if not kept:
            raise UnusableError
        return kept

    return shape


def object_of(needed: Mapping[str, Shape] | None = None, /, **known: Shape) -> Shape:
    """An object with these parts.

    Args:
        needed: without which it is nothing.
        known: which may be missing.
    """
    must = needed or {}
    shapes = {**known, **must}

    def shape(value: Any, name: str, lost: Lost) -> dict[str, Any]:
        given = _object(value)
        if not must.keys() <= given.keys():
            raise UnusableError
        return _kept(given, lambda key: shapes.get(key, anything), name, lost, must)

    return shape


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnusableError
    return value


def _kept(
    given: dict[str, Any], shape_of: Callable[[str], Shape], name: str, lost: Lost, must: Mapping[str, Shape] = {}
) -> dict[str, Any]:
    kept = {}
    for key, each in given.items():
        inner = f"{name}.{key}" if name else key
        try:
            kept[key] = shape_of(key)(each, inner, lost)
        except UnusableError:
            if key in must:
                raise
            lost.add(inner)
    return kept
