"""Endless stream out of a short clip: the packets of part n of a variant, for any n.

Rules:

- The clip repeats, its clocks do not: PTS and DTS gain one period with each loop and wrap at 33 bits, and continuity
  counters go on over parts and loops. So no part needs a discontinuity, and each is a function of its number alone.
- The stream has a constant bitrate, exactly: packet i of a variant leaves at i * 1504 / bitrate seconds of its clock,
  wherever it stands. Packets of the clip take the place that their decoding time asks for, null packets all others.
  Part n ends with the last packet that leaves before (n + 1) * part seconds: parts differ by one packet at most.
- Each PCR is the time at which its packet leaves, so it has no jitter. The clip has one with each video frame: they
  are never more than the 100 ms of ISO/IEC 13818-1 2.7.2 apart.
- A frame arrives `LEAD_TICKS` before it is decoded: time for a keyframe at the nominal bitrate, and little enough audio
  for the 3,584 bytes of its buffer (2.4.2.7).
- PAT and PMT come again each 100 ms, as DVB asks (ETSI TS 101 154 4.1.7), in place of null packets.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from hls_swarm.testorigin.media.clip import ClipVariant
from hls_swarm.testorigin.media.mpegts import (
    NULL_PACKET,
    NULL_PID,
    PACKET_BITS,
    PACKET_BYTES,
    PAT_PID,
    PCR_UNITS_PER_SECOND,
    TICKS_PER_SECOND,
    Packet,
    read_packets,
    write_pcr,
    write_ticks,
)

LEAD_TICKS = TICKS_PER_SECOND * 4 // 10
_TABLES_PER_SECOND = 10
_TABLES = 2  # PAT and PMT, one packet each


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A PTS or DTS to write anew.

    Attributes:
        packet: which of the part's packets.
        at: byte offset in that packet.
        ticks: its value in the first loop of the stream.
    """

    packet: int
    at: int
    ticks: int


@dataclass(frozen=True)
class _Part:
    """One part of the clip, ready to be stamped.

    Attributes:
        data: its packets, with the repeated PAT and PMT among them.
        due_ticks: for each packet, when it should leave, from the part's beginning.
        pids: for each packet; None where there is no payload to count.
        pcrs: packet and byte offset in it.
        counts: packets that the continuity counters count, by PID.
    """

    data: bytes
    due_ticks: tuple[int, ...]
    pids: tuple[int | None, ...]
    stamps: tuple[_Stamp, ...]
    pcrs: tuple[tuple[int, int], ...]
    counts: Counter[int]


class VariantStream:
    """One variant as an endless transport stream, part by part.

    Raises:
        ValueError: a part of the clip does not fit its variant's bitrate.
    """

    def __init__(self, variant: ClipVariant) -> None:
        self.variant = variant
        first = min(packet.pts for packet in read_packets(variant.parts[0]) if packet.pts is not None)
        first_dts = next(
            packet.pts if packet.dts is None else packet.dts
            for packet in read_packets(variant.parts[0])
            if packet.pid == variant.video_pid and packet.pts is not None
        )
        self._origin = min(first, first_dts)
        self._parts = tuple(self._read(nth, part) for nth, part in enumerate(variant.parts))
        self._counts_before: list[Counter[int]] = [Counter()]
        for part in self._parts:
            self._counts_before.append(self._counts_before[-1] + part.counts)
        self._places = lru_cache(maxsize=2 * len(self._parts))(self._place)
        shortest = variant.bitrate * variant.part_seconds // PACKET_BITS
        for part in self._parts:
            if len(part.due_ticks) > shortest:
                raise ValueError(f"{variant.name}: {len(part.due_ticks)} packets do not fit {variant.bitrate} bit/s")

    def first_packet(self, nth: int) -> int:
        """Packets of the stream before part n."""
        return -(-nth * self.variant.part_seconds * self.variant.bitrate // PACKET_BITS)

    def part_bytes(self, nth: int) -> int:
        """Size of part n: its duration at the nominal bitrate, to one packet."""
        return (self.first_packet(nth + 1) - self.first_packet(nth)) * PACKET_BYTES

    def peak_part_bytes(self) -> int:
        """Size of the largest part that the stream can have."""
        return -(-self.variant.part_seconds * self.variant.bitrate // PACKET_BITS) * PACKET_BYTES

    def part(self, nth: int) -> bytearray:
        """The packets of part n of the stream."""
        loop, phase = divmod(nth, len(self._parts))
        part = self._parts[phase]
        first = self.first_packet(nth)
        packets = self.first_packet(nth + 1) - first
        places = self._places(phase, packets)

        out = bytearray(NULL_PACKET * packets)
        for source, place, length in _runs(places):
            out[place : place + length] = part.data[source : source + length]

        before = self._counts_before[phase]
        loop_counts = self._counts_before[-1]
        counters = {pid: loop * count + before[pid] for pid, count in loop_counts.items()}
        for pid, place in zip(part.pids, places, strict=True):
            if pid is not None:
                at = place * PACKET_BYTES + 3
                out[at] = out[at] & 0xF0 | counters[pid] & 0x0F
                counters[pid] += 1

        shift = loop * self.variant.period_seconds * TICKS_PER_SECOND
        for stamp in part.stamps:
            write_ticks(out, places[stamp.packet] * PACKET_BYTES + stamp.at, stamp.ticks + shift)
        for packet, at in part.pcrs:
            place = places[packet]
            leaves = (first + place) * PACKET_BITS * PCR_UNITS_PER_SECOND // self.variant.bitrate
            write_pcr(out, place * PACKET_BYTES + at, leaves)
        return out

    def _read(self, nth: int, data: bytes) -> _Part:
        """A part of the clip, with PAT and PMT repeated and its times counted from the beginning of the clip."""
        packets = read_packets(data)
        start = nth * self.variant.part_seconds * TICKS_PER_SECOND
        tables = _table_packets(packets)
        every = TICKS_PER_SECOND // _TABLES_PER_SECOND
        due, next_tables = 0, every
        order: list[int] = []
        dues: list[int] = []
        for index, packet in enumerate(packets):
            decoded = packet.pts if packet.dts is None else packet.dts
            if decoded is not None:
                due = max(due, decoded - self._origin - start)
            while due >= next_tables:
                order += tables
                dues += [next_tables] * len(tables)
                next_tables += every
            order.append(index)
            dues.append(due)
        stamps = []
        for place, index in enumerate(order):
            packet = packets[index]
            for ticks, at in ((packet.pts, packet.pts_at), (packet.dts, packet.dts_at)):
                if ticks is not None:
                    stamps.append(_Stamp(place, at, ticks - self._origin + LEAD_TICKS))
        pids = tuple(
            packets[index].pid if packets[index].has_payload and packets[index].pid != NULL_PID else None
            for index in order
        )
        return _Part(
            data=b"".join(data[index * PACKET_BYTES : (index + 1) * PACKET_BYTES] for index in order),
            due_ticks=tuple(dues),
            pids=pids,
            stamps=tuple(stamps),
            pcrs=tuple(
                (place, packets[index].pcr_at) for place, index in enumerate(order) if packets[index].pcr is not None
            ),
            counts=Counter(pid for pid in pids if pid is not None),
        )

    def _place(self, phase: int, packets: int) -> tuple[int, ...]:
        """Where each packet of a part goes among that many: as its time asks, in order, and inside the part."""
        dues = self._parts[phase].due_ticks
        places = []
        place = -1
        for nth, due in enumerate(dues):
            wanted = due * self.variant.bitrate // (TICKS_PER_SECOND * PACKET_BITS)
            place = min(max(place + 1, wanted), packets - (len(dues) - nth))
            places.append(place)
        return tuple(places)


def _table_packets(packets: Sequence[Packet]) -> list[int]:
    """The PAT and the PMT that follows it, as indexes.

    Raises:
        ValueError: the part does not have each in one packet, one after the other.
    """
    pat = next((index for index, packet in enumerate(packets) if packet.pid == PAT_PID), None)
    if pat is None or pat + 1 >= len(packets) or not all(p.starts_unit for p in packets[pat : pat + _TABLES]):
        raise ValueError("a part of a clip must have a PAT and a PMT of one packet each")
    return [pat, pat + 1]


def _runs(places: Sequence[int]) -> list[tuple[int, int, int]]:
    """Neighbours that stay neighbours, as source offset, target offset and length in bytes."""
    runs: list[tuple[int, int, int]] = []
    start = 0
    for nth in range(1, len(places) + 1):
        if nth == len(places) or places[nth] != places[nth - 1] + 1:
            runs.append((start * PACKET_BYTES, places[start] * PACKET_BYTES, (nth - start) * PACKET_BYTES))
            start = nth
    return runs
