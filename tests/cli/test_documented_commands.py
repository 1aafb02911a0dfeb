"""Every command that the documents and the help show is one that the program takes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.places import ROOT

from hls_swarm.cli import main
from hls_swarm.cli.commands import Actions
from hls_swarm.cli.help.texts import EXAMPLES

PAGES = (ROOT / "README.md", ROOT / "docs/tutorial.md", *sorted((ROOT / "docs/how-to").glob("*.md")))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\s*(?:- |run: )?((?:timeout \S+ )?hls-swarm (?:.|\\\n)*?)(?<!\\)$", re.MULTILINE)
FOLDED = re.compile(r"(?<=[^\\])\n\s+(?=--|\"\$|http)")
SHELL = {"|", ">", ">>", "&&", "||", "<", ";"}


def commands_of(page: Path) -> Iterator[str]:
    """Commands in blocks, lines that are continued as one; a plain word for what a shell would fill in."""
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language not in {"", "sh", "yaml"}:
            continue
        text = FOLDED.sub(" ", block.replace("\\\n", " "))
        for command in COMMAND.findall(text):
            filled = re.sub(r'"?\$\{?\{?[ \w.]+\}?\}?"?', "http://origin/filled.m3u8", command)
            yield re.sub(r"\bURL\b", "http://origin/live.m3u8", filled)


CASES = [pytest.param(command, id=f"{page.stem}: {command[:70]}") for page in PAGES for command in commands_of(page)]
CASES += [
    pytest.param(command, id=f"help {name}: {command[:70]}")
    for name, text in EXAMPLES.items()
    for command in text.replace("\\\n", " ").splitlines()
]


@pytest.mark.parametrize("command", CASES)
def test_it_is_taken(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(command, comments=True)
    end = next((place for place, word in enumerate(words) if word in SHELL), len(words))
    argv = words[words.index("hls-swarm") + 1 : end]

    def take(*_: Any) -> int:
        return 0

    names = ("run", "demo", "origin", "report", "compare", "runs", "log_exporter", "capacity", "attach", "agent")
    assert main(argv, {}, Actions(**dict.fromkeys(names, take))) == 0


def test_there_are_commands() -> None:
    assert len(CASES) > 40
