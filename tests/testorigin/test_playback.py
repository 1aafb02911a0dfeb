"""ffmpeg and ffprobe as judges: the stream plays over loop joins and the 33-bit wrap without a complaint."""

import asyncio
import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.support.programs import require

from hls_swarm.testorigin import LogTo, OriginProcess, OriginSettings
from hls_swarm.testorigin.media.clip import ClipVariant, load_clip
from hls_swarm.testorigin.media.restamp import VariantStream

pytestmark = pytest.mark.system

VARIANTS = load_clip()
LAST_PART_OF_A_LOOP = len(VARIANTS[0].parts) - 1
WRAP_PART = (1 << 33) // 90_000 // 2

every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=[variant.name for variant in VARIANTS])
every_join = pytest.mark.parametrize(
    "first",
    [
        pytest.param(LAST_PART_OF_A_LOOP - 2, id="the first loop"),
        pytest.param(LAST_PART_OF_A_LOOP + 4000 - 2, id="a late loop"),
    ],
)


def quietly(*command: str) -> str:
    """What a program prints, if it has nothing to complain of."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def probe(*arguments: str) -> dict[str, Any]:
    """What ffprobe says, if it has nothing to complain of."""
    found: dict[str, Any] = json.loads(quietly(require("ffprobe"), "-v", "warning", "-of", "json", *arguments))
    return found


def joined(variant: ClipVariant, first: int, folder: Path) -> str:
    """Six consecutive parts in one file."""
    stream = VariantStream(variant)
    path = folder / f"{variant.name}.ts"
    path.write_bytes(b"".join(stream.part(nth) for nth in range(first, first + 6)))
    return str(path)


@every_variant
@every_join
def test_joined_segments_decode_without_a_complaint(variant: ClipVariant, first: int, tmp_path: Path) -> None:
    file = joined(variant, first, tmp_path)
    quietly(require("ffmpeg"), "-v", "warning", "-xerror", "-i", file, "-f", "null", "-")


@every_variant
@every_join
def test_joined_segments_have_even_timestamps(variant: ClipVariant, first: int, tmp_path: Path) -> None:
    file = joined(variant, first, tmp_path)
    packets = probe("-show_entries", "packet=codec_type,pts,dts,flags", file)["packets"]
    video = [packet for packet in packets if packet["codec_type"] == "video"]
    audio = [packet for packet in packets if packet["codec_type"] == "audio"]
    assert len(video) == 6 * 2 * 25
    assert 6 * 2 * 48_000 // 1024 - 1 <= len(audio) <= 6 * 2 * 48_000 // 1024 + 1
    assert {later["dts"] - earlier["dts"] for earlier, later in pairwise(video)} == {3600}
    assert {later["pts"] - earlier["pts"] for earlier, later in pairwise(audio)} == {1920}
    assert sorted(packet["pts"] for packet in video) == [video[0]["pts"] + 3600 * nth for nth in range(len(video))]
    assert [nth for nth, packet in enumerate(video) if "K" in packet["flags"]] == [0, 50, 100, 150, 200, 250]
    assert abs(audio[0]["pts"] - video[0]["dts"]) < 3600


@every_variant
def test_the_wrap_of_33_bits_decodes_without_a_complaint(variant: ClipVariant, tmp_path: Path) -> None:
    file = joined(variant, WRAP_PART - 2, tmp_path)
    quietly(require("ffmpeg"), "-v", "warning", "-xerror", "-i", file, "-f", "null", "-")


@every_variant
def test_segments_have_the_codecs_that_the_playlist_says(variant: ClipVariant, tmp_path: Path) -> None:
    found = probe("-show_streams", "-show_programs", joined(variant, 0, tmp_path))
    video, audio = found["streams"]
    assert (video["codec_name"], video["width"], video["height"]) == ("h264", variant.width, variant.height)
    assert (video["r_frame_rate"], video["field_order"]) == ("25/1", "progressive")
    profile = {"Main": "4d", "High": "64"}[video["profile"]]
    assert variant.codecs.split(",")[0] == f"avc1.{profile}{variant.codecs[7:9]}{video['level']:02x}"
    assert (audio["codec_name"], audio["profile"], audio["sample_rate"], audio["channels"]) == ("aac", "LC", "48000", 2)
    assert [program["tags"]["service_name"] for program in found["programs"]] == [f"hls-swarm {variant.name}"]


def test_a_decoded_picture_moves_on_evenly_over_the_join(tmp_path: Path) -> None:
    """No frame is shown twice: each is different from the one before, through the loop join too."""
    file = joined(VARIANTS[0], LAST_PART_OF_A_LOOP - 1, tmp_path)
    hashes = quietly(require("ffmpeg"), "-v", "error", "-i", file, "-map", "0:v", "-f", "framemd5", "-").splitlines()
    frames = [line.rsplit(",", 1)[1] for line in hashes if not line.startswith("#")]
    assert len(frames) == 300
    assert all(earlier != later for earlier, later in pairwise(frames))


@pytest.mark.parametrize("first", [LAST_PART_OF_A_LOOP - 2, WRAP_PART - 3], ids=["loop join", "33-bit wrap"])
def test_ffmpeg_plays_the_live_stream_over_a_join(first: int) -> None:
    async def block() -> None:
        async with OriginProcess(OriginSettings(port=0, access_log=LogTo.NOWHERE, first_segment=first)) as address:
            player = [require("ffmpeg"), "-v", "warning", "-live_start_index", "0", "-i", address.stream_url]
            output = ["-t", "10", "-f", "null", "-"]
            await asyncio.to_thread(quietly, *player, *output)

    asyncio.run(block())


def test_ffprobe_finds_three_programs_in_the_live_stream() -> None:
    async def block() -> dict[str, Any]:
        async with OriginProcess(OriginSettings(port=0, access_log=LogTo.NOWHERE)) as address:
            return await asyncio.to_thread(probe, "-show_programs", address.stream_url)

    programs = asyncio.run(block())["programs"]
    assert [program["tags"]["variant_bitrate"] for program in programs] == ["800128", "1600256", "3000480"]
    assert [[stream["codec_name"] for stream in program["streams"]] for program in programs] == [["h264", "aac"]] * 3
    assert [program["streams"][0]["height"] for program in programs] == [360, 540, 720]
