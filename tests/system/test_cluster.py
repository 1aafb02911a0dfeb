"""Several machines, as network namespaces: the real engine between them, nginx on one more, and what goes wrong."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support.environment import clean_environ
from tests.support.machines import Machine, machines
from tests.support.origins import vod
from tests.support.programs import NGINX_CONFIG, require, running, skip_part

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PORT = 17100


@dataclass
class Bed:
    """Three agents, a controller and an origin, each on a machine of its own.

    Args:
        agents: their processes by name.
        stream: `short`, of ten seconds, or `long`, of two minutes.
        environ: what is in the environment of a machine besides.
    """

    folder: Path
    places: dict[str, Machine]
    agents: dict[str, subprocess.Popen[bytes]]
    stream: str = "short"
    environ: Callable[[str], dict[str, str]] = lambda _: {}

    @property
    def url(self) -> str:
        return f"http://{self.places['origin'].address}:8080/{self.stream}/vod.m3u8"

    @contextmanager
    def run(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A run of the controller, ended by the test."""
        command = [sys.executable, "-m", "hls_swarm", "run", "--agents", "3", "--no-tui"]
        command += ["--cluster-token-file", str(self.folder / "token"), "--json", str(self.folder / "out.json")]
        command += ["--profile", "steady", *arguments, self.url]
        with (self.folder / "run.out").open("wb") as output:
            process = subprocess.Popen(
                self.places["controller"].command(*command),
                env=clean_environ() | self.environ("controller"),
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

    def wait_for(self, words: str, process: subprocess.Popen[bytes], seconds: float) -> float:
        """When the run has said this; a monotonic instant."""
        limit = time.monotonic() + seconds
        while words not in self.said:
            assert process.poll() is None, self.said
            assert time.monotonic() < limit, self.said
            time.sleep(0.05)
        return time.monotonic()

    @property
    def said(self) -> str:
        return (self.folder / "run.out").read_text(errors="replace")

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "out.json").read_text())
        return found

    @property
    def logged(self) -> tuple[int, int]:
        """Requests and body bytes, as the origin wrote them down."""
        lines = [line.split() for line in (self.folder / "access.log").read_text().splitlines()]
        return len(lines), sum(int(size) for *_, size, _ in lines)

    def certificate_at(self, port: int) -> str:
        """What openssl says of the controller's certificate at a port, to somebody who has one of ours too."""
        files = ["-CAfile", "ca.crt", "-cert", "a.crt", "-key", "a.key"]
        place = f"{self.places['controller'].address}:{port}"
        command = self.places["a"].command(require("openssl"), "s_client", "-connect", place, "-alpn", "h2", *files)
        done = subprocess.run(
            command, cwd=self.folder / "tls", stdin=subprocess.DEVNULL, capture_output=True, timeout=20
        )
        return (done.stdout + done.stderr).decode(errors="replace")

    def sources(self, since: float) -> set[str]:
        """From where requests came after an instant of the wall clock."""
        found = re.findall(r"^(\S+) (\S+) ", (self.folder / "sources.log").read_text(), re.MULTILINE)
        return {address for address, at in found if float(at) > since}


@pytest.fixture
def bed(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bed]:
    """With `tls` as its parameter, what the engine says between them is encrypted, and both sides show certificates."""
    if find_spec("ray") is None:
        skip_part("ray is not installed: pip install -r requirements/cluster.lock")
    nginx = require("nginx")
    before = _engine_processes()
    (tmp_path / "token").write_text("0123456789abcdef0123456789abcdef\n")
    with machines(5) as made, ExitStack() as stack:
        places = dict(zip(("origin", "controller", "a", "b", "c"), made, strict=True))
        _write_origin(tmp_path, places["origin"].address)
        stack.enter_context(
            running(places["origin"].command(nginx, "-c", str(tmp_path / "nginx.conf")), tmp_path / "nginx.out")
        )
        environ = _certificates(tmp_path / "tls", places) if getattr(request, "param", "") == "tls" else lambda _: {}
        agents = {}
        for name in ("a", "b", "c"):
            join = f"{places['controller'].address}:{PORT}"
            command = [sys.executable, "-m", "hls_swarm", "agent", "--join", join, "--name", name, "--once"]
            command += ["--token-file", str(tmp_path / "token"), "--folder", str(tmp_path)]
            variables = [f"{name}={value}" for name, value in environ(name).items()]
            command = places[name].command(require("env"), *variables, *command)
            agents[name] = stack.enter_context(running(command, tmp_path / f"{name}.out"))
        yield Bed(tmp_path, places, agents, environ=environ)
        for agent in agents.values():
            agent.wait(20)
    assert _engine_processes() <= before, "something of the engine is left"


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


def _engine_processes() -> set[int]:
    """Numbers of processes of the engine that run for this environment."""
    found = set()
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        if "hls_swarm.cluster.ray" in words or ("ray" in words and sys.prefix in words and "pytest" not in words):
            found.add(process.info["pid"])
    return found


def _write_origin(folder: Path, address: str) -> None:
    root = folder / "root"
    for stream, segments in (("short", 5), ("long", 60)):
        (root / stream).mkdir(parents=True)
        for path, (_, _, body) in vod(segments=segments).items():
            (root / stream / path.lstrip("/")).write_bytes(body)
    config = NGINX_CONFIG.format(user="user root root;", folder=folder, root=root, port=8080)
    config = config.replace("listen 127.0.0.1:8080", f"listen {address}:8080")
    config = config.replace(
        f"access_log {folder}/access.log exact;",
        f"log_format source '$remote_addr $msec $uri';\n"
        f"    access_log {folder}/access.log exact;\n    access_log {folder}/sources.log source;",
    )
    (folder / "nginx.conf").write_text(config)


def test_three_machines_count_what_the_origin_wrote_down(bed: Bed) -> None:
    # Each viewer plays ten seconds to their end, and then the run is over: nothing is cut off, however busy this is.
    with bed.run("--clients", "3000", "--ramp-rate", "300", "--no-expectations") as process:
        assert process.wait(200) in {0, 3}, bed.said  # 3: one machine carries all of them, and other tests
    summary = bed.summary
    counted = sum(summary["requests"].values()), sum(summary["body_bytes"].values())
    assert counted == bed.logged
    assert summary["viewers"]["started"] == 3000
    agents = {agent["agent"]: agent for agent in summary["generator"]["agents"]}
    assert sorted(agents) == ["a", "b", "c"]
    assert not any("lost" in agent for agent in agents.values())
    assert all(agent["clock_error_seconds"] < 0.5 for agent in agents.values())
    assert bed.sources(0.0) == {bed.places[name].address for name in "abc"}


@pytest.mark.parametrize("bed", ["tls"], indirect=True)
def test_one_that_is_killed_is_lost_and_one_that_is_cut_off_for_a_while_is_not(bed: Bed) -> None:
    bed.stream = "long"
    with bed.run("--clients", "90", "--ramp-rate", "90", "--duration", "22s") as process:
        bed.wait_for("0:01", process, 120)
        assert "Verify return code: 0 (ok)" in bed.certificate_at(PORT + 1)
        time.sleep(2)
        bed.places["c"].cut()
        killed_at = time.time()
        _kill(bed.agents["b"].pid)
        time.sleep(4)
        bed.places["c"].mend()
        assert process.wait(120) == 3, bed.said
    summary = bed.summary
    agents = {agent["agent"]: agent for agent in summary["generator"]["agents"]}
    assert {name: "lost" in agent for name, agent in agents.items()} == {"a": False, "b": True, "c": False}
    assert any(reason.startswith("agent b is lost") for reason in summary["reasons"])
    counted, (logged, _) = sum(summary["requests"].values()), bed.logged
    assert 0 <= logged - counted <= 90 * (agents["b"]["gap_seconds"] + 1)
    assert bed.places["b"].address not in bed.sources(killed_at + 5)


def _kill(pid: int) -> None:
    """An agent's machine: its process and all that it started, at once."""
    process = psutil.Process(pid)
    for each in (*process.children(recursive=True), process):
        try:
            os.kill(each.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
