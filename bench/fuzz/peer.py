"""Hostile peers without a network: HTTP/2 frames for the session, TLS records for the stream that skips them.

    python -m bench.fuzz.peer [--inputs 1000000] [--seed 1] [--peer h2|tls]

So many inputs are for each. What honest peers send is made at random, then broken at random: bytes changed, cut
out, doubled, frames and records in any order, floods. An answer is what was meant, or the error that the peer deserves:
a `ProtocolError` that the peer is told of, an `OSError`. It stops, with the input's number, at anything else: another
exception, more counted than was sent, another result for the same bytes in other pieces or in one step, more held than
bounds allow, or an input that takes more than a second of processor time.

Half of the records come out of a socket of the kernel, so that they are looked at ahead and dropped by the run.
"""

import argparse
import random
import socket
import sys
import time
from typing import cast

from tests.http.tls.sealing import CLIENT, KEY_UPDATE, KEY_UPDATE_ASKED, SERVER, SUITE

from hls_swarm.http.h1.head import MalformedHead
from hls_swarm.http.h1.stream import SCRATCH_BYTES
from hls_swarm.http.h2 import frames
from hls_swarm.http.h2.fields import parse_fields, request_block
from hls_swarm.http.h2.frames import ProtocolError
from hls_swarm.http.h2.layout import Place
from hls_swarm.http.h2.session import BLOCK_LIMIT_BYTES, OUT_LIMIT_BYTES, GoingAway, Session
from hls_swarm.http.multiplexing.events import BodyReceived, HeadReceived, StreamReset
from hls_swarm.http.tls.protection import ALERT, APPLICATION_DATA, HANDSHAKE, Protection
from hls_swarm.http.tls.sizes import HEADER_BYTES
from hls_swarm.http.tls.skipping import SkippingStream

GET = request_block("/a.ts", "origin.example", tls=True)
SLOWEST_SECONDS = 1.0
BLOCKS = (
    b"\x88",
    b"\x88\x0f\x0d\x0512345",
    b"\x8d",
    b"\x20\x88\x5f\x0avideo/mp2t",
    b"\x3f\xe1\x1f\x88",
    b"\xff\xff\xff",
)
MOST_SENT_BYTES = 150_000
"""As much fits into a socket before anybody reads."""
SCRATCH = bytearray(SCRATCH_BYTES)


# HTTP/2


def h2_frame(draw: random.Random) -> bytes:
    """A frame that some peer might send."""
    stream = draw.choice((1, 3)) if draw.random() < 0.95 else draw.choice((0, 2, 5, 1 << 30))
    match draw.randrange(12):
        case 0 | 1:
            flags = draw.choice((4, 5)) if draw.random() < 0.8 else draw.choice((0, 12, 0x24))
            return frames.frame(
                frames.HEADERS, flags, stream, draw.choice(BLOCKS) + draw.randbytes(draw.choice((0, 0, 5)))
            )
        case 2 | 3 | 4:
            size = draw.choice((0, 1, 100, 8192, 16384)) if draw.random() < 0.98 else 16385
            return frames.frame(frames.DATA, draw.choice((0, 0, 0, 0, 1, 8)), stream, bytes(size))
        case 5:
            name, value = draw.randrange(8), draw.choice((0, 100, 16384, 1 << 20))
            return frames.settings({name: value if draw.random() < 0.9 else (1 << 32) - 1})
        case 6:
            return frames.frame(frames.PING, draw.choice((0, 1)), 0, bytes(8 if draw.random() < 0.95 else 7))
        case 7:
            return frames.frame(frames.RST_STREAM, 0, stream, bytes(3) + bytes((draw.randrange(16),)))
        case 8:
            return frames.frame(frames.GOAWAY, 0, 0, draw.choice((0, 1, 3)).to_bytes(4, "big") + bytes(4) + b"bye")
        case 9:
            grows = draw.choice((1, 1 << 30)) if draw.random() < 0.95 else 0
            return frames.frame(frames.WINDOW_UPDATE, 0, stream, grows.to_bytes(4, "big"))
        case 10 if draw.random() < 0.2:
            return frames.frame(frames.CONTINUATION, draw.choice((0, 4)), stream, draw.choice(BLOCKS))
        case _:
            return frames.frame(draw.randrange(256), draw.randrange(256), stream, bytes(draw.randrange(30)))


def h2_bytes(draw: random.Random) -> bytes:
    """What a peer sends."""
    pieces = [frames.settings({})] if draw.random() < 0.98 else []
    pieces += [frames.frame(frames.HEADERS, 4, number, draw.choice(BLOCKS)) for number in (1, 3)]
    pieces += [h2_frame(draw) for _ in range(draw.randrange(1, 12))]
    if draw.random() < 0.02:
        pieces += [h2_frame(draw)] * 1200  # a flood
    return broken(draw, b"".join(pieces)) if draw.random() < 0.4 else b"".join(pieces)


def broken(draw: random.Random, data: bytes) -> bytes:
    """The same with something wrong."""
    for _ in range(draw.randrange(1, 4)):
        if not data:
            break
        at, length = draw.randrange(len(data)), draw.choice((1, 1, 4, 9, 50))
        match draw.randrange(4):
            case 0:
                data = data[:at] + draw.randbytes(length) + data[at + length :]
            case 1:
                data = data[:at] + data[at + length :]
            case 2:
                data = data[:at] + data[at : at + length] + data[at:]
            case _:
                data = data[:at]
    return data


def h2_told(data: bytes, cuts: list[int], *, keeps: bool) -> tuple[object, ...]:
    """What a session makes of these bytes in these pieces: heads, body bytes and ends of each stream, and the error."""
    session = Session()
    numbers = [session.request(GET, keeps=keeps) for _ in range(2)]
    told: dict[int, list[object]] = {number: [] for number in numbers}
    counted = dict.fromkeys(numbers, 0)
    error: object = None
    try:
        for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            for event in session.receive(data[begin:end]):
                match event:
                    case BodyReceived():
                        counted[event.stream] += event.size_bytes
                        assert not keeps or sum(map(len, event.pieces)) == event.size_bytes
                        told[event.stream] += ["end"] if event.ends else []
                    case HeadReceived():
                        told[event.stream].append((event.block, event.ends))
                        assert len(event.block) <= BLOCK_LIMIT_BYTES
                        try:
                            parse_fields(event.block)
                        except (MalformedHead, ProtocolError):
                            told[event.stream].append("malformed")
                    case StreamReset():
                        told[event.stream].append(event.code)
                    case GoingAway():
                        for number in told:
                            told[number].append((event.last, event.code))
            assert len(session._buffer) <= frames.FRAME_LIMIT_BYTES + frames.HEADER_BYTES
            assert len(session.out) <= OUT_LIMIT_BYTES + (64 << 10)
    except ProtocolError as caught:
        error = caught.code
        if not bytes(session.out).endswith(frames.goaway(0, caught.code)):
            raise AssertionError("the peer is not told") from None
    assert sum(counted.values()) <= len(data)
    return (error,) if error else (told, counted)  # what came in one piece with what is wrong is not told of


def h2_answer(draw: random.Random) -> bool:
    """An answer that may be taken in one step: it means what its frames mean one by one. Whether it was refused."""
    stream = draw.choice((1, 1, 1, 3))
    data = frames.frame(frames.HEADERS, draw.choice((4, 4, 4, 5, 0)), stream, draw.choice(BLOCKS))
    data += frames.frame(
        frames.DATA, draw.choice((1, 1, 1, 0, 9)), stream, bytes(draw.choice((0, 1, 300, 16000, 16384)))
    )
    data = broken(draw, data) if draw.random() < 0.3 else data
    sessions = Session(), Session()
    for session in sessions:
        session.request(GET, keeps=True)
        session.receive(frames.settings({}))
    found = sessions[0].whole_answer(data, 1)
    if found is None:
        return True
    end, begin = found
    pieces = (data[begin:],) if data[begin:] else ()
    whole = [
        HeadReceived(1, data[frames.HEADER_BYTES : end], end, False),
        BodyReceived(1, len(data) - begin, pieces, True),
    ]
    assert sessions[1].receive(data) == whole
    sessions[0].take_whole(1, len(data) - begin)
    assert sessions[0].out == sessions[1].out
    assert sessions[0].open_streams == sessions[1].open_streams == 0
    return False


def h2_input(draw: random.Random) -> bool:
    """One input; whether it was refused."""
    if draw.random() < 0.1:
        return h2_answer(draw)
    data = h2_bytes(draw)
    keeps = draw.random() < 0.5
    whole = h2_told(data, [], keeps=keeps)
    cuts = sorted(draw.randrange(len(data) + 1) for _ in range(draw.randrange(1, 6)))
    assert h2_told(data, cuts, keeps=keeps) == whole
    return len(whole) == 1


# TLS


class Socket:
    """Holds what the peer has sent; takes what is sent to it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def fileno(self) -> int:
        """A descriptor that is none."""
        return -1

    def setsockopt(self, *_: object) -> None:
        """Take any option."""

    def send(self, data: bytes) -> int:
        """Take all."""
        return len(data)

    def recv(self, limit: int) -> bytes:
        """The next bytes; none at the end."""
        data = self._data[self._at : self._at + limit]
        self._at += len(data)
        return data

    def recv_into(self, buffer: bytearray | memoryview, limit: int = 0, flags: int = 0) -> int:
        """The same into a buffer, or nowhere."""
        data = self.recv(limit or len(buffer))
        if not flags & socket.MSG_TRUNC:
            buffer[: len(data)] = data
        return len(data)


def tls_bytes(draw: random.Random) -> tuple[bytes, int]:
    """What a server sends, and how much data is in it at most."""
    sealing, out, size = Protection(SUITE, SERVER), [], 0
    for _ in range(draw.randrange(1, 8)):
        match draw.randrange(9):
            case 0:
                out.append(sealing.seal(HANDSHAKE, b"\x04" + (40).to_bytes(3, "big") + bytes(40)))
            case 1:
                out.append(sealing.seal(HANDSHAKE, draw.choice((KEY_UPDATE, KEY_UPDATE_ASKED))))
                sealing.update()
            case 2:
                out.append(sealing.seal(draw.choice((ALERT, HANDSHAKE, 99, APPLICATION_DATA)), draw.randbytes(2)))
                size += 2
            case 3:
                for _ in range(8):  # records of a long body
                    out.append(sealing.seal(APPLICATION_DATA, bytes(4096)))
                    size += 4096
            case _:
                content = bytes(draw.choice((1, 100, 3000, 4096, 16384)))
                out.append(sealing.seal(APPLICATION_DATA, content))
                size += len(content)
    if draw.random() < 0.3:
        draw.shuffle(out)
    out.append(sealing.seal(ALERT, b"\1\0"))
    data = b"".join(out)
    return (broken(draw, data) if draw.random() < 0.4 else data), size


def tls_input(draw: random.Random) -> bool:
    """One input; whether it was refused."""
    data, size = tls_bytes(draw)
    share = draw.choice((0.0, 0.5))
    if draw.random() < 0.5 or len(data) > MOST_SENT_BYTES:
        stream = tls_stream(cast("socket.socket", Socket(data)), share)
        stream._peeks = False  # there is no kernel to ask
        return tls_told(draw, stream, size)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        return tls_told(draw, tls_stream(ours, share), size)


def tls_stream(sock: socket.socket, share: float) -> SkippingStream:
    """What reads it."""
    return SkippingStream(sock, SCRATCH, Protection(SUITE, SERVER), Protection(SUITE, CLIENT), share)


def tls_told(draw: random.Random, stream: SkippingStream, size: int) -> bool:
    """Read to the end, in whatever ways; whether it was refused."""
    taken = 0
    try:
        for _ in range(200):
            count = tls_step(draw, stream)
            if count is not None:
                taken += count
                if not count:
                    return False
        raise AssertionError("it goes on without an end")
    except OSError:
        return True
    finally:
        assert taken <= size, f"{taken} bytes of {size}"


def tls_step(draw: random.Random, stream: SkippingStream) -> int | None:
    """Read in one of the ways in which it is read; the bytes of data, None if there is nothing to tell yet."""
    try:
        match draw.randrange(5):
            case 0:
                return len(stream.receive(draw.choice((1, 4096, 65536))))
            case 1:
                return len(stream.receive_record()[1])
            case 2:
                left = draw.choice((1, 100, 5000, 100_000))
                try:
                    count = stream.discard(left)
                except BlockingIOError:  # there is more than is waited for: who reads says what is left
                    stream.expect(left)
                    return None
                stream.expect(draw.choice((0, 10, 100_000)))
                return count
            case 3:
                tls_leap(draw, stream)
                return None
            case _:
                count = len(stream.receive_view(draw.choice((4096, 65536, 262144))))
                stream.answered()
                return count
    except BlockingIOError:
        return None


def tls_leap(draw: random.Random, stream: SkippingStream) -> None:
    """Guess that so many records come, and behind them one that begins with zeros, as most do.

    What they hold is not counted: lengths that were broken on the way may say more than was sent.
    """
    arrived = stream.arrived()
    if arrived is None:
        return
    seen, at, records, most = stream._looks_at(0, arrived), 0, 0, draw.randrange(1, 6)
    while records < most and len(seen) - at > HEADER_BYTES:
        at += HEADER_BYTES + (seen[at + 3] << 8 | seen[at + 4])
        records += 1
    counted = records if draw.random() < 0.8 else records + draw.choice((-1, 1))
    place = Place(at, counted, 0, seen[at : at + HEADER_BYTES], bytes(frames.HEADER_BYTES))
    if at < arrived:
        stream.leap([place])


PEERS = {"h2": ("HTTP/2", h2_input), "tls": ("TLS", tls_input)}


def main() -> None:
    """Try so many inputs, print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peer", choices=PEERS, help="only this one; both if it is not said")
    options = parser.parse_args()
    for name, one in PEERS.values() if options.peer is None else [PEERS[options.peer]]:
        refused, slowest, began = 0, 0.0, time.perf_counter()
        count = options.inputs
        for number in range(count):
            at = time.process_time()
            try:
                refused += one(random.Random(f"{options.seed} {name} {number}"))
            except Exception:
                print(f"{name}, input {number} of seed {options.seed}", file=sys.stderr)
                raise
            slowest = max(slowest, time.process_time() - at)
            if slowest > SLOWEST_SECONDS:
                sys.exit(f"{name}, input {number} of seed {options.seed}: took {slowest:.1f} s")
        print(
            f"{name}: {count:,} inputs in {time.perf_counter() - began:.0f} s (seed {options.seed}), "
            f"{refused:,} refused, slowest {slowest * 1e3:.1f} ms",
            flush=True,
        )


if __name__ == "__main__":
    main()
