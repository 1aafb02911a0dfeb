"""The commands that read run folders, from the command line to what they print and write."""

import json
import shlex
from pathlib import Path

import pytest
from tests.support.made.run_folders import long_run

from hls_swarm.cli import main
from hls_swarm.cli.actions import Actions
from hls_swarm.cli.reporting import CompareOptions, ReportOptions, RunsOptions


def parsed(argv: list[str]) -> object:
    seen: list[object] = []

    def take(options: object, *_: object) -> int:
        seen.append(options)
        return 7

    actions = Actions(run=take, demo=take, origin=take, log_exporter=take, report=take, compare=take, runs=take)
    assert main(argv, {}, actions) == 7
    (options,) = seen
    return options


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["report"], ReportOptions()),
        (["report", "nightly", "-html", "a.html"], ReportOptions(run="nightly", html="a.html")),
        (["report", "--junit=-", "nightly"], ReportOptions(run="nightly", junit="-")),
        (["compare", "a", "b"], CompareOptions(runs=("a", "b"))),
        (["compare", "a", "-fail-if-worse", "b", "c"], CompareOptions(runs=("a", "b", "c"), fail_if_worse=True)),
        (
            shlex.split(
                "compare a b -metric segment_* --ignore=origin_cpu_percent -worse-than 10% -baseline c -baseline d"
            ),
            CompareOptions(
                runs=("a", "b"),
                baseline=("c", "d"),
                metric=("segment_*",),
                ignore=("origin_cpu_percent",),
                worse_than="10%",
            ),
        ),
        (["runs", "-folder", "old"], RunsOptions(folder="old")),
    ],
)
def test_flags_and_arguments_become_options(argv: list[str], expected: object) -> None:
    assert parsed(argv) == expected


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["compare", "a"], "RUN: a comparison needs a baseline and at least one other run"),
        (["compare"], "RUN: a comparison needs a baseline and at least one other run"),
        (["compare", "a", "b", "--worse-than", "10x"], "--worse-than: '10x' is no share: write it like 2%"),
        (["compare", "a", "b", "--metric", "segment_downlod_seconds"], "did you mean segment_download_seconds"),
        (["report", "a", "b"], "report: takes one RUN besides flags"),
        (["report", "--json", "--csv"], "--csv: and --json both print: ask for one of them"),
        (["report", "--junit", "-", "--markdown"], "--junit: and --markdown both print"),
        (["report", "--htm", "x"], "--htm: there is no such flag: did you mean --html?"),
        (["runs", "x"], "runs: takes nothing besides flags"),
    ],
)
def test_mistakes_are_usage_errors(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv, {}) == 2
    assert words in capsys.readouterr().err


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parent = tmp_path_factory.mktemp("parent")
    long_run(parent / "runs" / "before", seconds=60, seed=1)
    long_run(parent / "runs" / "after", seconds=60, seed=2, slower=1.5)
    return parent


@pytest.mark.slow
def test_a_report_prints_or_writes_what_is_asked_for(
    folders: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders)
    assert main(["report", "before"], {}) == 0
    assert capfd.readouterr().out.startswith("PASS: 40 of 40 viewers played, 60.5 s")
    assert main(["report", "before", "--json"], {}) == 0
    assert json.loads(capfd.readouterr().out)["schema"] == "hls-swarm/summary/1"
    files = {name: tmp_path / name for name in ("report.html", "junit.xml")}
    argv = ["report", "before", "--html", str(files["report.html"]), "--junit", str(files["junit.xml"])]
    assert main(argv, {}) == 0
    assert capfd.readouterr().out == ""
    assert files["report.html"].read_text().startswith("<!DOCTYPE html>")
    assert files["junit.xml"].read_text().startswith("<?xml")
    assert main(["report", "before", "--html", str(tmp_path / "no/such/folder.html")], {}) == 1
    assert "no/such/folder.html can not be written: no such file or directory" in capfd.readouterr().err
    assert main(["report", "weekly"], {}) == 1
    assert "there is no such run" in capfd.readouterr().err


def test_a_comparison_fails_a_build_only_if_it_is_asked_to(
    folders: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders)
    assert main(["compare", "before", "after"], {}) == 0
    assert "WORSE: " in capfd.readouterr().out
    assert main(["compare", "before", "after", "--fail-if-worse", "--markdown"], {}) == 99
    assert capfd.readouterr().out.startswith("## ❌ WORSE: ")
    assert main(["compare", "before", "before", "--fail-if-worse"], {}) == 0


def test_runs_are_listed(folders: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folders)
    assert main(["runs"], {}) == 0
    listed = capfd.readouterr().out
    assert "before" in listed
    assert "pass" in listed
    assert main(["runs", "--folder", "nowhere"], {}) == 0
    assert capfd.readouterr().out == "No runs in nowhere.\n"
