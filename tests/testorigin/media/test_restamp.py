"""The endless stream: clocks and counters that go on over parts, loops and their 33 bits; exact sizes."""

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from hls_swarm.testorigin.media.clip import ClipVariant, load_clip
from hls_swarm.testorigin.media.mpegts import (
    NULL_PACKET,
    NULL_PID,
    PACKET_BITS,
    PACKET_BYTES,
    PCR_UNITS_PER_SECOND,
    PCR_UNITS_PER_TICK,
    PCR_WRAP,
    TICKS_PER_SECOND,
    TICKS_WRAP,
    Packet,
    read_packets,
)
from hls_swarm.testorigin.media.restamp import LEAD_TICKS, VariantStream

pytestmark = pytest.mark.slow

VARIANTS = load_clip()
VIDEO_STEP = TICKS_PER_SECOND // 25
AUDIO_STEP = TICKS_PER_SECOND * 1024 // 48_000
PARTS = len(VARIANTS[0].parts)
# The part during which 33 bits of 90 kHz, 95443.7 s, are over: a wrap of every clock is in the parts around it.
WRAP_PART = TICKS_WRAP // TICKS_PER_SECOND // 2

every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=[variant.name for variant in VARIANTS])
every_join = pytest.mark.parametrize(
    "first",
    [
        pytest.param(0, id="the beginning"),
        pytest.param(PARTS - 2, id="the first loop"),
        pytest.param(1000 * PARTS - 2, id="a late loop"),
        pytest.param(WRAP_PART - 2, id="the 33-bit wrap"),
    ],
)


@dataclass(frozen=True)
class Placed:
    """A packet and its number in the stream."""

    number: int
    packet: Packet


def stream_of(variant: ClipVariant, first: int, parts: int = 5) -> list[Placed]:
    """Some parts of a variant's stream, one after the other."""
    stream = VariantStream(variant)
    data = b"".join(stream.part(nth) for nth in range(first, first + parts))
    return [Placed(nth, packet) for nth, packet in enumerate(read_packets(data), stream.first_packet(first))]


def decoding_times(placed: list[Placed], pid: int) -> list[int]:
    """When each frame of an elementary stream is decoded."""
    packets = [each.packet for each in placed if each.packet.pid == pid]
    times = [packet.pts if packet.dts is None else packet.dts for packet in packets]
    return [time for time in times if time is not None]


def test_the_clip_has_three_variants_in_one_package_of_less_than_a_megabyte() -> None:
    assert [(each.name, each.width, each.height, each.bitrate) for each in VARIANTS] == [
        ("360p", 640, 360, 800_000),
        ("540p", 960, 540, 1_600_000),
        ("720p", 1280, 720, 3_000_000),
    ]
    assert sum(len(part) for variant in VARIANTS for part in variant.parts) < 1_000_000


@every_variant
@every_join
def test_decoding_times_are_one_frame_apart(variant: ClipVariant, first: int) -> None:
    placed = stream_of(variant, first)
    for pid, step in ((variant.video_pid, VIDEO_STEP), (variant.audio_pid, AUDIO_STEP)):
        times = decoding_times(placed, pid)
        assert len(times) > 200
        assert {(later - earlier) % TICKS_WRAP for earlier, later in pairwise(times)} == {step}


@every_variant
def test_part_n_begins_at_n_times_its_duration(variant: ClipVariant) -> None:
    for nth in (0, 1, PARTS, 5 * PARTS + 3, WRAP_PART, WRAP_PART + 1):
        first = next(each.packet for each in stream_of(variant, nth, 1) if each.packet.pid == variant.video_pid)
        assert first.random_access
        assert first.pts is not None
        decoded = first.pts if first.dts is None else first.dts
        assert decoded == (nth * 2 * TICKS_PER_SECOND + LEAD_TICKS) % TICKS_WRAP


def test_timestamps_at_the_wrap_are_exact() -> None:
    """2**33 ticks are 95443.7177 s. Part 47721 begins at 95442 s, and its 34th frame is the first after the wrap."""
    variant = VARIANTS[0]
    times = decoding_times(stream_of(variant, WRAP_PART, 1), variant.video_pid)
    assert times[0] == 47721 * 180_000 + LEAD_TICKS == 8_589_816_000
    assert times[32] == 8_589_931_200
    assert times[33] == 8_589_934_800 - TICKS_WRAP == 208


@every_variant
@every_join
def test_presentation_is_never_before_decoding(variant: ClipVariant, first: int) -> None:
    for each in stream_of(variant, first):
        if each.packet.pts is not None and each.packet.dts is not None:
            assert 0 < (each.packet.pts - each.packet.dts) % TICKS_WRAP <= 3 * VIDEO_STEP


@every_variant
@every_join
def test_continuity_counters_count_every_packet_with_payload(variant: ClipVariant, first: int) -> None:
    counters: dict[int, list[int]] = defaultdict(list)
    for each in stream_of(variant, first):
        if each.packet.pid != NULL_PID and each.packet.has_payload:
            counters[each.packet.pid].append(each.packet.continuity)
    assert counters.keys() >= {0, 0x1000, variant.video_pid, variant.audio_pid}
    for pid, values in counters.items():
        assert values == [(values[0] + nth) % 16 for nth in range(len(values))], f"PID {pid:#x}"


@every_variant
def test_continuity_counters_begin_at_zero(variant: ClipVariant) -> None:
    first: dict[int, int] = {}
    for each in stream_of(variant, 0, 1):
        first.setdefault(each.packet.pid, each.packet.continuity)
    assert set(first.values()) == {0}


@every_variant
@every_join
def test_the_clock_reference_is_when_its_packet_leaves(variant: ClipVariant, first: int) -> None:
    clocks = [(each.number, each.packet.pcr) for each in stream_of(variant, first) if each.packet.pcr is not None]
    for number, pcr in clocks:
        assert pcr == number * PACKET_BITS * PCR_UNITS_PER_SECOND // variant.bitrate % PCR_WRAP
    gaps = [(later - earlier) % PCR_WRAP for (_, earlier), (_, later) in pairwise(clocks)]
    assert max(gaps) <= PCR_UNITS_PER_SECOND // 10


@every_variant
@every_join
def test_frames_arrive_before_they_are_decoded_and_not_long_before(variant: ClipVariant, first: int) -> None:
    """Wholly: the last packet of each frame counts."""
    frame: dict[int, int] = {}
    margins = []
    for each in stream_of(variant, first):
        packet = each.packet
        if packet.pid not in {variant.video_pid, variant.audio_pid}:
            continue
        if packet.pts is not None:
            frame[packet.pid] = packet.pts if packet.dts is None else packet.dts
        leaves = (each.number + 1) * PACKET_BITS * TICKS_PER_SECOND // variant.bitrate
        margin = (frame[packet.pid] - leaves) % TICKS_WRAP
        margins.append(margin - TICKS_WRAP if margin > TICKS_WRAP // 2 else margin)
    assert min(margins) > 0
    assert max(margins) <= LEAD_TICKS + AUDIO_STEP


@every_variant
def test_parts_have_the_size_of_the_nominal_bitrate(variant: ClipVariant) -> None:
    stream = VariantStream(variant)
    exact = variant.bitrate * 2 / PACKET_BITS
    sizes = [len(stream.part(nth)) for nth in range(60)]
    assert sizes == [stream.part_bytes(nth) for nth in range(60)]
    assert all(abs(size / PACKET_BYTES - exact) < 1 for size in sizes)
    assert max(sizes) == stream.peak_part_bytes()
    assert abs(sum(sizes) / PACKET_BYTES - 60 * exact) < 1


def test_sizes_in_bytes() -> None:
    sizes = {variant.name: {VariantStream(variant).part_bytes(nth) for nth in range(60)} for variant in VARIANTS}
    assert sizes == {"360p": {199_844, 200_032}, "540p": {399_876, 400_064}, "720p": {749_932, 750_120}}


@every_variant
def test_stuffing_is_null_packets_and_the_content_is_the_clip(variant: ClipVariant) -> None:
    data = bytes(VariantStream(variant).part(PARTS))
    packets = [data[at : at + PACKET_BYTES] for at in range(0, len(data), PACKET_BYTES)]
    media = {variant.video_pid, variant.audio_pid}
    read = read_packets(data)
    assert {bytes(raw) for raw, packet in zip(packets, read, strict=True) if packet.pid == NULL_PID} == {NULL_PACKET}
    clip = variant.parts[0]
    source = [
        clip[at * PACKET_BYTES + packet.payload_at + 20 : (at + 1) * PACKET_BYTES]
        for at, packet in enumerate(read_packets(clip))
        if packet.pid in media
    ]
    assert [raw[p.payload_at + 20 :] for raw, p in zip(packets, read, strict=True) if p.pid in media] == source


@every_variant
def test_tables_open_each_part_and_come_ten_times_a_second(variant: ClipVariant) -> None:
    placed = stream_of(variant, 3, 2)
    assert [each.packet.pid for each in placed[:3]] == [0x11, 0, 0x1000]
    for pid in (0, 0x1000):
        numbers = [each.number for each in placed if each.packet.pid == pid]
        assert len(numbers) == 40
        gaps = [(later - earlier) * PACKET_BITS / variant.bitrate for earlier, later in pairwise(numbers)]
        assert max(gaps) < 0.15


def test_a_bitrate_too_low_for_the_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit 100000 bit/s"):
        VariantStream(replace(VARIANTS[2], bitrate=100_000))


def test_the_clock_unit_is_a_300th_of_a_tick() -> None:
    assert PCR_UNITS_PER_SECOND == TICKS_PER_SECOND * PCR_UNITS_PER_TICK == 27_000_000
