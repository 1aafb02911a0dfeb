"""Two sides of a link that nobody else on the machine sees: viewers here, an origin there (Linux, root).

Each side is a network namespace, the link between them a veth pair. The viewers' side has a mount namespace too, with a
small disk of its own for the run folder. All of it is gone with the two processes that hold it.
"""

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import require

VIEWERS_ADDRESS, ORIGIN_ADDRESS = "10.77.0.1", "10.77.0.2"
DISK_BYTES = 96 * 1024 * 1024
_DEVICE = "path0"
_COMMAND_SECONDS = 20.0


class NoNamespacesError(Exception):
    """This machine gives us none; says why."""


@dataclass(frozen=True)
class Side:
    """One end of the link.

    Args:
        holder: PID of the process that keeps it.
        entrance: the command that runs another one there.
    """

    holder: int
    entrance: tuple[str, ...]

    def do(self, *command: str) -> None:
        """Run a command of the system there; it must succeed."""
        done = subprocess.run([*self.entrance, *command], capture_output=True, text=True, timeout=_COMMAND_SECONDS)
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stderr}"

    def seen(self, path: Path) -> Path:
        """The same file of that side's disks as everybody else can open it."""
        return Path(f"/proc/{self.holder}/root") / path.relative_to("/")


@dataclass(frozen=True)
class Link:
    """Both sides.

    Args:
        disk: where the small disk is, in the viewers' eyes.
    """

    viewers: Side
    origin: Side
    disk: Path

    def down(self) -> None:
        """Nothing goes through."""
        self.origin.do(require("ip"), "link", "set", _DEVICE, "down")

    def up(self) -> None:
        """Everything goes through again."""
        self.origin.do(require("ip"), "link", "set", _DEVICE, "up")

    def slow(self, bits_per_second: int, credit_bytes: int = 128_000) -> None:
        """The origin sends no faster than that; what is more waits for up to half a second, then it is lost.

        Args:
            credit_bytes: what it may send at once after it had nothing to send.
        """
        shape = ["tbf", "rate", f"{bits_per_second}bit", "burst", f"{credit_bytes}", "latency", "500ms"]
        self.origin.do(require("tc"), "qdisc", "add", "dev", _DEVICE, "root", *shape)

    def fast(self) -> None:
        """As fast as it goes."""
        self.origin.do(require("tc"), "qdisc", "del", "dev", _DEVICE, "root")


@contextmanager
def link(folder: Path) -> Iterator[Link]:
    """Two sides and the link between them.

    Args:
        folder: for the mount point of the disk.

    Raises:
        NoNamespacesError: this machine can not make them.
    """
    if os.geteuid() != 0:
        raise NoNamespacesError("not root")
    disk = folder / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size={DISK_BYTES} hls-swarm-link {shlex.quote(str(disk))}"
    with _side("--net", "--mount", prepare=mount) as viewers, _side("--net", prepare=":") as origin:
        ip = require("ip")
        peer = ["peer", "name", _DEVICE, "netns", str(viewers.holder)]
        origin.do(ip, "link", "add", _DEVICE, "type", "veth", *peer)
        for side, address in ((viewers, VIEWERS_ADDRESS), (origin, ORIGIN_ADDRESS)):
            side.do(ip, "address", "add", f"{address}/24", "dev", _DEVICE)
            side.do(ip, "link", "set", _DEVICE, "up")
        yield Link(viewers, origin, disk)


@contextmanager
def _side(*kinds: str, prepare: str) -> Iterator[Side]:
    hold = f"{shlex.quote(require('ip'))} link set lo up && {prepare} && echo ready && exec cat"
    command = [require("unshare"), *kinds, "sh", "-c", hold]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stderr is not None
        try:
            if holder.stdout.readline() != b"ready\n":
                raise NoNamespacesError(holder.stderr.read().decode(errors="replace").strip())
            yield Side(holder.pid, (require("nsenter"), *kinds, "--target", str(holder.pid)))
        finally:
            holder.stdin.close()
