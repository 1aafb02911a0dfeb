"""Whether an answer is what was asked for, as far as its head says (RFC 9110 14, 15)."""

from hls_swarm.http.h1.head import Framing, Head
from hls_swarm.records import Failure, FailureKind

REDIRECTS = frozenset({301, 302, 303, 307, 308})


def refusal(head: Head, asked: tuple[int, int] | None) -> Failure | None:
    """Why an answer is of no use, as its head says; a redirect is to be followed, and is no failure.

    Args:
        asked: first byte and length of the range that was asked for; None: the whole object.
    """
    status = head.status
    if status in REDIRECTS:
        return None
    if not 200 <= status < 300:
        return Failure(FailureKind.HTTP_STATUS, f"status {status}", status)
    if asked is None:
        return None if status != 206 else Failure(FailureKind.RANGE, "part of the object, but all was asked for")
    first, last = asked[0], asked[0] + asked[1] - 1
    if status != 206:
        return Failure(FailureKind.RANGE, f"status {status} and the whole object, not bytes {first}-{last}")
    part = head.content_range
    if part is None:
        return Failure(FailureKind.RANGE, f"no byte range in the answer, asked for {first}-{last}")
    if part != (first, last):
        return Failure(FailureKind.RANGE, f"bytes {part[0]}-{part[1]}, asked for {first}-{last}")
    if head.framing is Framing.LENGTH and head.length != asked[1]:
        return Failure(FailureKind.RANGE, f"{head.length} bytes, asked for {asked[1]}")
    return None
