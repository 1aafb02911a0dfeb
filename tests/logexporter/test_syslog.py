"""Log lines over UDP, on loopback: what is received and what is dropped add up to what was sent."""

import asyncio
import socket
import sys
from collections.abc import Callable

import pytest
import uvloop

from hls_swarm.errors import RunError
from hls_swarm.logexporter.syslog import (
    RECEIVE_BUFFER_BYTES,
    REPORT_SECONDS,
    TURN_DATAGRAMS,
    LossReport,
    SyslogReceiver,
)

HEADER = b"<190>Nov 23 16:31:47 nginx: "


def received(sent: list[bytes], buffer_bytes: int, then: Callable[[SyslogReceiver], None]) -> list[bytes]:
    """The lines that a receiver gives of these datagrams, all of which are there before it reads the first."""
    lines: list[bytes] = []

    async def scenario() -> None:
        receiver = SyslogReceiver(lines.append, buffer_bytes)
        port = receiver.start("127.0.0.1", 0)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in sent:
                sender.sendto(datagram, ("127.0.0.1", port))
        while receiver.read():
            pass
        then(receiver)
        receiver.close()

    uvloop.run(scenario())
    return lines


def test_a_line_is_what_follows_the_header() -> None:
    sent = [HEADER + b"a b", HEADER + b"c\n", b"<190>Nov  3 16:31:47 web-1 nginx: d", b"noise", b""]
    assert received(sent, RECEIVE_BUFFER_BYTES, lambda receiver: None) == [b"a b", b"c", b"d", b"", b""]


def test_more_than_one_turn_is_read() -> None:
    sent = [HEADER + b"%d" % number for number in range(TURN_DATAGRAMS + 500)]
    assert received(sent, RECEIVE_BUFFER_BYTES, lambda receiver: None) == [line.removeprefix(HEADER) for line in sent]


@pytest.mark.skipif(sys.platform != "linux", reason="SKIPPED PART: only Linux tells what it dropped")
@pytest.mark.parametrize("buffer_bytes", [4_096, 65_536])
def test_what_was_received_and_what_was_dropped_add_up_to_what_was_sent(buffer_bytes: int) -> None:
    counts: list[tuple[int, int | None]] = []
    sent = [HEADER + b"line %6d" % number for number in range(1_000)]
    lines = received(sent, buffer_bytes, lambda receiver: counts.append((receiver.received, receiver.dropped())))
    ((read, dropped),) = counts
    assert dropped is not None
    assert dropped > 0
    assert read + dropped == len(sent)
    assert lines == [line.removeprefix(HEADER) for line in sent[:read]], "no line twice, none of another's text"


def test_nothing_is_dropped_while_there_is_room() -> None:
    told: list[tuple[int, int | None]] = []
    received([HEADER + b"x"] * 81, RECEIVE_BUFFER_BYTES, lambda r: told.append((r.received, r.dropped())))
    assert told == [(81, 0 if sys.platform == "linux" else None)]


def test_the_buffer_is_as_large_as_asked_for_or_the_problem_says_what_helps() -> None:
    def check(receiver: SyslogReceiver) -> None:
        if receiver.buffer_bytes < RECEIVE_BUFFER_BYTES:
            assert f"sysctl -w net.core.rmem_max={RECEIVE_BUFFER_BYTES}" in receiver.problem
            assert str(receiver.buffer_bytes) in receiver.problem
        else:
            assert receiver.problem == ""

    received([], RECEIVE_BUFFER_BYTES, check)


def test_a_smaller_buffer_is_a_problem() -> None:
    receiver = SyslogReceiver(lambda line: None, buffer_bytes=1_000_000)
    assert receiver.problem == ""
    receiver.buffer_bytes = 212_992
    assert receiver.problem.startswith(
        "--syslog: the kernel gives a receive buffer of 212992 bytes instead of 1000000: "
    )


def test_an_address_that_is_taken() -> None:
    async def scenario(port: int) -> None:
        SyslogReceiver(lambda line: None).start("127.0.0.1", port)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(RunError, match=r"--syslog: can not listen on 127.0.0.1 port"):
            asyncio.run(scenario(taken.getsockname()[1]))


def test_losses_are_told_once_each_and_seldom() -> None:
    report = LossReport()
    assert report.line(None, 0.0) == report.line(0, 0.0) == ""
    assert report.line(7, 1.0) == (
        "--syslog: 7 log lines were dropped by the kernel before they could be read, 7 since the start: "
        "requests and bytes are too low by as much"
    )
    assert report.line(7, 100.0) == ""
    assert report.line(10, 101.0).startswith("--syslog: 3 log lines were dropped")
    assert report.line(12, 101.0 + REPORT_SECONDS / 2) == ""
    assert report.line(17, 101.0 + REPORT_SECONDS).startswith("--syslog: 7 log lines")
