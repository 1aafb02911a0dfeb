"""Viewers that are ffmpeg processes."""

from dataclasses import dataclass
from typing import Literal, get_args

from hls_swarm.settings.checks import (
    SettingValueError,
    check_choice,
    check_file_name,
    check_more_than_zero,
    check_not_negative,
    check_spelling,
    check_whole,
)
from hls_swarm.settings.kinds import Seconds
from hls_swarm.settings.spellings import parse_engines

ProbeFailure = Literal["fail", "first"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Ffmpeg:
    """What runs the viewers, and how ffmpeg does."""

    engine: str = "native"
    """What runs the viewers: native, ffmpeg (one process each), or a mix such as native=950,ffmpeg=50."""

    ffmpeg: str | None = None
    """The ffmpeg to run; by default the one in PATH, else that of the package imageio-ffmpeg."""

    ffmpeg_timeout: Seconds = 15.0
    """Longest wait of an ffmpeg viewer for the network to do anything; 0 waits for ever."""

    ffmpeg_reconnect: bool = False
    """Let an ffmpeg viewer try again by itself while the first playlist can not be reached."""

    ffmpeg_reconnect_delay: Seconds = 5.0
    """With --ffmpeg-reconnect: give up when the wait between two tries would be longer, in whole seconds."""

    ffmpeg_segment_retries: int | None = None
    """How often ffmpeg asks again for a segment that fails; by default what it does by itself."""

    ffmpeg_probe_failure: ProbeFailure = "fail"
    """If ffmpeg can not say which variants there are: fail ends the run, first plays the first one."""

    ffmpeg_target_duration: Seconds = 6.0
    """Target duration that ffmpeg viewers assume: a third of what they buffer of a stream with an end, half of the
    stall that --ffmpeg-restart-on-stall bears."""

    ffmpeg_restart_on_stall: bool = False
    """Restart the process of a viewer that stalls longer than two target durations."""

    ffmpeg_restarts: int = 5
    """Restarts in a row, with growing waits between, before an ffmpeg viewer gives up; 30s of health forgive them."""

    ffmpeg_log_lines: int = 5000
    """Most lines of one process's log that are read in a second; further ones are dropped, and counted."""

    print_cmd: bool = False
    """Print the command line of the first ffmpeg viewer, ready to be pasted into a shell, and exit."""

    @property
    def has_ffmpeg_viewers(self) -> bool:
        """Whether any viewer is an ffmpeg process."""
        return any(name == "ffmpeg" for name, _ in parse_engines(self.engine))

    @property
    def has_native_viewers(self) -> bool:
        """Whether any viewer is this program's own."""
        return any(name != "ffmpeg" for name, _ in parse_engines(self.engine))

    def _check_ffmpeg(self) -> None:
        check_spelling("engine", parse_engines, self.engine)
        if self.ffmpeg is not None:
            check_file_name("ffmpeg", self.ffmpeg)
        check_not_negative("ffmpeg_timeout", self.ffmpeg_timeout)
        check_more_than_zero("ffmpeg_reconnect_delay", self.ffmpeg_reconnect_delay, "")
        if self.ffmpeg_segment_retries is not None:
            check_whole("ffmpeg_segment_retries", self.ffmpeg_segment_retries, 0, 1_000_000)
        check_choice("ffmpeg_probe_failure", self.ffmpeg_probe_failure, get_args(ProbeFailure))
        check_more_than_zero("ffmpeg_target_duration", self.ffmpeg_target_duration, "")
        check_whole("ffmpeg_restarts", self.ffmpeg_restarts, 0, 1_000_000)
        check_whole("ffmpeg_log_lines", self.ffmpeg_log_lines, 100, 10_000_000)
        if self.print_cmd and not self.has_ffmpeg_viewers:
            raise SettingValueError("print_cmd", "needs ffmpeg viewers: add --engine ffmpeg")
