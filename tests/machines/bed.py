"""Agents, a controller and an origin, each on a machine of its own: network namespaces, nginx, the real engine."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
from tests.support.environment import clean_environ
from tests.support.networks.machines import Machine, machines
from tests.support.origins import vod
from tests.support.programs import NGINX_CONFIG, require, running, skip_part

PORT = 17100
LAST_SECONDS = 20.0
"""Time in which processes of the engine end whose controller was killed: they are told so, and take leave."""
TOKEN = "0123456789abcdef0123456789abcdef"
_METHODS = (
    "NodeInfoGcsService/GetAllNodeInfo",
    "NodeManagerService/GetNodeStats",
    "ObjectManagerService/Pull",
    "CoreWorkerService/PushTask",
)
"""One of each server of the engine."""
Listening = tuple[str, int]
"""Where a machine listens: `all` or an address, and a port."""


@dataclass
class Bed:
    """All of it.

    Args:
        places: machines by name: `origin`, `controller`, and those of agents.
        agents: their processes by name.
        stream: `short`, of ten seconds, or `long`, of two minutes.
        environ: what is in the environment of a machine besides.
        runs: that there were.
    """

    folder: Path
    places: Mapping[str, Machine]
    stack: ExitStack
    agents: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    stream: str = "short"
    environ: Callable[[str], dict[str, str]] = lambda _: {}
    runs: int = 0

    @property
    def run_folder(self) -> Path:
        """Of the newest run."""
        return self.folder / f"run{self.runs}"

    @property
    def url(self) -> str:
        return f"http://{self.places['origin'].address}:8080/{self.stream}/vod.m3u8"

    def start_agent(
        self,
        place: str,
        name: str = "",
        *,
        token: str = TOKEN,
        disk_megabytes: int = 0,
        version: str = "",
        arguments: Sequence[str] = (),
    ) -> subprocess.Popen[bytes]:
        """An agent on a machine; what it says is in a file of its name.

        Args:
            name: under which it comes; by default that of its machine.
            disk_megabytes: of a file system of its own, which holds what it writes; 0: that of all.
            version: that it takes itself for; by default its own.
        """
        name = name or place
        token_file = self.folder / f"{name}.token"
        token_file.write_text(f"{token}\n")
        disk = self.folder / f"{name}.disk"
        disk.mkdir()
        command = [*self.agent_command(name, str(token_file), version), "--folder", str(disk), *arguments]
        if disk_megabytes:
            own = f'mount -t tmpfs -o size={disk_megabytes}m none "$0" && exec "$@"'
            command = [require("unshare"), "--mount", "sh", "-c", own, str(disk), *command]
        variables = [f"{key}={value}" for key, value in self.environ(place).items()]
        command = self.places[place].command(require("env"), *variables, *command)
        process = self.stack.enter_context(running(command, self.folder / f"{name}.out"))
        self.agents[name] = process
        return process

    def agent_command(self, name: str, token_file: str, version: str = "") -> list[str]:
        """An agent for one run."""
        start = "import sys, hls_swarm\nhls_swarm.__version__ = sys.argv.pop(1)\n"
        start += "from hls_swarm.cli import main\nsys.exit(main())"
        module = ("-c", start, version) if version else ("-m", "hls_swarm")
        join = f"{self.places['controller'].address}:{PORT}"
        return [sys.executable, *module, "agent", "--once", "--join", join, "--name", name, "--token-file", token_file]

    def disk_of(self, name: str) -> Path:
        """The file system of an agent, as it sees it."""
        return Path(f"/proc/{self.agents[name].pid}/root{self.folder / f'{name}.disk'}")

    @contextmanager
    def run(self, *arguments: str, agents: int = 3) -> Iterator[subprocess.Popen[bytes]]:
        """A run of the controller, ended by the test; without agents one of that machine alone."""
        command = [sys.executable, "-m", "hls_swarm", "run", "--no-tui", "--json", str(self.folder / "out.json")]
        if agents:
            command += ["--agents", str(agents), "--cluster-token-file", str(self.folder / "token")]
        self.runs += 1
        command += ["--output", str(self.run_folder), "--profile", "steady", *arguments, self.url]
        (self.folder / "token").write_text(f"{TOKEN}\n")
        with (self.folder / "run.out").open("wb") as output:
            process = subprocess.Popen(
                self.places["controller"].command(*command),
                env=clean_environ() | {"HLS_SWARM_NO_OUTPUT": "false"} | self.environ("controller"),
                cwd=self.folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()

    @contextmanager
    def run_alone(self, place: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A run of that machine alone, ended by the test; its summary is `summary_alone`."""
        command = [sys.executable, "-m", "hls_swarm", "run", "--no-tui", "--json", str(self.folder / "alone.json")]
        command += ["--profile", "steady", *arguments, self.url]
        with running(self.places[place].command(*command), self.folder / "alone.out") as process:
            yield process

    @property
    def summary_alone(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "alone.json").read_text())
        return found

    def wait_for(self, words: str, process: subprocess.Popen[bytes], seconds: float = 200.0) -> None:
        """Until the run has said this."""
        limit = time.monotonic() + seconds
        while words not in self.said:
            if process.poll() is not None or time.monotonic() > limit:
                raise AssertionError(f"it did not say {words!r}:\n{self.said}\n{self.said_by_agents}")
            time.sleep(0.05)

    @property
    def said(self) -> str:
        return (self.folder / "run.out").read_text(errors="replace")

    @property
    def said_by_agents(self) -> str:
        return "".join((self.folder / f"{name}.out").read_text(errors="replace") for name in self.agents)

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "out.json").read_text())
        return found

    def events(self, agent: str) -> Sequence[tuple[str, float]]:
        """What became of an agent and when that was known (Unix seconds)."""
        lines = (self.run_folder / "events.jsonl").read_text().splitlines()
        told = [event for event in map(json.loads, lines) if event.get("details", {}).get("agent") == agent]
        return [(event["details"]["condition"], event["time"]) for event in told]

    def warned_at(self, words: str) -> float:
        """When the controller's log said this (Unix seconds)."""
        lines = (self.run_folder / "log.jsonl").read_text().splitlines()
        told = [each["time"] for each in map(json.loads, lines) if words in each["text"]]
        return datetime.fromisoformat(told[0]).timestamp() if told else float("inf")

    @property
    def logged(self) -> tuple[int, int]:
        """Requests and body bytes, as the origin wrote them down."""
        return self.logged_of(*self.places)

    def logged_of(self, *places: str) -> tuple[int, int]:
        """Those of some machines."""
        addresses = {self.places[place].address for place in places}
        lines = [line.split() for line in (self.folder / "access.log").read_text().splitlines()]
        sizes = [int(size) for source, _, _, size in lines if source in addresses]
        return len(sizes), sum(sizes)

    def requests(self, place: str, part: str = "") -> Sequence[float]:
        """When the origin had answered each request of a machine (Unix seconds), of those with this in their path."""
        address = self.places[place].address
        found = re.findall(r"^(\S+) (\S+) (\S+)", (self.folder / "access.log").read_text(), re.MULTILINE)
        return [float(at) for source, at, path in found if source == address and part in path]

    def listening(self, place: str) -> set[Listening]:
        """Where anybody listens on a machine, beside what only it can reach."""
        command = self.places[place].command(require("ss"), "-Hltn")
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        found = {(host, int(port)) for host, _, port in (line.split()[3].rpartition(":") for line in lines)}
        return {
            ("all" if host in {"*", "0.0.0.0", "[::]"} else host, port) for host, port in found if "127." not in host
        }

    def answer_without_token(self, place: str, port: int) -> str:
        """What somebody without the token is told who asks the engine something at a port of a machine.

        Each of its servers is asked for something that it has; others do not know that, which says no more.
        """
        address, empty = self.places[place].address, self.folder / "empty"
        empty.write_bytes(bytes(5))
        curl = [
            require("curl"),
            "-s",
            "-m",
            "5",
            "-X",
            "POST",
            "--data-binary",
            f"@{empty}",
            "-D",
            "-",
            "-o",
            "/dev/null",
        ]
        grpc = ["--http2-prior-knowledge", "-H", "content-type: application/grpc", "-H", "te: trailers"]
        told = ""
        for method in _METHODS:
            url = f"http://{address}:{port}/ray.rpc.{method}"
            done = subprocess.run(
                self.places["one"].command(*curl, *grpc, url), capture_output=True, text=True, check=False
            )
            told += done.stdout
        helper = self.places["one"].command(*curl, f"http://{address}:{port}/get_or_create_runtime_env")
        return told + subprocess.run(helper, capture_output=True, text=True, check=False).stdout

    def forbid(self, place: str, rules: Sequence[Sequence[str]]) -> None:
        """Rules of a firewall on a machine."""
        for rule in rules:
            subprocess.run(self.places[place].command(require("iptables"), *rule), check=True, capture_output=True)

    def processes(self, name: str) -> list[psutil.Process]:
        """An agent and all that it started."""
        process = psutil.Process(self.agents[name].pid)
        return [*process.children(recursive=True), process]

    def certificate_at(self, port: int) -> str:
        """What openssl says of the controller's certificate at a port, to somebody who has one of ours too."""
        files = ["-CAfile", "ca.crt", "-cert", "a.crt", "-key", "a.key"]
        place = f"{self.places['controller'].address}:{port}"
        command = self.places["a"].command(require("openssl"), "s_client", "-connect", place, "-alpn", "h2", *files)
        done = subprocess.run(
            command, cwd=self.folder / "tls", stdin=subprocess.DEVNULL, capture_output=True, timeout=20
        )
        return (done.stdout + done.stderr).decode(errors="replace")


@contextmanager
def bed(folder: Path, agents: Sequence[str] = ("a", "b", "c"), *, tls: bool = False) -> Iterator[Bed]:
    """Machines, and an origin that serves; agents are to be started. Skipped by name where it can not be made.

    Args:
        agents: names of their machines.
        tls: whether what the engine says between them is encrypted, and both sides show certificates.
    """
    if find_spec("ray") is None:
        skip_part("ray is not installed: pip install -r requirements/cluster.lock")
    nginx = require("nginx")
    folder.chmod(0o755)
    with machines(2 + len(agents)) as made, ExitStack() as stack:
        places = dict(zip(("origin", "controller", *agents), made, strict=True))
        _write_origin(folder, places["origin"].address)
        origin = places["origin"].command(nginx, "-c", str(folder / "nginx.conf"))
        stack.enter_context(running(origin, folder / "nginx.out"))
        environ = _certificates(folder / "tls", places) if tls else lambda _: {}
        found = Bed(folder, places, stack, environ=environ)
        yield found
        for agent in found.agents.values():
            with suppress(subprocess.TimeoutExpired):
                agent.wait(20)
        limit = time.monotonic() + LAST_SECONDS
        while left := [command for place in ("controller", *agents) for command in places[place].processes()]:
            if time.monotonic() > limit:
                break
            time.sleep(0.05)
    if left:
        raise AssertionError(f"something is left: {left}")


def send(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """A signal to all of them at once."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _certificates(folder: Path, places: Mapping[str, Machine]) -> Callable[[str], dict[str, str]]:
    """An authority, and a certificate of it for each machine; gives what the engine must be told of a machine."""
    folder.mkdir()

    def openssl(*words: str) -> None:
        subprocess.run([require("openssl"), *words], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=ca")
    for name, place in places.items():
        openssl("req", *new, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / f"{name}.ext").write_text(f"subjectAltName=IP:{place.address},IP:127.0.0.1\n")
        sign = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *sign)
    return lambda name: {
        "RAY_USE_TLS": "1",
        "RAY_TLS_SERVER_CERT": str(folder / f"{name}.crt"),
        "RAY_TLS_SERVER_KEY": str(folder / f"{name}.key"),
        "RAY_TLS_CA_CERT": str(folder / "ca.crt"),
    }


def _write_origin(folder: Path, address: str) -> None:
    root = folder / "root"
    for stream, segments in (("short", 5), ("long", 60)):
        (root / stream).mkdir(parents=True)
        for path, (_, _, body) in vod(segments=segments).items():
            (root / stream / path.lstrip("/")).write_bytes(body)
    config = NGINX_CONFIG.format(user="user root root;", folder=folder, root=root, port=8080)
    config = config.replace("listen 127.0.0.1:8080", f"listen {address}:8080")
    config = config.replace(
        "log_format exact '$request_method $uri $status $body_bytes_sent $request_time';",
        "log_format exact '$remote_addr $msec $uri $body_bytes_sent';",
    )
    (folder / "nginx.conf").write_text(config)
