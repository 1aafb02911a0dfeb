"""What ffmpeg finds at the URL: whether the stream ends, and which of its programs is which variant.

ffmpeg is asked, and not our own parser: the numbers of its programs are its own. It is asked by the binary that will
play, since a package of it may come without ffprobe. The origin sees this: one request for each playlist and up to two
for segments of each variant, once in a run, by a player whose number is `probe`.
"""

import asyncio
import re
import signal
from collections.abc import Mapping

import msgspec

from hls_swarm.engine.ffmpeg.binary import FfmpegBinary
from hls_swarm.engine.ffmpeg.command import FIRST_STREAMS, FfmpegPlan, environment, input_arguments
from hls_swarm.engine.ffmpeg.hearing.lines import GraveWords, LineReader
from hls_swarm.engine.ffmpeg.process import Process, Spawn
from hls_swarm.errors import RunError
from hls_swarm.http.options import Identity
from hls_swarm.settings.checks import masked_url
from hls_swarm.settings.run import Settings
from hls_swarm.settings.spellings import VariantKind, parse_variant

PROBE_SECONDS = 60.0
"""Time in which ffmpeg must have said what there is, whatever its own limits."""

_PROGRAM = re.compile(rb" +Program (\d{1,9})")
_BITRATE = re.compile(rb" +variant_bitrate +: (\d{1,15})")
_DURATION = re.compile(rb" +Duration: (?P<duration>[^,]*),")


class Stream(msgspec.Struct, frozen=True):
    """What ffmpeg found.

    Attributes:
        ends: whether it has an end.
        bitrates: of its programs in bit/s, by their number; of a program that does not say one there is none.
    """

    ends: bool
    bitrates: Mapping[int, int]


class StreamReader:
    """Reads the description that ffmpeg prints of its input, in any pieces."""

    def __init__(self) -> None:
        self._words = GraveWords()
        self._lines = LineReader(lines_per_second=100_000)
        self._ends: bool | None = None
        self._bitrates: dict[int, int] = {}
        self._program: int | None = None

    @property
    def stream(self) -> Stream | None:
        """What it found; None if it could not open the stream."""
        return None if self._ends is None else Stream(self._ends, dict(self._bitrates))

    @property
    def words(self) -> str:
        """Why it could not, in ffmpeg's words; empty if it has none."""
        return self._words.text

    def feed(self, data: bytes, now: float) -> None:
        """Read more of it."""
        for line in self._lines.feed(data, now):
            if found := _DURATION.match(line.message):
                self._ends = found["duration"] != b"N/A"
            elif found := _PROGRAM.match(line.message):
                self._program = int(found[1])
            elif (found := _BITRATE.match(line.message)) and self._program is not None:
                self._bitrates.setdefault(self._program, int(found[1]))
            elif not line.message.startswith(b"At least one output file must be specified"):
                self._words.add(line)


class _Listener:
    def __init__(self, ended: "asyncio.Future[int]") -> None:
        self.reader = StreamReader()
        self._ended = ended

    def on_output(self, data: bytes) -> None:
        """It has nothing to say there."""

    def on_error(self, data: bytes) -> None:
        self.reader.feed(data, 0.0)

    def on_exit(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(code)


def streams_played(variant: VariantKind, stream: Stream) -> tuple[str, ...] | None:
    """What to map for a variant; None if ffmpeg does not tell the variants apart."""
    if variant is VariantKind.ALL:
        return ("0",)
    if variant is VariantKind.FIRST:
        return FIRST_STREAMS
    if not stream.bitrates:
        return None
    choose = max if variant is VariantKind.HIGHEST else min
    return (f"0:p:{choose(stream.bitrates, key=lambda program: (stream.bitrates[program], -program))}",)


async def probe(settings: Settings, binary: FfmpegBinary, identity: Identity, url: str, spawn: Spawn) -> FfmpegPlan:
    """Find out what the viewers are to play, and how.

    Raises:
        RunError: ffmpeg can not play the URL, in its own words, and the settings say that this ends the run.
    """
    stream, words = await _ask(settings, binary, identity, url, spawn)
    kind = parse_variant(settings.variant).kind
    if stream is None:
        if settings.ffmpeg_probe_failure == "fail":
            raise RunError(f"ffmpeg {binary.version} can not play {masked_url(settings.url)}: {words}")
        return FfmpegPlan(binary)
    maps = streams_played(kind, stream)
    return FfmpegPlan(binary, FIRST_STREAMS if maps is None else maps, paced=stream.ends)


async def _ask(
    settings: Settings, binary: FfmpegBinary, identity: Identity, url: str, spawn: Spawn
) -> tuple[Stream | None, str]:
    arguments = input_arguments(settings, identity, url, "probe")
    command = (binary.path, "-hide_banner", "-nostdin", "-loglevel", "repeat+level+info", *arguments)
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    listener = _Listener(ended)
    process: Process | None = None
    try:
        process = await spawn(command, environment(settings), listener)
        async with asyncio.timeout(PROBE_SECONDS):
            code = await ended
    except OSError as error:
        return None, f"it can not be run: {error.strerror}"
    except TimeoutError:
        return listener.reader.stream, f"it has not opened it within {PROBE_SECONDS:.0f} s"
    finally:
        if process is not None and not ended.done():
            process.kill()
    how = f"it was killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return listener.reader.stream, listener.reader.words or how
