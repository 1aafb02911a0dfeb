"""What a viewer plays: its variant, its pathway, and what was asked of it in vain."""

from enum import StrEnum

import msgspec


class SwitchReason(StrEnum):
    """Why a viewer that adapts went to another variant."""

    START = "start"  # the player's first choice, before any segment
    RATE = "rate"  # by what it measured of its link and what it has buffered
    ABANDONED = "abandoned"  # it gave a segment up that came too slowly
    FAILED = "failed"  # the one before could not be had
    STEERED = "steered"  # a steering server sent it to another pathway


class VariantChosen(msgspec.Struct, frozen=True, tag=True):
    """The viewer plays this variant from here on.

    Attributes:
        label: what tables call it, such as `720p 3000k`.
        bitrate_bps: declared BANDWIDTH.
        failover: whether it took the place of one that failed.
        codecs, width, height, frame_rate: as the multivariant playlist declares them.
        reason: why a viewer that adapts chose it; None: it does not adapt.
    """

    viewer: int
    at: float
    label: str
    bitrate_bps: int | None
    failover: bool = False
    codecs: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    reason: SwitchReason | None = None


class PathwayReason(StrEnum):
    """Why a viewer plays a pathway."""

    START = "start"  # the playlist names it, or lists it first
    STEERED = "steered"  # the steering server prefers it
    FAILED = "failed"  # the one before could not be had


class PathwayChosen(msgspec.Struct, frozen=True, tag=True):
    """The viewer plays this pathway of a presentation with content steering from here on (8216bis 7)."""

    viewer: int
    at: float
    pathway: str
    reason: PathwayReason


class SettingUnmet(msgspec.Struct, frozen=True, tag=True):
    """The stream has nothing that a setting asks for; the viewer plays what is nearest.

    Attributes:
        setting: the field of the settings.
        words: what there is instead.
    """

    viewer: int
    at: float
    setting: str
    words: str
