"""What a viewer plays, over which link, and what the person in front of it does."""

from dataclasses import dataclass
from typing import Literal, get_args

from hls_swarm.settings.checks import (
    SettingValueError,
    check_choice,
    check_spelling,
    check_url,
)
from hls_swarm.settings.spellings import (
    parse_access_rates,
    parse_distribution,
    parse_join,
    parse_mix,
    parse_seek,
    parse_variant,
    parse_weighted_url,
)

Latency = Literal["auto", "low", "normal"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Viewing:
    """How viewers play: player, variant, link, and what people do."""

    variant: str = "highest"
    """Which variant a viewer plays: highest, lowest, first, random, a height such as 720p, or a bitrate such as 3M;
    "all" downloads every variant at once, "auto" adapts to the link as its player does."""

    profile: str = "hlsjs"
    """The player that a viewer behaves like: hlsjs, media3, shaka, ffmpeg or steady; or a mix such as
    hlsjs=70,media3=30."""

    latency: Latency = "auto"
    """How a live stream is played: auto (as its player does: by parts where a low-latency stream offers them), low (by
    parts, and it is told where there are none), or normal (whole segments, no request that the server holds)."""

    access_rate: str | None = None
    """Rate of each viewer's own link, which its requests share: 8M, uniform:2M:20M, exp:8M (its mean), lognormal:8M:0.6
    (median and sigma), trace:FILE (lines of seconds and Mbit/s), or a mix such as 20M=60,lognormal:4M:0.5=40; bits per
    second."""

    strict: bool = False
    """Refuse playlists that the draft (8216bis) has a client refuse, instead of playing what players play."""

    join: str = "live"
    """Where a viewer begins: live (where its player would), start, random, or so far behind the live edge: -10m."""

    loop: bool = False
    """Begin VOD again when it has ended."""

    zap_url: tuple[str, ...] = ()
    """One more stream that viewers may play, as [WEIGHT=]URL; the URL itself has weight 1; repeatable."""

    zap_after: str | None = None
    """After how long a viewer goes to another of the streams: a distribution as --session-length."""

    pause_every: str | None = None
    """Time between a viewer's pauses: a distribution as --session-length."""

    pause_for: str = "10s"
    """Length of a pause: a distribution as --session-length."""

    seek_every: str | None = None
    """Time between a viewer's seeks: a distribution as --session-length."""

    seek_by: str = "random"
    """Where a seek goes: random, or so far from here: -30s or 2m."""

    def _check_viewing(self) -> None:
        check_spelling("variant", parse_variant, self.variant)
        check_spelling("profile", parse_mix, self.profile)
        check_choice("latency", self.latency, get_args(Latency))
        if self.access_rate is not None:
            check_spelling("access_rate", parse_access_rates, self.access_rate)
        for field in ("zap_after", "pause_every", "pause_for", "seek_every"):
            if (text := getattr(self, field)) is not None:
                check_spelling(field, parse_distribution, text)
        check_spelling("join", parse_join, self.join)
        check_spelling("seek_by", parse_seek, self.seek_by)
        for text in self.zap_url:
            check_spelling("zap_url", parse_weighted_url, text)
            check_url("zap_url", parse_weighted_url(text)[0])
        if self.zap_after is not None and not self.zap_url:
            raise SettingValueError("zap_after", "has nowhere to go: name another stream with --zap-url")
