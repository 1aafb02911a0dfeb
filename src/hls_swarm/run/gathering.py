"""Gathers the agents of a run on other machines, and gives back everything that was started for it.

Rules:

- The controller's machine is part of the cluster without carrying load: it starts the engine's head once all agents
  are there, so that nothing listens that could run code before somebody with the token has come.
- Whoever does not come within the time is named, and why, as far as that is known.
- However it ends, the head, the bridge and what was started over ssh end with it; agents end by themselves.
"""

import asyncio
import ipaddress
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

import psutil

from hls_swarm.cluster.comparing import exposed
from hls_swarm.cluster.joining.door import Door, Guest
from hls_swarm.cluster.joining.handshake import read_token
from hls_swarm.cluster.joining.ssh import CONNECT_SECONDS, RemoteAgent, agent_words, way_to
from hls_swarm.cluster.line import Line, LineLostError
from hls_swarm.cluster.ray.frames import Machine
from hls_swarm.cluster.ray.lines import BridgeProcess
from hls_swarm.cluster.ray.nodes import NodeProcess, Ports, environment, head_command
from hls_swarm.engine.host.facts import public_addresses
from hls_swarm.errors import RunError
from hls_swarm.foreign import one_line
from hls_swarm.run.commands.agent import versions, write_token
from hls_swarm.run.loop import carried_out
from hls_swarm.settings.run import Settings

_log = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 0.2
OTHERS_SECONDS = CONNECT_SECONDS + 20.0
"""After one that could not be started over ssh: what becomes of the others is told together with it."""
JOIN_SECONDS = 120.0
"""Time in which agents that were let in must be part of the cluster."""


@asynccontextmanager
async def gathered(settings: Settings, say: Callable[[str], object]) -> AsyncIterator[tuple[Line, ...]]:
    """Lines to the agents of a run, as its settings say.

    Args:
        say: is told who came, in words.

    Raises:
        SwarmError: the agents are not to be had.
    """
    own = versions()
    gathering = _Gathering(settings, say)
    try:
        if settings.cluster is not None:
            yield await gathering.of_cluster(settings.cluster)
        else:
            yield await gathering.of_door(Door(gathering.token, own, settings.agents_wanted, say))
    finally:
        await carried_out(gathering.end())


class _Gathering:
    def __init__(self, settings: Settings, say: Callable[[str], object]) -> None:
        self._settings, self._say = settings, say
        file = settings.cluster_token_file
        self.token = "" if file is None else read_token("--cluster-token-file", file)
        self._door: Door | None = None
        self._node = NodeProcess()
        self._bridge = BridgeProcess()
        self._remotes: list[RemoteAgent] = []

    async def end(self) -> None:
        """Give everything back."""
        await self._bridge.end()  # the agents' viewers end with it
        if self._door is not None:
            await self._door.close()
        await asyncio.gather(*(remote.end() for remote in self._remotes))
        await self._node.end()

    async def of_door(self, door: Door) -> tuple[Line, ...]:
        """Agents that come to us."""
        settings = self._settings
        self._door = door
        public = public_addresses()
        if public:
            _log.warning("this machine: %s", exposed(public))
        await door.open(settings.cluster_address or "", settings.cluster_port)
        await self._start_remotes(door.port)
        guests = await self._all_here(door)
        ports = Ports(settings.cluster_port)
        address = settings.cluster_address or _own_address(guests.values())
        environ = environment(os.environ, write_token(self._node.folder, self.token))
        await self._node.start(head_command(address, ports, self._node.folder), environ)
        door.send_to(f"{address}:{ports.control}")
        await self._bridge.start(f"{address}:{ports.control}", address, environ)
        machines = await self._joined(guests)
        return tuple(await asyncio.gather(*(self._bridge.line(name, machine) for name, machine in machines.items())))

    async def of_cluster(self, cluster: str) -> tuple[Line, ...]:
        """The machines of a cluster that exists, without the one that this is."""
        settings = self._settings
        token_file = write_token(self._node.folder, self.token) if self.token else None
        await self._bridge.start(cluster, settings.cluster_address or "", environment(os.environ, token_file))
        limit = time.monotonic() + settings.agents_timeout
        while True:
            try:
                machines = [machine for machine in await self._bridge.machines() if not machine.is_ours]
            except LineLostError as error:
                raise RunError(f"--cluster: {error}") from None
            if machines and len(machines) >= settings.agents:
                break
            if time.monotonic() >= limit:
                raise RunError(
                    f"--cluster: {len(machines)} machines beside this one are in the cluster, and "
                    f"{max(1, settings.agents)} are wanted: {', '.join(m.host for m in machines) or 'none'}"
                )
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        named = _named(sorted(machines, key=lambda machine: (machine.host, machine.address))[: settings.agents or None])
        self._say(f"{len(named)} agents of the cluster: {', '.join(named)}")
        return tuple(await asyncio.gather(*(self._bridge.line(name, machine) for name, machine in named.items())))

    async def _start_remotes(self, port: int) -> None:
        settings = self._settings
        hosts = settings.ssh_hosts
        if hosts:
            self._say(f"starting {'agents' if len(hosts) > 1 else 'an agent'} over ssh on {', '.join(hosts)}")
        ways = await asyncio.gather(*(way_to(settings.ssh, host) for host in hosts))
        for host, way in zip(hosts, ways, strict=True):
            remote = RemoteAgent(host)
            self._remotes.append(remote)
            address = settings.cluster_address or await asyncio.to_thread(_address_towards, host, way.address)
            command = agent_words(f"{address}:{port}", remote.name, settings.ssh_program)
            await remote.start(way, command, self.token)

    async def _all_here(self, door: Door) -> Mapping[str, Guest]:
        """All agents that are wanted, once they are here."""
        settings, wanted = self._settings, self._settings.agents_wanted
        if not self._remotes:
            host = settings.cluster_address or _address_of_network() or socket.gethostname()
            them = f"{wanted} agents: on each machine" if wanted > 1 else "an agent: on its machine"
            self._say(f"waiting for {them}, hls-swarm agent --join {host}:{door.port} --token-file FILE")
        limit = time.monotonic() + settings.agents_timeout
        may_come = True
        while len(door.guests) < wanted:
            failed = {remote.name: remote.failed for remote in self._remotes if remote.failed}
            if failed and may_come:
                may_come, limit = False, min(limit, time.monotonic() + OTHERS_SECONDS)
            left = limit - time.monotonic()
            if left <= 0 or (failed and len(failed.keys() | door.guests.keys()) == wanted):
                raise RunError(_missing(door, wanted, failed, settings.agents_timeout))
            door.changed.clear()
            try:
                async with asyncio.timeout(min(left, LOOK_EVERY_SECONDS if self._remotes else left)):
                    await door.changed.wait()
            except TimeoutError:
                continue
        return dict(door.guests)

    async def _joined(self, guests: Mapping[str, Guest]) -> Mapping[str, Machine]:
        """The machines of these agents, once they are part of the cluster."""
        limit = time.monotonic() + JOIN_SECONDS
        while True:
            by_name = {machine.agent: machine for machine in await self._bridge.machines() if machine.agent}
            if guests.keys() <= by_name.keys():
                return {name: by_name[name] for name in guests}
            problems = [f"{name}: {guest.failed}" for name, guest in guests.items() if guest.failed]
            problems += [f"{name}: it left" for name, g in guests.items() if g.gone.is_set() and not g.failed]
            missing = [name for name in guests if name not in by_name]
            if problems or time.monotonic() >= limit:
                raise RunError("; ".join(problems) or f"{', '.join(missing)} did not join within {JOIN_SECONDS:.0f} s")
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _missing(door: Door, wanted: int, failed: Mapping[str, str], seconds: float) -> str:
    parts = [f"{len(door.guests)} of {wanted} agents came" + ("" if failed else f" within {seconds:.0f} s")]
    if door.guests:
        parts[0] += f": {', '.join(door.guests)}"
    parts += [f"{who} was refused: {why}" for who, why in door.declined.items()]
    told = {who.partition(" ")[0] for who in door.declined}
    parts += [f"{name}: {why}" for name, why in failed.items() if name not in told]
    return "; ".join(parts)


def _own_address(guests: Iterable[Guest]) -> str:
    """By which of our addresses they came: one of the network, if any did."""
    addresses = [guest.own_address for guest in guests]
    return next((each for each in addresses if not ipaddress.ip_address(each).is_loopback), addresses[0])


def _address_of_network() -> str | None:
    """One of our addresses that others may know us by; None if there is none but loopback's.

    Our name says less: often only we know it.
    """
    up = psutil.net_if_stats()
    found = (
        address.address
        for device, addresses in psutil.net_if_addrs().items()
        for address in addresses
        if address.family == socket.AF_INET and device in up and up[device].isup
    )
    return next((each for each in found if not ipaddress.ip_address(each).is_loopback), None)


def _named(machines: list[Machine]) -> Mapping[str, Machine]:
    """By host name; by address where several have the same."""
    hosts = [machine.host for machine in machines]
    return {
        machine.agent or (machine.host if hosts.count(machine.host) == 1 else machine.address): machine
        for machine in machines
    }


def _address_towards(host: str, address: str) -> str:
    """Our own address on the way to a machine; nothing is sent for that.

    Args:
        host: as the user calls it.
        address: as ssh does.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return str(probe.getsockname()[0])
    except OSError as error:
        why = one_line(error.strerror or str(error))
        raise RunError(
            f"--hosts: there is no way to {host} ({address}: {why}); if ssh has one, --cluster-address says by which "
            "address of ours it reaches us"
        ) from None
