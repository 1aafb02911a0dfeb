"""Hostile peers over HTTP/3 without a network: streams of QUIC, and what a session makes of them.

    python -m bench.fuzz.h3 [--inputs 1000000] [--seed 1]

Frames, streams and field sections that some peer might send are made at random and broken at random, then taken in
whole and in other pieces. An input is understood, or ends the connection with a `ProtocolError`. It stops, with the
input's number, at anything else: another exception, more body counted than was sent, another result for the same bytes
in other pieces, more held than bounds allow, or more than a second of processor time.
"""

import argparse
import random
import sys
import time

from bench.fuzz.peer import SLOWEST_SECONDS, broken

from hls_swarm.http.h1.head import MalformedHead
from hls_swarm.http.h3 import frames
from hls_swarm.http.h3.fields import parse_fields, request_block
from hls_swarm.http.h3.frames import ProtocolError, frame, varint
from hls_swarm.http.h3.session import BLOCK_LIMIT_BYTES, GoingAway, Session
from hls_swarm.http.multiplexing.events import BodyReceived, HeadReceived, StreamReset

GET = request_block("/a.ts", "origin.example", tls=True)
SECTIONS = (
    b"\0\0\xd9",
    b"\0\0\xd9\x54\x0512345",
    b"\0\0\xd8",
    b"\0\0\xdb\x5f\x1d\x0avideo/mp2t",
    b"\0\0\xd9\x27\x00xxxxxxx\x01y",
    b"\2\0\x80",
    b"\xff\xff\xff\xff\xff",
)
MOST_PIECES = 50
Piece = tuple[int, bytes, bool]
"""A stream, bytes on it, and whether they are its last."""


def on_a_request(draw: random.Random) -> bytes:
    """A frame that might be part of an answer."""
    match draw.randrange(9):
        case 0 | 1 | 2:
            return frame(frames.HEADERS, draw.choice(SECTIONS) + draw.randbytes(draw.choice((0, 0, 0, 4))))
        case 3 | 4 | 5:
            return frame(frames.DATA, bytes(draw.choice((0, 1, 100, 5000))))
        case 6:
            return frame(0x21 + 0x1F * draw.randrange(1000), bytes(draw.randrange(40)))
        case 7 if draw.random() < 0.2:
            return varint(frames.HEADERS) + varint(draw.choice((BLOCK_LIMIT_BYTES, BLOCK_LIMIT_BYTES + 1, 1 << 60)))
        case _:
            return frame(draw.randrange(16), bytes(draw.randrange(8))) if draw.random() < 0.2 else b""


def on_a_stream_of_its_own(draw: random.Random) -> bytes:
    """What a peer's control stream, or another one of its own, might say."""
    if draw.random() < 0.5:
        return draw.choice((b"\2\x20", b"\3\x44\x44", varint(0x54) + bytes(30), b"\1\0", b"\2\xc0\1x"))
    pieces = [b"\0", frames.settings({6: 1000}) if draw.random() < 0.95 else b""]
    for _ in range(draw.randrange(4)):
        other = frame(draw.randrange(16), bytes(draw.randrange(4))) if draw.random() < 0.1 else b""
        unknown = frame(0x21, bytes(draw.randrange(50)))
        pieces.append(draw.choice((frame(frames.GOAWAY, varint(4 * draw.randrange(4))), unknown, other)))
    return b"".join(pieces)


def made(draw: random.Random) -> list[Piece]:
    """All that a peer sends, stream by stream."""
    out: list[Piece] = []
    for stream in (0, 4):
        data = frame(frames.HEADERS, draw.choice(SECTIONS)) if draw.random() < 0.97 else b""
        data += b"".join(on_a_request(draw) for _ in range(draw.randrange(8)))
        if draw.random() < 0.02:
            data += on_a_request(draw) * 1200  # a flood
        out.append((stream, broken(draw, data) if draw.random() < 0.2 else data, draw.random() < 0.7))
    for stream in draw.sample((3, 7, 11, 15), draw.randrange(4)):
        data = on_a_stream_of_its_own(draw)
        out.append((stream, broken(draw, data) if draw.random() < 0.1 else data, draw.random() < 0.03))
    if draw.random() < 0.01:
        out.append((draw.choice((1, 2, 5, 8, 1 << 40)), draw.randbytes(5), False))
    draw.shuffle(out)
    return out


def cuts_of(draw: random.Random, data: bytes) -> list[int]:
    """Where to cut what comes on a stream: each few bytes, from anywhere on; of much, in some fifty pieces."""
    step = max(draw.choice((1, 2, 3, 7, 1200)), len(data) // MOST_PIECES)
    return list(range(draw.randrange(1, step + 1), len(data), step))


def told(pieces: list[Piece], cuts: list[list[int]], *, keeps: bool) -> tuple[object, ...]:
    """What a session makes of it: heads, bodies and ends of each stream in their order, and the error."""
    session = Session()
    session.streams_allowed = 100
    numbers = [session.request(GET, keeps=keeps) for _ in range(2)]
    heard: dict[int, list[object]] = {number: [] for number in numbers}
    counted = dict.fromkeys(numbers, 0)
    error: object = None
    try:
        for (stream, data, ends), places in zip(pieces, cuts, strict=True):
            for begin, end in zip([0, *places], [*places, len(data)], strict=True):
                try:
                    session.receive(stream, data[begin:end], ends=ends and end == len(data))
                finally:
                    take(session, heard, counted, keeps=keeps)
    except ProtocolError as refused:
        error = refused.code
    for number, size in counted.items():
        assert size <= sum(len(data) for stream, data, _ in pieces if stream == number)
    held = sum(len(stream.buffer) for stream in session._streams.values())
    held += sum(len(stream.buffer) for stream in session._peer.values())
    assert held <= 6 * (BLOCK_LIMIT_BYTES + 16)
    return heard, counted, error


def take(session: Session, heard: dict[int, list[object]], counted: dict[int, int], *, keeps: bool) -> None:
    """Take in what was told."""
    for event in session.told():
        match event:
            case BodyReceived():
                counted[event.stream] += event.size_bytes
                assert not keeps or sum(map(len, event.pieces)) == event.size_bytes
                heard[event.stream] += ["end"] if event.ends else []
            case HeadReceived():
                heard[event.stream].append((event.block, event.size_bytes, counted[event.stream]))
                try:
                    parse_fields(event.block)
                except (MalformedHead, ProtocolError) as refused:
                    heard[event.stream].append(type(refused))
            case StreamReset() | GoingAway():
                for number in heard:
                    heard[number].append(event)


def main() -> None:
    """Make inputs until there are enough."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    refused, slowest, began = 0, 0.0, time.monotonic()
    for number in range(options.inputs):
        draw = random.Random(f"{options.seed} {number}")
        pieces, keeps = made(draw), draw.random() < 0.5
        cuts = [cuts_of(draw, data) for _, data, _ in pieces]
        since = time.process_time()
        try:
            whole, parts = told(pieces, [[] for _ in pieces], keeps=keeps), told(pieces, cuts, keeps=keeps)
            assert whole == parts, (whole, parts)
        except Exception as error:
            raise SystemExit(f"input {number} of seed {options.seed}: {error!r}") from error
        spent = time.process_time() - since
        slowest = max(slowest, spent)
        if spent > SLOWEST_SECONDS:
            sys.exit(f"input {number} of seed {options.seed} took {spent:.1f} s")
        refused += whole[2] is not None
    print(
        f"HTTP/3: {options.inputs:,} inputs in {time.monotonic() - began:.0f} s (seed {options.seed}), "
        f"{refused:,} refused, slowest {slowest * 1e3:.1f} ms"
    )


if __name__ == "__main__":
    main()
