"""The command at the end of a run: what it is given, and what is said if it fails."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from hls_swarm.foreign import masked
from hls_swarm.results.logs import secrets_of
from hls_swarm.run.end_hook import hook_environment, run_hook
from hls_swarm.settings.run import Settings

ENVIRON = {"PATH": os.environ["PATH"]}


def hook(command: str | None, summary: bytes = b"{}", most_seconds: float = 30.0, **environ: str) -> str | None:
    return asyncio.run(run_hook(command, {**ENVIRON, **environ}, summary, most_seconds))


def test_the_environment_says_where_and_what() -> None:
    assert hook_environment({"A": "b"}, Path("/r/x"), "fail", 99) == {
        "A": "b",
        "HLS_SWARM_RUN_FOLDER": "/r/x",
        "HLS_SWARM_RUN_VERDICT": "fail",
        "HLS_SWARM_RUN_EXIT_CODE": "99",
    }
    assert hook_environment({}, Path("x"), "pass", 0)["HLS_SWARM_RUN_FOLDER"] == str(Path.cwd() / "x")
    assert "HLS_SWARM_RUN_FOLDER" not in hook_environment({}, None, "pass", 0)


def test_it_has_the_environment_and_the_summary(tmp_path: Path) -> None:
    said = tmp_path / "said"
    assert hook(f'cat > "{said}"; echo "$WHERE" >> "{said}"', b'{"verdict": "pass"}\n', WHERE="here") is None
    assert said.read_text() == '{"verdict": "pass"}\nhere\n'


def test_what_it_prints_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert hook("echo one; echo two >&2") is None
    assert capfd.readouterr() == ("", "one\ntwo\n")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (None, None),
        ("true", None),
        ("exit 3", "--on-end: it failed with exit code 3"),
        ("kill -9 $$", "--on-end: it was ended by SIGKILL"),
    ],
)
def test_a_failure_is_said(command: str | None, said: str | None) -> None:
    assert hook(command) == said


def test_it_need_not_read_its_input() -> None:
    assert hook("true", b"x" * (1 << 20)) is None


def test_one_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    late = tmp_path / "late"
    begun = time.monotonic()
    assert hook(f"(sleep 60; touch {late}) & sleep 60; true", most_seconds=0.3) == (
        "--on-end: it was not done after 0.3 s, and was ended"
    )
    assert time.monotonic() - begun < 30.0
    assert not late.exists()


def test_the_command_is_in_no_file() -> None:
    settings = Settings(url="http://o/", on_end="curl https://hooks.example/T0KEN")
    assert settings.without_secrets().on_end == "***"
    assert "T0KEN" not in masked(f"--on-end '{settings.on_end}'", secrets_of(settings))
