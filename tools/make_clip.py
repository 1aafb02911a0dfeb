"""Make the clip that the embedded origin streams: needs an ffmpeg with libx264 and drawtext, and DejaVu Sans Mono.

    python tools/make_clip.py

The picture (colour bars, a running clock, a square that sweeps, a flash each second) and the tone (a beep with each
flash) repeat with the clip's period. Three periods are encoded and the middle one is kept, so that its end and its
beginning meet as any two neighbouring frames do: encoder state, AAC overlap and interleaving are those of a stream that
has run for a while. 8 s are 200 frames at 25 fps and 375 AAC frames of 1,024 samples at 48 kHz.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import msgspec

from hls_swarm.testorigin.media.clip import INDEX_FILE, ClipDescription, VariantDescription
from hls_swarm.testorigin.media.mpegts import PACKET_BYTES, TICKS_PER_SECOND, Packet, read_packets

PERIOD_SECONDS = 8
PART_SECONDS = 2
FRAME_RATE = 25
SAMPLE_RATE = 48_000
AAC_FRAME_SAMPLES = 1024
VIDEO_PID, AUDIO_PID = 0x100, 0x101
MAX_CLIP_BYTES = 1_000_000

CLIP = Path(__file__).parent.parent / "src" / "hls_swarm" / "testorigin" / "clip"
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf"


@dataclass(frozen=True)
class Encoding:
    """One variant to make."""

    width: int
    height: int
    profile: str
    level: str
    bitrate: int

    @property
    def name(self) -> str:
        """What people call it: its lines."""
        return f"{self.height}p"


ENCODINGS = (
    Encoding(640, 360, "main", "3.0", 800_000),
    Encoding(960, 540, "main", "3.1", 1_600_000),
    Encoding(1280, 720, "high", "3.1", 3_000_000),
)


def filter_graph(encoding: Encoding, seconds: int) -> str:
    """The moving picture and the tone of one variant, as an ffmpeg filter graph."""
    width, height = encoding.width, encoding.height
    square = height // 10
    flash = "lt(mod(t,1),0.1)"
    tone = f"0.05*sin(2*PI*440*t)+0.3*sin(2*PI*880*t)*{flash}"
    label = f"{encoding.name} {encoding.bitrate / 1e6:.1f} Mbit/s"
    clock = rf"%{{eif\:mod(t,{PERIOD_SECONDS})\:d\:2}}.%{{eif\:mod(n,{FRAME_RATE})\:d\:2}}"
    text = f"drawtext=fontfile={FONT}:fontcolor=white:x=w*0.08"
    back = (
        f"smptehdbars=s={width}x{height}:r={FRAME_RATE}:d={seconds}",
        "format=yuv420p",
        "drawbox=y=ih*0.3:w=iw:h=ih*0.4:color=black:t=fill",
        f"drawbox=x=iw*0.86:y=ih*0.36:w=iw*0.08:h=ih*0.28:color=white:t=fill:enable='{flash}'",
        f"{text}:y=h*0.35:fontsize=h*0.17:text='{clock}'",
        f"{text}:y=h*0.57:fontsize=h*0.07:text='hls-swarm {label}'",
    )
    sweep = f"x='(W-w)*abs(1-mod(t,{PERIOD_SECONDS})/{PERIOD_SECONDS // 2})':y='H*0.85-h/2'"
    return ";".join(
        (
            f"{','.join(back)}[back]",
            f"color=white:s={square}x{square}:r={FRAME_RATE}:d={seconds}[square]",
            f"[back][square]overlay={sweep}[v]",
            f"aevalsrc='{tone}|{tone}':s={SAMPLE_RATE}:d={seconds}[a]",
        )
    )


def encode(encoding: Encoding, folder: Path) -> list[bytes]:
    """Three periods of one variant as segments, one for each part."""
    frames = PART_SECONDS * FRAME_RATE
    command = ["ffmpeg", "-nostdin", "-v", "error", "-filter_complex"]
    command += [filter_graph(encoding, 3 * PERIOD_SECONDS), "-map", "[v]", "-map", "[a]"]
    command += ["-c:v", "libx264", "-preset", "veryslow", "-crf", "24", "-pix_fmt", "yuv420p"]
    command += ["-profile:v", encoding.profile, "-level", encoding.level, "-flags", "+cgop", "-bf", "2"]
    command += ["-g", str(frames), "-keyint_min", str(frames), "-sc_threshold", "0"]
    command += ["-x264-params", "b-pyramid=none:direct=spatial:ref=3"]
    command += ["-c:a", "aac", "-b:a", "48k", "-ac", "2"]
    command += ["-metadata", f"service_name=hls-swarm {encoding.name}", "-metadata", "service_provider=hls-swarm"]
    # One AAC frame for each PES packet: grouped frames would arrive half a second late by their own timestamps.
    command += ["-f", "hls", "-hls_time", str(PART_SECONDS), "-hls_list_size", "0", "-hls_segment_options"]
    command += [f"pes_payload_size=0:mpegts_start_pid={VIDEO_PID}", "-hls_segment_filename", str(folder / "%03d.ts")]
    subprocess.run([*command, str(folder / "index.m3u8")], check=True)  # noqa: S603  (the command is all ours)
    return [path.read_bytes() for path in sorted(folder.glob("*.ts"))]


def frame_times(packets: list[Packet], pid: int) -> list[int]:
    """Decoding times of one stream's frames, in ticks."""
    times = [packet.pts if packet.dts is None else packet.dts for packet in packets if packet.pid == pid]
    return [time for time in times if time is not None]


def check_seam(name: str, parts: list[bytes]) -> None:
    """Stop unless the clip's frames go on evenly through the loop."""
    packets = [packet for part in parts for packet in read_packets(part)]
    for pid, step in (
        (VIDEO_PID, TICKS_PER_SECOND // FRAME_RATE),
        (AUDIO_PID, TICKS_PER_SECOND * AAC_FRAME_SAMPLES // SAMPLE_RATE),
    ):
        times = frame_times(packets, pid)
        expected = [times[0] + step * nth for nth in range(PERIOD_SECONDS * TICKS_PER_SECOND // step)]
        if times != expected:
            raise SystemExit(f"{name}: the frames of PID {pid:#x} do not fill the period evenly")


def codecs(parts: list[bytes]) -> str:
    """RFC 6381 names: avc1 with profile, constraints and level of the sequence parameter set; AAC-LC."""
    start = parts[0].find(b"\0\0\1\x67")
    if start < 0:
        raise SystemExit("the first part has no sequence parameter set")
    return f"avc1.{parts[0][start + 4 : start + 7].hex()},mp4a.40.2"


def main() -> None:
    """Encode each variant, check it and write the clip's files."""
    CLIP.mkdir(exist_ok=True)
    variants = []
    count = PERIOD_SECONDS // PART_SECONDS
    for encoding in ENCODINGS:
        with tempfile.TemporaryDirectory() as folder:
            parts = encode(encoding, Path(folder))[count : 2 * count]
        check_seam(encoding.name, parts)
        file = f"{encoding.name}.ts"
        (CLIP / file).write_bytes(b"".join(parts))
        variants.append(
            VariantDescription(
                name=encoding.name,
                file=file,
                codecs=codecs(parts),
                width=encoding.width,
                height=encoding.height,
                bitrate=encoding.bitrate,
                part_packets=tuple(len(part) // PACKET_BYTES for part in parts),
            )
        )
    description = ClipDescription(
        part_seconds=PART_SECONDS,
        frame_rate=FRAME_RATE,
        video_pid=VIDEO_PID,
        audio_pid=AUDIO_PID,
        variants=tuple(variants),
    )
    (CLIP / INDEX_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(description), indent=2) + b"\n")
    size = sum(path.stat().st_size for path in CLIP.iterdir())
    if size > MAX_CLIP_BYTES:
        raise SystemExit(f"the clip has {size} bytes, more than {MAX_CLIP_BYTES}")
    sys.stdout.write(f"{CLIP}: {size} bytes\n")


if __name__ == "__main__":
    main()
