"""The page of what to do: every suspect has its place there, and no other name has."""

import re
from pathlib import Path

from hls_swarm.capacity.verdict.suspects import SUSPECTS

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "what-gave-out.md"


def test_every_suspect_has_what_to_look_at_and_nothing_else_has() -> None:
    text = PAGE.read_text(encoding="utf-8")
    names = re.findall(r"^### (\S+)$", text, re.MULTILINE)
    assert sorted(names) == sorted(suspect.name for suspect in SUSPECTS)
    parts = re.split(r"^##+ .*$", text, flags=re.MULTILINE)
    assert sum(len(part.split()) >= 25 for part in parts) >= len(SUSPECTS)
