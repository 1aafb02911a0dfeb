"""Scripts of the first implementation work as they stand."""

import shlex
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hls_swarm.cli import main, main_by_old_name
from hls_swarm.cli.actions import Actions
from hls_swarm.cli.commands import commands
from hls_swarm.cli.flags.old import DEFAULTS, TABLE, old_flags, translate
from hls_swarm.settings.run import Settings

URL = "http://origin/stream.m3u8"

TAKEN: dict[str, list[tuple[str, dict[str, object]]]] = {
    "probe-failure-policy": [
        ("-probe-failure-policy fallback", {"ffmpeg_probe_failure": "first"}),
        ("-probe-failure-policy=fail", {"ffmpeg_probe_failure": "fail"}),
    ],
    "reconnect": [("-reconnect", {"ffmpeg_reconnect": True}), ("-reconnect=false", {"ffmpeg_reconnect": False})],
    "reconnect-delay": [("-reconnect-delay 7", {"ffmpeg_reconnect_delay": 7.0})],
    "seg-retry": [("--seg-retry=0", {"ffmpeg_segment_retries": 0})],
    "timeout": [("-timeout 20s", {"timeout": 20.0})],
    "target-duration": [("-target-duration 1m30s", {"ffmpeg_target_duration": 90.0})],
    "restart-on-stall": [("--restart-on-stall", {"ffmpeg_restart_on_stall": True})],
    "stats-buffer": [
        ("-stats-buffer 1000", {"ffmpeg_log_lines": 5000}),
        ("-stats-buffer 20000", {"ffmpeg_log_lines": 20_000}),
    ],
    "v": [
        ("-v", {"log_level": "debug"}),
        ("--v", {"log_level": "debug"}),
        ("-v=true", {"log_level": "debug"}),
        ("-v=false", {}),
    ],
    "stats": [("-stats", {}), ("-stats=false", {})],
    "stats-loglevel": [("-stats-loglevel verbose", {})],
    "stats-drop-threshold": [("-stats-drop-threshold 0.01", {})],
    "ffmpeg-debug": [("-ffmpeg-debug", {})],
    "progress-socket": [("-progress-socket", {})],
    "skip-preflight": [("--skip-preflight", {})],
    "segment-sizes-url": [("-segment-sizes-url http://origin:17080/files/json/", {})],
    "segment-sizes-interval": [("--segment-sizes-interval 1s", {})],
    "segment-sizes-jitter": [("-segment-sizes-jitter=500ms", {})],
    "segment-cache-window": [("-segment-cache-window 300", {})],
}


def started(argv: Sequence[str], *, old_name: bool = False, environ: dict[str, str] | None = None) -> Settings:
    seen: list[Settings] = []

    def run(settings: Settings) -> int:
        seen.append(settings)
        return 0

    assert main(argv, environ or {}, _actions(run), old_name=old_name) == 0
    (settings,) = seen
    return settings


def _actions(run: Callable[[Settings], int]) -> Actions:
    def never(*_: Any) -> int:
        raise AssertionError

    return Actions(run=run, demo=never, origin=never, log_exporter=never)


def test_every_old_flag_is_in_the_table_above() -> None:
    assert list(TAKEN) == [flag.name for flag in TABLE]


@pytest.mark.parametrize(
    ("line", "expected"), [pytest.param(*case, id=case[0]) for cases in TAKEN.values() for case in cases]
)
def test_an_old_flag_is_what_it_is_today(
    capsys: pytest.CaptureFixture[str], line: str, expected: dict[str, Any]
) -> None:
    assert started([*shlex.split(line), URL]) == Settings(url=URL, **expected)
    name = line.lstrip("-").partition(" ")[0].partition("=")[0]
    flag = next(flag for flag in TABLE if flag.name == name)
    said = "" if flag.becomes else f"hls-swarm: -{name}: not needed any more: {flag.note}\n"
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("flag", TABLE, ids=lambda flag: flag.name)
def test_what_an_old_flag_becomes_is_a_flag_of_a_run(flag: Any) -> None:
    names = {known.name for known in commands()["run"].all_flags}
    assert flag.becomes in names | {""}
    assert flag.becomes or flag.note
    assert (flag.name in names) == flag.under_old_name


def test_needless_flags_of_one_reason_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    started(shlex.split(f"-segment-sizes-url u -segment-sizes-interval 1s -segment-sizes-url v {URL}"))
    err = capsys.readouterr().err
    assert err.startswith("hls-swarm: -segment-sizes-url, -segment-sizes-interval: not needed any more: the bytes ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-probe-failure-policy maybe", "-probe-failure-policy: 'maybe' is not one of fallback, fail"),
        ("-seg-retry three", "-seg-retry: 'three' is not a whole number"),
        ("-reconnect-delay 5s", "-reconnect-delay: '5s' is not a whole number"),
        ("-target-duration 6", "-target-duration: 6 has no unit: write 6s or 6ms"),
        ("-stats=maybe", "-stats: 'maybe' is neither true nor false"),
        ("-segment-cache-window", "-segment-cache-window: needs a value"),
        ("-reconnect-delay 0", "--ffmpeg-reconnect-delay: must be more than 0, not 0"),
    ],
)
def test_what_could_not_be_can_not_be(capsys: pytest.CaptureFixture[str], line: str, said: str) -> None:
    assert main([URL, *line.split()], {}, _actions(lambda _: 0)) == 2
    assert capsys.readouterr().err.startswith(f"hls-swarm: {said}")


def test_the_last_use_counts_old_or_new() -> None:
    assert started(["-seg-retry", "3", "--ffmpeg-segment-retries", "2", URL]).ffmpeg_segment_retries == 2
    assert started(["--ffmpeg-segment-retries", "2", "-seg-retry", "3", URL]).ffmpeg_segment_retries == 3


def test_what_follows_two_dashes_is_no_flag() -> None:
    assert translate(["--seg-retry=1", "--", "--seg-retry=2"], old_flags(old_name=False)) == (
        ["--ffmpeg-segment-retries=1", "--", "--seg-retry=2"],
        [],
    )


def test_the_old_name_has_the_old_defaults_and_meanings() -> None:
    defaults: dict[str, Any] = dict(DEFAULTS)
    assert started([URL], old_name=True) == Settings(url=URL, **defaults)
    line = f"-clients 50 -timeout 15s -engine native -tui=false -resolve 10.0.0.1 --dangerous {URL}"
    assert started(shlex.split(line), old_name=True) == Settings(
        url=URL,
        clients=50,
        tui=False,
        ffmpeg_timeout=15.0,
        resolve=("10.0.0.1",),
        dangerous=True,
        **{**defaults, "engine": "native"},
    )
    assert started([URL], old_name=True, environ={"HLS_SWARM_VARIANT": "lowest"}).variant == "lowest"
    assert started([URL]).engine == "native"


def test_the_old_name_is_a_command(capfd: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="go-ffmpeg-hls-swarm")
    assert script.load() is main_by_old_name
