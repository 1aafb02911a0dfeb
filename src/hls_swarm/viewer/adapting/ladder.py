"""The variants between which a viewer may change, in the order of its player.

Rules:

- Redundant streams are one level (8216bis 7): which of them is played is decided by what fails.
- A change keeps codecs, video range and the kinds of track: hls.js changes between levels of one set of codecs only,
  and the others change without a break there only. The first variant that is listed says which set.
- Audio without video is no level of a stream that has video (hls.js).
"""

from collections.abc import Sequence

import msgspec

from hls_swarm.viewer.adapting.hlsjs import Level
from hls_swarm.viewer.choosing.choice import Option


class Ladder(msgspec.Struct, frozen=True):
    """The levels of one viewer, lowest first.

    Attributes:
        options: what is played at each.
        levels: how the algorithms see them.
        first_listed: the level of the variant that the playlist lists first.
        pathways: every stream, redundant ones too.
    """

    options: tuple[Option, ...]
    levels: tuple[Level, ...]
    first_listed: int
    pathways: tuple[Option, ...]

    def level_of(self, option: Option) -> int | None:
        """The level that a stream belongs to; None if it belongs to none."""
        for number, known in enumerate(self.options):
            if known.encoding == option.encoding:
                return number
        return None


def ladder(every: Sequence[Option], *, by_height: bool) -> Ladder:
    """The levels of a presentation.

    Args:
        every: its variants, in the order of the playlist; at least one.
        by_height: whether lines and frame rate come before bitrate in the player's order (hls.js).
    """
    usable = [option for option in every if _has_video(option)] or list(every)
    kind = _kind(usable[0])
    unique: dict[tuple[object, ...], Option] = {}
    for option in usable:
        if _kind(option) == kind:
            unique.setdefault(option.encoding, option)
    first = next(iter(unique.values()))
    order = sorted(unique.values(), key=_order if by_height else _bitrate)
    levels = tuple(Level(_bitrate(option), option.average_bps or _bitrate(option)) for option in order)
    return Ladder(tuple(order), levels, order.index(first), tuple(every))


def carries_sound(option: Option) -> bool:
    """Whether sound comes in the same file as the picture, as far as the playlist says."""
    return option.audio is None and (not option.codecs or any(codec[:4] in _AUDIO_CODECS for codec in option.codecs))


def _bitrate(option: Option) -> float:
    return float(option.main.bitrate_bps or 0)


def _order(option: Option) -> tuple[float, float, float]:
    return option.height or 0, option.frame_rate or 0.0, option.average_bps or _bitrate(option)


def _has_video(option: Option) -> bool:
    return option.height is not None or any(codec[:4] not in _AUDIO_CODECS for codec in option.codecs)


_AUDIO_CODECS = frozenset({"mp4a", "ac-3", "ec-3", "ac-4", "fLaC", "Opus", "opus", "flac"})


def _kind(option: Option) -> tuple[object, ...]:
    """What must stay as it is in a change."""
    codecs = ",".join(sorted(codec[:4] for codec in option.codecs))
    return codecs, option.video_range, option.audio is None, option.subtitles is None
