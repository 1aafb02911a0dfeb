"""Where agents knock: lets those in that have the token and the same versions, and says of all others why not.

Rules:

- Nothing of the engine starts before an agent has proved itself, and no agent starts anything before the controller
  has.
- The connection of an agent that was let in stays open. When it closes, the other side is gone: an agent then ends what
  it started for this run, and the controller knows that the agent's own process has ended.
- Both sides of a connection that broke without a word find it out: the controller by what it can not send, the agent by
  what it does not hear, in the time in which the load ends by itself.
- Who says nothing for `HANDSHAKE_SECONDS`, or too much, is hung up on; no more than `MOST_KNOCKING` are heard at once.
"""

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from hls_swarm.cluster.joining.handshake import (
    HERE_SECONDS,
    MOST_LINE_BYTES,
    NAME,
    PROTOCOL,
    SILENT_SECONDS,
    Declined,
    Failed,
    Greeting,
    Here,
    Knock,
    Versions,
    Welcome,
    Word,
    differences,
    line,
    proof,
    proves,
    word,
)
from hls_swarm.errors import RunError
from hls_swarm.foreign import one_line

HANDSHAKE_SECONDS = 10.0
MOST_KNOCKING = 256
MOST_DECLINED = 100
"""Who is told of by name: whoever finds the port can knock under as many names as it likes."""
_KEEPALIVE = (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
_UNHEARD_MILLISECONDS = 20_000
"""A machine that is gone without a word is found out within 20 seconds, whether something was sent to it or not."""


@dataclass
class Guest:
    """An agent that was let in.

    Attributes:
        address: as the controller sees it.
        own_address: the controller's, as the agent reached it.
        proof: that the controller has the token, for this agent.
        failed: why it could not join after all, in words.
        gone: set when its connection is closed.
    """

    name: str
    address: str
    own_address: str
    proof: str
    failed: str = ""
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Door:
    """The controller's side.

    Args:
        token: what both must have.
        versions: what both must have the same of.
        wanted: agents that the run is for.
        say: is told who came and who was declined, in words.
        here_seconds: between two words to each who is in.
    """

    def __init__(
        self,
        token: str,
        versions: Versions,
        wanted: int,
        say: Callable[[str], object],
        here_seconds: float = HERE_SECONDS,
    ) -> None:
        self._here_seconds = here_seconds
        self._token, self._versions, self._wanted, self._say = token, versions, wanted, say
        self._controller: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._hosting: set[asyncio.Task[Any]] = set()
        self._knocking = 0
        self.guests: dict[str, Guest] = {}
        self.declined: dict[str, str] = {}
        self.changed = asyncio.Event()

    async def open(self, address: str, port: int) -> None:
        """Listen. Raises RunError if that can not be."""
        try:
            self._server = await asyncio.start_server(self._knocked, address or None, port, limit=MOST_LINE_BYTES)
        except OSError as error:
            place = f"{address or 'any address'}, port {port}"
            raise RunError(f"agents can not come to {place}: {error.strerror or error}; see --cluster-port") from None

    @property
    def port(self) -> int:
        """Where it listens."""
        if self._server is None:
            raise AssertionError("it is not open")
        return int(self._server.sockets[0].getsockname()[1])

    def send_to(self, controller: str) -> None:
        """All who are in may join there."""
        if not self._controller.done():
            self._controller.set_result(controller)

    async def close(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.close()
        hosting = list(self._hosting)
        for task in hosting:
            task.cancel()
        if hosting:
            await asyncio.wait(hosting, timeout=1.0)

    async def _knocked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._knocking >= MOST_KNOCKING:
            writer.close()
            return
        self._knocking += 1
        self._writers.add(writer)
        task = asyncio.current_task()
        if task is not None:
            self._hosting.add(task)
            task.add_done_callback(self._hosting.discard)
        guest: Guest | None = None
        try:
            try:
                async with asyncio.timeout(HANDSHAKE_SECONDS):
                    guest = await self._handshake(reader, writer)
            finally:
                self._knocking -= 1
            if guest is None:
                return
            await self._host(guest, reader, writer)
        except (TimeoutError, OSError, ValueError, asyncio.LimitOverrunError):
            pass  # whoever that was: it does not speak as an agent does, or is gone
        except asyncio.CancelledError:
            if task is None or task not in self._hosting or self._server is None or self._server.is_serving():
                raise
        finally:
            self._writers.discard(writer)
            writer.close()
            if guest is not None:
                guest.gone.set()
                if not self._controller.done():
                    del self.guests[guest.name]
                    self._say(f"agent {guest.name} left, {len(self.guests)} of {self._wanted} are here")
                self.changed.set()

    async def _handshake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Guest | None:
        nonce = secrets.token_hex(16)
        writer.write(line(Greeting(PROTOCOL, nonce)))
        knock = word(await reader.readline())
        if not isinstance(knock, Knock):
            return None
        address = str(writer.get_extra_info("peername")[0])
        own = str(writer.get_extra_info("sockname")[0])
        declined = self._objection(knock, nonce)
        if declined is not None:
            who = f"{knock.name} ({address})" if NAME.fullmatch(knock.name) else address
            if self.declined.get(who) != declined.reason and len(self.declined) < MOST_DECLINED:
                self.declined[who] = declined.reason
                self._say(f"{who} was refused: {declined.reason}")
            self.changed.set()
            writer.write(line(declined))
            await writer.drain()
            return None
        guest = self.guests[knock.name] = Guest(
            knock.name, address, own, proof(self._token, "controller", knock.nonce, nonce)
        )
        self.declined.pop(f"{knock.name} ({address})", None)
        _keep_alive(writer)
        self._say(f"agent {guest.name} ({guest.address}) is here, {len(self.guests)} of {self._wanted}")
        self.changed.set()
        return guest

    def _objection(self, knock: Knock, nonce: str) -> Declined | None:
        if not proves(knock.proof, self._token, "agent", nonce, knock.nonce):
            return Declined("it has another token")
        if not NAME.fullmatch(knock.name):
            return Declined("its name has other characters than letters, digits, dots and dashes: give it a --name")
        differs = differences(self._versions, Versions(knock.version, knock.python, knock.engine))
        if differs:
            return Declined(differs)
        known = self.guests.get(knock.name)
        if known is not None and not known.gone.is_set():
            return Declined(f"an agent {knock.name} is here already: give one of them another --name", later=True)
        if self._controller.done() or len(self.guests) >= self._wanted:
            return Declined(f"the run has its {self._wanted} agents: it is for the next one", later=True)
        return None

    async def _host(self, guest: Guest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send it on when the time has come, and listen until it is gone."""
        leaving = asyncio.ensure_future(reader.readline())
        saying = asyncio.ensure_future(_say_here(writer, self._here_seconds))
        either: list[asyncio.Future[Any]] = [leaving, self._controller]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not leaving.done():
                controller = self._controller.result()
                address = guest.address
                if ipaddress.ip_address(address).is_loopback:  # on this machine, whom others know by another address
                    address = controller.rpartition(":")[0]
                writer.write(line(Welcome(guest.proof, controller, address)))
            while said := await leaving:
                heard = word(said)
                if isinstance(heard, Failed):
                    guest.failed = one_line(heard.reason)
                    self.changed.set()
                leaving = asyncio.ensure_future(reader.readline())
        finally:
            leaving.cancel()
            saying.cancel()


async def _say_here(writer: asyncio.StreamWriter, every_seconds: float) -> None:
    here = line(Here())
    while True:
        await asyncio.sleep(every_seconds)
        writer.write(here)


class Visit:
    """An agent's side of one connection: let in, waiting, sent on.

    Args:
        token, versions: see `Door`.
        name: of the agent.
        silent_seconds: without a word of a controller, after which there is none.
    """

    def __init__(self, token: str, versions: Versions, name: str, silent_seconds: float = SILENT_SECONDS) -> None:
        self._silent_seconds = silent_seconds
        self._token, self._versions, self._name = token, versions, name
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._nonce = self._theirs = ""

    async def knock(self, host: str, port: int) -> None:
        """Connect and prove oneself. Raises OSError, ValueError or TimeoutError."""
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            self._reader, self._writer = await asyncio.open_connection(host, port, limit=MOST_LINE_BYTES)
            _keep_alive(self._writer)
            greeting = await self._heard()
            if not isinstance(greeting, Greeting) or greeting.protocol != PROTOCOL:
                raise ValueError("it is no controller of this version")
            self._nonce, self._theirs = secrets.token_hex(16), greeting.nonce
            versions = self._versions
            knock = Knock(
                proof(self._token, "agent", greeting.nonce, self._nonce),
                self._nonce,
                self._name,
                versions.program,
                versions.python,
                versions.engine,
            )
            self._writer.write(line(knock))

    async def answer(self) -> Welcome | Declined:
        """What comes of it: at once if it is declined, else when the run begins.

        Raises:
            OSError, ValueError: the controller is gone, or none.
        """
        while isinstance(heard := await self._heard(), Here):
            pass
        if isinstance(heard, Declined):
            return heard
        if not isinstance(heard, Welcome):
            raise ValueError("it does not speak as a controller does")
        if not proves(heard.proof, self._token, "controller", self._nonce, self._theirs):
            return Declined("the controller has another token")
        return heard

    async def fail(self, reason: str) -> None:
        """Say that one can not join after all."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.write(line(Failed(reason)))
                await self._writer.drain()

    async def over(self) -> str:
        """Until the controller hangs up, or is not heard any more; gives why there is none, in words."""
        try:
            while True:
                await self._heard()
        except TimeoutError as error:
            return f"the controller is gone: {error}"
        except (OSError, ValueError):
            return "the run is over"

    def leave(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()

    async def _heard(self) -> Word:
        if self._reader is None:
            raise AssertionError("nobody has knocked")
        try:
            async with asyncio.timeout(self._silent_seconds):
                data = await self._reader.readline()
        except TimeoutError:
            raise TimeoutError(f"it has not been heard for {self._silent_seconds:.0f} s") from None
        if not data:
            raise ConnectionResetError("it hung up")
        return word(data)


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is None:
        return
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD_MILLISECONDS)
