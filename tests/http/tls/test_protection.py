"""Record protection against the traces of RFC 8448, and its own round trips."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hls_swarm.http.tls.protection import (
    ALERT,
    APPLICATION_DATA,
    HANDSHAKE,
    SUITES,
    Protection,
    protected_bytes,
)

INTO = memoryview(bytearray(1 << 15))


def opened(protection: Protection, record: bytes) -> tuple[int, bytes, int]:
    found = protection.open(record[:5], record[5:], INTO)
    return found.content_type, bytes(found.content), found.padding_bytes


AES_128 = SUITES["TLS_AES_128_GCM_SHA256"]
# RFC 8448 3: the secrets of the simple handshake, and the client's first record of application data with them.
CLIENT_SECRET = bytes.fromhex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")
FIFTY = bytes(range(50))
CLIENT_RECORD = bytes.fromhex(
    "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2"
    "977014bd1e3deae63aeebb21694915e4"
)


def test_what_rfc_8448_seals_is_sealed_the_same() -> None:
    assert Protection(AES_128, CLIENT_SECRET).seal(APPLICATION_DATA, FIFTY) == CLIENT_RECORD


def test_what_rfc_8448_seals_is_opened() -> None:
    assert opened(Protection(AES_128, CLIENT_SECRET), CLIENT_RECORD) == (APPLICATION_DATA, FIFTY, 0)


@pytest.mark.parametrize("suite", SUITES.values(), ids=list(SUITES))
@given(contents=st.lists(st.tuples(st.sampled_from([ALERT, HANDSHAKE, APPLICATION_DATA]), st.binary(min_size=1))))
def test_records_open_in_the_order_in_which_they_were_sealed(suite: object, contents: list[tuple[int, bytes]]) -> None:
    assert isinstance(suite, tuple)
    sealing, opening = Protection(suite, b"s" * 32), Protection(suite, b"s" * 32)  # type: ignore[arg-type]
    for kind, content in contents:
        record = sealing.seal(kind, content)
        assert protected_bytes(record[:5]) == len(record) - 5 == len(content) + 17
        assert opened(opening, record) == (kind, content, 0)


def test_a_content_over_the_limit_of_a_record_is_several() -> None:
    sealing, opening = Protection(AES_128, b"s" * 32), Protection(AES_128, b"s" * 32)
    records = sealing.seal(APPLICATION_DATA, b"x" * 20000)
    first = 5 + 16384 + 17
    assert opened(opening, records[:first]) == (APPLICATION_DATA, b"x" * 16384, 0)
    assert opened(opening, records[first:]) == (APPLICATION_DATA, b"x" * 3616, 0)
    assert (sealing.sequence, opening.sequence) == (2, 2)


def test_a_record_out_of_turn_is_refused() -> None:
    sealing, opening = Protection(AES_128, b"s" * 32), Protection(AES_128, b"s" * 32)
    sealing.seal(APPLICATION_DATA, b"first")
    second = sealing.seal(APPLICATION_DATA, b"second")
    with pytest.raises(ssl.SSLError, match="bad record mac"):
        opened(opening, second)


def test_updated_keys_open_only_what_updated_keys_sealed() -> None:
    sealing, opening = Protection(AES_128, b"s" * 32), Protection(AES_128, b"s" * 32)
    sealing.update()
    record = sealing.seal(APPLICATION_DATA, b"new")
    with pytest.raises(ssl.SSLError):
        opened(opening, record)
    opening.update()
    assert opened(opening, record) == (APPLICATION_DATA, b"new", 0)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        pytest.param(b"\x15\x03\x03\x00\x02", "unexpected record of type 21", id="alert in the clear"),
        pytest.param(b"\x17\x03\x01\x00\x20", "unexpected record", id="version"),
        pytest.param(b"\x17\x03\x03\x00\x10", "record of 16 bytes", id="too short"),
        pytest.param(b"\x17\x03\x03\x40\x12", "record of 16402 bytes", id="too long"),
    ],
)
def test_a_header_that_is_none(header: bytes, words: str) -> None:
    with pytest.raises(ssl.SSLError, match=words):
        protected_bytes(header)


@pytest.mark.parametrize("suite", SUITES.values(), ids=list(SUITES))
@given(content=st.binary(min_size=1, max_size=300), behind=st.sampled_from([b"", b"\x17", b"\x17\x03\x03\0\x20"]))
def test_a_record_of_data_opens_in_one_step(suite: object, content: bytes, behind: bytes) -> None:
    assert isinstance(suite, tuple)
    sealing, opening = Protection(suite, b"s" * 32), Protection(suite, b"s" * 32)  # type: ignore[arg-type]
    record = sealing.seal(APPLICATION_DATA, content)
    assert opening.open_whole(record + behind) == (None if behind else content)
    assert opening.open_whole(record[:-1]) is None
    assert opening.sequence == (0 if behind else 1)


@pytest.mark.parametrize(
    ("kind", "inner"),
    [
        pytest.param(HANDSHAKE, b"\x04ticket", id="ticket"),
        pytest.param(ALERT, b"\1\0", id="alert"),
        pytest.param(0, b"data\x17", id="padded"),
    ],
)
def test_what_is_more_than_data_is_left_to_be_opened_step_by_step(kind: int, inner: bytes) -> None:
    sealing, opening = Protection(AES_128, b"s" * 32), Protection(AES_128, b"s" * 32)
    record = sealing.seal(kind, inner)
    assert (opening.open_whole(record), opening.sequence) == (None, 0)
    assert opened(opening, record)[0] == (kind or APPLICATION_DATA)


def test_a_changed_record_does_not_open_in_one_step() -> None:
    record = bytearray(Protection(AES_128, b"s" * 32).seal(APPLICATION_DATA, b"data"))
    record[-1] ^= 1
    with pytest.raises(ssl.SSLError, match="bad record mac"):
        Protection(AES_128, b"s" * 32).open_whole(bytes(record))


@pytest.mark.parametrize(
    "record",
    [b"", b"\x17\x03\x03\0\0", b"\x17\x03\x03\0\x11" + bytes(17), b"\x15\x03\x03\0\x20" + bytes(32)],
    ids=["nothing", "empty", "no content", "not protected"],
)
def test_what_is_no_record_of_data_is_not_opened_in_one_step(record: bytes) -> None:
    assert Protection(AES_128, b"s" * 32).open_whole(record) is None
