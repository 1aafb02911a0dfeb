"""Sends a run's figures to where they are kept: Prometheus' remote write, OTLP.

Rules:

- The run never waits: a thread sends, and what is newer than what it sends takes the place of what waits.
- The last moment is sent before the command ends, for a bounded time; if that fails, the figures are not there, and the
  command says so.
- What goes wrong is told once, and once more when it goes right again.
"""

import asyncio
import logging
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any
from urllib.parse import unquote, urlsplit

from hls_swarm.errors import PreflightError, told
from hls_swarm.foreign import one_line
from hls_swarm.judge.ledger import Entry
from hls_swarm.settings.checks import masked_url
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.moment import Moment
from hls_swarm.views.prometheus.collector import series_of
from hls_swarm.views.prometheus.remote_write import FIELDS, write_request

EVERY_SECONDS = 5.0
OTLP_EVERY_SECONDS = 10.0
"""Unless OTEL_METRIC_EXPORT_INTERVAL, in milliseconds, says otherwise."""
LAST_SECONDS = 10.0
"""How long the end of a run waits for its last moment to be sent."""
REQUEST_SECONDS = 5.0
_TOLD_BYTES = 300
_NO_NATIVE = frozenset({400, 422, 500, 501})
"""Statuses by which receivers say that they take no native histograms."""

_log = logging.getLogger(__name__)


class PushError(Exception):
    """What was sent was not taken; why, in words."""


class Pusher:
    """A sink that sends the newest moment now and then.

    Args:
        name: the flag that asked for it.
        send: sends one, in a thread; raises PushError.
        every: seconds from one to the next.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[Moment], None],
        every: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._send, self.every, self._clock = name, send, every, clock
        self._latest: Moment | None = None
        self._sent_at: float | None = None
        self._sending: asyncio.Future[None] | None = None
        self._trouble: str | None = None

    def add(self, entry: Entry) -> None:
        """Take in a moment; send it if it is time to."""
        self._latest = entry.moment
        now = self._clock()
        if self._sending is None and (self._sent_at is None or now - self._sent_at >= self.every):
            self._sent_at = now
            self._start()

    async def close(self) -> str | None:
        """Send what was not sent yet; gives what went wrong with it, in words."""
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while self._sending is not None or self._latest is not None:
                    if self._sending is None:
                        self._start()
                    if self._sending is not None:
                        await asyncio.shield(self._sending)
        except TimeoutError:
            return f"--{self._name}: the end of the run was not taken in {LAST_SECONDS:.0f} s"
        return None if self._trouble is None else f"--{self._name}: the end of the run is not there: {self._trouble}"

    def _start(self) -> None:
        moment, self._latest = self._latest, None
        if moment is not None:
            self._sending = asyncio.ensure_future(self._push(moment))

    async def _push(self, moment: Moment) -> None:
        trouble = None
        try:
            await _in_a_thread(lambda: self._send(moment))
        except PushError as error:
            trouble = str(error)
        except Exception as error:  # noqa: BLE001 - whatever a library does must not end the run
            trouble = told(error)
        if trouble is not None and self._trouble is None:
            _log.warning("--%s: %s; it is tried again", self._name, trouble)
        elif trouble is None and self._trouble is not None:
            _log.info("--%s: taken again", self._name)
        self._trouble, self._sending = trouble, None


async def _in_a_thread(act: Callable[[], None]) -> None:
    """Call this in a thread that the end of the process does not wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def work() -> None:
        raised: BaseException | None = None
        try:
            act()
        except Exception as error:  # noqa: BLE001 - it is raised where this is awaited
            raised = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, raised)

    threading.Thread(target=work, name="push", daemon=True).start()
    await done


class RemoteWriter:
    """Sends moments by remote write; a receiver that takes no native histograms gets the classic ones only.

    Args:
        url: with user and password, if it asks for them.
        fields: further header fields.
        labels: of every series.
        single_viewers: whether the worst viewers go too.
    """

    def __init__(
        self,
        url: str,
        fields: Sequence[tuple[str, str]],
        labels: Mapping[str, str],
        *,
        single_viewers: bool = False,
    ) -> None:
        parts = urlsplit(url)
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
        self._fields = {**FIELDS, "User-Agent": "hls-swarm", **dict(fields)}
        if parts.username is not None:
            userinfo = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._fields.setdefault("Authorization", f"Basic {b64encode(userinfo.encode()).decode()}")
        self._labels, self._single_viewers = labels, single_viewers
        self._native = True
        self._opener = urllib.request.build_opener(_NoRedirect)

    def __call__(self, moment: Moment) -> None:
        """Send one.

        Raises:
            PushError: it was not taken.
        """
        families = list(series_of(moment, single_viewers=self._single_viewers))
        try:
            self._post(write_request(families, self._labels, moment.wall_at, native=self._native))
        except urllib.error.HTTPError as error:
            words = one_line(error.read(_TOLD_BYTES).decode("utf-8", "replace")).strip()
            if (place := error.headers.get("Location")) is not None:
                words = f"it is at {masked_url(one_line(place))}: name that"
            if not self._native or error.code not in _NO_NATIVE:
                raise PushError(f"status {error.code}{f': {words}' if words else ''}") from error
            self._native = False
            self(moment)
            _log.warning("--remote-write: without native histograms, the receiver said: %s", words or error.code)
        except OSError as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            words = getattr(reason, "strerror", None) or str(reason)
            raise PushError(f"{urlsplit(self._url).netloc}: {one_line(words).lower()}") from error

    def _post(self, body: bytes) -> None:
        request = urllib.request.Request(self._url, data=body, headers=self._fields, method="POST")  # noqa: S310 - checked
        with self._opener.open(request, timeout=REQUEST_SECONDS) as response:
            response.read(_TOLD_BYTES)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows none: what is sent again would be a GET without a body, and would take the password elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        """Let the answer be the error that it is."""


class OtlpSender:
    """Sends moments by OTLP over HTTP, as the standard variables of OpenTelemetry say.

    Args:
        attributes: of the resource that sends.
    """

    def __init__(self, attributes: Mapping[str, str]) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        from hls_swarm.views.otlp import resource

        self._said = _LastLine()
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(self._said)
        logger.propagate = False  # the screen may be a dashboard's
        self._exporter, self._resource = OTLPMetricExporter(), resource(attributes)

    def __call__(self, moment: Moment) -> None:
        """Send one.

        Raises:
            PushError: it was not taken.
        """
        from opentelemetry.sdk.metrics.export import MetricExportResult

        from hls_swarm.views.otlp import metrics_data

        if self._exporter.export(metrics_data(moment, self._resource)) is not MetricExportResult.SUCCESS:
            words = self._said.text or "the exporter failed without a word"
            raise PushError(f"{words} (OTEL_EXPORTER_OTLP_ENDPOINT says where it goes)")


class _LastLine(logging.Handler):
    """Keeps what the exporter said last."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep this."""
        self.text = one_line(record.getMessage())[:_TOLD_BYTES]


def pushers(settings: Settings, started_at: float, host: str, environ: Mapping[str, str]) -> list[Pusher]:
    """What the settings ask for.

    Args:
        started_at: wall clock, Unix seconds: the label of a run that has no name.
        host: name of this machine.

    Raises:
        PreflightError: a variable of OpenTelemetry can not be used.
    """
    run = settings.name or datetime.fromtimestamp(started_at, UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    out = []
    if settings.remote_write is not None:
        labels = {"job": "hls-swarm", "instance": host, "run": run}
        writer = RemoteWriter(
            settings.remote_write,
            settings.remote_write_headers,
            labels,
            single_viewers=settings.prom_client_metrics,
        )
        out.append(Pusher("remote-write", writer))
    if settings.otlp:
        try:
            every = float(environ.get("OTEL_METRIC_EXPORT_INTERVAL") or 1000 * OTLP_EVERY_SECONDS) / 1000
            if not 0 < every < inf:
                raise ValueError("OTEL_METRIC_EXPORT_INTERVAL must be a number of milliseconds above 0")
            out.append(Pusher("otlp", OtlpSender({"service.instance.id": f"{host} {run}", "host.name": host}), every))
        except ValueError as error:
            raise PreflightError(f"--otlp: a variable of OpenTelemetry can not be used: {error}") from error
    return out
