"""One object asked for, what came of it, and whose failure it was."""

from enum import StrEnum

import msgspec


class ObjectKind(StrEnum):
    """What a viewer fetches; the keys of `requests` and `body_bytes` in every output."""

    MULTIVARIANT_PLAYLIST = "multivariant_playlist"
    MEDIA_PLAYLIST = "media_playlist"
    SEGMENT = "segment"
    PART = "part"  # of a segment that is being made (EXT-X-PART)
    INIT = "init"
    KEY = "key"
    PREFLIGHT = "preflight"  # what a browser asks before some requests of a page's script
    STEERING = "steering"  # a steering manifest (8216bis 7)
    CMCD_REPORT = "cmcd_report"  # events told to a collector of the user's, who is not the origin


ASKED_OF_THE_ORIGIN = tuple(kind for kind in ObjectKind if kind is not ObjectKind.CMCD_REPORT)
"""What the origin, or who stands for it, answers."""


BODY_START_BYTES = 400
"""What is looked at of a body that is dropped: enough to tell media from what is none, which takes two TS packets."""


class Blame(StrEnum):
    """Whose failure it was."""

    ORIGIN = "origin"
    GENERATOR = "generator"
    COLLECTOR = "collector"  # of a report to a collector of the user's


class FailureKind(StrEnum):
    """What went wrong with one exchange or with what it brought."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    CONNECT_TIMEOUT = "connect_timeout"
    FIRST_BYTE_TIMEOUT = "first_byte_timeout"
    NO_PROGRESS_TIMEOUT = "no_progress_timeout"
    TOTAL_TIMEOUT = "total_timeout"
    HTTP_STATUS = "http_status"
    CONNECTION_LOST = "connection_lost"  # reset or closed before the head of the answer was complete
    TRUNCATED = "truncated"  # the body ended before its declared length
    MALFORMED = "malformed"  # not HTTP, or a head or body over a limit
    REDIRECT = "redirect"  # too many, without a location, or to a scheme that is not http(s)
    HOST_NOT_ALLOWED = "host_not_allowed"  # the user or this program leaves it out: nothing was sent
    URL_TOO_LONG = "url_too_long"  # longer than any server takes: nothing was sent
    CORS = "cors"  # a browser keeps the answer from the player, whatever it is
    RANGE = "range"  # the answer is not the byte range that was asked for
    BAD_PLAYLIST = "bad_playlist"
    BAD_DELTA = "bad_delta"  # a delta update that does not fit the playlist that was held
    BAD_STEERING = "bad_steering"  # no steering manifest, or of a version that no player knows
    EMPTY_PLAYLIST = "empty_playlist"
    STALE_PLAYLIST = "stale_playlist"  # unchanged for so long that the player gave up
    EMPTY_MEDIA = "empty_media"  # a segment or init section without a body
    NOT_MEDIA = "not_media"  # a page, a playlist, or what begins like no container of media
    SHORT_MEDIA = "short_media"  # far fewer bytes than its duration and its variant need
    CUT_MEDIA = "cut_media"  # ends within a packet or a cipher block, though the answer is whole
    BAD_KEY = "bad_key"  # not of the size that its method has
    NOTHING_TO_PLAY = "nothing_to_play"  # the stream came to its end and nothing of it could be played
    DESCRIPTORS = "descriptors"  # this machine has no file descriptor left
    PORTS = "ports"  # this machine has no local port left
    INTERNAL = "internal"  # an exception in this program: a bug of its own
    PLAYER = "player"  # the player's own process ended, for a reason that is no answer of the origin
    CANCELLED = "cancelled"  # the viewer or the run ended it: nobody's fault


_GENERATOR_KINDS = frozenset({FailureKind.DESCRIPTORS, FailureKind.PORTS, FailureKind.INTERNAL, FailureKind.PLAYER})


class Failure(msgspec.Struct, frozen=True, gc=False):
    """Why an exchange, or what it brought, is of no use to a player.

    Attributes:
        status: HTTP status, with `HTTP_STATUS` only.
        detail: one short phrase for a person, without secrets.
    """

    kind: FailureKind
    detail: str
    status: int | None = None

    @property
    def blame(self) -> Blame:
        """Whose failure this was."""
        return Blame.GENERATOR if self.kind in _GENERATOR_KINDS else Blame.ORIGIN


class Unanswered(msgspec.Struct, frozen=True, gc=False):
    """Requests of one exchange that were put on the wire and brought not one byte of an answer.

    Attributes:
        unsettled: how many of them may be in the origin's log or not: a reset, or giving up, does not tell.
        repeated: how many of them were made up for by another request of the same exchange.
        failure: why the last of those brought nothing; None without any.
    """

    unsettled: int = 0
    repeated: int = 0
    failure: Failure | None = None


class Exchange(msgspec.Struct, frozen=True):
    """One object asked for over HTTP, redirects and a retried stale connection included, and what came of it.

    Attributes:
        url: as asked for, secrets masked.
        final_url: where the answer came from; differs from `url` after a redirect, and is what relative URIs resolve
            against (RFC 8216 4.1).
        due_at: when the request should have gone out, decided before the answer before it arrived. Lateness counts.
        started_at: when the client took it up.
        sent_at: when the last request of it was written whole to the socket.
        first_byte_at: when the first byte of the final answer arrived.
        ended_at: when the last byte arrived, or the failure was known.
        dns_seconds, connect_seconds, tls_seconds: of a connection opened for this exchange; None if one was reused.
        requests_sent: requests put on the wire: 1, more with redirects or a stale connection, 0 if it never came to it.
        status: of the final answer; None if none came.
        head_bytes: bytes of all response heads.
        body_bytes: body bytes as received, before any decompression, of all answers: what the access log says.
        body: the whole decoded body if the request asked to keep it and it is complete; else None.
        age_seconds: the answer's Age header (RFC 9111 5.1): how long caches held it.
        retry_after_seconds: the answer's Retry-After in seconds, if it has one.
        connections_opened: connections opened for it, where that is known without their times; None says that those
            times tell.
        timed: False if `due_at` and `ended_at` are only when one heard of it: no duration or lateness comes from them.
        content_type: the answer's Content-Type, as it came.
        body_start: the first bytes (up to `BODY_START_BYTES`) of a body that was not kept, as received; None if the
            client did not see them: a large body may be dropped before any of it is looked at.
        content_length: of the final answer's body, if it was declared.
        content_encoding: of the final answer, if it has one.
        is_open_ended: only the end of the connection says where the kept body ends (RFC 9112 6.3): it may be cut short.
        unanswered: of `requests_sent`, those that brought nothing at all; None without any.
        unknown_coding: a name in the Content-Encoding of a kept body that is no coding: the body was taken as it came.
    """

    url: str
    final_url: str
    due_at: float
    started_at: float
    ended_at: float
    sent_at: float | None = None
    first_byte_at: float | None = None
    dns_seconds: float | None = None
    connect_seconds: float | None = None
    tls_seconds: float | None = None
    requests_sent: int = 0
    status: int | None = None
    head_bytes: int = 0
    body_bytes: int = 0
    body: bytes | None = None
    age_seconds: float | None = None
    retry_after_seconds: float | None = None
    failure: Failure | None = None
    connections_opened: int | None = None
    timed: bool = True
    content_type: str | None = None
    body_start: bytes | None = None
    content_length: int | None = None
    content_encoding: str | None = None
    is_open_ended: bool = False
    unanswered: Unanswered | None = None
    unknown_coding: str | None = None

    @property
    def ttfb_seconds(self) -> float | None:
        """From the request being sent to the first byte of the answer."""
        if self.first_byte_at is None or self.sent_at is None:
            return None
        return self.first_byte_at - self.sent_at

    @property
    def download_seconds(self) -> float:
        """From the start, connection included, to the last byte."""
        return self.ended_at - self.started_at
