"""MPEG transport stream packets: what an origin must read in them and may write into them.

Rules (ISO/IEC 13818-1):

- A packet is 188 bytes and begins with 0x47 (2.4.3.2). PID 0x1FFF is a null packet: stuffing that every receiver drops.
- The continuity counter counts, per PID and modulo 16, the packets that carry payload (2.4.3.3).
- PTS and DTS are 33 bits of a 90 kHz clock, in five bytes with marker bits (2.4.3.7).
- The PCR is 33 bits of the same clock and 9 bits that count 27 MHz in 300ths of it (2.4.3.5).
- All of them wrap: 33 bits of 90 kHz are 26.5 hours.
"""

from dataclasses import dataclass

PACKET_BYTES = 188
PACKET_BITS = PACKET_BYTES * 8
SYNC_BYTE = 0x47
NULL_PID = 0x1FFF
PAT_PID = 0x0000
NULL_PACKET = bytes((SYNC_BYTE, 0x1F, 0xFF, 0x10)) + b"\xff" * (PACKET_BYTES - 4)

TICKS_PER_SECOND = 90_000
PCR_UNITS_PER_TICK = 300
PCR_UNITS_PER_SECOND = TICKS_PER_SECOND * PCR_UNITS_PER_TICK
TICKS_WRAP = 1 << 33
PCR_WRAP = TICKS_WRAP * PCR_UNITS_PER_TICK

# Stream ids whose PES packets have no optional header (2.4.3.7): program stream map, padding, private 2, ECM, EMM,
# directory, DSM-CC, H.222.1 type E.
_HEADERLESS_STREAMS = frozenset({0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xFF, 0xF2, 0xF8})


@dataclass(frozen=True, slots=True)
class Packet:
    """What one packet's headers say; places are byte offsets from the start of the packet.

    Attributes:
        starts_unit: a PES packet or a section begins in it.
        continuity: the continuity counter as found.
        pcr: in 27 MHz units.
        pts, dts: in 90 kHz ticks.
    """

    pid: int
    continuity: int
    has_payload: bool
    starts_unit: bool
    random_access: bool = False
    payload_at: int = 4
    pcr: int | None = None
    pcr_at: int = 0
    pts: int | None = None
    pts_at: int = 0
    dts: int | None = None
    dts_at: int = 0


def read_packet(packet: bytes | bytearray | memoryview) -> Packet:
    """The headers of one packet.

    Raises:
        ValueError: it is not a packet.
    """
    if len(packet) != PACKET_BYTES or packet[0] != SYNC_BYTE:
        raise ValueError("not a transport stream packet: 188 bytes that begin with 0x47")
    pid = (packet[1] & 0x1F) << 8 | packet[2]
    starts_unit = bool(packet[1] & 0x40)
    has_payload = bool(packet[3] & 0x10)
    payload_at = 4
    pcr, pcr_at, random_access = None, 0, False
    if packet[3] & 0x20:
        length = packet[4]
        payload_at = 5 + length
        if payload_at > PACKET_BYTES:
            raise ValueError(f"an adaptation field of {length} bytes does not fit its packet")
        if length:
            random_access = bool(packet[5] & 0x40)
            if packet[5] & 0x10:
                pcr_at = 6
                pcr = _read_pcr(packet, pcr_at)
    pts, pts_at, dts, dts_at = None, 0, None, 0
    body = bytes(packet[payload_at : payload_at + 19]) if starts_unit and has_payload and pid != NULL_PID else b""
    if body[:3] == b"\0\0\1" and len(body) >= 14 and body[3] not in _HEADERLESS_STREAMS:
        if body[7] & 0x80:
            pts_at = payload_at + 9
            pts = _read_ticks(packet, pts_at)
        if body[7] & 0xC0 == 0xC0:
            dts_at = payload_at + 14
            dts = _read_ticks(packet, dts_at)
    return Packet(
        pid=pid,
        continuity=packet[3] & 0x0F,
        has_payload=has_payload,
        starts_unit=starts_unit,
        random_access=random_access,
        payload_at=payload_at,
        pcr=pcr,
        pcr_at=pcr_at,
        pts=pts,
        pts_at=pts_at,
        dts=dts,
        dts_at=dts_at,
    )


def read_packets(stream: bytes) -> list[Packet]:
    """The headers of each packet of a stream, in order.

    Raises:
        ValueError: it is not a whole number of packets.
    """
    if len(stream) % PACKET_BYTES:
        raise ValueError(f"{len(stream)} bytes are not a whole number of transport stream packets")
    view = memoryview(stream)
    return [read_packet(view[at : at + PACKET_BYTES]) for at in range(0, len(stream), PACKET_BYTES)]


def write_ticks(buffer: bytearray, at: int, ticks: int) -> None:
    """Write a PTS or DTS, modulo its 33 bits, over one that stands there; the bits that say which it is stay."""
    ticks %= TICKS_WRAP
    buffer[at] = buffer[at] & 0xF1 | ticks >> 29 & 0x0E
    buffer[at + 1] = ticks >> 22 & 0xFF
    buffer[at + 2] = ticks >> 14 & 0xFE | 1
    buffer[at + 3] = ticks >> 7 & 0xFF
    buffer[at + 4] = ticks << 1 & 0xFE | 1


def write_pcr(buffer: bytearray, at: int, pcr: int) -> None:
    """Write a PCR, modulo its wrap, in 27 MHz units."""
    base, extension = divmod(pcr % PCR_WRAP, PCR_UNITS_PER_TICK)
    buffer[at : at + 6] = (base << 15 | 0x7E00 | extension).to_bytes(6, "big")


def _read_ticks(packet: bytes | bytearray | memoryview, at: int) -> int:
    return (
        (packet[at] & 0x0E) << 29
        | packet[at + 1] << 22
        | (packet[at + 2] & 0xFE) << 14
        | packet[at + 3] << 7
        | packet[at + 4] >> 1
    )


def _read_pcr(packet: bytes | bytearray | memoryview, at: int) -> int:
    field = int.from_bytes(packet[at : at + 6], "big")
    return (field >> 15) * PCR_UNITS_PER_TICK + (field & 0x1FF)
