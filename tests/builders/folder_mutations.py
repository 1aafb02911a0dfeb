"""Run folders as bad disks, crashes, other programs and other versions leave them: one seed, one damage."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

OBJECTS = ("run.json", "state.json", "summary.json", "capacity.json")
LINES = ("timeline.jsonl", "events.jsonl", "log.jsonl")

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1e308, -1e308, 10**18, 10**19, 10**400, 2**63, -(2**63), 0.1, "", "x", "[/red]",
    "\x1b[2J", "é" * 50, "\ud800", [],
    {}, [None], [[[[]]]], {"a": {"b": 1}}, ["x", 1], "hls-swarm/run/9", "NaN", "a" * 100_000,
)  # fmt: skip
_BYTES = (
    b"\0",
    b"\xff",
    b"\x89",
    b"{",
    b"}",
    b'"',
    b",",
    b"\n",
    b"\\",
    b"NaN",
    b"1e999",
    b"-",
    b"[" * 3000,
    b"\xed\xa0\x80",
)

Mutate = Callable[[Path, random.Random], str]


def damaged(source: Path, target: Path, seed: int) -> str:
    """A copy of a run's folder with one to three damages; gives them in words."""
    chance = random.Random(seed)
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target)
    return "; ".join(chance.choice(_MUTATIONS)(target, chance) for _ in range(chance.choice((1, 1, 1, 2, 3))))


def _file(folder: Path, chance: random.Random, names: tuple[str, ...] = (*OBJECTS, *LINES)) -> Path:
    return folder / chance.choice([name for name in names if (folder / name).is_file()] or ["none"])


def _rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    if path.is_file():
        path.write_bytes(change(path.read_bytes()))


def _flip_bits(folder: Path, chance: random.Random) -> str:
    path = _file(folder, chance)

    def change(content: bytes) -> bytes:
        out = bytearray(content)
        for _ in range(chance.choice((1, 1, 2, 20))):
            if out:
                out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
        return bytes(out)

    _rewrite(path, change)
    return f"bits of {path.name}"


def _put_bytes(folder: Path, chance: random.Random) -> str:
    path, put = _file(folder, chance), chance.choice(_BYTES)

    def change(content: bytes) -> bytes:
        at, length = chance.randrange(len(content) + 1), chance.choice((0, 1, len(put), 40))
        return content[:at] + put + content[at + length :]

    _rewrite(path, change)
    return f"{put[:10]!r} in {path.name}"


def _cut(folder: Path, chance: random.Random) -> str:
    path = _file(folder, chance)
    _rewrite(path, lambda content: content[: chance.choice((0, 1, chance.randrange(len(content) + 1)))])
    return f"{path.name} is cut"


def _cut_start(folder: Path, chance: random.Random) -> str:
    path = _file(folder, chance)
    _rewrite(path, lambda content: content[chance.randrange(len(content) + 1) :])
    return f"{path.name} has lost its start"


def _zeros(folder: Path, chance: random.Random) -> str:
    """A file system that knew the length, and not the content, when the power went."""
    path = _file(folder, chance)

    def change(content: bytes) -> bytes:
        at = chance.choice((0, chance.randrange(len(content) + 1)))
        return content[:at] + b"\0" * (len(content) - at)

    _rewrite(path, change)
    return f"zeros in {path.name}"


def _lines(folder: Path, chance: random.Random) -> str:
    path = _file(folder, chance, LINES)

    def change(content: bytes) -> bytes:
        lines = content.split(b"\n")
        match chance.randrange(5):
            case 0:
                chance.shuffle(lines)
            case 1:
                lines = lines[::-1]
            case 2:
                lines = [line for line in lines for _ in range(chance.choice((0, 1, 2)))]
            case 3:
                lines[chance.randrange(len(lines))] = b'{"text":"' + b"a" * (3 << 20) + b'"}'
            case _:
                lines[chance.randrange(len(lines))] = chance.choice(
                    (b"[]", b"1", b"null", b"{}", b'"x"', b"{" * 99_999)
                )
        return b"\n".join(lines)

    _rewrite(path, change)
    return f"lines of {path.name}"


def _value(folder: Path, chance: random.Random) -> str:
    """Another value, or none, at some place of an object or of a line."""
    path = _file(folder, chance)
    where = ""

    def change(content: bytes) -> bytes:
        nonlocal where
        is_lines = path.name in LINES
        lines = content.split(b"\n")
        number = chance.randrange(len(lines)) if is_lines else 0
        try:
            value = json.loads(lines[number] if is_lines else content)
        except ValueError:
            return content
        where = _change_somewhere(value, chance)
        made = json.dumps(value).encode()
        if not is_lines:
            return made
        lines[number] = made
        return b"\n".join(lines)

    _rewrite(path, change)
    return f"{path.name}{where}"


def _change_somewhere(value: Any, chance: random.Random) -> str:
    """Walk down a random way and change what is there; gives the way."""
    way = ""
    while True:
        if isinstance(value, dict) and value:
            key: Any = chance.choice(list(value))
        elif isinstance(value, list) and value:
            key = chance.randrange(len(value))
        else:
            return way
        way += f".{key}"
        inner = value[key]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.85:
            value = inner
            continue
        if chance.random() < 0.2:
            del value[key]
            return f"{way} is gone"
        value[key] = chance.choice((*_VALUES, float("nan"), float("inf")))
        return f"{way} = {value[key]!r:.40}"


def _gone(folder: Path, chance: random.Random) -> str:
    path = _file(folder, chance)
    path.unlink(missing_ok=True)
    return f"{path.name} is gone"


def _in_the_way(folder: Path, chance: random.Random) -> str:
    """Something else that has the name of a file."""
    path = _file(folder, chance)
    path.unlink(missing_ok=True)
    if chance.random() < 0.5:
        path.mkdir()
    else:
        path.symlink_to(chance.choice(("/nonexistent", path.name, "/dev/null")))
    return f"{path.name} is no file"


def _swapped(folder: Path, chance: random.Random) -> str:
    one, other = _file(folder, chance), _file(folder, chance)
    if one.is_file() and other.is_file() and one != other:
        content = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(content)
    return f"{one.name} and {other.name} are swapped"


_MUTATIONS: tuple[Mutate, ...] = (
    _flip_bits, _flip_bits, _put_bytes, _put_bytes, _cut, _cut_start, _zeros, _lines, _lines,
    _value, _value, _value, _value, _value, _value, _gone, _in_the_way, _swapped,
)  # fmt: skip
