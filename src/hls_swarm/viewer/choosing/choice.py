"""What a viewer plays of a multivariant playlist, and what it could go to instead.

Rules:

- A variant comes with the renditions of its groups that a player would select: audio with DEFAULT=YES, else
  AUTOSELECT=YES, else the first; subtitles with DEFAULT=YES only. Others are not fetched (8216bis 6.3.2).
- A redundant stream is a variant with the same encoding at another address (8216bis 7, "redundant Variant Streams").
- Choices are fixed for the session, so that runs compare; what a viewer that adapts goes to is `adapting`'s to say.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import assert_never

import msgspec

from hls_swarm.hls.playlist import MediaType, MultivariantPlaylist, Rendition, Variant
from hls_swarm.records import SwitchReason, VariantChosen
from hls_swarm.settings.spellings import VariantChoice, VariantKind

MOST_NAMED = 12
"""Variants that are listed where none is as it was asked for."""


class Role(Enum):
    """What a track carries."""

    MAIN = auto()
    AUDIO = auto()
    SUBTITLES = auto()


class Source(msgspec.Struct, frozen=True, gc=False):
    """A media playlist to follow.

    Attributes:
        bitrate_bps: declared BANDWIDTH of the variant; None for renditions and without a multivariant playlist.
        name: which one of the multivariant playlist it is, for a person; empty without one.
    """

    url: str
    bitrate_bps: int | None = None
    name: str = ""


class Option(msgspec.Struct, frozen=True, gc=False):
    """A variant with the renditions that go with it.

    Attributes:
        label: what tables call it.
        encoding: equal for redundant streams.
        codecs, width, height, frame_rate: as declared.
        average_bps: AVERAGE-BANDWIDTH, if declared.
        video_range: VIDEO-RANGE.
    """

    main: Source
    audio: Source | None = None
    subtitles: Source | None = None
    label: str = ""
    encoding: tuple[object, ...] = ()
    codecs: tuple[str, ...] = ()
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    average_bps: int | None = None
    video_range: str = ""

    def source(self, role: Role) -> Source | None:
        """What a track with this role follows."""
        match role:
            case Role.MAIN:
                return self.main
            case Role.AUDIO:
                return self.audio
            case Role.SUBTITLES:
                return self.subtitles

    def chosen_by(
        self, viewer: int, now: float, *, failover: bool = False, reason: SwitchReason | None = None
    ) -> VariantChosen:
        """The record of its choice; `reason` is given by viewers that adapt."""
        bitrate = self.main.bitrate_bps
        declared = self.codecs, self.width, self.height, self.frame_rate
        return VariantChosen(viewer, now, self.label, bitrate, failover, *declared, reason)


def options(playlist: MultivariantPlaylist, *, subtitles: bool) -> list[Option]:
    """Every variant with its renditions, in the order of the playlist; a repeated address counts once."""
    out: dict[str, Option] = {}
    for number, variant in enumerate(playlist.variants, 1):
        out.setdefault(
            variant.uri,
            Option(
                Source(variant.uri, variant.bandwidth, f"variant {number}"),
                _source(_usual_audio(playlist.group(MediaType.AUDIO, variant.audio) if variant.audio else ())),
                _source(_usual_subtitles(playlist, variant)) if subtitles else None,
                _label(variant),
                _encoding(variant),
                variant.codecs,
                variant.width,
                variant.height,
                variant.frame_rate,
                variant.average_bandwidth,
                variant.video_range.value,
            ),
        )
    return list(out.values())


def chosen(all_options: Sequence[Option], choice: VariantChoice, heights: dict[str, int], draw: float) -> list[Option]:
    """The options that `choice` names: one, or with `all` every one.

    Args:
        heights: lines of the variants that say so, by address.
        draw: uniform in [0, 1), for a random variant.
    """

    def bitrate(option: Option) -> int:
        return option.main.bitrate_bps or 0

    match choice.kind:
        case VariantKind.ALL:
            return list(all_options)
        case VariantKind.FIRST:
            return [all_options[0]]
        case VariantKind.HIGHEST | VariantKind.AUTO:  # of a player that does not adapt: ffmpeg plays the highest
            return [max(all_options, key=bitrate)]
        case VariantKind.LOWEST:
            return [min(all_options, key=bitrate)]
        case VariantKind.RANDOM:
            encodings = list({option.encoding: option for option in reversed(all_options)}.values())
            return [encodings[int(draw * len(encodings))]]
        case VariantKind.BITRATE:
            within = [option for option in all_options if bitrate(option) <= choice.value]
            return [max(within, key=bitrate) if within else min(all_options, key=bitrate)]
        case VariantKind.HEIGHT:
            known = [option for option in all_options if option.main.url in heights]
            within = [option for option in known if heights[option.main.url] <= choice.value]
            if within:
                return [max(within, key=lambda option: (heights[option.main.url], bitrate(option)))]
            return [min(all_options, key=bitrate)]
        case _:
            assert_never(choice.kind)


def unmet(all_options: Sequence[Option], choice: VariantChoice, heights: dict[str, int], picked: Option) -> str | None:
    """What there is instead, in words, if no variant is as `choice` says; None if one is.

    Args:
        picked: what is played instead.
    """
    match choice.kind:
        case VariantKind.HEIGHT if choice.value not in heights.values():
            wanted = f"is {choice.value} lines high"
        case VariantKind.BITRATE if (picked.main.bitrate_bps or 0) > choice.value:
            wanted = f"has {choice.value:,} bit/s or less"
        case _:
            return None
    labels = list(dict.fromkeys(option.label for option in all_options))
    rest = f" and {len(labels) - MOST_NAMED} more" if len(labels) > MOST_NAMED else ""
    return f"of {len(labels)} variants ({', '.join(labels[:MOST_NAMED])}{rest}) none {wanted}: {picked.label} is played"


def heights(playlist: MultivariantPlaylist) -> dict[str, int]:
    """Lines of each variant that says so, by address."""
    return {variant.uri: variant.height for variant in playlist.variants if variant.height is not None}


def failover_order(all_options: Sequence[Option], current: Option, *, redundant_first: bool) -> list[Option]:
    """Where to go when `current` fails: the next lower bitrate and so on around (hls.js), and redundant streams."""
    ranked = sorted(all_options, key=lambda option: option.main.bitrate_bps or 0)
    place = next(index for index, option in enumerate(ranked) if option.main.url == current.main.url)
    around = [ranked[(place - step) % len(ranked)] for step in range(1, len(ranked))]
    redundant = [option for option in around if option.encoding == current.encoding]
    others: dict[tuple[object, ...], Option] = {}
    spare = []
    for option in around:
        if option.encoding != current.encoding:
            if option.encoding in others:
                spare.append(option)
            others.setdefault(option.encoding, option)
    first = list(others.values())
    return redundant + first + spare if redundant_first else first + redundant + spare


def _encoding(variant: Variant) -> tuple[object, ...]:
    return (
        variant.bandwidth,
        variant.codecs,
        variant.width,
        variant.height,
        variant.frame_rate,
        variant.video_range.value,
    )


def _label(variant: Variant) -> str:
    kilobits = f"{variant.bandwidth // 1000}k"
    return f"{variant.height}p {kilobits}" if variant.height is not None else kilobits


def _source(rendition: Rendition | None) -> Source | None:
    if rendition is None or rendition.uri is None:
        return None
    return Source(rendition.uri, None, f"{rendition.type.value.lower()} rendition {rendition.name}")


def _usual_audio(renditions: Sequence[Rendition]) -> Rendition | None:
    for rendition in renditions:
        if rendition.default:
            return rendition
    for rendition in renditions:
        if rendition.autoselect:
            return rendition
    return renditions[0] if renditions else None


def _usual_subtitles(playlist: MultivariantPlaylist, variant: Variant) -> Rendition | None:
    if variant.subtitles is None:
        return None
    return next((r for r in playlist.group(MediaType.SUBTITLES, variant.subtitles) if r.default), None)
