"""A network of the test's own: loopback only, with limits that nobody else on the machine feels.

It is made with `unshare` (util-linux) as root, or as anybody where users may have namespaces of their own, and it is
gone with its last process.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.support.programs import require, skip_part

_HOLD = '"$0" link set lo up && echo "$1" > /proc/sys/net/ipv4/ip_local_port_range && echo ready && exec cat'


@dataclass(frozen=True)
class NetworkNamespace:
    """Where programs of a test may use up what a machine has of its network.

    Args:
        entrance: the command that runs another one inside.
    """

    entrance: tuple[str, ...]

    def command(self, *command: str) -> list[str]:
        """The same command, inside."""
        return [*self.entrance, *command]


@contextmanager
def network_namespace(first_port: int, last_port: int) -> Iterator[NetworkNamespace]:
    """A network namespace whose kernel chooses from these local ports for outgoing connections.

    Where none can be made the test is skipped by name; where CI=true it fails.
    """
    as_root = os.geteuid() == 0
    hold = [require("unshare"), "--net", *([] if as_root else ["--user", "--map-root-user"])]
    hold += ["sh", "-c", _HOLD, require("ip"), f"{first_port} {last_port}"]
    enter = [require("nsenter"), *([] if as_root else ["--user", "--preserve-credentials"]), "--net"]
    with subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stderr is not None
        if holder.stdout.readline() != b"ready\n":
            skip_part(f"no network namespace: {holder.stderr.read().decode(errors='replace').strip()}")
        try:
            yield NetworkNamespace((*enter, "--target", str(holder.pid)))
        finally:
            holder.stdin.close()
