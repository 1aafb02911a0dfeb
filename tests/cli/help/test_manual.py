"""The manual page has every command and flag, and is what `man` can show."""

import re
import subprocess

import pytest
from tests.support import places
from tests.support.programs import require

from hls_swarm import __version__
from hls_swarm.cli.commands import commands
from hls_swarm.cli.help.manual import manual

TABLE = tuple(commands().values())
PAGE = manual(TABLE, __version__)


def test_it_has_every_command_and_flag() -> None:
    plain = PAGE.replace(r"\-", "-").replace("[no-]", "")
    assert [command.name for command in TABLE if f".B {command.name}\n" not in plain] == []
    flags = {flag.spelling for command in TABLE for flag in command.all_flags}
    assert [flag for flag in flags if not re.search(rf"^\.B {re.escape(flag)}\b", plain, re.MULTILINE)] == []


def test_no_text_is_a_request_of_the_formatter() -> None:
    known = {"TH", "nh", "SH", "SS", "B", "I", "br", "PP", "TP", "nf", "fi", "RS", "RE"}
    assert {line[1:].split()[0] for line in PAGE.splitlines() if line.startswith(".")} <= known
    assert not any(line.startswith("'") for line in PAGE.splitlines())


def test_the_page_in_the_repository_is_this_one() -> None:
    assert (places.ROOT / "docs/man/hls-swarm.1").read_text(encoding="utf-8") == PAGE


@pytest.mark.system
def test_groff_has_nothing_to_say_against_it() -> None:
    done = subprocess.run(
        [require("groff"), "-man", "-ww", "-Tutf8"], input=PAGE, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    assert "load an HLS origin with realistic viewers" in done.stdout
