"""The documents say what there is: the layers, the rooms, the files that they point to."""

import re
import tomllib
from pathlib import Path

import pytest
from tests.support.places import ROOT

PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
SOURCE, TESTS = ROOT / "src/hls_swarm", ROOT / "tests"
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
ROOM = re.compile(r"^\| `([a-z0-9_.]+)` \|", re.MULTILINE)


def architecture() -> str:
    return (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def test_the_layers_are_those_of_the_contract() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = "\n".join(next(contract["layers"] for contract in contracts if contract["type"] == "layers"))
    assert f"```\n{layers}\n```" in architecture()


def test_every_room_is_in_the_table() -> None:
    folders = {".".join(init.parent.relative_to(SOURCE).parts) for init in SOURCE.rglob("*/__init__.py")}
    files = {path.stem for path in SOURCE.glob("*.py") if not path.stem.startswith("__")}
    assert sorted(ROOM.findall(architecture())) == sorted(folders | files)


def test_the_folders_of_tests_are_those_of_the_code() -> None:
    folders = {path.parent.relative_to(TESTS) for path in TESTS.rglob("test_*.py") if "node_modules" not in path.parts}
    assert {str(folder) for folder in folders if not (SOURCE / folder).is_dir()} == {"chaos", "system", "truth"}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_list_of_decisions_is_whole() -> None:
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert listed == sorted(path.name for path in folder.glob("[0-9]*.md"))
