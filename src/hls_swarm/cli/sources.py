"""Flags, environment and settings file, in this order of precedence, to one settings object.

Every value carries where it came from, so that a mistake names the flag, the variable or the key of the file that a
person has to change, also when it is found only later by the settings themselves.
"""

import os
import re
import tomllib
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hls_swarm.cli.flags.fields import REQUIRED, Flag, did_you_mean
from hls_swarm.errors import SettingsError
from hls_swarm.settings.checks import SettingValueError

_MOST_BYTES = 1 << 20
"""Of a settings file: what is longer is something else, or has no end (/dev/zero)."""

_MOST_KEY_PARTS = 32
"""Of a dotted key: the parser's time grows with the square of them, and no setting has more than two."""
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+'""")
_KEY = re.compile(rf"(?:{_KEY_PART.pattern})(?:[ \t]*+\.[ \t]*+(?:{_KEY_PART.pattern}))*+")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody gave, and what a person calls the place."""

    value: object
    origin: str


Layer = Mapping[str, Given]
"""What one source gives, by name of the field."""


def flag_layer(flags: Iterable[Flag], texts: Mapping[str, Sequence[str] | None]) -> Layer:
    """What the command line gives: the texts of each flag's uses, by name of the field.

    Raises:
        SettingsError: naming the flag.
    """
    layer = {}
    for flag in flags:
        uses = texts.get(flag.field)
        if uses:
            with _named(flag.spelling):
                values = tuple(flag.read_text(text) for text in uses)
                layer[flag.field] = Given(values if flag.is_repeatable else values[-1], flag.spelling)
    return layer


def variable_layer(flags: Iterable[Flag], environ: Mapping[str, str], prefix: str) -> Layer:
    """What the environment gives; an empty variable gives nothing.

    Raises:
        SettingsError: naming the variable.
    """
    layer = {}
    for flag in flags:
        variable = flag.variable(prefix)
        text = environ.get(variable)
        if text:
            with _named(variable):
                layer[flag.field] = Given(flag.read_variable(text), variable)
    return layer


def file_layer(flags: Iterable[Flag], table: Mapping[str, object], file: str) -> Layer:
    """What a table of the settings file gives; keys may be written with dashes or underscores.

    Raises:
        SettingsError: naming the file and the key.
    """
    known = {flag.name: flag for flag in flags}
    layer: dict[str, Given] = {}
    for key, value in table.items():
        origin = f"{file}: {key}"
        name = key.replace("_", "-")
        flag = known.get(name)
        if flag is None:
            raise SettingsError(f"{origin}: there is no such setting{did_you_mean(name, tuple(known))}")
        if flag.field in layer:
            raise SettingsError(f"{origin}: is given twice, once with dashes and once with underscores")
        with _named(origin):
            layer[flag.field] = Given(flag.read_toml(value), origin)
    return layer


def read_settings_file(path: str, origin: str) -> dict[str, Any]:
    """The whole settings file.

    Args:
        path: its name.
        origin: the flag or variable that names it.

    Raises:
        SettingsError: if it can not be read or is not TOML, naming it.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{origin}: {path}: {(error.strerror or str(error)).lower()}") from None
    if len(data) > _MOST_BYTES:
        raise SettingsError(f"{origin}: {path}: has more than {_MOST_BYTES:,} bytes")
    try:
        text = data.decode()
        if any(_is_deep(found[0]) for found in _KEY.finditer(text)):
            raise SettingsError(
                f"{path}: is not TOML of this program: it has a key of more than {_MOST_KEY_PARTS} parts between dots"
            )
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: is not TOML: byte {error.start + 1} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from None
    except ValueError:  # of Python's own: more digits than it takes
        raise SettingsError(f"{path}: is not TOML of this program: it has a number of too many digits") from None
    except RecursionError:
        raise SettingsError(f"{path}: is not TOML of this program: it is nested too deeply") from None


def _is_deep(key: str) -> bool:
    return key.count(".") >= _MOST_KEY_PARTS and len(_KEY_PART.findall(key)) > _MOST_KEY_PARTS


MISSING_PLAYLIST = (
    "name the playlist to load, such as http://origin/stream.m3u8; `hls-swarm demo` needs none, --help says more"
)


def settled(
    make: Callable[..., _T],
    flags: Iterable[Flag],
    layers: Sequence[Layer],
    check: Callable[[_T], None] | None = None,
    missing: str = MISSING_PLAYLIST,
) -> _T:
    """The settings object made of what the layers give, the first one first.

    Args:
        make: the settings class; its own defaults hold where no layer has a value and the flag has none either.
        flags: which fields to fill.
        layers: in order of precedence.
        check: what only the file system can say of the finished object.
        missing: what to do where nothing gives what is needed.

    Raises:
        SettingsError: naming the place that a wrong value came from.
    """
    given: ChainMap[str, Given] = ChainMap(*(dict(layer) for layer in layers))
    values = {}
    for flag in flags:
        if flag.field in given:
            values[flag.field] = given[flag.field].value
        elif flag.default is REQUIRED:
            raise SettingsError(f"no {flag.spelling}: {missing}")
        else:
            values[flag.field] = flag.default
    try:
        made = make(**values)
        if check is not None:
            check(made)
    except SettingValueError as error:
        if error.field not in given:
            raise
        raise SettingsError(f"{given[error.field].origin}: {error.reason}") from None
    return made


def check_can_write(field: str, path: str) -> None:
    """Refuse a file that could not be written at the end of a run; `-` is standard output.

    Raises:
        SettingValueError: naming the field.
    """
    if path == "-":
        return
    folder = Path(path).parent
    if Path(path).is_dir():
        raise SettingValueError(field, f"{path} is a folder: name a file")
    if not folder.is_dir():
        raise SettingValueError(field, f"the folder {folder} does not exist: make it, or name another file")
    if not os.access(path if Path(path).exists() else folder, os.W_OK):
        raise SettingValueError(field, f"{path} can not be written: mend its permissions, or name another file")


def check_can_fill(field: str, path: str) -> None:
    """Refuse a folder that a run's files can not be put in: one that is not empty, or can not be made or written.

    Raises:
        SettingValueError: naming the field.
    """
    folder = Path(path)
    if folder.exists():
        if not folder.is_dir():
            raise SettingValueError(field, f"{path} is a file: name a folder")
        if any(folder.iterdir()):
            raise SettingValueError(field, f"{path} is not empty: name a new folder, no run is written over")
    parent = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not parent.is_dir():
        raise SettingValueError(field, f"{parent} is a file: name another folder")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise SettingValueError(field, f"{parent} can not be written: mend its permissions, or name another folder")


@contextmanager
def _named(origin: str) -> Iterator[None]:
    """Name the place in what is said of a text that can not be read."""
    try:
        yield
    except ValueError as error:
        raise SettingsError(f"{origin}: {error}") from None
