"""Every command that the documents and the help show is one that the program takes."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.places import ROOT

from hls_swarm.cli import main
from hls_swarm.cli.actions import Actions
from hls_swarm.cli.help.texts import EXAMPLES

PAGES = (ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "decisions"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\s*(?:- |run: )?((?:timeout \S+ )?hls-swarm (?:.|\\\n)*?)(?<!\\)$", re.MULTILINE)
FOLDED = re.compile(r"(?<=[^\\])\n\s+(?=--|\"\$|http)")
SHELL = {"|", ">", ">>", "&&", "||", "<", ";", "&"}


def typed_in(block: str) -> str:
    """What stands behind the prompts of a terminal."""
    return "\n".join(line[2:] for line in block.splitlines() if line.startswith("$ "))


def commands_of(page: Path) -> Iterator[str]:
    """Commands in blocks, lines that are continued as one; a plain word for what a shell would fill in."""
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language not in {"", "sh", "console", "yaml"}:
            continue
        typed = typed_in(block) if language == "console" else block
        text = FOLDED.sub(" ", typed.replace("\\\n", " "))
        for command in (each for each in COMMAND.findall(text) if "[flags]" not in each):
            filled = re.sub(r'"?\$\{?\{?[ \w.]+\}?\}?"?', "http://origin/filled.m3u8", command)
            yield re.sub(r"\bURL\b", "http://origin/live.m3u8", filled)


CASES = [pytest.param(command, id=f"{page.stem}: {command[:70]}") for page in PAGES for command in commands_of(page)]
CASES += [
    pytest.param(command, id=f"help {name}: {command[:70]}")
    for name, text in EXAMPLES.items()
    for command in text.replace("\\\n", " ").splitlines()
]


@pytest.mark.slow
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
    assert len(CASES) > 60


def shell_of(page: Path) -> Iterator[str]:
    """What a person would paste into a shell: blocks of shell, and what stands behind a prompt."""
    for language, block in BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in {"sh", "bash"}:
            yield block
        elif language == "console":
            yield typed_in(block)


BLOCKS = [pytest.param(block, id=f"{page.stem}: {block.strip()[:50]}") for page in PAGES for block in shell_of(page)]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
OURS = re.compile(r"(?<![\w./~-])(?:deploy|docs|bench|tests|tools|requirements)/[\w./-]+\w")


@pytest.mark.parametrize("block", BLOCKS)
def test_a_shell_takes_it_and_what_it_names_is_there(block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(re.findall(r"(?:^|[;&|]\s*|\n\s*)make ([a-z-]+)", block)) <= TARGETS
    assert [name for name in OURS.findall(block) if not (ROOT / name).exists()] == []
