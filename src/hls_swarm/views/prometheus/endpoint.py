"""The endpoint of a run: its page (`/`), `/metrics` for Prometheus, and whether it is alive and at work: `/healthz`,
`/readyz`.

Rules:

- It answers from what the controller already has: an answer costs no worker anything.
- The page and its streams only tell; nothing that is asked for acts on the run.
- A page of another site in a browser gets nothing, whatever name it asks under (`http.visitors`).
- Alive is a controller that took in a moment lately, or has not begun. Ready is a run whose viewers are at work.
"""

import errno
import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from types import TracebackType
from typing import Self

from hls_swarm.errors import RunError
from hls_swarm.http.serving.page_server import HTML, Answer, PageServer
from hls_swarm.http.serving.publisher import Publisher
from hls_swarm.http.serving.visitors import Visitors
from hls_swarm.judge.ledger import Entry
from hls_swarm.settings.checks import listen_address
from hls_swarm.snapshot.moment import Moment
from hls_swarm.snapshot.snapshot import Phase
from hls_swarm.views.live.feed import Feed
from hls_swarm.views.prometheus.collector import Page
from hls_swarm.views.prometheus.protobuf import CONTENT_TYPE, is_asked_for, protobuf_page

DEFAULT_ADDRESS = "127.0.0.1:17091"
MOST_CONNECTIONS = 64
"""Those of the two streams of the page are at most half of them."""
ALIVE_SECONDS = 5.0
"""Age of the newest moment from which on the controller is not alive: it makes one each second."""

_log = logging.getLogger(__name__)


class Endpoint:
    """Async context manager: serves the newest moment inside the block.

    Args:
        address: `host:port`; None is the default one, and none at all if that is taken; empty or `off` is none.
        clock: the monotonic clock.
        single_viewers: whether the worst viewers are exported one by one.
        names: under which it may be asked, beside its address and those of loopback.
        feed: of the page; None goes without one.

    Raises:
        RunError: on entry, if an address that was asked for can not be had.
    """

    def __init__(
        self,
        address: str | None,
        clock: Callable[[], float],
        *,
        single_viewers: bool = False,
        names: Sequence[str] = (),
        feed: Feed | None = None,
    ) -> None:
        self._address, self._clock, self._names = address, clock, tuple(names)
        self._visitors, self._feed = Visitors("127.0.0.1"), feed
        self._moment: Moment | None = None
        self._page = Page(lambda: self._moment, single_viewers=single_viewers)
        self._server = PageServer(self._answer, MOST_CONNECTIONS)

    @property
    def port(self) -> int | None:
        """Where it listens; None if it does not."""
        return self._server.port

    def add(self, entry: Entry) -> None:
        """Serve this moment from now on."""
        self._moment = entry.moment

    async def __aenter__(self) -> Self:
        if self._address in {"", "off"}:
            return self
        host, port = listen_address(self._address or DEFAULT_ADDRESS)
        self._visitors = Visitors(host, self._names)
        try:
            await self._server.start(host, port)
        except OSError as error:
            words = _bind_words(f"{host}:{port}", error)
            if self._address is not None:
                raise RunError(f"--metrics: {words}") from error
            _log.warning("no live page and no Prometheus endpoint: %s", words)
        else:
            _log.info("Prometheus endpoint: http://%s:%s/metrics", host, self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._server.close()

    @property
    def url(self) -> str | None:
        """Of the page, as this machine may ask for it; None if it does not listen."""
        if self.port is None:
            return None
        host, _ = listen_address(self._address or DEFAULT_ADDRESS)
        shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.port}/"

    async def _answer(self, path: str, fields: Sequence[str]) -> Answer | Publisher:
        refusal = self._visitors.refusal(
            _values(fields, "host"), _value(fields, "origin"), _value(fields, "sec-fetch-site")
        )
        if refusal:
            return Answer(HTTPStatus.FORBIDDEN, f"{refusal}\n".encode())
        match path:
            case "/metrics":
                accept = _value(fields, "accept") or ""
                if is_asked_for(accept):
                    return Answer(HTTPStatus.OK, protobuf_page(self._page.series()), CONTENT_TYPE)
                return Answer(HTTPStatus.OK, *self._page.body(accept))
            case "/healthz":
                return Answer(*self._health())
            case "/readyz":
                return Answer(*self._readiness())
            case "/" if self._feed is not None:
                from hls_swarm.views.live.page import page, security_fields  # 0.1 s, for those who look

                return Answer(HTTPStatus.OK, page(), HTML, security_fields())
            case "/events" if self._feed is not None:
                return self._feed.events
            case "/snapshots" if self._feed is not None:
                return self._feed.snapshots
            case "/":
                return Answer(HTTPStatus.OK, b"hls-swarm: /metrics, /healthz, /readyz\n")
            case _:
                return Answer(HTTPStatus.NOT_FOUND, b"there is /, /metrics, /healthz and /readyz\n")

    def _health(self) -> tuple[HTTPStatus, bytes]:
        if self._moment is None:
            return HTTPStatus.OK, b"starting\n"
        age = self._clock() - self._moment.snapshot.at
        if age > ALIVE_SECONDS and self._moment.snapshot.phase is not Phase.FINISHED:
            return HTTPStatus.SERVICE_UNAVAILABLE, f"no news of the run for {age:.0f} s\n".encode()
        return HTTPStatus.OK, f"{self._moment.snapshot.phase.value}\n".encode()

    def _readiness(self) -> tuple[HTTPStatus, bytes]:
        if self._moment is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, b"starting\n"
        health, words = self._health()
        at_work = self._moment.snapshot.phase in {Phase.RAMPING, Phase.STEADY}
        return HTTPStatus.OK if at_work and health is HTTPStatus.OK else HTTPStatus.SERVICE_UNAVAILABLE, words


def _values(fields: Sequence[str], name: str) -> list[str]:
    """The values of all header fields of a name, in lower case."""
    split = [field.partition(":") for field in fields]
    return [value.strip() for field, colon, value in split if colon and field.lower() == name]


def _value(fields: Sequence[str], name: str) -> str | None:
    return next(iter(_values(fields, name)), None)


def _bind_words(address: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"{address} is taken, by another run perhaps: --metrics 127.0.0.1:0 takes any free port, "
            "--metrics= goes without"
        )
    return f"can not listen on {address}: {(error.strerror or str(error)).lower()}"
