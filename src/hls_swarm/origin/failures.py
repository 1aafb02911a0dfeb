"""Why a scrape failed, in a few words for a person."""

from typing import assert_never

from hls_swarm.records import Failure, FailureKind
from hls_swarm.snapshot.origin.metrics import SourceProblem

_HINTS = {
    401: ": are user and password, or the token, right?",
    403: ": may this machine read it?",
    404: ": is the path of the URL right?",
}


def scrape_problem(failure: Failure, timeout: float) -> tuple[SourceProblem, str]:
    """What kind of problem a failed exchange is, and the words for it.

    Args:
        timeout: the time limit of the scrape, seconds.
    """
    match failure.kind:
        case FailureKind.DNS:
            return SourceProblem.DNS, failure.detail
        case FailureKind.CONNECT:
            return SourceProblem.REFUSED, failure.detail
        case FailureKind.TLS:
            return SourceProblem.TLS, failure.detail
        case (
            FailureKind.CONNECT_TIMEOUT
            | FailureKind.FIRST_BYTE_TIMEOUT
            | FailureKind.NO_PROGRESS_TIMEOUT
            | FailureKind.TOTAL_TIMEOUT
        ):
            return SourceProblem.TIMEOUT, f"no whole answer within {timeout:g}s"
        case FailureKind.HTTP_STATUS:
            return SourceProblem.STATUS, f"status {failure.status}{_HINTS.get(failure.status or 0, '')}"
        case FailureKind.MALFORMED:
            if failure.detail.startswith("body over"):
                return SourceProblem.TOO_LARGE, failure.detail
            return SourceProblem.CONNECTION, f"not HTTP: {failure.detail}"
        case (
            FailureKind.CONNECTION_LOST
            | FailureKind.TRUNCATED
            | FailureKind.RANGE
            | FailureKind.REDIRECT
            | FailureKind.HOST_NOT_ALLOWED
            | FailureKind.URL_TOO_LONG
        ):
            return SourceProblem.CONNECTION, failure.detail
        case FailureKind.DESCRIPTORS | FailureKind.PORTS:
            return SourceProblem.GENERATOR, failure.detail
        case (
            FailureKind.BAD_PLAYLIST
            | FailureKind.BAD_DELTA
            | FailureKind.EMPTY_PLAYLIST
            | FailureKind.STALE_PLAYLIST
            | FailureKind.EMPTY_MEDIA
            | FailureKind.NOT_MEDIA
            | FailureKind.SHORT_MEDIA
            | FailureKind.CUT_MEDIA
            | FailureKind.BAD_KEY
            | FailureKind.NOTHING_TO_PLAY
            | FailureKind.CORS
            | FailureKind.BAD_STEERING
            | FailureKind.INTERNAL
            | FailureKind.PLAYER
            | FailureKind.CANCELLED
        ):
            return SourceProblem.INTERNAL, failure.detail
        case _:
            assert_never(failure.kind)
