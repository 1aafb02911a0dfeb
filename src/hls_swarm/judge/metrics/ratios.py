"""One cumulative number by another."""

from hls_swarm.judge.metrics.kinds import Better, RatioMetric
from hls_swarm.records import ObjectKind
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.origin.metrics import Unit


def _stalled(moment: Moment) -> float:
    return moment.tally.stalled.seconds(moment.snapshot.at)


def _played(moment: Moment) -> float:
    return moment.tally.playing.seconds(moment.snapshot.at)


def _watched(moment: Moment) -> float:
    return moment.tally.watching.seconds(moment.snapshot.at)


def _media_bytes(moment: Moment) -> float:
    objects = moment.tally.objects
    return sum(objects[kind].body_bytes for kind in (ObjectKind.SEGMENT, ObjectKind.PART) if kind in objects)


RATIOS = (
    RatioMetric(
        "rebuffering_ratio",
        Unit.RATIO,
        "stalled time by stalled and playing time, of all viewers",
        _stalled,
        lambda moment: _stalled(moment) + _played(moment),
    ),
    RatioMetric(
        "waiting_ratio",
        Unit.RATIO,
        "watched time without play by watched time: starting, stalled, seeking, and never having played",
        lambda moment: max(0.0, _watched(moment) - _played(moment)),
        _watched,
    ),
    RatioMetric(
        "bitrate_bytes_per_second",
        Unit.BYTES_PER_SECOND,
        "declared bitrate of the media that was fetched, by its playing time (CTA-2066)",
        lambda moment: moment.tally.media_bits / 8,
        lambda moment: moment.tally.media_seconds,
        Better.HIGHER,
    ),
    RatioMetric(
        "variant_switches_per_minute",
        Unit.COUNT,
        "changes of variant by viewers that adapt, by minutes watched",
        lambda moment: moment.tally.switches_up + moment.tally.switches_down,
        lambda moment: _watched(moment) / 60,
    ),
    RatioMetric(
        "media_bytes_ratio",
        Unit.RATIO,
        "bytes of segments and parts as received by what their declared bitrates would make: 0 where bodies are empty",
        _media_bytes,
        lambda moment: moment.tally.media_bits / 8,
        Better.NEITHER,
    ),
)
