import errno
import socket
import ssl

import pytest

from hls_swarm.http.failures import connect_failure, phrase, socket_failure
from hls_swarm.records import Blame, Failure, FailureKind

HERE = ("127.0.0.1", 80)


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (errno.ECONNREFUSED, Failure(FailureKind.CONNECT, "connection refused by 127.0.0.1:80")),
        (errno.EHOSTUNREACH, Failure(FailureKind.CONNECT, "no route to 127.0.0.1:80")),
        (errno.ENETUNREACH, Failure(FailureKind.CONNECT, "network unreachable: 127.0.0.1:80")),
        (errno.ETIMEDOUT, Failure(FailureKind.CONNECT, "no answer to connecting from 127.0.0.1:80")),
        (errno.EADDRNOTAVAIL, Failure(FailureKind.PORTS, "no local port left to connect to 127.0.0.1:80")),
        (errno.EADDRINUSE, Failure(FailureKind.PORTS, "no local port left to connect to 127.0.0.1:80")),
        (errno.EMFILE, Failure(FailureKind.DESCRIPTORS, "limit of open files of this process reached")),
        (errno.ENOBUFS, Failure(FailureKind.DESCRIPTORS, "no socket: no buffer space available")),
        (errno.EPROTO, Failure(FailureKind.CONNECT, "protocol error: 127.0.0.1:80")),
    ],
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else "",
)
def test_connect_failure(code: int, failure: Failure) -> None:
    assert connect_failure(code, socket.AF_INET, HERE) == failure


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_lack_of_sockets_is_the_generators_fault(code: int) -> None:
    assert socket_failure(OSError(code, "")).blame is Blame.GENERATOR


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ssl.SSLError(1, "[SSL] tlsv1 alert no application protocol (_ssl.c:1006)"),
            "tlsv1 alert no application protocol",
        ),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:992)"), "closed without a TLS close"),
        (ssl.SSLError(1, ""), "TLS error"),
    ],
    ids=["an alert without a name", "no close", "nothing said"],
)
def test_what_openssl_says_is_said_without_its_place_in_the_code(error: ssl.SSLError, words: str) -> None:
    assert phrase(error) == words
