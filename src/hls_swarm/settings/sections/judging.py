"""What must hold for the run to pass."""

from dataclasses import dataclass

from hls_swarm.settings.checks import (
    SettingValueError,
    check_spelling,
)
from hls_swarm.settings.kinds import Lines
from hls_swarm.settings.spellings import parse_share


@dataclass(frozen=True, kw_only=True, repr=False)
class Judging:
    """Thresholds, expectations, and when this machine was the bottleneck."""

    threshold: Lines = ()
    """What must hold, such as 'segment_download_seconds:p95 < 1s' or 'errors:rate < 0.1% over run'; repeatable."""

    expect: tuple[str, ...] = ()
    """Change what is expected of every run: viewers, errors, rebuffering, media or playlists, such as 'errors=2%' or
    'rebuffering=off'; repeatable."""

    no_expectations: bool = False
    """Expect nothing: thresholds alone judge the run, and without any it is not judged."""

    generator_limit: str = "10%"
    """Share of the run that this machine may have been the bottleneck in before the whole run is invalid."""

    def _check_judging(self) -> None:
        for number, line in enumerate(self.threshold):
            if line in self.threshold[:number]:
                raise SettingValueError("threshold", f"{line!r} is given twice: give it once")
        check_spelling("generator_limit", parse_share, self.generator_limit)
        if self.no_expectations and self.expect:
            raise SettingValueError("expect", "is of no use with --no-expectations: give one of them")
