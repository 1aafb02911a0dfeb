"""The engine's processes of one machine: how they are started, and how all of them are ended.

Rules:

- Every port is fixed and lies in a row, so that a firewall can be told; see `Ports`.
- The engine's own limits fit programs that compute, not a load test: its workers would run with low priority and be the
  first to be killed, and a dead machine would be known after a minute. What is set here is for us.
- All of it ends with the process that started it, however that ends, and what is left after that is ended: it is known
  by the folder that it was begun in.
"""

import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from hls_swarm.errors import RunError
from hls_swarm.foreign import cut, one_line

WORKER_PORTS = 20
OBJECT_STORE_BYTES = 80_000_000
"""The least that the engine takes; nothing of ours is stored there."""
START_SECONDS = 90.0
"""Time in which the engine must stand: it takes 5 seconds of processor time, and one that can not start says so."""
_ITS_LIMIT = "timed out during startup"
"""It says that when it has given up."""
END_SECONDS = 6.0
_LABEL = "hls-swarm-agent"
_PREFIX, _OWNER = "hls-swarm-node-", "owner"
_PR_SET_PDEATHSIG = 1
_ENGINE = (sys.executable, "-m", "ray.scripts.scripts", "start", "--block")


@dataclass(frozen=True)
class Ports:
    """What one machine listens on, in a row from `first` on.

    Args:
        first: of a controller, the one that agents come to; of an agent, free.
    """

    first: int

    @property
    def table(self) -> Mapping[str, int]:
        """By the engine's name for it."""
        names = (
            "node-manager-port",
            "object-manager-port",
            "runtime-env-agent-port",
            "metrics-export-port",
            "dashboard-agent-grpc-port",
            "dashboard-agent-listen-port",
        )
        ports = {name: self.first + 2 + nth for nth, name in enumerate(names)}
        return {**ports, "min-worker-port": self.first + 10, "max-worker-port": self.first + 9 + WORKER_PORTS}

    @property
    def control(self) -> int:
        """Of a controller: where the engine's head listens."""
        return self.first + 1

    @property
    def last(self) -> int:
        """The last of the row."""
        return self.first + 9 + WORKER_PORTS


def environment(environ: Mapping[str, str], token_file: str | None, folder: str = "") -> dict[str, str]:
    """The variables of every process of the engine, the controller's too.

    Args:
        environ: of this process.
        token_file: holds what all machines of a cluster must know; None leaves what the environment says of it.
        folder: where an agent keeps files of requests.
    """
    own = {
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_timeout_ms": "2000",
        "RAY_health_check_failure_threshold": "3",
        "RAY_worker_niceness": "0",
        "RAY_worker_oom_score_adjustment": "0",
        "RAY_memory_monitor_refresh_ms": "0",
        "RAY_raylet_liveness_self_check_interval_ms": "5000",
        "RAY_task_events_report_interval_ms": "0",
        # What a node does ten times a second for programs that come and go: half of what it costs while nothing does.
        "RAY_raylet_report_resources_period_milliseconds": "1000",
        "RAY_raylet_check_gc_period_milliseconds": "2000",
        "RAY_kill_idle_workers_interval_ms": "5000",
        "RAY_object_manager_timer_freq_ms": "1000",
        "RAY_local_fs_monitor_interval_ms": "10000",
        # And what it asks and tells others once a second of work that there is none of.
        "RAY_gcs_pull_resource_loads_period_milliseconds": "10000",
        "RAY_report_worker_backlog_interval_ms": "10000",
        "RAY_free_objects_period_milliseconds": "10000",
        "RAY_debug_dump_period_milliseconds": "0",
        "RAY_event_stats": "0",
        # Threads, each of which wakes up some times a second: by default the more of them, the more cores there are.
        "RAY_num_server_call_thread": "1",
        "RAY_core_worker_num_server_call_thread": "1",
        "RAY_object_manager_rpc_threads_num": "1",
        "RAY_num_grpc_internal_threads": "1",
        "RAY_worker_num_grpc_internal_threads": "1",
        "RAY_enable_metrics_collection": "0",
        "RAY_prestart_worker_first_driver": "0",
        "RAY_enable_worker_prestart": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DEDUP_LOGS": "0",
        "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # a rest that was called off is none that somebody must hear of
        "PYTHONWARNINGS": "ignore",
    }
    if token_file is not None:
        own |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": token_file}
    if folder:
        own["HLS_SWARM_AGENT_FOLDER"] = folder
    return {**environ, **own}


def head_command(address: str, ports: Ports, folder: str) -> list[str]:
    """The engine on the controller's machine, which carries no load."""
    return [
        *_ENGINE,
        "--head",
        f"--port={ports.control}",
        "--include-dashboard=false",
        "--no-monitor",
        *_common(address, ports, folder),
    ]


def agent_command(controller: str, address: str, name: str, ports: Ports, folder: str) -> list[str]:
    """The engine on a load machine.

    Args:
        controller: host and port of the head.
        address: this machine's, by which others reach it.
        name: under which the controller knows it.
    """
    return [*_ENGINE, f"--address={controller}", f"--labels={_LABEL}={name}", *_common(address, ports, folder)]


def agent_of_labels(labels: Mapping[str, str]) -> str | None:
    """The name that a machine was started under; None of one that we did not start."""
    return labels.get(_LABEL)


def _common(address: str, ports: Ports, folder: str) -> list[str]:
    return [
        f"--node-ip-address={address}",
        f"--temp-dir={folder}",
        "--num-cpus=0",
        "--num-gpus=0",
        f"--object-store-memory={OBJECT_STORE_BYTES}",
        "--include-log-monitor=false",
        "--disable-usage-stats",
        *(f"--{name}={port}" for name, port in ports.table.items()),
    ]


def last_words(lines: Iterable[str]) -> str:
    """The end of what the engine said, for an error: of a traceback, whose frames are indented, its last line alone."""
    kept = (line for line in lines if not line[:1].isspace() and not line.startswith("Traceback "))
    return one_line(" ".join(kept))[-500:]


class NodeProcess:
    """The engine of this machine, from its start to its end.

    Attributes:
        folder: where it keeps what it needs; gone with it.
    """

    def __init__(self) -> None:
        remove_leftovers(Path(tempfile.gettempdir()))
        self.folder = tempfile.mkdtemp(prefix=_PREFIX)
        (Path(self.folder) / _OWNER).write_text(_owner(psutil.Process()))
        self._process: subprocess.Popen[bytes] | None = None
        self._words: deque[str] = deque(maxlen=12)
        self._reader: asyncio.Task[None] | None = None
        self._stands = asyncio.Event()

    async def start(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start it, and wait until it stands.

        Its own limit for that, which is fixed, is 30 seconds: on a machine that is busy it is started again.

        Raises:
            RunError: it does not.
        """
        limit = time.monotonic() + START_SECONDS
        while not await self._stands_after(command, environ, limit - time.monotonic()):
            words = self.words
            await self._end_processes()
            if _ITS_LIMIT not in words or time.monotonic() >= limit:
                raise RunError(f"the cluster's engine did not start on this machine: {words or 'it said nothing'}")

    async def _stands_after(self, command: Sequence[str], environ: Mapping[str, str], seconds: float) -> bool:
        """Start it; whether it stands before it has ended and within this time."""
        self._words.clear()
        self._process = _spawn(command, environ, self.folder)
        self._reader = asyncio.get_running_loop().create_task(self._read())
        waiting = asyncio.get_running_loop().create_task(self._stands.wait())
        await asyncio.wait([self._reader, waiting], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return self._stands.is_set()

    @property
    def words(self) -> str:
        """The last that it said, for an error."""
        return last_words(self._words)

    async def ended(self) -> None:
        """Until it is over by itself."""
        if self._reader is not None:
            await asyncio.wait([self._reader])

    async def end(self) -> None:
        """End all of it; takes `END_SECONDS` at most."""
        await self._end_processes()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _end_processes(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                limit = time.monotonic() + END_SECONDS / 2
                while process.poll() is None and time.monotonic() < limit:  # noqa: ASYNC110 - no event tells its end
                    await asyncio.sleep(0.02)
            if process.poll() is None:
                process.kill()
            process.wait()
            await asyncio.to_thread(_end_all_in, self.folder)
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader], timeout=1.0)

    async def _read(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        output = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), process.stdout)
        try:
            while line := await output.readline():
                text = cut(line.decode(errors="replace").rstrip(), 300)
                if text.strip("-= "):
                    self._words.append(text)
                if "Ray runtime started" in text:
                    self._stands.set()
        finally:
            transport.close()


def remove_leftovers(folder: Path) -> None:
    """Remove what processes of ours left that were killed: the token is in it. What others own is not touched."""
    for left in folder.glob(f"{_PREFIX}*"):
        try:
            number, _ = (owner := (left / _OWNER).read_text()).split()
            alive = psutil.pid_exists(int(number)) and _owner(psutil.Process(int(number))) == owner
        except (OSError, ValueError, psutil.Error):
            continue
        if not alive:
            shutil.rmtree(left, ignore_errors=True)


def _owner(process: psutil.Process) -> str:
    return f"{process.pid} {process.create_time():.2f}"


def _spawn(command: Sequence[str], environ: Mapping[str, str], folder: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=_end_with_parent,
        process_group=0,  # a Ctrl-C in the terminal is the program's to handle
        cwd=folder,
    )


def _end_all_in(folder: str) -> None:
    """End those that are left: each was begun in this folder, which nobody else has.

    Whose children they are says less: a node that ended by itself, as one does that is cut off, leaves its helpers to
    nobody.
    """
    place = os.path.realpath(folder)
    own = [process for process in psutil.process_iter() if _place_of(process) == place]
    _, left = psutil.wait_procs(own, timeout=1.0)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=1.0)


def _place_of(process: psutil.Process) -> str:
    try:
        return str(process.cwd())
    except (psutil.Error, OSError):  # somebody else's, or one that has just ended
        return ""


def _end_with_parent() -> None:
    """The kernel ends this process when the one that started it has ended, however it did."""
    if Path("/proc/self").exists():
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
