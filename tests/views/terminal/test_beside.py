"""Standard error whose reader stands still, goes away, or is hidden by a live display: who writes to it never waits."""

import errno
import os
import sys
from io import StringIO
from pathlib import Path

import pytest

from hls_swarm.views.terminal.beside import MOST_WAITING, BesideStream
from hls_swarm.views.terminal.output import Output


def test_what_is_written_arrives_in_its_order() -> None:
    read_end, write_end = os.pipe()
    with open(write_end, "w") as stream:  # noqa: PTH123 - a descriptor
        beside = BesideStream(stream)
        for number in range(100):
            beside.write(f"line {number} ä\n")
        assert beside.settle(10)
    with open(read_end) as reader:  # noqa: PTH123 - a descriptor
        assert reader.read().splitlines() == [f"line {number} ä" for number in range(100)]
    assert beside.dropped == 0


def test_a_reader_that_stands_still_holds_nobody() -> None:
    read_end, write_end = os.pipe()
    with open(write_end, "w") as stream, open(read_end) as reader:  # noqa: PTH123 - descriptors
        beside = BesideStream(stream)
        line = "x" * 4095 + "\n"
        for _ in range(MOST_WAITING + 200):
            beside.write(line)
        assert beside.dropped > 100
        assert not beside.settle(0.05)
        os.set_blocking(reader.fileno(), False)
        arrived = 0
        while True:  # the reader goes on
            done = beside.settle(0.01)
            try:
                while data := os.read(reader.fileno(), 1 << 16):
                    arrived += len(data)
            except BlockingIOError:
                if done:
                    break
        assert arrived == (MOST_WAITING + 200 - beside.dropped) * len(line)


def test_a_reader_that_went_away_is_forgotten() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "w") as stream:  # noqa: PTH123 - a descriptor
        beside = BesideStream(stream)
        beside.write("nobody\n")
        assert beside.settle(10)
        beside.write("reads it\n")
        assert beside.settle(10)
    assert beside.dropped >= 1


def test_while_a_live_display_stands_in_its_place_it_has_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    display = StringIO()
    beside = BesideStream(sys.stderr)
    monkeypatch.setattr(sys, "stderr", display)
    beside.write("for the display\n")
    assert display.getvalue() == "for the display\n"


class Refusing(StringIO):
    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.tries = number, 0

    def write(self, text: str, /) -> int:
        self.tries += 1
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "no space left on device"), (errno.EPIPE, None), (errno.EIO, "input/output error")],
)
def test_an_output_that_refuses_is_told_once_and_raises_nothing(number: int, words: str | None) -> None:
    stream = Refusing(number)
    output = Output(stream)
    output.show("one")
    output.show("two")
    assert stream.tries == 1
    assert output.trouble_text == words
    assert output.trouble is not None


def test_what_waited_for_a_full_disk_is_not_refused_again_at_the_end(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        output = Output(full)
        output.show("one")
        assert output.trouble_text == "no space left on device"
        full.flush()
