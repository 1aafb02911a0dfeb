import pytest

from hls_swarm.judge.advice import next_step


@pytest.mark.parametrize(
    ("detail", "url", "step"),
    [
        (
            "certificate of o not accepted: self-signed certificate",
            "https://o/",
            "name who certifies it with --ca-file",
        ),
        (
            "certificate of o not accepted: unable to get local issuer certificate",
            "https://o/",
            "name who certifies it with --ca-file",
        ),
        ("certificate of o not accepted: certificate has expired", "https://o/", "renew it"),
        ("certificate of o not accepted: hostname mismatch, ...", "https://o/", "load the name that the certificate"),
        ("certificate of o not accepted: ip address mismatch, ...", "https://o/", "load the name that the certificate"),
        ("TLS handshake with o: wrong version number", "https://o:80/", "TLS is not spoken there: try http://"),
        ("TLS handshake with o: record layer failure", "https://o:80/", "TLS is not spoken there: try http://"),
        ("TLS handshake with o: tlsv1 alert no application protocol", "https://o/", "the server takes no HTTP/2 there"),
        ("HTTP/2: no HTTP/2: it does not begin with SETTINGS", "http://o/", "the server takes no HTTP/2 there"),
        ("status 400", "http://o:443/", "if TLS is spoken on that port, write https://"),
        (
            "connection lost: connection reset by peer before an answer",
            "http://o:443/",
            "if TLS is spoken on that port",
        ),
        ("connection refused by o:81", "http://o:81/", "nothing listens there"),
        ("status 403", "http://o/", "it lets not everybody in"),
    ],
)
def test_the_step_that_is_left(detail: str, url: str, step: str) -> None:
    assert (next_step(detail, url) or "").startswith(step)


@pytest.mark.parametrize(
    ("detail", "url"),
    [("status 400", "https://o/"), ("status 404", "http://o/"), ("status 4000", "http://o/"), ("timeout", "http://o/")],
)
def test_no_step_where_there_is_none(detail: str, url: str) -> None:
    assert next_step(detail, url) is None
