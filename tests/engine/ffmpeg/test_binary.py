"""Finding an ffmpeg and asking it what it is; real binaries, and programs that are none."""

import asyncio
import importlib
import shutil
from pathlib import Path

import pytest
from tests.support.programs import require

from hls_swarm.engine.ffmpeg.binary import FfmpegBinary, ask_ffmpeg, find_ffmpeg
from hls_swarm.engine.ffmpeg.fleet import check_machine, descriptors_for_processes, other_engine, process_limit
from hls_swarm.engine.native.identities import Identities, Lists
from hls_swarm.errors import PreflightError
from hls_swarm.settings.run import Settings


def program(folder: Path, script: str) -> str:
    """A shell script in the place of ffmpeg."""
    file = folder / "ffmpeg"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(file)


def ask(path: str) -> FfmpegBinary:
    """What it says of itself."""
    return asyncio.run(ask_ffmpeg(path))


@pytest.mark.system
def test_debians_binary_is_understood() -> None:
    binary = ask(require("ffmpeg"))
    major = int(binary.version.partition(".")[0])
    assert major >= 5
    assert binary.stamps is (major >= 8)
    assert {"readrate", "rw_timeout", "progress"} <= binary.options


@pytest.mark.system
def test_the_wheels_binary_is_understood() -> None:
    wheel = pytest.importorskip("imageio_ffmpeg", reason="SKIPPED PART: imageio-ffmpeg is not installed")
    binary = ask(str(importlib.import_module(wheel.__name__).get_ffmpeg_exe()))
    assert binary.stamps
    assert binary.verifies
    assert {"seg_max_retry", "readrate_initial_burst"} <= binary.options


GOOD = """case "$*" in
*-version*) echo "ffmpeg version n6.1 Copyright"; case "$*" in *datetime*) exit 1;; esac;;
*) printf 'hls demuxer AVOptions:\\n-progress url\\n-stats_period time\\n'
   printf '  -rw_timeout <int64>\\n  -seg_max_retry <int>\\n';;
esac"""


def test_options_are_those_of_its_help(tmp_path: Path) -> None:
    binary = ask(program(tmp_path, GOOD))
    assert binary == FfmpegBinary(
        str(tmp_path / "ffmpeg"),
        "6.1",
        frozenset({"progress", "stats_period", "rw_timeout", "seg_max_retry"}),
        reports_by_packet=True,
    )


@pytest.mark.parametrize(
    ("script", "words"),
    [
        pytest.param("exit 0", "is no ffmpeg: asked for its version it said nothing", id="silent"),
        pytest.param("echo hello", "is no ffmpeg: asked for its version it said 'hello'", id="something else"),
        pytest.param("echo ffmpeg version 7.0", "was built without HLS", id="without HLS"),
        pytest.param(
            "printf 'ffmpeg version 4.4\\nhls demuxer AVOptions:\\n'",
            "4.4. is too old: it does not know -progress",
            id="old",
        ),
    ],
)
def test_what_can_not_play_is_refused(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(PreflightError, match=words):
        ask(program(tmp_path, script))


def test_a_name_that_is_no_program() -> None:
    with pytest.raises(PreflightError, match=r"--ffmpeg: nosuchffmpeg is no program"):
        find_ffmpeg("nosuchffmpeg")


def test_a_file_that_is_named_is_taken(tmp_path: Path) -> None:
    path = program(tmp_path, GOOD)
    assert find_ffmpeg(path) == path
    if shutil.which("ffmpeg"):
        assert find_ffmpeg(None) == shutil.which("ffmpeg")


def test_too_many_processes_are_refused_with_the_numbers() -> None:
    settings = Settings(url="http://h/a.m3u8", engine="ffmpeg", clients=9_000_000)
    with pytest.raises(
        PreflightError, match=r"too little memory: 9,000,000 ffmpeg processes need about 144,000,000 MiB"
    ):
        check_machine(settings, 9_000_000)
    check_machine(Settings(url="http://h/a.m3u8"), 9_000_000)  # native viewers are none


def test_descriptors_of_the_fullest_worker() -> None:
    settings = Settings(url="http://h/a.m3u8", engine="ffmpeg", clients=7)
    assert descriptors_for_processes(settings, 7, 2) == 12
    assert descriptors_for_processes(Settings(url="http://h/a.m3u8"), 7, 2) == 0


def test_the_limit_of_processes_is_named() -> None:
    limit, what = process_limit()
    assert limit is None or limit > 0
    assert (limit is None) == (what == "")


def test_without_a_plan_all_viewers_are_native() -> None:
    async def main() -> None:
        settings = Settings(url="http://h/a.m3u8")
        assert other_engine(settings, None, Identities.of(settings, Lists()), asyncio.get_running_loop()) is None

    asyncio.run(main())
