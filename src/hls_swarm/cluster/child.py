"""One worker process, seen from the controller: started, heard, and ended.

Rules:

- A signal that is meant for the controller reaches its group too: Ctrl-C in a terminal, timeout(1), a supervisor. A
  worker must outlive it, from its first instruction on: it is started with these signals blocked, ignores them first of
  all and unblocks them then.
- Its death is noticed when its pipe closes, and told with what it died of: exit code or signal, and its own last words.
- What it says on standard error while it lives is logged, as it is nobody's business to say something there: the first
  `MOST_LOGGED` lines, so that one that says too much does not fill the disk.
- Nothing of it is left after `end`, which takes no longer than it is told to.
"""

import asyncio
import logging
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from hls_swarm.engine.worker_messages import FrameReader, News, Poll, Ready, ToWorker, frame, from_worker
from hls_swarm.foreign import cut, one_line
from hls_swarm.stats.faults import masked_faults

BLOCKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What a worker ignores; see `engine.launch`."""
WORKER = (sys.executable, "-m", "hls_swarm.engine.launch")
LAST_WORDS = 20
MOST_LOGGED = 100
_LONGEST_LINE = 500
_GONE_CHECK_SECONDS = 0.01

_log = logging.getLogger(__name__)


class Child:
    """One worker process.

    Args:
        on_lost: called at once when it dies by itself.
        mask: takes the secrets out of what it says.

    Attributes:
        ready, news: what it said last of each.
        lost: what it died of, in words; None while it lives, or if it was asked to end.
        changed: set whenever one of these is.
    """

    def __init__(
        self, number: int, process: subprocess.Popen[bytes], on_lost: Callable[[], None], mask: Callable[[str], str]
    ) -> None:
        self.number = number
        self.ready: Ready | None = None
        self.news: News | None = None
        self.lost: str | None = None
        self.changed = asyncio.Event()
        self._asked_at: float | None = None
        self._heard_at = time.monotonic()
        self._process, self._on_lost, self._mask = process, on_lost, mask
        self._input: asyncio.WriteTransport | None = None
        self._ending = False
        self._words: deque[str] = deque(maxlen=LAST_WORDS)
        self._logged = 0
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def start(
        cls, number: int, on_lost: Callable[[], None], mask: Callable[[str], str], command: Sequence[str] = WORKER
    ) -> "Child":
        """Start a worker. Raises OSError if there can be no process more."""
        child = cls(number, _spawn(command), on_lost, mask)
        try:
            await child._connect()
        except BaseException:
            child.kill()
            raise
        return child

    def send(self, message: ToWorker) -> None:
        """Say something; a worker that is gone is noticed by what it does not say any more."""
        if self._input is not None and self.lost is None and not self._input.is_closing():
            self._input.write(frame(message))
            if self._asked_at is None and isinstance(message, Poll):
                self._asked_at = time.monotonic()

    async def wait_for_change(self, seconds: float) -> None:
        """Until the worker said something or died, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()

    def silent_for(self) -> float:
        """Seconds for which it owes an answer."""
        return 0.0 if self._asked_at is None else time.monotonic() - self._asked_at

    @property
    def is_unfinished(self) -> bool:
        """Whether it lives and has not said its last."""
        return self.lost is None and (self.news is None or not self.news.final)

    def give_up(self) -> float:
        """Nothing more is expected of it, and its viewers end with it; gives the seconds since its last word."""
        if self.news is not None:
            self.news.tally.lose(self.news.at)
        return time.monotonic() - self._heard_at

    async def end(self, seconds: float) -> None:
        """Close its input and wait until it is gone; after so many seconds it is killed."""
        self._ending = True
        if self._input is not None:
            self._input.close()
        try:
            async with asyncio.timeout(seconds):
                await self._gone()
        except TimeoutError:
            self.kill()
            await self._gone()
        _, left = await asyncio.wait(self._tasks, timeout=1.0)  # nothing can be left in its pipes by then
        for task in left:
            task.cancel()

    def kill(self) -> None:
        """End it at once; it is gone then, but for what `end` waits for."""
        self._ending = True
        if self._process.poll() is None:
            self._process.kill()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        output, words = asyncio.StreamReader(), asyncio.StreamReader()
        process = self._process
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), process.stdout)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), process.stderr)
        transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, process.stdin)
        self._input = transport
        self._tasks = [loop.create_task(self._read(output)), loop.create_task(self._read_words(words))]

    async def _gone(self) -> int:
        """Its exit code, once it has ended."""
        while (code := self._process.poll()) is None:  # noqa: ASYNC110 - no event tells the end of a process
            await asyncio.sleep(_GONE_CHECK_SECONDS)
        return code

    async def _read(self, output: asyncio.StreamReader) -> None:
        frames = FrameReader()
        while data := await output.read(1 << 18):
            try:
                self._hear(frames, data)
            except (ValueError, msgspec.MsgspecError) as error:
                self._lose(f"said something that is no message: {error}")
                self.kill()
                break
        code = await self._gone()
        if not self._ending and self.lost is None:
            await asyncio.wait(self._tasks[1:], timeout=0.5)  # its last words may be on their way
            self._lose(died_of(code, self._words))
        self.changed.set()

    def _lose(self, how: str) -> None:
        """Its viewers ended with it, at the latest when it said its last; that stays in the totals."""
        self.lost = self._mask(how)
        if self.news is not None:
            self.news.tally.lose(self.news.at)
        said = "; the last that it said:" if self._words else ""
        _log.error("worker %d died: %s%s", self.number, how, "\n    ".join((said, *self._words)))
        self._on_lost()

    def _hear(self, frames: FrameReader, data: bytes) -> None:
        for body in frames.feed(data):
            match from_worker(body):
                case Ready() as ready:
                    self.ready = ready
                case News() as news if self.news is None or news.number > self.news.number:
                    news.tally.faults = masked_faults(news.tally.faults, self._mask)
                    self.news = news
            self._asked_at, self._heard_at = None, time.monotonic()
            self.changed.set()

    async def _read_words(self, words: asyncio.StreamReader) -> None:
        pending = b""
        while data := await words.read(1 << 16):
            *lines, pending = (pending + data).split(b"\n")
            pending = pending[-4096:]
            for line in lines:
                self._heard_word(line)
        self._heard_word(pending)

    def _heard_word(self, line: bytes) -> None:
        text = self._mask(cut(line.decode(errors="replace").rstrip(), _LONGEST_LINE))
        if not text.strip():
            return
        self._words.append(text)
        if self._logged < MOST_LOGGED:
            self._logged += 1
            more = "" if self._logged < MOST_LOGGED else " (what else it says is not logged)"
            _log.info("worker %d says: %s%s", self.number, text, more)


def died_of(code: int, words: Sequence[str]) -> str:
    """What a worker died of, in words: how its process ended, and the last thing that it said for itself.

    Args:
        code: of the process; a negative one is minus the signal.
        words: its last lines on standard error.
    """
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        hint = " (the system does so when memory runs out)" if -code == signal.SIGKILL else ""
        return f"killed by {name}{hint}"
    # A traceback ends in the exception; what is indented belongs to something above it.
    last = next((word for word in reversed(words) if word[:1].strip()), "")
    return f"ended with exit code {code}" + (f": {one_line(last)}" if last else "")


def _spawn(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """The process, which inherits the mask of this thread and has its own from there on."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
    try:
        return subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
