"""More viewers than this machine has local ports, in a network of the test's own: what the run says, and what helps."""

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.environment import clean_environ
from tests.support.networks.namespaces import NetworkNamespace, network_namespace
from tests.support.programs import running
from tests.support.soundness import assert_sound

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

FIRST_PORT, PORTS = 20_000, 50
ORIGIN = "127.0.0.1:17080"
STREAM = f"http://{ORIGIN}/live/master.m3u8"
STREAM_BY_NAME = "http://localhost:17080/live/master.m3u8"
TOO_FEW = (
    "too few local ports: up to {connections} connections to one address, and 50 ports for them "
    "(net.ipv4.ip_local_port_range); name {addresses} local addresses with --source-address, or widen the range "
    "(sysctl -w net.ipv4.ip_local_port_range='1024 65535')"
)
HOLD_PORTS = f"""
import contextlib, socket, sys
with contextlib.ExitStack() as held:
    for port in range({FIRST_PORT}, {FIRST_PORT} + int(sys.argv[1])):
        held.enter_context(socket.socket()).bind(("127.0.0.1", port))
    print("held", flush=True)
    sys.stdin.read()
"""
"""Another program of the machine, with ports of its own until its standard input ends."""


@dataclass(frozen=True)
class Run:
    """One run of the command.

    Args:
        printed: on standard error.
        summary: None if it was refused.
    """

    code: int
    printed: str
    summary: dict[str, Any] | None

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.printed.splitlines() if line.startswith("hls-swarm: warning: ")]


@dataclass(frozen=True)
class Machine:
    """A machine with 50 local ports, an origin that listens on one more, and nothing else."""

    namespace: NetworkNamespace
    access_log: Path

    def run(self, url: str, *flags: str) -> Run:
        """Load it as a user would, with two workers; all viewers have started long before its end."""
        command = [sys.executable, "-m", "hls_swarm", "--workers", "2", "--ramp-rate", "200", "--duration", "6s"]
        command = self.namespace.command(*command, "--json", "-", *flags, url)
        done = subprocess.run(command, capture_output=True, text=True, timeout=70, check=False, env=clean_environ())
        return Run(done.returncode, done.stderr, json.loads(done.stdout) if done.stdout else None)

    @contextmanager
    def ports_of_another_program(self, count: int) -> Iterator[None]:
        command = self.namespace.command(sys.executable, "-c", HOLD_PORTS, str(count))
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            try:
                assert holder.stdout.readline() == b"held\n"
                yield
            finally:
                holder.stdin.close()

    def requests_by_address(self) -> Counter[str]:
        """How many requests the origin saw, by the address that they came from, once it has stopped."""
        return Counter(line.split(" ", 1)[0] for line in self.access_log.read_text().splitlines())


@contextmanager
def small_machine(folder: Path) -> Iterator[Machine]:
    access_log, said = folder / "access.log", folder / "origin.out"
    with network_namespace(FIRST_PORT, FIRST_PORT + PORTS - 1) as namespace:
        origin = [sys.executable, "-m", "hls_swarm", "origin", "--port", "17080", "--access-log", str(access_log)]
        with running(namespace.command(*origin), said) as process:
            deadline = time.monotonic() + 40
            while STREAM not in said.read_text():
                assert process.poll() is None, said.read_text()
                assert time.monotonic() < deadline, said.read_text()
                time.sleep(0.02)
            yield Machine(namespace, access_log)


def test_fewer_ports_than_viewers_towards_an_address_refuse_the_run(tmp_path: Path) -> None:
    with small_machine(tmp_path) as machine:
        run = machine.run(STREAM, "--clients", "80")
    assert (run.code, run.summary) == (1, None)
    assert run.printed == f"hls-swarm: {TOO_FEW.format(connections=160, addresses=4)}\n"
    assert machine.requests_by_address() == {}


def test_source_addresses_bring_ports_of_their_own(tmp_path: Path) -> None:
    with small_machine(tmp_path) as machine:
        run = machine.run(STREAM, "--clients", "80", "--source-address", "127.0.0.1-127.0.0.4")
    assert run.summary is not None, run.printed
    passed = assert_sound(run.code, run.printed)
    assert run.warnings == []
    assert run.summary["viewers"] == {
        "target": 80, "started": 80, "peak": 80, "played": 80, "ended": 0, "failed": 0,
        "left": 0, "unplayed": 0,
    }  # fmt: skip
    assert run.summary["errors"] == []
    assert not (run.summary["generator"]["saturated"] and passed)
    seen = machine.requests_by_address()
    assert set(seen) == {"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"}
    assert sum(seen.values()) == sum(run.summary["requests"].values())


@pytest.mark.parametrize(
    ("url", "viewers", "taken", "connections", "addresses"),
    [
        pytest.param(STREAM_BY_NAME, 80, 0, 160, 4, id="a name may have more addresses"),
        pytest.param(STREAM, 40, 30, 80, 2, id="another program has ports"),
        pytest.param(STREAM, 40, 50, 80, 2, id="another program has all ports"),
    ],
)
def test_a_run_that_runs_out_of_ports_is_invalid(
    url: str, viewers: int, taken: int, connections: int, addresses: int, tmp_path: Path
) -> None:
    with small_machine(tmp_path) as machine, machine.ports_of_another_program(taken):
        run = machine.run(url, "--clients", str(viewers))
    summary = run.summary
    assert summary is not None, run.printed
    assert run.warnings == [f"hls-swarm: warning: {TOO_FEW.format(connections=connections, addresses=addresses)}"]
    assert (run.code, summary["exit_code"], summary["verdict"]) == (3, 3, "invalid")

    left = PORTS - taken
    failed = summary["viewers"]["failed"]
    assert viewers - left <= failed  # a viewer that had two ports for a moment may have cost another one its only one
    assert summary["viewers"]["started"] == viewers
    assert summary["viewers"]["played"] == viewers - failed
    assert (failed < viewers) is (left > 0)

    assert {(error["kind"], error["blame"]) for error in summary["errors"]} == {("ports", "generator")}
    assert {error["detail"] for error in summary["errors"]} == {f"no local port left to connect to {ORIGIN}"}
    count = sum(error["count"] for error in summary["errors"])
    assert count >= failed
    assert summary["generator"]["void_share"] > 0.1
    words, remedy = "requests failed for want of a local port: ", "name more addresses with --source-address, or widen"
    assert any(text.startswith(words) for text in summary["generator"]["trouble"])
    assert any(text.startswith(words) and remedy in text for text in summary["reasons"])
    (told,) = (line for line in run.printed.splitlines() if line.startswith("hls-swarm: invalid: "))
    assert words in told
    assert sum(machine.requests_by_address().values()) == sum(summary["requests"].values())
