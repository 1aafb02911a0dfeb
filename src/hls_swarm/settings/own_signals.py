"""Signals of the origin that a user adds: a family of some exporter's page, and how it becomes one figure.

Rules:

- In the settings file each is a table `[[origin-signal]]`; on the command line and in the environment, a JSON object
  with the same keys.
- The whole name says all that a view needs, as the built-in names do: `own_`, the given name, the unit, and of a
  quantile which one. `name = "app_errors"` with `unit = "per_second"` is `own_app_errors_per_second`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

import msgspec

OWN_PREFIX = "own_"
UNITS = ("percent", "bytes", "bytes_per_second", "per_second", "seconds", "count", "ratio")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_FAMILY = re.compile(r"\*?[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_KEYS = ("name", "family", "where", "kind", "quantile", "unit", "title")


class OwnKind(StrEnum):
    """What a family's samples become: their sum, the increase of their sum a second, or a quantile of a histogram."""

    GAUGE = "gauge"
    RATE = "rate"
    QUANTILE = "quantile"


@dataclass(frozen=True, kw_only=True)
class OwnSignal:
    """One signal that a user added.

    Attributes:
        name: the whole one.
        family: as on the page; of a histogram without `_bucket`; `*` in front stands for any beginning.
        where: labels and the values that they may have; a series must pass all.
        quantile: 0 to 1; of kind `QUANTILE`.
        title: a few words for a person.
    """

    name: str
    family: str
    where: tuple[tuple[str, tuple[str, ...]], ...]
    kind: OwnKind
    quantile: float | None
    unit: str
    title: str


def read_own_signal(text: str) -> OwnSignal:
    """A signal from its JSON object.

    Raises:
        ValueError: in words for a person, with the signal's name and the key that is wrong.
    """
    try:
        table = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"is not a JSON object: {error}") from None
    if not isinstance(table, dict):
        raise ValueError(
            'must be a table with the keys name, family, kind and unit, such as {"name": "app_errors", ...}'
        )
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"name must be lower case letters, digits and _, such as app_errors, not {name!r}")
    try:
        return _checked(name, table)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _checked(name: str, table: Mapping[str, object]) -> OwnSignal:
    for key in table:
        if key not in _KEYS:
            raise ValueError(f"there is no key {key}: there are {', '.join(_KEYS)}")
    family, unit, title = table.get("family"), table.get("unit", "count"), table.get("title", name.replace("_", " "))
    if not isinstance(family, str) or not _FAMILY.fullmatch(family):
        raise ValueError(f"family must be the name of a metric family, such as app_errors_total, not {family!r}")
    if unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {unit!r}")
    if not isinstance(title, str) or not 1 <= len(title) <= 40 or not title.isprintable():
        raise ValueError("title must be a text of at most 40 characters")
    try:
        kind = OwnKind(str(table.get("kind")))
    except ValueError:
        raise ValueError(f"kind must be gauge, rate or quantile, not {table.get('kind')!r}") from None
    quantile = _quantile(kind, table.get("quantile"))
    return OwnSignal(
        name=_whole_name(name, str(unit), quantile),
        family=family,
        where=_where(table.get("where", {})),
        kind=kind,
        quantile=quantile,
        unit=str(unit),
        title=title if quantile is None or "title" in table else f"{title} P{_percent(quantile)}",
    )


def _quantile(kind: OwnKind, value: object) -> float | None:
    match kind:
        case OwnKind.QUANTILE:
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
                raise ValueError(f"quantile must be between 0 and 1, such as 0.95, not {value!r}")
            return float(value)
        case OwnKind.GAUGE | OwnKind.RATE:
            if value is not None:
                raise ValueError(f'quantile is for kind = "quantile", not "{kind.value}"')
            return None
        case _:
            assert_never(kind)


def _where(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise ValueError('where must be a table of labels, such as { code = ["500", "503"] }')
    found = []
    for label, given in value.items():
        values = given if isinstance(given, list) else [given]
        if not _LABEL.fullmatch(label) or not values or not all(isinstance(one, str) for one in values):
            raise ValueError(f"where: {label} must be a text or an array of texts")
        found.append((label, tuple(values)))
    return tuple(found)


def _whole_name(name: str, unit: str, quantile: float | None) -> str:
    whole = name if unit == "count" or name == unit or name.endswith(f"_{unit}") else f"{name}_{unit}"
    return f"{OWN_PREFIX}{whole}" + ("" if quantile is None else f"_p{_percent(quantile)}")


def _percent(quantile: float) -> str:
    """`95`, and `999` for 99.9%, as people say it."""
    return f"{100 * quantile:.6g}".replace(".", "")
