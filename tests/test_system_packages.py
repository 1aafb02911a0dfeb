"""What the tests of real programs start can be installed by one command on a new machine."""

import re

from tests.support.places import ROOT

NEEDED = re.compile(r"\brequire\(\s*['\"]([\w-]+)['\"]\s*\)")
OF_EVERY_SYSTEM = {"env"}


def test_every_program_that_a_test_requires_has_a_package() -> None:
    listed = set(re.findall(r"(?<=[\s\"])([\w-]+):[\w-]+", (ROOT / "tools/system-packages").read_text()))
    needed = {name for file in (ROOT / "tests").rglob("*.py") for name in NEEDED.findall(file.read_text())}
    assert {"nginx", "h2load", "chromium"} <= needed
    assert needed - listed - OF_EVERY_SYSTEM == set()
