"""What must hold of every run folder, however damaged: every report, comparison and list of it ends in words."""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from xml.etree.ElementTree import fromstring

from tests.builders.folder_mutations import damaged
from tests.capacity.test_answer import found
from tests.support.made.run_folders import long_run

from hls_swarm.cli import main
from hls_swarm.judge.summary import to_json

CODES = {0, 1}
"""Read, or refused in words."""


class _Bytes(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8")

    @property
    def content(self) -> bytes:
        self.flush()
        return self.buffer.getvalue()  # type: ignore[attr-defined, no-any-return]  # it is a BytesIO


def made(folder: Path, *targets: str) -> None:
    """A run that found failures, origins' signals, findings and what a search for capacity comes to."""
    long_run(folder, seconds=54, viewers=4, targets=targets)
    (folder / "capacity.json").write_bytes(to_json(found().json_object()))


def said(arguments: Sequence[str]) -> tuple[int | str, bytes, str]:
    """What a command ends with, in this process: its exit code or its traceback, its output, its errors."""
    out, err = _Bytes(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code: int | str = main(list(arguments), {})
        except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
            code = traceback.format_exc()
    return code, out.content, err.getvalue()


def commands(folder: Path, good: Path, place: Path, every: bool) -> list[list[str]]:
    """Every way to look at the folder; or those that between them read everything."""
    run, html = str(folder), str(place / "page.html")
    few = [
        ["report", run, "--html", html, "--junit", "-"],
        ["report", run],
        ["compare", str(good), run],
        ["runs", "--folder", str(folder.parent)],
    ]
    if not every:
        return few
    return [
        *few,
        ["report", run, "--json"],
        ["report", run, "--markdown"],
        ["report", run, "--csv"],
        ["compare", run, str(good), "--markdown", "--all"],
        ["compare", run, run, "--html", html, "--fail-if-worse"],
        ["runs", "--folder", str(folder.parent), "--json"],
    ]


def trouble(good: Path, place: Path, seed: int, *, every: bool) -> str | None:
    """What is wrong with how a folder with the damage of this seed is read; None if nothing is."""
    parent = place / "runs"
    parent.mkdir(exist_ok=True)
    folder = parent / "damaged"
    what = damaged(good, folder, seed)
    for arguments in commands(folder, good, place, every):
        code, out, err = said(arguments)
        told = f"seed {seed}: {what}: {' '.join(arguments)}"
        if code not in CODES and not (code in {4, 99} and "--fail-if-worse" in arguments):
            return f"{told}: {code}\n{err}"
        if code == 1 and not (err.startswith("hls-swarm: ") and len(err.splitlines()) == 1):
            return f"{told}: refused without one line: {err!r}"
        if b"\x1b" in out or b"\0" in out:
            return f"{told}: something that acts on a terminal"
        if arguments[0] == "runs" and (code != 0 or not out.strip()):
            return f"{told}: the list is gone"
        if "--junit" in arguments and code == 0:
            fromstring(out)  # noqa: S314 - our own file
    return None


def main_of(good: Path, place: Path, seeds: range) -> int:
    """Try these seeds, and say on standard output what went wrong; gives how many did."""
    wrong = 0
    for seed in seeds:
        told = trouble(good, place, seed, every=True)
        if told is not None:
            wrong += 1
            sys.stdout.write(f"{told}{os.linesep}")
    return wrong
