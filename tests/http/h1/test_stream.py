"""What a TCP stream asks of the system, and how it does without."""

import contextlib
import errno
import select
import socket
from collections.abc import Iterator

import pytest

from hls_swarm.http.h1.stream import PORTABLE, Reception, TcpStream, system_reception

KERNEL = Reception(socket.MSG_TRUNC, follows_low_water=True)
COUNTED_ONLY = Reception(socket.MSG_TRUNC, follows_low_water=False)
BODY = bytes(range(256)) * 4


class Refusing(socket.socket):
    """A socket of a system that knows no option: as some that only look like Linux."""

    def setsockopt(self, *_: object) -> None:
        raise OSError(errno.ENOPROTOOPT, "Protocol not available")


@contextlib.contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection, the first of them not blocking."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as far:
        near, _ = listener.accept()
        with near:
            near.setblocking(False)
            yield near, far


def readable(sock: socket.socket) -> bool:
    return bool(select.select([sock], [], [], 5)[0])


@pytest.mark.parametrize(
    ("platform", "new_socket", "reception"),
    [
        pytest.param("linux", socket.socket, KERNEL, id="Linux"),
        pytest.param("linux", Refusing, COUNTED_ONLY, id="Linux that refuses the option"),
        pytest.param("darwin", socket.socket, PORTABLE, id="another system"),
    ],
)
def test_the_system_is_asked_for_what_it_gives(
    platform: str, new_socket: type[socket.socket], reception: Reception
) -> None:
    assert system_reception(platform, new_socket) == reception


@pytest.mark.parametrize(
    ("reception", "copied"),
    [
        pytest.param(KERNEL, False, id="in the kernel"),
        pytest.param(COUNTED_ONLY, False, id="in the kernel, no low water"),
        pytest.param(PORTABLE, True, id="portable"),
    ],
)
@pytest.mark.parametrize("size", [1, 100, len(BODY)], ids=["byte by byte", "in pieces", "whole"])
def test_bytes_are_dropped_up_to_the_limit_and_no_further(reception: Reception, copied: bool, size: int) -> None:
    scratch = bytearray(len(BODY))
    with connected() as (near, far):
        stream = TcpStream(near, scratch, reception)
        for at in range(0, len(BODY), size):
            far.sendall(BODY[at : at + size])
            dropped = 0
            while dropped < len(BODY[at : at + size]):
                assert readable(near)
                dropped += stream.discard(size - dropped)
        far.sendall(b"next")
        assert readable(near)
        assert (stream.discard(1), stream.receive(100)) == (1, b"ext")
        with pytest.raises(BlockingIOError):
            stream.discard(1)
        far.shutdown(socket.SHUT_WR)
        assert readable(near)
        assert stream.discard(1) == 0
    assert any(scratch) is copied


@pytest.mark.parametrize(
    ("reception", "marks"),
    [
        pytest.param(KERNEL, [1 << 20, 40_000, 10_000, 1], id="followed"),
        pytest.param(COUNTED_ONLY, [1, 1, 1, 1], id="left alone"),
        pytest.param(PORTABLE, [1, 1, 1, 1], id="portable"),
    ],
)
def test_low_water_mark(reception: Reception, marks: list[int]) -> None:
    with connected() as (near, _):
        stream = TcpStream(near, bytearray(), reception)
        set_to = []
        for count in (5_000_000, 40_000, 10_000, 0):
            stream.expect(count)
            set_to.append(near.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT))
    assert set_to == marks
