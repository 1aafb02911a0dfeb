"""Packets: what is read is what was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.testorigin.media.mpegts import (
    NULL_PACKET,
    NULL_PID,
    PACKET_BYTES,
    PCR_WRAP,
    TICKS_WRAP,
    read_packet,
    read_packets,
    write_pcr,
    write_ticks,
)

TICKS = st.integers(0, TICKS_WRAP - 1)


def pes_packet() -> bytearray:
    """A video packet with a PCR of 0 and a PES header with PTS and DTS of 0, built field by field."""
    adaptation = bytes((7, 0x50)) + bytes((0, 0, 0, 0, 0x7E, 0))
    pes = b"\0\0\1\xe0\0\0" + bytes((0x80, 0xC0, 10)) + bytes((0x31, 0, 1, 0, 1)) + bytes((0x11, 0, 1, 0, 1))
    head = bytes((0x47, 0x41, 0x00, 0x3A))
    return bytearray((head + adaptation + pes).ljust(PACKET_BYTES, b"\xaa"))


def test_a_packet_is_read_field_by_field() -> None:
    packet = read_packet(pes_packet())
    assert (packet.pid, packet.continuity, packet.has_payload, packet.starts_unit) == (0x100, 10, True, True)
    assert (packet.random_access, packet.payload_at) == (True, 12)
    assert (packet.pcr, packet.pcr_at) == (0, 6)
    assert (packet.pts, packet.pts_at, packet.dts, packet.dts_at) == (0, 21, 0, 26)


def test_a_null_packet_is_stuffing() -> None:
    packet = read_packet(NULL_PACKET)
    assert len(NULL_PACKET) == PACKET_BYTES
    assert (packet.pid, packet.starts_unit, packet.pcr, packet.pts) == (NULL_PID, False, None, None)


@given(pts=TICKS, dts=TICKS, pcr=st.integers(0, PCR_WRAP - 1))
def test_clocks_are_read_as_written(pts: int, dts: int, pcr: int) -> None:
    data = pes_packet()
    write_ticks(data, 21, pts)
    write_ticks(data, 26, dts)
    write_pcr(data, 6, pcr)
    packet = read_packet(data)
    assert (packet.pts, packet.dts, packet.pcr) == (pts, dts, pcr)
    assert data[21] & 0xF1 == 0x31
    assert data[26] & 0xF1 == 0x11
    assert all(data[at] & 1 for at in (21, 23, 25, 26, 28, 30))


@pytest.mark.parametrize(
    ("ticks", "field"),
    [
        pytest.param(0, "2100010001", id="zero"),
        pytest.param(90_000, "210005bf21", id="one second"),
        pytest.param(TICKS_WRAP - 1, "2fffffffff", id="the last one"),
        pytest.param(TICKS_WRAP, "2100010001", id="wraps to zero"),
        pytest.param(TICKS_WRAP + 90_000, "210005bf21", id="wraps"),
    ],
)
def test_ticks_have_the_bits_of_the_standard(ticks: int, field: str) -> None:
    data = bytearray.fromhex("2100010001")
    write_ticks(data, 0, ticks)
    assert data.hex() == field


@pytest.mark.parametrize(
    ("pcr", "field"),
    [
        pytest.param(0, "000000007e00", id="zero"),
        pytest.param(299, "000000007f2b", id="extension only"),
        pytest.param(300, "00000000fe00", id="one tick"),
        pytest.param(27_000_000, "0000afc87e00", id="one second"),
        pytest.param(PCR_WRAP - 1, "ffffffffff2b", id="the last one"),
        pytest.param(PCR_WRAP, "000000007e00", id="wraps to zero"),
    ],
)
def test_a_pcr_has_the_bits_of_the_standard(pcr: int, field: str) -> None:
    data = bytearray(6)
    write_pcr(data, 0, pcr)
    assert data.hex() == field


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(NULL_PACKET[:-1], id="too short"),
        pytest.param(b"\x48" + NULL_PACKET[1:], id="no sync byte"),
        pytest.param(bytes((0x47, 1, 0, 0x30, 184)) + NULL_PACKET[5:], id="adaptation field too long"),
    ],
)
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"packet"):
        read_packet(data)


def test_a_stream_is_whole_packets() -> None:
    assert [packet.pid for packet in read_packets(NULL_PACKET * 3)] == [NULL_PID] * 3
    with pytest.raises(ValueError, match="whole number"):
        read_packets(NULL_PACKET + b"\x47")
