"""What the kernel does with datagrams that a connection does not take in fast enough."""

import asyncio
import socket
import sys
from typing import Any, cast

import pytest

from hls_swarm.http.h3.driver import Driver
from hls_swarm.http.h3.path import Datagrams, QuicPath, udp_socket

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not tell")


class Idle:
    """Takes everything in, and has nothing to say."""

    ended = None
    deadline = None

    def receive(self, data: bytes, segment_bytes: int, now: float) -> None:
        """Take it in."""

    def datagrams(self, now: float) -> list[bytes]:
        """Nothing."""
        return []

    def close(self, *_: Any) -> None:
        """Nothing to say."""


def test_what_found_no_room_is_counted() -> None:
    async def use() -> list[tuple[int, int]]:
        counts = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer, udp_socket(socket.AF_INET, 4096) as sock:
            peer.bind(("127.0.0.1", 0))
            sock.connect(peer.getsockname())
            loop, driver, datagrams = asyncio.get_running_loop(), cast("Driver", Idle()), Datagrams()
            path = QuicPath(loop, sock, driver, bytearray(1 << 16), datagrams, lambda: None)
            for sent in (100, 1, 50, 1):
                for _ in range(sent):
                    peer.sendto(bytes(1000), sock.getsockname())
                path.read()
                counts.append((datagrams.received, datagrams.dropped))
            path.close()
        return counts

    (first, none), (second, some), (third, as_many), (last, all_of_them) = asyncio.run(use())
    assert 0 < first < 100
    assert none == 0  # nobody knows it before another one comes
    assert (second, some) == (first + 1, 100 - first)
    assert second < third < second + 50
    assert as_many == some
    assert last + all_of_them == 152
