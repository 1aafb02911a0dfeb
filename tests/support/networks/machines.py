"""Machines of a test's own: network namespaces on one bridge, each with an address, links that can be cut.

They are made with `unshare` and `ip` as root, have no names, and are gone with the processes that hold them.
"""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import require, skip_part

_NETWORK = "10.99.0"


@dataclass(frozen=True)
class Machine:
    """One of them.

    Args:
        address: on the network that they share.
        holder: number of the process that holds it.
    """

    address: str
    holder: int

    def command(self, *command: str) -> list[str]:
        """The same command, there."""
        return [require("nsenter"), "--net", "--target", str(self.holder), *command]

    def processes(self) -> list[str]:
        """Command lines of all that runs there, beside what holds it."""
        own, found = Path(f"/proc/{self.holder}/ns/net").readlink(), []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # one that has ended
                if folder.name != str(self.holder) and (folder / "ns/net").readlink() == own:
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def have(self, address: str) -> None:
        """One address more, which nobody else has a way to."""
        self._ip("addr", "add", f"{address}/32", "dev", "eth0")

    def cut(self) -> None:
        """Take its link down: nothing comes or goes, and nobody is told."""
        self._ip("link", "set", "eth0", "down")

    def mend(self) -> None:
        """Bring it up again."""
        self._ip("link", "set", "eth0", "up")

    def lose_way_to(self, other: "Machine") -> None:
        """Drop what it sends to one of the others, while all else goes on."""
        self._ip("route", "add", "blackhole", f"{other.address}/32")

    def find_way_to(self, other: "Machine") -> None:
        """Send it again."""
        self._ip("route", "del", "blackhole", f"{other.address}/32")

    def _ip(self, *words: str) -> None:
        subprocess.run(self.command(require("ip"), *words), check=True, capture_output=True)


@contextmanager
def machines(number: int) -> Iterator[Sequence[Machine]]:
    """So many machines on one network. Skipped by name where none can be made; where CI=true it fails."""
    if os.geteuid() != 0:
        skip_part("machines of network namespaces need root")
    ip = require("ip")
    with ExitStack() as stack:
        bridge = stack.enter_context(_held())
        enter = [require("nsenter"), "--net", "--target", str(bridge)]
        _run([*enter, ip, "link", "add", "br0", "type", "bridge"])
        _run([*enter, ip, "link", "set", "br0", "up"])
        made = []
        for nth in range(number):
            machine = Machine(f"{_NETWORK}.{10 + nth}", stack.enter_context(_held()))
            peer = ["peer", "name", "eth0", "netns", str(machine.holder)]
            _run([*enter, ip, "link", "add", f"v{nth}", "type", "veth", *peer])
            _run([*enter, ip, "link", "set", f"v{nth}", "master", "br0", "up"])
            for words in (
                ("link", "set", "lo", "up"),
                ("addr", "add", f"{machine.address}/24", "dev", "eth0"),
                ("link", "set", "eth0", "up"),
            ):
                _run(machine.command(ip, *words))
            made.append(machine)
        yield made


@contextmanager
def _held() -> Iterator[int]:
    hold = [require("unshare"), "--net", "sh", "-c", "echo ready && exec cat"]
    with subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != b"ready\n":
            skip_part(f"no network namespace: {process.stderr.read().decode(errors='replace').strip()}")
        try:
            yield process.pid
        finally:
            process.stdin.close()


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        skip_part(f"{' '.join(command[-6:])}: {done.stderr.decode(errors='replace').strip()}")
