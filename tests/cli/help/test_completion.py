"""Shells complete: the scripts are run by the shells themselves."""

import subprocess
from pathlib import Path

import pytest
from tests.cli.test_cli import complaint
from tests.support.programs import require

from hls_swarm.cli import main
from hls_swarm.cli.commands import commands
from hls_swarm.cli.help.completion import SHELLS, completion

TABLE = tuple(commands().values())

_ASK_BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_hls_swarm
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    for shell in SHELLS:
        (folder / shell).write_text(completion(shell, TABLE), encoding="utf-8")
    return folder


def ask(*command: str, cwd: Path) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=cwd)
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line]


def bash(scripts: Path, *words: str) -> list[str]:
    return ask("bash", "--norc", "-c", _ASK_BASH, "bash", str(scripts / "bash"), "hls-swarm", *words, cwd=scripts)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["--cli"], ["--clients", "--client-certificate", "--client-key"]),
        (["-cli"], ["-clients", "-client-certificate", "-client-key"]),
        (["run", "--ramp-j"], ["--ramp-jitter"]),
        (["de"], ["demo"]),
        (["h"], ["help"]),
        (["--profile", ""], ["hlsjs", "media3", "shaka", "ffmpeg", "steady"]),
        (["-profile", "s"], ["shaka", "steady"]),
        (["--profile", "=", "me"], ["media3"]),
        (["--arrivals", ""], ["even", "poisson"]),
        (["--clients", ""], []),
        (["--no-t"], ["--no-tui"]),
        (["origin", "--dvr"], ["--dvr-window"]),
        (["origin", "--clien"], []),
        (["demo", "--ca"], []),
        (["--help", "ori"], ["origin"]),
        (["help", "comp"], ["compare"]),
        (["help", "run", "load"], ["load"]),
        (["completion", "z"], ["zsh"]),
        (["--config", "ba"], ["bash"]),
        (["--output", "ru"], ["runs"]),
        (["report", "ru"], ["runs"]),
    ],
    ids=" ".join,
)
def test_bash_completes(scripts: Path, words: list[str], offered: list[str]) -> None:
    (scripts / "runs").mkdir(exist_ok=True)
    assert bash(scripts, *words) == offered


def test_bash_offers_every_flag_of_every_command(scripts: Path) -> None:
    for command in TABLE:
        offered = set(bash(scripts, command.name, "--"))
        assert {flag.spelling for flag in command.all_flags if not flag.is_argument} <= offered


@pytest.mark.system
def test_fish_completes(scripts: Path) -> None:
    fish = require("fish")
    offered = {}
    for line in ("hls-swarm --client", "hls-swarm --profile s", "hls-swarm de", "hls-swarm origin --dv"):
        found = ask(str(fish), "-c", f"source {scripts / 'fish'}; complete -C '{line}'", cwd=scripts)
        offered[line.rpartition(" ")[2]] = {each.partition("\t")[0] for each in found}
    assert offered == {
        "--client": {"--clients", "--client-certificate", "--client-key"},
        "s": {"shaka", "steady"},
        "de": {"demo"},
        "--dv": {"--dvr-window"},
    }


@pytest.mark.system
def test_zsh_reads_its_script(scripts: Path) -> None:
    zsh = require("zsh")
    assert ask(str(zsh), "-n", str(scripts / "zsh"), cwd=scripts) == []
    begin = f"autoload -U compinit; compinit -u -d {scripts}/dump; source {scripts}/zsh; print $_comps[hls-swarm]"
    assert ask(str(zsh), "-f", "-c", begin, cwd=scripts) == ["_hls_swarm"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["completion"], "completion: name a shell, bash, zsh, fish"),
        (["completion", "bsh"], "completion: name a shell, bash, zsh, fish: did you mean bash?"),
        (["completion", "bash", "zsh"], "completion: name a shell, bash, zsh, fish"),
    ],
)
def test_a_shell_must_be_named(capsys: pytest.CaptureFixture[str], argv: list[str], said: str) -> None:
    code, line = complaint(capsys, argv)
    assert (code, line[: len(said)]) == (2, said)


def test_the_command_writes_the_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"], {}) == 0
    assert capsys.readouterr() == (completion("bash", TABLE), "")
