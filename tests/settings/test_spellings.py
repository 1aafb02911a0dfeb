"""What a person writes where one word says more than a number."""

from collections.abc import Callable

import pytest

from hls_swarm.settings.spellings import (
    Distribution,
    DistributionKind,
    JoinKind,
    JoinPoint,
    Stage,
    VariantChoice,
    VariantKind,
    parse_distribution,
    parse_join,
    parse_mix,
    parse_seek,
    parse_stage,
    parse_variant,
    parse_weighted_url,
)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_mix, "media3", (("media3", 1.0),)),
        (parse_mix, "hlsjs=70, media3=30", (("hlsjs", 70.0), ("media3", 30.0))),
        (parse_variant, "random", VariantChoice(VariantKind.RANDOM)),
        (parse_variant, "720p", VariantChoice(VariantKind.HEIGHT, 720)),
        (parse_variant, "3M", VariantChoice(VariantKind.BITRATE, 3_000_000)),
        (parse_variant, "1.5m", VariantChoice(VariantKind.BITRATE, 1_500_000)),
        (parse_variant, "800k", VariantChoice(VariantKind.BITRATE, 800_000)),
        (parse_variant, "800000", VariantChoice(VariantKind.BITRATE, 800_000)),
        (parse_stage, "2m:500", Stage(120.0, 500)),
        (parse_stage, "0:10", Stage(0.0, 10)),
        (parse_distribution, "5m", Distribution(DistributionKind.FIXED, 300.0)),
        (parse_distribution, "uniform:1m:10m", Distribution(DistributionKind.UNIFORM, 60.0, 600.0)),
        (parse_distribution, "exp:5m", Distribution(DistributionKind.EXPONENTIAL, 300.0)),
        (parse_distribution, "lognormal:5m:0.8", Distribution(DistributionKind.LOGNORMAL, 300.0, 0.8)),
        (parse_join, "live", JoinPoint()),
        (parse_join, "random", JoinPoint(JoinKind.RANDOM)),
        (parse_join, "-10m", JoinPoint(JoinKind.BEHIND, 600.0)),
        (parse_seek, "random", None),
        (parse_seek, "-30s", -30.0),
        (parse_weighted_url, "3=http://origin/b.m3u8", ("http://origin/b.m3u8", 3.0)),
        (parse_weighted_url, "http://origin/b.m3u8?a=1", ("http://origin/b.m3u8?a=1", 1.0)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_read(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "words"),
    [
        (parse_mix, "vlc", "is not one of hlsjs"),
        (parse_mix, "hlsjs=0", "more than 0"),
        (parse_mix, "hlsjs=1,hlsjs=2", "named twice"),
        (parse_variant, "best", "is not one of all, highest"),
        (parse_variant, "0", "is not one of all, highest"),
        (parse_stage, "500", "is not a stage"),
        (parse_stage, "2:500", "has no unit"),
        (parse_stage, "-2m:500", "negative"),
        (parse_distribution, "0s", "longer than 0"),
        (parse_distribution, "uniform:5m:1m", "shorter duration first"),
        (parse_distribution, "normal:5m:1m", "is not a distribution"),
        (parse_join, "10m", "is not one of live"),
        (parse_seek, "30", "has no unit"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(parse: Callable[[str], object], text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse(text)
