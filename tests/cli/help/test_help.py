"""Help for newcomers: what matters first, the rest by topic, at any width."""

import re

import pytest
from tests.cli.test_cli import complaint

from hls_swarm import __version__
from hls_swarm.cli import main
from hls_swarm.cli.commands import commands
from hls_swarm.cli.help.page import ALL, FEW, FIRST, help_page, topics
from hls_swarm.cli.help.texts import EXAMPLES, NOTES

TABLE = commands()


def told(capsys: pytest.CaptureFixture[str], argv: str) -> str:
    assert main(argv.split(), {}) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_all_of_a_command_fits_the_terminal(name: str, columns: int) -> None:
    page = help_page(TABLE[name], TABLE.values(), ALL, columns)
    typed = (EXAMPLES[name] + NOTES.get(name, "")).splitlines()
    words = [line for line in page.splitlines() if line.strip() not in {each.strip() for each in typed}]
    assert [line for line in words if len(line) > columns and not line.startswith("Usage: ")] == []
    for flag in TABLE[name].all_flags:
        spelling = flag.spelling if flag.default is not None else flag.spelling.replace("--", "--[no-]", 1)
        assert flag.spelling in page or spelling in page
        assert f"{flag.section}:\n" in page


@pytest.mark.parametrize("argv", ["--help", "-help", "-h", "run --help", "help", "help run", "--clients 5 --help"])
def test_short_help_has_what_matters_first(capsys: pytest.CaptureFixture[str], argv: str) -> None:
    page = told(capsys, argv)
    lines = page.splitlines()
    assert lines[2] == "Usage: hls-swarm [run] [flags] URL"
    assert lines[4] == "Examples:"
    shown = re.findall(r"^  (?:--(?:\[no-\])?([a-z-]+)|URL)", page, re.MULTILINE)
    assert [name or "url" for name in shown] == [field.replace("_", "-") for field in FIRST["run"]]
    assert len(lines) < 68
    assert [name for name in (*TABLE, "help", "version") if f"\n  {name} " not in page] == []


def test_every_first_flag_is_one() -> None:
    for name, fields in FIRST.items():
        known = {flag.field for flag in TABLE[name].all_flags}
        assert set(fields) - known <= ({"url", "origin_metrics_host"} if name == "demo" else set())


@pytest.mark.parametrize("name", TABLE)
def test_every_topic_has_its_flags_and_no_others(capsys: pytest.CaptureFixture[str], name: str) -> None:
    flags = TABLE[name].all_flags
    seen = [line for topic in topics(flags) for line in told(capsys, f"help {name} {topic}").splitlines()]
    rows = [line.split()[0].replace("[no-]", "") for line in seen if line.startswith("  ") and line[2] != " "]
    assert sorted(rows) == sorted(flag.spelling for flag in flags)


@pytest.mark.parametrize(
    ("argv", "first"),
    [
        ("--help origin", "Origin metrics:"),
        ("run -h ffmpeg", "ffmpeg viewers:"),
        ("help run load", "Load:"),
        ("help viewers", "Viewers:"),
        ("help origin", "Serve a small HLS origin to try things out on."),
        ("--help --threshold", "Output:"),
        ("help capacity --slo", "Capacity:"),
        ("--help http://origin/a.m3u8", "Load an HLS origin with realistic viewers and say how they fared."),
    ],
)
def test_help_by_topic(capsys: pytest.CaptureFixture[str], argv: str, first: str) -> None:
    assert told(capsys, argv).splitlines()[0] == first


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("--help viewrs", "help has no topic 'viewrs': did you mean viewers?"),
        ("--help users", "help has no topic 'users': did you mean --clients?"),
        ("help run zzz", "help has no topic 'zzz': there are load, machines, viewers, connections, ffmpeg,"),
        ("help demmo", "'demmo' is not a command: did you mean demo?"),
        ("version please", "version: takes nothing but --verbose"),
        ("hlep", "'hlep' is not a command: did you mean help?"),
    ],
)
def test_what_there_is_no_help_for(capsys: pytest.CaptureFixture[str], argv: str, said: str) -> None:
    code, line = complaint(capsys, argv.split())
    assert (code, line[: len(said)]) == (2, said)


def test_few_flags_are_all_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(TABLE["runs"].all_flags) <= FEW
    page = told(capsys, "runs --help")
    assert "--folder" in page
    assert "--config" in page


@pytest.mark.parametrize("argv", ["--version", "-version", "version", "run --version"])
def test_version(capsys: pytest.CaptureFixture[str], argv: str) -> None:
    assert told(capsys, argv) == f"hls-swarm {__version__}\n"


@pytest.mark.parametrize("argv", ["--version --verbose", "--verbose --version", "version --verbose", "version -v"])
def test_a_verbose_version_says_what_a_report_needs(capsys: pytest.CaptureFixture[str], argv: str) -> None:
    facts = dict(line.split("  ", 1) for line in told(capsys, argv).splitlines())
    assert facts["hls-swarm"].strip() == __version__
    wanted = {"Python", "platform", "kernel", "OpenSSL", "MSG_TRUNC", "SO_RCVLOWAT", "uvloop", "httptools", "ffmpeg"}
    assert wanted <= set(facts)
    assert facts["MSG_TRUNC"].strip() in {"used", "not used"}


def test_what_follows_two_dashes_asks_for_no_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = complaint(capsys, ["--", "--help"])
    assert code == 2
