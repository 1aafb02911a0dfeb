"""Feeds broken ffmpeg output to its readers for a while: no input may raise, and the books must balance.

    python -m bench.fuzz.ffmpeg [--seconds 60] [--seed 1]

Logs and progress of real processes (tests/data/ffmpeg) are cut, spliced, repeated, bit-flipped and fed in pieces of
random size. Whatever comes, no record may have negative bytes or end before it began, and nothing may stay in flight.
"""

import argparse
import time
from pathlib import Path
from random import Random

from hls_swarm.engine.ffmpeg.hearing.log import LogReader
from hls_swarm.engine.ffmpeg.hearing.progress import ProgressReader
from hls_swarm.engine.ffmpeg.probe import StreamReader
from hls_swarm.records import PlaylistFetched, Record, SegmentFetched

HIDDEN = "v0"
DATA = Path(__file__).parents[2] / "tests/data/ffmpeg"


def broken(random: Random, logs: list[bytes]) -> bytes:
    """Something that was output once."""
    data = bytearray(random.choice(logs))
    for _ in range(random.randint(0, 8)):
        at, length = random.randrange(len(data) + 1), random.randint(0, 2000)
        match random.randrange(5):
            case 0:
                del data[at : at + length]
            case 1:
                data[at:at] = data[at : at + length]
            case 2:
                other = random.choice(logs)
                start = random.randrange(len(other) + 1)
                data[at:at] = other[start : start + length]
            case 3:
                data[at : at + 20] = random.randbytes(random.randint(0, 40))
            case _:
                lines = bytes(data).split(b"\n")
                random.shuffle(lines)
                data = bytearray(b"\n".join(lines))
    return bytes(data)


def feed(random: Random, data: bytes) -> None:
    """Read it as the three readers would."""
    records: list[Record] = []
    timeout, lines = random.choice((None, 1.0)), random.choice((100, 1_000_000))
    log = LogReader(0, records.append, timeout, lines, secret=HIDDEN)
    stream, progress = StreamReader(), ProgressReader()
    at, now = 0, 0.0
    while at < len(data):
        piece = data[at : at + random.choice((1, 10, 100, 5000, 100_000))]
        at, now = at + len(piece), now + random.random()
        log.feed(piece, now)
        stream.feed(piece, now)
        progress.feed(piece)
    log.close(now, ours=random.random() < 0.5)
    assert log.in_flight == 0
    for record in records:
        if isinstance(record, PlaylistFetched | SegmentFetched):
            assert record.exchange.body_bytes >= 0
            assert record.exchange.ended_at >= record.exchange.started_at
            assert HIDDEN not in record.exchange.url


def main() -> None:
    """Fuzz until the time is over, and say how much was fed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logs = [path.read_bytes() for path in sorted(DATA.iterdir()) if path.suffix in {".log", ".progress"}]
    ends_at, number, size = time.monotonic() + options.seconds, 0, 0
    while time.monotonic() < ends_at:
        random = Random(f"{options.seed} {number}")
        data = broken(random, logs)
        try:
            feed(random, data)
        except Exception:
            print(f"case {number} of seed {options.seed}")
            raise
        number, size = number + 1, size + len(data)
    print(f"{number} inputs, {size / 1e6:.0f} MB: no crash")


if __name__ == "__main__":
    main()
