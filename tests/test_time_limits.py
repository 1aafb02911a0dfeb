"""A test that waits for ever is ended by its time limit wherever it waits, and holds up nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.places import ROOT

WAITING = """
import asyncio, threading
import pytest, uvloop

@pytest.mark.timeout(1)
@pytest.mark.parametrize("wait", [
    lambda: asyncio.run(asyncio.sleep(600)), lambda: uvloop.run(asyncio.sleep(600)), threading.Event().wait,
])
def test_waits(wait):
    wait()

def test_comes_after_them():
    pass
"""


@pytest.mark.program
def test_who_waits_for_ever_fails(tmp_path: Path) -> None:
    (tmp_path / "test_waiting.py").write_text(WAITING)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "."]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert "3 failed, 1 passed" in done.stdout, done.stdout + done.stderr
