import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hls_swarm.errors import RunError
from hls_swarm.logexporter.tail import LINGER_SECONDS, LONGEST_LINE, MOST_RETIRING, LogTail

BUDGET = 1 << 20


class Follower:
    """A log in a folder, and what its tail has given."""

    def __init__(self, path: Path) -> None:
        self.path, self.now, self.lines = path, 0.0, list[bytes]()
        self.tail = LogTail(path, self.lines.append, lambda: self.now)

    def write(self, text: bytes, path: Path | None = None) -> None:
        with (path or self.path).open("ab") as file:
            file.write(text)

    def read(self) -> list[bytes]:
        """The lines that are new."""
        before = len(self.lines)
        while self.tail.read(BUDGET):
            pass
        return self.lines[before:]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Follower]:
    follower = Follower(tmp_path / "access.log")
    yield follower
    follower.tail.close()


def started(log: Follower, text: bytes = b"") -> Follower:
    log.write(text)
    log.tail.start()
    return log


def test_history_does_not_count(log: Follower) -> None:
    started(log, b"old\n")
    assert log.read() == []
    log.write(b"one\ntwo\n")
    assert log.read() == [b"one", b"two"]
    assert log.read() == []


def test_the_line_cut_by_the_start_does_not_count(log: Follower) -> None:
    started(log, b"old\nhal")
    log.write(b"f\nwhole\n")
    assert log.read() == [b"whole"]


def test_partial_lines_wait(log: Follower) -> None:
    started(log)
    log.write(b"one\ntw")
    assert log.read() == [b"one"]
    log.write(b"o")
    assert log.read() == []
    log.write(b"\n")
    assert log.read() == [b"two"]


def test_a_file_that_appears_is_read_from_its_start(log: Follower) -> None:
    log.tail.start()
    assert "not there yet" in log.tail.problem
    assert log.read() == []
    log.write(b"first\n")
    assert log.read() == [b"first"]
    assert (log.tail.problem, log.tail.rotations) == ("", 0)


def test_rename_loses_nothing_of_either_file(log: Follower) -> None:
    started(log)
    old = log.path.with_suffix(".1")
    log.write(b"1\n")
    log.path.rename(old)
    log.write(b"2\n", old)
    assert log.read() == [b"1", b"2"]  # nginx was not told yet
    log.write(b"4\n")
    log.write(b"3\n", old)  # a worker that is late to reopen
    assert log.read() == [b"3", b"4"]
    log.now = LINGER_SECONDS - 1
    log.write(b"5\n", old)
    assert log.read() == [b"5"]
    log.now = LINGER_SECONDS + 1
    assert log.read() == []
    log.write(b"too late\n", old)
    log.write(b"6\n")
    assert log.read() == [b"6"]
    assert log.tail.rotations == 1


def test_many_rotations_hold_few_files(log: Follower) -> None:
    started(log)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for nth in range(10):
        log.write(b"%d\n" % nth)
        assert log.read() == [b"%d" % nth]
        log.path.rename(log.path.with_suffix(f".{nth}"))
        log.path.touch()
        log.read()
    assert log.tail.rotations == 10
    assert len(list(Path("/proc/self/fd").iterdir())) - descriptors <= MOST_RETIRING


@pytest.mark.parametrize("after", [b"3\n", b"3\n4\n", b"3\n4\n5\n6\n"], ids=["shorter", "as long", "longer"])
def test_truncation(log: Follower, after: bytes) -> None:
    started(log)
    log.write(b"1\n2\n")
    assert log.read() == [b"1", b"2"]
    os.truncate(log.path, 0)
    log.write(after)
    assert log.read() == after.split()
    assert log.tail.rotations == 1


def test_a_line_too_long_is_one_malformed_line(log: Follower) -> None:
    started(log)
    log.write(b"x" * (LONGEST_LINE + 1))
    assert log.read() == [b""]
    log.write(b"x" * (3 * LONGEST_LINE))
    assert log.read() == []
    log.write(b"\nnext\n")
    assert log.read() == [b"next"]


def test_a_budget_is_kept(log: Follower) -> None:
    started(log)
    log.write(b"0123456789\n" * 100)
    assert log.tail.unread_bytes() == 1100
    assert log.tail.read(110)
    assert len(log.lines) == 10
    assert log.tail.unread_bytes() == 990
    log.read()
    assert len(log.lines) == 100
    assert log.tail.unread_bytes() == 0


def test_what_can_never_be_a_log(log: Follower) -> None:
    log.path.mkdir()
    with pytest.raises(RunError, match="is not a file: where nginx logs to a pipe"):
        log.tail.start()


def test_a_log_that_goes_and_comes_back(log: Follower) -> None:
    started(log)
    log.path.unlink()
    assert log.read() == []
    log.write(b"new\n")
    assert log.read() == [b"new"]


@settings(max_examples=60, deadline=None)
@given(pieces=st.lists(st.binary(min_size=1, max_size=30), max_size=30), rotate=st.sets(st.integers(0, 30)))
def test_whatever_is_written_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], rotate: set[int]
) -> None:
    log = Follower(tmp_path_factory.mktemp("log") / "access.log")
    log.path.touch()
    log.tail.start()
    expected: list[bytes] = []
    unfinished = b""
    for nth, piece in enumerate(pieces):
        if nth in rotate:  # nginx writes whole lines before it reopens
            log.write(b"\n")
            expected.append(unfinished)
            unfinished = b""
            log.path.rename(log.path.with_suffix(f".{nth}"))
            log.path.touch()
        log.write(piece)
        *lines, unfinished = (unfinished + piece).split(b"\n")
        expected += lines
        if nth % 3 == 0 or nth + 1 in rotate:
            log.read()
    log.read()
    log.tail.close()
    assert log.lines == expected
