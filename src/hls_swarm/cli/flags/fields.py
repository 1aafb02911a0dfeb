"""What each field of a settings class is on a command line: its flag, its help, how its text is read.

Help, flags, environment, settings file and the reference page are all functions of these `Flag`s, which are read off
the class: name, type, default and docstring of each field.
"""

import ast
import inspect
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, assert_never, get_args, get_origin, get_type_hints

from hls_swarm.settings.checks import ARGUMENTS, flag_name
from hls_swarm.settings.kinds import LINES, SECONDS, TABLES
from hls_swarm.settings.spellings import format_duration, parse_duration

REQUIRED = MISSING
"""The default of a field that has none."""

_SWITCH_WORDS = {
    **dict.fromkeys(("1", "t", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "f", "false", "no", "off"), False),
}
_WHOLE = re.compile(r"[+-]?\d{1,25}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


class Kind(Enum):
    """How the text of a flag is read; the value is the placeholder in the help."""

    TEXT = "TEXT"
    WORDS = "WORD"  # repeatable; several in one variable are separated by white space
    LINES = "LINE"  # repeatable; several in one variable are one a line
    TABLES = "JSON"  # the same, each a JSON object; in the settings file an array of tables
    WHOLE = "N"
    NUMBER = "NUMBER"
    SECONDS = "DURATION"
    SWITCH = "SWITCH"
    CHOICE = "CHOICE"


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """One field of a settings class as a person may give it.

    Attributes:
        field: the field's name.
        default: its value when nobody gives one; `REQUIRED` if somebody must.
        help: what it means, one or two sentences.
        section: the heading it stands under.
        choices: all values of a `CHOICE`.
        placeholder: what stands for its value in the help.
    """

    field: str
    kind: Kind
    default: object
    help: str
    section: str
    choices: tuple[str, ...] = ()
    placeholder: str = ""

    @property
    def name(self) -> str:
        """The long flag without its dashes, which is also the key in the settings file."""
        return self.field.rstrip("_").replace("_", "-")  # a field can not be called `from`

    @property
    def is_argument(self) -> bool:
        """Whether it is given by its place on the command line, without a flag."""
        return self.field in ARGUMENTS

    @property
    def is_repeatable(self) -> bool:
        """Whether each use adds one more value; of the others the last one counts, as in Go."""
        return self.kind in {Kind.WORDS, Kind.LINES, Kind.TABLES}

    @property
    def spelling(self) -> str:
        """What a person writes on the command line: `--ramp-rate`, or `URL`."""
        return flag_name(self.field)

    def variable(self, prefix: str) -> str:
        """Its environment variable."""
        return prefix + self.field.rstrip("_").upper()

    @property
    def default_text(self) -> str:
        """The default as a person would write it; empty if its help says what happens without a value."""
        if self.default is REQUIRED or self.default is None or isinstance(self.default, bool | tuple):
            return ""
        if isinstance(self.default, float):
            return format_duration(self.default) if self.kind is Kind.SECONDS else f"{self.default:g}"
        return str(self.default)

    def read_text(self, text: str) -> object:
        """One value from the text of a flag or a variable.

        Raises:
            ValueError: in words for a person.
        """
        match self.kind:
            case Kind.TEXT | Kind.WORDS | Kind.LINES | Kind.TABLES:
                return text
            case Kind.WHOLE:
                if not _WHOLE.fullmatch(text):
                    raise ValueError(f"{text!r} is not a whole number")
                return int(text)
            case Kind.NUMBER:
                if not _NUMBER.fullmatch(text):
                    raise ValueError(f"{text!r} is not a number")
                return float(text)
            case Kind.SECONDS:
                return parse_duration(text)
            case Kind.SWITCH:
                if text.lower() not in _SWITCH_WORDS:
                    raise ValueError(f"{text!r} is neither true nor false")
                return _SWITCH_WORDS[text.lower()]
            case Kind.CHOICE:
                return self._choice(text)
            case _:
                assert_never(self.kind)

    def read_variable(self, text: str) -> object:
        """The value from an environment variable, a tuple of a repeatable flag.

        Raises:
            ValueError: in words for a person.
        """
        if self.kind is Kind.WORDS:
            return tuple(text.split())
        if self.kind in {Kind.LINES, Kind.TABLES}:
            return tuple(line for line in text.splitlines() if line.strip())
        return self.read_text(text)

    def read_toml(self, value: object) -> object:
        """The value from a settings file, where numbers and switches have types of their own.

        Raises:
            ValueError: in words for a person; a value is shown only if it can not be a secret.
        """
        match self.kind:
            case Kind.TEXT:
                if not isinstance(value, str):
                    raise ValueError("must be a text in quotes")
                return value
            case Kind.WORDS | Kind.LINES:
                values = [value] if isinstance(value, str) else value
                if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
                    raise ValueError('must be an array of texts, such as ["a", "b"]')
                return tuple(values)
            case Kind.TABLES:
                if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
                    raise ValueError(f"must be an array of tables: write [[{self.name}]] on a line of its own")
                return tuple(json.dumps(table, default=str) for table in value)
            case Kind.WHOLE:
                if not isinstance(value, int) or isinstance(value, bool):
                    raise ValueError(f"must be a whole number without quotes, not {_toml_text(value)}")
                return value
            case Kind.NUMBER:
                if not isinstance(value, int | float) or isinstance(value, bool):
                    raise ValueError(f"must be a number without quotes, not {_toml_text(value)}")
                return float(value)
            case Kind.SECONDS:
                if isinstance(value, int | float) and not isinstance(value, bool):
                    return parse_duration(f"{value}" if value else "0")
                if not isinstance(value, str):
                    raise ValueError(f'must be a duration in quotes, such as "30s", not {_toml_text(value)}')
                return parse_duration(value)
            case Kind.SWITCH:
                if not isinstance(value, bool):
                    raise ValueError(f"must be true or false without quotes, not {_toml_text(value)}")
                return value
            case Kind.CHOICE:
                if not isinstance(value, str):
                    raise ValueError(f"must be one of {', '.join(self.choices)}, in quotes")
                return self._choice(value)
            case _:
                assert_never(self.kind)

    def _choice(self, text: str) -> str:
        if text in self.choices:
            return text
        raise ValueError(f"{text!r} is not one of {', '.join(self.choices)}{did_you_mean(text, self.choices)}")


def did_you_mean(text: str, known: tuple[str, ...]) -> str:
    """`: did you mean X?` with the nearest of the known words, or nothing if none is near."""
    near = get_close_matches(text, known, n=1)
    return f": did you mean {near[0]}?" if near else ""


def flags_of(
    settings_class: type, sections: Mapping[str, str], placeholders: Mapping[str, str] | None = None
) -> tuple[Flag, ...]:
    """The flags of a settings dataclass, in the order of its fields.

    Args:
        settings_class: the dataclass; each field has a docstring.
        sections: the first field of each section of the help, and the section's name.
        placeholders: what stands for a value in the help, where the kind's own does not say enough.
    """
    hints = get_type_hints(settings_class, include_extras=True)
    docs = field_docstrings(settings_class)
    section = ""
    out = []
    for field in fields(settings_class):
        section = sections.get(field.name, section)
        kind, choices = _kind(hints[field.name])
        out.append(
            Flag(
                field=field.name,
                kind=kind,
                default=field.default,
                help=docs[field.name],
                section=section,
                choices=choices,
                placeholder=(placeholders or {}).get(field.name, kind.value),
            )
        )
    return tuple(out)


def field_docstrings(settings_class: type) -> dict[str, str]:
    """The string that follows each field in the source of the class, or of the one that it has it from, on one line."""
    out = {}
    for each in reversed(settings_class.__mro__[:-1]):
        out.update(_own_docstrings(each))
    return out


def _own_docstrings(settings_class: type) -> dict[str, str]:
    tree = _classes_of(settings_class.__module__)[settings_class.__name__]
    out = {}
    for field, after in zip(tree.body, tree.body[1:], strict=False):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                out[name] = " ".join(text.split())
    return out


@cache
def _classes_of(module: str) -> Mapping[str, ast.ClassDef]:
    """The classes of a module, from its source, which is parsed once."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _kind(hint: Any) -> tuple[Kind, tuple[str, ...]]:
    if get_origin(hint) in {Union, UnionType}:
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    if get_origin(hint) is Annotated:
        _, mark = get_args(hint)
        return {SECONDS: Kind.SECONDS, LINES: Kind.LINES, TABLES: Kind.TABLES}[mark], ()
    if get_origin(hint) is Literal:
        return Kind.CHOICE, get_args(hint)
    if get_origin(hint) is tuple:
        return Kind.WORDS, ()
    return {str: Kind.TEXT, int: Kind.WHOLE, float: Kind.NUMBER, bool: Kind.SWITCH}[hint], ()


def _toml_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
