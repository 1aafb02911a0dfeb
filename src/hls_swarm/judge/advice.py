"""What to do next about a failure that kept everybody from playing, where its words leave one thing to try."""

import re

_HTTP = "http://"
_STEPS = (
    (
        "https://",
        re.compile(r"certificate of .* not accepted: .*(?:hostname|ip address) mismatch"),
        "load the name that the certificate is for, or accept any with --insecure --dangerous",
    ),
    (
        "https://",
        re.compile(r"certificate of .* not accepted: .*expired"),
        "renew it, or accept any with --insecure --dangerous",
    ),
    (
        "https://",
        re.compile(r"certificate of .* not accepted"),
        "name who certifies it with --ca-file, or accept any with --insecure --dangerous",
    ),
    (
        "https://",
        re.compile(
            r"TLS handshake with .*: (?:wrong version number|packet length too long|record layer failure"
            r"|http request|unknown protocol)"
        ),
        "TLS is not spoken there: try http://",
    ),
    (
        "https://",
        re.compile(r"TLS handshake with .*: .*(?:certificate required|handshake failure|certificate unknown)"),
        "the origin may want a certificate: name one with --client-certificate",
    ),
    (
        "",
        re.compile(r"alert no application protocol|it does not begin with SETTINGS"),
        "the server takes no HTTP/2 there: leave --http 2 away",
    ),
    (_HTTP, re.compile(r"status 400\b"), "if TLS is spoken on that port, write https://"),
    (_HTTP, re.compile(r"connection lost: .* before an answer"), "if TLS is spoken on that port, write https://"),
    ("", re.compile(r"connection refused by"), "nothing listens there: is the port right, does the server run?"),
    (
        "",
        re.compile(r"preflight: (?:status|no Access|Access)"),
        "answer OPTIONS with the page in Access-Control-Allow-Origin and the fields in Access-Control-Allow-Headers",
    ),
    (
        "",
        re.compile(r"no Access-Control-Allow-Origin"),
        "let every answer, errors too, name the page's origin there (nginx: add_header ... always)",
    ),
    (
        "",
        re.compile(r"status 40[13]\b"),
        "it lets not everybody in: --header and --token-file say who asks",
    ),
)
"""How the URL begins, the words, and the step; the first that fits."""


def next_step(detail: str, url: str) -> str | None:
    """The step, None if there is none to name.

    Args:
        detail: the failure in words, as a record has it.
        url: that was asked for.
    """
    fits = (step for begin, words, step in _STEPS if url.startswith(begin) and words.search(detail))
    return next(fits, None)
