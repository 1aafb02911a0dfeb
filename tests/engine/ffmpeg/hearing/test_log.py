"""The log of real ffmpeg processes, captured scene by scene and version by version, against what their origin saw."""

import re
from collections import Counter
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import places

from hls_swarm.engine.ffmpeg.hearing.lines import parse_line
from hls_swarm.engine.ffmpeg.hearing.log import LogReader
from hls_swarm.records import (
    Exchange,
    FailureKind,
    ObjectKind,
    PlayerLogDropped,
    PlaylistFetched,
    Record,
    SegmentFetched,
    SegmentsExpired,
)

DATA = places.DATA / "ffmpeg"
VERSIONS = ("5.1", "9.0")
SCENES = sorted({path.name.partition(".")[0] for path in DATA.glob("*.log")})
FIRST, MEDIA = ObjectKind.MULTIVARIANT_PLAYLIST, ObjectKind.MEDIA_PLAYLIST
SEGMENT, INIT, KEY = ObjectKind.SEGMENT, ObjectKind.INIT, ObjectKind.KEY
OK, CUT = "ok", "cancelled"


def read(scene: str, version: str, piece: int = 1 << 20) -> tuple[list[Record], LogReader]:
    """The records of a captured log, read in pieces of so many bytes."""
    records: list[Record] = []
    timeout = 1.0 if scene in {"segment-silent", "segment-paused"} else None
    reader = LogReader(7, records.append, timeout, 1_000_000)
    log = (DATA / f"{scene}.{version}.log").read_bytes()
    for at in range(0, len(log), piece):
        reader.feed(log[at : at + piece], 100.0)
    reader.close(101.0, ours=exit_code(scene, version) == 255)
    return records, reader


def access(scene: str, version: str) -> list[tuple[int, int, str]]:
    """Status, body bytes and path of each request that the origin saw."""
    lines = (DATA / f"{scene}.{version}.access").read_text().splitlines()[:-1]
    return [(int(status), int(size), path) for status, size, path in map(str.split, lines)]


def exit_code(scene: str, version: str) -> int:
    """What the process ended with."""
    return int((DATA / f"{scene}.{version}.access").read_text().split()[-1])


def exchanges(records: list[Record]) -> list[Exchange]:
    """All of them."""
    return [record.exchange for record in records if isinstance(record, PlaylistFetched | SegmentFetched)]


def ignore(record: Record) -> None:
    """A report that nobody reads."""


def outcomes(records: list[Record]) -> Counter[tuple[ObjectKind, str]]:
    """Kinds of objects and what came of them."""
    return Counter(
        (record.kind, record.failure.kind.value if record.failure is not None else OK)
        for record in records
        if isinstance(record, PlaylistFetched | SegmentFetched)
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scene", SCENES)
def test_requests_are_those_that_the_origin_saw(scene: str, version: str) -> None:
    records, _ = read(scene, version)
    saw = Counter(path for _, _, path in access(scene, version))
    sent = Counter[str]()
    for exchange in exchanges(records):
        sent[urlsplit(exchange.final_url).path] += exchange.requests_sent
    if scene == "redirect":
        saw["/ts/v0.m3u8"] += saw.pop("/ts/old.m3u8")
    if scene == "segment-cut":
        # ffmpeg asks for the next segment on the connection that was cut: sent, but read by nobody.
        assert sum(sent.values()) == sum(saw.values()) + 1
        assert outcomes(records)[SEGMENT, "connection_lost"] == 1
    else:
        assert sent == saw


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scene", sorted(set(SCENES) - {"chunked"}))
def test_bytes_of_complete_answers_are_those_that_the_origin_sent(scene: str, version: str) -> None:
    records, _ = read(scene, version)
    sent = Counter((path, size) for status, size, path in access(scene, version) if status in {200, 206})
    for exchange in exchanges(records):
        if exchange.failure is None:
            sent[urlsplit(exchange.final_url).path, exchange.body_bytes] -= 1
    assert min(sent.values(), default=0) >= 0
    # What is left was cut: it may have arrived in part.
    left = sum(size * count for (_, size), count in sent.items())
    cut = [exchange for exchange in exchanges(records) if exchange.failure is not None]
    assert 0 <= sum(exchange.body_bytes for exchange in cut) <= left
    assert (left == 0) == all(exchange.status is None or exchange.status >= 400 for exchange in cut)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_segment_that_says_that_it_has_no_body_is_an_empty_one(version: str) -> None:
    log = (DATA / f"no-keep-alive.{version}.log").read_bytes()
    emptied = re.sub(rb"(header='Content-Length: |Statistics: )\d{4,}", rb"\g<1>0", log)
    assert emptied != log
    records: list[Record] = []
    reader = LogReader(7, records.append, None, 1_000_000)
    reader.feed(emptied, 100.0)
    reader.close(101.0, ours=False)
    found = outcomes(records)
    assert found[SEGMENT, "empty_media"] == sum(found.values()) - 1 > 0
    assert found[MEDIA, OK] + found[FIRST, OK] == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_bytes_without_declared_lengths_come_with_the_end_of_the_connection(version: str) -> None:
    records, _ = read("chunked", version)
    read_ahead = access("chunked", version)[-1][1]
    declared = sum(size for _, size, _ in access("chunked", version))
    assert declared - read_ahead <= sum(exchange.body_bytes for exchange in exchanges(records)) <= declared


MADE = [
    pytest.param("vod", "5.1", {(FIRST, OK): 1, (MEDIA, OK): 2, (SEGMENT, OK): 9, (SEGMENT, CUT): 1}, id="vod 5"),
    pytest.param("vod", "9.0", {(FIRST, OK): 1, (MEDIA, OK): 2, (SEGMENT, OK): 9, (SEGMENT, CUT): 1}, id="vod 9"),
    pytest.param("live", "5.1", {(MEDIA, OK): 8, (SEGMENT, OK): 10}, id="live 5"),
    pytest.param("live", "9.0", {(MEDIA, OK): 8, (SEGMENT, OK): 10}, id="live 9"),
    pytest.param("fmp4", "5.1", {(MEDIA, OK): 1, (INIT, OK): 1, (SEGMENT, OK): 4, (SEGMENT, CUT): 1}, id="fmp4 5"),
    pytest.param("fmp4", "9.0", {(MEDIA, OK): 1, (INIT, OK): 1, (SEGMENT, OK): 5, (SEGMENT, CUT): 1}, id="fmp4 9"),
    pytest.param("encrypted", "5.1", {(MEDIA, OK): 1, (KEY, OK): 1, (SEGMENT, OK): 4}, id="key 5"),
    pytest.param("encrypted", "9.0", {(MEDIA, OK): 1, (KEY, OK): 1, (SEGMENT, OK): 5}, id="key 9"),
    pytest.param("live-503", "5.1", {(MEDIA, OK): 4, (MEDIA, "http_status"): 2, (SEGMENT, OK): 6}, id="503 5"),
    pytest.param("live-503", "9.0", {(MEDIA, OK): 5, (MEDIA, "http_status"): 2, (SEGMENT, OK): 6}, id="503 9"),
    pytest.param("playlist-404", "9.0", {(FIRST, "http_status"): 1}, id="404"),
    pytest.param("playlist-503", "5.1", {(FIRST, "http_status"): 1}, id="503 first"),
    pytest.param("nobody", "5.1", {(FIRST, "connect"): 1}, id="refused 5"),
    pytest.param("nobody", "9.0", {(FIRST, "connect"): 1}, id="refused 9"),
    pytest.param("reconnect", "5.1", {(FIRST, "connect"): 3}, id="each try counts 5"),
    pytest.param("reconnect", "9.0", {(FIRST, "connect"): 3}, id="each try counts 9"),
    pytest.param("https-untrusted", "9.0", {(FIRST, "tls"): 1}, id="tls"),
    pytest.param(
        "segment-cut", "9.0",
        {(MEDIA, OK): 1, (SEGMENT, OK): 4, (SEGMENT, "truncated"): 1, (SEGMENT, "connection_lost"): 1,
         (SEGMENT, "cancelled"): 1},
        id="cut",
    ),
    pytest.param(
        "segment-silent", "5.1", {(MEDIA, OK): 1, (SEGMENT, OK): 6, (SEGMENT, "first_byte_timeout"): 1}, id="silent 5"
    ),
    pytest.param(
        "segment-silent", "9.0", {(MEDIA, OK): 1, (SEGMENT, OK): 6, (SEGMENT, "first_byte_timeout"): 1}, id="silent 9"
    ),
    pytest.param(
        "segment-paused", "5.1",
        {(MEDIA, OK): 1, (SEGMENT, OK): 4, (SEGMENT, "truncated"): 1, (SEGMENT, "malformed"): 1},
        id="given up on, and its rest taken for an answer 5",
    ),
    pytest.param(
        "segment-paused", "9.0",
        {(MEDIA, OK): 1, (SEGMENT, OK): 4, (SEGMENT, "truncated"): 1, (SEGMENT, "malformed"): 1},
        id="given up on, and its rest taken for an answer 9",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("scene", "version", "expected"), MADE)
def test_records_are_of_the_kind_that_the_scene_is(
    scene: str, version: str, expected: dict[tuple[ObjectKind, str], int]
) -> None:
    records, _ = read(scene, version)
    assert outcomes(records) == expected


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("scene", SCENES)
def test_pieces_of_any_size_say_the_same(scene: str, version: str) -> None:
    whole, _ = read(scene, version)
    for piece in (1, 7, 4096) if scene in {"live", "encrypted", "live-503"} else (997,):
        assert read(scene, version, piece)[0] == whole


@pytest.mark.parametrize("version", VERSIONS)
def test_expired_segments_are_counted(version: str) -> None:
    records, _ = read("live-expired", version)
    assert [record.count for record in records if isinstance(record, SegmentsExpired)] == [4]


def test_stamped_lines_date_requests_and_answers() -> None:
    stamped, plain = exchanges(read("live", "9.0")[0]), exchanges(read("live", "5.1")[0])
    assert all(exchange.ttfb_seconds is not None and 0 <= exchange.ttfb_seconds < 1 for exchange in stamped)
    assert sum(exchange.connect_seconds is not None for exchange in stamped) == 4
    assert all(exchange.ttfb_seconds is None and exchange.connect_seconds is None for exchange in plain)
    assert sum(exchange.connections_opened or 0 for exchange in plain) == 4


def test_lines_that_are_read_late_are_dated_when_they_were_written() -> None:
    records: list[Record] = []
    reader = LogReader(7, records.append, None, 1_000_000)
    written_at, written = 0.0, []
    for number, line in enumerate((DATA / "live.9.0.log").read_bytes().splitlines(keepends=True)):
        stamp = parse_line(line).stamp
        written_at = written_at if stamp is None else stamp
        written += [written_at] if b"request: " in line else []
        reader.feed(line, written_at + (0.0, 0.4, 0.9, 0.2)[number % 4])
    reader.close(written_at, ours=True)
    assert sorted(exchange.started_at for exchange in exchanges(records)) == pytest.approx(written, abs=1e-6)


@pytest.mark.parametrize("version", VERSIONS)
def test_no_exchange_claims_a_download_time(version: str) -> None:
    assert not any(exchange.timed for scene in SCENES for exchange in exchanges(read(scene, version)[0]))


@pytest.mark.parametrize(
    ("scene", "version", "live", "played"),
    [
        pytest.param("live", "5.1", True, True, id="live 5"),
        pytest.param("live", "9.0", True, True, id="live 9"),
        pytest.param("vod", "5.1", False, True, id="vod 5"),
        pytest.param("vod", "9.0", False, True, id="vod 9"),
        pytest.param("nobody", "9.0", None, False, id="unknown"),
    ],
)
def test_what_the_stream_is(scene: str, version: str, live: bool | None, played: bool) -> None:
    _, reader = read(scene, version)
    assert reader.is_live is live
    assert (reader.output_at is not None) is played


@pytest.mark.parametrize(
    ("scene", "version", "words"),
    [
        pytest.param("nobody", "9.0", "Connection to tcp://127.0.0.1:45067 failed: Connection refused", id="refused 9"),
        pytest.param("playlist-404", "9.0", "Server returned 404 Not Found", id="404"),
        pytest.param("playlist-html", "9.0", "Invalid data found when processing input", id="no playlist 9"),
        pytest.param(
            "playlist-html", "5.1", "http://127.0.0.1:33583/page.html: Invalid data found when processing input",
            id="no playlist 5",
        ),
        pytest.param(
            "https-untrusted", "9.0", "error:0A000086:SSL routines::certificate verify failed; Input/output error",
            id="certificate",
        ),
    ],
)  # fmt: skip
def test_why_a_process_ended_is_said_in_its_own_words(scene: str, version: str, words: str) -> None:
    assert read(scene, version)[1].words == words


def test_a_command_line_that_is_refused_says_so_without_levels() -> None:
    reader = LogReader(0, ignore, None, 1000)
    reader.feed(b"Unrecognized option 'seg_max_retry'.\nError splitting the argument list: Option not found\n", 1.0)
    reader.close(1.0, ours=False)
    assert reader.words == "Error splitting the argument list: Option not found"


def test_secrets_in_urls_are_masked() -> None:
    records: list[Record] = []
    reader = LogReader(0, records.append, None, 1000, secret="t0ken")
    reader.feed(b"[NULL @ 0x1] [debug] Opening 'http://me:pw@h/a.m3u8?t=t0ken' for reading\n", 1.0)
    reader.feed(
        b"[http @ 0x2] [debug] request: GET /a.m3u8?t=t0ken HTTP/1.1\n[error] http://me:pw@h/?t0ken: bad\n", 1.0
    )
    reader.close(2.0, ours=False)
    (exchange,) = exchanges(records)
    assert exchange.url == "http://***@h/a.m3u8?t=***"
    assert reader.words == "http://***@h/?***: bad"


def test_a_quote_in_a_url_is_part_of_it() -> None:
    records: list[Record] = []
    reader = LogReader(0, records.append, None, 1000)
    reader.feed(b"[hls @ 0x1] [verbose] HLS request for url 'http://h/it's.ts', offset 0, playlist 0\n", 1.0)
    reader.feed(b"[hls @ 0x1] [info] Opening 'http://h/it's.ts' for reading\n", 1.0)
    reader.feed(b"[http @ 0x2] [debug] request: GET /it's.ts HTTP/1.1\n", 1.0)
    reader.close(2.0, ours=True)
    (record,) = records
    assert isinstance(record, SegmentFetched)
    assert (record.kind, record.exchange.url) == (SEGMENT, "http://h/it's.ts")


def test_too_many_lines_are_dropped_and_counted() -> None:
    records: list[Record] = []
    reader = LogReader(3, records.append, None, lines_per_second=100)
    reader.feed(b"[info] a\n" * 250, 5.0)
    reader.feed(b"[info] a\n" * 90, 6.0)
    assert records == [PlayerLogDropped(3, 5.0, 150)]


WORDS = st.sampled_from(
    [
        b"[http @ 0x1] [debug] request: GET / HTTP/1.1", b"[http @ 0x2] [debug] request: GET / HTTP/1.1",
        b"[http @ 0x1] [trace] http_code=200", b"[http @ 0x2] [trace] http_code=404",
        b"[http @ 0x1] [trace] http_code=0",
        b"[http @ 0x1] [trace] header='Content-Length: 100'", b"[http @ 0x2] [trace] header='Location: ../x'",
        b"[http @ 0x1] [trace] http_code=302", b"[http @ 0x1] [trace] header='Location: http://[x/'",
        b"[hls @ 0x9] [info] Opening 'http://h/1.ts' for reading",
        b"[hls @ 0x9] [info] Opening 'crypto+http://h/1.ts' for reading",
        b"[NULL @ 0x9] [debug] Opening 'u' for reading",
        b"[hls @ 0x9] [verbose] HLS request for url 'http://h/1.ts', offset 0, playlist 0",
        b"[AVIOContext @ 0x5] [verbose] Statistics: 100 bytes read, 0 seeks",
        b"[AVIOContext @ 0x5] [verbose] Statistics: 30 bytes read, 0 seeks",
        b"[http @ 0x1] [debug] Statistics: 1 connection, 1 request",
        b"[tcp @ 0x3] [verbose] Successfully connected to h",
        b"[tcp @ 0x3] [verbose] Starting connection attempt to h", b"[hls @ 0x9] [warning] Failed to open segment 1",
        b"[tcp @ 0x3] [error] Connection to tcp://h failed: Too many open files", b"\r", b"\xff\xfe[", b"[x @ 0x",
        b"[http @ 0x1] [error] Stream ends prematurely at 1, should be 2",
        b"[hls @ 0x9] [debug] Downloading an initialization section of size 1", b"[tls @ 0x7] [error] bad certificate",
        b"2026-11-23 23:59:59.999 [http @ 0x1] [debug] request: GET / HTTP/1.1",
        b"2026-11-24 00:00:00.001 [http @ 0x1] [trace] header='HTTP/1.1 200 OK'",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(WORDS, st.binary(max_size=60)), max_size=60), st.booleans())
def test_any_lines_in_any_order_give_records_that_add_up(lines: list[bytes], ours: bool) -> None:
    records: list[Record] = []
    reader = LogReader(0, records.append, 1.0, 1_000_000)
    for number, line in enumerate(lines):
        reader.feed(line + b"\n", float(number))
    reader.close(float(len(lines)), ours=ours)
    assert reader.in_flight == 0
    requests = sum(b"request: " in line for line in b"\n".join(lines).replace(b"\r", b"\n").split(b"\n"))
    assert sum(exchange.requests_sent for exchange in exchanges(records)) <= requests
    for exchange in exchanges(records):
        assert exchange.body_bytes >= 0
        assert exchange.ended_at >= exchange.started_at
        assert exchange.failure is None or exchange.failure.kind is not FailureKind.HTTP_STATUS or exchange.status


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=4000), st.integers(1, 100))
def test_garbage_is_read_without_harm_in_any_pieces(data: bytes, piece: int) -> None:
    reader = LogReader(0, ignore, None, 1_000_000)
    for at in range(0, len(data), piece):
        reader.feed(data[at : at + piece], 1.0)
    reader.close(1.0, ours=False)
