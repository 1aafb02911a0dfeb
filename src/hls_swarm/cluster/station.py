"""An agent on a load machine: answers what the controller says with what the workers of this machine do.

It knows nothing of how it is reached: whoever carries messages here hands each to `answer` and carries the answer back.

Rules:

- Whatever goes wrong is an answer (`Refused`), so that it reaches the person who started the run.
- The tallies of all workers are merged here: the controller merges one for each machine.
- If nobody asks any more, the workers' leases end the load without this process doing anything.
"""

import os
import platform
import shutil
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import msgspec

from hls_swarm import __version__
from hls_swarm.cluster.agent import HostNews, Part
from hls_swarm.cluster.agent_messages import (
    Adopt,
    Apply,
    Ask,
    Begin,
    Begun,
    Done,
    End,
    Facts,
    Fetch,
    Forget,
    FromAgent,
    Look,
    Piece,
    Reading,
    Refused,
    Replace,
    Report,
    Room,
    Size,
    Time,
    ToAgent,
    pack,
    pack_report,
    to_agent,
)
from hls_swarm.cluster.local import LocalAgent
from hls_swarm.engine.ffmpeg.fleet import check_machine, checked_binary, descriptors_for_processes
from hls_swarm.engine.ffmpeg.mix import has_ffmpeg
from hls_swarm.engine.host.facts import foreign, public_addresses, raise_descriptor_limit, read_facts
from hls_swarm.engine.host.machine import MachineMeter, device_towards
from hls_swarm.engine.host.preflight import Severity, address_of_load, findings, most_viewers, needs_of
from hls_swarm.engine.native.options import check_clients
from hls_swarm.engine.worker_messages import News
from hls_swarm.errors import SwarmError, told
from hls_swarm.settings.network import parse_source_addresses
from hls_swarm.settings.run import Settings
from hls_swarm.snapshot.agents import MachineUse
from hls_swarm.snapshot.snapshot import WORST_VIEWERS, badness
from hls_swarm.snapshot.workers import WorkerHealth
from hls_swarm.stats.histogram import Histogram
from hls_swarm.stats.tally import Tally

PIECE_BYTES = 64 << 10
"""Of a file that is fetched: small enough to go the way of all messages."""
MOST_SOURCES = 4096
"""Addresses to connect from that a machine looks for among those of all."""
LEAST_DISK_BYTES = 100_000_000
"""Free room without which a machine is refused that is to write down its requests."""


class Station:
    """The agent of this machine, for one run.

    Args:
        folder: where files of requests are written until they are fetched.
        engine: what carries the messages, and its version.
        new_agent: makes what runs the workers.
    """

    def __init__(
        self, folder: Path, engine: str = "", new_agent: Callable[[int, Part], LocalAgent] = LocalAgent
    ) -> None:
        self._folder, self._engine, self._new_agent = folder, engine, new_agent
        self._agent: LocalAgent | None = None
        self._run = ""
        self._meter = MachineMeter()

    async def answer(self, body: bytes) -> bytes:
        """The answer to one message; raises nothing that a message can cause."""
        try:
            answer = await self._answer(to_agent(body))
        except SwarmError as error:
            answer = Refused(str(error))
        except ValueError as error:
            answer = Refused(f"{error} (hls-swarm {__version__} runs here)")
        except Exception as error:  # noqa: BLE001 - whoever asked can mend it, or report it
            answer = Refused(told(error))
        return pack_report(answer) if isinstance(answer, Report) else pack(answer)

    async def _answer(self, message: ToAgent) -> FromAgent:
        match message:
            case Look():
                return facts(self._engine, self._run)
            case Time():
                return Reading(time.perf_counter(), time.time())
            case Size(settings=settings, workers=workers):
                return _room(_with_own_sources(settings), workers)
            case Begin():
                return await self._begin(message)
            case Fetch(name=name, offset=offset):
                return self._piece(name, offset)
            case Forget():
                shutil.rmtree(self._requests, ignore_errors=True)
                return Done()
            case _:
                pass
        agent = self._agent
        if agent is None:
            return Refused("no viewers were started here")
        match message:
            case Apply(at=at, change=change, per_second=per_second):
                await agent.apply(at, change, per_second)
            case Adopt(at=at, shares=shares, seconds=seconds):
                agent.adopt(at, shares, seconds)
            case Replace():
                await agent.replace_stalled()
            case Ask(lease_seconds=lease):
                return self._report(await agent.poll(lease))
            case End(drain_seconds=drain, final_seconds=final):
                news = await agent.stop(drain, final)
                self._agent, self._run = None, ""
                return self._report(news)
        return Done()

    async def _begin(self, begin: Begin) -> FromAgent:
        if self._agent is not None:
            return Refused(f"it carries the run on {self._run} already")
        settings, workers = _with_own_sources(begin.settings), len(begin.shares)
        check_clients(settings)
        needs = needs_of(settings if begin.most is None else replace(settings, clients=begin.most), workers)
        viewers = sum(share.count(needs.viewers) for share in begin.shares)
        part = viewers / max(1, needs.viewers)
        needs = replace(needs, viewers=viewers, starts_per_second=needs.starts_per_second * part if part else 0.0)
        if has_ffmpeg(settings):
            await checked_binary(settings)
            check_machine(settings, needs.viewers)
        raise_descriptor_limit(needs.descriptors + descriptors_for_processes(settings, needs.viewers, workers))
        sources = parse_source_addresses(settings.source_address)
        found = findings(needs, read_facts(sources, handshakes=needs.handshakes_matter))
        refused = [finding.text for finding in found if finding.severity is Severity.REFUSES]
        if settings.record_requests:
            settings = replace(settings, output=str(self._requests.parent))
            refused += self._no_room()
        if refused:
            return Refused("; ".join(refused))
        agent = self._new_agent(workers, Part(begin.first, begin.shares, begin.lists))
        address = address_of_load(settings)
        self._meter = MachineMeter(None if address is None else device_towards(address))
        try:
            host = await agent.hello(settings, lambda: None)
        except BaseException:
            agent.kill()
            await agent.stop(0.0)
            raise
        self._agent, self._run = agent, settings.without_secrets().url
        return Begun(tuple(finding.text for finding in found), host.descriptors)

    def _no_room(self) -> list[str]:
        """Why files of requests can not be written here, in words."""
        folder = self._requests.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(folder).free
        except OSError as error:
            return [f"--record-requests: {folder} can not be made: {error.strerror}"]
        if free >= LEAST_DISK_BYTES:
            return []
        return [f"--record-requests: {free / 1e6:,.0f} MB are free in {folder}: make room, or name another --folder"]

    @property
    def _requests(self) -> Path:
        return self._folder / f"hls-swarm-agent-{os.getpid()}" / "requests"

    def _piece(self, name: str, offset: int) -> FromAgent:
        folder = self._requests
        files = {file.name: file.stat().st_size for file in sorted(folder.glob("*"))} if folder.is_dir() else {}
        if not name:
            return Piece(files=files)
        if name not in files:
            return Refused(f"there is no file {name}")
        with (folder / name).open("rb") as file:
            file.seek(offset)
            return Piece(data=file.read(PIECE_BYTES))

    def _report(self, news: HostNews) -> Report:
        machine = self._meter.read(time.perf_counter())
        use = MachineUse()
        if machine is not None:
            use = MachineUse(machine.cpu_percent, machine.link_percent, machine.received_bytes_per_second)
        number = sum(one.number for one in news.news.values()) + len(news.lost) + len(news.silent)
        return Report(number, merged(news), dict(news.lost), dict(news.silent), use)


def merged(news: HostNews) -> News | None:
    """The news of all workers of a machine as one; None if none has said anything."""
    if not news.news:
        return None
    tally = Tally()
    for one in news.news.values():
        tally.merge(one.tally)
    worst = chain.from_iterable(one.worst for number, one in news.news.items() if number not in news.lost)
    return News(
        number=sum(one.number for one in news.news.values()),
        at=max(one.at for one in news.news.values()),
        tally=tally,
        health=_with_one_lag([health for one in news.news.values() for health in one.health]),
        idle=news.idle,
        final=all(one.final for one in news.news.values()),
        worst=tuple(sorted(worst, key=badness)[:WORST_VIEWERS]),
        sessions=tuple(session for one in news.news.values() for session in one.sessions),
    )


def _room(settings: Settings, workers: int) -> Room:
    return Room(most_viewers(settings, workers, read_facts(parse_source_addresses(settings.source_address)), 1))


def _with_own_sources(settings: Settings) -> Settings:
    """The settings with those of the addresses to connect from that are this machine's.

    One list serves all machines; where none of it is this machine's it stays, and its own preflight refuses it.
    """
    pool = parse_source_addresses(settings.source_address)
    named = [address for nth in range(min(pool.count, MOST_SOURCES)) if (address := pool.address_of(nth)) is not None]
    others = set(foreign(named))
    own = tuple(address for address in named if address not in others)
    return replace(settings, source_address=own) if own and others else settings


def _with_one_lag(healths: Sequence[WorkerHealth]) -> tuple[WorkerHealth, ...]:
    """The lag of all event loops in the first of them: nobody looks at that of one, and each would be sent."""
    lag = Histogram()
    for health in healths:
        lag.merge(health.loop_lag)
    return tuple(
        msgspec.structs.replace(health, loop_lag=lag if nth == 0 else Histogram()) for nth, health in enumerate(healths)
    )


def facts(engine: str = "", busy: str = "") -> Facts:
    """What this machine is."""
    limits = read_facts(parse_source_addresses(()))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Facts(
        name=socket.gethostname(),
        version=__version__,
        python=platform.python_version(),
        engine=engine,
        system=f"{platform.system()} {platform.release()}",
        cores=cores,
        descriptors=limits.descriptors_hard,
        memory_bytes=limits.memory_available_bytes,
        wall_at=time.time(),
        busy=busy,
        public=public_addresses(),
    )
