"""Shows a run of another process or machine: the snapshots that its endpoint sends, on the dashboard here.

It only looks: no key acts on the run, and leaving leaves the run as it is.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from hls_swarm import __version__
from hls_swarm.errors import RunError
from hls_swarm.exit_codes import ExitCode
from hls_swarm.foreign import one_line
from hls_swarm.http.serving.reading import RefusedError, StreamError, messages
from hls_swarm.judge.events import Event, Level
from hls_swarm.run.loop import run_to_the_end
from hls_swarm.run.screen import dashboard_on
from hls_swarm.run.signals import Signals
from hls_swarm.views.live.snapshots import Frame, OtherVersionError, read_frame
from hls_swarm.views.logbook import Logbook
from hls_swarm.views.terminal.live import LineView, SearchView
from hls_swarm.views.terminal.output import Output

DEFAULT_PORT = 17091
RETRY_SECONDS = 15.0
"""How long a stream that broke off is asked for again."""
_PAUSE_SECONDS = 1.0
_LEVELS = {Level.INFO: logging.INFO, Level.WARNING: logging.WARNING, Level.ERROR: logging.ERROR}


class _Over(msgspec.Struct):
    """The last message of a run."""

    verdict: str
    reasons: list[str] = []


class PastView(SearchView, Protocol):
    """One that can be told what was before it was there."""

    def recall(self, columns: Mapping[str, Sequence[float | None]]) -> None:
        """The last minutes by column of the timeline, a second apart, before the first snapshot."""


class Watcher:
    """The run's controls for who only looks: they act on nothing.

    Args:
        leave: what to do when the person has seen enough.
    """

    is_elsewhere = True
    """No key acts on it."""

    def __init__(self, leave: Callable[[], object]) -> None:
        self._leave = leave

    def stop(self) -> None:
        """Stop looking."""
        self._leave()

    def change_viewers(self, by: int) -> None:
        """Nothing: the run is another's."""

    def mark(self, note: str) -> None:
        """Nothing: the run is another's."""


def stream_url(url: str) -> str:
    """The stream of the run whose page is at this URL; without a scheme or a port, those of a run are meant."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    has_port = parts.port is not None or parts.scheme == "https"
    netloc = parts.netloc if has_port else f"{parts.netloc}:{DEFAULT_PORT}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}/snapshots"


def attach(url: str, tui: bool | None) -> int:
    """Show the run at this URL until it is over or the person leaves; gives the exit code.

    Args:
        tui: whether on the dashboard; None: where there is a terminal for it.

    Raises:
        RunError: it can not be followed, or not any more.
    """
    with Signals() as signals:
        return run_to_the_end(_attach(url, tui, signals))


async def _attach(url: str, tui: bool | None, signals: Signals) -> int:
    logbook, lines = Logbook(), LineView(Output(sys.stderr))
    dashboard = dashboard_on(tui, lines, logbook)
    view = lines if dashboard is None else dashboard
    following = asyncio.ensure_future(follow(url, view, logbook))
    signals.end_with(asyncio.get_running_loop(), following.cancel)
    view.start(Watcher(following.cancel))
    try:
        verdict = await following
    except asyncio.CancelledError:
        return ExitCode.PASS  # the person has seen enough; the run goes on
    finally:
        await view.stop()
    Output(sys.stdout).show(f"The run is over: {verdict}")
    return ExitCode.PASS


async def follow(url: str, view: PastView, logbook: Logbook, clock: Callable[[], float] = time.monotonic) -> str:
    """Show the run until it is over; gives its verdict, in words.

    Raises:
        RunError: it can not be followed, or not any more.
    """
    address, heard_at = stream_url(url), None
    while True:
        try:
            async for name, data in messages(address):
                if name == "over":
                    over = _over(data)
                    return one_line(": ".join([over.verdict, *(["; ".join(over.reasons)] if over.reasons else [])]))
                if name == "snapshot":
                    frame = read_frame(data)
                    _show(frame, view, logbook, again=heard_at is not None)
                    heard_at = clock()
        except OtherVersionError as error:
            theirs = f"it is of version {error.theirs}, this of {__version__}" if error.theirs else "it is no run's"
            raise RunError(f"{url} can not be shown, both ends must be of one version: {theirs}") from error
        except RefusedError as error:
            raise RunError(f"{url} can not be shown: {error}") from error
        except StreamError as error:
            if heard_at is None:
                where = f"it listens on 127.0.0.1:{DEFAULT_PORT} unless its --metrics says otherwise"
                raise RunError(f"no run at {url}: {error}; {where}") from error
            if clock() - heard_at > RETRY_SECONDS:
                raise RunError(f"the run at {url} does not answer any more: {error}") from error
            await asyncio.sleep(_PAUSE_SECONDS)


def _over(data: bytes) -> _Over:
    try:
        return msgspec.json.decode(data, type=_Over)
    except msgspec.DecodeError:
        raise OtherVersionError("") from None


def _show(frame: Frame, view: PastView, logbook: Logbook, *, again: bool) -> None:
    for event in () if again and len(frame.events) > 1 else frame.events:
        logbook.keep(event.time, _LEVELS[event.level], _text(event))
    if frame.before and not again:
        view.recall(frame.before)
    if frame.search is not None:
        view.search(frame.search)
    view.update(frame.snapshot)


def _text(event: Event) -> str:
    return f"{event.kind.value}: {one_line(event.text)}"
