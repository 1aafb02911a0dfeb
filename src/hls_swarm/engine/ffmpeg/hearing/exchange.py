"""What is known of one request of an ffmpeg process while its log is read, and what came of it in the end."""

from dataclasses import dataclass, field
from urllib.parse import urljoin

from hls_swarm.records import Exchange, Failure, FailureKind, ObjectKind


@dataclass(slots=True)
class Target:
    """What was opened last: the next request is for it. `kind` is None for the first playlist, while undecided."""

    kind: ObjectKind | None
    url: str
    padded: bool = False
    asked: bool = False


@dataclass(slots=True)
class Asked:
    """A request and what is known of its answer."""

    target: Target
    started_at: float
    sent_at: float | None
    connect_seconds: float | None
    connections: int
    requests: int = 1
    first_byte_at: float | None = None
    status: int | None = None
    declared: int | None = None
    location: str | None = None
    age: float | None = None
    failure: Failure | None = None

    @property
    def redirects(self) -> bool:
        """Whether the answer sent it elsewhere."""
        return self.status is not None and 300 <= self.status < 400

    @property
    def is_empty(self) -> bool:
        """Whether the answer says that it has no body."""
        return self.declared == 0 or self.status == 204

    def exchange(self, ended_at: float, failure: Failure | None, body_bytes: int) -> Exchange:
        """What came of it."""
        url = self.target.url
        return Exchange(
            url=url,
            final_url=_resolved(url, self.location),
            due_at=self.started_at,
            started_at=self.started_at,
            ended_at=max(ended_at, self.started_at),
            sent_at=self.sent_at,
            first_byte_at=self.first_byte_at,
            connect_seconds=self.connect_seconds,
            requests_sent=self.requests,
            status=self.status,
            body_bytes=body_bytes,
            age_seconds=self.age,
            failure=failure,
            connections_opened=self.connections,
            timed=False,
        )


@dataclass(slots=True)
class Connection:
    """One connection: body bytes of its complete answers, and the one that is not yet known to be complete."""

    settled: int = 0
    asked: Asked | None = None
    before: Asked | None = field(default=None)
    """Complete if the answer to `asked` turns out to be one."""


def _resolved(url: str, location: str | None) -> str:
    if location is None:
        return url
    try:
        return urljoin(url, location)
    except ValueError:
        return url  # the origin sent it to what is no URL


def cancelled(detail: str) -> Failure:
    """Nobody's fault."""
    return Failure(FailureKind.CANCELLED, detail)


def lost(why: str | None) -> Failure:
    """A request without an answer, for the operating system's reason if there is one."""
    return Failure(FailureKind.CONNECTION_LOST, "no answer") if not why else network_failure(why, None)


def network_failure(why: str, otherwise: FailureKind | None) -> Failure:
    """A failure from the operating system's words for it; `otherwise` is None once the connection stands."""
    why = why[:200]
    if "timed out" in why:
        return Failure(FailureKind.CONNECT_TIMEOUT if otherwise else FailureKind.FIRST_BYTE_TIMEOUT, why)
    if "Too many open files" in why:
        return Failure(FailureKind.DESCRIPTORS, why)
    if "Cannot assign requested address" in why:
        return Failure(FailureKind.PORTS, why)
    return Failure(otherwise or FailureKind.CONNECTION_LOST, why)
